"""Promise 11: the way of a stop is proved on the account before size, with a stop that can open nothing; where that cannot be
done the first entry is the smallest."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from kits.demo_kit import DemoVenue, demo_venue, misbehave
from kits.engine_kit import XRP, Bare, a_config, long
from kits.live_run_kit import MORNING

from tradebot.app.account import Access, find_access
from tradebot.app.rehearsal import NEEDS_A_POSITION, rehearse
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import Purpose

ETH = {"ETH/USDT": INSTRUMENTS["ETH/USDT"]}
ALGO = "/fapi/v1/algoOrder"


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[DemoVenue]:
    with demo_venue(tmp_path, MORNING) as found:
        yield found


@pytest.fixture
def access(venue: DemoVenue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Access:
    for name, value in venue.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return find_access("demo", venue.url)


def test_a_stop_far_away_is_placed_seen_cancelled_and_seen_gone(
    venue: DemoVenue, access: Access, tmp_path: Path
) -> None:
    done = rehearse(access, ETH, 1, "abcdef", (tmp_path,))
    assert (done.proved, done.failed) == (True, [])
    (placed,) = venue.asked("POST", ALGO)
    assert placed["params"]["reduceOnly"] == "true"  # it can open nothing
    assert Decimal(placed["params"]["triggerPrice"]) < 2_500  # the venue's price is above 3,500
    (cancelled,) = venue.asked("DELETE", ALGO)
    seen = [row for row in venue.rows("request") if row["method"] == "GET" and "lgo" in row["path"]]
    assert any(placed["at"] <= row["at"] <= cancelled["at"] for row in seen)
    assert seen[-1]["at"] >= cancelled["at"]
    assert venue.stops() == 0
    assert venue.held() == []
    assert venue.asked("POST", "/fapi/v1/order") == []


def test_where_a_stop_needs_a_position_it_is_not_proved_and_no_fault(
    venue: DemoVenue, access: Access, tmp_path: Path
) -> None:
    code = NEEDS_A_POSITION[0]
    misbehave(venue.url, {"do": "error", "code": code, "method": "POST", "path": ALGO})
    done = rehearse(access, ETH, 1, "abcdef", (tmp_path,))
    assert (done.proved, done.failed) == (False, [])
    assert "the first entry is the smallest" in done.rows[-1].detail


def test_where_it_fails_otherwise_nothing_is_started(
    venue: DemoVenue, access: Access, tmp_path: Path
) -> None:
    misbehave(venue.url, {"do": "error", "code": -4045, "method": "POST", "path": ALGO})
    done = rehearse(access, ETH, 1, "abcdef", (tmp_path,))
    assert [row.check for row in done.failed] == ["stop path"]


def test_the_first_entry_is_the_smallest_then_and_flat_again_without_its_stop() -> None:
    story = Bare(a_config((XRP,), unproved=True))
    story.later(100)
    story.say(long())
    story.bar()
    (entry,) = story.placed(Purpose.ENTRY)
    assert entry.qty * 2 < 6  # 5 USDT is the least that the exchange takes
    story.fill(entry)
    assert story.placed(Purpose.STOP)
    story.later(6_000)  # nobody has seen it stand
    assert story.placed(Purpose.EXIT)
