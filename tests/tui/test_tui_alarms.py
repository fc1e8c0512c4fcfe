"""What must reach the trader: a dead engine, the kill keys at any width, dialogs that stay true."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kits.tui_kit import NOW, banner, loaded, make_app, screen_text

from tradebot.guard.latch import write_halt
from tradebot.guard.lock import InstanceLock
from tradebot.tui.app import TradebotApp
from tradebot.tui.banner import banner_lines
from tradebot.tui.bot import engine_lines, run_rows
from tradebot.tui.closing import CloseAll
from tradebot.tui.dialog import Question
from tradebot.tui.feed import Feed, View
from tradebot.tui.keybar import key_line
from tradebot.tui.lines import Lines
from tradebot.tui.page import TABS
from tradebot.tui.painted import Line
from tradebot.tui.paper import summary_lines
from tradebot.tui.risk import limit_lines
from tradebot.tui.status import status_line


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def looked_at(folder: Path) -> View:
    feed = Feed(folder, lambda: NOW)
    try:
        return feed.read()
    finally:
        feed.close()


@pytest.fixture
def dead_dir(data_dir: Path) -> Path:
    """The same as if its engine had been killed an hour ago."""
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
        db.execute("UPDATE runs SET state = 'running', ended = NULL, summary = NULL")
        db.execute("UPDATE snapshot SET wall = ?", (NOW - 3_600_000,))
    return data_dir


# -- the engine is dead -----------------------------------------------------------------------------


def test_a_dead_engine_is_said_on_every_face(dead_dir: Path) -> None:
    view = looked_at(dead_dir)
    assert view.engine == "dead"
    assert not view.live
    words = "DEAD since 08:00Z, 1 position unwatched"
    (line,) = banner_lines(view, NOW, "", 80)
    assert text_of(line).strip() == f"ENGINE {words}: b starts, F9 closes"
    assert {paint for _, paint in line} == {"alarm"}
    assert ("DEAD", "alarm") in status_line(view, NOW, 80)
    assert words in text_of(engine_lines(view, 80)[0])
    (row,) = run_rows(view)
    assert row.state == "DEAD"
    assert "as they were 1h00m ago" in text_of(summary_lines(view)[-1])


def test_a_dead_engine_that_held_nothing_needs_no_close(dead_dir: Path) -> None:
    view = looked_at(dead_dir)
    assert view.snapshot is not None
    flat = replace(view, snapshot=replace(view.snapshot, positions=()))
    assert text_of(banner_lines(flat, NOW, "", 80)[0]).strip() == (
        "ENGINE DEAD since 08:00Z: b starts"
    )


def test_one_that_stopped_in_order_is_not_dead(data_dir: Path) -> None:
    assert looked_at(data_dir).engine == "stopped"
    assert banner_lines(looked_at(data_dir), NOW, "", 80) == []


async def test_b_starts_one_from_every_view_where_the_last_is_dead(dead_dir: Path) -> None:
    started: list[str] = []
    app = make_app(dead_dir, start=lambda: started.append("x") or "started")  # type: ignore[func-returns-value]
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        for key in ("3", "4"):
            await pilot.press(key, "b")
            await pilot.pause(0.2)
    assert started == ["x", "x"]


async def test_a_screen_whose_engine_was_started_elsewhere_drops_its_old_banner(
    dead_dir: Path,
) -> None:
    app = make_app(dead_dir, ended=lambda: "its journal was gone")
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert "THE RUN HAS ENDED: its journal was gone" in banner(app)
        with InstanceLock(dead_dir):
            app.look()
            await pilot.pause(0.8)
            assert "HAS ENDED" not in banner(app)


def test_a_running_run_has_its_trades_and_pnl_in_the_list(live_dir: Path) -> None:
    view = looked_at(live_dir)
    assert view.snapshot is not None
    (row,) = run_rows(view)
    assert (row.state, row.trades, row.pnl) == (
        "running",
        view.snapshot.completed_trades,
        view.snapshot.pnl,
    )
    assert row.trades


# -- the kill keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", range(23, 200))
@pytest.mark.parametrize("mode", ["paper", "help"])
def test_the_kill_keys_are_the_last_to_leave(width: int, mode: str) -> None:
    text = text_of(key_line(TABS, mode, width))
    assert len(text) == width
    assert text.endswith(" F8 HALT  F9 CLOSE ALL ")
    if width >= 40:
        assert all(key in text for key, _, _ in TABS)


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("size", [(40, 20), (80, 24), (120, 40)], ids=str)
async def test_the_kill_keys_stay_bright_under_dialogs(
    dead_dir: Path, size: tuple[int, int], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(dead_dir)
    async with app.run_test(size=size) as pilot:
        await loaded(pilot)
        bare = kill_strip(app)
        await pilot.press("f9")
        await pilot.pause(0.6)
        assert isinstance(app.screen, CloseAll)
        assert kill_strip(app) == bare
        assert "F8 HALT  F9 CLOSE ALL" in screen_text(app).splitlines()[-1]


def kill_strip(app: TradebotApp) -> list[tuple[str, object]]:
    """The last row's kill keys with their styles, as they are drawn."""
    strip = app.screen._compositor.render_strips()[-1]
    cells = [(char, segment.style) for segment in strip for char in segment.text]
    return [
        (char, style and (style.color, style.bgcolor, style.bold)) for char, style in cells[-23:]
    ]


