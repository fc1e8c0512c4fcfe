"""The screens of a run with real money: what must be on them, at both sizes as pictures."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kits.tui_kit import NOW, loaded, make_app, page, screen_text, trade_live
from textual.pilot import Pilot

from tradebot.guard.lock import InstanceLock
from tradebot.tui.app import TradebotApp
from tradebot.tui.closing import CloseAll
from tradebot.tui.live import LivePage
from tradebot.tui.page import TABS
from tradebot.tui.paper import PaperPage
from tradebot.tui.setting import Exit
from tradebot.tui.status import StatusRow

SIZES = [(80, 24), (120, 40)]

Compare = Callable[..., bool]


@pytest.fixture
def real_dir(data_dir: Path) -> Iterator[Path]:
    """A live run whose engine works: this process holds the lock."""
    trade_live(data_dir)
    with running(data_dir):
        yield data_dir


def running(data_dir: Path) -> InstanceLock:
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
        db.execute("UPDATE runs SET state = 'running', ended = NULL")
    return InstanceLock(data_dir)


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
def test_calm(snap_compare: Compare, real_dir: Path, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(real_dir), terminal_size=size, run_before=pressing())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_halted(snap_compare: Compare, real_dir: Path, size: tuple[int, int]) -> None:
    with closing(sqlite3.connect(real_dir / "tradebot.db")) as db, db:
        body = (
            "json_set(body, '$.halts', json('{\"day_loss\": \"the day''s loss is 25.04 USDT\"}'))"
        )
        db.execute(f"UPDATE snapshot SET body = {body}")
    assert snap_compare(make_app(real_dir), terminal_size=size, run_before=pressing())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_banned(snap_compare: Compare, data_dir: Path, size: tuple[int, int]) -> None:
    away = {"account": None, "bookTicker": 80_000, "kline": 80_000, "markPrice": 80_000}
    trade_live(data_dir, banned_until=NOW + 118_000, ages=away, weight=[2400, 2400])
    with running(data_dir):
        assert snap_compare(make_app(data_dir), terminal_size=size, run_before=pressing())


async def test_the_front_view_is_that_of_an_account(real_dir: Path) -> None:
    app = make_app(real_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert isinstance(page(app), LivePage)
        text = screen_text(app)
        for word in ("stage 1", "seen", "liquid.", "weight 251/2400", "account 2s", "read 11s ago"):
            assert word in text
        assert "NOT THIS RUN'S: XRP/USDT short 40" in text
        assert "[1Live]" in text
        await pilot.press("4", "1")
        assert isinstance(page(app), LivePage)
        await pilot.press("7", "escape")
        await pilot.pause()
        assert isinstance(page(app), LivePage)


async def test_a_paper_run_has_its_own(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert isinstance(page(app), PaperPage)
        assert "[1Paper]" in screen_text(app)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_live_is_in_red_in_the_first_row(real_dir: Path, size: tuple[int, int]) -> None:
    """On every view, and above a dialog."""
    app = make_app(real_dir)
    async with app.run_test(size=size) as pilot:
        await loaded(pilot)
        for key, _, _ in TABS:
            await pilot.press("question_mark" if key == "?" else key)
            await pilot.pause()
            row = page(app).query_one(StatusRow)
            first, *_ = row.render_line(0)
            assert (first.text, first.style) == (" LIVE ", row.paint("alarm"))
            assert " LIVE " in screen_text(app).splitlines()[0]
        await pilot.press("f9")
        await pilot.pause(0.2)
        assert isinstance(app.screen, CloseAll)
        assert " LIVE " in screen_text(app).splitlines()[0]


async def test_a_stop_that_nobody_has_seen_is_an_alarm(real_dir: Path) -> None:
    with closing(sqlite3.connect(real_dir / "tradebot.db")) as db, db:
        db.execute("UPDATE snapshot SET body = json_set(body, '$.positions[0].stop_seen', NULL)")
    app = make_app(real_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert "UNSEEN" in screen_text(app)
        with closing(sqlite3.connect(real_dir / "tradebot.db")) as db, db:
            db.execute("UPDATE snapshot SET body = json_set(body, '$.positions[0].stop', NULL)")
            db.execute("UPDATE orders SET status = 'unknown' WHERE status = 'working'")
        app.feed.close()
        app = make_app(real_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert "NO STOP" in screen_text(app)
        assert "UNKNOWN" in screen_text(app)
