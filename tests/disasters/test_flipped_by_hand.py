"""Somebody sells more than is held, by hand: the position is on the other side.

Holds: what is held now has a stop on its own side within 5 s, or is closed; the old stop does not stay; nothing is entered.
End: halted, exit 0; a person reads which order is not this run's.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import LiveScene, end, held_scene, verdict

pytestmark = pytest.mark.full


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "by REST alone"])
def test_flipped_by_hand(tmp_path: Path, heard: bool) -> None:
    with held_scene(tmp_path) as it:
        if not heard:
            it.rules.naked_s = 40.0  # until the account is read, nobody can know
            it.faults({"do": "drop", "event": "*", "stream": "private"})
        it.act("foreign_order", symbol="ETHUSDT", side="SELL", qty="0.03")
        said = it.wait_halt("foreign")
        assert "none of this run's" in said or "the venue holds -" in said
        it.bot.until(lambda: _is_safe(it))
        assert "foreign" in verdict(it)
        end(it)


def _is_safe(it: LiveScene) -> bool:
    """Whether the short is closed, or its stop buys all of it back."""
    held = float(it.position().get("positionAmt", 0))
    stops = [(row["side"], float(row["quantity"])) for row in it.stops()]
    return stops == ([("BUY", -held)] if held else [])
