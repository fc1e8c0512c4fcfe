"""One request on its way through the venue, and the places where a fault can step in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tradebot.venue.ledger import to_json
from tradebot.venue.params import NO_PARAMS, RequestParams

if TYPE_CHECKING:
    from aiohttp import web

    from tradebot.venue.core import Venue
    from tradebot.venue.rules import Rule


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: HTTP status and a JSON value, or (``raw``) bytes as they are."""

    status: int
    body: Any = None
    raw: bytes | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the bytes that are sent."""
        return to_json(self.body).encode() if self.raw is None else self.raw


class Dropped(Exception):
    """A fault ended the connection: there is no answer. ``how`` is for the ledger."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


@dataclass(slots=True)
class Call:
    """One request. ``arrived`` is venue time (UTC ms), ``began`` a monotonic reading in s.

    ``params`` is empty until the body was read; ``route`` None until (or unless) one was found.
    ``faults``: names of the faults that touched it, for the ledger; ``chosen`` the rules that still will.
    """

    method: str
    path: str
    arrived: int
    began: float
    request: web.Request | None = None
    api_key: str | None = None
    params: RequestParams = NO_PARAMS
    route: Route | None = None
    faults: list[str] = field(default_factory=list)
    chosen: list[Rule] = field(default_factory=list)


class Interceptor(Protocol):
    """Where faults step into a request; each place is passed once, in this order.

    Any of them may wait (in venue time), or raise ``Dropped`` after it has ended the connection.
    """

    async def before_reading(self, call: Call) -> Answer | None:
        """Stand before the body is read: an answer means that the request never reaches the venue."""
        ...

    async def before_handling(self, call: Call) -> Answer | None:
        """Stand before checks and handler: an answer means that nothing is carried out."""
        ...

    async def after_handling(self, call: Call, answer: Answer) -> Answer:
        """Stand behind the handler: what was done is done, the answer may be replaced."""
        ...


Handler = Callable[["Venue", Call], Any]
"""Carries a request out and returns the JSON body; raises VenueError to refuse."""

AsyncHandler = Callable[["Venue", Call], Awaitable[Answer]]

NONE, KEY, SIGNED = "none", "key", "signed"
"""What a route asks for: nothing, the API key's header, or a signature too."""


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. ``weight`` is counted by address, ``orders`` by account; either may ask the params.

    ``matching``: the time stamp is looked at again when the order reaches the matching engine.
    ``counts``: its answers carry the order counts.
    """

    method: str
    path: str
    handler: Handler
    security: str = NONE
    weight: int | Callable[[RequestParams], int] = 1
    orders: int | Callable[[RequestParams], int] = 0
    matching: bool = False

    def weight_of(self, params: RequestParams) -> int:
        """Return the weight of one request."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)

    def orders_of(self, params: RequestParams) -> int:
        """Return how many orders one request counts for."""
        return self.orders if isinstance(self.orders, int) else self.orders(params)
