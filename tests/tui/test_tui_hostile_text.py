"""What others wrote reaches the screen as text: no byte of it that a terminal obeys, or that turns what is read."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from kits.tui_kit import loaded, make_app, screen_text

from tradebot.core.model.text import escaped
from tradebot.guard.latch import write_halt
from tradebot.guard.notice import write_notice
from tradebot.tui.app import TradebotApp

HOSTILE = "a\x1b[31mb\x07c\nd\x9b31me\u202ef\u2066g\u061ch\x00i[bold red]j[/]"
"""C0, C1 and bidirectional controls, a line break, and Textual's own markup."""

SHOWN = "a\\x1b[31mb\\x07c\\nd\\x9b31me"

CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

VIEWS = ["1", "2", "3", "4", "5", "6", "7", "8", "question_mark"]

COLUMNS = {
    "signals": ("reason",),
    "orders": ("reason",),
    "trades": ("exit_reason",),
    "halts": ("detail", "who"),
    "runs": ("market", "strategy", "error"),
}


def poisoned(data_dir: Path) -> Path:
    """Write the text wherever somebody else's may stand: without the key, as an attacker or a bug would."""
    write_halt(data_dir, HOSTILE, HOSTILE)
    write_notice(data_dir, HOSTILE)
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
        for table, columns in COLUMNS.items():
            for column in columns:
                db.execute(f"UPDATE {table} SET {column} = ?", (HOSTILE,))
        (body,) = db.execute("SELECT body FROM snapshot").fetchone()
        shown = {**json.loads(body), "market": HOSTILE, "halts": {"user": HOSTILE}}
        db.execute("UPDATE snapshot SET body = ?", (json.dumps(shown),))
        db.execute(
            "INSERT INTO halts SELECT 1000000, id, started, started, 'halted', 'user', ?, ?, 1 FROM runs",
            (HOSTILE, HOSTILE),
        )
    return data_dir


async def seen(app: TradebotApp, keys: list[str]) -> str:
    """Return all that was on screen after each key, whatever the view."""
    pictures = []
    async with app.run_test(size=(120, 40)) as pilot:
        await loaded(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.1)
            for strip in app.screen._compositor.render_strips():
                assert "\n" not in strip.text
            pictures.append(screen_text(app))
    return "\n".join(pictures)


@pytest.mark.parametrize("keys", [VIEWS, ["f9"], ["3", "enter"], ["6", "r"]], ids=str)
async def test_nothing_that_a_terminal_obeys(data_dir: Path, keys: list[str]) -> None:
    poisoned(data_dir)
    text = await seen(make_app(data_dir), keys)
    assert CONTROLS.findall(text) == []
    assert SHOWN in text
    assert escaped(HOSTILE).startswith(SHOWN)
    assert "[bold red]j[/]" in text or keys is not VIEWS  # it is no markup either
