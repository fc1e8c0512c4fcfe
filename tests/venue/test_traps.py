"""The traps of python-ccxt 4.5.90, each happening against the venue: what our own client must not fall into.

Numbers are those of the facts page; 7 to 10 of REST are in ``test_surface``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import ccxt
import pytest
from kits.venue_kit import Desk, make_client, row, running

from tradebot.venue.bus import ConfigChanged, MarginCalled
from tradebot.venue.call import Answer, Call, Dropped
from tradebot.venue.core import Venue
from tradebot.venue.faults import Faults

PERP = "BTC/USDT:USDT"
RATE = "listenKeyRefreshRate"
"""Milliseconds of real time between two extensions of the listenKey, 20 minutes by default."""


def asked(desk: Desk, method: str, path: str) -> int:
    rows = desk.venue.ledger.of("request")
    return sum((r["method"], r["path"]) == (method, path) for r in rows)


async def buy(desk: Desk, qty: str = "0.010", side: str = "BUY") -> Any:
    text = f"symbol=BTCUSDT&side={side}&type=MARKET&quantity={qty}"
    status, body = await desk.raw.send("POST", "/fapi/v1/order", text)
    assert status == 200, body
    return body


async def connected(desk: Desk) -> None:
    """Wait until the client's user stream is open."""
    for _ in range(200):
        if any(r.get("event") == "opened" for r in desk.venue.ledger.of("stream")):
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)


async def test_trap_01_the_listen_key_is_extended_once_and_never_again() -> None:
    async with running() as desk:
        desk.ccxt.options[RATE] = 300
        watching = asyncio.ensure_future(desk.ccxt.watch_orders(PERP))
        await asyncio.sleep(1.6)
        assert asked(desk, "POST", "/fapi/v1/listenKey") == 1
        assert asked(desk, "PUT", "/fapi/v1/listenKey") <= 1  # five were due
        watching.cancel()


async def test_trap_02_events_without_a_handler_vanish_and_a_hook_sees_them() -> None:
    async with running() as desk:
        heard: list[str] = []
        handle = desk.ccxt.handle_message

        def hook(client: Any, message: Any) -> Any:
            heard.append(message.get("e", ""))
            return handle(client, message)

        desk.ccxt.handle_message = hook
        watching = asyncio.ensure_future(desk.ccxt.watch_orders(PERP))
        await connected(desk)
        now = desk.clock.now()
        desk.venue.bus.publish(ConfigChanged(now, "BTCUSDT", 7))
        desk.venue.bus.publish(MarginCalled(now, desk.venue.account.wallet, ()))
        desk.venue.listen_keys.expire()
        await asyncio.sleep(0.3)
        assert {"ACCOUNT_CONFIG_UPDATE", "MARGIN_CALL", "listenKeyExpired"} <= set(heard)
        assert not watching.done()
        watching.cancel()


async def test_trap_03_a_failing_extension_rejects_every_private_watcher() -> None:
    async with running() as desk:
        orders = asyncio.ensure_future(desk.ccxt.watch_orders(PERP))
        trades = asyncio.ensure_future(desk.ccxt.watch_my_trades(PERP))
        await connected(desk)
        desk.venue.listen_keys.expire(told=False)
        await desk.ccxt.keep_alive_listen_key({"subType": "linear"})  # what its timer calls
        done = await asyncio.wait_for(asyncio.gather(orders, trades, return_exceptions=True), 30)
        assert [type(error) for error in done] == [ccxt.AuthenticationError] * 2
        again = asyncio.ensure_future(desk.ccxt.watch_orders(PERP))
        await asyncio.sleep(0.3)
        assert asked(desk, "POST", "/fapi/v1/listenKey") == 2
        again.cancel()


async def test_trap_04_after_a_reconnect_missed_orders_are_not_replayed() -> None:
    async with running() as desk:
        watching = asyncio.ensure_future(desk.ccxt.watch_orders(PERP))
        await connected(desk)
        desk.venue.streams.close()
        with pytest.raises(ccxt.NetworkError, match="Connection closed by remote server"):
            await asyncio.wait_for(watching, 30)
        missed = await buy(desk)
        again = asyncio.ensure_future(desk.ccxt.watch_orders(PERP))
        await asyncio.sleep(0.7)
        seen = await buy(desk, side="SELL")
        orders = await asyncio.wait_for(again, 30)
        assert (
            {order["id"] for order in orders} == {str(seen["orderId"])} != {str(missed["orderId"])}
        )
        assert asked(desk, "POST", "/fapi/v1/listenKey") == 1
        assert asked(desk, "GET", "/fapi/v1/openOrders") == 0


async def test_trap_05_of_a_burst_watch_orders_keeps_the_last_state_only() -> None:
    thin = (row(0, qty="0.004"),)
    async with running(thin) as desk:
        orders = asyncio.ensure_future(desk.ccxt.watch_orders(PERP))
        trades = asyncio.ensure_future(desk.ccxt.watch_my_trades(PERP))
        await connected(desk)
        await buy(desk, "0.005")  # the touch, then what is behind it: two fills
        told = [r["event"] for r in desk.venue.ledger.of("order")]
        assert told == ["NEW", "TRADE", "TRADE"]
        (order,) = await asyncio.wait_for(orders, 30)
        assert order["status"] == "closed"
        assert len(await asyncio.wait_for(trades, 30)) == 2


