"""A changed strategy: what it came to stands beside what the one before came to, and nothing is promised."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.report_kit import JULY, JUNE, MAY, a_history, a_trade

from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.journal.view import TradeRow
from tradebot.reports.monthly.document import document
from tradebot.reports.monthly.made import report_of
from tradebot.reports.monthly.page import report_page
from tradebot.reports.monthly.period import Period, month_of
from tradebot.reports.monthly.record import RunHistory
from tradebot.reports.monthly.sections import CHANGES, sheets

CHANGED = MAY + 20 * DAY_MS


def trades(first: int, pnls: str, days: int) -> list[TradeRow]:
    """Trades whose planned loss is 2 USDT: on each day one of each result."""
    return [
        a_trade(day * 10 + i + 1, first + day * DAY_MS + (i + 2) * HOUR_MS, pnl)
        for day in range(days)
        for i, pnl in enumerate(pnls.split())
    ]


def a_run(name: str, strategy: str, first: int, last: int, rows: list[TradeRow]) -> RunHistory:
    rows = [replace(row, run=name) for row in rows]
    return replace(a_history(rows, first, last), run=name, strategy_hash=strategy)


@pytest.fixture
def runs() -> list[RunHistory]:
    """Ten days of one strategy in two runs with a gap between them, then ten of another and on into June."""
    first, again = CHANGED - 10 * DAY_MS, CHANGED - 4 * DAY_MS
    return [
        a_run("paper-0001", "aaaaaaaaaa", first, first + 5 * DAY_MS, trades(first, "-1 -2", 5)),
        a_run("paper-0002", "aaaaaaaaaa", again, CHANGED - 1, trades(again, "-1", 4)),
        a_run("paper-0003", "bbbbbbbbbb", CHANGED, JUNE + DAY_MS, trades(CHANGED, "1 -0.5", 9)),
    ]


def test_before_and_after_are_compared(runs: list[RunHistory]) -> None:
    before, after = report_of(runs, month_of(MAY)).stints
    assert (before.strategy_hash, after.strategy_hash) == ("aaaaaaaaaa", "bbbbbbbbbb")
    assert (before.first, after.first) == (CHANGED - 10 * DAY_MS, CHANGED)
    assert (before.trades, before.n, before.small) == (14, 14, True)
    assert before.expectancy_r == pytest.approx(-19 / 28)
    assert before.net == Decimal(-19)
    assert before.days == pytest.approx(9)  # the gap is no time it ran
    assert before.net_a_day == pytest.approx(-19 / 9, rel=1e-6)
    assert None not in (before.low_r, before.high_r)
    assert -0.75 <= (before.low_r or 0) < -19 / 28 < (before.high_r or 0) <= -0.5
    assert after.expectancy_r == pytest.approx(0.125)
    assert after.low_r == after.high_r == pytest.approx(0.125)  # every day was the same


def test_the_month_after_still_compares(runs: list[RunHistory]) -> None:
    """The change was in May; June, which has one strategy, says what it came to beside the one before."""
    june = month_of(JUNE)
    assert [s.trades for s in report_of(runs, june).stints] == [14, 18]
    assert report_of(runs, month_of(JULY)).stints == []  # June and July have one


def test_a_time_that_is_no_month_looks_as_far_back(runs: list[RunHistory]) -> None:
    assert report_of(runs, Period(CHANGED + DAY_MS, CHANGED + 2 * DAY_MS)).stints == []
    stints = report_of(runs, Period(CHANGED + DAY_MS, CHANGED + 3 * DAY_MS)).stints
    assert [s.trades for s in stints] == [1, 6]


def test_one_strategy_is_no_change(runs: list[RunHistory]) -> None:
    report = report_of(runs[:2], month_of(MAY))
    assert report.stints == []
    assert CHANGES not in [sheet.title for sheet in sheets(report)]


def test_every_face_says_it(runs: list[RunHistory]) -> None:
    report = report_of(runs, month_of(MAY))
    (sheet,) = [sheet for sheet in sheets(report) if sheet.title == CHANGES]
    first, last = [[cell.text for cell in row] for row in sheet.rows]
    assert first[:4] == ["ema_cross aaaaaa", "2025-05-11", "9.0", "14 small"]
    assert last[4:] == ["+0.12 (+0.12 to +0.12)", "+0.41", "+4.50"]
    assert "ema_cross aaaaaa -> ema_cross bbbbbb: the intervals lie apart" in sheet.note
    assert "need not have come of it" in sheet.note
    page = report_page(report)
    assert CHANGES in page
    assert "+0.12 (+0.12 to +0.12)" in page
    told = document(report)["stints"][1]
    assert (told["first"], told["net"]) == ("2025-05-21T00:00:00Z", "4.5")


def test_what_cannot_be_told_apart_says_so(runs: list[RunHistory]) -> None:
    same = a_run("paper-0003", "cccccccccc", CHANGED, JUNE - 1, trades(CHANGED, "-1 -2", 9))
    mixed = replace(same, trades=[*same.trades[:-2], replace(same.trades[-1], pnl=Decimal(3))])
    (sheet,) = [
        s for s in sheets(report_of([*runs[:2], mixed], month_of(MAY))) if s.title == CHANGES
    ]
    assert "the intervals overlap, no difference can be told." in sheet.note
    short = a_run("paper-0003", "cccccccccc", CHANGED, CHANGED + HOUR_MS, [])
    report = report_of([*runs[:2], short], month_of(MAY))
    (sheet,) = [sheet for sheet in sheets(report) if sheet.title == CHANGES]
    assert "too few days on either side to compare" in sheet.note
    assert (report.stints[1].expectancy_r, report.stints[1].net_a_day) == (None, None)
