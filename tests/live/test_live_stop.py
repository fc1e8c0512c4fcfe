"""How a live run ends when somebody stops it: what is open stays with its stop, or everything is closed and proved to be."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kits.demo_kit import demo_venue
from kits.disaster_kit import Scene as Desk
from kits.live_run_kit import live_bot, start_live
from kits.live_scene import Scene, scene
from kits.strategy_kit import LONG

from tradebot.app import host, settle
from tradebot.app.queued import QueueRunner
from tradebot.broker.errands import LAST_S
from tradebot.cli.stopping import AGAIN_S
from tradebot.clock import SYSTEM
from tradebot.core.model.approved import Approved
from tradebot.core.model.errors import LeftoverError, TradebotError
from tradebot.core.model.events import Event, OrderUpdate
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import OrderStatus, Purpose
from tradebot.core.trading.session import Session
from tradebot.guard.latch import halt_present
from tradebot.journal.reader import Reader

EARLY = "2026-11-26T09:30:30Z"
SLOW = [
    {"do": "slow_answer", "ms": 20_000, "method": "GET", "path": f"/fapi/{path}"}
    for path in ("v3/account", "v3/positionRisk", "v1/openOrders", "v1/openAlgoOrders")
]
THROTTLED = {"do": "error", "code": -1008, "method": "POST", "path": "/fapi/v1/order"}


# -- the last seconds, on virtual time --------------------------------------------------------------


class Closer:
    """Stands where a run's standstill does; ``says`` is what closing everything comes to, after ``seconds``."""

    closing = False

    def __init__(self, seconds: float, says: TradebotError | None = None) -> None:
        self.seconds, self.says = seconds, says
        self.asked: list[str] = []
        self.cancelled = False

    def standing(self) -> None:
        return None

    async def close_down(self, session: Session, why: str, wait_s: float) -> TradebotError | None:
        assert not session.engine.table.entries
        self.asked.append(why)
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return self.says


def stopping(after_s: float, closer: Closer | None = None, keep_after_s: float = 0) -> Any:
    """Stop a scene after so many seconds, and again where somebody will not wait."""

    async def stop(made: Scene) -> None:
        made.runner.runs[0].standstill = closer  # type: ignore[assignment]
        made.runner.on_stop = "keep" if closer is None else "flatten"
        await asyncio.sleep(after_s)
        made.runner.request_stop("a test")
        if keep_after_s:
            await asyncio.sleep(keep_after_s)
            made.runner.keep()

    return stop


def test_what_nobody_knows_is_waited_for(tmp_path: Path) -> None:
    """Words that come late are still heard, timers still ask: in the end no order is of unknown fate."""

    def slow(made: Scene) -> None:
        assert made.broker is not None
        made.broker.manners.least_s, made.broker.manners.most_s = 1.0, 2.0
        made.broker.manners.lost = 0.3

    for minute in range(12, 16):
        found = scene(tmp_path / str(minute), 40, stopping(minute * 60 + 1.5), prepare=slow)
        assert (found.ending.state, found.ending.error) == ("interrupted", None)
        table = found.runner.session.engine.table
        doubtful = (OrderStatus.PENDING, OrderStatus.UNKNOWN, OrderStatus.CANCELLING)
        assert [o for o in table.live.values() if o.status in doubtful] == []
        assert not table.entries


@pytest.mark.parametrize("refusals", [2, 1000])
def test_a_closing_that_is_between_two_tries_goes_on_within_its_bounds(
    tmp_path: Path, refusals: int
) -> None:
    stopped: list[float] = []
    left: list[str] = []

    def prepare(made: Scene) -> None:
        assert made.broker is not None
        send = made.broker.send

        def refusing(approved: Approved, at: int) -> Sequence[Event]:
            order = approved.order
            if order.purpose is not Purpose.EXIT or len(left) >= refusals:
                return send(approved, at)
            left.append(order.symbol)
            if not stopped:
                stopped.append(made.loop.virtual)
                made.loop.call_soon(made.runner.request_stop, "a test")
            rejected = OrderStatus.REJECTED
            return (OrderUpdate(at, order.symbol, order.id, rejected, at, code=-1008),)

        made.broker.send = refusing  # type: ignore[method-assign]

    found = scene(tmp_path, 120, prepare=prepare)
    assert found.ending.state == "interrupted"
    assert left
    book = found.runner.session.engine.books[left[0]]
    assert not book.holding.qty or refusals == 1000
    assert found.loop.virtual - stopped[0] < settle.SETTLE_S + 5


@pytest.mark.parametrize("says", [None, LeftoverError("ETH/USDT is left")])
def test_everything_is_closed_before_the_end(tmp_path: Path, says: TradebotError | None) -> None:
    closer = Closer(3.0, says)
    found = scene(tmp_path, 20, stopping(600, closer))
    assert closer.asked == ["on_stop: a test"]
    assert found.ending.error is says
    with Reader(tmp_path / "tradebot.db") as reader:
        row = reader.run("paper-0001")
    assert row.state == "interrupted"
    assert row.error == (None if says is None else str(says))


def test_who_presses_twice_does_not_wait(tmp_path: Path) -> None:
    closer = Closer(50.0)
    found = scene(tmp_path, 20, stopping(600, closer, keep_after_s=2.5))
    assert closer.cancelled
    assert found.ending.error is None
    assert found.loop.virtual < 650


