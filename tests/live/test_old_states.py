"""States of older versions: what they do not hold is worked out from the journal."""

from __future__ import annotations

from pathlib import Path

from kits.live_scene import scene

from tradebot.app.books import count_lines
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
