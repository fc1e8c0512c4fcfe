"""From a request's parameters to a regular order that works: entry, change, cancel, countdown."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from tradebot.core.model.money import ZERO
from tradebot.venue import filters
from tradebot.venue.account import VenueAccount
from tradebot.venue.clock import Timer, VenueClock
from tradebot.venue.errors import VenueError
from tradebot.venue.listings import Listing, max_notional
from tradebot.venue.matching import Desk
from tradebot.venue.orders import VenueOrder
from tradebot.venue.params import RequestParams
from tradebot.venue.prices import Board, Market

MOST_CHANGES = 10_000
_NOT_OPENED = (
    "Invalid symbol status for opening position. (this venue opens isolated one-way positions only: "
    "set marginType to ISOLATED)"
)
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Entry:
    """Checks and places regular orders."""

    def __init__(
        self, market: Market, account: VenueAccount, desk: Desk, clock: VenueClock, rng: Random
    ) -> None:
        self._market = market
        self._account = account
        self._desk = desk
        self._clock = clock
        self._rng = rng
        self._countdowns: dict[str, Timer] = {}

    def new_client_id(self) -> str:
        """Return an id for an order that came without one."""
        return "".join(self._rng.choice(_LETTERS) for _ in range(22))

    def read(self, params: RequestParams) -> VenueOrder:
        """Read and check an order; nothing is placed."""
        listing = filters.need_listing(params, self._market.listings)
        board = self._market.board(listing.symbol)
        side = filters.need_choice(params, "side", filters.SIDES, -1117)
        kind = filters.order_type(params)
        hedge = self._account.hedge
        place = filters.position_side(params, hedge=hedge)
        reduces = filters.reduce_only(params, hedge=hedge)
        params.choice("newOrderRespType", ("ACK", "RESULT"), -1130)
        tif = filters.time_in_force(params, kind)
        client_id = params.client_id("newClientOrderId") or self.new_client_id()
        now = self._clock.now()
        order = VenueOrder(
            id=0,
            client_id=client_id,
            listing=listing,
            side=side,
            type=kind,
            qty=filters.need_qty(params, listing, market=kind == "MARKET"),
            time=now,
            tif=tif,
            reduce_only=reduces,
            position_side=place,
            updated=now,
            orig_type=kind,
            stp=params.choice("selfTradePreventionMode", filters.STP_MODES, -1130)
            or "EXPIRE_MAKER",
            good_till=filters.good_till(params, tif, now),
        )
        self._read_price(params, board, order)
        return order

    def _read_price(self, params: RequestParams, board: Board, order: VenueOrder) -> None:
        if order.type == "MARKET":
            filters.refuse(params, "price")
            return
        order.price_match = filters.price_match(params)
        order.price = filters.limit_price(params, board, order.side, order.price_match)

    def check(self, order: VenueOrder) -> None:
        """Check what the market and the account say to an order."""
        listing = order.listing
        board = self._market.board(listing.symbol)
        filters.check_status(listing)
        if self._desk.records.is_taken(listing.name, order.client_id):
            raise VenueError(-4116)
        closes = order.reduce_only or self._closes_leg(order)
        if board.quote is None:
            raise VenueError(-4131)
        if order.type == "MARKET":
            filters.check_counterparty(board, order.side)
        price = order.price or board.mark
        filters.check_notional(listing, order.qty * price, reduces=closes)
        if len(self._desk.records.open(listing.name)) >= listing.instrument.max_orders:
            raise VenueError(-2025)
        if not closes:
            self._check_position(order, price)
        self._check_book(order, board)

    def _closes_leg(self, order: VenueOrder) -> bool:
        """Whether the order closes a scripted position; one that would open one is refused."""
        symbol, side = order.listing.symbol, order.position_side
        leg = self._desk.legs.get((symbol, side))
        if leg is None and side == "BOTH":
            return False
        held = ZERO if leg is None else leg.holding.qty
        if not held or (held > 0) == (order.side == "BUY"):
            raise VenueError(-4140, _NOT_OPENED)
        if order.qty > abs(held):
            raise VenueError(-2022)
        return True

    def _check_position(self, order: VenueOrder, price: Decimal) -> None:
        """Check the bracket's cap for the position the order could make (-2027): isolated ones only."""
        symbol = order.listing.symbol
        held = self._desk.holding(symbol).qty
        after = held + (order.qty if order.side == "BUY" else -order.qty)
        if abs(after) > abs(held) and self._account.margin_type(symbol) == "cross":
            raise VenueError(-4140, _NOT_OPENED)
        leverage = self._desk.exchange.leverage(symbol)
        if abs(after) > abs(held) and abs(after) * price > max_notional(order.listing, leverage):
            raise VenueError(-2027)

    def _check_book(self, order: VenueOrder, board: Board) -> None:
        """Refuse a post-only order that would take, and a fill-or-kill the touch does not cover."""
        quote = board.quote
        if quote is None or order.type != "LIMIT":
            return
        buys = order.side == "BUY"
        touch, size = (
            (quote.exact_ask, quote.exact_ask_qty)
            if buys
            else (quote.exact_bid, quote.exact_bid_qty)
        )
        meets = order.price >= touch if buys else order.price <= touch
        if order.tif == "GTX" and meets:
            raise VenueError(-5022)
        if order.tif == "FOK" and (not meets or size < order.qty):
            raise VenueError(-5021)

    def place(self, order: VenueOrder) -> VenueOrder:
        """Check an order again and place it."""
        self.check(order)
        order.id = self._desk.records.next_id()
        self._desk.place(order)
        if order.tif == "GTD" and order.open:
            self._clock.call_at(order.good_till, lambda: self._expire(order))
        return order

    def _expire(self, order: VenueOrder) -> None:
        if order.open:
            self._desk.cancel(order, status="EXPIRED", reason="its time was over")

    def find(self, params: RequestParams, *, missing: int) -> VenueOrder:
        """Return the order a request names, or refuse with ``missing`` (-2011 or -2013)."""
        listing = filters.need_listing(params, self._market.listings)
        order_id, client_id = params.whole("orderId"), params.text("origClientOrderId")
        if order_id is None and client_id is None:
            raise VenueError(-1102, name="orderid")
        now = self._clock.now()
        order = self._desk.records.find(listing.name, order_id, client_id, now)
        if order is None:
            raise VenueError(missing)
        return order

    def cancel(self, params: RequestParams) -> VenueOrder:
        """Cancel a working order."""
        order = self.find(params, missing=-2011)
        if not order.open:
            raise VenueError(-2011)
        self._desk.cancel(order)
        return order

    def cancel_all(self, listing: Listing) -> int:
        """Cancel every working regular order of a symbol and return their number."""
        orders = self._desk.records.open(listing.name)
        for order in orders:
            self._desk.cancel(order)
        return len(orders)

    def amend(self, params: RequestParams) -> VenueOrder:
        """Change quantity and price of a working limit order."""
        order = self.find(params, missing=-2013)
        filters.need_choice(params, "side", filters.SIDES, -1117)
        if not order.open or order.type != "LIMIT":
            raise VenueError(-2013)
        if not order.listing.trading:
            raise VenueError(-5024)
        board = self._market.board(order.listing.symbol)
        qty = filters.need_qty(params, order.listing, market=False)
        match = filters.price_match(params)
        price = filters.limit_price(params, board, order.side, match)
        if (qty, price) == (order.qty, order.price):
            raise VenueError(-5027)
        if order.amended >= MOST_CHANGES:
            raise VenueError(-5026, limit=MOST_CHANGES)
        if qty <= order.executed:
            self._desk.cancel(order)
            return order
        filters.check_notional(order.listing, qty * price, reduces=order.reduce_only)
        self._desk.amend(order, qty, price)
        return order

    def count_down(self, listing: Listing, ms: int) -> None:
        """Cancel a symbol's regular orders ``ms`` from now unless told otherwise before; 0 stops it."""
        running = self._countdowns.pop(listing.name, None)
        if running is not None:
            running.cancel()
        if ms:
            due = self._clock.now() + ms
            self._countdowns[listing.name] = self._clock.call_at(
                due, lambda: self._count_down_ended(listing)
            )

    def _count_down_ended(self, listing: Listing) -> None:
        self._countdowns.pop(listing.name, None)
        self.cancel_all(listing)
