"""Regular orders, matched by the simulated exchange on quotes; what it says becomes venue events.

One exchange trades the account's one-way isolated positions. A hedge leg or a cross position that a
script put there has a small exchange of its own, on which it can only be closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from tradebot.core.model.events import Event, Filled, FundingPaid, FundingRate, OrderUpdate
from tradebot.core.model.money import ONE, ZERO, exact, floor_to
from tradebot.core.model.values import (
    Fill,
    OrderStatus,
    Quote,
    Side,
)
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.core.simulated.pricing import Pricing
from tradebot.core.state.margin import maintenance
from tradebot.venue.account import VenueAccount
from tradebot.venue.bus import Bus, Liquidated, OrderNews
from tradebot.venue.clock import VenueClock
from tradebot.venue.errors import VenueError
from tradebot.venue.holdings import VenueHolding
from tradebot.venue.ledger import Ledger
from tradebot.venue.orders import OrderRecords, VenueOrder, VenueTrade
from tradebot.venue.prices import Market
from tradebot.venue.settings import Settings
from tradebot.venue.translation import (
    fill_row,
    largest,
    liquidation_price,
    order_row,
    refusal,
    side_of,
    simulated_order,
    take_cut,
    worse_quote,
)

_LEG_MONEY = Decimal("1e12")
"""What a leg's own exchange has to work with; its cash is never looked at."""


@dataclass(slots=True)
class Leg:
    """A scripted position with the exchange it is closed on."""

    holding: VenueHolding
    exchange: SimExchange


