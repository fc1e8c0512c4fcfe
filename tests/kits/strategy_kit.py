"""Strategies that tests write into files: one frame, and what ``on_bar`` does."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from textwrap import indent

_FRAME = """
from pydantic import BaseModel

from tradebot.core.strategy.protocol import Signal


class {name}:
    class Params(BaseModel):
        {param}: int = {default}

    warmup = 0

    def __init__(self, params, symbol):
        self.params = params
        self.symbol = symbol
        self.seen = 0

    def on_bar(self, bar):
        self.seen += 1
{body}
"""

LONG = 'return Signal("long", 0.9, stop=bar.close * 0.97, reason="always")'


def strategy_text(body: str, *, name: str = "Own", param: str = "n", default: int = 3) -> str:
    """Return the source of a strategy with this body of ``on_bar``; ``seen`` counts its bars, ``symbol`` is whose they are."""
    lines = indent(cleandoc(body), " " * 8)
    return _FRAME.format(name=name, param=param, default=default, body=lines)


def write_strategy(folder: Path, body: str, file: str = "own.py") -> str:
    """Write a strategy into a folder; return what ``--strategy`` takes."""
    path = folder / file
    path.write_text(strategy_text(body), encoding="utf-8")
    return f"{path}:Own"


__all__ = ["LONG", "strategy_text", "write_strategy"]
