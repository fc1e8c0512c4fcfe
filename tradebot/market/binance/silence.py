"""Which streams have fallen silent, by our own timers: per symbol and stream."""

from __future__ import annotations

from collections.abc import Iterable

SILENT_MS = 5_000
"""Milliseconds without a message after which a stream of a symbol is silent."""


class Silence:
    """Watches streams of symbols. ``now`` is a clock that only goes forward, in milliseconds."""

    def __init__(self, symbols: Iterable[str], streams: Iterable[str], now: int) -> None:
        kinds = tuple(streams)
        self._heard = {(symbol, stream): now for symbol in symbols for stream in kinds}
        self._silent: set[tuple[str, str]] = set()
        self._begun: dict[str, int] = {}

    def hear(self, symbol: str, stream: str, now: int) -> int | None:
        """Note a message; return for how many ms its symbol's streams were silent if none of them is any more."""
        key = symbol, stream
        since, self._heard[key] = self._heard[key], now
        if key not in self._silent:
            return None
        self._silent.discard(key)
        return None if self.of(symbol) else now - since

    def check(self, now: int) -> list[str]:
        """Return the symbols of which a first stream has fallen silent since the last look."""
        before = {symbol for symbol, _ in self._silent}
        fallen = [
            key
            for key, heard in self._heard.items()
            if key not in self._silent and now - heard > SILENT_MS
        ]
        self._silent.update(fallen)
        return [symbol for symbol in dict(fallen) if symbol not in before]

    def of(self, symbol: str) -> tuple[str, ...]:
        """Return the silent streams of a symbol."""
        return tuple(sorted(stream for name, stream in self._silent if name == symbol))

    def ages(self, now: int) -> dict[str, int]:
        """Return by stream for how many ms the symbol that was heard longest ago has said nothing."""
        found: dict[str, int] = {}
        for (_, stream), heard in self._heard.items():
            found[stream] = max(found.get(stream, 0), now - heard)
        return found

    def is_dead(self, stream: str, now: int, patience_ms: int) -> bool:
        """Whether no symbol has had a message of a stream for so long, nor was its connection made anew."""
        heard = [at for (_, name), at in self._heard.items() if name == stream]
        return now - max(*heard, self._begun.get(stream, 0)) > patience_ms

    def begin(self, stream: str, now: int) -> None:
        """Note that a stream's connection is made anew."""
        self._begun[stream] = now
