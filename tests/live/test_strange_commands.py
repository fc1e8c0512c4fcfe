"""Commands of which nobody can tell what they mean: each is refused in a line, and the run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits import binance_scene as scene
from kits import live_kit as kit

from tradebot.journal.commands import (
    CLOSE_INCIDENT,
    RECORD_BACKTEST,
    RECORD_DRILL,
    STATE,
    post_command,
    wait_command,
)
from tradebot.journal.paths import journal_path

DEEP = "[" * 100_000
STRANGE = {
    "a deep drill": (RECORD_DRILL, DEEP),
    "a deep backtest": (RECORD_BACKTEST, DEEP),
    "a deep statement": (STATE, DEEP),
    "an endless number": (CLOSE_INCIDENT, "9" * 5_000),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_command_that_makes_no_sense_ends_no_run(tmp_path: Path, what: str) -> None:
    path = journal_path(tmp_path / "data")
    name, review = STRANGE[what]

    async def meddle(live: scene.Live) -> None:
        await live.opened("XRP/USDT")
        number = post_command(path, name, "x", "y", review=review)
        await live.until(lambda: wait_command(path, number, 0))
        row = wait_command(path, number, 0)
        assert row is not None
        assert row.ok is False
        assert row.result

    found = scene.meddled(tmp_path, kit.EPOCH + 3 * 3_600_000, meddle, modes=("live",))
    assert found.ending.error is None
