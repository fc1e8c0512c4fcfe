"""Algo (conditional) orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.venue import filters
from tradebot.venue.algo import KEPT_MS
from tradebot.venue.call import SIGNED, Call, Route
from tradebot.venue.params import RequestParams
from tradebot.venue.payloads import algo_answer, algo_row
from tradebot.venue.routes.orders import WEEK_MS

if TYPE_CHECKING:
    from tradebot.venue.core import Venue


def place(venue: Venue, call: Call) -> Any:
    """Take a new algo order."""
    return algo_answer(venue.algos.place(call.params))


def cancel(venue: Venue, call: Call) -> Any:
    """Cancel one that has not triggered."""
    algo = venue.algos.cancel(call.params)
    return {
        "algoId": algo.id,
        "clientAlgoId": algo.client_id,
        "code": "200",
        "msg": "success",
    }


def look_up(venue: Venue, call: Call) -> Any:
    """Return one; a long ended one is served by ``allAlgoOrders`` only."""
    return algo_row(venue.algos.find(call.params, missing=-2013))


def open_orders(venue: Venue, call: Call) -> Any:
    """Return those that can still do something, of one symbol or of all."""
    params = call.params
    listing = filters.may_listing(params, venue.listings)
    wanted = params.whole("algoId")
    return [
        algo_row(algo)
        for algo in venue.algos.records.open(None if listing is None else listing.name)
        if not algo.hidden and wanted in (None, algo.id)
    ]


def all_orders(venue: Venue, call: Call) -> Any:
    """Return a symbol's algo orders of any state, of a week."""
    params = call.params
    listing = filters.need_listing(params, venue.listings)
    limit = params.between("limit", 1, 1000, 500)
    first = params.whole("algoId")
    now = venue.clock.now()
    start, end = params.whole("startTime"), params.whole("endTime")
    if start is None and first is None:
        start = (end or now) - WEEK_MS
    rows = [
        algo_row(algo)
        for algo in venue.algos.records.by_id.values()
        if algo.listing is listing
        and not algo.hidden
        and now - algo.created <= KEPT_MS
        and (first is None or algo.id >= first)
        and (start is None or algo.created >= start)
        and (end is None or algo.created <= end)
    ]
    return rows[:limit] if first is not None else rows[-limit:]


def cancel_open(venue: Venue, call: Call) -> Any:
    """Cancel all of a symbol's algo orders that have not triggered."""
    venue.algos.cancel_all(filters.need_listing(call.params, venue.listings))
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def _by_symbol(params: RequestParams) -> int:
    return 1 if params.values.get("symbol") else 40


_V1 = "/fapi/v1"
ROUTES = (
    Route("POST", f"{_V1}/algoOrder", place, SIGNED, weight=0, orders=1),
    Route("DELETE", f"{_V1}/algoOrder", cancel, SIGNED),
    Route("GET", f"{_V1}/algoOrder", look_up, SIGNED),
    Route("GET", f"{_V1}/openAlgoOrders", open_orders, SIGNED, weight=_by_symbol),
    Route("GET", f"{_V1}/allAlgoOrders", all_orders, SIGNED, weight=5),
    Route("DELETE", f"{_V1}/algoOpenOrders", cancel_open, SIGNED),
)
