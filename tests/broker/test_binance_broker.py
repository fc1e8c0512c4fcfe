"""The broker on the venue with the real client: one request an order, its fate as it was, and the stream beside it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from kits.broker_kit import BTC, BrokerDesk, serving
from kits.venue_kit import row
from kits.wire_kit import connected

from tradebot.broker import late_lines, private_stream, rule_watch
from tradebot.broker.binance import BinanceBroker
from tradebot.core.model.effects import LookUp
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.events import (
    NOT_LEFT,
    AccountConfigRead,
    AccountRead,
    CashMoved,
    ClockChecked,
    Filled,
    FundingPaid,
    OrderUpdate,
    Reconnected,
    RulesRead,
    VenueNote,
)
from tradebot.core.model.facts import FEES, INSTRUMENTS
from tradebot.core.model.values import OrderStatus, OrderType, TimeInForce
from tradebot.venue.bus import ConfigChanged
from tradebot.wire import client

D = Decimal
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
FUNDED = {"e": "ACCOUNT_UPDATE", "E": 1, "T": 1, "a": {"m": "FUNDING_FEE", "B": [], "P": []}}
LEVERAGED = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1, "T": 1, "ac": {"s": "BTCUSDT", "l": 7}}
FALLING = (row(0), row(30, "69900.00", "69900.10"))


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_stream, "LOOK_S", 0.01)
    monkeypatch.setattr(client, "LOOK_S", 0.01)
    monkeypatch.setattr(private_stream, "BACKOFF_S", (0.01, 0.05))


def end(counter: BrokerDesk, order_id: str) -> list[OrderStatus]:
    return [w.status for w in counter.of(OrderUpdate) if w.order_id == order_id]


async def test_an_entry_is_answered_and_its_fill_is_told_by_the_stream() -> None:
    async with serving() as counter:
        order = counter.send(counter.order())
        await counter.until(lambda: counter.of(Filled))
        (fill,) = {f.fill.trade_id: f.fill for f in counter.of(Filled)}.values()
        assert (fill.order_id, fill.qty, fill.symbol) == (order.id, D("0.002"), BTC)
        await counter.until(lambda: OrderStatus.FILLED in end(counter, order.id))
        assert len(counter.line.asked("POST", ORDER)) == 1


async def test_the_start_tells_the_time_the_settings_and_that_it_listens() -> None:
    async with serving(behind_ms=5_000) as counter:
        assert counter.of(ClockChecked)[0].offset_ms == 5_000
        config = counter.of(AccountConfigRead)[-1]
        assert [(c.symbol, c.leverage, c.isolated) for c in config.symbols] == [(BTC, 1, True)]
        assert not config.hedged
        assert len(counter.of(Reconnected)) == 1


@pytest.mark.parametrize(
    ("status", "body"), [(404, "<html>no</html>"), (404, {"code": -5000, "msg": "no"}), (404, "")]
)
async def test_an_exchange_that_does_not_know_of_fees_in_bnb_is_traded_all_the_same(
    status: int, body: Any
) -> None:
    fault = {"do": "answer", "status": status, "body": body, "path": "/fapi/v1/feeBurn"}
    async with serving(faults=[fault]) as counter:
        asked = len(counter.line.asked("GET", "/fapi/v1/feeBurn"))
        counter.broker._spawn("settings", counter.broker._read_settings())
        await counter.until(lambda: counter.of(AccountConfigRead)[-1].fee_burn is None)
        assert len(counter.line.asked("GET", "/fapi/v1/feeBurn")) == asked + 1
        order = counter.send(counter.order())
        assert (await counter.word(order)).status is not OrderStatus.REJECTED
        counter.line.venue.faults.set([{**fault, "status": 200, "body": {"feeBurn": "?"}}])
        counter.broker._spawn("settings", counter.broker._read_settings())
        await counter.until(lambda: [n for n in counter.of(VenueNote) if n.halt])


async def test_no_order_is_sent_twice() -> None:
    async with serving() as counter:
        order = counter.send(counter.order())
        with pytest.raises(ExchangeError, match="already"):
            counter.send(order)
        await counter.word(order)
        assert len(counter.line.asked("POST", ORDER)) == 1


@pytest.mark.parametrize("why", ["halted before it was sent", "it is old"])
async def test_an_entry_that_may_not_leave_any_more_is_told_as_never_sent(why: str) -> None:
    async with serving() as counter:
        counter.obstacle = lambda _: why
        entry = counter.send(counter.order())
        word = await counter.word(entry)
        assert (word.status, word.reason, word.code) == (OrderStatus.REJECTED, why, NOT_LEFT)
        assert not counter.line.asked("POST", ORDER)
        stop = counter.send(counter.order("s"))  # what protects goes out all the same
        assert (await counter.word(stop)).status is OrderStatus.WORKING


async def test_an_entry_waits_for_nothing_that_is_not_known() -> None:
    async with serving() as counter:
        counter.broker._is_set = False
        word = await counter.word(counter.send(counter.order()))
        assert "has not been read" in word.reason
        counter.broker._is_set = True
        counter.line.wire.time._error = 1_000
        word = await counter.word(counter.send(counter.order()))
        assert "time is not known" in word.reason
        assert not counter.line.asked("POST", ORDER)


FATES: list[tuple[dict[str, Any], OrderStatus, OrderStatus | None]] = [
    ({"do": "accept_then_close"}, OrderStatus.UNKNOWN, OrderStatus.FILLED),
    ({"do": "accept_then_garbage", "form": "braces"}, OrderStatus.UNKNOWN, OrderStatus.FILLED),
    ({"do": "answer", "status": 502, "body": "bad gateway"}, OrderStatus.UNKNOWN, None),
    ({"do": "error", "code": -2018}, OrderStatus.REJECTED, None),
]


@pytest.mark.parametrize(
    ("fault", "told", "truth"), FATES, ids=["close", "garbage", "502", "-2018"]
)
async def test_what_became_of_it_is_told_and_then_found(
    fault: dict[str, Any], told: OrderStatus, truth: OrderStatus | None
) -> None:
    rule = {"method": "POST", "path": ORDER, "times": 1, **fault}
    drop = {"do": "drop", "event": "*"}
    async with serving(faults=[rule, drop]) as counter:
        order = counter.send(counter.order())
        assert (await counter.word(order)).status is told
        counter.broker.look_up(LookUp(BTC, order.id), 0)
        seen = await counter.seen()
        assert (seen.order_id, seen.status) == (order.id, truth)
        fills = [f.fill.order_id for f in counter.of(Filled)]
        assert fills == ([order.id] if truth else [])


async def test_a_cancel_is_told_with_what_was_executed() -> None:
    async with serving() as counter:
        resting = counter.order(type=OrderType.LIMIT, price=D(70_000), tif=TimeInForce.GTX)
        counter.send(resting)
        await counter.word(resting)
        counter.broker.cancel(resting, 0)
        counter.broker.cancel(resting, 0)
        await counter.until(lambda: OrderStatus.CANCELLED in end(counter, resting.id))
        assert len(counter.line.asked("DELETE", ORDER)) == 1
        counter.broker.cancel(resting, 0)  # one that has ended is looked up
        assert (await counter.seen()).status is OrderStatus.CANCELLED


async def test_a_stop_lives_on_the_algo_service_and_becomes_a_fill() -> None:
    async with serving(FALLING) as counter:
        counter.send(counter.order())
        stop = counter.send(counter.order("s"))
        word = await counter.word(stop)
        assert (word.status, word.venue_id[:5]) == (OrderStatus.WORKING, "algo:")
        target = counter.send(counter.order("t"))
        await counter.word(target)
        counter.broker.cancel(target, 0)
        await counter.until(lambda: OrderStatus.CANCELLED in end(counter, target.id))
        counter.line.venue_clock.advance(31_000)
        await counter.until(lambda: OrderStatus.FILLED in end(counter, stop.id))
        fills = {f.fill.trade_id: f.fill.order_id for f in counter.of(Filled)}
        assert list(fills.values()).count(stop.id) == 1
        counter.broker.look_up(LookUp(BTC, stop.id), 0)
        seen = await counter.until(
            lambda: [s for s in counter.said if getattr(s, "asked", 0) and s.order_id == stop.id]  # type: ignore[union-attr]
        )
        assert (seen[-1].status, seen[-1].filled) == (OrderStatus.FILLED, D("0.002"))
        assert seen[-1].child_id


async def test_the_account_is_read_whole_fills_and_cash_first() -> None:
    async with serving(faults=[{"do": "drop", "event": "*"}]) as counter:
        entry = counter.send(counter.order())
        await counter.word(entry)
        stop = counter.send(counter.order("s"))
        await counter.word(stop)
        counter.broker.read_account(0)
        counter.line.venue_clock.advance(3_000)
        await counter.until(lambda: counter.of(AccountRead))
        counter.broker.read_account(0)
        await counter.until(lambda: len(counter.of(AccountRead)) == 2)
        read = counter.of(AccountRead)[-1]
        assert [(p.symbol, p.qty) for p in read.positions] == [(BTC, D("0.002"))]
        assert [(o.order_id, o.trigger) for o in read.algo_orders] == [(stop.id, D(70_000))]
        assert read.wallet == read.balances["USDT"]
        assert [f.fill.order_id for f in counter.of(Filled)] == [entry.id]
        lines = {line.kind: line.trade_id for line in counter.of(CashMoved)}
        assert lines["commission"] == counter.of(Filled)[0].fill.trade_id
        state = counter.broker.export_state()
        counter.broker.restore(state)
        assert counter.broker.export_state() == state


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (lambda broker: broker.read_account(0), "/fapi/v3/account"),
        (lambda broker: broker.read_back(BTC, 0), "/fapi/v3/positionRisk"),
        (lambda broker: broker._hear(FUNDED), "/fapi/v1/income"),
        (lambda broker: broker._hear(LEVERAGED), "/fapi/v1/multiAssetsMargin"),
    ],
    ids=["read", "read back", "income", "settings"],
)
async def test_what_is_asked_for_during_a_read_is_read_once_more(ask: Any, path: str) -> None:
    async with serving() as counter:
        before = len(counter.line.asked("GET", path))
        for _ in range(3):
            ask(counter.broker)
        await counter.until(lambda: not counter.broker._errands.busy)
        each = 2 if "income" in path else 1  # cash lines until two readings agree
        assert len(counter.line.asked("GET", path)) == before + 2 * each


async def test_after_a_gap_the_settings_are_read_again() -> None:
    async with serving() as counter:
        before = len(counter.of(AccountConfigRead))
        counter.line.venue.streams.close()
        await counter.until(lambda: len(counter.of(AccountConfigRead)) == before + 1)


DEAF = {"do": "drop", "event": "*"}


async def read(counter: BrokerDesk) -> None:
    counter.broker.read_account(0)
    await counter.until(lambda: not counter.broker._errands.busy)


def booked(counter: BrokerDesk) -> list[str]:
    return [f.fill.order_id for f in counter.of(Filled)]


async def test_a_read_that_fails_in_the_end_loses_no_fill() -> None:
    refused = {"do": "error", "code": -2015, "method": "GET", "path": "/fapi/v1/income"}
    async with serving(faults=[DEAF, refused]) as counter:
        order = counter.send(counter.order())
        await counter.word(order)
        await read(counter)
        assert not booked(counter)
        counter.line.venue.faults.set([DEAF])
        await read(counter)
        assert booked(counter) == [order.id]
        await read(counter)
        assert booked(counter) == [order.id]


async def test_what_was_only_just_handed_over_is_read_again_by_the_next_process() -> None:
    async with serving(faults=[DEAF]) as counter:
        order = counter.send(counter.order())
        await counter.word(order)
        await read(counter)
        counter.line.venue_clock.advance(3_000)
        await read(counter)  # the cash lines are there now
        state = counter.broker.export_state()
        counter.line.venue_clock.advance(60_000)
        later = counter.broker.export_state()
        assert list(later["read"]["trades"]) == [BTC]
        counter.broker.restore(state)  # killed before the engine had its fill
        await read(counter)
        assert booked(counter) == [order.id] * 2
        counter.broker.restore(later)
        await read(counter)
        assert booked(counter) == [order.id] * 2


async def test_a_process_killed_before_it_says_how_far_it_has_read_leaves_nothing_out() -> None:
    """Its only state was saved before it began; what was sent afterwards, and what became of it, is read."""
    async with serving(faults=[DEAF]) as counter:
        line = counter.line
        state = BinanceBroker(line.wire, [BTC]).export_state()
        order = counter.send(counter.order())
        await counter.word(order)
        line.venue_clock.advance(30_000)
        following = BinanceBroker(line.wire, [BTC])
        following.restore(state)
        following._reader.begin()
        found = await following._reader.read()
        assert [e.fill.order_id for e in found.events if isinstance(e, Filled)] == [order.id]


async def test_the_first_trade_is_found_however_long_it_is_since_the_start() -> None:
    async with serving(faults=[DEAF]) as counter:
        counter.broker._reader._cursors.since -= 30 * 86_400_000
        await read(counter)
        trades = "/fapi/v1/userTrades"
        assert len(counter.line.asked("GET", trades)) == 5
        order = counter.send(counter.order())
        await counter.word(order)
        await read(counter)
        assert booked(counter) == [order.id]
        spans = [row["params"] for row in counter.line.asked("GET", trades)[5:]]
        assert ["startTime" in span for span in spans] == [True, False]


def odd(path: str, body: str) -> dict[str, Any]:
    answer = {"do": "answer", "status": 200, "body": body, "times": 1}
    return {**answer, "method": "GET", "path": path}


TRADE = (
    '{"symbol": "BTCUSDT", "id": 77, "orderId": 5, "side": "BUY", "qty": "1", "price": "2", "time": 3,'
    ' "commission": "0", "commissionAsset": "USDT", "maker": false}'
)
LINE = (
    '{"symbol": "", "incomeType": "TRANSFER", "income": "5", "asset": "USDT", "time": 9, "tranId": 8,'
    ' "tradeId": ""}'
)
UNREADABLE = [
    ("/fapi/v1/openOrders", '[{"symbol": "DOGEUSDT", "status": "ODD"}]', [""]),
    ("/fapi/v1/openAlgoOrders", '[{"symbol": "BTCUSDT", "algoStatus": "ODD"}]', []),
    ("/fapi/v3/positionRisk", "[5]", []),
    ("/fapi/v3/account", '{"assets": [{"asset": "USDT"}]}', [BTC]),
    ("/fapi/v1/userTrades", f"[5, {TRADE}]", [""]),
    ("/fapi/v1/income", f"[5, {LINE}]", [""]),
]


@pytest.mark.parametrize(("path", "body", "reads"), UNREADABLE, ids=[u[0] for u in UNREADABLE])
async def test_a_row_that_cannot_be_read_is_said_and_the_others_are_kept(
    path: str, body: str, reads: list[str]
) -> None:
    """What may miss a row is not told as if nothing were there: an order or position left out reads as gone."""
    async with serving(faults=[DEAF]) as counter:
        order = counter.send(counter.order())
        await counter.word(order)
        counter.line.venue_clock.advance(3_000)  # the cash lines are there
        counter.line.venue.faults.set([DEAF, odd(path, body)])
        await read(counter)
        notes = [n for n in counter.of(VenueNote) if n.halt == "unexplained"]
        assert [n.what for n in notes] == ["a row"]
        assert [r.symbol for r in counter.of(AccountRead)] == reads
        assert booked(counter) == [*([""] if "userTrades" in path else []), order.id]
        kinds = {line.kind for line in counter.of(CashMoved)}
        assert ("transfer" if "income" in path else "commission") in kinds
        if reads:
            (told,) = counter.of(AccountRead)
            assert [p.qty for p in told.positions] == [D("0.002")]
            assert (told.wallet is None) == (reads == [BTC])


async def test_cash_lines_are_read_until_two_readings_agree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The exchange shows them late: the first reading after a fill has none of its lines."""
    monkeypatch.setattr(late_lines, "AGREE_S", 0.05)
    async with serving() as counter:
        await counter.word(counter.send(counter.order()))
        counter.line.venue_clock.advance(3_000)
        before = len(counter.line.asked("GET", "/fapi/v1/income"))
        counter.line.venue.faults.set([odd("/fapi/v1/income", "[]")])
        counter.broker._hear(FUNDED)
        await counter.until(lambda: not counter.broker._errands.busy)
        assert len(counter.line.asked("GET", "/fapi/v1/income")) == before + 3
        assert {line.kind for line in counter.of(CashMoved)} == {"commission"}


