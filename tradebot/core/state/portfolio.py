"""The engine's own books, kept from fills and funding alone.

The ledger holds cash flows, fees, funding and quantities, so equity is exact: nothing is divided.
Average entry and the realised / unrealised split are derived by one formula at 8 decimals:
an increase sets ``entry = (entry x qty + price x added) / (qty + added)``, rounded half-even; a
reduction leaves it, and realises ``reduced x (price - entry)``, with the sign of the position.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from operator import attrgetter
from typing import Any

from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ZERO, quotient_at_8
from tradebot.core.model.values import Fill, Side
from tradebot.core.state.fills import SeenIds, export_fill, restored_fill

WINDOW = 32
"""Fills and fundings per symbol that a late fill can surely still be sorted into.

One that is older than all of them is folded in before them: quantity and cash are exact all the same.
"""

HALF_ENTRY = Decimal("0.000000005")
"""Half of the last digit of an average entry (USDT)."""

CASH_LINES = 256
"""Newest cash lines whose ids are remembered."""


@dataclass(slots=True)
class Holding:
    """A symbol's position and the round trip it belongs to.

    ``qty`` signed base units, ``entry`` average entry at 8 decimals (USDT). The ``trip_*`` fields
    add up the current round trip: opened time, bought-in quantity and cost, left quantity and
    proceeds, fees and funding (USDT); ``trip_cash`` is the sum of its cash flows, so that
    ``trip_cash + qty x price`` is its net PnL at a price.
    """

    qty: Decimal = ZERO
    entry: Decimal = ZERO
    trades: int = 0
    trip_time: int = 0
    trip_in: Decimal = ZERO
    trip_in_cost: Decimal = ZERO
    trip_out: Decimal = ZERO
    trip_out_cost: Decimal = ZERO
    trip_fees: Decimal = ZERO
    trip_funding: Decimal = ZERO
    trip_cash: Decimal = ZERO
    trip_signal: int = 0


@frozen
class Trip:
    """A finished round trip. ``number`` counts per symbol; ``pnl`` is net, USDT, exact."""

    number: int
    symbol: str
    side: str
    qty: Decimal
    entry_time: int
    entry_price: Decimal
    exit_time: int
    exit_price: Decimal
    fees: Decimal
    funding: Decimal
    pnl: Decimal
    exit_reason: str
    signal: int


@frozen
class LedgerLine:
    """One line of a symbol's account: a fill, or funding (``fill`` None)."""

    time: int
    trade_id: int
    fill: Fill | None
    funding: Decimal
    why: str
    signal: int

    @property
    def key(self) -> tuple[int, int]:
        """Sort key: exchange order. Funding (id 0) comes before fills of the same millisecond."""
        return (self.time, self.trade_id)


@dataclass(slots=True)
class SymbolLedger:
    """A symbol's folded state, the lines that can still be re-ordered, and the state before them.

    ``seen`` are all trade ids so far; ``nameless`` says which number a fill without one was given, by what it
    says. ``flats`` remembers, for each flat moment among the lines, how many lead to it and the state there:
    where the window can begin without folding anything again.
    """

    holding: Holding = field(default_factory=Holding)
    base: Holding = field(default_factory=Holding)
    lines: list[LedgerLine] = field(default_factory=list)
    trips: dict[int, Trip] = field(default_factory=dict)
    seen: SeenIds = field(default_factory=SeenIds)
    nameless: dict[str, int] = field(default_factory=dict)
    flats: list[tuple[int, Holding]] = field(default_factory=list)


@frozen
class Booked:
    """What a fill did: ``realised`` before fees (USDT), round trips finished or recomputed.

    ``undone`` are the numbers of round trips that a late fill has shown to be still open.
    """

    realised: Decimal
    trips: tuple[Trip, ...]
    undone: tuple[int, ...] = ()


