"""Gaps: bars a file does not have. They are reported, never filled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Gap:
    """``count`` bars are missing; ``first`` and ``last`` are their open times (UTC ms).

    ``mark`` is true when the mark price's bars are meant.
    """

    symbol: str
    first: int
    last: int
    count: int
    mark: bool = False


GapReport: TypeAlias = Callable[[Gap], None]
"""Takes each gap as it is met."""


def ignore(_: Gap) -> None:
    """Take a gap and do nothing."""
