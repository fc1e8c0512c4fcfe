"""The engine: one pure function from event to effects.

``Engine.process`` is the only place where trading is decided. It reads no clock, draws no random
number, does no I/O and is never re-entered; the same events give the same effects, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

from tradebot.core.book import Book, Wish
from tradebot.core.effects import (
    CommandDone,
    Effect,
    EquityPoint,
    FillBooked,
    FundingBooked,
    Halted,
    Notify,
    Resumed,
    StopRun,
    TradeClosed,
    TradeReopened,
)
from tradebot.core.events import (
    AccountSnapshot,
    Command,
    Event,
    FeedStatus,
    Filled,
    FundingPaid,
    OrderUpdate,
    PriceSeen,
    RunStarted,
    WakeUp,
)
from tradebot.core.halts import Halts
from tradebot.core.metrics import Drawdown, Tally
from tradebot.core.money import of_float
from tradebot.core.portfolio import WINDOW, Portfolio, Trip
from tradebot.core.resample import Resampler
from tradebot.core.risk.approved import Refusal
from tradebot.core.risk.limits import Limits
from tradebot.core.strategy.protocol import Signal, Strategy
from tradebot.core.trader import Execution, Trader
from tradebot.core.values import DAY_MS, HOUR_MS, Bar, Fees, Instrument, Quote

NOTHING: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything the engine is told once. Intervals in milliseconds, money in USDT.

    ``interval`` is that of the bars it will be fed, ``timeframe`` the strategy's. ``quotes`` says that
    quotes come beside the bars: then they, not the bars, are the price.
    """

    symbols: tuple[str, ...]
    instruments: Mapping[str, Instrument]
    limits: Limits
    fees: Fees
    execution: Execution
    start_equity: Decimal
    interval: int
    timeframe: int
    quotes: bool = False


