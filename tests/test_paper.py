"""A paper run from start to end: which run goes on, and what it is refused for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradebot.app import runner
from tradebot.app.control import close_all
from tradebot.app.ended import closed_trades
from tradebot.app.host import PaperHost, Setup
from tradebot.app.runner import Ending, Pace
from tradebot.app.target import Request
from tradebot.config import load_config
from tradebot.core.model.errors import AlreadyRunningError, StrategyError, UsageError
from tradebot.guard.lock import InstanceLock
from tradebot.journal.reader import Reader
from tradebot.market.feed import SimulatedSource
from tradebot.plugins.strategies import load_strategy

MINUTE = 60_000
HOUR = 60 * MINUTE


def setup_of(data_dir: Path, *sets: str, **named: Any) -> Setup:
    config = load_config(None, {}, sets, {"data.dir": str(data_dir)})
    spec = load_strategy(
        named.pop("strategy", "ema_cross"),
        config.base_dir,
        named.pop("params", {"fast": 3, "slow": 9}),
    )
    source = SimulatedSource(named.pop("symbols", ["BTC/USDT"]), named.pop("seed", 5))
    return Setup(
        config, source, spec, Pace(named.pop("speed", None), named.pop("for_ms", HOUR)), **named
    )


def run(setup: Setup, stop: str = "") -> Ending:
    host = PaperHost(setup)
    if stop:
        host.stop(stop)
    host.start()
    assert host.wait(90)
    return host.result()


def test_the_run_is_in_the_journal(tmp_path: Path) -> None:
    said: list[str] = []
    setup = setup_of(tmp_path, said=said.append)
    ending = run(setup)
    assert ending.state == "ended"
    assert said == [f"paper-0001 begins on {setup.source.label}"]
    with Reader(tmp_path / "tradebot.db") as reader:
        row = reader.run("paper-0001")
        assert row.summary is not None
        assert row.summary["hashes"] == ending.hashes
        assert {k: v for k, v in row.summary.items() if k != "hashes"} == ending.summary
        assert row.config_hash == setup.config.digest()
    trades = closed_trades(setup.config, "paper-0001")
    assert len(trades) == ending.summary["completed_trades"]


def test_the_newest_interrupted_run_of_its_kind_goes_on(tmp_path: Path) -> None:
    assert run(setup_of(tmp_path), stop="one").summary["run"] == "paper-0001"
    assert run(setup_of(tmp_path, new=True), stop="two").summary["run"] == "paper-0002"
    assert run(setup_of(tmp_path, seed=6), stop="three").summary["run"] == "paper-0003"
    said: list[str] = []
    assert run(setup_of(tmp_path, said=said.append)).summary["run"] == "paper-0002"
    assert said[0].startswith("paper-0002 was interrupted and goes on")
    assert run(setup_of(tmp_path)).summary["run"] == "paper-0001"
    assert run(setup_of(tmp_path)).summary["run"] == "paper-0004"


def test_the_time_asked_for_counts_the_whole_run(tmp_path: Path) -> None:
    straight = run(setup_of(tmp_path / "one"))
    run(setup_of(tmp_path / "two", speed=60.0), stop="at once")
    went_on = run(setup_of(tmp_path / "two"))
    assert went_on.summary["to"] == straight.summary["to"]
    assert went_on.summary["from"] == straight.summary["from"]


def test_the_deepest_drawdown_follows_from_the_equity_rows(tmp_path: Path) -> None:
    """Stopped, closed without an engine, or ended: the rows say what the summary says, to the last digit."""
    sets = ("risk.profile=bench",)
    run(setup_of(tmp_path, *sets, for_ms=3 * HOUR, seed=3))
    run(setup_of(tmp_path, *sets, for_ms=4 * HOUR, seed=4, speed=60.0), stop="at once")
    run(setup_of(tmp_path, *sets, for_ms=4 * HOUR, seed=4))
    run(setup_of(tmp_path, *sets, seed=5, speed=6000.0, for_ms=4 * HOUR, symbols=["ETH/USDT"]))
    close_all(tmp_path, Request("close-all", "me", "home"), 5)
    with Reader(tmp_path / "tradebot.db") as reader:
        for one in reader.runs():
            rows = reader.equity(one.id)
            deepest = max((row.drawdown for row in rows), default=Decimal(0))
            falls = [row.drawdown * 100 / (row.equity + row.drawdown) for row in rows]
            assert one.summary is not None
            assert Decimal(one.summary["max_drawdown"]) == deepest > 0
            assert Decimal(one.summary["max_drawdown_pct"]) == round(max(falls), 8)
            assert any(row.why == "low" for row in rows)


def test_another_configuration_is_told(tmp_path: Path) -> None:
    run(setup_of(tmp_path), stop="now")
    said: list[str] = []
    run(setup_of(tmp_path, "sim.taker_fee=0.001", said=said.append))
    assert said[1] == "configured otherwise than before: sim.taker_fee"


def test_another_timeframe_cannot_go_on(tmp_path: Path) -> None:
    run(setup_of(tmp_path), stop="now")
    with pytest.raises(UsageError, match="another timeframe"):
        run(setup_of(tmp_path, "strategy.timeframe=5m"))
    with Reader(tmp_path / "tradebot.db") as reader:
        assert reader.run("paper-0001").state == "interrupted"


def test_a_second_engine(tmp_path: Path) -> None:
    with InstanceLock(tmp_path), pytest.raises(AlreadyRunningError):
        run(setup_of(tmp_path))
    assert not (tmp_path / "tradebot.db").exists()


MOODY = """
from pydantic import BaseModel

from tradebot.core.strategy.protocol import Signal


class Moody:
    class Params(BaseModel):
        pass

    warmup = 0

    def __init__(self, params, symbol):
        self.seen = 0

    def on_bar(self, bar):
        self.seen += 1
        if self.seen == 310:
            raise ValueError("not today")
        return Signal("long", 0.9, stop=bar.close * 0.97)
"""


def test_a_strategy_that_raises_leaves_its_stop_and_says_so_again(tmp_path: Path) -> None:
    (tmp_path / "moody.py").write_text(MOODY)
    moody = {"strategy": f"{tmp_path}/moody.py:Moody", "params": {}}
    ending = run(setup_of(tmp_path / "data", **moody))
    assert ending.state == "interrupted"
    assert isinstance(ending.error, StrategyError)
    assert len(ending.positions) == 1
    with Reader(tmp_path / "data" / "tradebot.db") as reader:
        assert [row.purpose for row in reader.orders("paper-0001", open_only=True)] == ["s"]
    with pytest.raises(StrategyError, match="not today"):
        run(setup_of(tmp_path / "data", **moody))
    with Reader(tmp_path / "data" / "tradebot.db") as reader:
        assert reader.run("paper-0001").state == "interrupted"


def test_a_full_disk_ends_the_run_and_keeps_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PATIENCE_S", 2.0)  # a minute, for people
    ending = run(setup_of(tmp_path, for_ms=24 * HOUR, max_pages=90))
    assert ending.state == "interrupted"
    assert ending.error is not None
    assert "disk is full" in ending.error.message
    went_on = run(setup_of(tmp_path, for_ms=2 * HOUR))
    assert went_on.summary["run"] == "paper-0001"


def test_progress(tmp_path: Path) -> None:
    host = PaperHost(setup_of(tmp_path))
    assert host.progress == 0.0
    host.start()
    assert host.wait(90)
    assert host.progress is not None
    assert 0.99 < host.progress <= 1.0
