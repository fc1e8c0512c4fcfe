"""A request's way: ban, route, limits, security, handler, headers, ledger, with the faults' places between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.clock import SYSTEM
from tradebot.venue.call import Answer, Call, Dropped, Route
from tradebot.venue.errors import VenueError
from tradebot.venue.params import RequestParams
from tradebot.venue.security import check_time

if TYPE_CHECKING:
    from tradebot.venue.core import Venue

LARGEST_BODY = 64 * 1024


class Pipeline:
    """Takes calls through the venue."""

    def __init__(self, venue: Venue, routes: dict[tuple[str, str], Route]) -> None:
        self._venue = venue
        self._routes = routes

    async def run(self, call: Call, query: str, read_body: Any) -> tuple[Answer, bytes]:
        """Carry a call out and write it down. ``Dropped`` when a fault ended the connection."""
        answer: Answer | None = None
        try:
            answer = await self._pass(call, query, read_body)
            return answer, answer.encoded()
        except Dropped as end:
            call.faults.append(end.how)
            raise
        finally:
            self._record(call, answer)

    async def _pass(self, call: Call, query: str, read_body: Any) -> Answer:
        faults = self._venue.faults
        answer = await faults.before_reading(call)
        if answer is not None:
            return answer
        try:
            call.params = RequestParams(query, _text(await read_body()))
        except VenueError as refusal:
            return self._refused(call, refusal)
        answer = await faults.before_handling(call)
        if answer is None:
            answer = self._carry_out(call)
        return await faults.after_handling(call, answer)

    def _carry_out(self, call: Call) -> Answer:
        try:
            self._venue.limits.arrive()
            return Answer(200, self._handle(call), headers=self._headers(call))
        except VenueError as refusal:
            return self._refused(call, refusal)

    def _refused(self, call: Call, refusal: VenueError) -> Answer:
        limits, headers = self._venue.limits, self._headers(call)
        if refusal.status in (418, 429) and limits.retry_after:
            headers["Retry-After"] = str(limits.wait_s())
        return Answer(refusal.status, refusal.body, headers=headers)

    def _handle(self, call: Call) -> Any:
        venue = self._venue
        route = self._routes.get((call.method, call.path))
        if route is None:
            raise VenueError(-5000, path=call.path, method=call.method)
        call.route = route
        venue.limits.charge(route.weight_of(call.params))
        call.params.check()
        venue.credentials.check(call, call.arrived)
        orders = route.orders_of(call.params)
        if orders:
            venue.limits.count_orders(orders)
        if route.matching and (now := venue.clock.now()) != call.arrived:
            check_time(call, now, code=-5028)
        return route.handler(venue, call)

    def _headers(self, call: Call) -> dict[str, str]:
        counts = call.route is not None and call.route.orders != 0
        return self._venue.limits.headers(orders=counts)

    def _record(self, call: Call, answer: Answer | None) -> None:
        params = {k: v for k, v in call.params.values.items() if k != "signature"}
        fields: dict[str, Any] = {
            "arrived": call.arrived,
            "method": call.method,
            "path": call.path,
            "params": params,
            "status": None if answer is None else answer.status,
            "answer": None if answer is None else _shown(answer),
        }
        if self._venue.timed:
            fields["us"] = round((SYSTEM.monotonic() - call.began) * 1e6)
        if call.faults:
            fields["faults"] = list(call.faults)
        self._venue.ledger.write("request", **fields)


def _text(body: bytes) -> str:
    return body.decode("utf-8", errors="replace")


def _shown(answer: Answer) -> Any:
    """An answer as the ledger keeps it: long market data by its length only."""
    if answer.raw is not None:
        return answer.raw[:200].decode("utf-8", errors="replace")
    body = answer.body
    if isinstance(body, list) and len(body) > 50:
        return f"{len(body)} rows"
    if isinstance(body, dict) and "symbols" in body:
        return f"{len(body['symbols'])} symbols"
    return body
