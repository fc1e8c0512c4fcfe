"""The WebSocket side: who listens to what, and every message on its way out.

``/public/ws/N``, ``/market/ws/N`` and ``/private/ws?listenKey=K[&events=A/B]``, without a category, and
``/stream?streams=a/b`` with messages wrapped. A category gives out its own streams only, a dead or
unknown listenKey nothing, without a word: where the exchange's answer is not known the worse was taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import Quote
from tradebot.venue.bus import Depth, Happening, Liquidated, Trade
from tradebot.venue.cadence import Cadence
from tradebot.venue.frames import Frame, user_frames
from tradebot.venue.ledger import to_json
from tradebot.venue.socket import GOING_AWAY, Connection

if TYPE_CHECKING:
    from tradebot.venue.core import Venue

_PATH = re.compile(r"^(?:/(public|market|private))?/(ws|stream)(?:/(.*))?$")
_PUBLIC = re.compile(r"@(trade|depth|rpiDepth|bookTicker)")
_MARKET = (Quote, Trade, Depth, Liquidated)

SHOWN = 200
"""Characters of a garbled message that the ledger keeps."""

LIKELY_KEY = re.compile(r"^[A-Za-z0-9]{64}$")


class Streams:
    """All connections of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._by_name: dict[str, dict[int, Connection]] = {}
        self._connections: dict[int, Connection] = {}
        self._opened = 0
        self._cadence = Cadence(venue, self)
        venue.bus.subscribe(self._hear)

    def serves(self, request: web.Request) -> bool:
        """Whether a request opens a stream."""
        return _PATH.match(request.path) is not None and "Upgrade" in request.headers

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve a stream until it ends."""
        connection = self._connect(request)
        self._note("opened", connection)
        try:
            return await connection.serve(request)
        finally:
            connection.names.clear()
            self._index(connection)
            del self._connections[connection.number]
            self._note("closed", connection, **({"why": connection.why} if connection.why else {}))

    def _connect(self, request: web.Request) -> Connection:
        found = _PATH.match(request.path)
        assert found is not None
        category, door, rest = found.groups()
        events = request.query.get("events")
        self._opened += 1
        connection = Connection(
            self._opened,
            self._venue.clock,
            self._index,
            category=category or "",
            combined=door == "stream",
            events=None if events is None else frozenset(events.split("/")),
        )
        self._connections[connection.number] = connection
        names = [*request.query.get("streams", "").split("/"), request.query.get("listenKey", "")]
        if rest and not rest.isdecimal():
            names += rest.split("/")
        connection.subscribe(name for name in names if name)
        return connection

    def _index(self, connection: Connection) -> None:
        """Bring the table of who listens up to date for one connection."""
        number = connection.number
        served = {name for name in connection.names if _fits(connection.category, name)}
        for name, listeners in tuple(self._by_name.items()):
            if number in listeners and name not in served:
                del listeners[number]
                if not listeners:
                    del self._by_name[name]
        for name in served:
            self._by_name.setdefault(name, {})[number] = connection
        self._cadence.follow(self._by_name)

    @property
    def count(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def wanted(self, name: str) -> bool:
        """Whether anybody listens to a stream."""
        return name in self._by_name

    def close(self, category: str = "", code: int = GOING_AWAY) -> int:
        """End the connections of a category ("" for all); return how many there were."""
        chosen = [c for c in self._connections.values() if not category or _kind(c) == category]
        for connection in chosen:
            connection.close(code, why="a fault")
        return len(chosen)

    # Messages

    def _hear(self, event: Happening) -> None:
        if isinstance(event, _MARKET):
            self._cadence.hear(event)
        elif not isinstance(event, FundingRate):
            for frame in user_frames(event, self._venue.clock.now()):
                self.send(frame)

    def send(self, frame: Frame) -> None:
        """Send a message to those who listen, by way of the faults."""
        passed = self._venue.faults.let(frame)
        if not passed:
            self._record(frame, (), withheld=True)
        now = self._venue.clock.now()
        for delay, shown in passed:
            if delay:
                self._later(now + delay, shown)
            else:
                self._deliver(shown)

    def _later(self, due: int, frame: Frame) -> None:
        self._venue.clock.call_at(due, lambda: self._deliver(frame))

    def _deliver(self, frame: Frame) -> None:
        listeners = self._listeners(frame)
        if listeners:
            plain = frame.text or to_json(frame.body)
            for connection, name in listeners:
                text = f'{{"stream":"{name}","data":{plain}}}' if connection.combined else plain
                connection.put(text)
        if listeners or frame.private:
            self._record(frame, [connection.number for connection, _ in listeners])

    def _listeners(self, frame: Frame) -> list[tuple[Connection, str]]:
        if not frame.private:
            return [(c, frame.stream) for c in self._by_name.get(frame.stream, {}).values()]
        keys = self._venue.listen_keys
        key = frame.body["listenKey"] if frame.event == "listenKeyExpired" else keys.key
        return [
            (connection, key)
            for connection in self._by_name.get(key, {}).values()
            if connection.events is None or frame.event in connection.events
        ]

    def _record(self, frame: Frame, to: Sequence[int], *, withheld: bool = False) -> None:
        fields: dict[str, Any] = {"stream": frame.stream, "event": frame.event, "to": list(to)}
        if frame.private:
            fields["body"] = frame.text[:SHOWN] if frame.text else frame.body
        if withheld:
            fields["withheld"] = True
        self._venue.ledger.write("stream", **fields)

    def _note(self, what: str, connection: Connection, **more: str) -> None:
        self._venue.ledger.write(
            "venue",
            what=f"stream {what}",
            connection=connection.number,
            category=_kind(connection),
            names=["(listenKey)" if LIKELY_KEY.match(n) else n for n in connection.names],
            **more,
        )


def category_of(frame: Frame) -> str:
    """Return the category a message belongs to."""
    if frame.private:
        return "private"
    return "public" if _PUBLIC.search(frame.stream) else "market"


def _kind(connection: Connection) -> str:
    """The category of a connection; of one without, ``private`` if it was opened with a listenKey."""
    if connection.category:
        return connection.category
    return "private" if any(LIKELY_KEY.match(name) for name in connection.names) else "market"


def _fits(category: str, name: str) -> bool:
    """Whether a category gives out a stream."""
    if not category:
        return True
    if category == "private" or LIKELY_KEY.match(name):
        return category == "private"
    return (category == "public") == (_PUBLIC.search(name) is not None)
