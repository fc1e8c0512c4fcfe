"""A demo run of the real writer, engine and client opens the gate testnet; one that is not enough does not, and says why."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from kits.demo_run_kit import morning_before, play_demo
from kits.evidence_kit import SECRET, configure
from kits.paper_kit import Bot

from tradebot.app.readiness import judge
from tradebot.plugins.strategies import load_strategy
from tradebot.reports.readiness.verdict import GateVerdict

START = morning_before(time.time_ns() // 1_000_000)


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)


def gate_of(folder: Path) -> GateVerdict:
    config = configure(folder)
    spec = load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)
    (found,) = (one for one in judge(config, spec).verdicts if one.gate == "testnet")
    return found


def test_a_demo_run_opens_the_gate(tmp_path: Path) -> None:
    play_demo(tmp_path, START)
    found = gate_of(tmp_path)
    assert found.ok, found
    assert found.runs == ("live-0001",)
    bot = Bot(tmp_path, tmp_path / "data", env={"TRADEBOT_AUDIT_KEY": SECRET})
    data = bot.json("gates", "--config", tmp_path / "bot.toml", code=4).data
    (shown,) = (one for one in data["gates"] if one["gate"] == "testnet")
    assert (shown["ok"], shown["runs"]) == (True, ["live-0001"])
    trades = bot.json("trades", "--run", "live-0001").data["trades"]
    assert f"{len(trades)} closed trades" in shown["have"]
    assert bot.json("db", "verify", "--config", tmp_path / "bot.toml").document["ok"]


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "loopback": ({"claims": (("", "127.0.0.1"),), "minutes": 14}, "did not go to Binance's Demo"),
    "left something": ({"code": 6, "minutes": 14}, "no close-all that ended with 0"),
    "slow": (
        {
            "minutes": 14,
            "faults": [{"do": "delay", "ms": 1500, "method": "POST", "path": "/fapi/v1/algoOrder"}],
        },
        "decision to acknowledgement p99",
    ),
}


@pytest.mark.full
@pytest.mark.parametrize("name", CASES)
def test_a_run_that_is_not_enough_says_why(tmp_path: Path, name: str) -> None:
    words, reason = CASES[name]
    play_demo(tmp_path, START, **words)
    found = gate_of(tmp_path)
    assert not found.ok
    said = [*found.reasons, *(text for one in found.left_out for text in one.reasons)]
    assert any(reason in text for text in said), said
