"""The engine: one pure function from event to effects.

``Engine.process`` is the only place where trading is decided. It reads no clock, draws no random
number, does no I/O and is never re-entered; the same events give the same effects, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import Any

from tradebot.core.model.effects import (
    CommandDone,
    Effect,
    EquityPoint,
    FillBooked,
    FundingBooked,
    Halted,
    Notify,
    Resumed,
    StopRun,
)
from tradebot.core.model.events import (
    AccountSnapshot,
    Command,
    Event,
    FeedStatus,
    Filled,
    FundingPaid,
    OrderUpdate,
    Other,
    PriceSeen,
    RunStarted,
    WakeUp,
    is_acknowledgement,
)
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.values import HOUR_MS, Bar, Fees, Instrument, Quote
from tradebot.core.risk.calm import NEVER, Bands, calm_bands
from tradebot.core.risk.limits import Limits
from tradebot.core.risk.loss_limit import REACHED, LossLimit, describe
from tradebot.core.risk.monitor import Monitor
from tradebot.core.state.halts import Halts
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.metrics import Drawdown, Tally
from tradebot.core.state.portfolio import Portfolio
from tradebot.core.state.trips import Trades
from tradebot.core.strategy.fault import Fault, raised
from tradebot.core.strategy.protocol import Strategy
from tradebot.core.strategy.resample import Resampler
from tradebot.core.trading.trader import Execution, Trader
from tradebot.core.trading.wish import hear

NOTHING: tuple[Effect, ...] = ()

NOWHERE = (inf, -inf)
"""The band of a symbol without one: no price is in it."""

CLOSE = 2
"""The liquidation danger at which a position is closed."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything the engine is told once. Intervals in milliseconds, money in USDT.

    ``interval`` is that of the bars it will be fed, ``timeframe`` the strategy's. ``quotes`` says that
    quotes come beside the bars: then they, not the bars, are the price. ``leverage`` is the account's.
    ``auto_resume`` clears a loss halt when its day (week) is over; ``signoff_equity`` is the equity at the sign-off, None without one.
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
    leverage: int = 1
    auto_resume: bool = False
    signoff_equity: Decimal | None = None


