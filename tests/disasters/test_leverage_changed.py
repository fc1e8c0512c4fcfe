"""Somebody changes the symbol's leverage while a position is held.

Holds: nothing is entered while it is otherwise than 1x; the stop stays. End: a resume is refused until it is set back, then it
is taken; exit 0; a person reads the symbol and both numbers.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, trades_again, verdict

pytestmark = pytest.mark.full


def test_leverage_changed(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.act("set_leverage", symbol="ETHUSDT", leverage=5)
        assert it.wait_halt("config") == "ETH/USDT is set to 5x instead of 1x"
        assert "config" in verdict(it)
        refused = it.bot.json("resume", "--reason", "let it", code=4).error
        assert "set to 5x instead of 1x" in refused["message"]
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        it.bot.until(it.is_over)  # it can be lowered only when nothing is held (-4161)
        it.act("set_leverage", symbol="ETHUSDT", leverage=1)
        it.bot.until(lambda: it.bot("resume", "--reason", "set back", code=None).code == 0)
        it.bot.until(lambda: not it.halted())
        assert trades_again(it)
        end(it)
