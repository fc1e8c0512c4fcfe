"""The one client: every request to Binance passes through its ``fetch``, and its fate is noted there.

ccxt knows the addresses and signs. What it would make of an answer is not asked for, and nothing is decided by its
exceptions: never sent, unknown and refused share a class. A ``Ticket`` goes with each request instead and keeps what was seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from random import Random
from typing import Any, Protocol, Self

import aiohttp

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import ExchangeError
from tradebot.wire.api_key import ApiKey
from tradebot.wire.budget import Budget, Need
from tradebot.wire.endpoints import TIME, Endpoint, Params
from tradebot.wire.hosts import Hosts
from tradebot.wire.peers import Peers, SeeingConnector
from tradebot.wire.reply import Reply, failure
from tradebot.wire.sending import TICKET, Check, Ticket, Withheld, let_pass, signing_client
from tradebot.wire.venue_time import SAMPLES, Reading, VenueTime

BUSY = (-1000, -1001, -1006, -1007, -1008)
"""The exchange's words, with whatever status, for trouble of its own that passes."""
LATE = -1021
"""The time stamp is outside of the window: our clock or the exchange's has moved."""
LOOK_S = 1.0
"""Seconds between two looks at how long a ban still lasts."""
AGAIN_S = (1.0, 16.0)
"""Seconds between two looks at whether the clocks are to be compared; while that fails doubling up to the longest."""
SLOWER = (418, 429)
"""The exchange asks for fewer requests."""
REPEATS = 4
"""How often at most a request that may be repeated is sent in all."""


class BanNote(Protocol):
    """What outlives a process of a ban: its end by the real clock (UTC ms), 0 without one."""

    def until(self) -> int:
        """Return when the ban ends."""

    def note(self, until: int) -> None:
        """Keep when it ends."""


class Redirected(aiohttp.ClientError):
    """An answer points elsewhere: nothing is sent again, least of all an order and a key to another address."""


_PASSES: ContextVar[bool] = ContextVar("passes", default=False)


@contextlib.contextmanager
def passing() -> Iterator[None]:
    """Let the block's requests, and those of the tasks it starts, pass a wire's ``hold``."""
    before = _PASSES.set(True)
    try:
        yield
    finally:
        _PASSES.reset(before)