class Desk:
    """Takes orders, feeds quotes and funding, and books what the simulated exchange answers."""

    def __init__(
        self,
        settings: Settings,
        market: Market,
        account: VenueAccount,
        bus: Bus,
        ledger: Ledger,
        clock: VenueClock,
    ) -> None:
        self._settings = settings
        self._market = market
        self._account = account
        self._bus = bus
        self._ledger = ledger
        self._clock = clock
        self._rules = SimRules(
            start_equity=settings.account.wallet,
            fees=settings.fees,
            spread_bps=ZERO,
            impact=settings.impact,
            latency_ms=0,
            volume_share=ONE,
            leverage=settings.account.leverage,
            at_once=True,
            isolated_funding=True,
            liquidation_fee=settings.liquidation_fee,
            rounded=True,
            history=True,
        )
        self.pricing = Pricing(self._rules)
        self.exchange = SimExchange(self._rules, market.listings.instruments)
        self.legs: dict[tuple[str, str], Leg] = {}
        self.records = OrderRecords()
        self._by_key: dict[str, VenueOrder] = {}
        self._keys = 0
        self.befalls: Callable[[VenueOrder], bool] | None = None
        """Asked of every order before it is matched; True where it is taken care of (faults)."""
        self._forced = 0
        self.worse_bps = ZERO

    # Orders

    def place(self, order: VenueOrder) -> None:
        """Take an order, or refuse it with Binance's code; what it meets on the last quote is booked."""
        if self.befalls is not None and self.befalls(order):
            return
        leg = self._leg(order)
        exchange = self.exchange if leg is None else leg.exchange
        bound = self._bounded(order) if order.type == "MARKET" else order.qty
        order.key = self._next_key()
        with exact():
            reports = exchange.submit(simulated_order(order, bound), self._clock.now())
        first = reports[0]
        if isinstance(first, OrderUpdate) and first.status is OrderStatus.REJECTED:
            raise refusal(first, order)
        if isinstance(first, OrderUpdate) and first.qty is not None and bound == order.qty:
            order.qty = first.qty
        self.records.add(order)
        self._by_key[order.key] = order
        self._tell(order, "NEW")
        self._book(reports[1:], leg)
        if order.open and order.type == "MARKET":
            self._end(order, "EXPIRED", "no more within the market take bound")

    def hold(self, order: VenueOrder) -> None:
        """Take an order that nothing fills but ``fill_part``."""
        order.key = self._next_key()
        self.records.add(order)
        self._by_key[order.key] = order
        self._tell(order, "NEW")

    def fill_part(self, order: VenueOrder, qty: Decimal) -> None:
        """Fill a part of an order at the market, also of one that has ended (a late fill)."""
        leg = self._leg(order)
        exchange = self.exchange if leg is None else leg.exchange
        part = replace(order, key=self._next_key(), qty=qty, type="MARKET", executed=ZERO)
        self._by_key[part.key] = order
        with exact():
            reports = exchange.submit(simulated_order(part, qty), self._clock.now(), is_part=True)
        self._book((report for report in reports if isinstance(report, Filled)), leg)

    def cancel(self, order: VenueOrder, *, status: str = "CANCELED", reason: str = "") -> None:
        """End a working order."""
        leg = self._leg(order)
        exchange = self.exchange if leg is None else leg.exchange
        with exact():
            exchange.cancel(order.listing.symbol, order.key, self._clock.now())
        self._end(order, status, reason)

    def amend(self, order: VenueOrder, qty: Decimal, price: Decimal) -> None:
        """Change a working limit order: it loses its place. A refused change leaves it as it was."""
        leg = self._leg(order)
        exchange = self.exchange if leg is None else leg.exchange
        old = (order.key, order.qty, order.price)
        now = self._clock.now()
        with exact():
            exchange.cancel(order.listing.symbol, order.key, now)
            order.key, order.qty, order.price = self._next_key(), qty, price
            reports = exchange.submit(simulated_order(order, order.left), now)
        first = reports[0]
        if isinstance(first, OrderUpdate) and first.status is OrderStatus.REJECTED:
            _, order.qty, order.price = old
            self._resubmit(order, exchange)
            raise refusal(first, order)
        self._by_key[order.key] = order
        take_cut(order, first)
        order.updated = now
        order.amended += 1
        self._tell(order, "AMENDMENT")
        self._book(reports[1:], leg)

    def _resubmit(self, order: VenueOrder, exchange: SimExchange) -> None:
        order.key = self._next_key()
        self._by_key[order.key] = order
        with exact():
            reports = exchange.submit(simulated_order(order, order.left), self._clock.now())
        take_cut(order, reports[0])
        self._book(reports[1:], self._leg(order))

    def _next_key(self) -> str:
        self._keys += 1
        return f"v-{self._keys}"

    def _leg(self, order: VenueOrder) -> Leg | None:
        return self.legs.get((order.listing.symbol, order.position_side))

    def _bounded(self, order: VenueOrder) -> Decimal:
        """The part of a market order whose price stays within the market take bound of the mark."""
        board = self._market.board(order.listing.symbol)
        quote = board.quote
        if quote is None:
            return order.qty
        side = side_of(order)
        buys = side is Side.BUY
        bound = order.listing.market_take_bound
        limit = board.mark * (ONE + bound if buys else ONE - bound)
        price, size = (
            (quote.exact_ask, quote.exact_ask_qty)
            if buys
            else (quote.exact_bid, quote.exact_bid_qty)
        )
        if price > limit if buys else price < limit:
            raise VenueError(-4131)
        step, tick = order.listing.instrument.step, order.listing.instrument.tick
        shown = floor_to(size, step)
        if order.qty <= shown:
            return order.qty

        def within(extra: Decimal) -> bool:
            with exact():
                worst = self.pricing.beyond_touch(side, price, extra, size, tick)
            return worst <= limit if buys else worst >= limit

        return shown + largest(order.qty - shown, step, within)

    # Market

    def on_quote(self, quote: Quote) -> None:
        """Let the exchanges meet a quote, or one that is worse by what a fault says."""
        if self.worse_bps:
            tick = self._market.listings.instruments[quote.symbol].tick
            quote = worse_quote(quote, self.worse_bps, tick)
        with exact():
            events = list(self.exchange.step((quote,)))
        if len(events) > 1:
            self._book(events, None)
        for (symbol, _), leg in tuple(self.legs.items()):
            if symbol == quote.symbol:
                with exact():
                    events = list(leg.exchange.step((quote,)))
                self._book(events, leg)

    def on_funding(self, due: FundingRate) -> None:
        """Settle funding on what is held."""
        with exact():
            events = list(self.exchange.step((due,)))
        self._book(events, None)
        for (symbol, _), leg in tuple(self.legs.items()):
            if symbol == due.symbol:
                with exact():
                    events = list(leg.exchange.step((due,)))
                self._book(events, leg)

    # What the exchange said

    def book_forced(self, events: Iterable[Event]) -> None:
        """Book what a script forced on the main exchange."""
        self._book(events, None)

    def _book(self, events: Iterable[Event], leg: Leg | None) -> None:
        for event in events:
            if isinstance(event, Filled):
                self._filled(event.fill, leg)
            elif isinstance(event, OrderUpdate):
                self._updated(event)
            elif isinstance(event, FundingPaid):
                self._funded(event, leg)

    def _filled(self, fill: Fill, leg: Leg | None) -> None:
        order = self._by_key.get(fill.order_id) or self._forced_order(fill, leg)
        forced = fill.liquidation
        holding = self.holding(order.listing.symbol, order.position_side)
        signed = fill.qty if fill.side is Side.BUY else -fill.qty
        realised = holding.trade(signed, fill.price, fill.fee)
        holding.updated = fill.time
        self._refresh(holding, leg)
        trade = self._trade(order, fill, realised)
        self._level_cash(trade, fill, leg)
        late = order.status in ("CANCELED", "EXPIRED")
        order.executed += fill.qty
        order.cost += fill.qty * fill.price
        order.updated = fill.time
        if not late or order.executed == order.qty:
            order.status = "FILLED" if order.executed == order.qty else "PARTIALLY_FILLED"
        self.records.settle(order)
        self.records.trades.append(trade)
        self._ledger.write("fill", **fill_row(order, trade))
        changes = self._account.book_trade(trade, liquidation=forced)
        what = "CALCULATED" if order.client_id.startswith(("autoclose-", "settlement")) else "TRADE"
        self._tell(order, what, trade)
        self._account.tell("ORDER", changes, [holding])
        if forced:
            self._bus.publish(Liquidated(fill.time, order.snapshot()))
        if leg is not None and not holding.qty:
            self.legs.pop((order.listing.symbol, order.position_side), None)

    def _level_cash(self, trade: VenueTrade, fill: Fill, leg: Leg | None) -> None:
        """Let the exchange's cash follow what it does not book itself: a leg's PnL, fees in BNB."""
        moved = ZERO if leg is None else trade.realised - fill.fee
        if trade.fee_asset != "USDT":
            moved += fill.fee
        if moved:
            with exact():
                self.exchange.force.transfer(moved)

    def _trade(self, order: VenueOrder, fill: Fill, realised: Decimal) -> VenueTrade:
        asset = "USDT" if fill.liquidation else self._account.fee_asset
        return VenueTrade(
            id=self._account.next_trade(),
            order_id=order.id,
            listing=order.listing,
            side=order.side,
            price=fill.price,
            qty=fill.qty,
            realised=realised,
            fee=self._account.fee_in(asset, fill.fee),
            time=fill.time,
            maker=fill.maker,
            position_side=order.position_side,
            fee_asset=asset,
        )

    def _forced_order(self, fill: Fill, leg: Leg | None) -> VenueOrder:
        """The exchange's own closing order: a liquidation, ADL or settlement."""
        number = self.next_forced()
        given = fill.order_id
        client_id = given if not given.startswith(("liquidation", "close")) else ""
        order = VenueOrder(
            id=self.records.next_id(),
            client_id=client_id or f"autoclose-{fill.time}{number:03d}",
            listing=self._market.listings.by_symbol[fill.symbol],
            side=fill.side.value.upper(),
            type="MARKET",
            qty=fill.qty,
            time=fill.time,
            updated=fill.time,
            position_side="BOTH" if leg is None else leg.holding.position_side,
            orig_type="MARKET",
            key=given,
        )
        self.records.add(order)
        return order

    def next_forced(self) -> int:
        """Return the number of the exchange's next own order."""
        self._forced += 1
        return self._forced

    def _updated(self, update: OrderUpdate) -> None:
        order = self._by_key.get(update.order_id)
        if order is None or not order.open:
            return
        if update.status is OrderStatus.EXPIRED and update.qty:
            order.qty = order.executed + update.qty
            order.updated = update.exchange_time
            self._tell(order, "AMENDMENT")
        elif update.status is OrderStatus.EXPIRED:
            self._end(order, "EXPIRED", update.reason)
        elif update.status is OrderStatus.CANCELLED:
            self._end(order, "CANCELED", update.reason)

    def _end(self, order: VenueOrder, status: str, reason: str) -> None:
        order.status, order.reason = status, reason
        order.updated = self._clock.now()
        self.records.settle(order)
        self._tell(order, status)

    def _funded(self, paid: FundingPaid, leg: Leg | None) -> None:
        side = "BOTH" if leg is None else leg.holding.position_side
        holding = self.holding(paid.symbol, side)
        self._refresh(holding, leg)
        changes = self._account.book(
            "FUNDING_FEE", paid.amount, paid.exchange_time, symbol=holding.listing.name
        )
        shown = [] if holding.margin_type == "cross" else [holding]
        self._account.tell("FUNDING_FEE", changes, shown, symbol=holding.listing.name)

    def _tell(self, order: VenueOrder, what: str, trade: VenueTrade | None = None) -> None:
        self._ledger.write("order", event=what, **order_row(order))
        self._bus.publish(OrderNews(self._clock.now(), what, order.snapshot(), trade))

    # Positions

    def holding(self, symbol: str, position_side: str = "BOTH") -> VenueHolding:
        """Return the live row of a position."""
        leg = self.legs.get((symbol, position_side))
        if leg is not None:
            return leg.holding
        return self._account.holding(symbol)

    def refresh(self, symbol: str | None = None) -> None:
        """Bring marks, margins and liquidation prices of the rows up to date."""
        for held in self._account.holdings():
            if symbol is None or held.listing.symbol == symbol:
                self._refresh(held, None)
        for (name, _), leg in self.legs.items():
            if symbol is None or name == symbol:
                self._refresh(leg.holding, leg)

    def _refresh(self, holding: VenueHolding, leg: Leg | None) -> None:
        symbol = holding.listing.symbol
        exchange = self.exchange if leg is None else leg.exchange
        holding.mark = self._market.board(symbol).mark
        position = exchange.positions.get(symbol)
        if leg is None:
            holding.leverage = exchange.leverage(symbol)
            holding.margin_type = self._account.margin_type(symbol)
        isolated = position is not None and holding.margin_type == "isolated"
        with exact():
            holding.wallet = position.margin if isolated and position is not None else ZERO
            holding.liquidation = liquidation_price(holding)
            holding.maintenance = maintenance(holding.listing.instrument, abs(holding.notional))

    def put(self, holding: VenueHolding) -> None:
        """Put a scripted position on the account: a hedge leg, or a cross one."""
        symbol = holding.listing.symbol
        instruments = {symbol: holding.listing.instrument}
        rules = SimRules(
            start_equity=_LEG_MONEY,
            fees=self._settings.fees,
            spread_bps=ZERO,
            impact=self._settings.impact,
            latency_ms=0,
            volume_share=ONE,
            leverage=holding.leverage if holding.margin_type == "isolated" else 1,
            at_once=True,
            rounded=True,
            history=True,
        )
        exchange = SimExchange(rules, instruments)
        with exact():
            state = exchange.export_state()
            added = ZERO if holding.margin_type == "isolated" else _LEG_MONEY / 2
            state["positions"] = {symbol: [str(holding.qty), str(holding.entry), str(added)]}
            exchange.restore(state)
            quote = self._market.board(symbol).quote
            if quote is not None:
                list(exchange.step((quote,)))
        leg = Leg(holding, exchange)
        self.legs[symbol, holding.position_side] = leg
        self._refresh(holding, leg)

    @property
    def free(self) -> Decimal:
        """Cash that no isolated margin holds (USDT)."""
        with exact():
            margins = sum((p.margin for p in self.exchange.positions.values()), ZERO)
            return self._account.wallet - margins
