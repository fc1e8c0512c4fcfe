"""Two days lose, each less than its limit; together they reach the week's, and the engine is killed and started again.

Holds: the halt outlives the restart and the end of the week. End: flat; a resume is refused in the same week, then refused
without a written review, then taken with one; exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import FIRST, live_scene

pytestmark = pytest.mark.full


def test_week_loss_across_restart(tmp_path: Path) -> None:
    saturday = "2026-11-28T21:56:30Z"
    with live_scene(
        tmp_path,
        *("--symbols", "ETH/USDT"),
        clock=saturday,
        TRADEBOT_RISK__LIVE__DAY_LOSS="4",
        TRADEBOT_RISK__LIVE__WEEK_LOSS="5",
    ) as it:
        engine = it.engine(FIRST)
        it.lose("-6")
        it.kill(engine)
        it.let_pass_until("2026-11-29T02:00:10Z")
        engine = it.again(signals=True)
        it.lose("-6")
        assert "of $5" in it.wait_halt("week_loss")
        it.kill(engine)
        engine = it.again()
        refused = it.bot.json("resume", "--reason", "it was bad luck", code=4).error
        assert "not before the next UTC week" in str(refused)
        it.kill(engine)
        it.let_pass_until("2026-11-30T00:00:10Z")
        engine = it.again()
        assert "week_loss" in it.halted()
        refused = it.bot.json("resume", "--reason", "it was bad luck", code=4).error
        assert "it needs a written review" in str(refused)
        review = tmp_path / "review.md"
        review.write_text("Both stops were gapped through. Nothing was wrong with the bot.")
        it.bot.json("resume", "--reason", "reviewed", "--review", review)
        it.bot.until(lambda: it.halted() == {})
        it.ended(engine)
        it.agree()
