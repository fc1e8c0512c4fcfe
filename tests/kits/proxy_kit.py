"""A proxy on 127.0.0.1: it passes on what is asked of it in plain http, and opens no tunnel, but hears where one is to lead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import aiohttp
from aiohttp import web

from kits.loopback import Loopback


class FakeProxy(Loopback):
    """``target`` is who answers in truth, whatever host is asked for; ``heard`` has method and host of each request."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target
        self.heard: list[str] = []
        self.logins: list[str] = []

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return ()

    def middlewares(self) -> Iterable[Any]:
        @web.middleware
        async def instead(request: web.Request, handler: Any) -> web.StreamResponse:
            return await self._pass(request)

        return [instead]  # what asks for a tunnel has no path, and so no route

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        with self.lock:
            self.heard.append(f"{request.method} {request.url.authority}")
            self.logins.append(request.headers.get("Proxy-Authorization", ""))
        if request.method == "CONNECT":
            return web.Response(status=403)
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method,
                f"{self.target}{request.url.raw_path_qs}",
                data=await request.read(),
                headers={"Content-Type": request.content_type},
            ) as answer,
        ):
            return web.Response(
                status=answer.status, body=await answer.read(), content_type=answer.content_type
            )
