"""A second symbol whose signals come only after the disaster: what is done with them shows what is blocked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kits.disaster_live import LiveScene, live_scene

OTHER = "XRP/USDT"
SYMBOLS: dict[str, Any] = {
    "TRADEBOT_MARKET__SYMBOLS": f"ETH/USDT,{OTHER}",
    "TRADEBOT_RISK__LIVE__SYMBOLS": f"ETH/USDT,{OTHER}",
}
IN_TURN = (
    'return Signal("long", 0.9, stop=bar.close * 0.97, reason="always") '
    "if __import__('pathlib').Path(__file__)"
    f'.with_name("more" if bar.symbol == "{OTHER}" else "go").exists() else None'
)
"""Long in the first symbol until its entry has left, in the other one from ``verdict`` on."""
QUIET = "return None"


@contextmanager
def held_scene(
    folder: Path, *words: str, prepare: Callable[[LiveScene], None] = lambda _: None, **named: Any
) -> Iterator[LiveScene]:
    """Open a scene in which the bot holds the first symbol, with its stop in place; ``prepare`` comes before its start."""
    settings = {**named, **SYMBOLS}
    with live_scene(folder, *words, **settings) as it:
        prepare(it)
        it.engine(IN_TURN)
        it.opened()
        yield it


def verdict(it: LiveScene) -> str:
    """Have the other symbol signal; return what the bot made of its next signal, in one text."""
    before = it.judged(OTHER)
    (it.folder / "more").touch()
    it.bot.until(lambda: it.judged(OTHER) > before)
    (it.folder / "more").unlink()
    return str(_judged(it)[before])


def close_incidents(it: LiveScene) -> None:
    """Close every open incident, as a person does who has looked into it."""
    words = "I have looked into it: the account is as it should be, and it is known why"
    for row in it.bot.json("incidents").data["incidents"]:
        if row["state"] == "open":
            it.bot.json("incidents", "close", str(row["id"]), "--name", "Ada", "--text", words)


def trades_again(it: LiveScene) -> bool:
    """Whether one of the next three signals is an entry: one may come too soon after the entry before it.

    What was recorded of the disaster is closed first: until then there is none.
    """
    close_incidents(it)
    return any("approved" in verdict(it) for _ in range(3))


def end(it: LiveScene, code: int = 0) -> str:
    """Stop the engine in order; return everything it said."""
    done = it.bot.end(it.bot.started[0])
    assert done.code == code, (done.code, done.out[-800:], done.err[-800:])
    return done.out + done.err


def _judged(it: LiveScene) -> list[dict[str, Any]]:
    rows = sorted(it.signals(), key=lambda row: str(row["time"]))
    return [row for row in rows if row["symbol"] == OTHER]


__all__ = [
    "IN_TURN",
    "OTHER",
    "SYMBOLS",
    "LiveScene",
    "close_incidents",
    "end",
    "held_scene",
    "trades_again",
    "verdict",
]
