"""The page itself: nothing is cut off, a number stays beside its unit, and every drawing says what it is of."""

from __future__ import annotations

import re

import pytest
from kits.report_kit import MAY, a_history, a_trade

from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.reports import charts
from tradebot.reports.monthly.made import report_of
from tradebot.reports.monthly.page import report_page
from tradebot.reports.monthly.period import Period, month_of
from tradebot.reports.monthly.sections import calendar_sheet
from tradebot.reports.pages import unbroken


@pytest.fixture(scope="module")
def page() -> str:
    pnls = [f"{(-1) ** i * (i * 7.5):.2f}" for i in range(1, 29)]
    trades = [a_trade(i, MAY + i * DAY_MS + HOUR_MS, pnl) for i, pnl in enumerate(pnls, 1)]
    return report_page(report_of([a_history(trades)], month_of(MAY)), trades)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("$1,321.95 (13.22 %, 26.7 d)", "$1,321.95 (13.22_%, 26.7_d)"),
        ("median 0.167 ms, p99 4.469 ms", "median 0.167_ms, p99 4.469_ms"),
        ("187.8 x ($1,758.94)", "187.8_x ($1,758.94)"),
        ("-1,314.39 USDT", "-1,314.39 USDT"),
        ("1 did, 2 have", "1 did, 2 have"),
    ],
)
def test_a_number_stays_beside_its_unit(text: str, kept: str) -> None:
    assert unbroken(text) == kept.replace("_", "\u00a0")


def test_figures_on_the_page_stay_beside_their_units(page: str) -> None:
    figures = re.findall(r"<dd[^>]*>([^<]*)</dd>", page)
    assert any("\u00a0%" in figure for figure in figures)
    assert not [figure for figure in figures if re.search(r"\d %", figure)]


def test_drawdowns_have_the_whole_width(page: str) -> None:
    """Three moments in a row and their length do not fit half of it."""
    before = page[: page.index("<h3>Deepest drawdowns</h3>")]
    assert before.rstrip().endswith('<div class="wide">')


def test_short_tables_come_before_the_long_one(page: str) -> None:
    titles = re.findall(r"<h3>By ([^<]*)</h3>", page)
    assert titles.index("weekday") < titles.index("hour") < titles.index("holding")
    assert len(titles) == 8


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    assert "default-src 'none'" in page
    assert not re.search(r"<script|<link|<img|url\(|@import|https?://(?!www\.w3)", page)


def test_a_bar_of_a_count_says_it() -> None:
    drawn = charts.bars([("-1.0", 479.0), ("0.0", 0.0)], "Histogram", whole=True)
    assert re.findall(r'class="value"[^>]*>([^<]*)<', drawn) == ["479"]
    assert "<title>-1.0: 479</title>" in drawn
    assert 'class="value"' not in charts.bars([("a", 1.5)], "Results")


def test_what_an_axis_is_of_stands_on_no_number() -> None:
    points = [(float(x), float(x % 7 - 3)) for x in range(100)]
    drawn = charts.scatter(points, "MAE, USDT", "net", "MAE against outcome")
    low = [
        (float(x), text)
        for x, y, text in re.findall(r'<text x="([\d.]+)" y="(\d+)"[^>]*>([^<]*)<', drawn)
        if y == str(charts.HEIGHT - 8)
    ]
    (name,) = [x for x, text in low if text == "MAE, USDT"]
    assert max(x for x, text in low if text != "MAE, USDT") < name - 100


@pytest.mark.parametrize(("days", "worded"), [(31, 31), (120, 0), (365, 0)])
def test_a_calendar_is_as_large_as_its_words_need(days: int, worded: int) -> None:
    """Many weeks squeezed into the room of five would have words nobody can read."""
    rows = [(MAY + i * DAY_MS, 1.0 - i % 3, f"day {i}") for i in range(days)]
    drawn = charts.calendar(rows, "Days")
    assert drawn.count("<rect") == days
    assert drawn.count('class="on"') == 2 * worded
    (width,) = re.findall(r'viewBox="0 0 (\d+)', drawn)
    assert f"max-width:{int(width) * 1.3:.0f}px" in drawn
    assert int(width) <= charts.WIDTH + 40


@pytest.mark.parametrize(("size", "shown"), [("7.5", "+7.50"), ("2345.5", "+2,346")])
def test_days_in_words_are_a_row_a_week(size: str, shown: str) -> None:
    """The 1st of May 2025 was a Thursday; the sum of weeks is that of the month."""
    trades = [a_trade(i, MAY + i * DAY_MS + HOUR_MS, size) for i in (1, 4)]
    report = report_of([a_history(trades, MAY, MAY + 5 * DAY_MS - 1)], month_of(MAY))
    sheet = calendar_sheet(report)
    assert sheet.heads[1:] == ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "sum")
    rows = [[cell.text for cell in row] for row in sheet.rows]
    none = "+0.00" if size == "7.5" else "+0"
    assert rows == [["04-28", "", "", "", none, shown, none, none, shown],
                    ["05-05", shown, "", "", "", "", "", "", shown]]  # fmt: skip


def test_a_time_of_several_months_has_a_calendar_too() -> None:
    trades = [a_trade(i, MAY + i * DAY_MS, "1") for i in range(1, 80)]
    history = a_history(trades, MAY, MAY + 90 * DAY_MS)
    page = report_page(report_of([history], Period(MAY, MAY + 90 * DAY_MS)), trades)
    assert "2025-05" in page
    assert "2025-07" in page
