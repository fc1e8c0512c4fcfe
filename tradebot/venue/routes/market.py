"""Public market data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import DAY_MS
from tradebot.venue import filters
from tradebot.venue.call import Call, Route
from tradebot.venue.candles import INTERVALS
from tradebot.venue.errors import VenueError
from tradebot.venue.listings import Listing, exchange_info
from tradebot.venue.params import RequestParams
from tradebot.venue.payloads import (
    agg_trade,
    book_ticker,
    day_ticker,
    kline,
    mark_kline,
    money,
    premium_index,
)
from tradebot.venue.prices import Board

if TYPE_CHECKING:
    from tradebot.venue.core import Venue

_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_MOST_KLINES = 1500


def ping(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Answer that the venue is there."""
    return {}


def server_time(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return the venue's clock."""
    return {"serverTime": venue.clock.now()}


def info(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return all symbols; a symbol that is asked for is ignored, as Binance does."""
    return exchange_info(venue.listings, venue.clock.now())


def klines(venue: Venue, call: Call) -> Any:
    """Return klines of trades."""
    board = _past(venue, call.params)
    interval, start, end, limit = _span(call.params)
    candles = board.candles.of(interval, start, end, limit)
    return [kline(candle, interval, board.listing) for candle in candles]


def mark_klines(venue: Venue, call: Call) -> Any:
    """Return klines of the mark price."""
    board = _past(venue, call.params)
    interval, start, end, limit = _span(call.params)
    return [mark_kline(candle, interval) for candle in board.marks.of(interval, start, end, limit)]


def _span(params: RequestParams) -> tuple[str, int | None, int | None, int]:
    interval = filters.need_choice(params, "interval", tuple(INTERVALS), -1120)
    limit = params.between("limit", 1, _MOST_KLINES, 500)
    return interval, params.whole("startTime"), params.whole("endTime"), limit


def depth(venue: Venue, call: Call) -> Any:
    """Return the book: the recorded one where there is one, else the touch and a made-up rest behind it."""
    board = _board(venue, call.params)
    limit = call.params.whole("limit")
    limit = 500 if limit is None else limit
    if limit not in _DEPTHS:
        raise VenueError(-4021, value=limit)
    now = venue.clock.now()
    bids, asks = board.levels(limit)
    return {"lastUpdateId": board.update, "E": now, "T": now, "bids": bids, "asks": asks}


def agg_trades(venue: Venue, call: Call) -> Any:
    """Return recent trades, each as an aggregate of its own."""
    board = _board(venue, call.params)
    params = call.params
    limit = params.between("limit", 1, 1000, 500)
    start, end, first = params.whole("startTime"), params.whole("endTime"), params.whole("fromId")
    rows = [
        (trade, agg_trade(trade, board.listing))
        for trade in board.trades
        if (start is None or trade.at >= start) and (end is None or trade.at <= end)
    ]
    if first is not None:
        return [row for _, row in rows if row["a"] >= first][:limit]
    chosen = rows[:limit] if start is not None else rows[-limit:]
    return [row for _, row in chosen]


def day(venue: Venue, call: Call) -> Any:
    """Return the statistics of the last day, of one symbol or of all."""
    now = venue.clock.now()

    def of(board: Board) -> Any:
        board = venue.market.past(board.listing.symbol)
        minutes = [c for c in board.candles.minutes() if c.opened > now - DAY_MS]
        return day_ticker(board, minutes, now)

    return _one_or_all(venue, call.params, of)


def touch(venue: Venue, call: Call) -> Any:
    """Return the touch, of one symbol or of all."""
    return _one_or_all(venue, call.params, book_ticker)


def price(venue: Venue, call: Call) -> Any:
    """Return the last price, of one symbol or of all."""

    def of(board: Board) -> Any:
        listing = board.listing
        return {
            "symbol": listing.name,
            "price": listing.price(board.price),
            "time": venue.clock.now() if board.last is None else board.last.at,
        }

    return _one_or_all(venue, call.params, of)


def premium(venue: Venue, call: Call) -> Any:
    """Return mark, index and the coming funding, of one symbol or of all."""
    now = venue.clock.now()
    due = venue.market.funding_due(now)
    return _one_or_all(venue, call.params, lambda board: premium_index(board, due, now))


def funding_rates(venue: Venue, call: Call) -> Any:
    """Return past funding rates."""
    params = call.params
    listing = filters.may_listing(params, venue.listings)
    limit = params.between("limit", 1, 1000, 100)
    start, end = params.whole("startTime"), params.whole("endTime")
    rates = sorted(
        (
            rate
            for board in venue.market.boards.values()
            if listing is None or board.listing is listing
            for rate in board.funding
            if (start is None or rate.at >= start) and (end is None or rate.at <= end)
        ),
        key=lambda rate: (rate.at, rate.symbol),
    )
    chosen = rates[:limit] if start is not None else rates[-limit:]
    return [_rate_row(venue, rate) for rate in chosen]


def _rate_row(venue: Venue, rate: FundingRate) -> dict[str, Any]:
    return {
        "symbol": venue.listings.by_symbol[rate.symbol].name,
        "fundingTime": rate.at,
        "fundingRate": money(rate.rate),
        "markPrice": "" if rate.mark is None else money(rate.mark),
        "rateType": "Regular",
    }


def funding_info(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return the symbols whose funding is not the default: BTC's cap of 0.3 % (2026-09)."""
    return [
        {
            "symbol": listing.name,
            "adjustedFundingRateCap": "0.00300",
            "adjustedFundingRateFloor": "-0.00300",
            "fundingIntervalHours": 8,
            "disclaimer": True,
            "updateTime": None,
        }
        for listing in venue.listings
        if listing.name == "BTCUSDT"
    ]


def open_interest(venue: Venue, call: Call) -> Any:
    """Return an open interest; nobody else trades here, so it is the day's volume."""
    board = _past(venue, call.params)
    volume = sum((candle.volume for candle in board.candles.minutes()), start=0 * board.mark)
    return {
        "symbol": board.listing.name,
        "openInterest": board.listing.qty(volume),
        "time": venue.clock.now(),
    }


def _board(venue: Venue, params: RequestParams) -> Board:
    return venue.market.board(filters.need_listing(params, venue.listings).symbol)


def _past(venue: Venue, params: RequestParams) -> Board:
    return venue.market.past(filters.need_listing(params, venue.listings).symbol)


def _one_or_all(venue: Venue, params: RequestParams, of: Any) -> Any:
    listing: Listing | None = filters.may_listing(params, venue.listings)
    if listing is not None:
        return of(venue.market.board(listing.symbol))
    bodies = [of(board) for board in venue.market.boards.values()]
    return [body for body in bodies if body]


def _kline_weight(params: RequestParams) -> int:
    limit = params.values.get("limit", "")
    count = int(limit) if limit.isdecimal() and len(limit) < 6 else 500
    if count < 100:
        return 1
    return 2 if count < 500 else 5 if count <= 1000 else 10


def _depth_weight(params: RequestParams) -> int:
    limit = params.values.get("limit", "500")
    count = int(limit) if limit.isdecimal() and len(limit) < 6 else 500
    return 2 if count <= 50 else 5 if count <= 100 else 10 if count <= 500 else 20


def _by_symbol(one: int, everything: int) -> Any:
    return lambda params: one if params.values.get("symbol") else everything


ROUTES = (
    Route("GET", "/fapi/v1/ping", ping),
    Route("GET", "/fapi/v1/time", server_time),
    Route("GET", "/fapi/v1/exchangeInfo", info),
    Route("GET", "/fapi/v1/klines", klines, weight=_kline_weight),
    Route("GET", "/fapi/v1/markPriceKlines", mark_klines, weight=_kline_weight),
    Route("GET", "/fapi/v1/depth", depth, weight=_depth_weight),
    Route("GET", "/fapi/v1/aggTrades", agg_trades, weight=20),
    Route("GET", "/fapi/v1/ticker/24hr", day, weight=_by_symbol(1, 40)),
    Route("GET", "/fapi/v1/ticker/bookTicker", touch, weight=_by_symbol(2, 5)),
    Route("GET", "/fapi/v1/ticker/price", price, weight=_by_symbol(1, 2)),
    Route("GET", "/fapi/v2/ticker/price", price, weight=_by_symbol(1, 2)),
    Route("GET", "/fapi/v1/premiumIndex", premium, weight=_by_symbol(1, 10)),
    Route("GET", "/fapi/v1/fundingRate", funding_rates),
    Route("GET", "/fapi/v1/fundingInfo", funding_info),
    Route("GET", "/fapi/v1/openInterest", open_interest),
)
