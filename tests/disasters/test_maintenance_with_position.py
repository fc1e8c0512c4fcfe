"""Maintenance: every request is answered with 503 and a page, the streams go on.

Holds: nothing is entered once two readings of the account failed; the stop stays at the exchange and what it does is booked.
End: entries are taken again once the account was read, exit 0; a person reads for how long it could not be.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import end, held_scene, trades_again, verdict

pytestmark = pytest.mark.full


PAGE = {"do": "answer", "status": 503, "body": "<html>maintenance</html>"}


def test_maintenance_with_position(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it:
        it.faults({**PAGE, "method": "*", "path": "/fapi/*"})
        it.bot.until(lambda: "the account could not be read for" in it.notices())
        assert "the account could not be read for" in verdict(it)
        assert it.venue.stops() == 1
        it.faults()
        it.bot.until(lambda: "the account can be read again" in it.notices())
        assert trades_again(it)
        assert not it.halted()
        end(it)
        it.agree()
