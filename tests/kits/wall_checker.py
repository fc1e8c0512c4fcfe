"""An auditor beside a session: it sees each event with its effects and holds them to DESIGN section 6.

It keeps books of its own (cash, positions, orders, prices, baselines, halts) and works every limit out
by itself; nothing of the gate, the monitor or the portfolio is used. A broken rule is an AssertionError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from tradebot.broker.simulated import SimulatedBroker
from tradebot.core.model.effects import (
    Cancel,
    Effect,
    FillBooked,
    Halted,
    Place,
    Resumed,
    SignalJudged,
    TradeClosed,
)
from tradebot.core.model.events import (
    Event,
    FeedStatus,
    Filled,
    FundingPaid,
    OrderUpdate,
    PriceSeen,
    RunStarted,
)
from tradebot.core.model.money import ceil_to, floor_to
from tradebot.core.model.values import (
    Bar,
    Fill,
    Instrument,
    Order,
    OrderStatus,
    OrderType,
    Quote,
    Side,
)
from tradebot.core.trading.engine import EngineConfig
from tradebot.core.trading.session import Session

D = Decimal
ZERO = D(0)
DAY = 86_400_000
HOUR = 3_600_000
LOSSES = ("day_loss", "week_loss", "signoff_loss")
ENDED = (OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.FILLED)


@dataclass
class Live:
    """An order that may still trade."""

    order: Order
    left: Decimal
    cancelling: bool = False

    @property
    def entry(self) -> bool:
        return not self.order.reduce_only


@dataclass
class Account:
    """One symbol: what is held, at what average, and the cash flows of the round trip."""

    qty: Decimal = ZERO
    entry: Decimal = ZERO
    trip: Decimal = ZERO
    stop: Decimal | None = None
    owed: bool = False  # an exit ended without closing: the next price must send another


@dataclass
class Price:
    mark: Decimal
    bid: Decimal
    ask: Decimal
    shown: int
    pause: int


@dataclass
class Record:
    """What happened, for the counts."""

    events: int = 0
    steps: int = 0
    approved: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    halts: Counter[str] = field(default_factory=Counter)
    exits: Counter[str] = field(default_factory=Counter)
    reactions: Counter[str] = field(default_factory=Counter)
    overshoot: dict[str, Decimal] = field(default_factory=dict)
    restarts: int = 0
    partial: int = 0

    def add(self, other: Record) -> None:
        self.events += other.events
        self.steps += other.steps
        self.approved += other.approved
        self.refused += other.refused
        self.halts += other.halts
        self.exits += other.exits
        self.reactions += other.reactions
        self.restarts += other.restarts
        self.partial += other.partial
        for rule, loss in other.overshoot.items():
            self.overshoot[rule] = max(loss, self.overshoot.get(rule, ZERO))


class Checker:
    """Watches one run, through restarts: ``watch`` each new session."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.limits = config.limits
        self.fee = config.fees.taker
        self.accounts = {symbol: Account() for symbol in config.symbols}
        self.prices: dict[str, Price] = {}
        self.orders: dict[str, Live] = {}
        self.halts: set[str] = set()
        self.paused: set[str] = set()
        self.cash = config.start_equity
        self.base = dict.fromkeys(LOSSES, config.start_equity)
        if config.signoff_equity is not None:
            self.base["signoff_loss"] = config.signoff_equity
        self.caps = {
            "day_loss": self.limits.day_loss,
            "week_loss": self.limits.week_loss,
            "signoff_loss": None
            if config.signoff_equity is None
            else self.limits.since_signoff_loss,
        }
        self.day = -1
        self.week = -1
        self.started = False
        self.value = config.start_equity
        self.now = 0
        self.last_entry: int | None = None
        self.used: set[str] = set()
        self.record = Record()

    def watch(self, session: Session) -> None:
        session.sink = self.see

    # -- one event ------------------------------------------------------------------------------

    def see(self, event: Event, effects: Sequence[Effect]) -> None:
        assert event.at >= self.now
        self.now = event.at
        self.record.events += 1
        self._roll(event)
        symbol = self._apply(event)
        judged: SignalJudged | None = None
        for effect in effects:
            match effect:
                case SignalJudged():
                    judged = effect
                case Place(approved):
                    self._placed(approved.order, judged)
                case Cancel():
                    if effect.order_id in self.orders:
                        self.orders[effect.order_id].cancelling = True
                case Halted():
                    self._check_halt(effect.reason)
                    self.halts.add(effect.reason)
                    self.record.halts[effect.reason] += 1
                case Resumed():
                    self.halts.remove(effect.reason)
                case FillBooked():
                    assert effect.position == self.accounts[effect.fill.symbol].qty
                case TradeClosed():
                    self.record.exits[effect.exit_reason] += 1
                case _:
                    pass
        self.value = self.equity()
        self._hold(symbol, event)

    def _roll(self, event: Event) -> None:
        """The equity before any event at or after midnight is the new day's baseline."""
        if isinstance(event, RunStarted):
            self.paused.clear()
            if not self.started:
                self.started = True
                self.day, self.week = self._period(event.at)
        day, week = self._period(event.at)
        if not self.started or day == self.day:
            return
        self.base["day_loss"] = self.value
        if week != self.week:
            self.base["week_loss"] = self.value
        self.day, self.week = day, week

    @staticmethod
    def _period(at: int) -> tuple[int, int]:
        day = at // DAY
        return day, (day + 3) // 7  # 1970-01-01 was a Thursday

    def _apply(self, event: Event) -> str:
        """Take the event into the books; return the symbol whose price it shows, else ""."""
        match event:
            case Quote():
                mark, bid, ask = event.exact_mark, event.exact_bid, event.exact_ask
                self.prices[event.symbol] = Price(mark, bid, ask, event.exchange_time, 0)
                return event.symbol
            case Bar():
                if self.config.quotes:
                    return ""
                price = event.exact_close
                self.prices[event.symbol] = Price(price, price, price, event.at, event.interval)
                return event.symbol
            case PriceSeen():
                known = self.prices[event.symbol]
                price = event.price
                self.prices[event.symbol] = Price(price, price, price, known.shown, known.pause)
                return event.symbol
            case Filled():
                self._fill(event.fill)
                return event.fill.symbol
            case FundingPaid():
                self.cash += event.amount
                if self.accounts[event.symbol].qty:
                    self.accounts[event.symbol].trip += event.amount
                return event.symbol
            case OrderUpdate():
                self._update(event)
            case FeedStatus():
                names = {event.symbol} if event.symbol else set(self.accounts)
                self.paused = self.paused - names if event.live else self.paused | names
            case _:
                pass
        return ""

    def _fill(self, fill: Fill) -> None:
        account = self.accounts[fill.symbol]
        live = self.orders.get(fill.order_id)
        if live is not None:
            live.left -= fill.qty
            assert live.left >= 0
            if live.entry and live.left:
                self.record.partial += 1
            if not live.left:
                del self.orders[fill.order_id]
        sign = 1 if fill.side is Side.BUY else -1
        signed = sign * fill.qty
        before = account.qty
        reduces = live is None or live.order.reduce_only
        if reduces:
            assert before * signed < 0, f"a closing fill enlarges: {before} {fill}"
            assert abs(signed) <= abs(before), f"a closing fill flips: {before} {fill}"
        else:
            assert before * signed >= 0, f"an entry reduces: {before} {fill}"
            cost = Fraction(account.entry) * Fraction(abs(before)) + Fraction(fill.price * fill.qty)
            average = cost / Fraction(abs(before) + fill.qty)
            account.entry = D(round(average * 10**8)).scaleb(-8)
        account.qty += signed
        flow = -signed * fill.price - fill.fee
        self.cash += flow
        account.trip += flow
        if not account.qty:
            account.trip = account.entry = ZERO
            account.owed = False

    def _update(self, update: OrderUpdate) -> None:
        live = self.orders.get(update.order_id)
        if live is None:
            return
        if update.qty is not None:
            live.left = update.qty
        gone = update.status in ENDED or (
            update.status is OrderStatus.EXPIRED and not (update.qty or ZERO)
        )
        if gone:
            del self.orders[update.order_id]
            account = self.accounts[update.symbol]
            account.owed |= bool(account.qty) and live.order.purpose.value == "x"

    # -- what leaves ------------------------------------------------------------------------------

    def _placed(self, order: Order, judged: SignalJudged | None) -> None:
        assert order.id not in self.used
        assert len(order.id) <= 36
        self.used.add(order.id)
        self._check_filters(order)
        account = self.accounts[order.symbol]
        if order.reduce_only:
            assert account.qty
            assert (account.qty > 0) == (order.side is Side.SELL)
            assert order.qty <= abs(account.qty)
            if order.purpose.value == "s":
                self._check_trail(account, order)
            if order.purpose.value == "x":
                account.owed = False
        else:
            assert judged is not None
            assert judged.verdict == "approved"
            self._check_entry(order, judged)
            self.last_entry = self.now
        self.orders[order.id] = Live(order, order.qty)

    def _check_halt(self, reason: str) -> None:
        """A loss halts when its limit is reached, and not before."""
        cap = self.caps.get(reason)
        if cap is not None:
            assert self.base[reason] - self.equity() >= cap, f"{reason} too early"

    def _check_filters(self, order: Order) -> None:
        rules = self.config.instruments[order.symbol]
        assert order.qty >= rules.min_qty
        assert order.qty % rules.step == 0
        limit = order.type is OrderType.LIMIT
        assert order.qty <= (rules.max_qty if limit else rules.market_max_qty)
        for price in (order.price, order.trigger):
            if price is not None:
                assert rules.min_price <= price <= rules.max_price
                assert price % rules.tick == 0
        if not order.reduce_only:
            price = order.price or self.prices[order.symbol].mark
            assert order.qty * price >= rules.min_notional

    def _check_trail(self, account: Account, order: Order) -> None:
        """A stop comes only nearer."""
        assert order.trigger is not None
        if account.stop is not None:
            away = order.trigger - account.stop
            assert away >= 0 if account.qty > 0 else away <= 0
        account.stop = order.trigger

    def _check_entry(self, order: Order, judged: SignalJudged) -> None:
        limits, now, symbol = self.limits, self.now, order.symbol
        assert not self.halts, f"an entry while halted: {self.halts}"
        assert symbol not in self.paused
        assert symbol in limits.symbols
        assert self.config.leverage <= (limits.leverage or 1000)
        for at in (now, now + 1):
            assert at // HOUR % 24 not in limits.blackout_hours
        if self.last_entry is not None and limits.entry_interval_s:
            assert now - self.last_entry >= limits.entry_interval_s * 1000
        price = self.prices[symbol]
        if limits.stale_s is not None:
            assert now - price.shown <= limits.stale_s * 1000
        mine = self.accounts[symbol]
        assert not mine.qty  # it never adds to a position
        assert not [o for o in self.orders.values() if o.order.symbol == symbol], "an orphan rests"
        taken = [s for s in self.accounts if s != symbol and self._taken(s)]
        if limits.max_positions is not None:
            assert len(taken) < limits.max_positions
        self._check_money(order, judged, price)

    def _taken(self, symbol: str) -> bool:
        working = any(o.entry and o.order.symbol == symbol for o in self.orders.values())
        return bool(self.accounts[symbol].qty) or working

    def _check_money(self, order: Order, judged: SignalJudged, price: Price) -> None:
        limits = self.limits
        buys = order.side is Side.BUY
        rules = self.config.instruments[order.symbol]
        stop = None
        if judged.stop is not None:
            stop = (ceil_to if buys else floor_to)(judged.stop, rules.tick)
        assert stop is not None or not limits.stop_required
        slip = self.config.execution.slippage_bps / 10_000
        dear, cheap = max(price.mark, price.ask), min(price.mark, price.bid)
        worst = order.price or (dear * (1 + slip) if buys else cheap * (1 - slip))
        counted = max(dear, worst)
        if limits.position_value is not None:
            assert order.qty * counted <= limits.position_value
        own = self._unit_risk(order.side.sign, worst, stop, price) * order.qty
        if limits.trade_loss is not None:
            assert own <= limits.trade_loss
        risk = own + self._open_risk()
        equity = self.equity()
        for rule, cap in self.caps.items():
            if cap is not None:
                assert self.base[rule] - equity + risk <= cap, rule
        if stop is not None:
            assert stop < min(cheap, worst) if buys else stop > max(dear, worst)
            if limits.liquidation_close_pct is not None:
                signed = order.qty if buys else -order.qty
                at_stop = self._risk_pct(rules, signed, worst, stop)
                assert at_stop < limits.liquidation_close_pct
        if limits.margin_utilisation_pct is not None:
            used = self._notionals() + order.qty * counted
            most = limits.margin_utilisation_pct * equity * self.config.leverage
            assert used * 100 <= most
        mine = self.accounts[order.symbol]
        mine.stop = stop
        self.record.approved += 1

    def _unit_risk(self, sign: int, price: Decimal, stop: Decimal | None, shown: Price) -> Decimal:
        if stop is None:
            return price * (1 + self.fee)
        slippage = max(price * D("0.002"), 2 * (shown.ask - shown.bid))
        distance = max(
            ZERO, sign * (price - stop)
        )  # a stop that was passed costs no more than that
        return distance + (price + stop) * self.fee + slippage

    def _open_risk(self) -> Decimal:
        total = ZERO
        for symbol, account in self.accounts.items():
            if account.qty:
                sign = 1 if account.qty > 0 else -1
                leave, shown = self._leave(symbol), self.prices[symbol]
                total += abs(account.qty) * self._unit_risk(sign, leave, account.stop, shown)
        for live in self.orders.values():
            if live.entry:
                symbol = live.order.symbol
                price = self.prices[symbol]
                sign = live.order.side.sign
                worst = live.order.price or (price.ask if sign > 0 else price.bid)
                stop = self.accounts[symbol].stop
                total += live.left * self._unit_risk(sign, worst, stop, price)
        return total

    def _leave(self, symbol: str) -> Decimal:
        price = self.prices[symbol]
        if self.accounts[symbol].qty > 0:
            return min(price.mark, price.bid)
        return max(price.mark, price.ask)

    def _notionals(self) -> Decimal:
        total = sum((abs(a.qty) * a.entry for a in self.accounts.values()), ZERO)
        for live in self.orders.values():
            if live.entry:
                price = self.prices[live.order.symbol]
                total += live.left * max(price.ask, live.order.price or price.ask)
        return total

    def _risk_pct(self, rules: Instrument, qty: Decimal, entry: Decimal, mark: Decimal) -> Decimal:
        """Maintenance margin in percent of what is left of the isolated margin."""
        notional = abs(qty) * mark
        tier = next((t for t in rules.tiers if notional <= t.cap), rules.tiers[-1])
        margin = Fraction(abs(qty) * entry) / self.config.leverage
        left = margin + Fraction(qty * (mark - entry))
        if left <= 0:
            return D(1000)
        return D(float(Fraction(notional * tier.rate - tier.cum) / left * 100))

    # -- what must hold after every event ---------------------------------------------------------

    def equity(self) -> Decimal:
        return self.cash + sum(
            (a.qty * self.prices[s].mark for s, a in self.accounts.items() if a.qty), ZERO
        )

    def _hold(self, shown: str, event: Event) -> None:
        for rule, cap in self.caps.items():
            if cap is not None and self.base[rule] - self.value >= cap:
                assert rule in self.halts, f"{rule} reached without a halt"
                self._overshot(rule, self.base[rule] - self.value - cap)
        flatten = bool(self.halts & set(LOSSES))
        for symbol, account in self.accounts.items():
            if account.qty:
                self._hold_position(symbol, account, shown, flatten)
        self._hold_entries()

    def _overshot(self, rule: str, beyond: Decimal) -> None:
        self.record.overshoot[rule] = max(beyond, self.record.overshoot.get(rule, ZERO))

    def _hold_position(self, symbol: str, account: Account, shown: str, flatten: bool) -> None:
        working = [o for o in self.orders.values() if o.order.symbol == symbol]
        leaving = any(o.order.purpose.value == "x" for o in working)
        leaving = leaving or (account.owed and shown != symbol)
        if leaving:
            assert all(o.cancelling for o in working if o.entry), f"{symbol} leaves and enters"
            return
        assert not flatten, f"{symbol} stays open after a loss limit"
        stops = [o for o in working if o.order.type is OrderType.STOP_MARKET]
        if account.stop is not None:
            assert any(o.left >= abs(account.qty) for o in stops), f"{symbol} has no stop"
        cap = self.limits.trade_loss
        if cap is not None:
            worth = account.qty * self._leave(symbol)
            net = account.trip + worth - abs(worth) * self.fee
            assert net > -cap, f"{symbol} lost {net} and stays open"
        close = self.limits.liquidation_close_pct
        if close is not None:
            rules, mark = self.config.instruments[symbol], self.prices[symbol].mark
            risk = self._risk_pct(rules, account.qty, account.entry, mark)
            assert risk < close + D("0.001"), f"{symbol} at {risk} % stays open"

    def _hold_entries(self) -> None:
        entries = [o for o in self.orders.values() if o.entry]
        if not entries:
            return
        dark = self.now // HOUR % 24 in self.limits.blackout_hours
        for live in entries:
            price = self.prices[live.order.symbol]
            old = False
            if self.limits.stale_s is not None:
                old = self.now - price.shown - price.pause > self.limits.stale_s * 1000
            blocked = bool(self.halts) or dark or live.order.symbol in self.paused or old
            assert not blocked or live.cancelling, (
                f"{live.order} works on: {dark=} {old=} {self.halts}"
            )
        if self.limits.max_positions is not None:
            taken = sum(1 for symbol in self.accounts if self._taken(symbol))
            assert taken <= self.limits.max_positions

    # -- what must hold between steps --------------------------------------------------------------

    def settle(self, session: Session) -> None:
        """Compare with the exchange's account and the engine's ledger, to the last digit."""
        assert isinstance(session.broker, SimulatedBroker)
        exchange, engine = session.broker.exchange, session.engine
        assert exchange.cash == self.cash == engine.portfolio.cash
        for symbol, account in self.accounts.items():
            held = exchange.positions.get(symbol)
            mine = engine.portfolio.holding(symbol)
            assert account.qty == mine.qty == (ZERO if held is None else held.qty)
            if held is not None:
                assert account.entry == mine.entry == held.entry
        theirs = {order.id: left for order, left in exchange.open_orders()}
        assert theirs == {order_id: live.left for order_id, live in self.orders.items()}
        assert set(engine.halts.reasons) == self.halts
        assert engine.equity() == self.value
        self.record.refused = engine.entries.refused