async def test_the_trading_rules_are_those_of_the_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_watch, "AGAIN_S", 0.01)
    monkeypatch.setattr(rule_watch, "EACH_S", 0.01)
    async with serving() as counter:
        first = counter.of(RulesRead)[0]
        assert first.instruments == (INSTRUMENTS[BTC],)
        assert first.idle == ()
        assert first.fees == FEES
        again = await counter.until(lambda: counter.of(RulesRead)[2:])
        assert again[0].fees is None  # daily is enough
        counter.line.venue.faults.set(
            [
                odd("/fapi/v1/leverageBracket", "[]"),
                {"do": "error", "code": -1121, "method": "GET", "path": "/fapi/v1/exchangeInfo"},
            ]
        )
        notes = await counter.until(lambda: [n for n in counter.of(VenueNote) if "rules" in n.what])
        assert notes[0].halt == ""
        counter.line.venue.faults.set(
            [{**odd("/fapi/v1/exchangeInfo", '{"symbols": []}'), "times": 99}]
        )
        (idle,) = await counter.until(lambda: [r for r in counter.of(RulesRead) if r.idle][:1])
        assert (idle.instruments, idle.idle) == ((), ((BTC, "not listed"),))


async def test_no_entry_leaves_before_the_trading_rules_are_known() -> None:
    async with serving() as counter:
        counter.broker._rules.known = False
        word = await counter.word(counter.send(counter.order()))
        assert word.status is OrderStatus.REJECTED
        assert "trading rules have not been read" in word.reason


