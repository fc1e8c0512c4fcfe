"""A drill counts for what it was played under: the same limits, the same way of sending orders, this journal where it lies."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from kits.evidence_kit import SECRET, configure

from tradebot.app.checklist import Checklist
from tradebot.app.drill.drill import ScenarioResult
from tradebot.app.drill.record import drill_row
from tradebot.app.drill.table import NAMES
from tradebot.app.ours import Ours
from tradebot.app.readiness import judge
from tradebot.app.recording import put_on_record
from tradebot.config import Config
from tradebot.core.model.money import ZERO
from tradebot.journal.facts import DrillPlayed
from tradebot.plugins.strategies import load_strategy
from tradebot.reports.readiness.verdict import GateVerdict

HELD = ("as it says", "as it should", 0.0, ZERO, "", "", "Nothing to do.", False, 30.0)


@pytest.fixture
def drilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a whole drill on record, put there as the command does."""
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    folder = tmp_path / "drilled"
    folder.mkdir()
    config = configure(folder)
    passed = [ScenarioResult(name, *HELD) for name in NAMES]
    began = time.time_ns() // 1_000_000
    row = drill_row(config, judged(config)[1], passed, began)
    put_on_record(config.data_dir(), lambda _: [row], "drill")
    return folder


def judged(config: Config) -> tuple[GateVerdict, str]:
    """Return what the gate says, and the evidence hash that it asks for."""
    spec = load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)
    found = judge(config, spec, found=Checklist((), Ours()), progress=None)
    return next(one for one in found.verdicts if one.gate == "drill"), found.evidence


LIMITS = "it was played with other limits than [risk.live] has now"
SENDING = "it was played with another [execution] than now"


@pytest.mark.parametrize(
    ("flag", "value", "reason"),
    [
        ("risk.live.trade_loss", "4", LIMITS),
        ("risk.live.position_value", "49", LIMITS),
        ("risk.live.position_value_stage_2", "99", LIMITS),
        ("risk.live.max_positions", "1", LIMITS),
        ("risk.live.blackout_hours", [0, 1, 2, 22, 23], LIMITS),
        ("risk.live.stale_s", "4", LIMITS),
        ("execution.slippage_bps", "20", SENDING),
        ("execution.ttl_s", "30", SENDING),
        ("execution.countdown", True, SENDING),
    ],
)
def test_a_drill_of_other_limits_or_another_way_of_sending_does_not_count(
    drilled: Path, flag: str, value: Any, reason: str
) -> None:
    assert judged(configure(drilled))[0].ok
    found, _ = judged(configure(drilled, **{flag: value}))
    assert not found.ok
    assert found.reasons == (
        "none is on record with this version, hash, limits, [execution] and journal",
    )
    (left,) = found.left_out
    assert left.reasons == (reason,)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        *(("exchange.environment", "demo"), ("sim.taker_fee", "0.001")),
        *(("live.on_stop", "flatten"), ("alerts.amounts", False)),
    ],
)
def test_what_a_drill_has_of_its_own_may_be_another(drilled: Path, flag: str, value: Any) -> None:
    assert judged(configure(drilled, **{flag: value}))[0].ok


def test_a_drill_in_a_copy_of_the_journal_does_not_count(drilled: Path, tmp_path: Path) -> None:
    there = Path(shutil.copytree(drilled, tmp_path / "copy"))
    found, _ = judged(configure(there))
    assert not found.ok
    (left,) = found.left_out
    place = (drilled / "data" / "tradebot.db").resolve()
    assert left.reasons == (f"it was put on record in {place}, and this is a copy",)
    (tmp_path / "link").symlink_to(drilled)
    assert judged(configure(tmp_path / "link"))[0].ok


def test_a_row_of_before_says_too_little_to_count(drilled: Path) -> None:
    config = configure(drilled)
    row = drill_row(config, judged(config)[1], [ScenarioResult(name, *HELD) for name in NAMES], 1)
    older = DrillPlayed(
        *(row.evidence, row.strategy, row.version, row.config_hash, row.limits, row.scenarios),
        *((), 1, row.ended, "[]"),
    )
    put_on_record(config.data_dir(), lambda _: [older], "drill")
    found, _ = judged(config)
    assert found.ok  # the one before it still does
    (left,) = found.left_out
    assert left.reasons == (SENDING, "it was put on record in another place, and this is a copy")
