"""Market stream messages in Binance's form; each tells one thing about one symbol."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tradebot.venue.bus import Depth, Liquidated, Trade
from tradebot.venue.candles import Candle, close_of
from tradebot.venue.frames import Frame
from tradebot.venue.listings import Listing
from tradebot.venue.payloads import agg_trade, money
from tradebot.venue.prices import Board

Levels = Sequence[Sequence[str]]


def stream_of(listing: Listing, kind: str) -> str:
    """Return a stream's name: ``btcusdt@bookTicker``."""
    return f"{listing.name.lower()}@{kind}"


def _frame(listing: Listing, kind: str, body: dict[str, Any]) -> Frame:
    return Frame(stream_of(listing, kind), body["e"], body, symbol=listing.name)


def book_ticker(board: Board, now: int) -> Frame:
    """Tell the touch."""
    quote, listing = board.quote, board.listing
    assert quote is not None
    body = {
        "e": "bookTicker",
        "u": board.update,
        "s": listing.name,
        "b": listing.price(quote.exact_bid),
        "B": listing.qty(quote.exact_bid_qty),
        "a": listing.price(quote.exact_ask),
        "A": listing.qty(quote.exact_ask_qty),
        "T": quote.at,
        "E": now,
    }
    return _frame(listing, "bookTicker", body)


def trade(listing: Listing, seen: Trade, now: int) -> Frame:
    """Tell one public trade (the undocumented stream that ccxt's ``watch_trades`` uses)."""
    body = {
        "e": "trade",
        "E": now,
        "T": seen.at,
        "s": listing.name,
        "t": seen.id,
        "p": listing.price(Decimal(seen.price)),
        "q": listing.qty(Decimal(seen.qty)),
        "X": "MARKET",
        "m": seen.maker_buys,
    }
    return _frame(listing, "trade", body)


def aggregate(listing: Listing, seen: Trade, now: int) -> Frame:
    """Tell one trade as an aggregate of its own."""
    row = agg_trade(seen, listing)
    body = {"e": "aggTrade", "E": now, "s": listing.name, **row}
    return _frame(listing, "aggTrade", body)


def mark_price(board: Board, kind: str, next_funding: int, now: int) -> Frame:
    """Tell mark, index (the mid), rate and time of the next funding."""
    quote, listing = board.quote, board.listing
    assert quote is not None
    mid = money((quote.exact_bid + quote.exact_ask) / 2)
    body = {
        "e": "markPriceUpdate",
        "E": now,
        "s": listing.name,
        "p": money(board.mark),
        "ap": money(board.mark),
        "i": mid,
        "P": mid,
        "r": money(board.rate),
        "T": next_funding,
    }
    return _frame(listing, kind, body)


def kline(listing: Listing, interval: str, candle: Candle, *, closed: bool, now: int) -> Frame:
    """Tell a candle as it stands; ``closed`` once, at its end."""
    body = {
        "e": "kline",
        "E": now,
        "s": listing.name,
        "k": {
            "t": candle.opened,
            "T": close_of(interval, candle.opened),
            "s": listing.name,
            "i": interval,
            "f": candle.first,
            "L": candle.last,
            "o": listing.price(candle.open),
            "c": listing.price(candle.close),
            "h": listing.price(candle.high),
            "l": listing.price(candle.low),
            "v": listing.qty(candle.volume),
            "n": candle.count,
            "x": closed,
            "q": listing.value(candle.quote),
            "V": listing.qty(candle.taker_volume),
            "Q": listing.value(candle.taker_quote),
            "B": "0",
        },
    }
    return _frame(listing, f"kline_{interval}", body)


def mini_ticker(board: Board, day: dict[str, Any], now: int) -> Frame:
    """Tell the last 24 hours in short; ``day`` is the body of ``ticker/24hr``."""
    listing = board.listing
    body = {
        "e": "24hrMiniTicker",
        "E": now,
        "s": listing.name,
        "c": day["lastPrice"],
        "o": day["openPrice"],
        "h": day["highPrice"],
        "l": day["lowPrice"],
        "v": day["volume"],
        "q": day["quoteVolume"],
    }
    return _frame(listing, "miniTicker", body)


def depth(
    listing: Listing, kind: str, ids: tuple[int, int, int], bids: Levels, asks: Levels, now: int
) -> Frame:
    """Tell changed levels (or the first few); ``ids`` are first, last and previous last update id."""
    first, last, previous = ids
    body = {
        "e": "depthUpdate",
        "E": now,
        "T": now,
        "s": listing.name,
        "U": first,
        "u": last,
        "pu": previous,
        "b": [list(row) for row in bids],
        "a": [list(row) for row in asks],
    }
    return _frame(listing, kind, body)


def raw_depth(listing: Listing, kind: str, change: Depth, now: int) -> Frame:
    """Tell one recorded change of the book as it was."""
    ids = (change.first, change.last, change.previous)
    return depth(listing, kind, ids, change.bids, change.asks, now)


def force_order(event: Liquidated, now: int) -> Frame:
    """Tell a forced order, as everybody sees it."""
    order, listing = event.order, event.order.listing
    body = {
        "e": "forceOrder",
        "E": now,
        "o": {
            "s": listing.name,
            "S": order.side,
            "o": "LIMIT",
            "f": "IOC",
            "q": listing.qty(order.qty),
            "p": listing.price(order.average),
            "ap": listing.price(order.average),
            "X": "FILLED",
            "l": listing.qty(order.executed),
            "z": listing.qty(order.executed),
            "T": event.at,
        },
    }
    return _frame(listing, "forceOrder", body)
