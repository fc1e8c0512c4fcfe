"""Who is at the other end of a connection: by TLS and the peer's address, never by what was asked for."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.connector import TCPConnector
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kits.wire_kit import connected

from tradebot.wire import client, endpoints, peers
from tradebot.wire.budget import Need
from tradebot.wire.client import passing
from tradebot.wire.endpoints import TIME
from tradebot.wire.hosts import Hosts
from tradebot.wire.peers import Peer, peer_of
from tradebot.wire.places import place_of
from tradebot.wire.public import PublicData

REST, STREAM = "fapi.binance.com", "fstream.binance.com"


@pytest.mark.parametrize(
    ("host", "address", "place"),
    [
        (REST, "52.84.1.1", "production"),
        (STREAM, "2600:9000:2000::1", "production"),
        (REST, "127.0.0.1", "loopback"),
        (REST, "127.8.8.8", "loopback"),
        (REST, "::1", "loopback"),
        (REST, "10.0.0.7", "private"),
        (REST, "192.168.1.2", "private"),
        (REST, "169.254.1.1", "private"),
        (REST, "fe80::1%eth0", "private"),
        (REST, "100.64.0.1", "private"),
        (REST, "0.0.0.0", "private"),
        ("demo-fapi.binance.com", "52.84.1.1", "demo"),
        ("testnet.binancefuture.com", "52.84.1.1", "demo"),
        ("stream.binancefuture.com", "52.84.1.1", "demo"),
        ("demo-fapi.binance.com", "10.0.0.7", "private"),
        ("", "52.84.1.1", "elsewhere"),
        ("fapi.binance.com.evil.org", "52.84.1.1", "elsewhere"),
        ("evilfapi.binance.com", "52.84.1.1", "elsewhere"),
        ("www.binance.com", "52.84.1.1", "elsewhere"),
        ("demo.evil.org", "52.84.1.1", "elsewhere"),
        (REST, "", "elsewhere"),
        (REST, "/tmp/socket", "elsewhere"),
        (REST, "::ffff:127.0.0.1", "loopback"),
        (REST, "64:ff9b::127.0.0.1", "loopback"),
        (REST, "2002:7f00:1::", "loopback"),
        (REST, "2002:a01:203::1", "private"),
        (REST, "::ffff:52.84.1.1", "production"),
        (REST, "64:ff9b::52.84.1.1", "production"),
    ],
)
def test_where_a_peer_is(host: str, address: str, place: str) -> None:
    assert place_of(host, address) == place
    assert Peer(host, address).place == place


@pytest.mark.parametrize(
    ("host", "address", "passes"),
    [
        ("", "127.0.0.1", True),
        ("demo-fapi.binance.com", "52.84.1.1", True),
        ("", "52.84.1.1", False),
        ("fapi.binance.com", "52.84.1.1", False),
        ("", "10.0.0.7", False),
        ("", "", False),
    ],
)
async def test_what_changes_an_account_goes_where_it_was_meant_to_or_nowhere(
    monkeypatch: pytest.MonkeyPatch, host: str, address: str, passes: bool
) -> None:
    monkeypatch.setattr(peers, "peer_of", lambda _: Peer(host, address))
    leverage = {"symbol": "BTCUSDT", "leverage": "1"}
    async with connected() as line:
        await line.wire.measure()
        assert bool(line.wire.astray) is not passes
        for hold in (None, lambda _: ""):
            line.wire.hold = hold
            with passing():
                done = await line.wire.ask(endpoints.SET_LEVERAGE, leverage, Need.PROTECTIVE)
            assert (done.left, bool(done.withheld)) == (passes, not passes)
        assert (await line.wire.ask(endpoints.ACCOUNT, {})).ok  # it may be looked at
        assert len(line.asked("POST", "/fapi/v1/leverage")) == (2 if passes else 0)


async def test_a_venue_on_this_machine_is_that() -> None:
    async with connected(keys=False) as line:
        assert line.wire.peers.rows("rest") == line.wire.peers.rows("stream") == ()
        await PublicData(line.wire).book_ticker("BTC/USDT")
        async with line.wire.session.ws_connect(line.wire.hosts.stream_url("market")):
            pass
        assert (
            line.wire.peers.rows("rest") == line.wire.peers.rows("stream") == (("", "127.0.0.1"),)
        )


async def test_a_connection_is_asked_once_and_a_new_one_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def seen(transport: Any) -> Peer:
        asked.append(transport)
        return peer_of(transport)

    monkeypatch.setattr(peers, "peer_of", seen)
    async with connected(keys=False) as line:
        data = PublicData(line.wire)
        for _ in range(3):
            await data.book_ticker("BTC/USDT")
        assert len(asked) == 1
        await asyncio.gather(*(data.book_ticker("BTC/USDT") for _ in range(3)))
        assert len(asked) == len(set(map(id, asked))) == 3
        assert line.wire.peers.rows("rest") == (("", "127.0.0.1"),)


@dataclass
class Impostor:
    """A server of this machine that shows a certificate of the exchange's names, made a moment ago."""

    port: int
    trusted: ssl.SSLContext


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "throw-away")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(REST), x509.DNSName(STREAM)]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "throw-away.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@asynccontextmanager
async def impostor(folder: Path) -> AsyncIterator[Impostor]:
    file = _certificate(folder)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(file)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"serverTime": 1})

    app = web.Application()
    app.router.add_get("/fapi/v1/time", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield Impostor(port, ssl.create_default_context(cafile=file))
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("checked", [True, False])
async def test_the_exchange_s_name_and_certificate_on_this_machine_are_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checked: bool
) -> None:
    async def here(_: Any, host: str, port: int, *__: Any, **___: Any) -> list[dict[str, Any]]:
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port,
                "family": 2,
                "proto": 0,
                "flags": 0,
            }
        ]

    monkeypatch.setattr(TCPConnector, "_resolve_host", here)
    async with impostor(tmp_path) as other:
        if not checked:
            other.trusted.check_hostname = False
            other.trusted.verify_mode = ssl.CERT_NONE
        monkeypatch.setattr(client, "_trusted", lambda: other.trusted)
        hosts = Hosts("live", f"https://{REST}:{other.port}", "", f"wss://{STREAM}:{other.port}")
        async with client.Wire(hosts) as wire:
            assert (await wire.ask(TIME, {})).ok
            ((host, address),) = wire.peers.rows("rest")
        assert (host, address) == (REST if checked else "", "127.0.0.1")
        assert place_of(host, address) == "loopback"


