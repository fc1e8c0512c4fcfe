"""What an engine shows of its start, before its journal says anything: the time of its lock's note goes on with it.

Who looks from outside can tell one that opens a large journal from one that hangs in its first second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tradebot.clock import SYSTEM, Clock, used_s
from tradebot.guard.lock import holds_for, show_start

TICK_S = 0.5

BUSY = 0.05
"""A process that uses so much of one processor does something: what holds the loop up may be a long look through the journal."""


DISK_BLOCKS = 8
"""Nor does one that has moved more of a disk between two looks (of 512 bytes) stand still: on a slow one it uses next to no processor."""


OPENS_MS = 5_000
"""A start that takes longer has its alerter before it works."""

CONNECTING_S = 105.0
"""For so long waiting for an exchange counts as a start that goes on: nobody watches over what is open meanwhile."""


def disk_blocks() -> int:
    """Return how many blocks this process has had read from disks and written to them; 0 where the system does not count."""
    with suppress(ImportError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_inblock + used.ru_oublock
    return 0


class StartShown:
    """Shows a start that goes on: its loop turns, notes progress, or, before the run has begun, its process works."""

    def __init__(
        self, data_dir: Path, clock: Clock = SYSTEM, blocks: Callable[[], int] = disk_blocks
    ) -> None:
        self._data_dir, self._clock = data_dir, clock
        self._turned = self._stands = False
        self._used, self._looked = used_s(), clock.monotonic()
        self._blocks, self._moved = blocks, blocks()
        self._connects_since: float | None = None

    def stand(self) -> None:
        """Note that it waits for a resume."""
        self._stands = True

    @property
    def is_told(self) -> bool:
        """Whether somebody has to hear of it before it works: it waits for a resume, or takes long and may hang."""
        return self._stands or holds_for(self._data_dir, self._clock.wall_ms()) > OPENS_MS

    async def turn(self) -> None:
        """Note that the loop turns, until cancelled."""
        while True:
            self._turned = True
            await asyncio.sleep(TICK_S)

    def look(self, moved: bool, *, opening: bool, connecting: bool) -> None:
        """Show that it goes on if it ``moved``, or does anything else.

        ``opening``: its run has not begun; ``connecting``: it moves only while it waits for an exchange.
        """
        used, now, blocks = used_s(), self._clock.monotonic(), self._blocks()
        busy = used - self._used > BUSY * (now - self._looked)
        busy = busy or blocks - self._moved > DISK_BLOCKS
        self._used, self._looked, self._moved = used, now, blocks
        since = (self._connects_since or now) if connecting else None
        self._connects_since = since
        if since is not None and now - since > CONNECTING_S:
            return
        if moved or self._turned or (opening and busy):
            self._turned = False
            show_start(self._data_dir, self._clock.wall_ms())


__all__ = ["StartShown", "disk_blocks"]
