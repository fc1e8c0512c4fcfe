"""A journal that cannot be written: the market stands still, nothing is lost, and every face says so."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from _pytest.monkeypatch import MonkeyPatch

from tradebot.app import runner as runner_module
from tradebot.app import status
from tradebot.app.heartbeat import Heartbeat
from tradebot.app.host import PaperHost, Setup, opened
from tradebot.app.runner import Pace
from tradebot.app.status import trouble_of
from tradebot.clock import SYSTEM
from tradebot.config import load_config
from tradebot.guard.notice import NOTICE_FILE, read_notice
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.verify import verify
from tradebot.market.feed import SimulatedSource
from tradebot.plugins.strategies import load_strategy
from tradebot.tui.feed import Feed

HOUR = 3_600_000


def make_setup(data_dir: Path, **named: Any) -> Setup:
    config = load_config(None, {}, (), {"data.dir": str(data_dir)})
    spec = load_strategy("ema_cross", config.base_dir, {"fast": 3, "slow": 9})
    speed, for_ms = named.pop("speed", None), named.pop("for_ms", HOUR)
    source = SimulatedSource(["BTC/USDT"], 5)
    return Setup(config, source, spec, Pace(speed, for_ms), **named)


def run(data_dir: Path, **named: Any) -> Any:
    host = PaperHost(make_setup(data_dir, **named))
    host.start()
    assert host.wait(90)
    return host.result()


def wait_for(what: Any, seconds: float = 90.0) -> None:
    done = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if what():
            return
        done.wait(0.05)
    raise AssertionError("it never came")


def test_a_foreign_lock_holds_the_market_up_and_the_run_goes_on_after_it(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    host = PaperHost(make_setup(tmp_path, said=said.append, for_ms=6 * HOUR, speed=3600.0))
    host.start()
    path = tmp_path / "tradebot.db"
    wait_for(lambda: said and path.exists())
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        wait_for(lambda: read_notice(tmp_path) is not None)
        notice = read_notice(tmp_path)
        assert notice is not None
        assert "cannot be written" in notice.text
        assert "locked" in notice.text
        trouble = trouble_of(tmp_path)
        assert trouble is not None
        assert "locked" in trouble
        with closing(Feed(tmp_path, SYSTEM.wall_ms)) as feed:
            assert feed.read().problem == trouble
        assert not host.wait(1.5)  # it stands, and does not end
        assert host.hung == 0.0
        foreign.execute("ROLLBACK")
    assert host.wait(90)
    ending = host.result()
    assert ending.state == "ended"
    assert ending.error is None
    assert read_notice(tmp_path) is None
    assert any("stands still" in line for line in said)
    assert any("written again" in line for line in said)
    key = AuditKey.find(tmp_path)
    assert key is not None
    assert verify(path, key) == []
    assert ending.hashes == run(tmp_path / "straight", for_ms=6 * HOUR).hashes


def test_after_a_minute_of_it_the_run_ends_interrupted(
    tmp_path: Path, monkeypatch: MonkeyPatch
) -> None:
    assert runner_module.PATIENCE_S == 60.0
    monkeypatch.setattr(runner_module, "PATIENCE_S", 0.5)
    monkeypatch.setattr(runner_module, "RETRY_S", 0.1)
    monkeypatch.setattr(runner_module, "END_PATIENCE_S", 0.1)
    broken = run(tmp_path, max_pages=160, for_ms=24 * HOUR)
    assert broken.state == "interrupted"
    assert broken.error is not None
    assert broken.error.exit_code == 1
    assert "disk is full" in broken.error.message
    notice = read_notice(tmp_path)
    assert notice is not None
    assert "disk is full" in notice.text
    went_on = run(tmp_path, for_ms=6 * HOUR)
    assert not (tmp_path / NOTICE_FILE).exists()
    assert went_on.hashes == run(tmp_path / "straight", for_ms=6 * HOUR).hashes


def test_a_stop_is_heard_while_it_waits(tmp_path: Path) -> None:
    host = PaperHost(make_setup(tmp_path, max_pages=160, for_ms=24 * HOUR))
    host.start()
    wait_for(lambda: read_notice(tmp_path) is not None)
    host.stop("enough")
    assert host.wait(90)
    assert host.result().state == "interrupted"


async def test_what_a_failed_commit_held_is_in_the_next(tmp_path: Path) -> None:
    async with opened(make_setup(tmp_path)) as (runner, cursor):
        told: list[bool] = []
        runner.record._told = lambda error: told.append(error is None)
        runner._cursor = runner.source.cursor() if cursor is None else cursor
        run = runner.runs[0]
        run.start(1_736_143_200_000)
        run.command(0, "halt", "me", "a test")
        store = runner.journal._store
        await runner.journal._on_thread(lambda: store._db.execute("PRAGMA busy_timeout = 50"))
        with closing(sqlite3.connect(tmp_path / "tradebot.db", isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            assert not await runner.record.commit()
            assert not await runner.record.commit(full=True)
        run.command(0, "resume", "me", "a test")
        assert all(await asyncio.gather(runner.record.commit(), runner.record.commit()))
        assert told == [False, True]
    with Reader(tmp_path / "tradebot.db") as reader:
        kinds = [type(e.event).__name__ for e in reader.events("paper-0001")]
        assert kinds == ["RunStarted", "Command", "Command"]
        assert [halt.event for halt in reader.halts("paper-0001")] == ["halted", "resumed"]


def test_both_runs_of_a_pair_end_in_one_transaction(tmp_path: Path) -> None:
    run(tmp_path, modes=("paper", "ghost"), for_ms=HOUR // 4)
    with closing(sqlite3.connect(tmp_path / "tradebot.db")) as db:
        rows = db.execute("SELECT seq, wall FROM audit WHERE kind = 'RunEnded' ORDER BY seq")
        (one, at), (other, then) = rows.fetchall()
    assert (other, then) == (one + 1, at)


class HandClock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def wall_ms(self) -> int:
        return round(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_heart_that_stops_is_told_while_it_stands_still() -> None:
    clock = HandClock()
    told: list[float] = []
    with Heartbeat(told.append, limit_s=10, look_s=0.005, clock=clock) as heartbeat:
        clock.now += 9
        assert heartbeat.hung == 0
        clock.now += 2
        assert heartbeat.hung == 11
        wait_for(lambda: told)
        heartbeat.beat()
        assert heartbeat.hung == 0
        threading.Event().wait(0.1)  # the watching thread has seen that it moves again
        clock.now += 12
        wait_for(lambda: 12 in told)
    assert set(told) == {11, 12}
    assert heartbeat.hung == 0  # it is over


def test_a_look_that_fails_does_not_end_the_watch() -> None:
    clock = HandClock()
    told: list[float] = []

    def fail(moved: bool) -> None:
        raise OverflowError

    with Heartbeat(told.append, limit_s=10, look_s=0.005, clock=clock, looked=fail):
        threading.Event().wait(0.1)
        clock.now += 11
        wait_for(lambda: told)


STUCK = """
import threading
from pydantic import BaseModel

