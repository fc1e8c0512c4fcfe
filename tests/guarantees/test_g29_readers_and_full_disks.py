"""Guarantee 29 (paper): readers never hold up the writer; a full disk holds the market up, then ends the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradebot.app import runner as runner_module
from tradebot.app.host import PaperHost, Setup
from tradebot.app.runner import Ending, Pace
from tradebot.config import load_config
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.verify import verify
from tradebot.market.feed import SimulatedSource
from tradebot.plugins.strategies import load_strategy

HOUR = 3_600_000


def run(data_dir: Path, hours: int, max_pages: int | None = None) -> Ending:
    config = load_config(None, {}, [], {"data.dir": str(data_dir)})
    spec = load_strategy("ema_cross", config.base_dir, {"fast": 3, "slow": 9})
    source = SimulatedSource(["BTC/USDT"], 5)
    host = PaperHost(Setup(config, source, spec, Pace(None, hours * HOUR), max_pages=max_pages))
    host.start()
    assert host.wait(90)
    return host.result()


def test_a_reader_in_the_middle_of_a_long_look_changes_nothing(tmp_path: Path) -> None:
    alone = run(tmp_path / "alone", 3)
    run(tmp_path / "watched", 1, max_pages=None)
    with Reader(tmp_path / "watched" / "tradebot.db") as reader, reader.moment():
        seen = len(reader.runs())
        watched = run(tmp_path / "watched", 3)
        assert len(reader.runs()) == seen  # it still looks at the moment it began
    assert watched.state == alone.state == "ended"
    assert watched.hashes == alone.hashes


@pytest.mark.parametrize("pages", [160, 200, 260])
def test_a_full_disk_ends_the_run_whole_and_it_goes_on_from_there(
    tmp_path: Path, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "PATIENCE_S", 0.2)  # a minute, in which space may be made
    monkeypatch.setattr(runner_module, "END_PATIENCE_S", 0.0)
    broken = run(tmp_path / "full", 24, max_pages=pages)
    assert broken.state == "interrupted"
    assert broken.error is not None
    assert "disk is full" in broken.error.message
    key = AuditKey.find(tmp_path / "full")
    assert key is not None
    assert verify(tmp_path / "full" / "tradebot.db", key) == []
    with Reader(tmp_path / "full" / "tradebot.db") as reader:
        state = reader.state("paper-0001")
        assert state is not None
        exchange = state.body["session"]["exchange"]
        protected = {order["symbol"] for order in exchange["orders"] if order["reduce_only"]}
        assert set(exchange["positions"]) <= protected
    went_on = run(tmp_path / "full", 6)
    straight = run(tmp_path / "straight", 6)
    assert went_on.hashes == straight.hashes
