"""The strategy of a drill: the user's own, and where that says nothing, a scripted word.

A disaster needs a position within a minute, and hardly any strategy signals just then. What was scripted can be told by
its reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from tradebot.core.model.values import Bar
from tradebot.core.strategy.protocol import Signal
from tradebot.plugins.strategies import load_strategy

SCRIPTED = "drill: scripted"
"""The reason of a signal that the drill gave, and not the user's strategy."""
FILE = "drilled.py"
NAME = f"{FILE}:Drilled"
OWN, WORD = "own.json", "word"
STOP_SHARE = 0.03
"""How far from the close a scripted stop lies."""
NEAREST, FARTHEST = 0.003, 0.1
"""Between which shares of the price an own stop must lie for a scene that needs one."""
SURE = 0.75
"""The confidence from which an entry has its whole size."""

SOURCE = '''"""Written by tradebot drill: the strategy of bot.toml, and a scripted word where it says nothing."""

from pathlib import Path

from tradebot.app.drill.voice import Voice


class Drilled(Voice):
    """Says what the strategy says, when the drill is ready for it."""

    folder = Path(__file__).parent
'''


def write_voice(
    folder: Path, name: str, base: Path, params: dict[str, object], most: int | None = None
) -> None:
    """Put the drill's strategy into a directory: it asks the one that is named ``name`` in ``base``.

    ``most`` is how many bars of warm-up the venue has, None for enough. One that needs more has no signal of its own.
    """
    own = {"name": name, "base": str(base.absolute()), "params": params, "most": most}
    (folder / OWN).write_text(json.dumps(own, default=str), encoding="utf-8")
    (folder / FILE).write_text(SOURCE, encoding="utf-8")


class Voice:
    """One symbol's strategy: heard only while the file ``word`` says ``long SYMBOL`` or ``short SYMBOL``."""

    folder: ClassVar[Path]

    class Params(BaseModel):
        """It takes none of its own."""

    def __init__(self, params: Params, symbol: str) -> None:
        del params
        own = json.loads((self.folder / OWN).read_text(encoding="utf-8"))
        spec = load_strategy(own["name"], Path(own["base"]), own["params"])
        self._own = spec.build(symbol)
        self._symbol = symbol
        most = own["most"]
        self.warmup = self._own.warmup if most is None else min(self._own.warmup, most)
        self._cold = self._own.warmup if self.warmup < self._own.warmup else 0

    def on_bar(self, bar: Bar) -> Signal | None:
        """Return the strategy's own signal where it suits the scene, else a scripted one; nothing until it is time."""
        own = self._own.on_bar(bar)
        if self._cold:
            self._cold, own = self._cold - 1, None
        side = self._wanted()
        if side not in ("long", "short"):
            return None
        if own is not None and _suits(own, side, bar.close):
            return own
        way = 1 if side == "long" else -1
        stop = bar.close * (1 - way * STOP_SHARE)
        return Signal("long" if way > 0 else "short", 0.9, stop=stop, reason=SCRIPTED)

    def _wanted(self) -> str:
        try:
            side, symbol = (self.folder / WORD).read_text(encoding="utf-8").split()
        except (OSError, ValueError):
            return ""
        return side if symbol == self._symbol else ""


def _suits(own: Signal, side: str, close: float) -> bool:
    """Whether an own signal opens what the scene is about: that side, whole, behind a stop within reach."""
    if own.side != side or own.stop is None or own.confidence < SURE:
        return False
    return NEAREST <= abs(close - own.stop) / close <= FARTHEST


__all__ = ["NAME", "SCRIPTED", "WORD", "Voice", "write_voice"]