# -- dialogs -----------------------------------------------------------------------------------------


async def test_a_dialog_wraps_to_a_narrow_screen(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(44, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f9")
        await pilot.pause(0.5)
        text = " ".join(app.screen.query_one("#text", Lines).text.split())
        assert "F8 HALT" in screen_text(app)
        for words in ("cancels every order", "closes every position at market", "esc cancels"):
            assert words in text


async def test_close_all_lists_what_is_open_now(dead_dir: Path) -> None:
    app = make_app(dead_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f9")
        await pilot.pause(0.5)
        assert "USDT long" in screen_text(app)
        with closing(sqlite3.connect(dead_dir / "tradebot.db")) as db, db:
            db.execute("UPDATE snapshot SET body = json_set(body, '$.positions', json('[]'))")
            db.execute("DELETE FROM orders")
        for _ in range(20):
            await pilot.pause(0.2)
            if "Nothing is open" in screen_text(app):
                break
        assert "Nothing is open" in screen_text(app)


async def test_resume_lists_the_halts_there_are_now(live_dir: Path) -> None:
    write_halt(live_dir, "looks odd", "eve")
    app = make_app(live_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("6", "r")
        await pilot.pause(0.2)
        assert "eve: looks odd" in screen_text(app)
        write_halt(live_dir, "still odd", "bob")
        app.look()
        await pilot.pause(1.0)
        assert "bob: still odd" in screen_text(app)


async def test_x_twice_stops_once_and_asks_no_more(live_dir: Path) -> None:
    app = make_app(live_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("6", "x")
        await pilot.pause(0.2)
        assert isinstance(app.screen, Question)
        await pilot.press("x")
        await pilot.pause(0.2)
        assert not isinstance(app.screen, Question)
        await pilot.press("x")
        await pilot.pause(0.2)
        assert not isinstance(app.screen, Question)
    with closing(sqlite3.connect(live_dir / "tradebot.db")) as db:
        assert db.execute("SELECT count(*) FROM commands WHERE name = 'stop'").fetchone() == (1,)


# -- limits ------------------------------------------------------------------------------------------


def test_what_is_not_used_looks_empty_and_the_leverage_is_normal(live_dir: Path) -> None:
    risk = looked_at(live_dir).risk
    assert risk is not None
    lines = [text_of(line) for line in limit_lines(risk.limits, 14)]
    (leverage,) = [line for line in lines if line.startswith("leverage")]
    assert leverage.rstrip().endswith("normal")
    unused = [line for line, row in zip(lines, risk.limits, strict=True) if row.pct == 0]
    assert unused
    assert all("█" not in line and "·" * 14 in line for line in unused)
