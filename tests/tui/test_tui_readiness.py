"""The Readiness view: gates as bars, the next step in words, sign-off and incidents; it can only be looked at."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.tui_kit import NOW, loaded, make_app
from textual.pilot import Pilot

from tradebot.app.readiness_view import ReadinessView
from tradebot.core.model.values import DAY_MS
from tradebot.journal.facts import SignedOff
from tradebot.reports.readiness.signoffs import Signature
from tradebot.reports.readiness.verdict import GateVerdict
from tradebot.tui.app import TradebotApp
from tradebot.tui.lines import Lines
from tradebot.tui.painted import Line
from tradebot.tui.readiness import ReadinessPage, readiness_lines, share_of
from tradebot.tui.setting import Exit

SIZES = [(80, 24), (120, 40)]
Compare = Callable[..., bool]


def gate(name: str, *reasons: str, wait_s: int | None = None, todo: str = "") -> GateVerdict:
    return GateVerdict(
        name, not reasons, f"what {name} needs", "in order", reasons, todo=todo, wait_s=wait_s
    )


def signature(name: str, day: int, *lapsed: str) -> Signature:
    words = ("role", "words", (), "hash", "config", "{}", "50", 1, "1:00", "sources", "key")
    return Signature(1, NOW - day * DAY_MS, SignedOff(name, *words), lapsed)


FOUND = ReadinessView(
    NOW,
    "ema_cross",
    1,
    (
        gate("backtest"),
        gate(
            "paper",
            "3 profitable trades",
            "XRP/USDT open at its end",
            wait_s=3600,
            todo="tradebot paper",
        ),
        gate("testnet", "no run on Demo Trading counts yet", wait_s=3600),
        gate("stability", "ghost: it lasted 6 h", wait_s=18 * 3600),
        gate("ghost"),
        gate("parity", "nothing has been replayed"),
        gate("drill"),
        gate("keys", "key: not readable"),
        gate("account", "account: not readable"),
        gate("walls", "1 incident open"),
        gate("reviewers", "1 more to sign"),
    ),
    (signature("Ada", 3), signature("Grace", 40, "it is 40.0 days old (at most 30)")),
    ("7 unprotected: XRP/USDT had no stop for 9 s",),
)


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line).rstrip()


def told(found: ReadinessView, width: int = 78) -> list[str]:
    return [text_of(line) for line in readiness_lines(found, width)]


@pytest.mark.parametrize("width", [78, 118])
def test_every_gate_has_a_line_with_a_bar_and_all_of_it_fits(width: int) -> None:
    lines = told(FOUND, width)
    assert max(map(len, lines)) <= width
    assert len(lines) <= 20  # what 24 rows leave beside the frame
    rows = {line[3:].split()[0]: line for line in lines[2:13]}
    assert list(rows) == [one.gate for one in FOUND.verdicts]
    assert rows["backtest"].startswith("ok backtest   ████████")
    assert rows["paper"].startswith("NO paper      ██████")
    assert "3 profitable trades; XRP/USDT open at its end" in rows["paper"]
    assert "read when live starts" in rows["keys"]
    assert rows["keys"].startswith("-- ")
    assert "played when live starts" in rows["parity"]


def test_the_head_the_next_step_and_what_is_open_are_in_words() -> None:
    head, *lines = told(FOUND)
    assert head == "gates 3 of 11  sign-off none stands  incidents 1  walls binds, no stage"
    head, *_ = told(replace(FOUND, binds=True))
    assert head == "stage 1  gates 3 of 11  sign-off none stands  incidents 1  all bind"
    assert "next  paper: tradebot paper, at least 1h00m" in lines
    assert "sign-off  Ada (role) until 2026-02-01" in lines
    assert "sign-off  Grace (role) no longer: it is 40.0 days old (at most 30)" in lines
    assert "incident  7 unprotected: XRP/USDT had no stop for 9 s" in lines


def test_two_who_have_signed_are_counted_in_days_by_the_elder() -> None:
    both = replace(FOUND, signed=(signature("Ada", 3), signature("Grace", 1), signature(" ada", 9)))
    assert len(both.standing) == 2
    assert both.days_left == 21  # what a person has signed last is what counts of them
    assert replace(FOUND, signed=()).days_left is None
    assert "nobody has signed: `tradebot signoff`, in a terminal" in "\n".join(
        told(replace(FOUND, signed=()))
    )


def test_where_everything_passes_it_says_what_is_left() -> None:
    passing = tuple(gate(one.gate) for one in FOUND.verdicts)
    lines = told(replace(FOUND, verdicts=passing, incidents=(), binds=True))
    assert "gates 11 of 11" in lines[0]
    two = (signature("Ada", 3), signature("Grace", 1))
    for binds in (True, False):
        whole = replace(FOUND, verdicts=passing, incidents=(), signed=two, binds=binds)
        assert len(told(whole)[0]) <= 78
    assert "next  every gate that can be judged now passes" in "\n".join(lines)


@pytest.mark.parametrize(
    ("one", "share"),
    [
        (gate("paper"), "1"),
        (gate("paper", "no", wait_s=3600), "0.75"),
        (gate("ghost", "no", wait_s=24 * 3600), "0"),
        (gate("ghost", "no", wait_s=36 * 3600), "0"),
        (gate("reviewers", "1 more to sign"), "0.5"),
        (gate("drill", "no drill on record"), "0"),
        (gate("testnet", "no"), "0"),
    ],
)
def test_a_bar_is_what_is_done_of_it(one: GateVerdict, share: str) -> None:
    assert share_of(one, FOUND) == Decimal(share)


def test_a_strategy_that_cannot_be_loaded_is_said_in_words() -> None:
    (line,) = told(ReadinessView(NOW, "own.py:Own", problem="there is no file own.py."))
    assert line == "there is no file own.py."


async def shown(pilot: Pilot[Exit]) -> Lines:
    """Go to the view and wait until it has looked."""
    await loaded(pilot)
    await pilot.press("0")
    for _ in range(600):
        await pilot.pause(0.05)
        if isinstance(pilot.app.screen, ReadinessPage):
            board: Lines = pilot.app.screen.query_one("#gates", Lines)
            if "stage" in board.text:
                return board
    raise AssertionError("it never looked")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_view(
    snap_compare: Compare, data_dir: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradebot.tui.readiness.look_now", lambda _: FOUND)

    async def look(pilot: Pilot[Exit]) -> None:
        await shown(pilot)
        assert isinstance(pilot.app, TradebotApp)
        pilot.app.paint()
        await pilot.pause(0.1)

    assert snap_compare(make_app(data_dir), terminal_size=size, run_before=look)


async def test_it_looks_at_the_real_journal_and_no_key_signs_anything(data_dir: Path) -> None:
    def rows() -> Any:
        with closing(sqlite3.connect(data_dir / "tradebot.db")) as db:
            return db.execute("SELECT count(*), max(seq) FROM audit").fetchone()

    before = rows()
    app = make_app(data_dir)
    async with app.run_test(size=(80, 24)) as pilot:
        board = await shown(pilot)
        assert "NO paper" in board.text
        assert "next  backtest: " in board.text
        for key in ("s", "enter", "r", "y", "space", "b"):
            await pilot.press(key)
        assert isinstance(pilot.app.screen, ReadinessPage)
    assert rows() == before