def test_what_is_on_its_way_at_the_end_is_no_standstill(tmp_path: Path) -> None:
    """Whoever pressed ctrl-c twice would take a silent engine for one that hangs, and end it without its last words."""
    ending: list[float] = []
    beats: list[float] = []

    def lingering(made: Scene) -> None:
        assert made.broker is not None
        serve = made.broker.serve

        async def linger(*words: Any) -> None:
            try:
                await serve(*words)
            finally:
                ending.append(made.loop.virtual)
                made.runner.heartbeat.beat = lambda: beats.append(made.loop.virtual)  # type: ignore[method-assign]
                await asyncio.sleep(LAST_S)
                ending.append(made.loop.virtual)

        made.broker.serve = linger  # type: ignore[assignment, method-assign]

    found = scene(tmp_path, 20, stopping(600, keep_after_s=0.5), prepare=lingering)
    assert found.ending.error is None
    begun, ended = ending
    assert ended - begun >= LAST_S > AGAIN_S
    looks = [begun, *(at for at in beats if at <= ended), ended]
    assert max(after - before for before, after in pairwise(looks)) < AGAIN_S


@pytest.mark.parametrize("twice", [False, True])
def test_everything_is_closed_though_the_prices_never_came(tmp_path: Path, twice: bool) -> None:
    """Stopped while its source still opens, as behind an exchange that does not answer for prices."""
    closer, began = Closer(3.0), list[float]()

    def opening(made: Scene) -> None:
        async def never(*_: object) -> None:
            began.append(made.loop.virtual)
            if twice:
                made.runner.keep()
            await asyncio.sleep(1e6)

        async def close() -> None:
            return

        feed: Any = made.feed
        feed.open, feed.close, feed.played = never, close, lambda step: None
        feed.offset_ms, feed.instruments, feed.length = 0, INSTRUMENTS, lambda: None

    found = scene(tmp_path, 20, stopping(30, closer), prepare=opening)
    assert found.ending.state == "interrupted"
    assert closer.asked == ([] if twice else ["on_stop: a test"])
    assert len(began) == 1
    assert found.loop.virtual < 60


def test_a_closing_that_does_not_end_is_told(tmp_path: Path) -> None:
    closer = Closer(1e6)
    found = scene(tmp_path, 20, stopping(600, closer))
    assert isinstance(found.ending.error, LeftoverError)
    assert closer.cancelled
    assert found.loop.virtual < 600 + settle.SETTLE_S + 3 * settle.FLATTEN_S


def test_a_run_that_fails_keeps_what_is_open(tmp_path: Path) -> None:
    closer = Closer(1.0)

    async def fail(made: Scene) -> None:
        await asyncio.sleep(600)
        made.runner.session.stopped = SimpleNamespace(  # type: ignore[assignment]
            reason="it broke", failed=True, file=None, line=None
        )

    found = scene(tmp_path, 20, stopping(1e4, closer), fail)
    assert found.ending.state == "interrupted"
    assert closer.asked == []


def test_two_presses_before_the_engine_works_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []

    class Early(QueueRunner):
        def __init__(self) -> None:
            return

        def request_stop(self, why: str) -> None:
            heard.append(why)

        def keep(self) -> None:
            heard.append("kept")

        async def main(self, cursor: object = None) -> Any:
            return cursor

    @asynccontextmanager
    async def opened(*_: object) -> AsyncIterator[tuple[QueueRunner, None]]:
        yield Early(), None

    monkeypatch.setattr(host, "opened", opened)
    here = SimpleNamespace(data_dir=lambda: tmp_path)
    pressed = host.PaperHost(SimpleNamespace(clock=SYSTEM, config=here))  # type: ignore[arg-type]
    pressed.stop("signal SIGINT")
    pressed.keep()
    asyncio.run(pressed._main())
    assert heard == ["signal SIGINT", "kept"]


# -- the installed command ---------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.slow
def test_flatten_closes_everything_and_the_next_start_may_trade(tmp_path: Path) -> None:
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue, TRADEBOT_LIVE__ON_STOP="flatten")
        try:
            run = start_live(bot, bot.strategy(LONG))
            bot.until(lambda: venue.held() and venue.stops())
            done = bot.end(run, signal.SIGTERM)
            assert done.code == 0, done.err
            assert Desk(venue, bot, tmp_path).flat()
            assert done.data["positions"] == []
            (trade,) = bot.json("trades").data["trades"]
            assert trade["exit_reason"] == "close_all"
            assert not halt_present(bot.data_dir)
            assert bot.status()["halts"] == []
            assert "nothing is left: proved by two reads" in " ".join(bot("status").out.split())
        finally:
            bot.clean_up()


@pytest.mark.full
@pytest.mark.slow
def test_twice_ctrl_c_keeps_what_could_not_be_closed_and_one_says_what_is_left(
    tmp_path: Path,
) -> None:
    """The exchange is too busy to close: a second press ends it at once, and without one a minute later it ends with 6."""
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue, TRADEBOT_LIVE__ON_STOP="flatten")
        desk = Desk(venue, bot, tmp_path)
        try:
            own = bot.strategy(LONG)
            run = start_live(bot, own)
            bot.until(lambda: venue.held() and venue.stops())
            desk.faults(THROTTLED, *SLOW)  # what it reads is still on its way when it ends
            run.send_signal(signal.SIGINT)
            time.sleep(0.5)  # two that wait at the same time would be one
            done = bot.end(run, signal.SIGINT)
            assert done.code == 130, done.err
            desk.faults(THROTTLED)
            assert (venue.held(), venue.stops()) == (["ETHUSDT"], 1)
            assert "its stop at" in str(done.document["warnings"])

            again = bot.start("live", "--strategy", own, "--headless", "--json")
            bot.until(lambda: "word" in str(bot.status().get("halts")))
            left = bot.end(again)
            assert left.code == 6, left.err
            assert "ETH/USDT position" in left.error["message"]
            assert (venue.held(), venue.stops()) == (["ETHUSDT"], 1)
        finally:
            bot.clean_up()
