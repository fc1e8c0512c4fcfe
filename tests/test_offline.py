"""Acting on runs that stand still: close-all and resume without an engine."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradebot.app.database import database
from tradebot.app.host import Setup, opened
from tradebot.app.runner import Pace
from tradebot.app.standing import act
from tradebot.app.target import Request, SimulatedRuns
from tradebot.config import Config, load_config
from tradebot.core.model.errors import AlreadyRunningError, JournalError, UsageError
from tradebot.guard.latch import halt_present, write_halt
from tradebot.guard.lock import InstanceLock
from tradebot.journal.audit import AuditKey
from tradebot.journal.commands import post_command
from tradebot.journal.reader import Reader
from tradebot.journal.verify import verify
from tradebot.market.feed import SimulatedSource
from tradebot.plugins.strategies import load_strategy

LONG = """
from pydantic import BaseModel

from tradebot.core.strategy.protocol import Signal


class Long:
    class Params(BaseModel):
        pass

    warmup = 0

    def __init__(self, params, symbol):
        pass

    def on_bar(self, bar):
        return Signal("long", 0.9, stop=bar.close * 0.97, target=bar.close * 1.2)
"""

STEPS = 400


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "long.py").write_text(LONG)
    return load_config(None, {}, (), {"data.dir": str(tmp_path / "data")})


async def leave_open(config: Config, *, new: bool = False) -> None:
    """Run until both symbols hold a position, then stop in order."""
    spec = load_strategy(f"{config.data_dir().parent}/long.py:Long", config.base_dir, {})
    source = SimulatedSource(["BTC/USDT", "ETH/USDT"], 3)
    async with opened(Setup(config, source, spec, Pace(None, None), new=new)) as (run, cursor):
        advance, count = run.session.advance, 0

        def step(events: Any) -> None:
            nonlocal count
            advance(events)
            count += 1
            if count == STEPS:
                run.request_stop("enough")

        run.session.advance = step  # type: ignore[method-assign, assignment]
        ending = await run.main(cursor)
    assert len(ending.positions) == 2


def reader(config: Config) -> Reader:
    return Reader(database(config))


def clean(config: Config) -> bool:
    key = AuditKey.find(config.data_dir())
    assert key is not None
    return verify(database(config), key) == []


async def test_close_all(config: Config) -> None:
    await leave_open(config)
    assert await act(config.data_dir(), Request("close-all", "ada", "enough")) == []
    assert clean(config)
    with reader(config) as found:
        run = found.run("paper-0001")
        assert run.state == "interrupted"
        assert found.positions(run.id) == []
        assert found.orders(run.id, open_only=True) == []
        trades = found.trades(run.id)
        state = found.state(run.id)
        seqs = [event.seq for event in found.events(run.id)]
    assert len(trades) == 2
    assert seqs == list(range(1, len(seqs) + 1))
    assert state is not None
    session = state.body["session"]
    assert session["engine"]["portfolio"]["cash"] == session["exchange"]["cash"]
    assert run.summary is not None
    assert Decimal(run.summary["pnl"]) == sum(trade.pnl for trade in trades)
    assert run.summary["completed_trades"] == 2
    # twice is harmless
    assert await act(config.data_dir(), Request("close-all", "ada", "again")) == []
    assert clean(config)


async def test_all_runs_or_the_one_named(config: Config) -> None:
    await leave_open(config)
    await leave_open(config, new=True)
    await act(config.data_dir(), Request("close-all", "ada", "", SimulatedRuns("paper-0001")))
    with reader(config) as found:
        assert found.positions("paper-0001") == []
        assert len(found.positions("paper-0002")) == 2
    await act(config.data_dir(), Request("close-all", "ada", ""))
    with reader(config) as found:
        assert found.positions("paper-0002") == []
    with pytest.raises(UsageError, match="there is no run paper-0009"):
        await act(config.data_dir(), Request("close-all", "ada", "", SimulatedRuns("paper-0009")))


async def test_resume_clears_the_latch_and_the_halt(config: Config) -> None:
    await leave_open(config)
    write_halt(config.data_dir(), "wait", "ada")
    await act(config.data_dir(), Request("close-all", "ada", ""))
    assert halt_present(config.data_dir())
    with reader(config) as found:
        body = found.snapshot("paper-0001")
        assert body is not None
        assert "user" in body.halts
    await act(config.data_dir(), Request("resume", "ada", "looked into it"))
    assert not halt_present(config.data_dir())
    with reader(config) as found:
        body = found.snapshot("paper-0001")
        assert body is not None
        assert "user" not in body.halts
        assert found.halts("paper-0001")[-1].event == "resumed"
    assert clean(config)


async def test_what_a_dead_engine_was_asked_is_answered(config: Config) -> None:
    await leave_open(config)
    path = database(config)
    numbers = [post_command(path, name, "ada", "") for name in ("resume", "close-all")]
    await act(config.data_dir(), Request("close-all", "ada", ""))
    with reader(config) as found:
        answers = [found.command(number) for number in numbers]
    assert [row.ok for row in answers if row is not None] == [False, True]


async def test_an_engine_that_runs_is_left_alone(config: Config) -> None:
    await leave_open(config)
    with InstanceLock(config.data_dir()), pytest.raises(AlreadyRunningError):
        await act(config.data_dir(), Request("close-all", "ada", ""))


def test_no_journal(config: Config) -> None:
    with pytest.raises(JournalError, match="no journal yet"):
        asyncio.run(act(config.data_dir(), Request("close-all", "ada", "")))
    assert not config.data_dir().exists()
