"""Who is at the other end of a connection, by the connection itself: never by what was configured.

A host counts only where TLS has verified its certificate against its name; the address is the peer's own. An
address of this machine or of a private network is never the exchange, whatever the certificate says.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from aiohttp import ClientRequest, ClientTimeout, TCPConnector
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from tradebot.wire.places import PRACTICE, Place, place_of

Kind = Literal["rest", "stream"]

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection: ``host`` as TLS verified it ("" where it did not), ``address`` its IP."""

    host: str
    address: str

    @property
    def place(self) -> Place:
        """Where it is."""
        return place_of(self.host, self.address)


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """Return who a connection is with; an address that is this end's too is this machine, whatever it is called."""
    name = transport.get_extra_info("peername") or ("",)
    own = transport.get_extra_info("sockname") or ("",)
    address = str(name[0])
    if address and address == str(own[0]):
        address = LOOPBACK
    return Peer(_verified(transport.get_extra_info("ssl_object")), address)


def _verified(secured: ssl.SSLObject | None) -> str:
    """Return the name that a finished handshake has checked the peer's certificate against, "" for none."""
    if secured is None or secured.getpeercert() in (None, {}):
        return ""
    context = secured.context
    is_checked = context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED
    return (secured.server_hostname or "").lower().rstrip(".") if is_checked else ""


class Peers:
    """The peers that a client has been connected to since it began: of each kind every place, with its newest address.

    ``stranger`` is the first that is neither this machine nor Demo Trading; None while there was none.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[Kind, str, Place], Peer] = {}
        self.stranger: Peer | None = None

    def see(self, kind: Kind, peer: Peer) -> None:
        """Note a connection."""
        place = peer.place
        self._seen[kind, peer.host, place] = peer
        if self.stranger is None and place not in PRACTICE:
            self.stranger = peer

    def rows(self, kind: Kind) -> tuple[tuple[str, str], ...]:
        """Return host and address of whom connections of a kind were with, in the order of host and place."""
        found = (self._seen[key] for key in sorted(self._seen) if key[0] == kind)
        return tuple((peer.host, peer.address) for peer in found)


class SeeingConnector(TCPConnector):
    """Notes who is at the other end of every connection that a request is given, a new one or one kept open."""

    def __init__(self, peers: Peers, context: ssl.SSLContext | bool) -> None:
        super().__init__(ssl=context)
        self._peers = peers
        self._met: WeakKeyDictionary[asyncio.BaseTransport, Peer] = WeakKeyDictionary()

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> Connection:
        """Return a connection for a request."""
        made = await super().connect(req, traces, timeout)
        transport = made.transport
        if transport is not None:
            peer = self._met.get(transport)
            if peer is None:  # it stays the same for as long as the connection is kept
                peer = self._met[transport] = peer_of(transport)
            self._peers.see("stream" if req.url.scheme in ("ws", "wss") else "rest", peer)
        return made