class Stuck:
    class Params(BaseModel):
        pass
    warmup = 0
    def __init__(self, params, symbol):
        self.bars = 0
    def on_bar(self, bar):
        self.bars += 1
        if self.bars == 350:
            threading.Event().wait(3)
"""


@pytest.mark.parametrize("limit", [0.5])
def test_a_hanging_strategy_is_seen_from_outside(tmp_path: Path, limit: float) -> None:
    (tmp_path / "stuck.py").write_text(STUCK)
    setup = make_setup(tmp_path / "data", for_ms=2 * HOUR)
    spec = load_strategy(f"{tmp_path / 'stuck.py'}:Stuck", tmp_path, {})
    host = PaperHost(Setup(setup.config, setup.source, spec, setup.pace))
    host._heartbeat._limit_s = limit
    host.start()
    wait_for(lambda: host.hung > 0)
    assert host.wait(90)
    assert host.hung == 0
    assert host.result().state == "ended"


def test_a_full_disk_is_told_though_nothing_can_be_written_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trouble_of(tmp_path) is None
    monkeypatch.setattr(status, "FULL_BYTES", 1 << 80)  # every disk is full by this
    assert (
        trouble_of(tmp_path) == f"the disk of {tmp_path} is full: an engine can write nothing down"
    )
    assert trouble_of(tmp_path / "none") is None
