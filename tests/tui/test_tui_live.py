"""The screens of a run with real money: what must be on them, at both sizes as pictures."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kits.tui_kit import NOW, banner, loaded, make_app, page, screen_text, trade_live
from textual.pilot import Pilot

from tradebot.app.closed import Closed
from tradebot.app.target import Request
from tradebot.guard.latch import HALT_FILE, clear_halt
from tradebot.guard.lock import InstanceLock
from tradebot.guard.process import process_start
from tradebot.tui.app import FIRST, TradebotApp
from tradebot.tui.closing import CloseAll
from tradebot.tui.feed import View
from tradebot.tui.live import LivePage
from tradebot.tui.page import LIVE, PAPER, TABS
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


def pressing(*keys: str, until: str = "") -> Callable[[Pilot[Exit]], Any]:
    async def press(pilot: Pilot[Exit]) -> None:
        await loaded(pilot)
        app = pilot.app
        assert isinstance(app, TradebotApp)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.4)
        await come(pilot, lambda: until in screen_text(app))
        app.paint()  # once more, now that everything has its size
        await pilot.pause(0.1)

    return press


async def come(pilot: Pilot[Exit], true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    app = pilot.app
    assert isinstance(app, TradebotApp)
    for _ in range(60):
        if true():
            return
        app.look()
        await pilot.pause(0.1)
    raise AssertionError(screen_text(app))


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


ROWS: list[tuple[str, dict[str, Any]]] = [
    ("begin", {"who": "ana", "account": "the live account"}),
    ("taken", {"role": "engine"}),
    ("read", {"open": ["BTC/USDT position", "BTC/USDT stop or target", "XRP/USDT position"]}),
    ("close", {"symbol": "BTC/USDT", "role": "engine"}),
    ("close", {"symbol": "XRP/USDT", "role": "engine"}),
    ("answer", {"symbol": "BTC/USDT", "ok": True, "role": "engine"}),
    ("read", {"open": ["BTC/USDT stop or target", "XRP/USDT position"], "role": "engine"}),
    ("cancel", {"symbol": "BTC/USDT", "role": "engine"}),
]
NO = {"symbol": "XRP/USDT", "ok": False, "code": -1008, "said": "system busy (-1008)"}
LEFT = {"symbol": "XRP/USDT", "side": "short", "qty": "40", "what": "position"}


def tell_rows(data_dir: Path, *rows: tuple[str, dict[str, Any]]) -> None:
    """Put a close-all of this process on record, as it would be."""
    pid = os.getpid()
    text = ""
    for number, (step, more) in enumerate(rows):
        row = {"step": step, "wall": NOW + number * 200, "pid": pid, "role": "command"}
        text += json.dumps({**row, "number": number, "started": process_start(pid), **more}) + "\n"
    (data_dir / "close-all.jsonl").write_text(text)
    latched = {"reason": "F9 on the screen", "who": "ana", "kind": "close-all", "wall": NOW}
    (data_dir / HALT_FILE).write_text(json.dumps({**latched, "account": "live"}) + "\n")


def meets(monkeypatch: pytest.MonkeyPatch, close: Callable[..., Closed]) -> None:
    """Have F9 meet this in the place of an account."""
    monkeypatch.setattr("tradebot.app.control.close_all", close)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_closing(
    snap_compare: Compare, real_dir: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def close(
        data_dir: Path, request: Request, wait_s: float, told: Callable[[str], None]
    ) -> Closed:
        tell_rows(data_dir, *ROWS)
        told("the engine: close XRP/USDT")
        over.wait(20)  # the screen's end waits for it
        return Closed([], "closed by the engine")

    meets(monkeypatch, close)
    try:
        keys = pressing("f9", "right", "enter", until="close sent")
        assert snap_compare(make_app(real_dir), terminal_size=size, run_before=keys)
    finally:
        over.set()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_remains(
    snap_compare: Compare, real_dir: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(
        data_dir: Path, request: Request, wait_s: float, told: Callable[[str], None]
    ) -> Closed:
        still = ("read", {"open": ["XRP/USDT position"]})
        result = ("result", {"code": 6, "left": [LEFT]})
        tell_rows(data_dir, *ROWS, ("answer", NO), still, result)
        return Closed([LEFT], "closed by the engine")

    meets(monkeypatch, close)
    keys = pressing("f9", "right", "enter", until="STILL OPEN")
    assert snap_compare(make_app(real_dir), terminal_size=size, run_before=keys)


async def test_a_close_all_from_elsewhere_is_told_until_it_is_resumed(real_dir: Path) -> None:
    tell_rows(real_dir, *ROWS)
    app = make_app(real_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await loaded(pilot)
        assert "CLOSING ALL of the live account: under way: 0 of 2 symbols" in banner(app)
        tell_rows(real_dir, *ROWS, ("result", {"code": 6, "left": [LEFT]}))
        await come(pilot, lambda: "left: XRP/USDT position 40" in banner(app))
        clear_halt(real_dir, NOW + 10**12)
        await come(pilot, lambda: "XRP/USDT" not in banner(app))


async def test_a_close_all_that_went_well_leaves_no_alarm(real_dir: Path) -> None:
    tell_rows(real_dir, *ROWS, ("result", {"code": 0, "left": []}))
    app = make_app(real_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await loaded(pilot)
        assert "CLOS" not in banner(app).replace("close-all", "")


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


async def test_where_no_stage_binds_none_is_shown(data_dir: Path) -> None:
    trade_live(data_dir)
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
        db.execute("UPDATE snapshot SET body = json_remove(body, '$.stage')")
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert "stage -" in screen_text(app)
        assert "stage 1" not in screen_text(app)


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


async def test_a_look_that_ends_while_the_screens_are_taken_down_shows_nothing(
    real_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(real_dir)
    looked = []
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        taken_down = app._prune

        async def look_now(*screens: Any) -> None:
            if not app.get_screen_stack(PAPER):
                app.view = View(
                    app.setting.clock(), app.data_dir, FIRST
                )  # its front is down already
                app.paint()
                looked.append(app.current_mode)
            await taken_down(*screens)

        monkeypatch.setattr(app, "_prune", look_now)
    assert looked == [LIVE]
    assert app._exception is None


async def test_a_hung_engine_leaves_time_for_f9_and_then_ends(real_dir: Path) -> None:
    """On a screen the watchdog waits a minute, and longer while somebody is about to close everything."""
    hung = [59.0]
    app = make_app(real_dir, hung=lambda: hung[0], patience_s=60.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.look()
        await pilot.pause(0.3)
        assert not app._exit
        await pilot.press("f9")
        await come(pilot, lambda: isinstance(app.screen, CloseAll))
        hung[0] = 61.0
        app.look()
        await pilot.pause(0.3)
        assert not app._exit
        await pilot.press("escape")
        await come(pilot, lambda: app._exit)
    assert app.return_value == Exit("hung")


async def test_an_engine_elsewhere_may_hang_for_ever(real_dir: Path) -> None:
    app = make_app(real_dir, hung=lambda: 999.0)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.look()
        await pilot.pause(0.3)
        assert not app._exit
