"""The HTTP side: an aiohttp server on 127.0.0.1 that hands every request to the pipeline."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpProcessingError

from tradebot.clock import SYSTEM
from tradebot.core.model.errors import UsageError
from tradebot.venue.call import Call, Dropped
from tradebot.venue.errors import VenueError
from tradebot.venue.own import OWN, answer_own
from tradebot.venue.pipeline import LARGEST_BODY

if TYPE_CHECKING:
    from tradebot.venue.core import Venue

LOOPBACK = "127.0.0.1"

_LOG = logging.getLogger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether an error is the venue's: what is no HTTP is answered with 400 and no matter."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


_LOG.addFilter(_is_ours)


class Server:
    """Serves one venue. ``port`` 0 takes a free one; nothing but the loopback address is opened."""

    def __init__(self, venue: Venue, port: int = 0) -> None:
        self._venue = venue
        venue.server = self
        self.port = port
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_LOG,
            handle_signals=False,
            shutdown_timeout=0.1,
            max_line_size=LARGEST_BODY,
        )
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        """The address clients are pointed at."""
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Open the port. UsageError when it is taken."""
        await self._runner.setup()
        await self.listen()

    async def listen(self) -> None:
        """Open the port, again after ``refuse``."""
        site = web.TCPSite(self._runner, LOOPBACK, self.port, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise UsageError(
                f"port {self.port} cannot be opened: {error.strerror}",
                hint="choose another one, or --port 0 for a free one",
                key="--port",
            ) from None
        self._site = site
        addresses = self._runner.addresses
        self.port = int(addresses[0][1])

    async def refuse(self, everybody: bool = False) -> None:
        """Close the port to new connections; those that are open go on, or end too (``everybody``)."""
        site, self._site = self._site, None
        if site is not None:
            await site.stop()
        server = self._runner.server
        for connection in server.connections if everybody and server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()

    def listen_soon(self) -> None:
        """Open the port again on the running loop."""
        self._opening = asyncio.get_running_loop().create_task(self.listen())

    async def stop(self) -> None:
        """End all connections."""
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self._venue.streams.serves(request):
            return await self._venue.streams.serve(request)
        if request.path.startswith(OWN):
            return await answer_own(self._venue, request)
        call = Call(
            method=request.method,
            path=request.path,
            arrived=self._venue.clock.now(),
            began=SYSTEM.monotonic(),
            request=request,
            api_key=request.headers.get("X-MBX-APIKEY"),
        )
        try:
            answer, body = await self._venue.pipeline.run(
                call, request.rel_url.raw_query_string, _reader(request)
            )
        except Dropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.Response(
            status=answer.status,
            body=body,
            content_type=answer.content_type,
            charset="utf-8" if answer.raw is None else None,
            headers=answer.headers,
        )


def _reader(request: web.Request):  # type: ignore[no-untyped-def]
    async def read() -> bytes:
        try:
            return await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise VenueError(-1102, name="body") from None

    return read