async def test_a_fill_is_fetched_by_its_number() -> None:
    async with serving(faults=[DEAF]) as counter:
        order = counter.send(counter.order())
        await counter.word(order)
        counter.broker.read_back(BTC, 0)
        await counter.until(lambda: counter.of(AccountRead))
        (fill,) = counter.of(Filled)
        counter.broker.read_back(BTC, 0, fill.fill.trade_id)
        await counter.until(lambda: len(counter.of(AccountRead)) == 2)
        assert [f.fill for f in counter.of(Filled)] == [fill.fill, fill.fill]


async def test_funding_starts_a_read_of_the_cash_lines() -> None:
    async with serving() as counter:
        await counter.word(counter.send(counter.order()))
        counter.line.venue_clock.advance(60_000)  # a funding's time is cut to its minute
        counter.line.venue.acts.fund("BTCUSDT", "0.0001")
        counter.line.venue_clock.advance(3_000)
        await counter.until(lambda: counter.line.asked("GET", "/fapi/v1/income"))
        counter.broker.read_account(0)
        (paid,) = await counter.until(lambda: counter.of(FundingPaid))
        assert paid.amount < 0
        assert paid.id.startswith("FUNDING_FEE:")


async def test_somebody_changes_the_leverage_and_it_is_read() -> None:
    async with serving() as counter:
        before = len(counter.of(AccountConfigRead))
        counter.line.venue.bus.publish(ConfigChanged(counter.line.venue_clock.now(), "BTCUSDT", 7))
        await counter.until(lambda: len(counter.of(AccountConfigRead)) == before + 1)
        counter.broker.set_leverage(BTC, 3, 0)
        await counter.until(lambda: counter.of(AccountConfigRead)[-1].symbols[0].leverage == 3)
        counter.broker.set_margin(BTC, True, 0)
        counter.broker.countdown(BTC, 30_000, 0)
        await counter.until(lambda: counter.line.asked("POST", "/fapi/v1/countdownCancelAll"))


