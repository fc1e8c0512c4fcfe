"""What an order has to satisfy, with Binance's codes: its words, its numbers, the market it meets.

What depends on the account (margin, what a reduce-only order may close, open orders) is judged by
the simulated exchange when the order is placed.
"""

from __future__ import annotations

from decimal import Decimal

from tradebot.core.model.money import plain
from tradebot.venue.algo import CONDITIONAL_TYPES
from tradebot.venue.errors import VenueError
from tradebot.venue.listings import TIMES_IN_FORCE, Listing, Listings
from tradebot.venue.params import RequestParams
from tradebot.venue.prices import Board

SIDES = ("BUY", "SELL")
TYPES = ("LIMIT", "MARKET")
POSITION_SIDES = ("BOTH", "LONG", "SHORT")
WORKING_TYPES = ("MARK_PRICE", "CONTRACT_PRICE")
PRICE_MATCHES = (
    "NONE",
    "OPPONENT",
    "OPPONENT_5",
    "OPPONENT_10",
    "OPPONENT_20",
    "QUEUE",
    "QUEUE_5",
    "QUEUE_10",
    "QUEUE_20",
)
STP_MODES = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
GOOD_TILL_LEAST_MS = 600_000
GOOD_TILL_MOST = 253_402_300_799_000


def need_listing(params: RequestParams, listings: Listings) -> Listing:
    """Return the listing of a symbol that has to be there."""
    params.need("symbol")
    name = params.symbol()
    listing = listings.by_name.get(name or "")
    if listing is None:
        raise VenueError(-1121)
    return listing


def may_listing(params: RequestParams, listings: Listings) -> Listing | None:
    """Return the listing of a symbol, None when none was sent."""
    return need_listing(params, listings) if params.text("symbol") is not None else None


def need_choice(params: RequestParams, name: str, among: tuple[str, ...], code: int) -> str:
    """Return one of the given words; the parameter has to be there."""
    params.need(name)
    value = params.choice(name, among, code)
    assert value is not None
    return value


def check_status(listing: Listing) -> None:
    """Refuse orders on a symbol that does not trade."""
    if listing.trading:
        return
    if listing.status in ("SETTLING", "CLOSE", "PRE_SETTLE", "DELIVERING", "DELIVERED"):
        raise VenueError(-4108)
    raise VenueError(-4141)


def order_type(params: RequestParams) -> str:
    """Return the type of a regular order; conditional ones belong to the algo service (-4120)."""
    kind = params.need("type")
    if kind in CONDITIONAL_TYPES:
        raise VenueError(-4120)
    if kind not in TYPES:
        raise VenueError(-1116)
    return kind


def time_in_force(params: RequestParams, kind: str) -> str:
    """Return the time in force: LIMIT has to say it, MARKET must not."""
    value = params.choice("timeInForce", TIMES_IN_FORCE, -1115)
    if kind == "MARKET":
        if value is not None:
            raise VenueError(-1106, name="timeinforce")
        return "GTC"
    if value is None:
        raise VenueError(-1102, name="timeinforce")
    return value


def good_till(params: RequestParams, tif: str, now: int) -> int:
    """Return when a GTD order ends, 0 for any other."""
    value = params.whole("goodTillDate")
    if tif != "GTD":
        return 0
    if value is None:
        raise VenueError(-1102, name="goodTillDate")
    if not now + GOOD_TILL_LEAST_MS < value < GOOD_TILL_MOST:
        raise VenueError(-5040)
    return value


def position_side(params: RequestParams, *, hedge: bool) -> str:
    """Return the position side; it has to fit the account's mode (-4061)."""
    value = params.choice("positionSide", POSITION_SIDES, -4060)
    if hedge != (value in ("LONG", "SHORT")):
        raise VenueError(-4061)
    return value or "BOTH"


def reduce_only(params: RequestParams, *, hedge: bool) -> bool:
    """Return whether the order only reduces; hedge mode knows no such parameter."""
    if hedge and params.text("reduceOnly") is not None:
        raise VenueError(-1106, name="reduceonly")
    return params.flag("reduceOnly")


