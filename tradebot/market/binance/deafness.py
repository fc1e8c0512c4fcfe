"""When nobody heard a symbol's prices, and which bars that lets the simulated exchange play.

Where the process was down, or every connection was, a stop may have been passed. The bars of that time say so.
"""

from __future__ import annotations

from tradebot.core.model.values import Bar

DEAF_MS = 10_000
"""Milliseconds without a price after which we were deaf: twice the time after which a stream is silent."""


class Deafness:
    """The spans of exchange time (UTC ms) in which one symbol had no price. ``heard`` is its last one, None for none yet."""

    def __init__(self, heard: int | None = None) -> None:
        self.heard = heard
        self._spans: list[tuple[int, int]] = []

    def hear(self, at: int) -> bool:
        """Note a price; return whether we were deaf before it."""
        before = at if self.heard is None else self.heard
        self.heard = max(before, at)
        if at - before <= DEAF_MS:
            return False
        self._spans.append((before, at))
        return True

    def missed(self, bar: Bar) -> bool:
        """Whether more than ``DEAF_MS`` of a closed bar passed unheard.

        A bar that was heard in part counts too: what rested since before its open may have been met in the rest.
        """
        closed = bar.exchange_time
        spans = list(self._spans)
        if self.heard is not None and self.heard < closed:
            spans.append((self.heard, closed))
        return any(min(b, closed) - max(a, bar.open_time) > DEAF_MS for a, b in spans)

    def forget(self, before: int) -> None:
        """Forget what was before a time: its bars have been asked for."""
        self._spans = [(a, b) for a, b in self._spans if b > before]
