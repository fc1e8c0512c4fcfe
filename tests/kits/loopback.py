"""A small HTTP server on 127.0.0.1 in a thread of its own, that does what a script says.

Subprocesses reach it by its URL; the test reads what it heard. Fates: ``ok``, a status such as ``429``, ``hang``
(no answer until it is closed), ``closed`` (the socket closed before anything was accepted) and ``lost`` (accepted,
and the socket closed before the answer).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Self

from aiohttp import web

PATIENCE_S = 90.0


class Loopback:
    """The server; subclasses say what a request means."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.fates: deque[str] = deque()
        self.always = "ok"
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._ending: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        def end() -> None:
            assert self._ending is not None
            self._ending.set()

        self._loop.call_soon_threadsafe(end)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def then(self, *fates: str | int) -> None:
        """What becomes of the next requests, one each; afterwards it is ``always``."""
        with self.lock:
            self.fates.extend(str(fate) for fate in fates)

    def fate(self) -> str:
        """Return what becomes of the request that has just come."""
        with self.lock:
            return self.fates.popleft() if self.fates else self.always

    def until(self, what: Callable[[], object], words: str = "it never came") -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < deadline, words
            time.sleep(0.02)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        raise NotImplementedError

    def middlewares(self) -> Iterable[Any]:
        """What sees a request before its route does."""
        return ()

    # -- the thread ------------------------------------------------------------------------------

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        rest = asyncio.all_tasks(self._loop)
        for task in rest:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.01))

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        app = web.Application(client_max_size=1 << 26, middlewares=self.middlewares())
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        assert runner.server is not None
        listening = await self._loop.create_server(runner.server, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ending.wait()
        for socket in listening.sockets:  # asyncio loses one that is accepted while it closes
            self._loop.remove_reader(socket.fileno())
        await asyncio.sleep(0.01)
        listening.close()
        await runner.cleanup()
        # what was not sent yet is not waited for, even where its handler is done with it
        for transport in list(self._loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()

    async def hang(self) -> None:
        """Wait until the server ends, or the other side has gone."""
        assert self._ending is not None
        await self._ending.wait()

    def cut(self, request: web.Request) -> web.Response:
        """Close the connection without an answer."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def clock(self) -> float:
        """When something was heard, seconds that only go forward."""
        return time.monotonic()
