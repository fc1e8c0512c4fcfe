"""Most of the money is transferred out of the wallet while a position is held.

Holds: a transfer is no loss: nothing is halted or closed; but no entry leaves that would use more than half of what is left.
End: the position stays with its stop, exit 0; a person reads that money was taken out, and the share in the refusal.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, verdict

pytestmark = pytest.mark.full


def test_transfer_out(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.act("transfer", amount="-9900")
        it.bot.until(lambda: float(it.bot.status()["equity"]) < 101)
        said = verdict(it)
        assert "refused" in said
        assert "margin" in said
        assert not it.halted()
        assert "9900 USDT left the wallet: a transfer, no result" in it.notices()
        used = {row["rule"]: row["used"] for row in it.bot.json("risk").data["limits"]}
        assert float(used["day_loss"]) < 1
        assert it.venue.stops() == 1
        end(it)
