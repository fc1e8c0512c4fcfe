"""The engine: one pure function from event to effects.

``Engine.process`` is the only place where trading is decided. It reads no clock, draws no random
number, does no I/O and is never re-entered; the same events give the same effects, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import inf
from typing import Any

from tradebot.core.model.effects import Effect, EquityPoint, Notify, StopRun
from tradebot.core.model.events import (
    AccountRead,
    CashAnnounced,
    CashMoved,
    Command,
    Event,
    Filled,
    FundingPaid,
    OrderSeen,
    OrderUpdate,
    Other,
    PriceSeen,
    RunStarted,
    SignedAnew,
    StageLowered,
    WakeUp,
    is_acknowledgement,
)
from tradebot.core.model.frozen import frozen
from tradebot.core.model.values import HOUR_MS, MINUTE_MS, Bar, Fees, Instrument, Quote
from tradebot.core.risk.calm import NEVER
from tradebot.core.risk.limits import Limits
from tradebot.core.risk.monitor import Monitor, Reached
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.metrics import Drawdown, Tally
from tradebot.core.state.portfolio import Portfolio
from tradebot.core.state.trips import Trades
from tradebot.core.strategy.fault import Fault, raised
from tradebot.core.strategy.protocol import Signal, Strategy
from tradebot.core.strategy.resample import Resampler
from tradebot.core.trading.account_setting import AccountSetting
from tradebot.core.trading.accounts import Accounts
from tradebot.core.trading.answers import Answers
from tradebot.core.trading.approval import Approval
from tradebot.core.trading.cash_lines import CashLines
from tradebot.core.trading.commands import Commands
from tradebot.core.trading.corrections import Corrections
from tradebot.core.trading.countdowns import Countdowns
from tradebot.core.trading.deadlines import Deadlines
from tradebot.core.trading.engine_state import export_engine, restore_engine
from tradebot.core.trading.entries import Entries
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.news import News
from tradebot.core.trading.protection import Protection
from tradebot.core.trading.reactions import Reactions
from tradebot.core.trading.shared import STOPPING, Execution, Shared
from tradebot.core.trading.trading_rules import TradingRules
from tradebot.core.trading.wish import hear

NOTHING: tuple[Effect, ...] = ()


@frozen
class EngineConfig:
    """Everything the engine is told once. Intervals in milliseconds, money in USDT.

    ``interval`` is that of the bars it will be fed, ``timeframe`` the strategy's. ``quotes`` says that
    quotes come beside the bars: then they, not the bars, are the price. ``leverage`` is the account's.
    ``auto_resume`` clears a loss halt when its day (week) is over; ``signoff_equity`` is the equity at the sign-off, None without one.
    ``reached`` are the loss limits that an earlier run of the account reached and nobody has resumed.
    ``stage`` is the live stage whose limits these are, 0 where none binds. ``outside`` says that the broker is outside the process: its answers come late, twice, out of order or never;
    ``drops_stops`` that it is known to lose stops it has accepted, ``unproved`` that nobody has seen one stand there.
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
    reached: tuple[Reached, ...] = ()
    outside: bool = False
    drops_stops: bool = False
    unproved: bool = False
    stage: int = 0


