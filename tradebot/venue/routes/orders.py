"""Regular orders and the account's trades."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tradebot.core.model.values import DAY_MS
from tradebot.venue import filters
from tradebot.venue.call import SIGNED, Call, Route
from tradebot.venue.errors import VenueError
from tradebot.venue.orders import VenueOrder
from tradebot.venue.params import RequestParams
from tradebot.venue.payloads import order_ack, order_answer, order_row, trade_row

if TYPE_CHECKING:
    from tradebot.venue.core import Venue

WEEK_MS = 7 * DAY_MS
TRADES_KEPT_MS = 90 * DAY_MS
MOST_IN_BATCH = 5
MOST_IN_CANCEL = 10


def place(venue: Venue, call: Call) -> Any:
    """Take a new order."""
    return _place(venue, call.params)


def _place(venue: Venue, params: RequestParams) -> Any:
    order = venue.entry.place(venue.entry.read(params))
    if params.values.get("newOrderRespType") == "RESULT":
        return _answer(venue, order)
    return order_ack(order)


def test(venue: Venue, call: Call) -> Any:
    """Check a new order as ``place`` does and take nothing."""
    order = venue.entry.read(call.params)
    venue.entry.check(order)
    return order_ack(order)


def amend(venue: Venue, call: Call) -> Any:
    """Change a working limit order."""
    return _answer(venue, venue.entry.amend(call.params))


def cancel(venue: Venue, call: Call) -> Any:
    """Cancel an order."""
    return _answer(venue, venue.entry.cancel(call.params))


def look_up(venue: Venue, call: Call) -> Any:
    """Return an order of any state that is still remembered."""
    return order_row(venue.entry.find(call.params, missing=-2013))


def open_order(venue: Venue, call: Call) -> Any:
    """Return an order that works."""
    order = venue.entry.find(call.params, missing=-2013)
    if not order.open:
        raise VenueError(-2013)
    return order_row(order)


def open_orders(venue: Venue, call: Call) -> Any:
    """Return all orders that work, of one symbol or of all."""
    listing = filters.may_listing(call.params, venue.listings)
    orders = venue.desk.records.open(None if listing is None else listing.name)
    return [order_row(order) for order in orders]


def cancel_open(venue: Venue, call: Call) -> Any:
    """Cancel a symbol's regular orders; algo orders stay."""
    venue.entry.cancel_all(filters.need_listing(call.params, venue.listings))
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def all_orders(venue: Venue, call: Call) -> Any:
    """Return a symbol's orders of any state, from an id on or of a week."""
    params = call.params
    listing = filters.need_listing(params, venue.listings)
    limit = params.between("limit", 1, 1000, 500)
    first = params.whole("orderId")
    start, end = _week(venue, params)
    orders = [
        order
        for order in venue.desk.records.remembered(listing.name, venue.clock.now())
        if (first is None or order.id >= first)
        and (start is None or order.time >= start)
        and (end is None or order.time <= end)
    ]
    chosen = orders[:limit] if first is not None or start is not None else orders[-limit:]
    return [order_row(order) for order in chosen]


def user_trades(venue: Venue, call: Call) -> Any:
    """Return a symbol's executions of at most a week, the last three months at most."""
    params = call.params
    listing = filters.need_listing(params, venue.listings)
    limit = params.between("limit", 1, 1000, 500)
    order_id, first = params.whole("orderId"), params.whole("fromId")
    start, end = _week(venue, params)
    if first is not None and (start is not None or end is not None):
        raise VenueError(-1128)
    since = venue.clock.now() - TRADES_KEPT_MS
    if first is None and start is None and order_id is None:
        since = max(since, (end or venue.clock.now()) - WEEK_MS)
    trades = [
        trade
        for trade in venue.desk.records.trades
        if trade.listing.name == listing.name
        and trade.time >= max(since, start or 0)
        and (end is None or trade.time <= end)
        and (order_id is None or trade.order_id == order_id)
        and (first is None or trade.id >= first)
    ]
    chosen = trades[:limit] if first is not None or start is not None else trades[-limit:]
    return [trade_row(trade) for trade in chosen]


def _week(venue: Venue, params: RequestParams) -> tuple[int | None, int | None]:
    """Return ``startTime`` and ``endTime``, at most seven days apart (-1127); one gives the other."""
    start, end = params.whole("startTime"), params.whole("endTime")
    if start is not None and end is not None:
        if end < start:
            raise VenueError(-1128)
        if end - start > WEEK_MS:
            raise VenueError(-1127)
    if start is not None and end is None:
        end = min(start + WEEK_MS, venue.clock.now())
    elif start is None and end is not None:
        start = end - WEEK_MS
    return start, end


def place_batch(venue: Venue, call: Call) -> Any:
    """Take up to five orders; each has its own answer or refusal."""
    return [_tried(venue, _place, row) for row in _batch(call.params)]


def amend_batch(venue: Venue, call: Call) -> Any:
    """Change up to five orders."""

    def change(venue: Venue, params: RequestParams) -> Any:
        return _answer(venue, venue.entry.amend(params))

    return [_tried(venue, change, row) for row in _batch(call.params)]