async def test_trap_06_a_liquidation_is_no_trade_to_watch_my_trades() -> None:
    rows = (row(0), row(1), row(5, "70000.00", "70000.10"))
    async with running(rows) as desk:
        await buy(desk)
        trades = asyncio.ensure_future(desk.ccxt.watch_my_trades(PERP))
        orders = asyncio.ensure_future(desk.ccxt.watch_orders(PERP))
        await connected(desk)
        desk.clock.advance(6000)
        (order,) = await asyncio.wait_for(orders, 30)
        assert (order["status"], order["info"]["x"]) == ("closed", "CALCULATED")
        assert order["clientOrderId"].startswith("autoclose-")
        await asyncio.sleep(0.3)
        assert not trades.done()
        trades.cancel()


async def test_trap_07_watch_balance_has_a_total_only_and_positions_no_leverage() -> None:
    async with running() as desk:
        desk.ccxt.options["watchPositions"] = {"fetchPositionsSnapshot": False}
        balance = asyncio.ensure_future(desk.ccxt.watch_balance())
        positions = asyncio.ensure_future(desk.ccxt.watch_positions([PERP]))
        await connected(desk)
        await buy(desk)
        usdt = (await asyncio.wait_for(balance, 30))["USDT"]
        assert usdt["total"] == 999.615425
        assert (usdt["free"], usdt["used"]) == (None, None)
        (position,) = await asyncio.wait_for(positions, 30)
        assert position["contracts"] == 0.01
        assert (position["leverage"], position["markPrice"]) == (None, None)


class Replaced(Faults):
    """Carries every order out, and answers something else."""

    def __init__(self, venue: Venue, answer: Answer | None) -> None:
        super().__init__(venue)
        self._answer = answer

    async def after_handling(self, call: Call, answer: Answer) -> Answer:
        if call.path != "/fapi/v1/order" or call.method != "POST":
            return answer
        if self._answer is None:
            raise Dropped("closed after it was carried out")
        return self._answer


BODIES = {
    "empty": b"",
    "an empty object": b"{}",
    "cut": b'{"orderId":83897657',
    "a page": b"<html><body>hello</body></html>",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_trap_11_a_200_with_a_bad_body_is_an_order_without_an_id(body: bytes) -> None:
    async with running() as desk:
        await desk.ccxt.load_markets()
        kind = "text/html" if body.startswith(b"<") else "application/json"
        desk.venue.faults = Replaced(desk.venue, Answer(200, raw=body, content_type=kind))
        order = await desk.ccxt.create_order(PERP, "market", "buy", 0.01)
        assert order["id"] is None
        assert len(desk.venue.desk.records.trades) == 1  # it was carried out all the same


def _text(status: int, text: str) -> Answer:
    return Answer(status, raw=text.encode(), content_type="text/html")


UNKNOWN: dict[str, Answer | None] = {
    "dropped after it was carried out": None,
    "502": _text(502, "<html>Bad Gateway</html>"),
    "503 text": _text(503, "Service Unavailable."),
    "403": _text(403, "<html>Forbidden</html>"),
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)
async def test_trap_12_executed_and_never_sent_have_one_class(answer: Answer | None) -> None:
    async with running() as desk:
        await desk.ccxt.load_markets()
        desk.venue.faults = Replaced(desk.venue, answer)
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await desk.ccxt.create_order(PERP, "market", "buy", 0.01)
        assert len(desk.venue.desk.records.trades) == 1


async def test_trap_12_a_refused_connection_is_the_same_class_and_was_never_sent() -> None:
    async with running() as desk:
        await desk.ccxt.load_markets()
        await desk.server.refuse()
        fresh = make_client(desk.server.url, desk.venue)
        try:
            fresh.set_markets(desk.ccxt.markets)
            with pytest.raises(ccxt.ExchangeNotAvailable):
                await fresh.create_order(PERP, "market", "buy", 0.01)
        finally:
            await fresh.close()
        assert asked(desk, "POST", "/fapi/v1/order") == 0


async def test_trap_13_a_hook_that_keeps_events_from_ccxt_loses_none() -> None:
    async with running() as desk:
        kept: list[Any] = []
        desk.ccxt.handle_message = lambda client, message: kept.append(message)
        watching = asyncio.ensure_future(desk.ccxt.watch_orders(PERP))
        await connected(desk)
        now = desk.clock.now()
        for leverage in range(2000):
            desk.venue.bus.publish(ConfigChanged(now, "BTCUSDT", leverage))
        deadline = time.monotonic() + 60
        while len(kept) < 2000 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        told = [m["ac"]["l"] for m in kept if m.get("e") == "ACCOUNT_CONFIG_UPDATE"]
        watching.cancel()
        assert told == list(range(2000))


async def test_trap_13_a_ban_with_a_page_has_neither_code_nor_date() -> None:
    async with running() as desk:
        await desk.ccxt.load_markets()
        desk.venue.faults = Replaced(desk.venue, _text(418, "<html>I'm a teapot</html>"))
        with pytest.raises(ccxt.DDoSProtection) as caught:
            await desk.ccxt.create_order(PERP, "market", "buy", 0.01)
        assert "-1003" not in str(caught.value)


async def test_trap_14_closing_sleeps_and_a_module_is_shadowed() -> None:
    async with running() as desk:
        watching = asyncio.ensure_future(desk.ccxt.watch_trades(PERP))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await desk.ccxt.close()
        assert time.monotonic() - began >= 0.24
        watching.cancel()
        assert "ccxt.base.exchange" in sys.modules
