"""The approved loss: from the equity it was approved at, over restarts and days, and transfers are none of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.engine_kit import LIVE, XRP, Bare, a_config, long

from tradebot.core.model.events import CashMoved, PriceSeen
from tradebot.core.risk.monitor import approved_base

D = Decimal
LIMITS = replace(LIVE, trade_loss=None, day_loss=None, week_loss=None, since_signoff_loss=D(20))


def used(story: Bare) -> Decimal:
    """What is lost of it (USDT)."""
    ((rule, room, cap),) = story.engine.watch.rooms(story.engine.equity())
    assert rule == "signoff_loss"
    return cap - room


@pytest.mark.parametrize("moved", ["500", "-500"])
def test_what_comes_in_or_goes_out_is_no_loss(moved: str) -> None:
    story = Bare(a_config(limits=LIMITS, signoff_equity=D(10_003)))
    assert used(story) == 3
    assert approved_base(story.engine.watch.export_state()) == 10_003
    at = story.now
    story.tell(CashMoved(at, "t1", "transfer", "", D(moved), at))
    assert story.engine.equity() == 10_000 + D(moved)
    assert used(story) == 3
    story.restart()
    assert used(story) == 3
    assert story.halted() == []


def test_a_restart_forgets_nothing_of_it() -> None:
    story = Bare(a_config(limits=LIMITS, signoff_equity=D(10_000)))
    story.opened(long(1.5))
    story.tell(PriceSeen(story.now, XRP, D("1.7")))
    lost = used(story)
    assert lost > 5
    story.restart()
    assert used(story) == lost
    story.tell(PriceSeen(story.now, XRP, D("1.1")))
    assert "signoff_loss" in story.halted()