async def test_after_every_gap_it_listens_again_and_says_so() -> None:
    async with serving() as counter:
        for number in (2, 3):
            counter.line.venue.streams.close()
            await counter.until(lambda n=number: len(counter.of(Reconnected)) == n)  # type: ignore[misc]
        counter.line.venue.listen_keys.expire()
        await counter.until(lambda: len(counter.of(Reconnected)) == 4)
        assert "key has expired" in counter.of(Reconnected)[-1].detail
        order = counter.send(counter.order())
        await counter.until(lambda: [f for f in counter.of(Filled) if f.fill.order_id == order.id])
        assert not counter.line.asked("DELETE", "/fapi/v1/listenKey")


NO_KEY = {"do": "error", "code": -2015, "method": "POST", "path": "/fapi/v1/listenKey"}


def away(counter: BrokerDesk) -> list[VenueNote]:
    return [note for note in counter.of(VenueNote) if note.what == "private stream"]


async def test_no_entry_leaves_while_nobody_hears_of_fills() -> None:
    async with serving(faults=[NO_KEY]) as counter:
        counter.line.venue.streams.close()
        await counter.until(lambda: away(counter))
        word = await counter.word(counter.send(counter.order()))
        assert (word.status, "not connected" in word.reason) == (OrderStatus.REJECTED, True)
        assert not counter.line.asked("POST", ORDER)
        stop = counter.send(counter.order("s"))  # what protects goes out all the same
        assert (await counter.word(stop)).status is OrderStatus.WORKING
        counter.line.venue.faults.set([])
        await counter.until(lambda: len(counter.of(Reconnected)) == 2)
        assert (
            await counter.word(counter.send(counter.order()))
        ).status is not OrderStatus.REJECTED
        assert len(away(counter)) == 1
        counter.line.venue.streams.close()
        await counter.until(lambda: len(away(counter)) == 2)


