"""A strategy that is long and out of it by turns, every minute, and the bars that it meets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kits import live_kit as kit
from kits.strategy_kit import write_strategy

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
XRP = "XRP/USDT"
_BODY = """
if bar.open_time // 60_000 % 2:
    return Signal("exit", 0.9, reason="out")
return Signal("long", 0.9, stop=bar.close * 0.97, reason="now")
"""


def always(folder: Path) -> str:
    """Write the strategy into a folder and return its name."""
    return write_strategy(folder, _BODY, "always.py")


def swings(start: int, count: int) -> list[list[Any]]:
    """Return so many bars of XRP that go up and down, from a time (UTC ms) on."""
    return [[bar] for bar in kit.swinging(XRP, 2.2, 1, count, start)]


__all__ = ["START", "XRP", "always", "swings"]
