"""Comparing runs: what differs is found and explained, what does not is not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tradebot.app.host import PaperHost, Setup
from tradebot.app.runner import Pace
from tradebot.config import load_config
from tradebot.core.model.errors import JournalError, UsageError
from tradebot.market.feed import FileSource
from tradebot.market.files.feed import open_files
from tradebot.plugins.strategies import load_strategy
from tradebot.reports.compare import Comparison, RunPlace, compare

START = 1_736_143_200_000
FAST = {"fast": 3, "slow": 9}


def klines(path: Path, bars: int = 300, first: int = 0) -> Path:
    draw, price, lines = random.Random(3), 98_000.0, []
    for i in range(bars):
        close = price * (1 + (0.001 if (i // 20) % 2 else -0.001) + draw.gauss(0, 0.0015))
        high, low = max(price, close) * 1.0004, min(price, close) * 0.9996
        at = START + i * 60_000
        if i >= first:
            lines.append(f"{at},{price:.1f},{high:.1f},{low:.1f},{close:.1f},{20 + i % 9}.5")
        price = close
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return klines(tmp_path_factory.mktemp("files") / "BTCUSDT-1m.csv")


def run(
    data_dir: Path,
    file: Path,
    *sets: str,
    params: dict[str, Any] | None = None,
    modes: tuple[str, ...] = ("paper",),
    for_ms: int | None = None,
) -> str:
    config = load_config(None, {}, sets, {"data.dir": str(data_dir)})
    spec = load_strategy("ema_cross", config.base_dir, params or FAST)
    source = FileSource(open_files([file]))
    host = PaperHost(Setup(config, source, spec, Pace(None, for_ms), modes=modes))
    host.start()
    assert host.wait(90)
    return str(host.result().summary["run"])


def sides(data_dir: Path, first: str, second: str) -> Comparison:
    database = data_dir / "tradebot.db"
    return compare(RunPlace.parse(first, database), RunPlace.parse(second, database))


def test_paper_and_ghost_of_one_feed_do_the_same(tmp_path: Path, file: Path) -> None:
    run(tmp_path, file, modes=("paper", "ghost"))
    found = sides(tmp_path, "paper-0001", "ghost-0001")
    assert found.differences == []
    assert found.settings == []
    assert set(found.hashes.values()) == {"equal"}
    assert found.totals["same_verdict"] == found.totals["signals_in_both"] > 10
    assert found.totals["pnl_first"] == found.totals["pnl_second"]


def test_other_costs_are_seen_in_the_outcomes(tmp_path: Path, file: Path) -> None:
    run(tmp_path, file, modes=("ghost",))
    run(tmp_path, file, "sim.taker_fee=0.001", modes=("ghost",))
    found = sides(tmp_path, "ghost-0001", "ghost-0002")
    assert found.settings == [{"key": "sim.taker_fee", "first": "0.0005", "second": "0.001"}]
    whats = {row["what"] for row in found.differences}
    assert "hypothetical" in whats
    supposed = [row for row in found.differences if row["what"] == "hypothetical"]
    assert {row["why"] for row in supposed} == {"fees or funding differ"}
    assert float(found.totals["pnl_first"]) > float(found.totals["pnl_second"])
    assert found.hashes["fills"] == "different"


def test_a_rule_that_refuses_is_named(tmp_path: Path, file: Path) -> None:
    run(tmp_path, file)
    run(tmp_path, file, "risk.paper.entry_interval_s=3600")
    found = sides(tmp_path, "paper-0001", "paper-0002")
    refused = [row for row in found.differences if row["second"] == "refused"]
    assert refused
    for row in refused:
        assert row["what"] == "verdict"
        assert "second refused: last entry was" in row["why"]
        assert row["first"] in ("approved", "held", "exit")
    assert found.totals["differences"]["verdict"] >= len(refused)


def test_position_size_shows_in_the_trades(tmp_path: Path, file: Path) -> None:
    run(tmp_path, file)
    run(tmp_path, file, "risk.paper.position_value=500")
    found = sides(tmp_path, "paper-0001", "paper-0002")
    trades = [row for row in found.differences if row["what"] == "trade"]
    assert len(trades) > 5
    assert all("size " in row["why"] for row in trades)


def test_another_strategy_says_other_things(tmp_path: Path, file: Path) -> None:
    run(tmp_path, file)
    run(tmp_path, file, params={"fast": 4, "slow": 12, "stop_atr": 3.0})
    found = sides(tmp_path, "paper-0001", "paper-0002")
    keys = {row["key"] for row in found.settings}
    assert "strategy_hash" in keys
    alone = [row for row in found.differences if row["what"] == "signal"]
    assert {row["why"] for row in alone} == {"the strategy or its parameters differ"}
    assert found.totals["only_in_first"] > 0


def test_a_run_that_was_not_there(tmp_path: Path, file: Path) -> None:
    run(tmp_path / "one", file)
    run(tmp_path / "two", file, for_ms=3_600_000)
    found = sides(tmp_path / "one", "paper-0001", f"{tmp_path / 'two'}#paper-0001")
    late = [row for row in found.differences if row["second"] is None]
    assert late
    assert {row["why"] for row in late} == {"paper-0001 was not running at that time"}
    assert found.runs[0]["signals"] > found.runs[1]["signals"] > 0


def test_what_is_not_there(tmp_path: Path, file: Path) -> None:
    with pytest.raises(JournalError, match="no journal for paper-0001") as caught:
        sides(tmp_path, "paper-0001", "paper-0002")
    assert "DIR#RUN" in (caught.value.hint or "")
    run(tmp_path, file)
    with pytest.raises(UsageError, match="there is no run paper-0009"):
        sides(tmp_path, "paper-0001", "paper-0009")
    with pytest.raises(JournalError, match="no journal for elsewhere#paper-0001"):
        sides(tmp_path, "paper-0001", "elsewhere#paper-0001")
