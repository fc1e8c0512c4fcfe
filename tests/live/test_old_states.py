"""States of older versions: what they do not hold is worked out from the journal."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from kits.live_scene import Scene, scene

from tradebot.app.books import count_lines, sum_brought
from tradebot.app.standing import act
from tradebot.app.target import Request
from tradebot.core.model import codec
from tradebot.core.model.events import CashMoved
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.seal import link_at, sign_state


def test_cash_lines_that_nobody_counted_are_counted_from_the_audit_trail(tmp_path: Path) -> None:
    scene(tmp_path, 40)
    with Reader(tmp_path / "tradebot.db") as reader:
        run = reader.resolve_run(None).id
        state = reader.state(run)
        assert state is not None
        told = state.body["session"]["engine"]["portfolio"]
        counted = told["lines"]
        assert counted > 4
        count_lines(reader, run, state)
        assert told["lines"] == counted
        del told["lines"]
        count_lines(reader, run, state)
        assert told["lines"] == counted


def test_what_came_in_before_it_was_added_up_is_no_pnl(tmp_path: Path) -> None:
    lines = {"transfer": "100", "rebate": "3", "insurance": "2", "bonus": "7"}
    out = {"transfer": "-40", "rebate": "-1", "fine": "-5"}  # what is none of ours is a loss

    async def move(made: Scene) -> None:
        await asyncio.sleep(300)
        run, now = made.runner.runs[0], made.runner.time.now()
        for number, (kind, amount) in enumerate((*lines.items(), *out.items())):
            line = CashMoved(now, f"c{number}", kind, "", Decimal(amount), now)
            made.runner.answer(run, line)

    scene(tmp_path, 20, move)
    with Reader(tmp_path / "tradebot.db") as reader:
        run = reader.resolve_run(None).id
        state = reader.state(run)
        assert state is not None
        told = state.body["session"]["engine"]["portfolio"]
        assert Decimal(told["brought"]) == 100 - 40 + 3 + 7
        sum_brought(reader, run, state)
        assert Decimal(told["brought"]) == 70
        del told["brought"]
        sum_brought(reader, run, state)
        assert Decimal(told["brought"]) == 70


def test_a_command_without_an_engine_leaves_no_half_of_it(tmp_path: Path) -> None:
    """What it writes back is a state of this version: what was missing would be missed for good."""

    async def move(made: Scene) -> None:
        await asyncio.sleep(300)
        now = made.runner.time.now()
        line = CashMoved(now, "c1", "transfer", "", Decimal(100), now)
        made.runner.answer(made.runner.runs[0], line)
        await asyncio.sleep(60)
        made.runner.request_stop("a test")

    def as_live(made: Scene) -> None:
        made.setup = replace(made.setup, modes=("live",), venue="live")

    def portfolio() -> tuple[str, dict[str, str]]:
        with Reader(tmp_path / "tradebot.db") as reader:
            run = reader.resolve_run(None).id
            state = reader.state(run)
            assert state is not None
            return run, state.body["session"]["engine"]["portfolio"]

    scene(tmp_path, 20, move, prepare=as_live)
    run, before = portfolio()
    assert before["brought"] == "100"
    with sqlite3.connect(tmp_path / "tradebot.db") as db:
        columns = "run, log_seq, audit_seq, wall, body"
        row = db.execute(f"SELECT {columns} FROM state WHERE run = ?", (run,)).fetchone()
        body = json.loads(row[-1])
        for name in ("brought", "lines"):
            del body["session"]["engine"]["portfolio"][name]
        older = (*row[:-1], codec.canonical(body))
        sign = sign_state(AuditKey.load(tmp_path), older, link_at(db, row[2]) or "")
        db.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?)", (*older, sign))
    asyncio.run(act(tmp_path, Request("resume", "me", "looked into it")))
    _, after = portfolio()
    assert (after["brought"], after["lines"]) == (before["brought"], before["lines"])
