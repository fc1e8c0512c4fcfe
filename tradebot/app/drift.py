"""Drift: what the simulated exchange would have made of each fill that an exchange outside made.

The quote of the fill's moment (the newest that the exchange had sent by then), the size, and what earlier parts have left of
that quote; latency is in it, for the moment is that of the execution. Both prices and their difference go on record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from tradebot.app.build import sim_rules
from tradebot.config import Config
from tradebot.core.model.effects import Effect, FillBooked
from tradebot.core.model.events import Filled
from tradebot.core.model.money import ZERO, plain, quotient_at_8
from tradebot.core.model.values import (
    Bar,
    Fill,
    Instrument,
    Order,
    OrderType,
    Purpose,
    Quote,
    Side,
)
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.core.simulated.pricing import worse
from tradebot.core.trading.engine import Engine
from tradebot.journal.facts import FillModelled

KEPT = 16
"""Newest quotes that are kept of each symbol: a fill is told after its moment."""

STALE_MS = 5_000
"""A quote older than this at a fill says nothing about it."""

AMPLE = Decimal(10**9)
"""Equity of the account that fills are modelled on (USDT): it never lacks money."""


def drift_watch(config: Config, engine: Engine) -> DriftWatch:
    """Return what models an engine's fills, by the configuration's rules."""

    def find(order_id: str) -> Order | None:
        tracked = engine.table.find(order_id)
        return None if tracked is None else tracked.order

    rules = sim_rules(config, engine.config.leverage)
    return DriftWatch(rules, lambda symbol: engine.books[symbol].instrument, find)


class DriftWatch:
    """Models fills as they are booked. ``find`` returns an order of ours by its id, None for one nobody knows."""

    def __init__(
        self,
        rules: SimRules,
        instruments: Callable[[str], Instrument],
        find: Callable[[str], Order | None],
    ) -> None:
        self._rules = replace(rules, start_equity=AMPLE, at_once=True, latency_ms=0)
        self._instruments = instruments
        self._find = find
        self._quotes: dict[str, deque[Quote]] = {}
        self._minutes: dict[str, Bar] = {}
        self._desks: dict[str, tuple[Quote, SimExchange]] = {}
        self._count = 0

    def take(self, event: Any, effects: Sequence[Effect]) -> list[FillModelled]:
        """Take an event with its effects; return what is to be told of its fills."""
        if isinstance(event, Quote):
            self._quotes.setdefault(event.symbol, deque(maxlen=KEPT)).append(event)
        elif isinstance(event, Bar):
            self._minutes[event.symbol] = event
        booked = (effect.fill for effect in effects if isinstance(effect, FillBooked))
        return [self._modelled(fill) for fill in booked if not fill.liquidation]

    def _modelled(self, fill: Fill) -> FillModelled:
        quote = self._quote_at(fill.symbol, fill.time)
        price = None
        if quote is not None:
            with suppress(
                ArithmeticError, LookupError, ValueError
            ):  # it is only told, and trading goes on
                price = self._price(fill, quote)
        return FillModelled(
            symbol=fill.symbol,
            trade_id=fill.trade_id,
            order_id=fill.order_id,
            side=fill.side.value,
            purpose=_purpose(fill.order_id),
            qty=plain(fill.qty),
            price=plain(fill.price),
            modelled="" if price is None else plain(price),
            bps="" if price is None else plain(against_us(fill.side, fill.price, price)),
            time=fill.time,
            quote_age_ms=-1 if quote is None else fill.time - quote.exchange_time,
        )

    def _quote_at(self, symbol: str, time: int) -> Quote | None:
        """Return the newest quote the exchange had sent by a moment, None without a fresh one."""
        for quote in reversed(self._quotes.get(symbol, ())):
            if quote.exchange_time <= time:
                return quote if time - quote.exchange_time <= STALE_MS else None
        return None

    def _price(self, fill: Fill, quote: Quote) -> Decimal | None:
        """Return what a fill of that size costs on what is left of a quote (USDT)."""
        desk = self._desk(fill.symbol, quote)
        self._count += 1
        order = Order(str(self._count), fill.symbol, fill.side, OrderType.MARKET, fill.qty)
        answers = desk.submit(order, quote.at)
        fills = [answer.fill for answer in answers if isinstance(answer, Filled)]
        done = sum((one.qty for one in fills), ZERO)
        if done != fill.qty:
            return None
        cost = sum((one.qty * one.price for one in fills), ZERO)
        return self._within(fill, quotient_at_8(cost, done, ROUND_HALF_EVEN))

    def _within(self, fill: Fill, price: Decimal) -> Decimal:
        """Return a modelled price as the order allows it: at its limit at worst, of a target at its trigger at best."""
        order = self._find(fill.order_id)
        if order is not None and order.type is OrderType.TAKE_PROFIT_MARKET and order.trigger:
            return worse(fill.side, price, order.trigger)
        if order is not None and order.price is not None:
            limit = order.price
            return min(price, limit) if fill.side is Side.BUY else max(price, limit)
        return price

    def _desk(self, symbol: str, quote: Quote) -> SimExchange:
        """Return an exchange that has seen a quote, and what earlier parts took of it."""
        before = self._desks.get(symbol)
        if before is not None and before[0] is quote:
            return before[1]
        rules = replace(self._instruments(symbol), min_notional=ZERO)
        desk = SimExchange(self._rules, {symbol: rules})
        if (minute := self._minutes.get(symbol)) is not None:
            desk.step([minute])
        for _ in desk.step([quote]):
            pass
        self._desks[symbol] = quote, desk
        return desk


def against_us(side: Side, price: Decimal, modelled: Decimal) -> Decimal:
    """Return by how many basis points a fill was worse than modelled; negative where it was better."""
    worse_by = price - modelled if side is Side.BUY else modelled - price
    return quotient_at_8(worse_by * 10_000, modelled, ROUND_HALF_EVEN)


def _purpose(order_id: str) -> str:
    """Return what an order of ours was for, by the last letter of its id; "" for somebody else's."""
    ours = order_id[:2] == "tb" and order_id[-1:] in {purpose.value for purpose in Purpose}
    return Purpose(order_id[-1]).name.lower() if ours else ""
