"""Stream messages in Binance's form: what happened as JSON, one frame an event.

Field names, order and string forms follow recorded messages; where none is recorded, Binance's
documentation. ``E`` is the time of sending, ``T`` that of what it tells (UTC milliseconds).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradebot.core.model.money import ZERO, plain
from tradebot.venue.algo import AlgoOrder
from tradebot.venue.bus import (
    AccountChanged,
    AlgoChanged,
    ConfigChanged,
    ListenKeyExpired,
    MarginCalled,
    OrderNews,
    UserEvent,
)
from tradebot.venue.holdings import VenueHolding
from tradebot.venue.orders import VenueOrder, VenueTrade
from tradebot.venue.payloads import average, exact_price, money

Body = dict[str, Any]

PRIVATE = "private"
"""The stream of user events; connections reach it by the listenKey."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message before it is sent. ``event`` is its ``e``, ``what`` its execution type or algo status.

    ``symbol`` is Binance's name ("" for the whole account), ``client_id`` that of the order it tells of. ``text`` is what
    goes out where that is not ``body``: what a fault has made of it.
    """

    stream: str
    event: str
    body: Body
    what: str = ""
    symbol: str = ""
    client_id: str = ""
    text: str = ""

    @property
    def private(self) -> bool:
        """Whether only the account's owner sees it."""
        return self.stream == PRIVATE


def user_frames(event: UserEvent, now: int) -> Iterator[Frame]:
    """Yield the messages that tell a user event, in the order in which Binance sends them."""
    match event:
        case OrderNews(what="TRADE", order=order, trade=VenueTrade() as trade):
            yield _order_frame("TRADE_LITE", _trade_lite(order, trade, now), event)
            yield _order_frame("ORDER_TRADE_UPDATE", _order_update(event, now), event)
        case OrderNews():
            yield _order_frame("ORDER_TRADE_UPDATE", _order_update(event, now), event)
        case AccountChanged():
            yield Frame(
                PRIVATE, "ACCOUNT_UPDATE", _account_update(event, now), event.reason, _symbol(event)
            )
        case AlgoChanged(algo=algo):
            body = {"e": "ALGO_UPDATE", "T": event.at, "E": now, "o": _algo(algo)}
            name = algo.listing.name
            yield Frame(PRIVATE, "ALGO_UPDATE", body, algo.status, name, algo.client_id)
        case ConfigChanged():
            body = _config(event, now)
            yield Frame(PRIVATE, "ACCOUNT_CONFIG_UPDATE", body, symbol=event.symbol)
        case MarginCalled():
            yield Frame(PRIVATE, "MARGIN_CALL", _margin_call(event, now))
        case ListenKeyExpired(key=key):
            body = {"e": "listenKeyExpired", "E": now, "listenKey": key}
            yield Frame(PRIVATE, "listenKeyExpired", body)


def _order_frame(name: str, body: Body, event: OrderNews) -> Frame:
    order = event.order
    return Frame(PRIVATE, name, body, event.what, order.listing.name, order.client_id)


def _symbol(event: AccountChanged) -> str:
    return event.symbol or (event.holdings[0].listing.name if event.holdings else "")


def _trade_lite(order: VenueOrder, trade: VenueTrade, now: int) -> Body:
    listing = order.listing
    return {
        "e": "TRADE_LITE",
        "E": now,
        "T": trade.time,
        "s": listing.name,
        "q": listing.qty(order.qty),
        "p": listing.price(order.price),
        "m": trade.maker,
        "c": order.client_id,
        "S": order.side,
        "L": exact_price(listing, trade.price),
        "l": listing.qty(trade.qty),
        "t": trade.id,
        "i": order.id,
    }


def _order_update(event: OrderNews, now: int) -> Body:
    at = event.at if event.trade is None else event.trade.time
    order = _order(event.order, event.what, event.trade, at)
    return {"e": "ORDER_TRADE_UPDATE", "T": at, "E": now, "o": order}


