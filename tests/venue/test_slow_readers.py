"""Clients that do not read their stream: what waits for them is bounded, then they are ended; bursts are not."""

from __future__ import annotations

import asyncio
import socket

import pytest
from kits.venue_ear import ear, listen_key
from kits.venue_kit import Desk, running

from tradebot.venue.frames import PRIVATE, Frame

DAY_MS = 86_400_000
LARGE = Frame(PRIVATE, "ACCOUNT_UPDATE", {"e": "ACCOUNT_UPDATE", "pad": "x" * 20_000})


async def deaf(desk: Desk, path: str) -> socket.socket:
    """A client that opens a stream and reads nothing behind the first bytes of the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", desk.server.port))
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    await loop.sock_sendall(client, "\r\n".join((*lines, "", "")).encode())
    assert (await loop.sock_recv(client, 12)) == b"HTTP/1.1 101"
    return client


def waiting(desk: Desk) -> int:
    """Characters that wait for all clients together."""
    connections = desk.venue.streams._connections.values()
    return sum(len(item) for c in connections for item in c._waiting if isinstance(item, str))


async def test_a_client_that_does_not_read_is_ended_and_nobody_else_minds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tradebot.venue.socket.MOST_WAITING", 500_000)
    async with running() as desk:
        path = f"/private/ws?listenKey={await listen_key(desk)}"
        async with ear(desk, path) as other:
            client = await deaf(desk, path)
            most = 0
            for _ in range(2000):
                desk.venue.streams.send(LARGE)
                most = max(most, waiting(desk))
                assert (await other.hear())["e"] == "ACCOUNT_UPDATE"
                if desk.venue.streams.count == 1:
                    break
            client.close()
            assert desk.venue.streams.count == 1, "it was never ended"
            assert 400_000 < most <= 500_000 + 21_000  # one more is on its way to the other
            ended = [r for r in desk.venue.ledger.of("venue") if r["what"] == "stream closed"]
            assert [row["why"] for row in ended] == ["it does not read"]
            desk.venue.acts.do("transfer", amount="7")
            assert (await other.hear())["a"]["B"][0]["bc"] == "7.00000000"


async def test_a_client_that_does_not_read_is_ended_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A close in order would have to be read too: it is not waited for."""
    monkeypatch.setattr("tradebot.venue.socket.END_WITHIN_S", 0.1)
    async with running() as desk:
        client = await deaf(desk, f"/private/ws?listenKey={await listen_key(desk)}")
        for _ in range(500):  # more than the pipe takes, less than may wait
            desk.venue.streams.send(LARGE)
            await asyncio.sleep(0)
        assert desk.venue.streams.count == 1
        assert waiting(desk) > 0
        desk.clock.advance(DAY_MS)
        await asyncio.sleep(0.5)
        assert desk.venue.streams.count == 0
        client.close()


async def test_a_burst_of_20_000_user_events_arrives_whole_and_in_order() -> None:
    async with running() as desk:
        async with ear(desk, f"/private/ws?listenKey={await listen_key(desk)}") as client:
            for number in range(20_000):
                desk.venue.acts.do("transfer", amount=str(1 + number))
            heard = [await client.hear() for _ in range(20_000)]
        changes = [int(float(body["a"]["B"][0]["bc"])) for body in heard]
        assert changes == list(range(1, 20_001))
