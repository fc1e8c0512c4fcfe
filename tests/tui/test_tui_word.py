"""Real money begins from the screens with the word only, typed under everything that is at stake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.tui_kit import loaded, make_app, screen_text, trade_live
from textual.pilot import Pilot
from textual.widgets import Input

from tradebot.core.model.errors import RefusedError
from tradebot.tui.app import TradebotApp
from tradebot.tui.setting import AtStake, Exit
from tradebot.tui.word import AskWord, stake_lines

LIMITS = {
    "position_value": "50",
    "max_positions": "2",
    "trade_loss": "5",
    "day_loss": "25",
    "week_loss": "100",
    "since_signoff_loss": "50",
    "leverage": "1",
    "margin_utilisation_pct": "50",
    "liquidation_alert_pct": "80",
    "liquidation_close_pct": "90",
    "entry_interval_s": "60",
    "blackout_hours": "0, 1, 22, 23",
}

Compare = Callable[..., bool]


class Desk:
    """What the screen is given to start live with; remembers the tokens."""

    def __init__(self, *, open: Sequence[str] = (), error: RefusedError | None = None) -> None:
        self.tokens: list[str] = []
        self._open, self._error = open, error

    def check(self) -> AtStake:
        if self._error is not None:
            raise self._error
        symbols, equity = ("BTC/USDT", "ETH/USDT"), Decimal("412.5")
        return AtStake(
            *("live", 1, symbols, "ema_cross", equity, LIMITS, "token", "LIVE", self._open)
        )

    def start(self, token: str) -> str:
        self.tokens.append(token)
        return "a headless engine runs"

    def app(self, data_dir: Path) -> TradebotApp:
        return make_app(data_dir, start=_never, check_live=self.check, start_live=self.start)


def _never() -> str:
    pytest.fail("paper was started")


async def come(pilot: Pilot[Exit], true: Callable[[], object]) -> None:
    """Wait until something is so."""
    for _ in range(300):
        if true():
            return
        await pilot.pause(0.05)
    raise AssertionError(screen_text(_app(pilot)))


def _app(pilot: Pilot[Exit]) -> TradebotApp:
    assert isinstance(pilot.app, TradebotApp)
    return pilot.app


def notes(pilot: Pilot[Exit]) -> str:
    return "\n".join(f"{one.title} {one.message}" for one in pilot.app._notifications)


async def ask(pilot: Pilot[Exit], *keys: str) -> None:
    await loaded(pilot)
    await pilot.press(*keys)
    await come(pilot, lambda: isinstance(pilot.app.screen, AskWord))


@pytest.mark.parametrize(("stage", "said"), [(2, "stage 2"), (None, "no stage binds")])
def test_a_stage_is_named_where_one_binds(stage: int | None, said: str) -> None:
    lines = stake_lines(replace(Desk().check(), account="demo", stage=stage))
    assert lines[0][0][0] == f" LIVE: real orders on the demo account, {said} "


@pytest.mark.parametrize("keys", [("6", "l"), ("6", "b")], ids=["l", "b on a live run"])
async def test_all_that_is_at_stake_is_shown_and_the_word_starts_it(
    data_dir: Path, keys: tuple[str, ...]
) -> None:
    if keys[1] == "b":
        trade_live(data_dir)
    desk = Desk()
    async with desk.app(data_dir).run_test(size=(80, 24)) as pilot:
        await ask(pilot, *keys)
        await pilot.pause(0.2)
        text = screen_text(_app(pilot))
        for word in ("live account, stage 1", "BTC/USDT, ETH/USDT with ema_cross", "$412.50"):
            assert word in text
        for name, value in LIMITS.items():
            words = {"liq": "liquidation", "ent": "entries", "bla": "entries"}.get(name[:3])
            words = words or name.removesuffix("_pct").replace("_", " ")
            assert any(words in line and value in line for line in text.splitlines()), name
        assert "type LIVE to trade" in text
        assert desk.tokens == []
        await pilot.press(*"LIVE", "enter")
        await come(pilot, lambda: desk.tokens)
        assert desk.tokens == ["token"]


@pytest.mark.parametrize("typed", ["live", "LIVES", "yes", ""])
async def test_another_word_starts_nothing(data_dir: Path, typed: str) -> None:
    desk = Desk()
    async with desk.app(data_dir).run_test(size=(80, 24)) as pilot:
        await ask(pilot, "6", "l")
        await pilot.press(*typed, "enter")
        await come(pilot, lambda: "nothing was started" in notes(pilot))
        assert desk.tokens == []


async def test_escape_starts_nothing(data_dir: Path) -> None:
    desk = Desk()
    async with desk.app(data_dir).run_test(size=(80, 24)) as pilot:
        await ask(pilot, "6", "l")
        await pilot.press("escape")
        await come(pilot, lambda: "nothing was started" in notes(pilot))
        assert desk.tokens == []


async def test_what_is_open_is_protected_without_a_word(data_dir: Path) -> None:
    desk = Desk(open=["ETH/USDT 0.013 (journal)"])
    async with desk.app(data_dir).run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("6", "l")
        await come(pilot, lambda: desk.tokens)
        assert desk.tokens == [""]


async def test_a_checklist_that_fails_says_why(data_dir: Path) -> None:
    desk = Desk(error=RefusedError("not fit for real money: leverage", hint="close what is open"))
    async with desk.app(data_dir).run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("6", "l")
        await come(pilot, lambda: "not fit for real money: leverage" in notes(pilot))
        assert "close what is open" in notes(pilot)
        assert desk.tokens == []
        assert not isinstance(pilot.app.screen, AskWord)


async def test_a_screen_that_belongs_to_an_engine_starts_no_other(data_dir: Path) -> None:
    async with make_app(data_dir).run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("6", "l")
        await come(pilot, lambda: "belongs to the command that opened it" in notes(pilot))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
def test_picture(snap_compare: Compare, data_dir: Path, size: tuple[int, int]) -> None:
    async def press(pilot: Pilot[Exit]) -> Any:
        await ask(pilot, "6", "l")
        pilot.app.screen.query_one(Input).cursor_blink = False
        await pilot.pause(0.3)
        _app(pilot).paint()
        await pilot.pause(0.1)

    assert snap_compare(Desk().app(data_dir), terminal_size=size, run_before=press)
