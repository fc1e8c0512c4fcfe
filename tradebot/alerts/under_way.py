"""What leaves on a channel at this moment: nothing of it is chosen again, and what is critical waits for it a moment only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tradebot.clock import Clock

PATIENCE_S = 1.0
"""For so long a critical alert waits for a send that is under way, so that they arrive in their order."""

MOST = 40
"""So many sends may be under way on a channel at once; then a critical one waits too.

A chat's rate lets out no more than that while the first of them is waited for, so that this holds nothing up there; and it
leaves threads for as many again that nobody waits for any more.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Sending:
    """One send: the outbox's numbers of what it tells, or the marks of what is in memory; when it began (monotonic s)."""

    ids: Collection[int]
    marks: Collection[str]
    critical: bool
    begun: float


class UnderWay:
    """The sends of every channel that have not come back yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sends: dict[str, list[Sending]] = defaultdict(list)

    @contextmanager
    def sending(
        self,
        channel: str,
        ids: Collection[int] = (),
        marks: Collection[str] = (),
        *,
        critical: bool = True,
    ) -> Iterator[None]:
        """Count a send as under way while the block runs."""
        one = Sending(ids, marks, critical, self._clock.monotonic())
        self._sends[channel].append(one)
        try:
            yield
        finally:
            self._sends[channel].remove(one)

    def ids(self, channel: str) -> set[int]:
        """Return the outbox's numbers of what is under way."""
        return {number for one in self._sends[channel] for number in one.ids}

    def marks(self, channel: str) -> set[str]:
        """Return the marks of what is under way from memory: the file may know it by now."""
        return {mark for one in self._sends[channel] for mark in one.marks}

    def is_critical(self, channel: str) -> bool:
        """Whether something critical is under way: what is not waits for it."""
        return any(one.critical for one in self._sends[channel])

    def is_slow(self, channel: str) -> bool:
        """Whether sends are under way that nothing critical may wait for any longer."""
        sends = self._sends[channel]
        if not 0 < len(sends) < MOST:
            return False
        return self._clock.monotonic() - max(one.begun for one in sends) >= PATIENCE_S

    def is_idle(self, channel: str) -> bool:
        """Whether nothing is under way."""
        return not self._sends[channel]


__all__ = ["MOST", "PATIENCE_S", "UnderWay"]