def _order(order: VenueOrder, what: str, trade: VenueTrade | None, at: int) -> Body:
    listing = order.listing
    body: Body = {
        "s": listing.name,
        "c": order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.tif,
        "q": listing.qty(order.qty),
        "p": _price(order, order.price),
        "ap": listing.price(order.average) if order.executed else "0",
        "sp": _price(order, order.stop_price),
        "x": what,
        "X": order.status,
        "i": order.id,
        "l": listing.qty(ZERO if trade is None else trade.qty) if trade else "0",
        "z": listing.qty(order.executed) if order.executed else "0",
        "L": "0" if trade is None else exact_price(listing, trade.price),
    }
    if trade is not None and trade.fee:
        body |= {"n": money(trade.fee), "N": trade.fee_asset}
    body |= {
        "T": at,
        "t": 0 if trade is None else trade.id,
        "b": "0",
        "a": "0",
        "m": trade is not None and trade.maker,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.orig_type or order.type,
        "ps": order.position_side,
        "cp": order.close_position,
        "rp": "0" if trade is None else money(trade.realised),
        "pP": order.price_protect,
        "si": 0,
        "ss": 0,
        "V": order.stp,
        "pm": order.price_match,
        "gtd": order.good_till,
    }
    if what == "EXPIRED":
        body["er"] = "0"
    return body


def _price(order: VenueOrder, value: Decimal) -> str:
    return order.listing.price(value) if value else "0"


def _account_update(event: AccountChanged, now: int) -> Body:
    account: Body = {
        "m": event.reason,
        "B": [
            {
                "a": row.asset,
                "wb": money(row.wallet),
                "cw": money(row.cross),
                "bc": _bare(row.change),
            }
            for row in event.balances
        ],
        "P": [_position(row) for row in event.holdings],
    }
    if event.reason == "FUNDING_FEE" and event.symbol:
        account["S"] = event.symbol
    return {"e": "ACCOUNT_UPDATE", "T": event.at, "E": now, "a": account}


def _position(row: VenueHolding) -> Body:
    listing = row.listing
    isolated = row.margin_type == "isolated"
    return {
        "s": listing.name,
        "pa": listing.qty(row.qty) if row.qty else "0",
        "ep": average(listing, row.entry),
        "bep": plain(row.break_even) if row.qty else "0",
        "cr": _bare(row.realised),
        "up": money(row.unrealised) if row.qty else "0",
        "mt": row.margin_type,
        "iw": money(row.wallet if isolated else ZERO),
        "ps": row.position_side,
        "ma": listing.quote,
    }


def _bare(value: Decimal) -> str:
    return money(value) if value else "0"


def _algo(algo: AlgoOrder) -> Body:
    """TRIGGERING names no child yet; before a trigger everything of the child is zero, after it plain numbers."""
    listing = algo.listing
    child: Body = {"ai": str(algo.child_id) if algo.child_id else ""}
    if algo.status != "TRIGGERING":
        child |= {
            "ap": plain(algo.average) if algo.child_id else "0.00000",
            "aq": plain(algo.filled) if algo.child_id else "0.00000",
            "act": algo.child_type if algo.child_id else "0",
        }
    body: Body = {
        "caid": algo.client_id,
        "aid": algo.id,
        "at": "CONDITIONAL",
        "o": algo.type,
        "s": listing.name,
        "S": algo.side,
        "ps": algo.position_side,
        "f": algo.tif,
        "q": listing.qty(algo.qty),
        "X": algo.status,
        **child,
        "tp": listing.price(algo.trigger),
        "p": listing.price(algo.price) if algo.price else "0",
        "V": algo.stp,
        "wt": algo.working_type,
        "pm": algo.price_match,
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.triggered_at,
        "gtd": algo.good_till,
    }
    if algo.reason:
        body["rm"] = algo.reason
    return body


def _config(event: ConfigChanged, now: int) -> Body:
    what: Body = {"ai": {"j": event.multi_assets}}
    if event.symbol:
        what = {"ac": {"s": event.symbol, "l": event.leverage}}
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now, "T": event.at, **what}


def _margin_call(event: MarginCalled, now: int) -> Body:
    rows = [
        {
            "s": row.listing.name,
            "ps": row.position_side,
            "pa": row.listing.qty(row.qty),
            "mt": "ISOLATED" if row.margin_type == "isolated" else "CROSSED",
            "iw": money(row.wallet) if row.margin_type == "isolated" else "0",
            "mp": money(row.mark),
            "up": money(row.unrealised),
            "mm": money(row.maintenance),
        }
        for row in event.holdings
    ]
    return {"e": "MARGIN_CALL", "E": now, "cw": money(event.cross), "p": rows}
