"""Whether a feed on a wall clock still speaks: per symbol, by the engine's time."""

from __future__ import annotations

from collections.abc import Iterable

from tradebot.core.model.events import FeedStatus

SILENT_MS = 5_000
"""Milliseconds without a word after which a feed is silent."""


class FeedWatch:
    """Tells when a symbol falls silent and when it is back. ``pause_ms`` is how long it may rest anyway.

    Between bars of a minute a feed without quotes says nothing for a minute.
    """

    def __init__(self, symbols: Iterable[str], at: int, pause_ms: int = 0) -> None:
        self._limit = SILENT_MS + pause_ms
        self._seen = dict.fromkeys(symbols, at)
        self._silent: set[str] = set()

    @property
    def next_check(self) -> int:
        """When the next symbol would fall silent (engine time, UTC ms)."""
        speaking = [at for symbol, at in self._seen.items() if symbol not in self._silent]
        return min(speaking, default=1 << 62) + self._limit + 1

    def see(self, symbol: str, at: int) -> list[FeedStatus]:
        """Note a word of a symbol; return that it is back, if it was silent."""
        if symbol not in self._seen:
            return []
        silent = at - self._seen[symbol]
        self._seen[symbol] = at
        if symbol not in self._silent:
            return []
        self._silent.discard(symbol)
        return [FeedStatus(at, symbol, True, f"it was silent for {silent / 1000:.1f} s")]

    def check(self, at: int) -> list[FeedStatus]:
        """Return which symbols have fallen silent since the last look; all at once are told as one."""
        fallen = [
            symbol
            for symbol, seen in self._seen.items()
            if symbol not in self._silent and at - seen > self._limit
        ]
        self._silent.update(fallen)
        text = f"nothing for {self._limit / 1000:g} s"
        if len(fallen) > 1 and len(fallen) == len(self._seen):
            return [FeedStatus(at, "", False, text)]
        return [FeedStatus(at, symbol, False, text) for symbol in fallen]
