"""Whether a feed is alive, by the streams that an engine would live on: each symbol's mark and touch are waited for once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

from tradebot.core.model.values import MINUTE_MS
from tradebot.market.binance.backoff import Backoff
from tradebot.market.binance.messages import MarkPrice, StrangeError, read_message
from tradebot.market.binance.silence import SILENT_MS
from tradebot.market.binance.streams import Stream
from tradebot.wire.client import Wire
from tradebot.wire.public import venue_symbol

PATIENCE_S = SILENT_MS / 1000
"""Seconds in which a symbol that is traded says something: as long as an engine would wait for it."""

MARK, TOUCH = "mark", "touch"
_STREAMS: Final[Mapping[str, tuple[Any, str]]] = {
    MARK: ("market", "markPrice@1s"),
    TOUCH: ("public", "bookTicker"),
}


async def listen(
    wire: Wire, symbols: Sequence[str], patience_s: float = PATIENCE_S
) -> Mapping[str, str]:
    """Return by symbol what of its prices does not come, and why; "" where a fresh mark and a fresh touch were heard.

    It is over when all were heard, at the latest after ``patience_s`` seconds.
    """
    ears = _Ears(wire, symbols)
    turn, draw = asyncio.Lock(), Random()
    names = [venue_symbol(symbol).lower() for symbol in symbols]
    tasks = []
    for name, (category, topic) in _STREAMS.items():
        topics = [f"{one}@{topic}" for one in names]
        url, backoff = wire.hosts.stream_url(category), Backoff(draw.random)
        stream = Stream(
            *(name, url, topics, wire.session, backoff, turn),
            *(ears.hear, ears.told, wire.sit_out),
        )
        tasks.append(asyncio.create_task(stream.keep()))
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(ears.heard_all.wait(), patience_s)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return {symbol: ears.lacking(symbol) for symbol in symbols}


class _Ears:
    def __init__(self, wire: Wire, symbols: Sequence[str]) -> None:
        self._wire = wire
        self._symbols = {venue_symbol(symbol): symbol for symbol in symbols}
        self._missing = {(symbol, name) for symbol in symbols for name in _STREAMS}
        self._why: dict[str, str] = {}
        self.heard_all = asyncio.Event()

    def hear(self, text: str) -> None:
        try:
            said = read_message(text, self._symbols, MINUTE_MS)
        except StrangeError as error:
            self._why[""] = error.message
            return
        time = getattr(said, "time", None)
        if said is None or time is None:
            return
        name = MARK if isinstance(said, MarkPrice) else TOUCH
        if self._wire.time.now() - time > SILENT_MS:
            self._why[name] = "it is older than 5 s"
            return
        self._missing.discard((said.symbol, name))
        if not self._missing:
            self.heard_all.set()

    def told(self, name: str, why: str) -> None:
        self._why[name] = why

    def lacking(self, symbol: str) -> str:
        names = [name for name in _STREAMS if (symbol, name) in self._missing]
        why = [self._why[name] for name in (*names, "") if name in self._why]
        return " and ".join(names) + (
            f" ({'; '.join(dict.fromkeys(why))})" if names and why else ""
        )