async def test_a_stream_that_cannot_be_had_is_told_of_once() -> None:
    async with serving(listening=False, faults=[NO_KEY]) as counter:
        await counter.until(lambda: len(counter.line.asked("POST", "/fapi/v1/listenKey")) >= 3)
        (note,) = away(counter)
        assert "-2015" in note.detail


class Brief(private_stream.PrivateStream):
    """Is connected for as many seconds as are given, one number after the other."""

    lives: list[float]

    async def _listen_once(self) -> None:
        if not self.lives:
            raise asyncio.CancelledError
        self.connected, self._opened = True, self._wire.clock.monotonic()
        self._wire.clock.sleep(self.lives.pop(0))


async def test_a_connection_that_ends_at_once_makes_the_next_try_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def at_once(seconds: float) -> None:
        waits.append(seconds)

    waits: list[float] = []
    async with connected() as line:
        stream = Brief(line.wire, print, print, print)
        stream.lives = [0, 0, 29, 30, 1]
        with monkeypatch.context() as patched:
            patched.setattr(stream._draw, "uniform", lambda _low, high: high)
            patched.setattr("tradebot.broker.private_stream.asyncio.sleep", at_once)
            with pytest.raises(asyncio.CancelledError):
                await stream.listen()
        assert waits == [0.01, 0.02, 0.04, 0.01, 0.02]


