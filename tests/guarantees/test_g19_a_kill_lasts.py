"""Guarantee 19 (paper): after a kill nothing new leaves until somebody re-arms it."""

from __future__ import annotations

from pathlib import Path

from kits.engine_kit import Played, a_config, long
from kits.paper_kit import Bot

from tradebot.core.model.values import Purpose

FAST = ("--param", "fast=3", "--param", "slow=9", "--seed", "7")


def test_no_restart_and_no_new_run_trades_while_the_latch_is_there(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    bot("halt", "--reason", "enough")
    first = bot.paper(*FAST, "--for", "150m")
    second = bot.paper(*FAST, "--for", "150m", "--new")
    for done in (first, second):
        summary = done.data["summary"]
        assert summary["completed_trades"] == 0
        assert summary["refusals"] > 0
    bot("resume", "--reason", "looked into it")
    assert bot.paper(*FAST, "--for", "150m", "--new").data["summary"]["completed_trades"] > 0


def test_what_was_approved_before_the_latch_does_not_leave_after_it() -> None:
    latched = False
    story = Played(a_config(), latched=lambda: latched)
    latched = True
    story.say(long())
    story.bars(2)
    assert story.verdicts() == ["approved"]
    assert story.resting() == []
    assert story.held == 0
    latched = False
    story.say(long())
    story.bars(2)
    assert story.held > 0


def test_a_queued_signal_is_refused_and_protection_goes_on() -> None:
    story = Played(a_config())
    story.say(long(1.9), long(1.95), long(1.96))
    story.bars(2)
    story.command("halt")
    story.bars(2)
    assert [order.trigger for order in story.placed(Purpose.STOP)][-1] == story.engine.books[
        "XRP/USDT"
    ].plan.stop  # type: ignore[union-attr]
    story.restart()
    story.bar("1.8 1.8 1.8 1.8")
    assert story.held == 0
    story.say(long(1.7))
    story.bar()
    assert story.verdicts()[-1] == "refused"
