"""Parity: the bars of a run lead to the same decisions, and its events to the same effects; what does not is named."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from kits.evidence_kit import SECRET, SYMBOL, configure, entries_until, play

from tradebot.app.parity import decisions_of, what_differs
from tradebot.app.readiness import judge
from tradebot.journal.paths import journal_path
from tradebot.plugins.strategies import load_strategy

NOW = time.time_ns() // 1_000_000
FICKLE = """
from pydantic import BaseModel

from tradebot import Signal

told = []


class Fickle:
    class Params(BaseModel):
        pass

    warmup = 0

    def __init__(self, params, symbol):
        told.append(symbol)

    def on_bar(self, bar):
        return Signal("long", 1.0, stop=bar.close * (1 - 0.001 * len(told)), reason="fickle")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an hour of paper and ghost that counts."""
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    asyncio.run(play(tmp_path, entries_until(NOW, 1.0), 1.0))
    return tmp_path


def test_the_same_bars_lead_to_the_same_decisions_and_it_is_told_how_far_it_is(
    folder: Path,
) -> None:
    config = configure(folder)
    spec = load_strategy(config.strategy.name, config.strategy_dir())
    path = journal_path(config.data_dir())
    shares: list[tuple[str, float]] = []
    found = judge(config, spec, progress=lambda run, share: shares.append((run, share)))
    (parity,) = (one for one in found.verdicts if one.gate == "parity")
    assert (parity.ok, parity.have) == (True, "byte-equal, the same decisions")
    assert {run for run, _ in shares} == {"paper-0001", "ghost-0001"}
    assert shares[-1][1] == 1.0
    first = decisions_of(path, "paper-0001", spec, "1m")
    assert first == decisions_of(path, "ghost-0001", spec, "1m")
    assert first != decisions_of(path, "paper-0001", spec, "5m")  # other bars, others
    (left,) = (one for one in judge(config, spec, progress=None).verdicts if one.gate == "parity")
    assert not left.ok  # nothing was played


def test_a_strategy_that_says_something_else_each_time_is_found(folder: Path) -> None:
    (folder / "fickle.py").write_text(FICKLE)
    spec = load_strategy("fickle.py:Fickle", folder)
    path = journal_path(folder / "data")
    said = what_differs(path, "paper-0001", spec, "1m", folder, lambda _run, _share: None)
    assert said.startswith("the same bars of paper-0001 lead to other decisions each time (")
    assert spec.build(SYMBOL)


def test_one_that_cannot_be_played_says_why(folder: Path) -> None:
    config = configure(folder)
    spec = load_strategy(config.strategy.name, config.strategy_dir())
    path = journal_path(config.data_dir())
    said = what_differs(path, "paper-0009", spec, "1m", folder, lambda _run, _share: None)
    assert said == "paper-0009 cannot be replayed: there is no run paper-0009"
