"""The kill keys and the other keys, over every focus and every dialog."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kits.tui_kit import NOW, banner, loaded, make_app, page, screen_text, status
from textual.pilot import Pilot
from textual.widgets import Button

from tradebot.cli.tui_commands import _exchange
from tradebot.guard.latch import halt_present, read_halts, write_halt
from tradebot.guard.lock import Traded
from tradebot.journal.reader import Reader
from tradebot.tui.closing import FIRST_S, HELD_S, LATE_S, CloseAll
from tradebot.tui.grid import Grid
from tradebot.tui.holdings import Holdings
from tradebot.tui.keybar import BRIEF
from tradebot.tui.page import TABS, FilterBox
from tradebot.tui.reason import AskReason
from tradebot.tui.setting import Exit


async def settle(pilot: Pilot[Exit], seconds: float = 0.3) -> None:
    """Wait so long, then on while a command is under way: the machine may have other things to do."""
    await pilot.pause(seconds)
    for _ in range(600):
        if all(one.is_finished for one in pilot.app.workers if one.group in ("kill", "control")):
            break
        await pilot.pause(0.05)
    await pilot.pause()


async def until(pilot: Pilot[Exit], holds: Callable[[], bool]) -> None:
    """Wait for what takes a while: a journal to be opened, on a machine that has other things to do."""
    for _ in range(600):
        await settle(pilot, 0.1)
        if holds():
            return


def positions(data_dir: Path) -> int:
    with Reader(data_dir / "tradebot.db") as reader:
        return sum(len(reader.positions(run.id)) for run in reader.runs())


OVER = {
    "a table": (),
    "the filter": ("slash",),
    "a trade's details": ("enter",),
    "the palette": ("ctrl+p",),
    "the dialog of F9": ("f9",),
    "help": ("question_mark",),
}


@pytest.mark.parametrize("keys", OVER.values(), ids=OVER.keys())
async def test_f8_halts_over_everything(data_dir: Path, keys: tuple[str, ...]) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press(*keys)
        await pilot.press("f8")
        await settle(pilot, 0.45)
        assert halt_present(data_dir)
        assert "HALTED" in banner(app)
        assert "ana: F8" in banner(app)
        assert "HALTED" in screen_text(app)  # beneath a dialog it still shows


async def test_f8_held_down_is_one_halt(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test() as pilot:
        await loaded(pilot)
        await pilot.press(*["f8"] * 10)
        await settle(pilot)
        assert len(read_halts(data_dir)) == 1


async def test_f8_is_tried_again_after_one_that_failed(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test() as pilot:
        await loaded(pilot)
        away = data_dir.rename(data_dir.parent / "away")
        data_dir.write_text("no directory")
        await pilot.press("f8")
        await settle(pilot)
        assert "HALT FAILED" in banner(app)
        data_dir.unlink()
        away.rename(data_dir)
        await pilot.press("f8")
        await settle(pilot)
        assert len(read_halts(data_dir)) == 1


async def test_f9_shows_what_will_be_closed_and_cancels(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f9")
        await settle(pilot)
        assert isinstance(app.screen, CloseAll)
        assert isinstance(app.focused, Button)
        assert app.focused.id == "cancel"
        text = screen_text(app)
        assert "USDT long" in text
        assert "stop_market" in text
        await pilot.press("enter")
        await settle(pilot)
        assert not isinstance(app.screen, CloseAll)
        assert positions(data_dir) == 1
        assert not halt_present(data_dir)


@pytest.mark.parametrize("keys", [("slash",), ("enter",), ("ctrl+p",)], ids=str)
async def test_f9_twice_closes_everything_without_an_engine(
    data_dir: Path, keys: tuple[str, ...]
) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press(*keys)
        await pilot.press("f9")
        await settle(pilot, FIRST_S + 0.1)
        await pilot.press("f9")
        await until(pilot, lambda: "ALL CLOSED" in banner(app))
        assert positions(data_dir) == 0
        assert "ALL CLOSED" in banner(app)
        assert halt_present(data_dir)


async def test_f9_held_down_confirms_nothing(data_dir: Path) -> None:
    now = [0.0]
    app = make_app(data_dir, seconds=lambda: now[0])
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f9")
        await settle(pilot)
        now[0] += 0.66  # the delay before a keyboard repeats, then 30 presses a second
        dialog = app.screen
        assert isinstance(dialog, CloseAll)
        for _ in range(
            30
        ):  # as fast as a terminal that stood still gives them: no key waits for the screen
            dialog.press()
            now[0] += 0.033
        await settle(pilot, HELD_S + 0.3)
        assert app.screen is dialog
        assert positions(data_dir) == 1


async def test_f9_held_down_on_a_screen_that_stands_still_confirms_nothing(data_dir: Path) -> None:
    app = make_app(data_dir, seconds=time.monotonic)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f9")
        await settle(pilot, FIRST_S + 0.1)
        dialog = app.screen
        assert isinstance(dialog, CloseAll)
        dialog.press()
        time.sleep(HELD_S + LATE_S + 0.1)  # the screen is busy; the key repeats meanwhile, unheard
        await asyncio.sleep(0.01)
        dialog.press()
        await settle(pilot, HELD_S + 0.3)
        assert app.screen is dialog
        assert positions(data_dir) == 1


def test_a_look_that_comes_back_while_it_leaves_is_let_go(data_dir: Path) -> None:
    app = make_app(data_dir)
    assert app.screen_stack == []
    app.paint()


async def test_f9_too_early_confirms_nothing(data_dir: Path) -> None:
    now = [0.0]
    app = make_app(data_dir, seconds=lambda: now[0])
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f9")
        await settle(pilot)
        now[0] += FIRST_S - 0.01
        await pilot.press("f9")
        await settle(pilot, HELD_S + 0.2)
        assert isinstance(app.screen, CloseAll)
        now[0] += FIRST_S
        await pilot.press("f9")
        await until(pilot, lambda: positions(data_dir) == 0)
        assert positions(data_dir) == 0


async def test_f9_asks_even_if_the_journal_is_damaged(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        (data_dir / "tradebot.db").write_bytes(b"not a database, not at all" * 100)
        await pilot.press("f9")
        await settle(pilot)
        assert "cannot be told" in screen_text(app)
        await pilot.press("right", "enter")
        await settle(pilot, 0.8)
        assert "NOT PROVED CLOSED" in banner(app)
        assert halt_present(data_dir)


async def test_digits_reach_every_view(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        for key, name, mode in TABS:
            await pilot.press("question_mark" if key == "?" else key)
            await pilot.pause()
            assert app.current_mode == mode
            bar = screen_text(app).splitlines()[-1]
            assert f"[{key}" in bar
            assert "F8 HALT" in bar
            assert "F9 CLOSE ALL" in bar
            assert BRIEF.get(name, name) in bar or key == "?"
            assert status(app).startswith(" PAPER")
        await pilot.press("escape")
        await pilot.pause()
        assert app.current_mode == "paper"


async def test_filter_sort_and_details(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test(size=(120, 40)) as pilot:
        await loaded(pilot)
        trades = page(app).query_one("#trades", Grid)
        assert trades.has_focus
        everything = list(trades.rows)
        await pilot.press("slash", *"eth", "enter")
        await pilot.pause()
        assert {row.symbol for row in trades.rows} == {"ETH/USDT"}
        assert trades.has_focus
        assert not page(app).query_one(FilterBox).display
        await pilot.press("escape")
        assert trades.rows == everything
        await pilot.press("s", "s", "S")
        names = [row.symbol for row in trades.rows]
        assert names == sorted(names, reverse=True)
        await pilot.press("down", "enter")
        await settle(pilot)
        text = screen_text(app)
        for word in ("Signal", "reason", "Orders", "Fills", "closed by", trades.rows[1].symbol):
            assert word in text
        await pilot.press("escape")
        await pilot.pause()
        assert "Orders 3" not in screen_text(app)


async def test_escape_gives_a_filter_up_while_it_is_typed(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test() as pilot:
        await loaded(pilot)
        await pilot.press("slash", *"nothing has this")
        await pilot.pause()
        trades = page(app).query_one("#trades", Grid)
        assert trades.rows == []
        assert "Nothing here contains" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert trades.rows
        assert trades.has_focus


async def test_resume_needs_a_reason_and_goes_on_record(data_dir: Path) -> None:
    write_halt(data_dir, "looks odd", "eve")
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert "eve: looks odd" in banner(app)
        await pilot.press("6", "r")
        await pilot.pause()
        assert isinstance(app.screen, AskReason)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, AskReason)
        await pilot.press(*"seen", "enter")
        await until(pilot, lambda: "HALTED" not in banner(app))
        assert not halt_present(data_dir)
        assert "HALTED" not in banner(app)


async def test_quit_asks_while_a_live_run_holds_positions(live_dir: Path) -> None:
    app = make_app(live_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("q")
        await pilot.pause()
        assert "goes on without this screen" in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "goes on without" not in screen_text(app)
        await pilot.press("q", "q")
        await pilot.pause()
    assert app.return_value == Exit("quit")


async def test_quit_does_not_ask_when_no_engine_runs(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test() as pilot:
        await loaded(pilot)
        await pilot.press("q")
        await pilot.pause()
    assert app.return_value == Exit("quit")


async def test_a_run_is_chosen_from_the_list(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test() as pilot:
        await loaded(pilot)
        await pilot.press("6", "enter")
        await settle(pilot)
        assert app.current_mode == "paper"
        assert app.feed.pinned is None  # it is the newest one: whatever comes after it is followed


async def test_the_palette_finds_every_action(data_dir: Path) -> None:
    app = make_app(data_dir)
    async with app.run_test() as pilot:
        await loaded(pilot)
        titles = [command.title for command in app.get_system_commands(app.screen)]
        for word in ("HALT", "CLOSE ALL", "Resume", "Stop", "Start", "Quit", "Signals", "Risk"):
            assert any(word in title for title in titles)


async def test_start_is_asked_for_only_where_no_engine_runs(data_dir: Path) -> None:
    started: list[int] = []

    def start() -> str:
        started.append(NOW)
        return "it runs"

    app = make_app(data_dir, start=start)
    async with app.run_test() as pilot:
        await loaded(pilot)
        await pilot.press("6", "b")
        await settle(pilot)
        assert started == [NOW]


async def test_start_refuses_beside_a_live_engine(live_dir: Path) -> None:
    app = make_app(live_dir, start=lambda: pytest.fail("it was started"))
    async with app.run_test() as pilot:
        await loaded(pilot)
        await pilot.press("6", "b")
        await settle(pilot)
        assert [note.message for note in app._notifications] == ["An engine runs already."]


async def test_f9_leaves_the_screen_when_the_engine_of_its_own_process_hangs(
    live_dir: Path,
) -> None:
    app = make_app(live_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f9")
        await settle(pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: app._exit)
    assert app.return_value == Exit("direct", run="paper-0001")


def test_f9_lists_what_is_on_the_account_and_not_the_runs() -> None:
    holdings = Holdings((), others=("XRP/USDT short 40",))
    text = "\n".join(
        span for line in holdings.lines(Path("data"), "the demo account") for span, _ in line
    )
    assert "the demo account" in text
    assert "not this run's: XRP/USDT short 40" in text
    assert "Nothing is open" not in text


def test_what_takes_the_place_of_a_hung_engine_finds_its_account() -> None:
    traded = Traded("demo", "127.0.0.1:1", "f" * 16, "http://127.0.0.1:1")
    assert _exchange(traded) == {
        "TRADEBOT_EXCHANGE__ENVIRONMENT": "demo",
        "TRADEBOT_EXCHANGE__URL": "http://127.0.0.1:1",
    }
