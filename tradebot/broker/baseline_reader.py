"""Reads what the baselines of day and week are worked out from, and tells them; until it has worked once no entry leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping
from decimal import Decimal
from typing import Any

from tradebot.broker import figures, rows
from tradebot.broker.baseline import Now, Row, Since, baseline, no_result, positions_then
from tradebot.broker.figures import MALFORMED
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.events import Baseline, Event
from tradebot.core.model.money import ZERO
from tradebot.core.state.loss_limit import day_of, week_of
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.public import venue_symbol

PAGE = 1000
"""Rows that one answer holds at most."""
AGREE_S = 2.0
"""Seconds between two readings of the income that must agree."""
MOST_READINGS = 10
AGAIN_S = 30.0
"""Seconds until what could not be worked out is tried again."""


class BaselineReader:
    """Works out what the equity was at the start of day and week; ``known`` says that it has."""

    def __init__(self, wire: Wire, symbols: tuple[str, ...], tell: Callable[[Event], None]) -> None:
        self.known = False
        self._wire = wire
        self._symbols = symbols
        self._tell = tell

    async def find(self) -> None:
        """Tell the baselines, or why they are not known, again and again until they are."""
        while not self.known:
            await self._wire.sit_out()
            told = await self.read()
            self._tell(told)
            self.known = told.day is not None
            if not self.known:
                await asyncio.sleep(AGAIN_S)

    async def read(self) -> Baseline:
        """Return what the equity was at the start of day and week, or why that is not known."""
        now = self._wire.time.now()
        day, week = day_of(now), week_of(now)
        try:
            account, since = await self._account(), await self._since(week)
            found = [await self._at(start, account, since) for start in (day, week)]
        except (ExchangeError, *MALFORMED) as error:
            said = error.message if isinstance(error, ExchangeError) else repr(error)
            return Baseline(self._wire.time.now(), day, None, week, None, said)
        return Baseline(self._wire.time.now(), day, found[0], week, found[1])

    async def _at(self, start: int, account: Now, since: Since) -> Decimal:
        part = since.from_(start, account.at)
        held = positions_then(account, part)
        marks = {symbol: await self._mark(symbol, start) for symbol, qty in held.items() if qty}
        return baseline(account, part, marks)

    async def _account(self) -> Now:
        """Read positions, then the wallet; what happens in between would show as a difference later on."""
        found = [rows.read_position(row) for row in await self._ask(endpoints.POSITIONS, {})]
        held = {p.symbol: (p.qty, p.entry) for p in found if p.symbol in self._symbols}
        body = await self._ask(endpoints.ACCOUNT, {})
        wallet = rows.read_balances(body)[figures.QUOTE]
        nothing = (ZERO, ZERO)
        positions = {symbol: held.get(symbol, nothing) for symbol in self._symbols}
        return Now(self._wire.time.now(), wallet, positions)

    async def _since(self, start: int) -> Since:
        """Read income until two readings agree, and every trade."""
        income = await _income_at_rest(self._wire, start)
        return Since(
            income, {symbol: await self._trades(symbol, start) for symbol in self._symbols}
        )

    async def _trades(self, symbol: str, start: int) -> list[Row]:
        which = {"startTime": str(start)}
        found: list[Row] = []
        while True:
            params = {"symbol": venue_symbol(symbol), "limit": str(PAGE), **which}
            page = await self._ask(endpoints.TRADES, params)
            found += page
            if len(page) < PAGE:
                return found
            which = {"fromId": str(rows.last_trade(page, 0) + 1)}

    async def _mark(self, symbol: str, start: int) -> Decimal:
        """Return the mark price with which a minute began."""
        params = {"symbol": venue_symbol(symbol), "interval": "1m", "limit": "1"}
        page = await self._ask(endpoints.MARK_KLINES, {**params, "startTime": str(start)})
        if not page or page[0][0] != start:
            raise ExchangeError(
                f"there is no mark price of {symbol} at the start of the day or week"
            )
        return figures.number(page[0][1])

    async def _ask(self, endpoint: Endpoint, params: Mapping[str, str]) -> Any:
        return await self._wire.read(endpoint, params, Need.RECONCILE)


async def read_moved(wire: Wire, since: int, booked: Container[str] = ()) -> Decimal:
    """Return what came in from a time on (UTC ms) and is no result, less what went out (USDT).

    Lines that were ``booked`` are left out. Raises ExchangeError where it cannot be read.
    """
    try:
        found = await _income_at_rest(wire, since)
        return no_result([row for row in found if rows.line_of(row) not in booked])
    except MALFORMED as error:
        raise ExchangeError(f"the exchange's income cannot be read: {error!r}") from error


async def _income_at_rest(wire: Wire, start: int) -> list[Row]:
    income = await _income(wire, start)
    for _ in range(MOST_READINGS):
        await asyncio.sleep(AGREE_S)
        before, income = income, await _income(wire, start)
        if len(before) == len(income):
            return income
    raise ExchangeError("the exchange's income does not come to rest")


async def _income(wire: Wire, start: int) -> list[Row]:
    taken: dict[tuple[str, str], Row] = {}
    while True:
        params = {"startTime": str(start), "limit": str(PAGE)}
        page = await wire.read(endpoints.INCOME, params, Need.RECONCILE)
        taken.update({(row["incomeType"], str(row["tranId"])): row for row in page})
        last = max((figures.whole(row["time"]) for row in page), default=start)
        if len(page) < PAGE or last == start:
            return list(taken.values())
        start = last