class Engine:
    """Decides everything. Feed it events in order; carry out the effects it returns."""

    def __init__(self, config: EngineConfig, make_strategy: Callable[[str], Strategy]) -> None:
        self.config = config
        self.now = 0
        self.started = False
        self.run = ""
        self.portfolio = Portfolio(config.start_equity, config.symbols)
        self.trades = Trades(len(config.symbols))
        start, signoff = config.start_equity, config.signoff_equity
        self.watch = Monitor(config.limits, config.fees.taker, config.leverage, start, signoff)
        self.books = {symbol: self._book(symbol, make_strategy) for symbol in config.symbols}
        self.shared = shared = Shared(
            self.books,
            self.portfolio,
            config.limits,
            config.fees,
            config.execution,
            self.watch,
            outside=config.outside,
        )
        shared.unproved, shared.stage = config.unproved, config.stage
        self.halts, self.table = shared.halts, shared.table
        self.exits = Exits(shared)
        self.protection = Protection(shared, self.exits, drops_stops=config.drops_stops)
        self.entries = Entries(shared, self.exits, self.protection)
        self.reactions = Reactions(shared, self.exits, start)
        self.cash = CashLines(shared, self.reactions)
        self.answers = Answers(
            *(shared, self.reactions, self.entries, self.exits, self.protection),
            self.trades,
            self.cash,
        )
        corrections = Corrections(shared, self.exits, self.protection, self.answers)
        self.accounts = Accounts(shared, self.exits, self.answers, self.cash, corrections)
        self.commands = Commands(shared, self.exits)
        self.approval = Approval(shared, self.reactions, self.commands)
        self.rules = TradingRules(shared, self.exits)
        setting = AccountSetting(shared, self.reactions)
        self.news = News(shared, self.exits, self.accounts, setting, self.rules)
        self.countdowns = Countdowns(shared)
        self.deadlines = Deadlines(
            *(shared, self.exits, self.protection, self.answers, self.accounts),
            self.cash,
            self.countdowns,
        )
        self._quoted = config.quotes
        self.next_hour = 0
        self._away = False

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
        table = self.table
        self.now = self.shared.now = table.now = at
        if at >= self.next_hour:
            self._roll(at)
        if type(event) is Bar:  # the hot path, and a class pattern costs more than it looks
            self._on_bar(event)
        else:
            self._on_no_bar(event)  # type: ignore[arg-type]  # no engine is told of another kind of bar
        if table.entries and not is_acknowledgement(event):
            self.entries.review_entries()
        if table.outside:
            if self.countdowns.wanted or self.countdowns.told:
                self.countdowns.heed()
            self.deadlines.set_alarm()
        out = table.out
        if not out:
            return NOTHING
        effects = tuple(out)
        out.clear()
        return effects

    def _on_no_bar(self, event: Quote | PriceSeen | Other) -> None:
        match event:
            case Quote():
                self._on_quote(event)
            case PriceSeen():
                self._on_price_seen(event)
            case _:
                self.reactions.disturb()
                self._on_other(event)

    def _on_other(self, event: Other) -> None:
        match event:
            case Filled():
                self.answers.take_fill(event)
                self.accounts.settle()
            case OrderUpdate():
                self.answers.take_update(event)
                self.accounts.settle()
            case OrderSeen():
                self.answers.take_look_up(event)
                self.accounts.settle()
            case FundingPaid():
                self.cash.take_funding(event)
            case CashMoved():
                self.cash.take(event)
            case CashAnnounced():
                self.cash.take_announced(event)
            case WakeUp(key=key):
                self._on_wake_up(key)
            case Command():
                self.commands.take(event)
                self.shared.out.extend(self.reactions.take_lows())
            case RunStarted():
                self._on_start(event)
            case StageLowered() | SignedAnew():
                self.approval.take(event)
            case AccountRead():
                self.news.take(event)
                self.reactions.take_margins(event)
            case _:
                self.news.take(event)

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
            self.reactions.move(book, mark, bid if qty > 0 else ask)

    def _on_bar(self, bar: Bar) -> None:
        book = self.books.get(bar.symbol)
        if book is None:
            return
        if not 0.0 < bar.low <= bar.close <= bar.high < inf:
            self._distrust(book, bar)
            return
        if not self._quoted:
            book.last = bar  # book.see and reactions.move, written out: this is the hot path
            book.mark = None
            book.inside = book.faulty = False
            if book.holding.qty:
                reactions, close = self.reactions, bar.close
                if close < book.low:
                    book.low = close
                elif close > book.high:
                    book.high = close
                band = reactions.calm.get(bar.symbol)
                if band is not None and band[0] < close < band[1]:
                    reactions.late = True
                else:
                    reactions.value(book)
        else:  # beside quotes it comes when it comes: a strategy sees the same bar in every mode
            bar = bar.punctual()
        for whole in (bar,) if book.resampler is None else book.resampler.add(bar):
            try:  # not a function of its own: see above
                signal = book.strategy.on_bar(whole)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._fail(raised(error, whole).of(book.strategy))
                continue
            if signal is not None or book.cold:
                self._hear(book, signal, whole)

    def _hear(self, book: InstrumentState, signal: Signal | None, bar: Bar) -> None:
        """Take what a strategy said to a bar; while it is cold that is nothing."""
        if book.cold:
            book.cold -= 1
            if signal is not None:
                self.entries.hush(book)
        elif self.started:
            self.reactions.calm = NEVER
            self._judge(book, signal, bar)

    def _distrust(self, book: InstrumentState, price: Bar | Quote) -> None:
        """A price that is none: entries wait until the next good one, exits go by the last good one."""
        if not book.faulty:
            book.faulty = True
            self.shared.cancel_entries("nonsense price", (book.symbol,))
            self.shared.out.append(Notify(self.now, "warning", f"no price to trust: {price!r}"))

    def _on_price_seen(self, event: PriceSeen) -> None:
        book = self.books[event.symbol]
        book.see_inside(event.price)
        if book.holding.qty:
            price = float(event.price)
            self.reactions.move(book, price, price)

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
        heard = hear(self.entries.signals + 1, signal, bar)
        if isinstance(heard, Fault):
            self._fail(heard.of(book.strategy))
        else:
            self.entries.signals += 1
            self.entries.act(book, *heard)

    def _fail(self, fault: Fault) -> None:
        """A strategy that cannot be trusted ends the run: no entries; stops stay where they are."""
        self.shared.halt("strategy", str(fault))
        self.shared.out.append(StopRun(self.now, fault.text, True, fault.file, fault.line))

    # -- time and news ---------------------------------------------------------------------------

    def _roll(self, at: int) -> None:
        """An hour has begun, perhaps a day: note the equity before anything of the new one happens."""
        self.reactions.disturb()
        boundary = at - at % HOUR_MS
        self._away = boundary > self.next_hour
        self.next_hour = boundary + HOUR_MS
        if not self.started:
            return
        new_day = self.watch.roll(at, self.reactions.equity)
        self.reactions.point("day" if new_day else "hour", boundary)
        if new_day and self.config.auto_resume:
            self.commands.resume_by_policy()
        self.entries.heed_blackout(at)
        self.table.forget_old()

    def _on_wake_up(self, key: str) -> None:
        kind, _, rest = key.partition(":")
        match kind:
            case "ttl":
                self.entries.expire(rest)
            case "stale":
                self.entries.check_price(rest)
            case "stop":
                self.protection.check_stop(rest)
            case "blackout":
                self.shared.cancel_entries("blackout")
            case "orders":
                self.deadlines.wake()
            case "gap":
                self.reactions.point("gap", self.now)

    def _on_start(self, event: RunStarted) -> None:
        shared = self.shared
        if not self.started:
            self.watch.roll(event.at, self.reactions.equity)
            for limit in self.config.reached:
                self.watch.inherit(limit)
                shared.halt(limit.reason, limit.detail)
            self.reactions.point("start", event.at)
        elif self._away:  # by then every symbol has shown a price again
            self._away = False
            shared.wake_at("gap", event.at + MINUTE_MS)
        self.started = True
        shared.hold_to(self.config.limits, self.config.stage)
        shared.paused.clear()  # the feeds of this start have yet to fall silent
        shared.blocked.pop(STOPPING, None)
        self.entries.heed_blackout(event.at)
        self.run = event.run
        shared.instance = event.instance
        shared.nonces = frozenset((*event.nonces, event.nonce)) if event.nonces else frozenset()
        self.table.prefix = f"tb{event.instance}-{event.nonce}"
        self.deadlines.alarm = 0
        self.news.begin(event.doubt, event.protect, resumed=event.resumed)
        if event.resumed:
            self.table.look_up_unsettled()
            self.answers.wait_anew()
            self.cash.wait_anew()
            for book in self.books.values():  # it is asked first whether a stop is in place
                book.bare_since = book.bare_since and event.at
        if self.config.outside:
            self.accounts.begin()

    # -- what others may know --------------------------------------------------------------------

    @property
    def tally(self) -> Tally:
        """The closed trades, added up."""
        return self.trades.tally

    @property
    def drawdown(self) -> Drawdown:
        """The equity's peak and falls, as of the last price."""
        return self.reactions.drawdown

    def end(self) -> list[EquityPoint]:
        """Return the end of the equity curve: the lows that no point has told of yet, and where it ends."""
        return self.reactions.end() if self.started else []

    @property
    def halts_seen(self) -> int:
        """How many halts the run has had."""
        return self.halts.seen

    def holds(self, symbol: str) -> bool:
        """Return whether a position is open on the symbol."""
        return bool(self.books[symbol].holding.qty)

    def is_flat(self) -> bool:
        """Whether the account was read whole since the start, nothing is held by it or by us, and no order of ours is out."""
        held = any(book.read or self.shared.holds(book) for book in self.books.values())
        return self.accounts.is_read and not held and not self.table.live

    def equity(self) -> Decimal:
        """Return cash plus open positions at their last price (USDT)."""
        return self.shared.exposure.equity()

    def export_state(self) -> dict[str, Any]:
        """Return everything but the strategies' insides as JSON values.

        ``restore`` on a fresh engine plus ``warm`` with the same bars gives an equal engine.
        """
        return export_engine(self)

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values; the strategies are warmed by the caller."""
        restore_engine(self, state)