class Engine:
    """Decides everything. Feed it events in order; carry out the effects it returns."""

    def __init__(self, config: EngineConfig, make_strategy: Callable[[str], Strategy]) -> None:
        self.config = config
        self.now = 0
        self.started = False
        self.run = ""
        self.portfolio = Portfolio(config.start_equity, config.symbols)
        self.halts = Halts()
        self.trades = Trades(len(config.symbols))
        self._drawdown = Drawdown(config.start_equity)
        start, signoff = config.start_equity, config.signoff_equity
        self.watch = Monitor(config.limits, config.fees.taker, config.leverage, start, signoff)
        self.books = {symbol: self._book(symbol, make_strategy) for symbol in config.symbols}
        self.trader = Trader(
            self.books,
            self.portfolio,
            self.halts,
            config.limits,
            config.fees,
            config.execution,
            self.watch,
        )
        self.halts_seen = 0
        self._quoted = config.quotes
        self._next_hour = 0
        self._equity = config.start_equity
        self._calm: Bands = NEVER
        self._late = False

    def _book(self, symbol: str, make_strategy: Callable[[str], Strategy]) -> InstrumentState:
        config = self.config
        resampler = None
        if config.timeframe != config.interval:
            resampler = Resampler(config.interval, config.timeframe)
        strategy = make_strategy(symbol)
        return InstrumentState(
            symbol=symbol,
            instrument=config.instruments[symbol],
            strategy=strategy,
            cold=strategy.warmup,
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
        if isinstance(event, Bar):  # the hot path, and a class pattern costs more than it looks
            self._on_bar(event)
        else:
            self._on_no_bar(event)
        trader = self.trader
        if trader.entries and not is_acknowledgement(event):
            trader.review_entries()
        out = trader.out
        if not out:
            return NOTHING
        trader.out = []
        return out

    def _on_no_bar(self, event: Quote | PriceSeen | Other) -> None:
        match event:
            case Quote():
                self._on_quote(event)
            case PriceSeen():
                self._on_price_seen(event)
            case _:
                self._on_other(event)

    def _on_other(self, event: Other) -> None:
        """Handle what is no price; it may change anything the calm band was worked out from."""
        self._catch_up()
        self._calm = NEVER
        match event:
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
            case AccountSnapshot():
                self._on_account(event)
            case FeedStatus():
                self._on_feed(event)
            case _:
                pass

    # -- prices and bars -----------------------------------------------------------------------

    def _on_quote(self, quote: Quote) -> None:
        book = self.books.get(quote.symbol)
        if book is None:
            return
        mark, bid, ask = quote.mark, float(quote.text[0]), float(quote.text[1])
        if not 0.0 < mark < inf:
            self._distrust(book, quote)
            return
        if 0.0 < bid <= ask < inf:
            book.see(quote)
            book.faulty = False
        else:  # the mark still protects what is open
            self._distrust(book, quote)
            book.see_inside(quote.exact_mark)
            bid = ask = mark
        qty = book.holding.qty
        if qty:
            self._moved(book, mark, bid if qty > 0 else ask)

    def _on_bar(self, bar: Bar) -> None:
        book = self.books.get(bar.symbol)
        if book is None:
            return
        if not 0.0 < bar.low <= bar.close <= bar.high < inf:
            self._distrust(book, bar)
            return
        if not self._quoted:
            book.last = bar  # book.see and _moved, written out: this is the hot path
            book.mark = None
            book.inside = book.faulty = False
            if book.holding.qty:
                band = self._calm.get(bar.symbol)
                if band is not None and band[0] < bar.close < band[1]:
                    self._late = True
                else:
                    self._value(book)
        else:  # beside quotes it comes when it comes: a strategy sees the same bar in every mode
            bar = bar.punctual()
        for whole in (bar,) if book.resampler is None else book.resampler.add(bar):
            try:
                signal = book.strategy.on_bar(whole)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._fail(raised(error, whole).of(book.strategy))
                continue
            if book.cold:
                book.cold -= 1
                if signal is not None:
                    self.trader.hush(book)
            elif signal is not None and self.started:
                self._calm = NEVER
                self._judge(book, signal, whole)

    def _distrust(self, book: InstrumentState, price: Bar | Quote) -> None:
        """A price that is none: entries wait until the next good one, exits go by the last good one."""
        if not book.faulty:
            book.faulty = True
            self.trader.cancel_entries("nonsense price", (book.symbol,))
            self.trader.out.append(Notify(self.now, "warning", f"no price to trust: {price!r}"))

    def _on_price_seen(self, event: PriceSeen) -> None:
        book = self.books[event.symbol]
        book.see_inside(event.price)
        if book.holding.qty:
            price = float(event.price)
            self._moved(book, price, price)

    def _moved(self, book: InstrumentState, mark: float, touch: float) -> None:
        """A price moved under an open position: look at it exactly, or not at all where that is safe."""
        low, high = self._calm.get(book.symbol, NOWHERE)
        if low < mark < high and low < touch < high:
            self._late = True
        else:
            self._value(book)

    def _value(self, book: InstrumentState) -> None:
        """Take a price under an open position: equity, limits, and an exit that is still owed."""
        self._see_equity()
        self._hold_to_limits(book)
        if book.closing:
            self.trader.close(book, book.closing)
        self._calm = calm_bands(
            self.books.values(), self.portfolio.cash, self._drawdown, self.watch
        )

    def _hold_to_limits(self, book: InstrumentState) -> None:
        """React in this very call if the position's own limits are reached."""
        ladder = self.watch.loses(book)
        if ladder is not None:
            self._lost(ladder, self.watch.net(book), book)
        if book.watch is not None:
            self._endangered(book)

    def _catch_up(self) -> None:
        """Work out the equity that calm prices have left as it was."""
        if self._late:
            self._late = False
            self._equity = self.trader.exposure.equity()
            self._drawdown.see(self._equity)

    @property
    def drawdown(self) -> Drawdown:
        """The equity's peak and falls, as of the last price."""
        self._catch_up()
        return self._drawdown

    def _see_equity(self) -> None:
        """Take the equity as it is now, and react in this very call if a loss limit is reached."""
        self._late = False
        self._equity = equity = self.trader.exposure.equity()
        self._drawdown.see(equity)
        if self.watch.floor is None or equity > self.watch.floor:
            return
        for ladder in self.watch.see(equity):
            self._lost(ladder, equity, None)

    def _lost(self, ladder: LossLimit, value: Decimal, book: InstrumentState | None) -> None:
        """A loss limit reached a step: an alert, or the reaction (close the trade; or halt and flatten)."""
        assert ladder.cap is not None
        name = "" if book is None else f"{book.symbol} "
        text = name + describe(ladder.reason, ladder.loss(value), ladder.cap)
        if ladder.stage < REACHED:
            self.trader.out.append(Notify(self.now, "warning", text))
        elif book is not None:
            self.trader.out.append(Notify(self.now, "critical", f"{text}; closing"))
            self.trader.close(book, ladder.reason)
        else:
            self._halt(ladder.reason, text)
            self._flatten(ladder.reason)

    def _endangered(self, book: InstrumentState) -> None:
        """Liquidation comes near: say so once, and close before it is there."""
        danger = self.watch.danger(book)
        if danger <= book.danger:
            return
        book.danger = danger
        risk = self.watch.risk(book)
        text = f"{book.symbol} liquidation risk {risk:.0f}%"
        if danger == CLOSE:
            self.trader.out.append(Notify(self.now, "critical", f"{text}; closing"))
            self.trader.close(book, "liquidation_risk")
        else:
            self.trader.out.append(Notify(self.now, "critical", text))

    def _flatten(self, why: str) -> None:
        self.trader.flattening = why  # what an entry in flight still fills goes the same way
        for book in self.books.values():
            if book.holding.qty:
                self.trader.close(book, why)

    def warm(self, bar: Bar) -> None:
        """Feed a bar of the past to its strategy only: warm-up, and restoring after a restart.

        Errors of the strategy pass through.
        """
        if (book := self.books.get(bar.symbol)) is None:
            return
        bar = bar.punctual()
        for whole in (bar,) if book.resampler is None else book.resampler.add(bar):
            book.strategy.on_bar(whole)
            book.cold = max(0, book.cold - 1)

    def _judge(self, book: InstrumentState, signal: object, bar: Bar) -> None:
        """Make a strategy's answer exact and hand it on; nonsense stops the run."""
        heard = hear(self.trader.signals + 1, signal, bar)
        if isinstance(heard, Fault):
            self._fail(heard.of(book.strategy))
        else:
            self.trader.signals += 1
            self.trader.act(book, *heard)

    def _fail(self, fault: Fault) -> None:
        """A strategy that cannot be trusted ends the run: no entries; stops stay where they are."""
        self._halt("strategy", str(fault))
        self.trader.out.append(StopRun(self.now, fault.text, True, fault.file, fault.line))

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
        self.trader.out.extend(self.trades.take(self.now, fill.symbol, booked))
        self.watch.begin(book)
        self._see_equity()
        if booked.trips:
            self._point("trade", self.now)
        self.trader.settle(book, before)
        if holding.qty:
            self._hold_to_limits(book)
        self._hold_count()

    def _on_update(self, event: OrderUpdate) -> None:
        if (book := self.books.get(event.symbol)) is not None:
            self.trader.take_update(book, event)

    def _on_funding(self, event: FundingPaid) -> None:
        self.portfolio.fund(event.symbol, event.exchange_time, event.amount)
        self.trader.out.append(
            FundingBooked(self.now, event.symbol, event.amount, event.rate, event.mark, event.qty)
        )
        self._see_equity()
        book = self.books.get(event.symbol)
        if book is not None and book.holding.qty:
            self._hold_to_limits(book)

    def _hold_count(self) -> None:
        """As many positions as may be are open: entries that still work would be one too many."""
        cap = self.config.limits.max_positions
        if cap is None or cap > len(self.books):
            return
        if sum(1 for b in self.books.values() if b.holding.qty) >= cap:
            self.trader.cancel_entries("as many positions as may be are open", flat_only=True)

    # -- time, people, news ----------------------------------------------------------------------

    def _roll(self, at: int) -> None:
        """An hour has begun, perhaps a day: note the equity before anything of the new one happens."""
        self._catch_up()
        self._calm = NEVER
        boundary = at - at % HOUR_MS
        self._next_hour = boundary + HOUR_MS
        if not self.started:
            return
        new_day = self.watch.roll(at, self._equity)
        self._point("day" if new_day else "hour", boundary)
        if new_day and self.config.auto_resume:
            self._auto_resume()
        self.trader.heed_blackout(at)

    def _auto_resume(self) -> None:
        for ladder in (self.watch.day, self.watch.week):
            if ladder.reason in self.halts.reasons and ladder.stage < REACHED:
                self._clear(ladder.reason, "policy", "its period is over (auto_resume)")

    def _point(self, why: str, at: int) -> None:
        self.trader.out.append(
            EquityPoint(at, self._equity, self.portfolio.cash, self.drawdown.now, why)
        )

    def _on_wake_up(self, key: str) -> None:
        kind, _, rest = key.partition(":")
        match kind:
            case "ttl":
                self.trader.expire(rest)
            case "stale":
                self.trader.check_price(rest)
            case "stop":
                self.trader.check_stop(rest)
            case "blackout":
                self.trader.cancel_entries("blackout")

    def _on_start(self, event: RunStarted) -> None:
        if not self.started:
            self.watch.roll(event.at, self._equity)
        self.started = True
        self.trader.paused.clear()  # the feeds of this start have yet to fall silent
        self.trader.heed_blackout(event.at)
        self.run = event.run
        self.trader.prefix = f"tb{event.instance}-{event.nonce}"

    def _on_account(self, event: AccountSnapshot) -> None:
        """Compare the venue's wallet with the ledger's: cash plus the cost of what is held."""
        held = (a.holding for a in self.portfolio.accounts.values())
        wallet = self.portfolio.cash + sum((h.qty * h.entry for h in held), ZERO)
        if wallet != event.wallet:
            text = f"the venue's wallet is {plain(event.wallet)}, the ledger says {plain(wallet)}"
            self._halt("account", text)

    def _on_feed(self, event: FeedStatus) -> None:
        """A feed that is silent pauses entries on its symbols and cancels those that work."""
        names = [event.symbol] if event.symbol else list(self.books)
        for name in names:
            if event.live:
                self.trader.paused.pop(name, None)
            else:
                self.trader.paused[name] = "its feed is silent"
        if not event.live:
            self.trader.cancel_entries("feed silent", names)
        word = "is back" if event.live else "is silent"
        level = "info" if event.live else "warning"
        text = f"{event.symbol or 'the feed'} {word}. {event.detail}".strip()
        self.trader.out.append(Notify(self.now, level, text))

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
        """Clear the reasons whose own condition holds; name those that stay, and why."""
        cleared, kept = [], []
        for reason in list(self.halts.reasons):
            obstacle = self.watch.obstacle(reason, command.review)
            if obstacle:
                kept.append(f"{reason} stays: {obstacle}")
            else:
                self._clear(reason, command.who, command.reason)
                cleared.append(reason)
        if not cleared and not kept:
            return "was not halted", True
        words = [f"resumed: {', '.join(cleared)}"] if cleared else []
        return "; ".join(words + kept), not kept

    def _clear(self, reason: str, who: str, why: str) -> None:
        self.halts.clear(reason)
        self.trader.out.append(Resumed(self.now, reason, who, why, self.halts.epoch))
        if not self.halts.reasons:
            self.trader.flattening = ""

    def _close_all(self, command: Command) -> str:
        self._halt("user", f"{command.who}: close-all, {command.reason}")
        held = [book for book in self.books.values() if book.holding.qty]
        self._flatten("close_all")
        return f"closing {len(held)} position(s)" if held else "nothing to close"

    def _halt(self, reason: str, detail: str) -> None:
        if self.halts.add(reason, detail, self.now):
            self.halts_seen += 1
            self.trader.out.append(Halted(self.now, reason, detail, self.halts.epoch))
            self.trader.out.append(Notify(self.now, "critical", f"HALT {reason}: {detail}"))
        self.trader.cancel_entries(f"halt: {reason}")

    # -- what others may know --------------------------------------------------------------------

    @property
    def tally(self) -> Tally:
        """The closed trades, added up."""
        return self.trades.tally

    def holds(self, symbol: str) -> bool:
        """Return whether a position is open on the symbol."""
        return bool(self.books[symbol].holding.qty)

    def equity(self) -> Decimal:
        """Return cash plus open positions at their last price (USDT)."""
        return self.trader.exposure.equity()

    def export_state(self) -> dict[str, Any]:
        """Return everything but the strategies' insides as JSON values.

        ``restore`` on a fresh engine plus ``warm`` with the same bars gives an equal engine.
        """
        self._catch_up()
        return {
            "now": self.now,
            "started": self.started,
            "run": self.run,
            "portfolio": self.portfolio.export_state(),
            "halts": self.halts.export_state(),
            "halts_seen": self.halts_seen,
            **self.trades.export_state(),
            "drawdown": self.drawdown.export_state(),
            "books": {symbol: book.export_state() for symbol, book in self.books.items()},
            "trader": self.trader.export_state(),
            "watch": self.watch.export_state(),
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
        self._drawdown.restore(state["drawdown"])
        for symbol, book in self.books.items():
            book.holding = self.portfolio.holding(symbol)
            book.restore(state["books"][symbol], self.config.limits.trade_loss)
        self.watch.restore(state["watch"])
        self.trader.restore(state["trader"])
        self.trades.restore(state, self.portfolio)
        self._next_hour = state["next_hour"]
        self._equity = Decimal(state["equity"])
