"""Cash lines are shown late: they are read until two readings, some time apart, agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradebot.broker.account_reader import AccountReader, ReadSoFar

AGREE_S = 2.0
"""Seconds between two readings that must agree."""
MOST_READINGS = 10
"""So many readings that do not agree are enough: the account is read again in its time."""


async def read_to_the_end(
    reader: AccountReader,
    hand_over: Callable[[ReadSoFar], None],
    ends: asyncio.Event,
    before: ReadSoFar | None = None,
) -> None:
    """Hand over reading after reading until two agree, or until the run ``ends``; ``before`` is one already made."""
    for _ in range(MOST_READINGS):
        if before is not None and await _is_over(ends):
            return
        found = await reader.income(None if before is None else before.since)
        hand_over(found)
        if before is not None and found.lines == before.lines:
            return
        before = found


async def _is_over(ends: asyncio.Event) -> bool:
    """Let time pass; return whether the run ends meanwhile."""
    try:
        await asyncio.wait_for(ends.wait(), AGREE_S)
    except TimeoutError:
        return False
    return True
