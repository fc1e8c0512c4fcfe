"""One request on its way: ccxt signs it, this client sends it, and what is seen of it is noted on its ticket."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import aiohttp
from yarl import URL

from tradebot.wire.api_key import ApiKey
from tradebot.wire.hosts import Hosts
from tradebot.wire.library import load_class
from tradebot.wire.reply import Reply
from tradebot.wire.venue_time import VenueTime

RECV_WINDOW_MS = 3000
"""The exchange refuses a request that is older than this when it arrives: a constant, others count on it."""

Check = Callable[[], str]
"""Asked right before the first byte leaves; what it says other than "" is why nothing may."""


class Withheld(Exception):
    """We did not send a request ourselves."""


@dataclass(slots=True)
class Ticket:
    """What is seen of a request while it is on its way."""

    check: Check | None = None
    left: bool = False
    status: int | None = None
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    withheld: str = ""
    error: str = ""
    sent_at: int = 0

    def reply(self) -> Reply:
        """Return it as a value."""
        return Reply(
            *(self.left, self.status, self.text, self.headers),
            *(self.withheld, self.error, self.sent_at),
        )


TICKET: ContextVar[Ticket] = ContextVar("ticket")


def let_pass(ticket: Ticket) -> None:
    """Raise Withheld where the request may not leave any more."""
    if ticket.check is not None and (why := ticket.check()):
        raise Withheld(why)


def signing_client(
    hosts: Hosts,
    api_key: ApiKey | None,
    session: aiohttp.ClientSession,
    time: VenueTime,
    context: ssl.SSLContext | bool,
) -> Any:
    """Return ccxt's client with our clock, our session and our ``fetch``; it limits and repeats nothing."""
    client: Any = _wired(load_class())(
        {
            "apiKey": api_key.key if api_key else "",
            "secret": api_key.secret if api_key else "",
            "enableRateLimit": False,
            "session": session,
            "options": {
                "recvWindow": RECV_WINDOW_MS,
                "timeDifference": 0,
                "adjustForTimeDifference": False,
                "fetchCurrencies": False,
                "fetchOpenOrders": {"warnWithoutSymbol": False},
            },
        }
    )
    client.urls["api"].update(hosts.ccxt_urls())
    client.milliseconds = time.local_ms
    client.ssl_context = context
    client.timeout_on_exit = 0
    client.logger = logging.getLogger("tradebot.wire.ccxt")
    client.logger.setLevel(logging.WARNING)  # at debug it writes keys and signatures
    client.always_sent = client.prepare_request_headers()
    return client


def _wired(base: Any) -> Any:
    """Return ccxt's class with our ``fetch`` in it."""

    class WiredClient(base):  # type: ignore[misc]
        """ccxt's client; each request is seen on its way out and on its way back. ``always_sent`` are headers of every one."""

        always_sent: dict[str, str]

        @staticmethod
        def urlencode(params: Mapping[str, Any], doseq: bool = False, sort: bool = False) -> str:
            """Return what ccxt's own does: for nearly all that is ever sent there is nothing to quote."""
            return (not doseq and as_it_is(params)) or str(base.urlencode(params, doseq, sort))

        async def fetch(
            self, url: str, method: str = "GET", headers: Any = None, body: Any = None
        ) -> None:
            """Send what was signed, if it may still leave; an answer that comes whole is noted, and nothing made of it.

            ccxt's own way between here and aiohttp is for other exchanges: proxies, forms, and errors that tell less.
            """
            ticket = TICKET.get()
            let_pass(ticket)
            async with self.session.request(
                method,
                URL(url, encoded=True),  # as it was signed
                data=body.encode() if body else None,
                headers={**(headers or {}), **self.always_sent},
                timeout=_patience(self.timeout / 1000),
            ) as answer:
                text = await answer.text(errors="replace")
                ticket.status, ticket.text = answer.status, text
                ticket.headers = dict(answer.headers)

    return WiredClient


_UNQUOTED = re.compile(r"[\w.~-]+=[\w.~-]*(?:&[\w.~-]+=[\w.~-]*)*", re.ASCII)


def as_it_is(params: Mapping[str, Any]) -> str:
    """Return parameters as a query if nothing in them has to be quoted, else ""."""
    text = "&".join([f"{name}={value}" for name, value in params.items()])
    if text.count("=") != len(params) or text.count("&") != len(params) - 1:
        return ""  # it would be taken for another parameter
    if "=True" in text or "=False" in text:  # ccxt writes them small
        return ""
    return text if _UNQUOTED.fullmatch(text) else ""


@lru_cache(maxsize=4)
def _patience(seconds: float) -> aiohttp.ClientTimeout:
    """For the whole of a request, and for each of its waits: a proxy may have let go of the connection silently."""
    return aiohttp.ClientTimeout(total=seconds, sock_connect=seconds, sock_read=seconds)