class _Transport:
    """A connection with what is known of its other end."""

    def __init__(self, **known: Any) -> None:
        self._known = known

    def get_extra_info(self, name: str) -> Any:
        return self._known.get(name)


def test_an_address_of_this_end_too_is_this_machine() -> None:
    """Somebody may give this machine any address there is."""
    for address in ("52.84.1.1", "2600:9000:2000::1"):
        own = _Transport(peername=(address, 443), sockname=(address, 50_000))
        assert peer_of(own).place == "loopback"  # type: ignore[arg-type]
        other = _Transport(peername=(address, 443), sockname=("10.0.0.7", 50_000))
        assert peer_of(other).address == address  # type: ignore[arg-type]


def test_a_connection_that_is_gone_or_plain_has_no_verified_host() -> None:
    gone, plain = _Transport(), _Transport(peername=("52.84.1.1", 80))
    assert peer_of(gone) == Peer("", "")  # type: ignore[arg-type]
    assert peer_of(plain) == Peer("", "52.84.1.1")  # type: ignore[arg-type]


async def test_a_certificate_that_nobody_vouches_for_is_said_in_words(tmp_path: Path) -> None:
    """A login page, or somebody between: no class and no text of a library."""
    async with impostor(tmp_path) as server:
        hosts = Hosts("live", f"https://127.0.0.1:{server.port}", "", "wss://127.0.0.1:9")
        async with client.Wire(hosts) as wire:
            reply = await wire.ask(TIME, {})
    assert (reply.left, reply.status) == (False, None)
    assert reply.error == "its certificate proves nothing (self-signed certificate)"
