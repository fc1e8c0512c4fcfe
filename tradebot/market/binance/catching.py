"""Reading by REST what the streams did not tell of one symbol: bars, fundings, and mark bars of what nobody heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.events import MarketEvent
from tradebot.core.model.values import Bar, MarkBar
from tradebot.market.binance.following import Following
from tradebot.market.binance.rest import Rest

LENIENT = 5
"""Failed reads in a row after which what makes no sense is left out, and missing mark bars are done without."""


async def catch_up(
    one: Following, rest: Rest, *, by_clock: bool, plays: bool
) -> Sequence[Sequence[MarketEvent]]:
    """Return the steps that can go out once a symbol's holes and fundings were read.

    ``by_clock`` reads what must have closed even where no stream has said so; ``plays`` asks for the mark bars of
    bars that were not heard. Raises ExchangeError; what was read until then is kept.
    """
    try:
        await _read_bars(one, rest, by_clock=by_clock)
        now = rest.wire.time.now()
        if one.asks_for_funding(now):
            one.asked = now
            one.take_rates(await rest.funding(one.symbol, one.funded))
        marks = await _read_marks(one, rest) if plays else {}
    except ExchangeError:
        one.failures += 1
        raise
    one.failures = 0
    return one.steps(marks, one.missed if plays else ())


async def _read_bars(one: Following, rest: Rest, *, by_clock: bool) -> None:
    while True:
        hole = one.bars.missing(rest.wire.time.now(), by_clock=by_clock)
        if hole is None:
            return
        before = one.bars.last
        page = await rest.klines(one.symbol, *hole, strict=one.failures < LENIENT)
        if page.until is not None:
            one.pending += one.bars.fill(page.bars, page.until)
        if one.bars.last == before:
            return  # it is not there yet


async def _read_marks(one: Following, rest: Rest) -> Mapping[int, MarkBar]:
    missed: list[Bar] = one.missed
    if not missed:
        return {}
    try:
        return await rest.mark_bars(one.symbol, missed[0].open_time, missed[-1].open_time)
    except ExchangeError:
        if one.failures < LENIENT:
            raise
        return {}
