"""Every request is answered with 429 for more than a minute.

Holds: nothing is entered, requests become fewer (no ban follows), and the stop stays at the exchange, where it triggers. End:
the fill is booked, flat, entries are taken again, exit 0; a person reads that the account could not be read.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, trades_again, verdict

pytestmark = pytest.mark.full


def test_rate_limit_storm(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        before, since = len(it.requests()), it.now
        it.faults({"do": "rate_limited", "method": "*", "path": "/fapi/*"})
        it.bot.until(lambda: "the account could not be read for" in it.notices())
        assert "refused" in verdict(it)
        it.act("move_price", symbol="ETHUSDT", percent="-4")
        it.bot.until(it.is_over)
        rows = it.requests()[before:]
        assert {row["status"] for row in rows} == {429}
        assert len(rows) < (it.now - since) / 1000  # fewer than one a second
        it.faults()
        it.counts(0)
        it.bot.until(lambda: "the account can be read again" in it.notices())
        assert trades_again(it)
        end(it)
        it.agree()
