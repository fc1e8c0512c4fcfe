"""The fakes end while clients storm them, and leave no connection open that another test would be blamed for."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from kits.mail_kit import FakeMailServer, Security
from kits.phone_kit import TOKEN, USER, FakeTelegram

from tradebot.alerts.bot_api import BotApi, NoAnswerError

pytestmark = pytest.mark.slow

ROUNDS = 3
CLIENTS = 3
COME = 100
OPEN = 30
"""So many connections a client keeps open at most."""

ASKED = b'{"offset":0,"timeout":25}'
REQUEST = (
    f"POST /bot{TOKEN}/getUpdates HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(ASKED)}\r\n\r\n"
).encode() + ASKED


@pytest.fixture
def unclosed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return what says, each time, what was collected since the test began without having been closed."""
    found: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    gc.collect()  # what others left

    def note(what: Any) -> None:
        found.append(f"{what.exc_value!r:.90}")

    monkeypatch.setattr(sys, "unraisablehook", note)

    def collect() -> list[str]:
        gc.collect()
        return found

    return collect


class Storm:
    """Clients that come and go, each with some words or none, until they are told that it is enough."""

    def __init__(self, words: bytes) -> None:
        self.came = 0
        self._words, self._over = words, threading.Event()
        self._clients: list[threading.Thread] = []

    def begin(self, port: int) -> None:
        """Come to a server; return when hundreds have."""
        for number in range(CLIENTS):
            self._clients.append(threading.Thread(target=self._come_and_go, args=(port, number)))
            self._clients[-1].start()
        while self.came < COME:
            self._over.wait(0.002)

    def end(self) -> None:
        """Stay away."""
        self._over.set()
        for client in self._clients:
            client.join()

    def _come_and_go(self, port: int, number: int) -> None:
        dice, held = random.Random(number), list[socket.socket]()
        while not self._over.is_set():
            with suppress(OSError):
                held.append(socket.create_connection(("127.0.0.1", port), 2))
                self.came += 1
                if dice.random() < 0.7:
                    held[-1].sendall(self._words)
            while len(held) > OPEN or (held and dice.random() < 0.3):
                held.pop(0).close()
        for one in held:
            one.close()


def end_in_a_storm(server: FakeTelegram | FakeMailServer, words: bytes) -> None:
    storm = Storm(words)
    try:
        with server:
            storm.begin(server.port)
    finally:
        storm.end()


def test_a_fake_bot_api_leaves_nothing_open(unclosed: Callable[[], list[str]]) -> None:
    for _ in range(ROUNDS):
        end_in_a_storm(FakeTelegram(), REQUEST)
    assert unclosed() == []


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_fake_mail_server_leaves_nothing_open(
    security: Security, tmp_path: Path, unclosed: Callable[[], list[str]]
) -> None:
    for _ in range(ROUNDS):
        end_in_a_storm(FakeMailServer(tmp_path, security), b"EHLO x\r\n")
    assert unclosed() == []


async def use(url: str, seconds: float) -> None:
    """Ask and write through one bot from several tasks, and let go in the midst of it."""
    api = BotApi(TOKEN, url)

    async def again(ask: Callable[[], Awaitable[object]]) -> None:
        while True:
            with suppress(NoAnswerError):
                await ask()
            await asyncio.sleep(0)

    asks = [lambda: api.updates(0), lambda: api.send(USER, "x" * 3_000)]
    tasks = [asyncio.ensure_future(again(ask)) for ask in asks * 3]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await api.close()


def test_a_bot_leaves_nothing_open_whatever_becomes_of_its_connections(
    unclosed: Callable[[], list[str]],
) -> None:
    dice, fates = random.Random(16), ["ok", "lost", "closed", "hang", "500"]
    for number in range(20):
        with FakeTelegram() as phone:
            phone.fates.extend(dice.choices(fates, k=200))
            phone.polls.extend(dice.choices(fates, k=200))
            work = threading.Thread(
                target=asyncio.run, args=(use(phone.url, dice.random() * 0.06),)
            )
            work.start()
            if number % 2:  # the client goes first, or the server
                work.join()
            time.sleep(dice.random() * 0.03)
        work.join()
    assert unclosed() == []
