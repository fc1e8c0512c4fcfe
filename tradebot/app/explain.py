"""``tradebot replay --explain``: from the bar to the last fill, how an order came about and what became of it.

Each link of the chain bears its time and the row it is taken from: an event of the log, or a row of the audit trail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from tradebot.core.model.effects import (
    Cancel,
    FillBooked,
    GhostClosed,
    GhostOpened,
    Place,
    SignalJudged,
    TradeClosed,
)
from tradebot.core.model.errors import UsageError
from tradebot.core.model.events import Filled, OrderSeen, OrderUpdate
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import exact, plain
from tradebot.core.model.values import Bar, Order, OrderType, Purpose
from tradebot.journal.reader import Reader
from tradebot.journal.rows import IN_PROCESS, LoggedEffect, LoggedEvent

PURPOSES = {
    Purpose.ENTRY: "order",
    Purpose.STOP: "stop",
    Purpose.TARGET: "target",
    Purpose.EXIT: "exit",
}
"""What the link of a decided order is called."""


@frozen
class Link:
    """One link: what it is, its time (UTC ms), ``log`` or ``audit`` with the row's number, and what it says."""

    step: str
    at: int
    source: str
    row: int
    text: str


@frozen
class _Case:
    """A signal's rows of the audit trail: the signal, then all that belongs to it, in order."""

    signal: LoggedEffect
    rows: list[LoggedEffect] = field(default_factory=list)

    @property
    def orders(self) -> dict[str, Order]:
        placed = (row.effect.approved.order for row in self.rows if isinstance(row.effect, Place))
        return {order.id: order for order in placed}

    @property
    def end(self) -> int:
        """The time of the last row (UTC ms)."""
        return max(row.at for row in (self.signal, *self.rows))


def explain(path: Path, run: str, what: str) -> list[Link]:
    """Return the chain of a signal (its number) or an order (its id), oldest first.

    Raises UsageError for an unknown run, signal or order.
    """
    with Reader(path) as reader, exact():
        row = reader.run(run)
        case = _case(reader, run, _signal_of(reader, run, what))
        outside = row.venue not in IN_PROCESS
        links = [*_judged(case.signal), *_decided(case, outside=outside)]
        links += _heard(reader, run, case)
    order = {id(link): i for i, link in enumerate(links)}
    return sorted(
        links, key=lambda link: (link.at, RANK.get(link.step, len(RANK)), order[id(link)])
    )


RANK = {
    name: rank
    for rank, name in enumerate(
        ("bar", "indicators", "signal", "gate", "order", "execution", "fill")
    )
}
"""What comes first of one moment."""


def _signal_of(reader: Reader, run: str, what: str) -> int:
    """Return the number of the signal that is asked for, or that an order came from."""
    if what.isdecimal():
        return int(what)
    newest: dict[str, int] = {}
    for row in reader.effects(run):
        if not isinstance(row.effect, Place):
            continue
        order = row.effect.approved.order
        if order.purpose is Purpose.ENTRY:
            newest[order.symbol] = row.effect.signal
        if order.id == what:
            signal = row.effect.signal or newest.get(order.symbol, 0)
            if signal:
                return signal
            raise UsageError(f"the order {what} of {run} came from no signal")
    hint = "`tradebot signals` and `tradebot orders` (with --json) have their numbers and ids"
    raise UsageError(f"{run} has no order {what}", hint=hint)


def _case(reader: Reader, run: str, signal: int) -> _Case:
    case: _Case | None = None
    for row in reader.effects(run):
        effect = row.effect
        if isinstance(effect, SignalJudged) and effect.id == signal:
            case = case or _Case(row)
            if case.signal is not row:
                case.rows.append(row)  # it was judged again when its turn came
        elif case is not None and _belongs(case, effect, signal):
            case.rows.append(row)
    if case is None:
        hint = "`tradebot signals` has their numbers"
        raise UsageError(f"{run} has no signal {signal}", hint=hint)
    return case


def _belongs(case: _Case, effect: Any, signal: int) -> bool:
    """Whether an effect behind a signal follows from it: of its entry, of what protects and closes that, of its outcome."""
    match effect:
        case Place(signal=number) if number == signal:
            return True
        case Place(approved=approved):
            order = approved.order
            mine = case.orders.values()
            held = order.reduce_only and any(one.symbol == order.symbol for one in mine)
            return held and not _is_over(case)
        case FillBooked(fill=fill):
            return fill.order_id in case.orders
        case Cancel(order_id=number):
            return number in case.orders
        case TradeClosed(signal=number) | GhostOpened(signal=number) | GhostClosed(signal=number):
            return number == signal
        case _:
            return False


def _is_over(case: _Case) -> bool:
    return any(isinstance(row.effect, TradeClosed) for row in case.rows)


# -- what the audit trail says ------------------------------------------------------------------------


def _judged(row: LoggedEffect) -> Iterator[Link]:
    signal = row.effect
    assert isinstance(signal, SignalJudged)

    def link(step: str, text: str) -> Link:
        return Link(step, row.at, "audit", row.seq, text)

    if signal.indicators:
        told = sorted(signal.indicators.items())
        yield link("indicators", ", ".join(f"{name} {value:g}" for name, value in told))
    aims = [
        f"{name} {plain(price)}"
        for name, price in (("stop", signal.stop), ("target", signal.target))
        if price is not None
    ]
    at = f"{signal.symbol} {signal.side} at {plain(signal.price)}, confidence {signal.confidence:g}"
    yield link(
        "signal",
        f"{', '.join((f'{signal.id}: {at}', *aims))}: {signal.reason or 'no reason given'}",
    )
    yield link("gate", "; ".join((signal.verdict, *signal.refusals)))


