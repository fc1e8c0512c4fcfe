"""The note of the approved loss beside the key's lock: only a sign-off that two people have completed begins it anew."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from kits.evidence_kit import SECRET, configure, play
from kits.signing_kit import revoke, sign

from tradebot.app import approved_anew
from tradebot.app.approved_anew import approved_now, note_after, note_before
from tradebot.app.approved_loss import note_base, noted_base
from tradebot.app.readiness import judge
from tradebot.app.signing import Signer, questions
from tradebot.config import Config
from tradebot.core.model.values import HOUR_MS
from tradebot.plugins.strategies import load_strategy

NOW = time.time_ns() // 1_000_000 - HOUR_MS
WORDS = "I have seen what it lost, and approve as much once more."


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A directory with a journal of a few minutes, and an account noted beside it: it counts from 1000 USDT."""
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    monkeypatch.setattr(approved_anew, "_place", lambda _: tmp_path / "account")
    asyncio.run(play(tmp_path, NOW, 0.05, modes=("paper",)))
    note_base(tmp_path / "account", Decimal(1000), 1)
    return configure(tmp_path)


def signed(config: Config, name: str, worth: str) -> Decimal:
    """Have somebody sign, with every gate let through; return what the approved loss is noted to count from (USDT)."""
    spec = load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)
    found = judge(config, spec)
    verdicts = tuple(one if one.gate == "reviewers" else replace(one, ok=True, reasons=()) for one in found.verdicts)  # fmt: skip
    answers = {one.key: one.right[0] for one in questions(config)}
    before = approved_now(config, spec)
    note_before(config, worth)
    sign(config, replace(found, verdicts=verdicts), Signer(name, "owner", WORDS, answers), worth=worth)  # fmt: skip
    note_after(config, spec, before)
    return noted(config)


def noted(config: Config) -> Decimal:
    found = noted_base(config.data_dir().parent / "account")
    assert found is not None
    return found.base


def test_a_third_signature_does_not_bring_the_worth_of_an_older_sign_off_back(config: Config) -> None:  # fmt: skip
    assert signed(config, "Ada", "980") == 1000
    assert signed(config, "Bob", "970") == 970
    note_base(
        config.data_dir().parent / "account", Decimal(1470), 2
    )  # a new run: 500 came in before it
    assert signed(config, "Eve", "1460") == 1470


def test_nobody_alone_begins_it_anew_behind_a_signature_that_has_lapsed(config: Config) -> None:
    assert signed(config, "Ada", "980") == 1000
    revoke(config, "Ada", "I have changed my mind")
    assert signed(config, "Bob", "900") == 1000
    assert signed(config, "Ada", "890") == 890