async def test_the_key_is_kept_alive_and_a_failure_makes_a_new_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(private_stream, "SILENT_S", 1e9)
    async with serving() as counter:
        for number in (1, 2, 3, 4):
            counter.line.venue_clock.advance(20 * 60_000)
            await counter.until(
                lambda n=number: len(counter.line.asked("PUT", "/fapi/v1/listenKey")) == n  # type: ignore[misc]
            )
        assert len(counter.of(Reconnected)) == 1
        counter.line.venue.listen_keys.expire(told=False)
        counter.line.venue_clock.advance(20 * 60_000)
        await counter.until(lambda: len(counter.of(Reconnected)) == 2)
        # the venue may end the connection before our request to extend the key is refused
        assert len(counter.line.asked("POST", "/fapi/v1/listenKey")) == 2


async def test_a_silent_hour_makes_a_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_stream, "KEEP_S", 1e9)
    async with serving() as counter:
        counter.line.venue_clock.advance(59 * 60_000)
        await asyncio.sleep(0.05)
        assert len(counter.of(Reconnected)) == 1
        counter.line.venue_clock.advance(61_000)
        await counter.until(lambda: len(counter.of(Reconnected)) == 2)


def extended(counter: BrokerDesk) -> int:
    """How often the stream's key was extended."""
    return len(counter.line.asked("PUT", "/fapi/v1/listenKey"))


async def test_a_connection_is_renewed_before_the_exchange_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(private_stream, "SILENT_S", 1e9)
    async with serving() as counter:
        kept = 0
        while len(counter.of(Reconnected)) == 1:
            counter.line.venue_clock.advance(20 * 60_000)
            with suppress(
                TimeoutError
            ):  # this may pass while an answer is on its way, which then counts from here
                async with asyncio.timeout(2):
                    await counter.until(lambda seen=kept: extended(counter) > seen)  # type: ignore[misc]
            kept = extended(counter)
        assert 60 <= kept < 23 * 3
        assert counter.of(Reconnected)[1].detail == "(it was a day old)"
        assert not counter.line.asked("DELETE", "/fapi/v1/listenKey")


