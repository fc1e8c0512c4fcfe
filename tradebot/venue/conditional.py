"""The algo service: takes conditional orders, watches their triggers, forwards children, ends them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from tradebot.core.model.money import ZERO, exact, floor_to
from tradebot.core.model.values import Quote
from tradebot.venue import filters
from tradebot.venue.account import VenueAccount
from tradebot.venue.algo import CONDITIONAL_TYPES, MAX_OPEN, AlgoOrder, AlgoRecords
from tradebot.venue.bus import AccountChanged, AlgoChanged, Bus, Happening, OrderNews
from tradebot.venue.clock import VenueClock
from tradebot.venue.errors import VenueError
from tradebot.venue.ledger import Ledger
from tradebot.venue.listings import TIMES_IN_FORCE, Listing
from tradebot.venue.matching import Desk
from tradebot.venue.orders import VenueOrder
from tradebot.venue.params import RequestParams
from tradebot.venue.placing import Entry
from tradebot.venue.prices import Market
from tradebot.venue.settings import Settings

_LIMITS = ("STOP", "TAKE_PROFIT")
_LEAST_CALLBACK = Decimal("0.1")
_MOST_CALLBACK = Decimal(10)


class AlgoService:
    """Algo orders of the account."""

    def __init__(
        self,
        settings: Settings,
        market: Market,
        account: VenueAccount,
        desk: Desk,
        entry: Entry,
        bus: Bus,
        ledger: Ledger,
        clock: VenueClock,
    ) -> None:
        self._settings = settings
        self._market = market
        self._account = account
        self._desk = desk
        self._entry = entry
        self._bus = bus
        self._ledger = ledger
        self._clock = clock
        self.records = AlgoRecords()
        self.needs_position = settings.stop_needs_position
        self.befalls: Callable[[AlgoOrder], None] | None = None
        """Told of every new algo order (faults)."""
        bus.subscribe(self._hear)

    # Requests

    def place(self, params: RequestParams) -> AlgoOrder:
        """Check a new algo order and take it."""
        algo = self._read(params)
        self._check(algo)
        algo.id = self.records.next_id()
        self.records.add(algo)
        self._tell(algo)
        if algo.good_till:
            self._clock.call_at(algo.good_till, lambda: self._expire(algo))
        if self.befalls is not None:
            self.befalls(algo)
        return algo

    def _read(self, params: RequestParams) -> AlgoOrder:
        if filters.need_choice(params, "algoType", ("CONDITIONAL",), -1130) != "CONDITIONAL":
            raise VenueError(-1130, name="algoType")
        listing = filters.need_listing(params, self._market.listings)
        side = filters.need_choice(params, "side", filters.SIDES, -1117)
        kind = filters.need_choice(params, "type", CONDITIONAL_TYPES, -1116)
        hedge = self._account.hedge
        now = self._clock.now()
        tif = params.choice("timeInForce", TIMES_IN_FORCE, -1115) or "GTC"
        params.choice("newOrderRespType", ("ACK", "RESULT"), -1130)
        algo = AlgoOrder(
            id=0,
            client_id=params.client_id("clientAlgoId") or self._entry.new_client_id(),
            listing=listing,
            side=side,
            type=kind,
            qty=ZERO,
            created=now,
            updated=now,
            tif=tif,
            position_side=filters.position_side(params, hedge=hedge),
            working_type=params.choice("workingType", filters.WORKING_TYPES, -1130)
            or "CONTRACT_PRICE",
            price_protect=params.flag("priceProtect"),
            price_match=filters.price_match(params),
            stp=params.choice("selfTradePreventionMode", filters.STP_MODES, -1130)
            or "EXPIRE_MAKER",
            good_till=filters.good_till(params, tif, now),
        )
        self._read_closing(params, algo, hedge=hedge)
        self._read_prices(params, algo)
        return algo

    def _read_closing(self, params: RequestParams, algo: AlgoOrder, *, hedge: bool) -> None:
        algo.close_position = params.flag("closePosition")
        if not algo.close_position:
            algo.reduce_only = filters.reduce_only(params, hedge=hedge)
            algo.qty = filters.need_qty(params, algo.listing, market=algo.market)
            return
        if params.text("quantity") is not None:
            raise VenueError(-4137)
        if params.text("reduceOnly") is not None:
            raise VenueError(-4138 if not hedge else -1106, name="reduceonly")
        if algo.type not in ("STOP_MARKET", "TAKE_PROFIT_MARKET"):
            raise VenueError(-1106, name="closeposition")

    def _read_prices(self, params: RequestParams, algo: AlgoOrder) -> None:
        board = self._market.board(algo.listing.symbol)
        if algo.type == "TRAILING_STOP_MARKET":
            self._read_trailing(params, algo)
            return
        params.need("triggerPrice")
        algo.trigger = params.decimal("triggerPrice") or ZERO
        filters.check_price(algo.listing, algo.trigger)
        if algo.type not in _LIMITS:
            filters.refuse(params, "price")
        elif algo.price_match == "NONE":
            params.need("price")
            algo.price = params.decimal("price") or ZERO
            filters.check_price(algo.listing, algo.price)
            filters.check_percent(board, algo.side, algo.price)

    def _read_trailing(self, params: RequestParams, algo: AlgoOrder) -> None:
        params.need("callbackRate")
        algo.callback = params.decimal("callbackRate") or ZERO
        if not _LEAST_CALLBACK <= algo.callback <= _MOST_CALLBACK:
            raise VenueError(-1130, name="callbackRate")
        algo.activate = params.decimal("activatePrice") or ZERO
        if algo.activate:
            filters.check_price(algo.listing, algo.activate)

    def _check(self, algo: AlgoOrder) -> None:
        filters.check_status(algo.listing)
        board = self._market.board(algo.listing.symbol)
        if board.quote is None:
            raise VenueError(-4131)
        if self.records.is_taken(algo.client_id):
            raise VenueError(-4116)
        if len(self.records.open()) >= MAX_OPEN:
            raise VenueError(-4045)
        if algo.reached(self._watched(algo)):
            raise VenueError(-2021)
        held = self._desk.holding(algo.listing.symbol, algo.position_side).qty
        closable = held < 0 if algo.side == "BUY" else held > 0
        if algo.close_position:
            self._check_close_position(algo, closable=closable)
        elif algo.reduce_only and not closable and self.needs_position:
            raise VenueError(-2022)
        elif not algo.reduce_only and algo.position_side == "BOTH":
            notional = algo.qty * (algo.price or algo.trigger or board.mark)
            filters.check_notional(algo.listing, notional, reduces=False)

    def _check_close_position(self, algo: AlgoOrder, *, closable: bool) -> None:
        if not closable:
            raise VenueError(-4509)
        for other in self.records.open(algo.listing.name):
            same = (other.side, other.position_side) == (algo.side, algo.position_side)
            stops = algo.type.startswith("STOP") == other.type.startswith("STOP")
            if other.close_position and same and stops:
                raise VenueError(-4130)

    def cancel(self, params: RequestParams) -> AlgoOrder:
        """Cancel one that has not triggered."""
        algo = self.find(params, missing=-2011)
        if not algo.waiting:
            raise VenueError(-2011)
        self.end(algo, "CANCELED")
        return algo

    def cancel_all(self, listing: Listing) -> int:
        """Cancel all of a symbol that have not triggered."""
        waiting = [algo for algo in self.records.open(listing.name) if algo.waiting]
        for algo in waiting:
            self.end(algo, "CANCELED")
        return len(waiting)

    def find(self, params: RequestParams, *, missing: int) -> AlgoOrder:
        """Return the algo order a request names, or refuse with ``missing``."""
        algo_id, client_id = params.whole("algoId"), params.text("clientAlgoId")
        if algo_id is None and client_id is None:
            raise VenueError(-1102, name="algoid")
        algo = self.records.served(algo_id, client_id, self._clock.now())
        if algo is None:
            raise VenueError(missing)
        return algo

    # Triggers

    def on_quote(self, quote: Quote) -> None:
        """Look at the triggers that watch the mark price, or the last one."""
        for algo in self.records.open():
            if algo.waiting and algo.listing.symbol == quote.symbol:
                self._look(algo)

    def _watched(self, algo: AlgoOrder) -> Decimal:
        """The price a trigger is compared with; the mark is cut to the price's decimals."""
        board = self._market.board(algo.listing.symbol)
        if algo.working_type == "CONTRACT_PRICE":
            return board.price
        places = Decimal(1).scaleb(-algo.listing.price_precision)
        return board.mark // places * places

    def _look(self, algo: AlgoOrder) -> None:
        price = self._watched(algo)
        meets = algo.trail(price) if algo.type == "TRAILING_STOP_MARKET" else algo.reached(price)
        if meets and not self._is_protected(algo):
            self.trigger(algo)

    def _is_protected(self, algo: AlgoOrder) -> bool:
        """Whether price protection holds the trigger back: mark and last price are too far apart."""
        if not algo.price_protect:
            return False
        board = self._market.board(algo.listing.symbol)
        return abs(board.price - board.mark) > board.mark * algo.listing.trigger_protect

    def trigger(self, algo: AlgoOrder) -> None:
        """Begin to forward: the child follows after the service's delay."""
        algo.status = "TRIGGERING"
        algo.triggered_at = algo.updated = self._clock.now()
        self._tell(algo)
        delay = self._settings.algo_forward_ms
        if delay:
            self._clock.call_at(self._clock.now() + delay, lambda: self.forward(algo))
        else:
            self.forward(algo)

    def forward(self, algo: AlgoOrder) -> None:
        """Make the child; one that the exchange refuses makes the algo order REJECTED."""
        child = self._child(algo)
        if algo.doomed:
            self.end(algo, "REJECTED", "Reduce Only reject")
            return
        if not child.qty:
            self.end(algo, "EXPIRED", "there is nothing to close")
            return
        algo.child_id, algo.child_type = child.id, child.type
        self.records.by_child[child.id] = algo
        algo.status = "TRIGGERED"
        algo.updated = self._clock.now()
        try:
            self._tell_then_place(algo, child)
        except VenueError as refusal:
            algo.child_id, algo.child_type = 0, ""
            self.records.by_child.pop(child.id, None)
            self.end(algo, "REJECTED", refusal.msg)

    def _tell_then_place(self, algo: AlgoOrder, child: VenueOrder) -> None:
        self._entry.check(child)
        self._tell(algo)
        if algo.share is None:
            self._desk.place(child)
        else:
            self._place_short(child, algo.share)

    def _place_short(self, child: VenueOrder, share: Decimal) -> None:
        """Fill a share of a child and let the rest expire, as where the book is empty beyond it."""
        step = child.listing.instrument.step
        part = floor_to(child.qty * share, step)
        self._desk.hold(child)
        if part:
            self._desk.fill_part(child, part)
        if child.open:
            self._desk.cancel(child, status="EXPIRED", reason="no more is filled")

    def _child(self, algo: AlgoOrder) -> VenueOrder:
        now = self._clock.now()
        own = self._settings.child_own_id
        qty = algo.qty
        if algo.close_position:
            qty = abs(self._desk.holding(algo.listing.symbol, algo.position_side).qty)
        child = VenueOrder(
            id=self._desk.records.next_id(),
            client_id=self._entry.new_client_id() if own else algo.client_id,
            listing=algo.listing,
            side=algo.side,
            type="MARKET" if algo.market else "LIMIT",
            qty=qty,
            time=now,
            price=algo.price,
            tif=algo.tif,
            reduce_only=algo.reduce_only or algo.close_position,
            close_position=algo.close_position,
            position_side=algo.position_side,
            updated=now,
            algo_id=algo.id,
            orig_type=algo.type,
            stop_price=algo.trigger,
            working_type=algo.working_type,
            price_protect=algo.price_protect,
            price_match=algo.price_match,
            stp=algo.stp,
            good_till=algo.good_till,
        )
        if algo.price_match != "NONE" and child.type == "LIMIT":
            board = self._market.board(algo.listing.symbol)
            child.price = filters.matched_price(board, algo.side, algo.price_match)
        return child

    def _hear(self, event: Happening) -> None:
        """Follow the children: an ended child finishes its algo order; a closed position its closers."""
        if isinstance(event, AccountChanged):
            for row in event.holdings:
                if not row.qty:
                    self._end_closers(row.listing, row.position_side)
            return
        if not isinstance(event, OrderNews) or not event.order.algo_id:
            return
        algo = self.records.by_child.get(event.order.id)
        if algo is None:
            return
        algo.filled, algo.average = event.order.executed, event.order.average
        if not event.order.open and algo.status == "TRIGGERED":
            self.end(algo, "FINISHED")

    # Ends

    def end(self, algo: AlgoOrder, status: str, reason: str = "", *, silent: bool = False) -> None:
        """End an algo order; ``silent`` without any event."""
        algo.status, algo.reason = status, reason
        algo.updated = self._clock.now()
        self.records.settle(algo)
        self._tell(algo, silent=silent)

    def _expire(self, algo: AlgoOrder) -> None:
        if algo.waiting:
            self.end(algo, "EXPIRED", "its time was over")

    def _end_closers(self, listing: Listing, position_side: str) -> None:
        """Expire what would close a position that is gone (closePosition orders)."""
        for algo in self.records.open(listing.name):
            if algo.close_position and algo.waiting and algo.position_side == position_side:
                self.end(algo, "EXPIRED", "the position is closed")

    def _tell(self, algo: AlgoOrder, *, silent: bool = False) -> None:
        with exact():
            average = algo.average
        self._ledger.write(
            "algo",
            algo=algo.id,
            client=algo.client_id,
            symbol=algo.listing.name,
            type=algo.type,
            side=algo.side,
            qty=algo.qty,
            trigger=algo.trigger,
            status=algo.status,
            child=algo.child_id,
            filled=algo.filled,
            average=average,
            reason=algo.reason,
            told=not silent,
        )
        if not silent:
            self._bus.publish(AlgoChanged(self._clock.now(), algo.snapshot()))
