"""Servers that say a byte now and then, for ever: a send has one bound on its whole, and its thread ends with that."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import pytest
from kits.mail_kit import FakeMailServer, _context
from kits.phone_kit import TOKEN, USER, FakeTelegram

from tradebot.alerts import services
from tradebot.alerts.channels import ChannelSettings, Delivered, Message, NotDelivered
from tradebot.alerts.services import Service

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what apprise imports

BOUND_S = 1.5


class Dripping:
    """Takes connections and answers each with one byte more every tenth of a second; counts those that are open."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._context = context
        self._over = threading.Event()
        self.made = 0
        self.open = 0
        self.lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listening.close()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                taken, _ = self._listening.accept()
                with self.lock:
                    self.made += 1
                    self.open += 1
                threading.Thread(target=self._drip, args=(taken,), daemon=True).start()

    def _drip(self, taken: socket.socket) -> None:
        with suppress(OSError), closing(self._shut(taken)) as taken:
            taken.settimeout(0.1)
            for byte in self._bytes():
                with suppress(TimeoutError):
                    if not taken.recv(65_536):
                        break
                taken.sendall(byte)
                if self._over.wait(0.1):
                    break
        with self.lock:
            self.open -= 1

    def _shut(self, taken: socket.socket) -> socket.socket:
        return self._context.wrap_socket(taken, server_side=True) if self._context else taken

    def _bytes(self) -> Iterator[bytes]:
        yield b"2" if self._context else b"HTTP/1.1 200 OK\r\nX-Long: "
        while True:
            yield b"1"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SEND_S", BOUND_S)
    monkeypatch.setattr(services, "THREADS", 1)


async def test_a_dripping_server_lets_go_of_its_thread() -> None:
    with Dripping() as drip, FakeTelegram() as phone:
        settings = {"chat_id": str(USER), "api": f"http://127.0.0.1:{drip.port}"}
        service = Service(ChannelSettings("telegram", settings, TOKEN))
        begun = time.monotonic()
        assert await service.send(Message("one", [])) == NotDelivered("no answer")
        assert BOUND_S <= time.monotonic() - begun < BOUND_S + 10
        _until(lambda: drip.made and not drip.open)
        _until(lambda: service._free._value == 1)
        settings["api"] = phone.url
        assert isinstance(await service.send(Message("two", [])), Delivered)
        assert phone.texts() == ["two"]


async def test_one_below_tls_too(tmp_path: Path) -> None:
    context = _context(tmp_path, tmp_path / "ca.pem")
    with Dripping(context) as drip, FakeMailServer(tmp_path) as mail:
        given: dict[str, object] = {"host": "127.0.0.1", "port": drip.port, "security": "tls"}
        given |= {"from": "me@example.org", "to": ("me@example.org",), "loopback": True}
        service = Service(ChannelSettings("email", given))
        assert await service.send(Message("one", [])) == NotDelivered("no answer")
        _until(lambda: drip.made and not drip.open)
        _until(lambda: service._free._value == 1)
        given |= {"port": mail.port, "security": "none"}
        assert isinstance(await service.send(Message("two", [])), Delivered)
        assert len(mail.taken) == 1


def _until(what: Callable[[], object], within: float = 10.0) -> None:
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < within
        time.sleep(0.02)