def _decided(case: _Case, *, outside: bool) -> Iterator[Link]:
    for row in case.rows:
        for step, text in _told(row.effect, outside=outside):
            yield Link(step, row.at, "audit", row.seq, text)


def _told(effect: Any, *, outside: bool) -> Iterator[tuple[str, str]]:
    match effect:
        case SignalJudged(verdict=verdict, refusals=refusals):
            yield "gate", "; ".join((f"again: {verdict}", *refusals))
        case Place(approved=approved):
            yield PURPOSES[approved.order.purpose], _order_text(approved.order)
            yield "request", _request_text(approved.order, outside=outside)
        case Cancel(order_id=number, why=why):
            yield "cancel", f"{number}: {why}"
        case FillBooked(fill=fill, position=position, realised=realised):
            said = f"{fill.order_id} {fill.side} {plain(fill.qty)} at {plain(fill.price)}"
            fee = f"fee {plain(fill.fee)} ({'maker' if fill.maker else 'taker'})"
            yield "fill", f"{said}, {fee}; position {plain(position)}, realised {plain(realised)}"
        case TradeClosed():
            yield "trade", _trade_text(effect)
        case GhostOpened(notional=notional, qty=qty):
            yield "ghost", f"a hypothetical trade of {plain(notional)} USDT ({plain(qty)})"
        case GhostClosed(exit_reason=why, pnl=pnl, entry_time=entered):
            yield (
                "ghost",
                f"left by {why}, would be {plain(pnl)}" if entered else f"never filled: {why}",
            )
        case _:
            pass


def _order_text(order: Order) -> str:
    prices = [
        f"{name} {plain(price)}"
        for name, price in (("at", order.price), ("trigger", order.trigger))
        if price is not None
    ]
    only = ["reduce-only"] if order.reduce_only else []
    kind = f"{order.side} {plain(order.qty)} {order.type}"
    tif = [] if order.type is OrderType.MARKET else [str(order.tif)]
    return " ".join((f"{order.id} {kind}", *prices, *tif, *only))


def _request_text(order: Order, *, outside: bool) -> str:
    if not outside:
        return f"{order.id} to the simulated exchange in this process"
    from tradebot.broker import parameters  # with it comes what knows the exchange

    endpoint, params = parameters.place(order)
    return f"{endpoint.method} {endpoint.path} " + "&".join(f"{k}={v}" for k, v in params.items())


def _trade_text(trade: TradeClosed) -> str:
    prices = f"{plain(trade.entry_price)} to {plain(trade.exit_price)}"
    return (
        f"{trade.id}: {trade.side} {plain(trade.qty)} from {prices}, closed by {trade.exit_reason}:"
        f" {plain(trade.pnl)} USDT after {plain(trade.fees)} fees and {plain(trade.funding)} funding"
    )


# -- what the log says --------------------------------------------------------------------------------


def _heard(reader: Reader, run: str, case: _Case) -> Iterator[Link]:
    """Yield the bar, and the answers to the orders; where the log was dropped, that it is gone."""
    signal, orders, found = case.signal, case.orders, False
    for row in reader.events(run):
        if row.at > case.end:
            break
        event = row.event
        if isinstance(event, Bar) and row.at == signal.at and event.symbol == _symbol(signal):
            found = True
            yield Link("bar", row.at, "log", row.seq, _bar_text(event))
        elif isinstance(event, OrderUpdate | OrderSeen) and event.order_id in orders:
            yield _answer(row)
        elif isinstance(event, Filled) and event.fill.order_id in orders:
            yield _filled(row)
    if not found:
        yield Link("bar", signal.at, "log", 0, "gone from the log (log.keep_days)")


def _symbol(row: LoggedEffect) -> str:
    return row.effect.symbol if isinstance(row.effect, SignalJudged) else ""


def _bar_text(bar: Bar) -> str:
    names = ("open", "high", "low", "close", "volume")
    return f"{bar.symbol} " + ", ".join(f"{n} {v}" for n, v in zip(names, bar.text, strict=True))


def _answer(row: LoggedEvent) -> Link:
    event = row.event
    status = "knows of none" if event.status is None else event.status.value
    filled = "" if event.filled is None else f", {plain(event.filled)} executed"
    asked = "asked for: " if isinstance(event, OrderSeen) else ""
    more: Sequence[str] = [
        text for text in (event.reason, event.venue_id and f"number {event.venue_id}") if text
    ]
    text = "; ".join((f"{event.order_id} {asked}{status}{filled}", *more))
    return Link("answer", row.at, "log", row.seq, text)


def _filled(row: LoggedEvent) -> Link:
    fill = row.event.fill
    text = f"{fill.order_id} trade {fill.trade_id}: {plain(fill.qty)} at {plain(fill.price)}"
    return Link("execution", row.at, "log", row.seq, text)


__all__ = ["Link", "explain"]
