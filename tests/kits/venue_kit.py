"""A venue for tests: prices by script, a clock moved by hand or the wall's, the real ccxt client before it."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import aiohttp
from yarl import URL

from tradebot.venue.clock import HandClock
from tradebot.venue.core import Venue
from tradebot.venue.script import ScriptFeed, ScriptRow
from tradebot.venue.server import Server
from tradebot.venue.settings import AccountScript, Settings

START = 1_789_478_299_000
"""2026-09-15T13:18:19Z, when the live bodies were recorded."""

BTC, ETH = "BTC/USDT", "ETH/USDT"


def row(
    at_s: float,
    bid: str = "76914.90",
    ask: str = "76915.00",
    mark: str | None = None,
    symbol: str = BTC,
    qty: str = "5",
) -> ScriptRow:
    return ScriptRow(at_s, symbol, bid, ask, mark or bid, qty, qty)


QUIET = (row(0), row(0, "2500.00", "2500.01", symbol=ETH, qty="100"))


class Raw:
    """Requests as they are written, signed unless told otherwise."""

    def __init__(self, url: str, venue: Venue, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._venue = venue
        self.session = session
        self.headers: dict[str, str] = {}

    def sign(self, text: str) -> str:
        return hmac.new(self._venue.credentials.secret.encode(), text.encode(), sha256).hexdigest()

    async def send(
        self, method: str, path: str, text: str = "", *, key: str | None = None, signed: bool = True
    ) -> tuple[int, Any]:
        """Send a query string (a form for POST and PUT); a time stamp is put before it."""
        if signed:
            stamp = f"timestamp={self._venue.clock.now()}"
            text = f"{stamp}&{text}" if text else stamp
            text += f"&signature={self.sign(text)}"
        return await self.plain(method, path, text, key=key)

    async def plain(
        self, method: str, path: str, text: str = "", *, key: str | None = None
    ) -> tuple[int, Any]:
        """Send a query string (a form for POST and PUT) as it is."""
        headers = {"X-MBX-APIKEY": self._venue.credentials.key if key is None else key}
        if not headers["X-MBX-APIKEY"]:
            headers = {}
        form = method in ("POST", "PUT")
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        url = URL(f"{self._url}{path}" + ("" if form or not text else f"?{text}"), encoded=True)
        body = text.encode() if form else None
        async with self.session.request(method, url, data=body, headers=headers) as answer:
            self.headers = dict(answer.headers)
            return answer.status, await answer.json()


@dataclass
class Desk:
    """A venue with its server and clients."""

    venue: Venue
    server: Server
    clock: HandClock
    ccxt: Any
    raw: Raw


def make_venue(
    rows: Sequence[ScriptRow] = QUIET,
    *,
    settings: Settings | None = None,
    account: AccountScript | None = None,
    clock: HandClock | None = None,
) -> Venue:
    settings = settings or Settings(account=account or AccountScript(margin_type="isolated"))
    clock = clock or HandClock(START)
    return Venue(ScriptFeed(rows, START), clock, settings, keep=True)


def make_client(url: str, venue: Venue, **options: Any) -> Any:
    import ccxt.pro as ccxt

    client = ccxt.binanceusdm(
        {
            "apiKey": venue.credentials.key,
            "secret": venue.credentials.secret,
            "enableRateLimit": False,
            "options": {
                "fetchCurrencies": False,
                "fetchOpenOrders": {"warnWithoutSymbol": False},
                **options,
            },
        }
    )
    api = client.urls["api"]
    for key in ("fapiPublic", "fapiPrivate"):
        api[key] = f"{url}/fapi/v1"
    for version in ("V2", "V3"):
        api[f"fapiPublic{version}"] = api[f"fapiPrivate{version}"] = f"{url}/fapi/{version.lower()}"
    api["fapiData"] = f"{url}/futures/data"
    api["sapi"] = f"{url}/sapi/v1"
    api["ws"]["linear"] = url.replace("http", "ws") + "/ws"
    client.exceptions = client.deep_extend(
        client.exceptions, {"exact": client.exceptions["linear"]["exact"]}
    )
    client.nonce = venue.clock.now
    client.milliseconds = venue.clock.now
    return client


@asynccontextmanager
async def running(
    rows: Sequence[ScriptRow] = QUIET,
    *,
    settings: Settings | None = None,
    account: AccountScript | None = None,
    **options: Any,
) -> AsyncIterator[Desk]:
    clock = HandClock(START)
    venue = make_venue(rows, settings=settings, account=account, clock=clock)
    server = Server(venue)
    await server.start()
    venue.start()
    client = make_client(server.url, venue, **options)
    session = aiohttp.ClientSession()
    try:
        yield Desk(venue, server, clock, client, Raw(server.url, venue, session))
    finally:
        await session.close()
        await client.close()
        await server.stop()
        venue.stop()
