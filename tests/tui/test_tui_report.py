"""The Report view: a month on one board, its neighbours, and the export."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from kits.report_kit import JUNE, MAY, D, a_history, a_trade
from kits.tui_kit import configured, loaded, make_app, page, screen_text
from textual.pilot import Pilot

from tradebot.app.export import export_month
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.values import DAY_MS
from tradebot.reports.monthly.made import report_of
from tradebot.reports.monthly.period import month_of
from tradebot.reports.monthly.sections import Cell, Sheet
from tradebot.reports.monthly.value import LimitUse, RefusalCount, Report
from tradebot.tui.lines import Lines
from tradebot.tui.painted import Line
from tradebot.tui.report import read_month, report_lines, sheet_lines
from tradebot.tui.setting import Exit


def text(lines: list[Line]) -> list[str]:
    return ["".join(part for part, _ in line).rstrip() for line in lines]


@pytest.fixture(scope="module")
def report() -> Report:
    pnls = [f"{(-1) ** i * (i * 7.5):.2f}" for i in range(1, 29)]
    trades = [a_trade(i, MAY + i * DAY_MS + 3_600_000, pnl) for i, pnl in enumerate(pnls, 1)]
    return report_of([a_history(trades)], month_of(MAY))


@pytest.mark.parametrize(("width", "height"), [(78, 21), (118, 37)])
def test_a_month_fits_on_the_screen(report: Report, width: int, height: int) -> None:
    lines = text(report_lines(report, width, "month 3 of 3"))
    assert max(map(len, lines)) <= width
    shown = "\n".join(lines[:height])
    for words in (
        *("Paper, May 2025", "month 3 of 3", "Net PnL", "Return", "Max drawdown", "95 % interval"),
        *("Gross", "Slippage", "Taker fees", "Change of open PnL", "Deepest drawdowns", "Sun"),
    ):
        assert words in shown
    assert f"{report.bridge.net:+,.2f}" in shown
    large = replace(report.head, drawdown=D("12321.95"), drawdown_pct=13.22, drawdown_days=26.7)
    lines_of_large = text(report_lines(replace(report, head=large), width))
    assert any("$12,321.95 (13.22 %, 26.7 d)" in line for line in lines_of_large)  # not cut
    day = next(line for line in lines if line.startswith("Thu"))
    assert day.split()[1:3] == ["01", "0"]  # the 1st of May 2025 was a Thursday, without a trade


@pytest.mark.parametrize("width", [78, 118])
def test_below_the_calendar_stands_where_it_came_from(report: Report, width: int) -> None:
    """No column is cut in the middle: one that does not fit is left out."""
    uses = [LimitUse("position_value", D(1000), 83.3, 100.0, 1055)]
    risk = replace(report.risk, limits=uses, refusals=[RefusalCount("blackout", 274, 0, None)])
    lines = text(report_lines(replace(report, risk=risk), width))
    assert max(map(len, lines)) <= width
    shown = "\n".join(lines)
    for words in ("By symbol", "By exit reason", "By tier", "Use of limits", "Refused entries"):
        assert words in shown
    (btc,) = (line for line in lines if line.startswith("BTC/USDT"))
    assert f"{report.bridge.trades_net:+,.2f}" in btc
    assert any("83.3 %" in line and "100.0 %" in line for line in lines)
    assert "Sharpe" in shown
    assert ("Turnover" in shown) == (width < 100)
    assert "tradebot report says it" in lines[-1]


def test_a_table_that_is_too_wide_loses_whole_columns() -> None:
    sheet = Sheet("T", ("name", "one", "two"), [(Cell("a"), Cell("123"), Cell("4,567.00"))])
    assert text(list(sheet_lines(sheet, 40))) == ["T", "name  one       two", "a     123  4,567.00"]
    assert text(list(sheet_lines(sheet, 18))) == ["T", "name  one", "a     123"]


def test_a_month_without_a_day_says_so() -> None:
    empty = report_of([a_history([], JUNE, JUNE + DAY_MS)], month_of(MAY))
    assert any("No day of it" in line for line in text(report_lines(empty, 78)))


async def until(pilot: Pilot[Exit], seen: Callable[[], bool]) -> None:
    for _ in range(900):
        if seen():
            return
        await pilot.pause(0.1)
    raise AssertionError(screen_text(pilot.app))  # type: ignore[arg-type]


def board(pilot: Pilot[Exit]) -> str:
    return page(pilot.app).query_one("#report", Lines).text  # type: ignore[arg-type, no-any-return]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_the_view_reads_a_month_and_exports_it(data_dir: Path, size: tuple[int, int]) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=size) as pilot:
        await loaded(pilot)
        await pilot.press("9")
        await until(pilot, lambda: "Net PnL" in board(pilot))
        assert "Paper, January 2025 (partial)" in board(pilot)
        assert "[9" in screen_text(app)
        await pilot.press("left", "right", "left")  # there is no other month
        await pilot.press("e", "e")
        folder = data_dir / "reports"
        await until(pilot, lambda: (folder / "2025-01-paper-so-far.json").exists())
        data = json.loads((folder / "2025-01-paper-so-far.json").read_text())
        assert data["title"].startswith("Paper, January 2025")
        assert data["advice"]["lines"]  # it is what the command writes
        assert "What to change" in (folder / "2025-01-paper-so-far.html").read_text()
        await pilot.press("escape")
        await until(pilot, lambda: app.current_mode == "paper")


async def test_without_a_journal_it_says_what_to_do(tmp_path: Path) -> None:
    app = make_app(tmp_path / "empty")
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("9", "e", "left")
        await until(pilot, lambda: "tradebot paper" in board(pilot))


async def test_an_export_that_fails_says_why(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(data_dir)
    told = await asyncio.to_thread(read_month, data_dir, "paper", None)
    monkeypatch.setenv("TRADEBOT_REPORT__BENCHMARKS", '["gone.csv"]')
    with pytest.raises(TradebotError, match="does not exist"):
        await export_month(config, told)
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    with pytest.raises(TradebotError, match="cannot be started"):
        await export_month(config, told)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(TradebotError, match="ended with code 1"):
        await export_month(config, told)