def cancel_batch(venue: Venue, call: Call) -> Any:
    """Cancel up to ten orders of a symbol, by ids or by client ids."""
    params = call.params
    symbol = params.need("symbol")
    name = "orderIdList" if params.text("orderIdList") is not None else "origClientOrderIdList"
    key = "orderId" if name == "orderIdList" else "origClientOrderId"
    rows = [{"symbol": symbol, key: str(value)} for value in _list(params, name, MOST_IN_CANCEL)]

    def end(venue: Venue, one: RequestParams) -> Any:
        return _answer(venue, venue.entry.cancel(one))

    return [_tried(venue, end, row) for row in rows]


def _tried(venue: Venue, carry_out: Any, row: dict[str, str]) -> Any:
    try:
        return carry_out(venue, RequestParams.of(row))
    except VenueError as refusal:
        return refusal.body


def _batch(params: RequestParams) -> list[dict[str, str]]:
    rows = _list(params, "batchOrders", MOST_IN_BATCH)
    if not all(isinstance(row, dict) for row in rows):
        raise VenueError(-1130, name="batchOrders")
    return [{str(k): _word(v) for k, v in row.items()} for row in rows]


def _list(params: RequestParams, name: str, most: int) -> list[Any]:
    try:
        rows = json.loads(params.need(name))
    except (ValueError, RecursionError):
        raise VenueError(-1130, name=name) from None
    if not isinstance(rows, list) or not 0 < len(rows) <= most:
        raise VenueError(-1130, name=name)
    return rows


def _word(value: Any) -> str:
    """A JSON value as the form would have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def batch_size(params: RequestParams) -> int:
    """Return how many orders a batch counts for."""
    try:
        rows = json.loads(params.values.get("batchOrders", "[]"))
    except (ValueError, RecursionError):
        return 1
    return len(rows) if isinstance(rows, list) and rows else 1


def count_down(venue: Venue, call: Call) -> Any:
    """Start, extend or end (0) a symbol's countdown to cancelling its regular orders."""
    listing = filters.need_listing(call.params, venue.listings)
    call.params.need("countdownTime")
    ms = call.params.whole("countdownTime") or 0
    if ms < 0:
        raise VenueError(-1130, name="countdownTime")
    venue.entry.count_down(listing, ms)
    return {"symbol": listing.name, "countdownTime": str(ms)}


def force_orders(venue: Venue, call: Call) -> Any:
    """Return the account's liquidations and ADL orders, newest first."""
    params = call.params
    listing = filters.may_listing(params, venue.listings)
    kind = params.choice("autoCloseType", ("LIQUIDATION", "ADL"), -1130)
    limit = params.between("limit", 1, 100, 50)
    start, end = params.whole("startTime"), params.whole("endTime")
    prefixes = {"LIQUIDATION": ("autoclose-",), "ADL": ("adl_autoclose",)}
    wanted = prefixes.get(kind or "", ("autoclose-", "adl_autoclose"))
    orders = [
        order
        for order in venue.desk.records.by_id.values()
        if order.client_id.startswith(wanted)
        and (listing is None or order.listing is listing)
        and (start is None or order.time >= start)
        and (end is None or order.time <= end)
    ]
    return [order_row(order) for order in reversed(orders)][:limit]


def _answer(venue: Venue, order: VenueOrder) -> Any:
    return order_answer(order, old_fields=venue.settings.old_fields)


def _force_weight(params: RequestParams) -> int:
    return 20 if params.values.get("symbol") else 50


def _by_symbol(params: RequestParams) -> int:
    return 1 if params.values.get("symbol") else 40


_V1 = "/fapi/v1"
ROUTES = (
    Route("POST", f"{_V1}/order", place, SIGNED, weight=0, orders=1, matching=True),
    Route("POST", f"{_V1}/order/test", test, SIGNED),
    Route("PUT", f"{_V1}/order", amend, SIGNED, orders=1, matching=True),
    Route("DELETE", f"{_V1}/order", cancel, SIGNED),
    Route("GET", f"{_V1}/order", look_up, SIGNED),
    Route("POST", f"{_V1}/batchOrders", place_batch, SIGNED, 5, orders=batch_size, matching=True),
    Route("PUT", f"{_V1}/batchOrders", amend_batch, SIGNED, 5, orders=batch_size, matching=True),
    Route("DELETE", f"{_V1}/batchOrders", cancel_batch, SIGNED),
    Route("GET", f"{_V1}/openOrder", open_order, SIGNED),
    Route("GET", f"{_V1}/openOrders", open_orders, SIGNED, weight=_by_symbol),
    Route("DELETE", f"{_V1}/allOpenOrders", cancel_open, SIGNED),
    Route("GET", f"{_V1}/allOrders", all_orders, SIGNED, weight=5),
    Route("GET", f"{_V1}/userTrades", user_trades, SIGNED, weight=5),
    Route("POST", f"{_V1}/countdownCancelAll", count_down, SIGNED, weight=10),
    Route("GET", f"{_V1}/forceOrders", force_orders, SIGNED, weight=_force_weight),
)
