"""The Ghost view: what a ghost run's signals came to, and what is said where there is none."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from kits.tui_kit import JUDGED, NOW, loaded, make_app, page, screen_text
from textual.pilot import Pilot

from tradebot.core.ghost.quality import SMALL, Quality
from tradebot.journal.reader import Reader
from tradebot.reports.quality_documents import GroupDocument, StandingDocument
from tradebot.reports.signal_quality import Gauge, figures_row, ghost_runs, quality_report
from tradebot.tui.app import TradebotApp
from tradebot.tui.detail import GhostDetail
from tradebot.tui.feed import Feed, View
from tradebot.tui.figures import signed, usd
from tradebot.tui.ghost import accuracy_lines, empty_reason, quality_lines, rules_line
from tradebot.tui.ghost_feed import BESIDE_MS, GhostView, ghost_of
from tradebot.tui.grid import Grid
from tradebot.tui.keybar import KILLS, KeyBar, key_line
from tradebot.tui.lines import Lines
from tradebot.tui.page import TABS
from tradebot.tui.painted import Line
from tradebot.tui.setting import Exit
from tradebot.tui.tables import outcome

Compare = Callable[..., bool]


async def show_ghost(pilot: Pilot[Exit]) -> None:
    await loaded(pilot)
    await pilot.press("8")
    await pilot.pause(0.1)
    assert isinstance(pilot.app, TradebotApp)
    pilot.app.paint()  # once more, now that everything has its size
    await pilot.pause(0.1)


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def look(data_dir: Path) -> View:
    feed = Feed(data_dir, lambda: NOW)
    try:
        return feed.read()
    finally:
        feed.close()


@pytest.fixture
def ghost(ghost_dir: Path) -> GhostView:
    found = look(ghost_dir).ghost
    assert found is not None
    return found


def nothing() -> StandingDocument:
    """Return the figures of a run without a closed trade."""
    return {
        "signals": 0,
        "open": 0,
        "closed": 0,
        "unfilled": 0,
        "overall": figures_row(Quality().overall()),
        "by": {"tier": [], "verdict": [], "symbol": []},
    }


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
def test_picture(snap_compare: Compare, ghost_dir: Path, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(ghost_dir), terminal_size=size, run_before=show_ghost)


async def test_the_screen_shows_what_the_report_says(ghost_dir: Path) -> None:
    with Reader(ghost_dir / "tradebot.db") as reader:
        report = quality_report(reader, ghost_runs(reader, None))
        newest = reader.ghosts(ghost_runs(reader, None)[0].id, state="closed")[-1]
    assert newest.pnl is not None
    overall: Mapping[str, Any] = report["overall"]
    app = make_app(ghost_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await show_ghost(pilot)
        board = page(app).query_one("#quality", Lines).text
        for name in ("expectancy", "profit_factor", "payoff_ratio", "pnl", "best", "worst"):
            assert f"{abs(Decimal(overall[name])):,.2f}" in board, name
        for name in ("average_win", "average_loss", "average_mfe", "average_mae"):
            assert signed(overall[name]) in board, name
        assert usd(overall["max_drawdown"]) in board
        assert f"{overall['profitable']} of {overall['trades']}" in board
        assert f"{Decimal(overall['accuracy_pct']):.1f}%" in board
        assert f"{report['closed']} closed, {report['open']} open" in board
        bars = page(app).query_one("#accuracy", Lines).text
        for row in report["by"]["tier"]:
            assert f"{row['profitable']} of {row['trades']}" in bars
        assert report["rules"]["effect"] in bars
        shown = screen_text(app)
        amount = usd(abs(newest.pnl))
        assert f"would be {'-' if newest.pnl < 0 else '+'}{amount}" in shown
        grid = page(app).query_one(Grid)
        assert len(grid.rows) == report["signals"]
        assert grid.rows[0].signal == max(row.signal for row in grid.rows)


async def test_an_open_trade_shows_what_it_stands_at(ghost_dir: Path) -> None:
    view = look(ghost_dir)
    assert view.ghost is not None
    assert view.snapshot is not None
    opened = {row.signal: row.pnl for row in view.snapshot.ghosts}
    assert opened
    rows = [row for row in view.ghost.rows if row.state == "open"]
    assert {row.signal: row.pnl for row in rows} == opened
    app = make_app(ghost_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await show_ghost(pilot)
        assert outcome(rows[-1])[0] in screen_text(app)


@pytest.mark.parametrize(
    ("state", "pnl", "said"),
    [
        ("closed", "240", "would be +$240.00 ▲"),
        ("closed", "-2.4", "would be -$2.40 ▼"),
        ("closed", "-1240.4", "would be -$1,240 ▼"),
        ("closed", "0", "would be +$0.00 ="),
        ("open", "1.1", "open +$1.10 ▲"),
        ("open", None, "open, not filled"),
        ("unfilled", None, "never filled"),
    ],
)
def test_outcome(ghost_dir: Path, state: str, pnl: str | None, said: str) -> None:
    view = look(ghost_dir)
    assert view.ghost is not None
    amount = None if pnl is None else Decimal(pnl)
    assert outcome(replace(view.ghost.rows[0], state=state, pnl=amount))[0] == said


async def test_enter_shows_a_hypothetical_trade_whole(ghost_dir: Path) -> None:
    app = make_app(ghost_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await show_ghost(pilot)
        row = page(app).query_one(Grid).chosen
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert isinstance(app.screen, GhostDetail)
        for word in ("Hypothetical", row.reason, row.verdict, "MFE"):
            assert word in screen_text(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_a_run_that_is_no_ghost_says_why_and_what_to_run(
    data_dir: Path, size: tuple[int, int]
) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=size) as pilot:
        await show_ghost(pilot)
        text = " ".join(screen_text(app).split())
        for words in ("paper-0001 is no ghost run", "`tradebot ghost`", "`tradebot paper --ghost`"):
            assert words in text
        assert not page(app).query_one("#judged").display


def test_nothing_closed_yet_is_dashes_never_zeros(ghost: GhostView) -> None:
    bare = replace(ghost, figures=nothing(), rows=())
    board = text_of(quality_lines(bare))
    assert "0.00" not in board
    assert "$0" not in board
    assert "no trade has closed yet" in board
    bars = text_of(accuracy_lines(nothing(), 76, verdicts=True))
    assert bars.count("-  no trades") == 3
    assert "%" not in bars


def test_a_small_sample_is_said_to_be_small(ghost: GhostView) -> None:
    overall = ghost.figures["overall"]
    assert overall["trades"] >= JUDGED > SMALL
    assert "SMALL" not in text_of(quality_lines(ghost))
    few: StandingDocument = {**ghost.figures, "overall": {**overall, "small": True}}
    assert "SMALL SAMPLE" in text_of(quality_lines(replace(ghost, figures=few)))


@pytest.mark.parametrize(("pnl", "said"), [("-12.5", "saved $12.50"), ("7", "cost $7.00")])
def test_what_the_rules_cost_or_saved(pnl: str, said: str) -> None:
    figures = figures_row(Quality().overall())
    refused = cast("GroupDocument", {**figures, "verdict": "refused", "pnl": pnl, "trades": 5})
    line = text_of([rules_line([refused])])
    assert line == f"the rules {said} on 5 refused signals"


@pytest.mark.parametrize("width", [48, 58, 76, 200])
def test_bars_fit_and_grow_with_the_share(ghost: GhostView, width: int) -> None:
    lines = accuracy_lines(ghost.figures, width, verdicts=True)
    assert all(sum(len(text) for text, _ in line) <= width for line in lines)
    shares = {row["tier"]: Decimal(row["accuracy_pct"] or 0) for row in ghost.figures["by"]["tier"]}
    cells = {line[0][0].strip(): line[1][0].count("█") for line in lines[:3]}
    by_share = sorted(shares, key=lambda tier: shares[tier])
    assert [cells[tier] for tier in by_share] == sorted(cells[tier] for tier in by_share)


# -- reading ---------------------------------------------------------------------------------------


def test_figures_are_made_again_only_when_something_closed(
    ghost_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = Gauge.view

    def counted(self: Gauge) -> StandingDocument:
        made.append(1)
        return real(self)

    monkeypatch.setattr(Gauge, "view", counted)
    feed = Feed(ghost_dir, lambda: NOW)
    first, second = feed.read().ghost, feed.read().ghost
    assert first is second
    with closing(sqlite3.connect(ghost_dir / "tradebot.db")) as db, db:
        db.execute("UPDATE ghosts SET state = 'unfilled' WHERE state = 'open'")
        db.execute("UPDATE audit SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM audit)")
    third = feed.read().ghost
    feed.close()
    assert len(made) == 1
    assert first is not None
    assert third is not None
    assert third.figures["open"] == 0
    assert third.figures["unfilled"] == first.figures["open"] + first.figures["unfilled"]


def test_a_journal_that_grows_shows_what_one_opened_later_shows(
    ghost_dir: Path, tmp_path: Path
) -> None:
    early = tmp_path / "early"
    shutil.copytree(ghost_dir, early)
    with closing(sqlite3.connect(early / "tradebot.db")) as db, db:
        (middle,) = db.execute("SELECT max(closed) / 2 FROM ghosts").fetchone()
        db.execute("DELETE FROM ghosts WHERE closed IS NULL OR closed > ?", (middle,))
        db.execute("DELETE FROM audit WHERE seq > ?", (middle,))
    feed = Feed(early, lambda: NOW)
    begun = feed.read().ghost
    with closing(sqlite3.connect(early / "tradebot.db")) as db, db:
        db.execute("ATTACH ? AS whole", (str(ghost_dir / "tradebot.db"),))
        for table in ("audit", "ghosts"):
            db.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM whole.{table}")
    grown, anew = feed.read().ghost, look(ghost_dir).ghost
    feed.close()
    assert begun is not None
    assert grown is not None
    assert anew is not None
    assert 0 < begun.figures["closed"] < grown.figures["closed"]
    assert grown.figures == anew.figures
    assert grown.rows == anew.rows


def test_the_ghost_beside_a_paper_run_is_shown_and_no_other(ghost_dir: Path) -> None:
    run = look(ghost_dir).run
    assert run is not None
    paper = replace(run, id="paper-0001", mode="paper", started=run.started + 1)
    assert ghost_of([paper, run], paper) is run
    assert ghost_of([paper, run], run) is run
    late = replace(paper, started=run.started + BESIDE_MS + 1)
    assert ghost_of([late, run], late) is None
    assert ghost_of([run], replace(paper, strategy_hash="another")) is None


def test_an_ended_ghost_without_a_signal_says_so(ghost_dir: Path) -> None:
    view = look(ghost_dir)
    assert "ghost-0001 had no signals" in empty_reason(view)
    assert "No signals yet" in empty_reason(replace(view, engine="running"))


# -- the key bar -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [mode for _, _, mode in TABS])
@pytest.mark.parametrize("width", [80, 120])
def test_every_key_fits_the_bar(mode: str, width: int) -> None:
    line = key_line(TABS, mode, width)
    text = "".join(text for text, _ in line)
    assert len(text.rstrip()) <= width
    assert f"{KILLS[-1][0]} {KILLS[-1][1]}" in text[:width]
    for key, name, _ in TABS:  # where it is narrow, longer names are cut to their beginning
        assert any(
            f"{key}{gap}{part}" in text for gap in ("", " ") for part in (name, name[:3])
        ) or (key == "?")


async def test_a_click_on_the_bar_goes_to_the_view(ghost_dir: Path) -> None:
    app = make_app(ghost_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        bar = page(app).query_one(KeyBar)
        await pilot.click(KeyBar, offset=(bar.text.index("8Gho"), 0))
        await pilot.pause(0.1)
        assert app.current_mode == "ghost"


async def test_the_view_does_not_break_at_odd_sizes(ghost_dir: Path) -> None:
    app = make_app(ghost_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await show_ghost(pilot)
        for width, height in [(60, 16), (110, 24), (200, 60), (20, 5)]:
            await pilot.resize_terminal(width, height)
            await pilot.pause(0.1)
            assert all(len(line) <= width for line in screen_text(app).splitlines())
            if width == 110:
                assert screen_text(app).count(" small") == len(
                    [
                        line
                        for line in page(app).query_one("#accuracy", Lines).text.splitlines()
                        if line.endswith("small")
                    ]
                )
        assert not app._notifications