class Engine:
    """Decides everything. Feed it events in order; carry out the effects it returns."""

    def __init__(self, config: EngineConfig, make_strategy: Callable[[str], Strategy]) -> None:
        self.config = config
        self.now = 0
        self.started = False
        self.run = ""
        self.portfolio = Portfolio(config.start_equity, config.symbols)
        self.halts = Halts()
        self.tally = Tally()
        self.drawdown = Drawdown(config.start_equity)
        self.books = {symbol: self._book(symbol, make_strategy) for symbol in config.symbols}
        self.trader = Trader(
            self.books,
            self.portfolio,
            self.halts,
            config.limits,
            config.fees,
            config.execution,
        )
        self.halts_seen = 0
        self._trips: dict[tuple[str, int], tuple[int, Trip | None]] = {}
        self._trades = 0
        self._next_hour = 0
        self._equity = config.start_equity

    def _book(self, symbol: str, make_strategy: Callable[[str], Strategy]) -> Book:
        config = self.config
        resampler = None
        if config.timeframe != config.interval:
            resampler = Resampler(config.interval, config.timeframe)
        return Book(
            symbol=symbol,
            instrument=config.instruments[symbol],
            strategy=make_strategy(symbol),
            resampler=resampler,
            holding=self.portfolio.holding(symbol),
        )

    # -- the one function ----------------------------------------------------------------------

    def process(self, event: Event) -> Sequence[Effect]:
        """Take the next event and return what is to be done, in order.

        ``event.at`` must never decrease; ValueError if it does.
        """
        at = event.at
        if at < self.now:
            raise ValueError(f"the clock went back from {self.now} to {at}: {event!r}")
        self.now = self.trader.now = at
        if at >= self._next_hour:
            self._roll(at)
        match event:
            case Quote():
                self._on_quote(event)
            case Bar():
                self._on_bar(event)
            case PriceSeen():
                self._on_price_seen(event)
            case Filled():
                self._on_fill(event)
            case OrderUpdate():
                self._on_update(event)
            case FundingPaid():
                self._on_funding(event)
            case WakeUp(key=key):
                self._on_wake_up(key)
            case Command():
                self._on_command(event)
            case RunStarted():
                self._on_start(event)
            case FeedStatus() | AccountSnapshot():
                self._on_news(event)
        out = self.trader.out
        if not out:
            return NOTHING
        self.trader.out = []
        return out

    # -- prices and bars -----------------------------------------------------------------------

    def _on_quote(self, quote: Quote) -> None:
        book = self.books.get(quote.symbol)
        if book is None:
            return
        book.last = quote
        if book.holding.qty:
            self._value(book)

    def _on_bar(self, bar: Bar) -> None:
        book = self.books.get(bar.symbol)
        if book is None:
            return
        if not self.config.quotes:
            book.last = bar
            book.seen = None
            if book.holding.qty:
                self._value(book)
        if book.resampler is None:
            self._decide(book, bar)
            return
        for whole in book.resampler.add(bar):
            self._decide(book, whole)

    def _on_price_seen(self, event: PriceSeen) -> None:
        book = self.books[event.symbol]
        book.seen = event.price
        if book.holding.qty:
            self._value(book)

    def _value(self, book: Book) -> None:
        """A price moved under an open position: equity, drawdown, and an exit that is still owed."""
        self._equity = equity = self.trader.equity()
        self.drawdown.see(equity)
        if book.closing:
            self.trader.close(book, book.closing)

    def _decide(self, book: Book, bar: Bar) -> None:
        try:
            signal = book.strategy.on_bar(bar)
        except Exception as error:
            self._fail(book, f"raised {type(error).__name__}: {error}")
            return
        if signal is not None and self.started:
            self._judge(book, signal)

    def warm(self, bar: Bar) -> None:
        """Feed a bar of the past to its strategy only: warm-up, and restoring after a restart.

        Errors of the strategy pass through.
        """
        book = self.books.get(bar.symbol)
        if book is None:
            return
        for whole in (bar,) if book.resampler is None else book.resampler.add(bar):
            book.strategy.on_bar(whole)

    def _judge(self, book: Book, signal: object) -> None:
        """Make a strategy's answer exact and hand it on; nonsense stops the run."""
        if not isinstance(signal, Signal) or signal.side not in ("long", "short", "exit"):
            self._fail(book, f"returned {signal!r}, which is no Signal")
            return
        self.trader.signals += 1
        try:
            wish, faults = _exact(self.trader.signals, signal)
        except (TypeError, ValueError, AttributeError) as error:
            self._fail(book, f"returned a signal with {error}")
            return
        self.trader.act(book, wish, faults)

    def _fail(self, book: Book, what: str) -> None:
        """A strategy that cannot be trusted ends the run: no entries; stops stay where they are."""
        text = f"strategy of {book.symbol} {what}"
        self._halt("strategy", text)
        self.trader.out.append(StopRun(self.now, text, failed=True))

    # -- the exchange's answers ----------------------------------------------------------------

    def _on_fill(self, event: Filled) -> None:
        fill = event.fill
        book = self.books.get(fill.symbol)
        if book is None:
            self._halt("foreign", f"a fill on {fill.symbol}, which this run does not trade")
            return
        before = book.holding.qty
        tracked = self.trader.tracked(fill.order_id)
        why = self.trader.why(book, fill, tracked)
        booked = self.portfolio.book(fill, why, tracked.signal if tracked else 0)
        if booked is None:  # seen before
            return
        if tracked is not None:
            self.trader.take_fill(tracked, fill)
        holding = book.holding
        self.trader.out.append(
            FillBooked(self.now, fill, holding.qty, holding.entry, booked.realised)
        )
        for number in booked.undone:
            self._undo_trip(fill.symbol, number)
        for trip in booked.trips:
            self._book_trip(trip)
        self._equity = self.trader.equity()
        self.drawdown.see(self._equity)
        if booked.trips:
            self._point("trade", self.now)
        self.trader.settle(book, before)

    def _book_trip(self, trip: Trip) -> None:
        """Record a round trip; one that a late fill has changed keeps its number."""
        key = (trip.symbol, trip.number)
        known = self._trips.get(key)
        if known is not None:
            number = known[0]
            if known[1] is not None:
                self.tally.drop(known[1])
        else:
            self._trades += 1
            number = self._trades
        self._trips[key] = (number, trip)
        self.tally.add(trip)
        if len(self._trips) > WINDOW * len(self.books):  # older ones cannot change any more
            del self._trips[next(iter(self._trips))]
        self.trader.out.append(_closed(number, self.now, trip))

    def _undo_trip(self, symbol: str, trip_number: int) -> None:
        number, trip = self._trips[symbol, trip_number]
        if trip is not None:
            self.tally.drop(trip)
        self._trips[symbol, trip_number] = (number, None)
        self.trader.out.append(TradeReopened(number, self.now, symbol))

    def _on_update(self, event: OrderUpdate) -> None:
        book = self.books.get(event.symbol)
        if book is not None:
            self.trader.take_update(book, event)

    def _on_funding(self, event: FundingPaid) -> None:
        self.portfolio.fund(event.symbol, event.exchange_time, event.amount)
        self.trader.out.append(
            FundingBooked(self.now, event.symbol, event.amount, event.rate, event.mark, event.qty)
        )
        self._equity = self.trader.equity()
        self.drawdown.see(self._equity)

    # -- time, people, news ----------------------------------------------------------------------

    def _roll(self, at: int) -> None:
        """An hour or a day has begun: note the equity before anything of the new one happens."""
        boundary = at - at % HOUR_MS
        if self._next_hour and self.started:
            self._point("hour" if boundary % DAY_MS else "day", boundary)
        self._next_hour = boundary + HOUR_MS

    def _point(self, why: str, at: int) -> None:
        self.trader.out.append(
            EquityPoint(at, self._equity, self.portfolio.cash, self.drawdown.now, why)
        )

    def _on_wake_up(self, key: str) -> None:
        kind, _, rest = key.partition(":")
        if kind == "ttl":
            self.trader.expire(rest)

    def _on_start(self, event: RunStarted) -> None:
        self.started = True
        self.run = event.run
        self.trader.prefix = f"tb{event.instance}-{event.nonce}"

    def _on_news(self, event: FeedStatus | AccountSnapshot) -> None:
        if isinstance(event, FeedStatus):
            word = "is back" if event.live else "is silent"
            which = event.symbol or "the feed"
            level = "info" if event.live else "warning"
            self.trader.out.append(
                Notify(self.now, level, f"{which} {word}. {event.detail}".strip())
            )

    def _on_command(self, command: Command) -> None:
        match command.name:
            case "halt":
                self._halt("user", f"{command.who}: {command.reason}")
                result, ok = "halted", True
            case "resume":
                result, ok = self._resume(command)
            case "close-all":
                result, ok = self._close_all(command), True
            case "stop":
                self.trader.cancel_entries("stop")
                self.trader.out.append(StopRun(self.now, f"{command.who}: {command.reason}"))
                result, ok = "stopping", True
            case name:
                result, ok = f"unknown command {name!r}", False
        if command.id:  # 0 is nobody's: the HALT file, a signal
            self.trader.out.append(CommandDone(self.now, command.id, ok, result))

    def _resume(self, command: Command) -> tuple[str, bool]:
        reasons = list(self.halts.reasons)
        for reason in reasons:
            self.halts.clear(reason)
            self.trader.out.append(
                Resumed(self.now, reason, command.who, command.reason, self.halts.epoch)
            )
        return (f"resumed: {', '.join(reasons)}" if reasons else "was not halted"), True

    def _close_all(self, command: Command) -> str:
        self._halt("user", f"{command.who}: close-all, {command.reason}")
        held = [book for book in self.books.values() if book.holding.qty]
        for book in held:
            self.trader.close(book, "close_all")
        return f"closing {len(held)} position(s)" if held else "nothing to close"

    def _halt(self, reason: str, detail: str) -> None:
        if self.halts.add(reason, detail):
            self.halts_seen += 1
            self.trader.out.append(Halted(self.now, reason, detail, self.halts.epoch))
            self.trader.out.append(Notify(self.now, "critical", f"HALT {reason}: {detail}"))
        self.trader.cancel_entries(f"halt: {reason}")

    # -- what others may know --------------------------------------------------------------------

    def equity(self) -> Decimal:
        """Return cash plus open positions at their last price (USDT)."""
        return self.trader.equity()

    def export_state(self) -> dict[str, Any]:
        """Return everything but the strategies' insides as JSON values.

        ``restore`` on a fresh engine plus ``warm`` with the same bars gives an equal engine.
        """
        return {
            "now": self.now,
            "started": self.started,
            "run": self.run,
            "portfolio": self.portfolio.export_state(),
            "halts": self.halts.export_state(),
            "halts_seen": self.halts_seen,
            "tally": self.tally.export_state(),
            "drawdown": self.drawdown.export_state(),
            "books": {symbol: book.export_state() for symbol, book in self.books.items()},
            "trader": self.trader.export_state(),
            "trades": self._trades,
            "numbers": [[*key, number] for key, (number, _) in self._trips.items()],
            "next_hour": self._next_hour,
            "equity": str(self._equity),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values; the strategies are warmed by the caller."""
        self.now = self.trader.now = state["now"]
        self.started = state["started"]
        self.run = state["run"]
        self.portfolio.restore(state["portfolio"])
        self.halts.restore(state["halts"])
        self.halts_seen = state["halts_seen"]
        self.tally.restore(state["tally"])
        self.drawdown.restore(state["drawdown"])
        for symbol, book in self.books.items():
            book.holding = self.portfolio.holding(symbol)
            book.restore(state["books"][symbol])
        self.trader.restore(state["trader"])
        self._trades = state["trades"]
        for symbol, trip_number, number in state["numbers"]:
            trip = self.portfolio.accounts[symbol].trips.get(trip_number)
            self._trips[symbol, trip_number] = (number, trip)
        self._next_hour = state["next_hour"]
        self._equity = Decimal(state["equity"])


def _exact(number: int, signal: Signal) -> tuple[Wish, tuple[Refusal, ...]]:
    """Turn a signal's floats into decimals; what is not a finite number becomes a refusal."""
    faults: list[Refusal] = []
    prices: dict[str, Decimal | None] = {"stop": None, "target": None}
    for name, value in (("stop", signal.stop), ("target", signal.target)):
        if value is None:
            continue
        try:
            prices[name] = of_float(float(value))
        except ValueError:
            faults.append(Refusal("not_finite", f"{name} {value!r} is not a finite number"))
    confidence = float(signal.confidence)
    if not 0 <= confidence <= 1:  # false for NaN too
        faults.append(Refusal("confidence", f"confidence {confidence!r} is not from 0 to 1"))
        confidence = 0.0
    values = ((str(k), float(v)) for k, v in signal.indicators.items())
    indicators = {name: value for name, value in values if isfinite(value)}
    reason = str(signal.reason)
    wish = Wish(
        number, signal.side, confidence, prices["stop"], prices["target"], reason, indicators
    )
    return wish, tuple(faults)


def _closed(number: int, at: int, trip: Trip) -> TradeClosed:
    return TradeClosed(
        id=number,
        at=at,
        symbol=trip.symbol,
        side=trip.side,
        qty=trip.qty,
        entry_time=trip.entry_time,
        entry_price=trip.entry_price,
        exit_time=trip.exit_time,
        exit_price=trip.exit_price,
        fees=trip.fees,
        funding=trip.funding,
        pnl=trip.pnl,
        exit_reason=trip.exit_reason,
        signal=trip.signal,
    )
