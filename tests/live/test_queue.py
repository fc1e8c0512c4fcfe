"""One queue on a wall clock: timers at their time, a silent feed, commands, late bars, a failing journal."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kits import live_kit as kit
from kits.live_scene import ADA, START, XRP, Scene, scene

from tradebot.app import queued
from tradebot.app.replay import replay_run
from tradebot.broker.simulated import SimulatedBroker
from tradebot.core.model.effects import WakeAt
from tradebot.core.model.errors import ExchangeError, JournalError
from tradebot.core.model.events import (
    ClockChecked,
    FeedStatus,
    JournalBack,
    JournalFailed,
    RunStarted,
    WakeUp,
)
from tradebot.core.model.values import Bar, Quote
from tradebot.guard.latch import write_halt
from tradebot.guard.notice import read_notice
from tradebot.journal.commands import post_command
from tradebot.journal.reader import Reader


def test_time_never_goes_back_though_bars_come_late(tmp_path: Path) -> None:
    found = scene(tmp_path, 20)
    assert found.ending.state == "ended", found.ending.why
    events = found.events()
    ats = [event.at for event in events]
    assert ats == sorted(ats)
    late = [e.at - e.exchange_time for e in events if isinstance(e, Bar)]
    assert len(late) == 40
    assert all(20 <= lag <= 700 for lag in late)
    assert all(e.at >= e.exchange_time for e in events if isinstance(e, Quote))


def test_a_silent_feed_is_told_and_fires_timers_at_their_time(tmp_path: Path) -> None:
    due = START + 5 * 60_000 + 30_123

    def quiet(made: Scene) -> None:
        made.feed.silent = {5}

    async def ask(made: Scene) -> None:
        await asyncio.sleep(1)
        made.runner.session._do(WakeAt(f"stop:{XRP}", due))

    found = scene(tmp_path, 8, ask, prepare=quiet)
    words = found.events(FeedStatus)
    assert [(word.symbol, word.live) for word in words] == [("", False), (XRP, True), (ADA, True)]
    fell = words[0].at - (START + 5 * 60_000)
    assert 0 < fell < 5_700  # 5 s after the last bar of the minute before
    (woken,) = [event for event in found.events(WakeUp) if event.key == f"stop:{XRP}"]
    assert woken.at == due
    quotes = [e.at for e in found.events(Quote)]
    assert not [at for at in quotes if START + 300_500 < at < START + 360_000]


def test_a_paper_run_on_a_wall_clock_trades_on_the_simulated_exchange(tmp_path: Path) -> None:
    found = scene(tmp_path, 90, outside=False)
    assert found.ending.state == "ended", found.ending.why
    assert found.ending.summary["completed_trades"] > 0
    broker = found.runner.session.broker
    assert isinstance(broker, SimulatedBroker)
    assert found.runner.session.engine.portfolio.cash == broker.exchange.cash
    with Reader(tmp_path / "tradebot.db") as reader:
        state = reader.state("paper-0001")
    assert state is not None
    assert "exchange" in state.body["session"]
    assert replay_run(tmp_path / "tradebot.db", "paper-0001", Path()).equal


def test_commands_and_the_halt_file_are_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queued, "POLL_S", 0.25)

    async def people(made: Scene) -> None:
        await asyncio.sleep(10)
        write_halt(tmp_path, "looks odd", "eve", clock=made.clock)
        await asyncio.sleep(1)
        assert "user" in made.runner.session.engine.halts.reasons
        post_command(tmp_path / "tradebot.db", "resume", "eve", "fine", clock=made.clock)
        await asyncio.sleep(1)
        assert not made.runner.session.engine.halts.reasons
        post_command(tmp_path / "tradebot.db", "stop", "eve", "home", clock=made.clock)

    found = scene(tmp_path, 3, people)
    assert found.ending.state == "interrupted"
    assert "home" in found.ending.why
    assert found.clock.wall_ms() < START + 60_000


def test_the_time_asked_for_ends_it(tmp_path: Path) -> None:
    found = scene(tmp_path, 30, for_ms=5 * 60_000)
    assert found.ending.state == "ended"
    assert 5 * 60_000 <= found.clock.wall_ms() - START < 6 * 60_000


def test_a_failing_feed_ends_the_run_in_order(tmp_path: Path) -> None:
    def breaks(made: Scene) -> None:
        async def feed(put: Any, since: int | None) -> None:
            await asyncio.sleep(5)
            raise ExchangeError("the exchange is away")

        made.feed.feed = feed  # type: ignore[method-assign]

    found = scene(tmp_path, 3, prepare=breaks)
    assert found.ending.state == "interrupted"
    assert found.ending.error is not None
    assert found.ending.error.exit_code == 3


def test_a_failing_journal_is_an_event_and_not_the_end(tmp_path: Path) -> None:
    async def lock(made: Scene) -> None:
        store = made.runner.journal._store
        await asyncio.sleep(60)
        await made.runner.journal._on_thread(lambda: store._db.execute("PRAGMA busy_timeout = 20"))
        with closing(sqlite3.connect(tmp_path / "tradebot.db", isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(90)  # longer than the market would have stood still
            notice = read_notice(tmp_path)
            assert notice is not None
            assert "locked" in notice.text
        await asyncio.sleep(30)
        assert read_notice(tmp_path) is None

    found = scene(tmp_path, 6, lock)
    assert found.ending.state == "ended", found.ending.why
    (failed,) = found.events(JournalFailed)
    (back,) = found.events(JournalBack)
    assert "locked" in failed.detail
    assert failed.at < back.at
    assert "protection goes on" in "\n".join(found.said)
    # nothing that was heard meanwhile is missing from the log
    quotes = [e.at for e in found.events(Quote) if failed.at < e.at < back.at]
    assert len(quotes) > 30


def test_a_journal_that_was_deleted_ends_the_run(tmp_path: Path) -> None:
    """Nothing it writes would be kept: it halts and ends, and whoever starts it again begins another journal."""

    async def delete(it: Scene) -> None:
        await asyncio.sleep(90)
        (it.data_dir / "tradebot.db").unlink()

    found = scene(tmp_path, 8, delete)
    assert isinstance(found.ending.error, JournalError)
    assert "the journal was removed or renamed while the engine ran" in found.ending.error.message
    assert found.clock.wall_ms() < START + 4 * 60_000
    assert (tmp_path / "HALT").exists()


def test_a_run_that_goes_on_starts_at_once_and_is_warmed_while_it_runs(tmp_path: Path) -> None:
    first = scene(tmp_path, 40, for_ms=30 * 60_000 + 5_000)
    assert first.ending.state == "ended"
    with closing(sqlite3.connect(tmp_path / "tradebot.db")) as db, db:
        db.execute("UPDATE runs SET state = 'interrupted'")  # as if it had been killed there

    async def main(loop: kit.VirtualLoop) -> Scene:
        loop.virtual = 40 * 60.0  # ten minutes later
        made = Scene(loop, tmp_path, 60)
        made.broker = first.broker
        await made.run()
        return made

    found = kit.play(main)
    starts = found.events(RunStarted)
    assert [start.resumed for start in starts] == [False, True]
    # it asks for the bars it has missed, and they are told late
    assert found.feed.told == [START + 29 * 60_000]
    missed = [
        e for e in found.events(Bar) if e.at > starts[1].at and e.exchange_time < starts[1].at
    ]
    assert len(missed) >= 18
    seen = [(e.symbol, e.open_time) for e in found.events(Bar)]
    assert len(seen) == len(set(seen)) == 120


def failing_once(made: Scene, error: Exception) -> None:
    """Have the broker's connections fail with an error, the first time they are held."""
    assert made.broker is not None
    serve, errors = made.broker.serve, [error]

    async def serving(*words: Any) -> None:
        if errors:
            await asyncio.sleep(600)
            raise errors.pop()
        await serve(*words)

    made.broker.serve = serving  # type: ignore[method-assign, assignment]


def test_a_broker_that_fails_for_no_known_reason_begins_again(tmp_path: Path) -> None:
    error = ExceptionGroup("tasks", [KeyError("unthought of")])
    found = scene(tmp_path, 30, prepare=lambda made: failing_once(made, error))
    assert found.ending.state == "ended", found.ending.why
    assert "unexplained" in found.runner.session.engine.halts.reasons
    assert "the broker failed and begins again" in "\n".join(found.said)
    assert found.events(ClockChecked)  # it was begun again


def test_a_broker_that_says_why_it_cannot_go_on_ends_the_run_in_order(tmp_path: Path) -> None:
    error = ExceptionGroup("tasks", [ExceptionGroup("more", [ExchangeError("no such key")])])
    found = scene(tmp_path, 30, prepare=lambda made: failing_once(made, error))
    assert found.ending.state == "interrupted"
    assert str(found.ending.error) == "no such key"
