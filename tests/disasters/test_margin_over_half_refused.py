"""Money leaves the account until one position would take more than half of what is left.

Holds: no entry leaves. End: flat and not halted, exit 0; the refusal names the share and the limit.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import ORDER, live_scene

pytestmark = pytest.mark.full


def test_margin_over_half_refused(tmp_path: Path) -> None:
    with live_scene(tmp_path, wallet="210") as it:
        engine = it.engine()
        it.act("transfer", amount="-130")
        it.bot.until(
            lambda: "would exceed 50% of equity" in str([row["refusals"] for row in it.signals()])
        )
        assert {row["verdict"] for row in it.signals()} == {"refused"}
        assert it.halted() == {}
        it.ended(engine)
        assert it.venue.asked("POST", ORDER) == []
