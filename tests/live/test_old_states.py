"""States of older versions: what they do not hold is worked out from the journal."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from kits.live_scene import Scene, scene

from tradebot.app.books import count_lines, sum_brought
from tradebot.core.model.events import CashMoved
from tradebot.journal.reader import Reader


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