def check_qty(listing: Listing, qty: Decimal, *, market: bool) -> None:
    """Check a quantity against LOT_SIZE or MARKET_LOT_SIZE."""
    rules = listing.instrument
    if qty <= 0:
        raise VenueError(-4003)
    if _decimals(qty) > listing.qty_precision:
        raise VenueError(-1111)
    if qty < rules.min_qty:
        raise VenueError(-4004)
    if qty > (rules.market_max_qty if market else rules.max_qty):
        raise VenueError(-4005)
    if qty % rules.step:
        raise VenueError(-4023)


def check_price(listing: Listing, price: Decimal) -> None:
    """Check a price against PRICE_FILTER."""
    rules = listing.instrument
    if price <= 0:
        raise VenueError(-4001)
    if _decimals(price) > listing.price_precision:
        raise VenueError(-1111)
    if price < rules.min_price:
        raise VenueError(-4013)
    if price > rules.max_price:
        raise VenueError(-4002)
    if price % rules.tick:
        raise VenueError(-4014)


def check_percent(board: Board, side: str, price: Decimal) -> None:
    """Check a limit price against PERCENT_PRICE of the mark, on the side that could trade through."""
    rules, mark = board.listing.instrument, board.mark
    if side == "BUY" and price > mark * rules.percent_up:
        raise VenueError(-4016, limit=board.listing.price(mark * rules.percent_up))
    if side == "SELL" and price < mark * rules.percent_down:
        raise VenueError(-4024, limit=board.listing.price(mark * rules.percent_down))


def check_counterparty(board: Board, side: str) -> None:
    """Check that a market order's first counterparty is within PERCENT_PRICE of the mark (-4131)."""
    quote, rules = board.quote, board.listing.instrument
    if quote is None:
        raise VenueError(-4131)
    if side == "BUY" and quote.exact_ask > board.mark * rules.percent_up:
        raise VenueError(-4131)
    if side == "SELL" and quote.exact_bid < board.mark * rules.percent_down:
        raise VenueError(-4131)


def check_notional(listing: Listing, notional: Decimal, *, reduces: bool) -> None:
    """Check MIN_NOTIONAL (USDT), from which reduce-only orders are exempt."""
    least = listing.instrument.min_notional
    if not reduces and notional < least:
        raise VenueError(-4164, limit=plain(least))


def matched_price(board: Board, side: str, match: str) -> Decimal:
    """Return the price of a ``priceMatch``: the opponent's or the own touch, so many levels away."""
    quote = board.quote
    if quote is None:
        raise VenueError(-4131)
    name, _, levels = match.partition("_")
    away = board.listing.instrument.tick * (int(levels or 1) - 1)
    takes_ask = (side == "BUY") == (name == "OPPONENT")
    if takes_ask:
        return quote.exact_ask + away
    return quote.exact_bid - away


def price_match(params: RequestParams) -> str:
    """Return ``priceMatch``; it does not go with a price."""
    value = params.choice("priceMatch", PRICE_MATCHES, -1130) or "NONE"
    if value != "NONE" and params.text("price") is not None:
        raise VenueError(-1106, name="price")
    return value


def limit_price(params: RequestParams, board: Board, side: str, match: str) -> Decimal:
    """Return a limit order's price, its own or the matched one, checked."""
    if match != "NONE":
        return matched_price(board, side, match)
    params.need("price")
    price = params.decimal("price")
    assert price is not None
    check_price(board.listing, price)
    check_percent(board, side, price)
    return price


def need_qty(params: RequestParams, listing: Listing, *, market: bool) -> Decimal:
    """Return the quantity, which has to be there, checked."""
    params.need("quantity")
    qty = params.decimal("quantity")
    assert qty is not None
    check_qty(listing, qty, market=market)
    return qty


def refuse(params: RequestParams, *names: str) -> None:
    """Refuse parameters that do not belong to the request."""
    for name in names:
        if params.text(name) is not None:
            raise VenueError(-1106, name=name.lower())


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -int(exponent))
