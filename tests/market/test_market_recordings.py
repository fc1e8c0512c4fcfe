"""The files feed on recorded market data, where it is at hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tradebot.core.model.events import FundingRate
from tradebot.core.model.times import iso
from tradebot.core.model.values import HOUR_MS, MINUTE_MS, Bar, MarkBar
from tradebot.market.files.feed import open_files

DATA = Path(__file__).parents[2].parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recordings in {DATA}")


def test_two_months_of_minutes_are_one_series() -> None:
    paths = sorted((DATA / "um").glob("BTCUSDT-1m-2025-0*.csv.gz"), reverse=True)
    feed = open_files(paths)
    assert (feed.symbols, feed.interval) == (("BTC/USDT",), MINUTE_MS)
    bars = [event for step in feed.steps() for event in step if isinstance(event, Bar)]
    assert len(bars) == 39_387 + 33_752
    assert iso(bars[0].open_time) == "2025-05-04T15:33:00Z"
    assert iso(bars[-1].open_time) == "2025-06-24T10:31:00Z"
    assert max(bar.exact_high for bar in bars) == Decimal("111959.5")
    assert feed.findings.gaps == []
    assert feed.progress == 1.0


def test_the_outage_of_april_2021_is_told() -> None:
    paths = sorted((DATA / "spot").glob("*-1m-2021-0*.csv.gz"))
    feed = open_files(paths)
    assert sum(len(step) for step in feed.steps()) == 171_661
    told = {gap.symbol: (iso(gap.first), iso(gap.last), gap.count) for gap in feed.findings.gaps}
    end = "2021-04-25T08:44:00Z"
    assert told == {
        "ADA/USDT": ("2021-04-25T04:01:00Z", end, 284),
        "BTC/USDT": ("2021-04-25T04:01:00Z", end, 284),
        "ETH/USDT": ("2021-04-25T04:01:00Z", end, 284),
        "XRP/USDT": ("2021-04-25T04:02:00Z", end, 283),
    }


def test_hours_with_marks_and_funding() -> None:
    um = DATA / "um"
    paths = [*um.glob("[BE]T[CH]USDT-1h-*2025.csv.gz"), *um.glob("[BE]T[CH]USDT-funding*.csv.gz")]
    steps = list(open_files(paths).steps())
    assert sum(isinstance(step[0], FundingRate) for step in steps) == 3 * 365
    full = [step for step in steps if not isinstance(step[0], FundingRate)]
    assert len(full) == 8760
    assert all([type(e) for e in step] == [MarkBar, MarkBar, Bar, Bar] for step in full)
    for before, step, after in zip(steps, steps[1:], steps[2:], strict=False):
        if isinstance(step[0], FundingRate):
            assert isinstance(before[-1], Bar)
            assert isinstance(after[-1], Bar)
            assert before[-1].open_time + HOUR_MS == step[0].at == after[-1].open_time