async def test_a_ban_is_said_once_and_nothing_leaves() -> None:
    async with serving(faults=[{"do": "ban", "seconds": 120.0}]) as counter:
        order = counter.send(counter.order())
        assert (await counter.word(order)).status is OrderStatus.REJECTED
        counter.line.venue.faults.set([])
        asked = len(counter.line.venue.ledger.of("request"))
        stop = counter.send(counter.order("s"))
        assert "banned" in (await counter.word(stop)).reason
        (note,) = [n for n in counter.of(VenueNote) if n.halt == "ban"]
        assert "120 s" in note.detail
        assert len(counter.line.venue.ledger.of("request")) == asked
        counter.line.venue_clock.advance(120_000)
        await counter.until(lambda: "ban is over" in counter.of(Reconnected)[-1].detail)
        stop = counter.send(counter.order("s"))
        assert (await counter.word(stop)).status is OrderStatus.WORKING


async def test_after_a_ban_positions_are_read_then_stops_leave_then_exits() -> None:
    async with serving(faults=[{"do": "ban", "seconds": 120.0}]) as counter:
        first = counter.send(counter.order())
        assert (await counter.word(first)).status is OrderStatus.REJECTED
        counter.line.venue.faults.set([])
        ledger = counter.line.venue.ledger
        asked = len(ledger.of("request"))
        counter.line.venue_clock.advance(120_000)
        leaving = counter.send(counter.order("x"))
        stop = counter.send(counter.order("s"))
        await counter.word(stop)
        await counter.word(leaving)
        paths = [(row["method"], row["path"]) for row in ledger.of("request")[asked:]]
        positions = paths.index(("GET", "/fapi/v3/positionRisk"))
        stopped = paths.index(("POST", "/fapi/v1/algoOrder"))
        left = paths.index(("POST", "/fapi/v1/order"))
        assert max(positions, stopped) < left


async def test_an_answer_of_another_shape_halts_entries_and_breaks_nothing() -> None:
    rows = {"do": "answer", "status": 200, "body": '[{"symbol": "BTCUSDT"}]'}
    fault = {"method": "GET", "path": "/fapi/v1/userTrades", **rows}
    async with serving(faults=[fault]) as counter:
        counter.broker.read_back(BTC, 0)
        await counter.until(lambda: [n for n in counter.of(VenueNote) if n.halt == "unexplained"])
        stop = counter.send(counter.order("s"))
        assert (await counter.word(stop)).status is OrderStatus.WORKING


@pytest.mark.parametrize("text", ["{", "null", "[" * 100_000, "x" * 1_000_000, '{"e": 1e999}'])
async def test_a_message_that_is_none_halts_entries_and_the_stream_goes_on(text: str) -> None:
    async with serving() as counter:
        counter.broker._hear(private_stream._parsed(text))
        (note,) = [n for n in counter.of(VenueNote) if n.halt == "unexplained"]
        assert len(note.detail) < 400
        order = counter.send(counter.order())
        await counter.until(lambda: [f for f in counter.of(Filled) if f.fill.order_id == order.id])


DAY_S = 86_400


@pytest.mark.parametrize("traded", [True, False], ids=["traded long ago", "never traded"])
async def test_after_more_than_three_months_without_a_trade_the_next_one_is_found(
    traded: bool,
) -> None:
    async with serving(faults=[DEAF]) as counter:
        orders = []
        if traded:
            orders += [counter.send(counter.order()), counter.send(counter.order("x"))]
            for order in orders:
                await counter.word(order)
            await read(counter)
        state = counter.broker.export_state()
        for _ in range(100):
            counter.line.venue_clock.advance(DAY_S * 1000)
        await counter.until(lambda: not counter.line.wire.time.is_due)
        await counter.until(lambda: not counter.broker._errands.busy)
        counter.broker._baselines.known = True
        await read(counter)
        orders.append(counter.send(counter.order()))
        await counter.word(orders[-1])
        counter.line.venue_clock.advance(3_000)
        await read(counter)
        assert sorted(set(booked(counter))) == sorted(order.id for order in orders)
        assert not [n for n in counter.of(VenueNote) if n.halt]
        kinds = {line.kind for line in counter.of(CashMoved)}
        assert "commission" in kinds
        seen = len(booked(counter))
        counter.broker.restore(state)  # a start that stood still for all that time
        await read(counter)
        assert booked(counter)[seen:] == [orders[-1].id]
