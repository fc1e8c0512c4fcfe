"""Reading the account by REST: what is open and held, the fills and cash lines since the last time, its settings.

One complete read asks for stops, then orders, then positions, one after the other: read at once, a trigger
between two of them is seen by none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from tradebot.broker import figures, rows
from tradebot.broker.fee_burn import read_fee_burn
from tradebot.broker.figures import MALFORMED
from tradebot.broker.order_look_up import OrderLookUp
from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.events import AccountConfigRead, AccountRead, Event, RulesRead
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import DAY_MS, Fees, Instrument
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.public import venue_symbol
from tradebot.wire.rules import read_rules, read_status, read_tiers

PAGE = 1000
"""Rows that one answer holds at most."""
OVERLAP_MS = 60_000
"""Cash lines are shown late, and not in order: each reading begins so long before the newest one known."""
WINDOW_MS = 7 * 86_400_000 - 1
"""The longest time that one question for trades may span."""
KEPT_MS = 89 * DAY_MS
"""So far back the exchange keeps fills and cash lines, less a day: what is older shows as a difference."""
SETTLED_MS = 60_000
"""What was handed over so long ago has been dealt with: a start that follows need not read it again."""

_Read = TypeVar("_Read")
_Row = TypeVar("_Row", OrderRead, PositionRead)


@dataclass(slots=True)
class Cursors:
    """How far fills and cash lines have been read: the newest trade per symbol; times in UTC ms.

    ``looked`` is until when a symbol has had no trade at all.
    """

    since: int = 0
    trades: dict[str, int] = field(default_factory=dict)
    income: int = 0
    looked: dict[str, int] = field(default_factory=dict)

    def export_state(self) -> dict[str, Any]:
        """Return them as JSON values."""
        return {
            "since": self.since,
            "trades": dict(self.trades),
            "income": self.income,
            "looked": dict(self.looked),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.since, self.income = state["since"], state["income"]
        self.trades, self.looked = dict(state["trades"]), dict(state.get("looked", {}))

    def copy(self) -> Cursors:
        """Return them as they are now."""
        return Cursors(self.since, dict(self.trades), self.income, dict(self.looked))

    def advance(self, read: Cursors) -> None:
        """Move on to where a reading came, never back: another one may have come further."""
        self.income = max(self.income, read.income)
        for ours, its in ((self.trades, read.trades), (self.looked, read.looked)):
            ours.update({name: max(value, ours.get(name, value)) for name, value in its.items()})


@dataclass(frozen=True, slots=True)
class ReadSoFar:
    """What a reading found, and how far it came: that counts once the events were handed over.

    ``lines`` are the names of the cash lines in it, by type and number, and ``since`` from when on they were read (UTC ms).
    """

    events: Sequence[Event]
    cursors: Cursors
    lines: frozenset[tuple[str, str]] = frozenset()
    since: int = 0


class Legible:
    """Keeps the rows that are understood, a word on each other one, and which symbols' picture misses one."""

    def __init__(self, symbols: Sequence[str], now: int) -> None:
        self.notes: list[Event] = []
        self._symbols = symbols
        self.now = now
        self._is_whole = True
        self._doubtful: set[str] = set()

    def take(self, make: Callable[[rows.Row], _Read], found: Sequence[Any]) -> tuple[_Read, ...]:
        """Return what is made of the rows that are understood."""
        taken = []
        for row in found:
            try:
                taken.append(make(row))
            except MALFORMED as error:
                self.notes.append(rows.not_understood(error, self.now))
                self._doubt(row)
        return tuple(taken)

    def balances(self, body: rows.Row) -> dict[str, Decimal]:
        """Return each asset's wallet; none at all where one cannot be read."""
        try:
            balances = rows.read_balances(body)
            balances[figures.QUOTE]
        except MALFORMED as error:
            self.notes.append(rows.not_understood(error, self.now))
            self._is_whole = False
            return {}
        return balances

    def believable(self, whole: AccountRead) -> list[AccountRead]:
        """Return what may be believed of a reading: a row left out must not read as nothing being there."""
        if self._is_whole and not self._doubtful:
            return [whole]
        names = [whole.symbol] if whole.symbol else self._symbols
        return [_part(whole, name) for name in names if name not in self._doubtful]

    def _doubt(self, row: Any) -> None:
        """Doubt the row's symbol, all where it names none; what we do not trade is not compared."""
        try:
            name = figures.symbol(row["symbol"])
        except MALFORMED:
            self._doubtful.update(self._symbols)
        else:
            self._doubtful.update({name} & set(self._symbols))


