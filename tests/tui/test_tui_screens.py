"""What the screens say: every view at both sizes as a picture, and what must never be left unsaid."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kits.tui_kit import NOW, loaded, make_app, page, screen_text, status, tell_badly
from textual.binding import Binding
from textual.pilot import Pilot
from textual.strip import Strip

from tradebot.guard.alerts_lock import AlertsLock
from tradebot.guard.latch import halt_present
from tradebot.journal.view import HaltEvent
from tradebot.tui.app import BROKEN, TradebotApp, keys_markdown
from tradebot.tui.banner import banner_lines
from tradebot.tui.bot import BotPage
from tradebot.tui.feed import Feed, View
from tradebot.tui.grid import Grid
from tradebot.tui.lines import Lines
from tradebot.tui.page import Page
from tradebot.tui.painted import Line
from tradebot.tui.plot import PricePlot
from tradebot.tui.plots import PlotPage
from tradebot.tui.setting import Exit
from tradebot.tui.status import status_line

SIZES = [(80, 24), (120, 40)]
VIEWS = ["1", "2", "3", "4", "5", "6", "7", "8", "question_mark"]
DIALOGS = {"trade": ("enter",), "close_all": ("f9",), "resume": ("f8", "6", "r")}

Compare = Callable[..., bool]


def pressing(*keys: str) -> Callable[[Pilot[Exit]], Any]:
    async def press(pilot: Pilot[Exit]) -> None:
        await loaded(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.05)
        await pilot.pause(0.1)
        assert isinstance(pilot.app, TradebotApp)
        pilot.app.paint()  # once more, now that everything has its size
        await pilot.pause(0.1)

    return press


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("key", VIEWS)
def test_view(snap_compare: Compare, data_dir: Path, key: str, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(data_dir), terminal_size=size, run_before=pressing(key))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_live(snap_compare: Compare, live_dir: Path, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(live_dir), terminal_size=size, run_before=pressing())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bot_with_alerts_that_fail(
    snap_compare: Compare, data_dir: Path, size: tuple[int, int]
) -> None:
    tell_badly(data_dir)
    with AlertsLock(data_dir):
        app = make_app(data_dir)
        assert snap_compare(app, terminal_size=size, run_before=pressing("6"))


@pytest.mark.parametrize("name", ["trade", "close_all"])
def test_dialog(snap_compare: Compare, data_dir: Path, name: str) -> None:
    keys = pressing(*DIALOGS[name])
    assert snap_compare(make_app(data_dir), terminal_size=(80, 24), run_before=keys)


def test_without_a_journal(snap_compare: Compare, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    app = make_app(Path("empty"))
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing())


# -- what must be said -----------------------------------------------------------------------------


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


@pytest.fixture
def view(live_dir: Path) -> View:
    feed = Feed(live_dir, lambda: NOW)
    try:
        return feed.read()
    finally:
        feed.close()


@pytest.mark.parametrize("width", [78, 118])
def test_the_status_row_fits_and_says_all(view: View, width: int) -> None:
    text = text_of(status_line(view, NOW, width))
    assert len(text) <= width
    assert view.run is not None
    assert view.snapshot is not None
    for word in (
        "PAPER",
        "SIMULATED MARKET",
        f"{view.snapshot.equity:,.2f}",
        "day",
        "♥0.3s",
    ):
        assert word.replace("♥0.3s", "0.3s") in text
    assert "09:00" in text
    assert "Z" in text


@pytest.mark.parametrize("width", [78, 118])
def test_real_money_is_said_in_red_on_every_screen(view: View, width: int) -> None:
    assert view.run is not None
    traded = replace(view, run=replace(view.run, id="live-0001", mode="live", venue="live"))
    first, *_ = status_line(traded, NOW, width)
    assert first == (" LIVE ", "alarm")
    assert status_line(view, NOW, width)[0] != first


def test_prices_that_stand_still_are_stale(view: View) -> None:
    assert "STALE 14s" in text_of(status_line(view, NOW + 13_700, 78))
    assert "STALE" not in text_of(status_line(view, NOW, 78))


def test_an_engine_without_a_sign_of_life_hangs(view: View) -> None:
    assert "HUNG 20s" in text_of(status_line(view, NOW + 20_000, 78))
    said = text_of(banner_lines(view, NOW + 20_000, "", 80)[0])
    assert "ENGINE HUNG" in said
    assert "F9" in said


def test_unknown_is_a_dash_never_zero(view: View) -> None:
    blank = replace(view, snapshot=None, fresh=None)
    text = text_of(status_line(blank, NOW, 78))
    assert "day -" in text
    assert "0.00" not in text


@pytest.mark.parametrize("state", ["ended", "interrupted"])
def test_a_run_that_is_over_says_so(view: View, state: str) -> None:
    assert view.run is not None
    over = replace(view, engine="stopped", run=replace(view.run, state=state))
    assert state.upper() in text_of(status_line(over, NOW, 78))
    assert "♥" not in text_of(status_line(over, NOW, 78))


def test_a_halt_says_who_when_and_why(view: View) -> None:
    halts = {"user": "eve: looks odd", "day_loss": "the day's loss is 500.00"}
    assert view.snapshot is not None
    shown = replace(view.snapshot, halts=halts)
    log = (HaltEvent(1, shown.run, NOW, NOW - 60_000, "halted", "user", halts["user"], None, 1),)
    (line,) = banner_lines(replace(view, snapshot=shown, halt_log=log), NOW, "", 80)
    text = text_of(line)
    for word in ("HALTED", "08:59:00Z", "eve: looks odd", "+1 more", "r resumes"):
        assert word in text
    assert len(text) <= 80


async def test_every_empty_table_says_why_and_what_to_press(tmp_path: Path) -> None:
    app = make_app(tmp_path / "none")
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        for key in VIEWS[:-1]:
            await pilot.press(key)
            await pilot.pause()
            text = screen_text(app)
            assert "no journal" in text
            for grid in page(app).query(Grid):
                assert grid.empty
                assert "b" in grid.empty.split() or "6 Bot" in grid.empty


async def test_no_view_breaks_at_odd_sizes(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(60, 16)) as pilot:
        await loaded(pilot)
        for width, height in [(60, 16), (200, 60), (20, 5)]:
            await pilot.resize_terminal(width, height)
            for key in VIEWS:
                await pilot.press(key)
                assert all(len(line) <= width for line in screen_text(app).splitlines())
        assert not app._notifications  # BROKEN, for one


async def test_resize_fits_columns_again(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert "liquid." not in screen_text(app)
        await pilot.resize_terminal(140, 40)
        await pilot.pause(0.3)
        assert "liquid." in screen_text(app)
        assert page(app).query_one(PricePlot).display


async def test_without_colour_nothing_is_lost(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_app(data_dir)
    async with plain.run_test(size=(120, 40)) as pilot:
        await loaded(pilot)
        coloured = screen_text(plain)
    monkeypatch.setenv("NO_COLOR", "1")
    grey = make_app(data_dir)
    async with grey.run_test(size=(120, 40)) as pilot:
        await loaded(pilot)
        assert grey.no_color
        assert screen_text(grey) == coloured
    for glyph in ("▲", "▼"):
        assert glyph in coloured


def test_help_and_readme_have_every_key() -> None:
    text = keys_markdown()
    bindings = [*TradebotApp.BINDINGS, *Page.BINDINGS, *Grid.BINDINGS]
    bindings += [*BotPage.BINDINGS, *PlotPage.BINDINGS]
    told = [one for one in bindings if isinstance(one, Binding) and one.show]
    assert told
    for binding in told:
        assert binding.tooltip, binding
        assert binding.id, binding
        assert binding.tooltip in text
    for key in ("F8", "F9", "`q`", "ctrl+p", "`/`", "`s`", "enter", "esc", "? F1"):
        assert key in text


async def test_the_screen_follows_a_newer_run(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await loaded(pilot)
        assert "paper-0001" in status(app)
        with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
            db.execute("CREATE TEMP TABLE one AS SELECT * FROM runs")
            db.execute("UPDATE one SET num = 2, id = 'paper-0002', started = started + 9999999")
            db.execute("INSERT INTO runs SELECT * FROM one")
        app.look()
        await pilot.pause(0.3)
        assert "paper-0002" in status(app)


async def test_a_run_that_is_named_stays(data_dir: Path) -> None:
    app = make_app(data_dir, run="paper-0001")
    async with app.run_test(size=(120, 40)) as pilot:
        await loaded(pilot)
        assert "paper-0001" in status(app)
        assert app.feed.pinned == "paper-0001"


def test_reading_on_sees_what_reading_anew_sees(data_dir: Path, tmp_path: Path) -> None:
    """A feed that has watched a journal grow shows the same as one that opens it afterwards."""
    early = tmp_path / "early"
    shutil.copytree(data_dir, early)
    with closing(sqlite3.connect(early / "tradebot.db")) as db, db:
        (last,) = db.execute("SELECT max(seq) FROM audit").fetchone()
        for table in ("audit", "equity"):
            db.execute(f"DELETE FROM {table} WHERE seq > ?", (last // 2,))
        db.execute("DELETE FROM trades WHERE id > 1")
        db.execute("DELETE FROM log WHERE seq > (SELECT max(seq) / 2 FROM log)")
    feed = Feed(early, lambda: NOW)
    begun = feed.read()
    assert len(begun.trades) == 1
    with closing(sqlite3.connect(early / "tradebot.db")) as db, db:
        db.execute("ATTACH ? AS whole", (str(data_dir / "tradebot.db"),))
        for table in ("audit", "equity", "trades", "log"):
            db.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM whole.{table}")
    with closing(Feed(early, lambda: NOW)) as other:
        grown, anew = feed.read(), other.read()
    feed.close()
    for name in ("orders", "trades", "signals", "equity", "notices", "halt_log", "bars"):
        assert repr(getattr(grown, name)) == repr(getattr(anew, name)), name
    assert len(grown.trades) > 1


async def test_a_board_draws_only_what_changed(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        board = page(app).query_one("#summary", Lines)
        drawn: list[int] = []
        real: Callable[[int], Strip] = board.render_line

        def render_line(y: int) -> Strip:
            drawn.append(y)
            return real(y)

        monkeypatch.setattr(board, "render_line", render_line)
        board.show([*board._lines[:2], (("another", ""),)])
        await pilot.pause()
        assert set(drawn) == {2}
        drawn.clear()
        board.show(list(board._lines))
        await pilot.pause()
        assert drawn == []


def test_banner_is_silent_when_all_is_well(view: View) -> None:
    assert banner_lines(view, NOW, "", 80) == []


async def test_a_damaged_snapshot_is_told_and_leaves_the_kill_keys(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
            db.execute("UPDATE snapshot SET body = ?", ('{"equity": "a lot"}',))
        app.look()
        await pilot.pause(0.2)
        assert "the snapshot of paper-0001 is damaged" in screen_text(app)
        await pilot.press("f8")
        await pilot.pause(0.3)
        assert halt_present(data_dir)


async def test_a_figure_that_cannot_be_drawn_leaves_the_kill_keys(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
            odd = (
                "json_set(body, '$.equity', 'NaN')"  # a decimal, but none that can be reckoned with
            )
            db.execute(f"UPDATE snapshot SET body = {odd}")
        app.look()
        await pilot.pause(0.2)
        assert any(BROKEN in note.message for note in app._notifications)
        await pilot.press("f8")
        await pilot.pause(0.3)
        assert halt_present(data_dir)


async def test_a_journal_that_is_replaced_is_read_anew(data_dir: Path, flown: Path) -> None:
    feed = Feed(data_dir, lambda: NOW)
    whole = feed.read()
    for file in data_dir.glob("tradebot.db*"):
        file.unlink()
    assert feed.read().problem == "there is no journal yet"
    shutil.copy(flown / "tradebot.db", data_dir)
    again = feed.read()
    feed.close()
    assert repr(again.trades) == repr(whole.trades)
    assert again.bars.keys() == whole.bars.keys()


def test_a_look_that_begins_after_the_end_opens_nothing(data_dir: Path) -> None:
    feed = Feed(data_dir, lambda: NOW)
    assert feed.read().problem == ""
    assert feed._reader is not None
    feed.close()
    feed.read()
    assert feed._reader is None
