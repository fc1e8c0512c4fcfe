"""Out of everything on an account, on the venue with the real client: what counts as proof, and what stops nobody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.wire_kit import Line, connected

from tradebot.app import flatten
from tradebot.app.close_account import AccountClose
from tradebot.app.close_report import times_of
from tradebot.app.flatten import ARRIVED_S, Flattening, Named
from tradebot.app.target import ExchangeAccount, Request
from tradebot.broker.account_view import AccountHoldings, read_holdings
from tradebot.clock import SYSTEM
from tradebot.core.model.account import OrderRead
from tradebot.core.model.errors import LeftoverError
from tradebot.core.model.values import OrderStatus, Side
from tradebot.guard.diary import ENGINE, Diary, read_diary
from tradebot.guard.lock import Owner
from tradebot.guard.process import process_start
from tradebot.venue.own import state
from tradebot.venue.settings import AccountScript, ForeignOrder, ScriptedPosition
from tradebot.wire.budget import WEIGHT
from tradebot.wire.endpoints import Endpoint, Params
from tradebot.wire.reply import Reply

D = Decimal
ORDER, POSITIONS = "/fapi/v1/order", "/fapi/v3/positionRisk"
HELD = AccountScript(
    margin_type="isolated",
    positions=(ScriptedPosition("BTCUSDT", "BOTH", D("0.01"), D(76_000), "isolated", 1),),
)


@asynccontextmanager
async def passing(
    account: AccountScript, faults: Sequence[dict[str, Any]] = ()
) -> AsyncIterator[Line]:
    """A venue whose time passes by itself, twenty times as fast as ours."""
    async with connected(account=account) as line:
        await line.wire.measure()
        line.venue.faults.set(list(faults))

        async def tick() -> None:
            while True:
                line.venue_clock.advance(100)
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        try:
            yield line
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking


def last_sent(line: Line, path: str = ORDER) -> int:
    return max(int(row["at"]) for row in line.asked("POST", path))


async def test_nothing_is_left_only_after_a_read_that_began_when_nothing_could_arrive() -> None:
    """However late the answers are, and however little time was given."""
    slow = [{"do": "delay", "ms": 2_500, "method": "GET"}]
    async with passing(HELD, slow) as line:
        await Flattening(line.wire, lambda _: None).run(0.1)
        done = await Flattening(line.wire, lambda _: None).run(0.1)
        assert done.left == []
        assert len(done.reads) == 2
        assert done.quiet_s >= ARRIVED_S
        assert not state(line.venue)["positions"]
        reads = [row["at"] for row in line.asked("GET", POSITIONS) if row["at"] > last_sent(line)]
        assert len(reads) >= 2
        assert reads[-1] >= last_sent(line) + ARRIVED_S * 1000


async def test_an_account_that_ceases_to_answer_after_an_empty_read_is_not_proved() -> None:
    gone = [{"do": "error", "code": -1000, "method": "GET", "path": POSITIONS}]
    async with passing(AccountScript(margin_type="isolated")) as line:
        work = asyncio.create_task(Flattening(line.wire, lambda _: None).run(0.1))
        while not line.asked("GET", POSITIONS):
            await asyncio.sleep(0.001)
        line.venue.faults.set(gone)
        with pytest.raises(LeftoverError, match="cannot be read whole"):
            await work


async def test_what_cannot_be_read_keeps_nobody_from_closing_the_rest() -> None:
    blind = [
        {
            "do": "accept_then_garbage",
            "form": "html",
            "method": "GET",
            "path": "/fapi/v1/openAlgoOrders",
        }
    ]
    async with passing(HELD, blind) as line:
        assert state(line.venue)["positions"]
        with pytest.raises(LeftoverError, match="openAlgoOrders"):
            await Flattening(line.wire, lambda _: None).run(3)
        assert not state(line.venue)["positions"]  # it was closed all the same


def stop(symbol: str = "BTC/USDT") -> OrderRead:
    return OrderRead(
        *(symbol, "s", "algo:7", Side.SELL, "STOP_MARKET", OrderStatus.WORKING),
        *(D("0.01"), D(0)),
    )


def resting(symbol: str = "BTC/USDT") -> OrderRead:
    return OrderRead(
        *(symbol, "e", "9", Side.BUY, "LIMIT", OrderStatus.WORKING, D("0.01"), D(0)), price=D(1)
    )


@pytest.mark.parametrize(
    ("found", "cancelled"),
    [
        (AccountHoldings(algos=(stop(),)), 1),
        (AccountHoldings(algos=(stop(),), orders=(resting(),)), 0),
        (AccountHoldings(algos=(stop(),), exposure_known=False), 0),
    ],
)
async def test_a_stop_goes_only_where_nothing_can_be_held(
    found: AccountHoldings, cancelled: int
) -> None:
    async with connected() as line:
        await line.wire.measure()
        await Flattening(line.wire, lambda _: None)._act(found)
        assert len(line.asked("DELETE", "/fapi/v1/algoOrder")) == cancelled


@pytest.mark.parametrize("path", ["/fapi/v1/openOrders", POSITIONS])
async def test_an_order_or_a_position_that_cannot_be_read_keeps_the_stops(path: str) -> None:
    blind = [{"do": "accept_then_garbage", "form": "html", "method": "GET", "path": path}]
    async with passing(AccountScript(margin_type="isolated"), blind) as line:
        found = replace(await read_holdings(line.wire, lenient=True), algos=(stop(),))
        assert found.strange
        await Flattening(line.wire, lambda _: None)._act(found)
        assert line.asked("DELETE", "/fapi/v1/algoOrder") == []


async def test_a_key_that_is_refused_is_said_at_once_and_costs_no_budget() -> None:
    refused = [{"do": "error", "code": -2015, "method": "GET", "path": "/fapi/v?/*"}]
    async with passing(HELD) as line:
        line.venue.faults.set(refused)
        with pytest.raises(LeftoverError, match="-2015"):
            await Flattening(line.wire, lambda _: None).run(60)
        assert len(line.asked("GET", POSITIONS)) == 1


async def test_a_minute_that_is_used_up_is_waited_for() -> None:
    """Who goes on asking is banned: it asks once, and again when the next minute begins."""
    async with passing(HELD) as line:
        used = line.venue.limits.weight
        used.add(line.venue_clock.now(), WEIGHT)
        begun = line.venue_clock.now()
        said: list[str] = []
        assert (await Flattening(line.wire, said.append).run(600)).left == []
        assert line.venue_clock.now() // 60_000 > begun // 60_000
        statuses = [row["status"] for row in line.venue.ledger.of("request")]
        assert statuses.count(429) <= 4
        assert 418 not in statuses
        assert any("used up: it goes on in" in text for text in said)


async def test_the_time_that_was_given_is_kept_where_nothing_answers() -> None:
    silent = [{"do": "accept_then_timeout", "seconds": 30, "method": "GET"}]
    async with passing(HELD, silent) as line:
        begun = SYSTEM.monotonic()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(flatten, "LAST_S", 0.5)
            with pytest.raises(LeftoverError, match="no answer in time"):
                await Flattening(line.wire, lambda _: None).run(0.1)
        assert SYSTEM.monotonic() - begun < 5


NAMED = Named("BTC/USDT", "tbabcdef-0a1b2c3d-7e")


async def test_an_order_of_unknown_fate_is_asked_for_by_its_name() -> None:
    """What the exchange never had is over; where nobody can say, nothing is proved and it is named."""
    async with passing(AccountScript(margin_type="isolated")) as line:
        done = await Flattening(line.wire, lambda _: None, unknown=[NAMED]).run(5)
        assert (done.left, done.looked_up) == ([], 1)
        assert line.asked("GET", ORDER)[-1]["params"]["origClientOrderId"] == NAMED.order_id
        line.venue.faults.set([{"do": "error", "code": -1000, "method": "GET", "path": ORDER}])
        doubted = await Flattening(line.wire, lambda _: None, unknown=[NAMED]).run(5)
        assert [row["what"] for row in doubted.left] == ["order of unknown fate"]
        assert doubted.reads == ()


async def test_the_proof_waits_for_what_others_sent() -> None:
    """Another process was ended a second ago: what it gave to the system may still arrive."""
    async with passing(AccountScript(margin_type="isolated")) as line:
        begun = line.wire.clock.monotonic()
        closing = Flattening(
            line.wire, lambda _: None, quiet_s=lambda: line.wire.clock.monotonic() - begun - 2
        )
        assert (await closing.run(5)).left == []
        reads = [row["at"] for row in line.asked("GET", POSITIONS)]
        assert reads[-1] - reads[0] >= (ARRIVED_S + 2) * 1000


async def test_who_never_ceases_to_send_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flatten, "LONGER_S", 10.0)
    async with passing(AccountScript(margin_type="isolated")) as line:
        begun = line.wire.clock.monotonic()
        closing = Flattening(line.wire, lambda _: None, quiet_s=lambda: 0.0)
        async with asyncio.timeout(20):
            with pytest.raises(LeftoverError, match="that is not proved"):
                await closing.run(5)
        assert line.wire.clock.monotonic() - begun >= 15


def test_an_end_is_called_proved_only_where_it_is(tmp_path: Path) -> None:
    Diary([tmp_path]).put("result", code=6)
    assert [row["step"] for row in times_of(read_diary([tmp_path]), 0)] == ["ended"]
    Diary([tmp_path]).put("result", code=0)
    assert [row["step"] for row in times_of(read_diary([tmp_path]), 0)] == ["proved"]


def test_an_engine_that_failed_is_not_said_to_have_closed(tmp_path: Path) -> None:
    request, target = Request("close-all", "me", "test", posted=0), ExchangeAccount("demo")
    closing = AccountClose(tmp_path, request, target, 5.0, lambda _: None)
    rows, owner = Diary([tmp_path], ENGINE), Owner(os.getpid(), process_start(os.getpid()) or "")
    for last, said in (
        ("failed", f"the engine (process {owner.pid}) could not close it: no answer"),
        ("done", "closed by the engine"),
    ):
        rows.put("taken")
        rows.put(last, why="no answer")
        until = SYSTEM.monotonic() + 5
        how = closing._by_engine(owner, tmp_path, [tmp_path], Diary([tmp_path]), until)
        assert how == said


def test_whoever_else_sends_is_waited_for_whatever_the_clock_says(tmp_path: Path) -> None:
    """The engine of this very process is somebody else; our own requests are counted where they leave."""
    dirs = [tmp_path]
    request, target = Request("close-all", "me", "test", posted=0), ExchangeAccount("demo")
    closing = AccountClose(tmp_path, request, target, 1.0, lambda _: None)
    closing._by_engines(dirs, Diary(dirs), 0.0)
    ahead = LateClock(3_600_000)
    for diary, counts in (
        (Diary(dirs), False),
        (Diary(dirs, ENGINE), True),
        (Diary(dirs, ENGINE, ahead), True),  # the clock was set back since
    ):
        closing.quiet_from -= 100
        diary.put("close", symbol="BTC/USDT")
        quiet = closing._quiet_s(dirs)
        assert (0 <= quiet < 90) == counts
        assert closing._quiet_s(dirs) >= quiet


async def test_a_symbol_that_is_flat_is_not_said_to_be_closed() -> None:
    resting = ForeignOrder("ETHUSDT", "BUY", D("0.1"), D(1_500))
    async with passing(replace(HELD, orders=(resting,))) as line:
        told: list[str] = []
        assert (await Flattening(line.wire, told.append).run(60)).left == []
        words = [word for word in told if word.startswith(("closing ", "cancelling "))]
        assert words == ["closing BTC/USDT", "cancelling what rests on ETH/USDT"]


def test_an_engine_that_sits_something_out_is_not_taken_to_hang(tmp_path: Path) -> None:
    """Nor where it is asked once more meanwhile; when that is over it has to move."""
    request, target = Request("close-all", "me", "test", posted=0), ExchangeAccount("demo")
    closing = AccountClose(tmp_path, request, target, 1.0, lambda _: None)
    now = SYSTEM.monotonic()
    rows = Diary([tmp_path], ENGINE)  # one numbers its rows: they may come in the same millisecond
    for step in ("banned", "slowed"):
        rows.put(step, ends=SYSTEM.wall_ms() + 60_000)
        assert closing._ban_ends(read_diary([tmp_path]), now) > now + 50
        rows.put("taken")
        assert closing._ban_ends(read_diary([tmp_path]), now) > now + 50
        rows.put("read", open=[], strange=[])
        assert closing._ban_ends(read_diary([tmp_path]), now) == 0


class LateClock:
    def __init__(self, ahead_ms: int) -> None:
        self._ahead_ms = ahead_ms

    def wall_ms(self) -> int:
        return SYSTEM.wall_ms() + self._ahead_ms

    def monotonic(self) -> float:
        return SYSTEM.monotonic()

    def sleep(self, seconds: float) -> None:
        SYSTEM.sleep(seconds)


@pytest.mark.parametrize("code", [-4005, -1021, -1008])
async def test_a_refusal_is_met_by_its_cause(code: int) -> None:
    """Too large is halved at once, a clock that is off is compared, what is throttled is tried again."""
    once = {"do": "error", "code": code, "method": "POST", "path": ORDER, "times": 1}
    async with passing(HELD, [once]) as line:
        assert (await Flattening(line.wire, lambda _: None).run(60)).left == []
        asked = [row["params"] for row in line.asked("POST", ORDER)]
        halved = ["0.01", "0.005", "0.005"] if code == -4005 else ["0.01", "0.01"]
        assert [row["quantity"] for row in asked] == halved
        assert len({row["newClientOrderId"] for row in asked}) == len(asked)
        assert not state(line.venue)["positions"]


async def test_every_request_is_on_record_before_it_leaves(tmp_path: Path) -> None:
    diary = Diary([tmp_path])
    async with passing(HELD) as line:
        seen: dict[str, list[str]] = {}
        ask = line.wire.ask

        async def asked(endpoint: Endpoint, params: Params, *words: Any) -> Reply:
            steps = [
                step.more["params"] for step in read_diary([tmp_path]) if "params" in step.more
            ]
            seen[str(params.get("newClientOrderId", endpoint.path))] = [str(row) for row in steps]
            return await ask(endpoint, params, *words)

        line.wire.ask = asked  # type: ignore[method-assign, assignment]
        assert (await Flattening(line.wire, lambda _: None, diary).run(60)).left == []
        (name,) = [name for name in seen if name.startswith("closeall-")]
        assert name in seen[name][-1]