def _part(whole: AccountRead, symbol: str) -> AccountRead:
    """Return one symbol's part of a reading."""

    def of(read: tuple[_Row, ...]) -> tuple[_Row, ...]:
        return tuple(item for item in read if item.symbol == symbol)

    return replace(
        whole,
        symbol=symbol,
        positions=of(whole.positions),
        orders=of(whole.orders),
        algo_orders=of(whole.algo_orders),
        wallet=None,
        balances={},
    )


class AccountReader:
    """Reads one account. What cannot be had raises ExchangeError; what is not understood is said.

    A reading that fails, or whose events are lost with the process, is made again from where it began.
    """

    def __init__(self, wire: Wire, symbols: Sequence[str], look_up: OrderLookUp) -> None:
        self._cursors = Cursors()
        self._before: list[tuple[int, Cursors]] = []
        self._wire = wire
        self._symbols = tuple(symbols)
        self._look_up = look_up

    def begin(self) -> None:
        """Read what happens from now on, unless it is known how far it was read before."""
        self._cursors.since = self._cursors.since or self._wire.time.now()

    def handed_over(self, found: ReadSoFar) -> None:
        """Read on from where a reading came: its events are on their way to the engine."""
        self._settle()
        self._before.append((self.now, self._cursors.copy()))
        self._cursors.advance(found.cursors)

    def export_state(self) -> dict[str, Any]:
        """Return as JSON values how far was read that has been dealt with by now.

        Before it has begun nothing was sent: what happens from now on is what the next process must read, were this one
        killed before it says more.
        """
        self._settle()
        state = (self._before[0][1] if self._before else self._cursors).export_state()
        if not state["since"] and not self._wire.time.is_unknown:
            state["since"] = self.now
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self._before.clear()
        self._cursors.restore(state)

    def _settle(self) -> None:
        since = self.now - SETTLED_MS
        self._before = [(at, before) for at, before in self._before if at > since]

    async def read(self, symbol: str = "", trade_id: int = 0) -> ReadSoFar:
        """Return fills and cash lines first, then what is open and held; of one symbol without cash lines.

        ``trade_id`` is a fill that is wanted whether or not those behind it are known.
        """
        wire, cursors = self._wire, self._cursors.copy()
        asked = wire.time.now()
        params = {"symbol": venue_symbol(symbol)} if symbol else {}
        seen = Legible(self._symbols, asked)
        algos = seen.take(rows.read_algo, await self._list(endpoints.OPEN_ALGOS, params))
        orders = seen.take(rows.read_order, await self._list(endpoints.OPEN_ORDERS, params))
        positions = seen.take(rows.read_position, await self._list(endpoints.POSITIONS, params))
        balances: dict[str, Decimal] = {}
        if not symbol:
            balances = seen.balances(await self._dict(endpoints.ACCOUNT, {}))
        whole = AccountRead(
            *(wire.time.now(), symbol, asked, asked, positions, orders, algos),
            *(balances.get(figures.QUOTE), balances),
        )
        fills = await self._fills([symbol] if symbol else self._symbols, cursors)
        if trade_id:
            fills += await self._fill(symbol, trade_id)
        cash = ReadSoFar([], cursors) if symbol else await self._cash(cursors, None)
        events = [*fills, *cash.events, *seen.notes, *seen.believable(whole)]
        return replace(cash, events=events)

    async def _fills(self, symbols: Sequence[str], cursors: Cursors) -> list[Event]:
        """Return the fills since the last time; an order's number that is not known is asked about first."""
        found: list[Event] = []
        for symbol in symbols:
            for row in await self._trades(symbol, cursors):
                found += await self._told(symbol, row)
        return found

    async def _fill(self, symbol: str, trade_id: int) -> list[Event]:
        """Return one fill by its number."""
        page = await self._list(
            endpoints.TRADES,
            {"symbol": venue_symbol(symbol), "fromId": str(trade_id), "limit": "1"},
        )
        return [event for row in page for event in await self._told(symbol, row)]

    async def _told(self, symbol: str, row: Any) -> list[Event]:
        try:
            name = await self._look_up.name(symbol, str(row["orderId"]))
        except MALFORMED as error:
            return [rows.not_understood(error, self.now)]
        return rows.understood(partial(rows.filled, order_id=name, at=self.now), row, self.now)

    async def _trades(self, symbol: str, cursors: Cursors) -> list[Any]:
        """Return the trades behind the last one known; before the first one, window by window up to now."""
        taken: list[Any] = []
        if symbol not in cursors.trades:
            taken = await self._first_trades(symbol, cursors)
        while symbol in cursors.trades:
            last = cursors.trades[symbol]
            page = await self._page(symbol, {"fromId": str(last + 1)})
            taken += page
            cursors.trades[symbol] = rows.last_trade(page, last)
            if len(page) < PAGE or cursors.trades[symbol] == last:
                break
        return taken

    async def _first_trades(self, symbol: str, cursors: Cursors) -> list[Any]:
        start, now = cursors.looked.get(symbol, cursors.since), self.now
        start = max(start, now - KEPT_MS)
        while True:
            until = {"endTime": str(start + WINDOW_MS)} if start + WINDOW_MS < now else {}
            page = await self._page(symbol, {"startTime": str(start), **until})
            if page:
                if last := rows.last_trade(page, 0):
                    cursors.trades[symbol] = last
                return page
            if not until:
                cursors.looked[symbol] = max(start, now - OVERLAP_MS)
                return []
            start += WINDOW_MS + 1

    async def _page(self, symbol: str, which: Mapping[str, str]) -> list[Any]:
        params = {"symbol": venue_symbol(symbol), "limit": str(PAGE), **which}
        return await self._list(endpoints.TRADES, params)

    async def income(self, since: int | None = None) -> ReadSoFar:
        """Return the cash lines since the last time, some of them again; or since a time (UTC ms)."""
        return await self._cash(self._cursors.copy(), since)

    async def _cash(self, cursors: Cursors, since: int | None) -> ReadSoFar:
        start = max(cursors.since, cursors.income - OVERLAP_MS) if since is None else since
        start = begin = max(start, self.now - KEPT_MS)
        taken: dict[tuple[str, str], Any] = {}
        found: list[Event] = []
        while True:
            params = {"startTime": str(start), "limit": str(PAGE)}
            page = await self._list(endpoints.INCOME, params)
            before = start
            for row in page:
                try:
                    time = figures.whole(row["time"])
                    taken[row["incomeType"], str(row["tranId"])] = row
                except MALFORMED as error:
                    found.append(rows.not_understood(error, self.now))
                    continue
                start, cursors.income = max(start, time), max(cursors.income, time)
            if len(page) < PAGE or start == before:
                break
        for row in taken.values():
            found += rows.understood(self._line, row, self.now)
        return ReadSoFar(found, cursors, frozenset(taken), begin)

    def _line(self, row: rows.Row) -> list[Event]:
        return [rows.cash_line(row, self.now)]

    async def settings(self) -> AccountConfigRead:
        """Return how the account and the symbols are set."""
        asked = self._wire.time.now()
        hedged = await self._dict(endpoints.POSITION_MODE, {})
        multi = await self._dict(endpoints.MULTI_ASSETS, {})
        burn = await read_fee_burn(self._wire)
        found = []
        for symbol in self._symbols:
            page = await self._list(endpoints.SYMBOL_CONFIG, {"symbol": venue_symbol(symbol)})
            found += [rows.symbol_config(row) for row in page]
        return AccountConfigRead(
            *(self.now, asked, hedged["dualSidePosition"] is True),
            multi["multiAssetsMargin"] is True,
            tuple(config for config in found if config.symbol in self._symbols),
            fee_burn=burn,
        )

    async def rules(self, *, fees: bool) -> RulesRead:
        """Return the symbols' trading rules as they are now, with the account's fees where they are wanted."""
        asked = self._wire.time.now()
        info = await self._dict(endpoints.EXCHANGE_INFO, {})
        found: list[Instrument] = []
        idle: list[tuple[str, str]] = []
        for symbol in self._symbols:
            if status := read_status(info, symbol):
                idle.append((symbol, status))
                continue
            params = {"symbol": venue_symbol(symbol)}
            tiers = read_tiers(await self._list(endpoints.BRACKETS, params))
            known = {symbol: replace(INSTRUMENTS[symbol], tiers=tiers)}
            found += read_rules(info, [symbol], known).values()
        rates = await self._fees() if fees else None
        return RulesRead(self.now, asked, tuple(found), tuple(idle), rates)

    async def _fees(self) -> Fees:
        """Return the largest of the symbols' rates."""
        maker = taker = ZERO
        for symbol in self._symbols:
            row = await self._dict(endpoints.COMMISSION, {"symbol": venue_symbol(symbol)})
            maker = max(maker, figures.number(row["makerCommissionRate"]))
            taker = max(taker, figures.number(row["takerCommissionRate"]))
        return Fees(maker, taker)

    @property
    def now(self) -> int:
        """The exchange's time (UTC ms)."""
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
