"""Reading the account by REST: what is open and held, the fills and cash lines since the last time, its settings.

One complete read asks for stops, then orders, then positions, one after the other: read at once, a trigger
between two of them is seen by none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tradebot.broker import figures, rows
from tradebot.broker.figures import MALFORMED
from tradebot.broker.order_look_up import OrderLookUp
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.events import AccountConfigRead, AccountRead, Event
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.public import venue_symbol

PAGE = 1000
"""Rows that one answer holds at most."""
OVERLAP_MS = 60_000
"""Cash lines are shown late, and not in order: each reading begins so long before the newest one known."""


@dataclass(slots=True)
class Cursors:
    """How far fills and cash lines have been read: the newest trade per symbol; times in UTC ms."""

    since: int = 0
    trades: dict[str, int] = field(default_factory=dict)
    income: int = 0

    def export_state(self) -> dict[str, Any]:
        """Return them as JSON values."""
        return {"since": self.since, "trades": dict(self.trades), "income": self.income}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.since, self.income = state["since"], state["income"]
        self.trades = dict(state["trades"])


class AccountReader:
    """Reads one account. What cannot be had raises ExchangeError; what is not understood is said."""

    def __init__(self, wire: Wire, symbols: Sequence[str], look_up: OrderLookUp) -> None:
        self.cursors = Cursors()
        self._wire = wire
        self._symbols = tuple(symbols)
        self._look_up = look_up

    def begin(self) -> None:
        """Read what happens from now on, unless it is known how far it was read before."""
        self.cursors.since = self.cursors.since or self._wire.time.now()

    async def read(self, symbol: str = "") -> list[Event]:
        """Return fills and cash lines first, then what is open and held; of one symbol without cash lines."""
        wire = self._wire
        asked = wire.time.now()
        params = {"symbol": venue_symbol(symbol)} if symbol else {}
        algos = await self._list(endpoints.OPEN_ALGOS, params)
        orders = await self._list(endpoints.OPEN_ORDERS, params)
        positions = await self._list(endpoints.POSITIONS, params)
        wallet, balances = None, {}
        if not symbol:
            balances = rows.read_balances(await self._dict(endpoints.ACCOUNT, {}))
            wallet = balances[figures.QUOTE]
        try:
            read = AccountRead(
                *(wire.time.now(), symbol, asked, asked),
                tuple(map(rows.read_position, positions)),
                tuple(map(rows.read_order, orders)),
                tuple(map(rows.read_algo, algos)),
                *(wallet, balances),
            )
        except MALFORMED as error:
            raise ExchangeError(f"the account cannot be read: {error}") from None
        fills = await self.fills([symbol] if symbol else self._symbols)
        cash = [] if symbol else await self.income()
        return [*fills, *cash, read]

    async def fills(self, symbols: Sequence[str]) -> list[Event]:
        """Return the fills since the last time; an order's number that is not known is asked about first."""
        found: list[Event] = []
        for symbol in symbols:
            for row in await self._trades(symbol):
                number = str(row["orderId"])
                name = await self._look_up.name(symbol, number)
                found += rows.understood(
                    lambda row=row, name=name: rows.filled(row, name, self._now), self._now
                )
        return found

    async def _trades(self, symbol: str) -> list[Any]:
        cursors, name = self.cursors, venue_symbol(symbol)
        taken: list[Any] = []
        while True:
            last = cursors.trades.get(symbol)
            since = {"startTime": str(cursors.since)} if last is None else {"fromId": str(last + 1)}
            params = {"symbol": name, "limit": str(PAGE), **since}
            page = await self._list(endpoints.TRADES, params)
            taken += page
            if page:
                cursors.trades[symbol] = rows.last_trade(page, last or 0)
            if len(page) < PAGE:
                return taken

    async def income(self) -> list[Event]:
        """Return the cash lines since the last time, some of them again."""
        start = max(self.cursors.since, self.cursors.income - OVERLAP_MS)
        taken: dict[tuple[str, int, str], Any] = {}
        while True:
            params = {"startTime": str(start), "limit": str(PAGE)}
            page = await self._list(endpoints.INCOME, params)
            for row in page:
                taken[row["incomeType"], row["tranId"], row["symbol"]] = row
                self.cursors.income = max(self.cursors.income, row["time"])
            if len(page) < PAGE or page[-1]["time"] == start:
                break
            start = page[-1]["time"]
        found: list[Event] = []
        for row in taken.values():
            found += rows.understood(lambda row=row: [rows.cash_line(row, self._now)], self._now)
        return found

    async def settings(self) -> AccountConfigRead:
        """Return how the account and the symbols are set."""
        asked = self._wire.time.now()
        hedged = await self._dict(endpoints.POSITION_MODE, {})
        multi = await self._dict(endpoints.MULTI_ASSETS, {})
        found = []
        for symbol in self._symbols:
            page = await self._list(endpoints.SYMBOL_CONFIG, {"symbol": venue_symbol(symbol)})
            found += [rows.symbol_config(row) for row in page]
        return AccountConfigRead(
            *(self._now, asked, hedged["dualSidePosition"] is True),
            multi["multiAssetsMargin"] is True,
            tuple(config for config in found if config.symbol in self._symbols),
        )

    @property
    def _now(self) -> int:
        return self._wire.time.now()

    async def _list(self, endpoint: Endpoint, params: Mapping[str, str]) -> list[Any]:
        found: list[Any] = await self._shaped(endpoint, params, list)
        return found

    async def _dict(self, endpoint: Endpoint, params: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = await self._shaped(endpoint, params, dict)
        return found

    async def _shaped(self, endpoint: Endpoint, params: Mapping[str, str], shape: type) -> Any:
        value = await self._wire.read(endpoint, params, Need.RECONCILE)
        if not isinstance(value, shape):
            raise ExchangeError(f"{endpoint.path} was answered with something of another shape")
        return value