class Wire:
    """Connections to one environment, to be used as ``async with Wire(hosts) as wire``.

    ``time`` is the exchange's; ``session`` is for raw streams, and what REST goes over. Without a key only
    public calls can be made. Several may hold one open, prices and orders: what the exchange allows, its bans and
    its clock are the same for both. The last one out closes it, and it can be opened again. ``noted`` is the ban that
    an earlier process met, and where one is kept for the next. ``hold``, where one is set, is asked right before the
    first byte of each request and says why it may not leave. ``peers`` are whom it was connected to.
    """

    def __init__(
        self,
        hosts: Hosts,
        *,
        clock: Clock = SYSTEM,
        api_key: ApiKey | None = None,
        draw: Random | None = None,
        noted: BanNote | None = None,
    ) -> None:
        self.hosts = hosts
        self.clock = clock
        self.time = VenueTime(clock)
        self.budget = Budget()
        self.peers = Peers()
        self._api_key = api_key
        self._draw = draw or Random()
        self._noted = noted
        self.hold: Callable[[Endpoint], str] | None = None
        self._measuring: asyncio.Task[None] | None = None
        self._holders = 0

    async def __aenter__(self) -> Self:
        """Open the session; nothing is connected before it is needed."""
        self._holders += 1
        if self._holders == 1:
            self._open()
        return self

    def _open(self) -> None:
        secure = self.hosts.rest.startswith("https:")
        context: ssl.SSLContext | bool = _trusted() if secure else True
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(self._on_leaving)
        trace.on_request_redirect.append(_refuse_redirect)
        self.session = aiohttp.ClientSession(
            connector=SeeingConnector(self.peers, context),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
        )
        self._ccxt = signing_client(self.hosts, self._api_key, self.session, self.time, context)
        self._ccxt.options["timeDifference"] = -self.time.ahead_ms  # known if it was open before
        if self._noted is not None and (until := self._noted.until()):
            banned = self.time.now() + until - self.clock.wall_ms()
            self.budget.go_on_banned(banned)

    async def __aexit__(self, *_: object) -> None:
        """Let go of it; the last one closes every connection."""
        self._holders -= 1
        if self._holders:
            return
        if self._measuring is not None:
            self._measuring.cancel()
            self._measuring = None
        await self._ccxt.close()
        await self.session.close()

    @property
    def fingerprint(self) -> str:
        """That of the key it signs with; empty without one."""
        return "" if self._api_key is None else self._api_key.fingerprint

    @property
    def astray(self) -> str:
        """Whom a connection is with that was to be with this machine or Demo Trading, in words; "" while that is so."""
        found = self.peers.stranger
        if found is None or not self.hosts.practice:
            return ""
        who = f"{found.host} at {found.address}" if found.host else found.address
        return f"{self.hosts.rest} leads to {who or 'nobody knows where'}"

    @property
    def banned_s(self) -> float:
        """Seconds for which nothing may be sent or connected: the exchange has banned this address; else 0."""
        return max(0.0, (self.budget.banned_until - self.time.now()) / 1000)

    def slowed_s(self, weight: int) -> float:
        """Seconds for which protection of this weight had better wait: the exchange wants fewer requests; else 0."""
        return self.budget.slow_ms(weight, self.time.now()) / 1000

    @property
    def anew_s(self) -> float:
        """Seconds until the exchange counts requests anew: with the next minute, or when it has said."""
        ends = max(self.budget.weight.turns_at, self.budget.slowed_until)
        return max(0, ends - self.time.now()) / 1000

    def is_used_up(self, weight: int) -> bool:
        """Whether so much weight no longer fits into this minute."""
        return self.budget.is_full(weight, self.time.now())

    @property
    def banned_until(self) -> int | None:
        """When a ban ends by the real clock (UTC ms); None without one."""
        left = self.banned_s
        return self.clock.wall_ms() + round(left * 1000) if left else None

    @property
    def weight(self) -> tuple[int, int]:
        """What is used of the request weight of this minute, as far as it is known here, and how much there is."""
        counter = self.budget.weight
        counter.turn(self.time.now())
        return counter.used, counter.limit

    async def sit_out(self) -> None:
        """Wait for the end of a ban, if there is one: it may be made longer meanwhile."""
        while (left := self.banned_s) > 0:
            await asyncio.sleep(min(left, LOOK_S))

    # -- requests ------------------------------------------------------------------------------------

    async def ask(
        self,
        endpoint: Endpoint,
        params: Params,
        need: Need = Need.DATA,
        check: Check | None = None,
    ) -> Reply:
        """Send one request, once, if the budget lets it; say what became of it. Only cancelling the task raises."""
        weight, orders, now = endpoint.cost(params), endpoint.orders, self.time.now()
        if why := self.budget.refusal(need, weight, orders, now):
            return Reply(False, withheld=why)
        ticket = Ticket(self._checks(endpoint, check))
        before = TICKET.set(ticket)
        self.budget.send(weight, orders)
        try:
            await self._send(endpoint, params)
        except Withheld as error:
            ticket.withheld = str(error)
        except Exception as error:
            ticket.error = _spoken(error)
        finally:
            TICKET.reset(before)
            self._hear(ticket, weight, orders, now)
        return ticket.reply()

    async def _send(self, endpoint: Endpoint, params: Params) -> None:
        """Have ccxt sign a request, and send it: what its own way there adds are limits and repeats, which are ours."""
        client = self._ccxt
        if client.session is None:
            raise Withheld("the connection is closed")
        signed = client.sign(endpoint.path, [endpoint.section], endpoint.method, dict(params))
        await client.fetch(signed["url"], signed["method"], signed["headers"], signed["body"])

    def _hear(self, ticket: Ticket, weight: int, orders: int, sent_at: int) -> None:
        before = self.budget.banned_until
        self.budget.hear(
            *(weight, orders, sent_at, self.time.now()),
            *(ticket.status, ticket.headers, ticket.text),
        )
        if self.budget.banned_until > before and self._noted is not None:
            self._noted.note(self.banned_until or 0)

    def _checks(self, endpoint: Endpoint, check: Check | None) -> Check | None:
        """Return what is asked right before a request leaves: the wire's own hold first.

        What may change something leaves only to where the configuration says it goes.
        """
        hold = None if _PASSES.get() else self.hold
        if endpoint.method == "GET":
            return check if hold is None else lambda: hold(endpoint) or _said(check)
        return lambda: self.astray or ("" if hold is None else hold(endpoint)) or _said(check)

    async def repeat(
        self,
        endpoint: Endpoint,
        params: Params,
        need: Need = Need.DATA,
        check: Check | None = None,
    ) -> Reply:
        """Send a request that may be sent again, until it is answered: ``REPEATS`` times at most.

        -1021 has the clocks compared first.
        """
        for number in range(1, REPEATS + 1):
            reply = await self.ask(endpoint, params, need, check)
            if reply.code == LATE:
                await self._measure_quietly()
            elif reply.ok or not _is_passing(reply):
                break
            if number < REPEATS:
                await asyncio.sleep(self._draw.uniform(0.5, 1.5) * 0.1 * 2**number)
        return reply

    async def read(self, endpoint: Endpoint, params: Params, need: Need = Need.DATA) -> Any:
        """Return the JSON of an answer; ExchangeError if it cannot be had. Repeats what may be repeated."""
        reply = await self.repeat(endpoint, params, need)
        if reply.ok:
            return reply.body
        raise failure(reply, self.hosts.host, endpoint.path)

    async def keep_time(
        self,
        told: Callable[[VenueTime], object] | None = None,
        rest: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Measure whenever it is due, and tell of each measurement, until cancelled; what failed waits longer each time."""
        pause, longest = AGAIN_S
        while True:
            if self.time.is_due:
                known = await self._measure_quietly()
                pause = AGAIN_S[0] if known else min(2 * pause, longest)
                if known and told is not None:
                    told(self.time)
            await rest(pause)

    async def _measure_quietly(self) -> bool:
        with contextlib.suppress(ExchangeError):
            await self.measure()
            return True
        return False

    async def measure(self) -> None:
        """Compare the clocks; several who ask at once share one measurement. ExchangeError without any answer."""
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._measure())
        await asyncio.shield(self._measuring)

    async def _measure(self) -> None:
        readings = []
        for _ in range(SAMPLES):
            sent = self.clock.monotonic()
            reply = await self.ask(TIME, {}, Need.LOOK_UP)
            if reply.status in SLOWER:
                break  # another sample would be one more too many
            body = reply.body if reply.ok else None
            server = body.get("serverTime") if isinstance(body, dict) else None
            if isinstance(server, int):
                readings.append(Reading(sent, self.clock.monotonic(), server))
        if not readings:
            raise failure(reply, self.hosts.host, TIME.path)
        unknown, before = self.time.is_unknown, self.time.now()
        self.time.take(readings)
        if unknown:
            self.budget.move_clock(self.time.now() - before)
            if self._noted is not None and (until := self.banned_until):
                self._noted.note(until)  # with the end as it is known now
        self._ccxt.options["timeDifference"] = -self.time.ahead_ms

    # -- what ccxt calls back --------------------------------------------------------------------------

    async def _on_leaving(self, *_: object) -> None:
        """The connection stands and the next thing is the first byte: the last moment to hold it back."""
        ticket = TICKET.get(None)
        if ticket is None:  # a stream is being opened
            return
        ticket.sent_at = self.time.now()
        if ticket.sent_at < self.budget.banned_until:
            raise Withheld("the exchange has banned this address meanwhile")
        let_pass(ticket)
        ticket.left = True


def _said(check: Check | None) -> str:
    return "" if check is None else check()


async def _refuse_redirect(
    _session: object, _context: object, told: aiohttp.TraceRequestRedirectParams
) -> None:
    told.response.close()
    raise Redirected


def _trusted() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _spoken(error: BaseException) -> str:
    """Return what went wrong in words: never the error's own text, which may hold signed addresses."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, Redirected):
        return "the answer points to another address, which is not followed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or "it is none"
        return f"its certificate proves nothing ({why})"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "it does not speak TLS as it should"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = (
            error.os_error.errno or 0
        )  # its own text names the address again, in Python's words
        known = number in errno.errorcode
        return os.strerror(number).lower() if known else "the connection was refused"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer broke off"
    if isinstance(error, (aiohttp.ServerDisconnectedError, ConnectionError)):
        return "the connection ended before there was an answer"
    return type(error).__name__


def _is_passing(reply: Reply) -> bool:
    """Whether what kept a request from an answer may be over at the next try."""
    if reply.withheld or reply.status in (404, 418, 429):
        return False
    busy = reply.code in BUSY
    return busy or reply.status is None or reply.status >= 500 or not reply.code
