"""Three runs at once on one venue in real time, under faults: the books agree afterwards (``hour.py`` plays it longer)."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.hour_kit import compare, play

MINUTES = 4


@pytest.mark.full
def test_journal_venue_and_income_agree_after_some_minutes_of_faults(tmp_path: Path) -> None:
    parties, venue = play(tmp_path, MINUTES)
    demo = parties[0]
    assert compare(demo, venue) == []
    assert [party.code for party in parties] == [0, 0, 0]
    assert [party.verified for party in parties] == [0, 0, 0]
    assert venue.rows("fill")
    done = {row["do"] for row in venue.rows("fault")}
    assert {"ban", "disconnect_all", "listen_key_dies", "freeze"} <= done
    ids = [row["params"]["newClientOrderId"] for row in venue.asked("POST", "/fapi/v1/order")]
    assert len(ids) == len(set(ids))