class Portfolio:
    """Cash, positions and round trips of one run. All money exact, in USDT.

    ``lines`` counts the venue's cash lines that it is the sum of: a fill's result and its fee are two. ``brought`` is what
    came in and is no result, less what went out (transfers, rebates).
    """

    __slots__ = (
        *("accounts", "brought", "cash", "cash_floor", "cash_ids", "fees", "funding", "lines"),
        *("moved", "start"),
    )

    def __init__(self, start: Decimal, symbols: tuple[str, ...]) -> None:
        self.start = start
        self.cash = start
        self.fees = ZERO
        self.funding = ZERO
        self.moved = ZERO
        self.brought = ZERO
        self.lines = 0
        self.accounts: dict[str, SymbolLedger] = {symbol: SymbolLedger() for symbol in symbols}
        self.cash_ids: dict[str, int] = {}
        self.cash_floor = 0

    def holding(self, symbol: str) -> Holding:
        """Return the symbol's position (flat if it was never traded)."""
        return self.accounts[symbol].holding

    def book(self, fill: Fill, why: str, signal: int) -> Booked | None:
        """Apply a fill once; None if it was applied before.

        A fill that arrives late is folded again from its place in exchange order.
        """
        account = self._account(fill.symbol)
        if fill.trade_id > 0:
            if fill.trade_id in account.seen:
                return None
            account.seen.add(fill.trade_id)
        value = fill.qty * fill.price
        self.cash -= (value if fill.side is Side.BUY else -value) + fill.fee
        self.fees += fill.fee
        self.lines += 2
        return self._add(account, LedgerLine(fill.time, fill.trade_id, fill, ZERO, why, signal))

    def named(self, fill: Fill) -> Fill | None:
        """Return a fill that came without a trade id under a negative one; None if its like was booked."""
        account = self._account(fill.symbol)
        told = "|".join(map(str, (*export_fill(fill)[2:7], fill.time, fill.venue_id)))
        if told in account.nameless:
            return None
        account.nameless[told] = number = -len(account.nameless) - 1
        return replace(fill, trade_id=number)

    def forgot(self, fill: Fill) -> bool:
        """Whether a fill is so old that nobody can say any more if it was booked."""
        seen = self._account(fill.symbol).seen
        return 0 < fill.trade_id <= seen.floor and fill.trade_id not in seen

    def fund(self, symbol: str, time: int, amount: Decimal, line: str) -> bool:
        """Book funding once: positive received, negative paid (USDT); False if ``line`` was booked before."""
        if not self._is_new(line, time):
            return False
        account = self._account(symbol)
        self.cash += amount
        self.funding += amount
        self._add(account, LedgerLine(time, 0, None, amount, "", 0))
        return True

    def move(self, line: str, time: int, amount: Decimal) -> bool:
        """Book a cash line that belongs to no position, once (USDT); False if it was booked before."""
        if not self._is_new(line, time):
            return False
        self.cash += amount
        self.moved += amount
        return True

    def forgot_cash(self, line: str, time: int) -> bool:
        """Whether a cash line is so old that nobody can say any more if it was booked."""
        return time <= self.cash_floor and line not in self.cash_ids

    def knows_trade(self, symbol: str, trade_id: int) -> bool:
        """Whether the fill of a trade was booked."""
        return trade_id in self._account(symbol).seen

    def _is_new(self, line: str, time: int) -> bool:
        if line in self.cash_ids:
            return False
        self.cash_ids[line] = time
        self.lines += 1
        if len(self.cash_ids) > CASH_LINES:
            oldest = next(iter(self.cash_ids))
            self.cash_floor = max(self.cash_floor, self.cash_ids.pop(oldest))
        return True

    def equity(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Return cash + sum of quantity x price over open positions (USDT)."""
        total = self.cash
        for symbol, account in self.accounts.items():
            if account.holding.qty:
                total += account.holding.qty * prices[symbol]
        return total

    def blur(self) -> Decimal:
        """Return by how much the cost of what is held may be off (USDT): each fill may round its average entry anew."""
        total = ZERO
        for account in self.accounts.values():
            flat = account.flats[-1][0] if account.flats else 0
            total += abs(account.holding.qty) * HALF_ENTRY * (len(account.lines) - flat)
        return total

    def _account(self, symbol: str) -> SymbolLedger:
        account = self.accounts.get(symbol)
        if account is None:
            account = self.accounts[symbol] = SymbolLedger()
        return account

    def _add(self, account: SymbolLedger, line: LedgerLine) -> Booked:
        lines = account.lines
        if lines and line.time <= lines[-1].time and line.key < lines[-1].key:
            lines.insert(bisect_right([known.key for known in lines], line.key), line)
            booked = _refold(account)
        else:
            lines.append(line)
            realised, trip = fold(account.holding, line)
            if trip is not None:
                account.trips[trip.number] = trip
                if not account.holding.qty:
                    account.flats.append((len(lines), _copied(account.holding)))
            booked = Booked(realised, (trip,) if trip else ())
        if len(lines) > 2 * WINDOW:
            _trim(account)
        return booked

    def export_state(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "start": str(self.start),
            "cash": str(self.cash),
            "fees": str(self.fees),
            "funding": str(self.funding),
            "moved": str(self.moved),
            "brought": str(self.brought),
            "lines": self.lines,
            "cash_ids": self.cash_ids,
            "cash_floor": self.cash_floor,
            "accounts": {s: _export_account(a) for s, a in self.accounts.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.start = Decimal(state["start"])
        self.cash = Decimal(state["cash"])
        self.fees = Decimal(state["fees"])
        self.funding = Decimal(state["funding"])
        self.moved = Decimal(state["moved"])
        self.brought = Decimal(state.get("brought", "0"))
        self.lines = state.get("lines", 0)
        self.cash_ids = dict(state["cash_ids"])
        self.cash_floor = state["cash_floor"]
        for symbol, account in state["accounts"].items():
            self.accounts[symbol] = _restore_account(account)


_values_of = attrgetter(*Holding.__slots__)


def _copied(holding: Holding) -> Holding:
    """Return a copy; ``dataclasses.replace`` takes five times as long."""
    return Holding(*_values_of(holding))


def fold(holding: Holding, line: LedgerLine) -> tuple[Decimal, Trip | None]:
    """Apply one line to a position in place; return realised PnL (USDT) and a finished round trip."""
    fill = line.fill
    if fill is None:
        holding.trip_funding += line.funding
        holding.trip_cash += line.funding
        return ZERO, None
    signed = fill.qty if fill.side is Side.BUY else -fill.qty
    if not holding.qty or (holding.qty > 0) == (signed > 0):
        _increase(holding, line, fill, signed, fill.fee)
        return ZERO, None
    closing = min(fill.qty, abs(holding.qty))
    realised = _reduce(holding, fill, closing)
    if holding.qty:
        return realised, None
    trip = _finish(holding, line, fill)
    if (
        closing < fill.qty
    ):  # a fill through zero opens the other side; its fee stayed with the close
        rest = fill.qty - closing
        _increase(holding, line, replace(fill, qty=rest), fill.side.sign * rest, ZERO)
    return realised, trip


def _increase(h: Holding, line: LedgerLine, fill: Fill, signed: Decimal, fee: Decimal) -> None:
    if not h.qty:
        h.trip_time = fill.time
        h.trip_signal = line.signal
        h.entry = fill.price
    else:
        cost = h.entry * abs(h.qty) + fill.price * fill.qty
        h.entry = quotient_at_8(cost, abs(h.qty) + fill.qty, "ROUND_HALF_EVEN")
    h.qty += signed
    h.trip_in += fill.qty
    h.trip_in_cost += fill.qty * fill.price
    h.trip_fees += fee
    h.trip_cash -= signed * fill.price + fee


def _reduce(h: Holding, fill: Fill, closing: Decimal) -> Decimal:
    sign = 1 if h.qty > 0 else -1
    h.qty -= sign * closing
    h.trip_out += closing
    h.trip_out_cost += closing * fill.price
    h.trip_fees += fill.fee
    h.trip_cash += sign * closing * fill.price - fill.fee
    return sign * closing * (fill.price - h.entry)


def _finish(h: Holding, line: LedgerLine, fill: Fill) -> Trip:
    long = fill.side is Side.SELL
    trip = Trip(
        number=h.trades + 1,
        symbol=fill.symbol,
        side="long" if long else "short",
        qty=h.trip_in,
        entry_time=h.trip_time,
        entry_price=quotient_at_8(h.trip_in_cost, h.trip_in, "ROUND_HALF_EVEN"),
        exit_time=fill.time,
        exit_price=quotient_at_8(h.trip_out_cost, h.trip_out, "ROUND_HALF_EVEN"),
        fees=h.trip_fees,
        funding=h.trip_funding,
        pnl=h.trip_cash,
        exit_reason=line.why,
        signal=h.trip_signal,
    )
    h.trades += 1
    h.qty = h.entry = h.trip_in = h.trip_in_cost = ZERO
    h.trip_out = h.trip_out_cost = h.trip_fees = h.trip_funding = h.trip_cash = ZERO
    h.trip_time = h.trip_signal = 0
    return trip


def _refold(account: SymbolLedger) -> Booked:
    """Fold all lines again from the base; return the trips that are new or different."""
    before = account.holding
    holding = _copied(account.base)
    realised = ZERO
    trips: dict[int, Trip] = {}
    account.flats = []
    for count, line in enumerate(account.lines, 1):
        realised, trip = fold(holding, line)
        if trip is not None:
            trips[trip.number] = trip
            if not holding.qty:
                account.flats.append((count, _copied(holding)))
    changed = tuple(trip for n, trip in trips.items() if account.trips.get(n) != trip)
    undone = tuple(n for n in account.trips if n not in trips)
    account.trips = trips
    for name in Holding.__slots__:
        setattr(before, name, getattr(holding, name))  # others hold a reference to it
    return Booked(realised, changed, undone)


def _trim(account: SymbolLedger) -> None:
    """Let the window begin later, leaving at least ``WINDOW`` lines: at a flat moment if there is one."""
    most = len(account.lines) - WINDOW
    fitting = [flat for flat in account.flats if flat[0] <= most]
    if fitting:
        count, account.base = fitting[-1]
    else:
        count = most
        for line in account.lines[:count]:
            fold(account.base, line)
    account.lines = account.lines[count:]
    account.flats = [(n - count, state) for n, state in account.flats if n > count]
    done = account.base.trades
    account.trips = {n: trip for n, trip in account.trips.items() if n > done}


def _export_account(account: SymbolLedger) -> dict[str, Any]:
    return {
        "base": _export_holding(account.base),
        "seen": account.seen.export_state(),
        "nameless": account.nameless,
        "lines": [_export_line(line) for line in account.lines],
    }


def _restore_account(state: dict[str, Any]) -> SymbolLedger:
    account = SymbolLedger(
        base=_restore_holding(state["base"]),
        lines=[_restore_line(line) for line in state["lines"]],
        seen=SeenIds.restored(state["seen"]),
        nameless=dict(state["nameless"]),
    )
    _refold(account)
    return account


def _export_holding(holding: Holding) -> dict[str, Any]:
    values = {name: getattr(holding, name) for name in Holding.__slots__}
    return {n: str(v) if isinstance(v, Decimal) else v for n, v in values.items()}


def _restore_holding(state: dict[str, Any]) -> Holding:
    holding = Holding()
    for name, value in state.items():
        setattr(holding, name, Decimal(value) if isinstance(value, str) else value)
    return holding


def _export_line(line: LedgerLine) -> list[Any]:
    if line.fill is None:
        return [line.time, str(line.funding)]
    return [line.why, line.signal, *export_fill(line.fill)]


def _restore_line(state: list[Any]) -> LedgerLine:
    if len(state) == 2:
        return LedgerLine(state[0], 0, None, Decimal(state[1]), "", 0)
    why, signal, *rest = state
    fill = restored_fill(rest)
    return LedgerLine(fill.time, fill.trade_id, fill, ZERO, why, signal)
