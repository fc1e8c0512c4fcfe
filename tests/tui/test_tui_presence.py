"""The question whether somebody is there: seen at both sizes, answered by any key, and in nobody's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kits.tui_kit import banner, loaded, make_app, screen_text, trade_live
from kits.watched import Watched
from textual.pilot import Pilot

from tradebot.tui.app import TradebotApp
from tradebot.tui.closing import CloseAll
from tradebot.tui.page import LIVE
from tradebot.tui.reason import AskReason
from tradebot.tui.setting import Exit

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]


@pytest.fixture
def watched(data_dir: Path) -> Watched:
    """A live run of which an answer has been wanted for 18 s."""
    trade_live(data_dir)
    found = Watched()
    found.supervision.look(found.run)
    found.at(5.3)
    return found


def app_of(data_dir: Path, watched: Watched) -> TradebotApp:
    return make_app(data_dir, supervision=watched.supervision, ended=lambda: None)


async def shown(pilot: Pilot[Exit]) -> None:
    await loaded(pilot)
    assert isinstance(pilot.app, TradebotApp)
    pilot.app.paint()
    await pilot.pause(0.2)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_it_asks(snap_compare: Compare, data_dir: Path, watched: Watched, size: tuple[int, int]) -> None:  # fmt: skip
    assert snap_compare(app_of(data_dir, watched), terminal_size=size, run_before=shown)


async def pressed(data_dir: Path, watched: Watched, *keys: str) -> Any:
    """Press keys while it is asked; return the app as it was then."""
    app = app_of(data_dir, watched)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        assert "ARE YOU THERE? Press any key: else no entries in 42 s" in banner(app)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        app.paint()
        await pilot.pause(0.2)
        return app.current_mode, type(app.screen), banner(app), app.is_running, screen_text(app)


@pytest.mark.parametrize("key", ["space", "enter", "4", "q", "y"])
async def test_a_key_answers_and_means_nothing_else(data_dir: Path, watched: Watched, key: str) -> None:  # fmt: skip
    mode, _, text, running, _ = await pressed(data_dir, watched, key)
    assert (mode, running) == (LIVE, True)
    assert "ARE YOU THERE" not in text
    assert watched.supervision.asks_s is None
    watched.at(10.2)
    assert watched.supervision.asks_s is None
    assert not watched.halted


async def test_f9_asks_what_it_always_asks(data_dir: Path, watched: Watched) -> None:
    _, screen, _, _, _ = await pressed(data_dir, watched, "f9")
    assert screen is CloseAll
    assert watched.supervision.asks_s is None


async def test_nothing_typed_in_a_dialog_is_lost(data_dir: Path, watched: Watched) -> None:
    app = app_of(data_dir, watched)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        app.push_screen(AskReason([], review=False))
        await pilot.pause(0.3)
        await pilot.press("a", "b", "c")
        await pilot.pause(0.3)
        assert "abc" in screen_text(app)
        assert watched.supervision.asks_s is None


async def test_a_mouse_is_nobody(data_dir: Path, watched: Watched) -> None:
    app = app_of(data_dir, watched)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        await pilot.hover(offset=(10, 10))
        await pilot.click(offset=(10, 10))
        await pilot.pause(0.2)
        assert watched.supervision.asks_s is not None


async def test_too_late_is_said_too(data_dir: Path, watched: Watched) -> None:
    watched.at(6)
    assert watched.halted
    app = app_of(data_dir, watched)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot)
        assert "NOBODY ANSWERED: no entries. 6 r resumes." in banner(app)
        await pilot.press("6")
        await pilot.pause(0.3)
        assert watched.halted  # a key alone does not resume
