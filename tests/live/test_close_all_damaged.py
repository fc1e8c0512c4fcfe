"""A close-all whose journal is old, or damaged where only a name or an order of rows comes from it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kits.demo_kit import demo_venue
from kits.disaster_kit import MORNING, QUIET, XRP, Scene, scene
from kits.strategy_kit import LONG

pytestmark = pytest.mark.slow


def altered(it: Scene, *statements: str) -> None:
    """Change the journal behind its back, and leave no log beside it."""
    path = it.bot.data_dir / "tradebot.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


COLUMNS = {
    "trades": "mae mfe decision_price slippage stop target risk strategy_hash",
    "orders": "venue_id",
    "fills": "venue_id",
    "funding": "id",
}
OLD = (
    "DELETE FROM meta WHERE key = 'holds'",
    "DELETE FROM migrations WHERE version > 2",
    *(f"DROP TABLE {table}" for table in ("cash", "comparisons")),
    *(
        f"ALTER TABLE {table} DROP COLUMN {name}"
        for table, names in COLUMNS.items()
        for name in names.split()
    ),
)
"""What takes a journal back to the schema of version 2."""


def stood(it: Scene, body: str = QUIET) -> str:
    """Run an engine on the account and end it; return its run."""
    engine = it.engine(body)
    if body == LONG:
        it.bot.until(lambda: it.bot.status()["open_positions"])
    run: str = it.bot.status()["run"]
    it.bot.end(engine)
    return run


def test_what_only_puts_runs_in_order_for_the_eye_keeps_no_account_open(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        stood(it)
        rows = it.bot.json("close-all", "--dry-run").document
        assert [row["symbol"] for row in rows["data"]["plan"]] == ["XRP/USDT"]
        assert rows["warnings"] == []  # it would be touched
        altered(it, "DROP TABLE nonces")
        done = it.bot.json("close-all", "--wait", "20")  # nothing configured: the journal names it
        assert done.data["closed"] is True
        assert done.document["warnings"] == []
        assert it.flat()


def test_paper_and_a_run_of_an_account_is_no_success_in_an_older_journal_either(
    tmp_path: Path,
) -> None:
    with scene(tmp_path, XRP) as it:
        run = stood(it)
        altered(it, *OLD)
        sent = it.changes()
        error = it.bot.json("close-all", "--paper", "--run", run, code=6).error
        assert f"{run} trades the demo account, which --paper leaves alone" in error["message"]
        assert it.changes() == sent
        assert it.venue.held() == ["XRPUSDT"]


def test_a_state_that_is_none_takes_no_answer_away(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with scene(tmp_path) as it, demo_venue(other, MORNING) as venue:
        stood(it, LONG)
        altered(it, "UPDATE state SET body = '{}'")
        theirs: dict[str, Any] = {**venue.env, "TRADEBOT_EXCHANGE__URL": venue.url}
        document = it.close_all(**theirs)
        assert document["data"]["closed"] is True
        assert document["data"]["proof"]["reads"]
        (warning,) = document["warnings"]
        assert "ETH/USDT" in warning
