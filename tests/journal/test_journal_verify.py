"""``db verify`` finds what somebody without the key has changed, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kits.journal_samples import (
    KEY,
    OTHER_KEY,
    T0,
    WALL,
    alter,
    ask,
    effects,
    new_run,
    quote,
    story,
)

from tradebot.core.model.effects import Effect
from tradebot.core.model.errors import JournalError
from tradebot.journal.audit import GENESIS, chain
from tradebot.journal.rows import Batch, Head, RunResumed
from tradebot.journal.schema import PROJECTIONS
from tradebot.journal.verify import MOST, Finding, verify
from tradebot.journal.writer import Journal


async def write_story(path: Path, times: int = 3, nonce: str = "n1") -> None:
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run(nonce=nonce))
        for i in range(times):
            await journal.commit(Batch(run, WALL, [quote(T0 + i)], story(T0 + i), {"n": i}))
        await journal.end_run(run, "ended", None, {"pnl": "1"}, WALL)


def forget(path: Path) -> None:
    """Take away what was noted of the journal in the user's state directory."""
    (note,) = (Path(os.environ["XDG_STATE_HOME"]) / "tradebot" / "heads").iterdir()
    note.unlink()


def kinds(findings: list[Finding]) -> set[str]:
    return {finding.kind for finding in findings}


async def test_an_honest_journal(path: Path) -> None:
    await write_story(path)
    assert verify(path, KEY) == []


async def test_beside_a_running_engine(journal: Journal, path: Path) -> None:
    assert verify(path, KEY) == []
    run = await journal.begin_run(new_run())
    for i in range(5):
        await journal.commit(Batch(run, WALL, [quote(T0 + i)], story(T0 + i), {"n": i}))
        assert verify(path, KEY) == []


async def test_a_changed_body(path: Path) -> None:
    await write_story(path)
    alter(path, "UPDATE audit SET body = replace(body, '6.10', '61.0') WHERE kind = 'TradeClosed'")
    findings = verify(path, KEY)
    assert kinds(findings) == {"chain", "projection"}
    assert any("TradeClosed row was changed" in finding.text for finding in findings)
    assert any("'6.1' instead of '61'" in finding.text for finding in findings)


@pytest.mark.parametrize("column", ["run", "ts", "wall", "kind", "body", "prev", "hash"])
@pytest.mark.parametrize("value", ["'x'", "X'ff00'", "CAST(X'ff' AS TEXT)", "7"])
async def test_any_column_of_any_type(path: Path, column: str, value: str) -> None:
    await write_story(path, 1)
    alter(path, f"UPDATE audit SET {column} = {value} WHERE seq = 5")
    assert "chain" in kinds(verify(path, KEY))


async def test_a_deleted_row(path: Path) -> None:
    await write_story(path)
    alter(path, "DELETE FROM audit WHERE seq = 7")
    texts = [finding.text for finding in verify(path, KEY) if finding.kind == "chain"]
    assert texts == ["row 7 before it missing"]
    alter(path, "DELETE FROM audit WHERE seq IN (8, 9)")
    texts = [finding.text for finding in verify(path, KEY) if finding.kind == "chain"]
    assert texts == ["rows 7 to 9 before it missing"]


async def test_a_deleted_row_with_the_rest_moved_up(path: Path) -> None:
    await write_story(path)
    alter(path, "DELETE FROM audit WHERE seq = 7")
    alter(path, "UPDATE audit SET seq = seq - 1 WHERE seq > 7")
    findings = [finding for finding in verify(path, KEY) if finding.kind == "chain"]
    assert findings[0].where == "audit 7"


async def test_an_inserted_row(path: Path) -> None:
    await write_story(path)
    ((last, digest),) = ask(path, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    row = (last + 1, "paper-0001", T0, WALL, "WakeAt", '{"at":1,"key":"k"}')
    forged = chain(OTHER_KEY, row, digest)
    alter(path, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *row, digest, forged)
    finding = verify(path, KEY)[0]
    assert (finding.kind, finding.where) == ("chain", f"audit {last + 1}")


async def test_a_cut_tail_with_its_tables(path: Path) -> None:
    """The thorough forger cuts tables and published heads too: a head noted elsewhere still tells."""
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        early = await journal.publish_head("early", WALL)
        await journal.commit(Batch(run, WALL, effects=story()))
        late = await journal.publish_head("sign-off", WALL)
    alter(path, "DELETE FROM audit WHERE seq > ?", early.seq)
    for table in PROJECTIONS:
        if table not in ("runs", "nonces"):
            alter(path, f"DELETE FROM {table}")
    gone = f"audit {late.seq}"
    assert verify(path, KEY) == [
        Finding("head", gone, "the row of the head last noted beside the journal is gone"),
        Finding("head", gone, "the row of the head published at sign-off is gone"),
    ]
    alter(path, "DELETE FROM heads WHERE seq > ?", early.seq)
    assert kinds(verify(path, KEY)) == {"head", "holds"}
    forget(path)  # he also reaches the user's state directory: the list of heads still tells
    (finding,) = verify(path, KEY)
    assert finding.kind == "holds"
    assert verify(path, KEY, [early, Head(0, GENESIS)]) == [finding]
    assert "noted elsewhere is gone" in verify(path, KEY, [late])[0].text
    assert "is not the row" in verify(path, KEY, [Head(early.seq, "00")])[0].text


async def test_an_older_copy_of_the_whole_journal(path: Path) -> None:
    """Everything in it is genuine: only what was noted elsewhere tells that it is not the newest."""
    await write_story(path)
    old = path.read_bytes()
    await write_story(path, nonce="n2")
    new = Head(*ask(path, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0])
    path.write_bytes(old)
    assert kinds(verify(path, KEY)) == {"head"}
    with pytest.raises(JournalError, match="does not hold the head last noted"):
        await Journal.open(path, key=KEY)
    forget(path)
    assert verify(path, KEY) == []  # as README says: keep a head elsewhere
    assert kinds(verify(path, KEY, [new])) == {"head"}


async def test_a_forged_head(path: Path) -> None:
    await write_story(path)
    alter(path, "UPDATE heads SET why = 'other'")
    (finding,) = verify(path, KEY)
    assert (finding.kind, finding.text) == ("head", "was changed, or written without the key")


EDITS = [
    "UPDATE trades SET pnl = '999'",
    "UPDATE signals SET outcome_pnl = NULL WHERE id = 1",
    "UPDATE orders SET status = 'rejected' WHERE id = 'o1'",
    "UPDATE fills SET fee = 0.1",
    "UPDATE fills SET symbol = X'00' WHERE trade_id = 1",
    "DELETE FROM fills WHERE trade_id = 2",
    "DELETE FROM halts",
    "DELETE FROM nonces",
    "UPDATE equity SET equity = '10006.10' WHERE seq = (SELECT min(seq) FROM equity)",
    "UPDATE funding SET amount = '5'",
    "UPDATE acks SET ok = 0",
    "UPDATE runs SET strategy_hash = 'other'",
    "UPDATE runs SET summary = '{}'",
    "INSERT INTO nonces VALUES ('n9', 'paper-0001', 0)",
    "INSERT INTO acks SELECT 99, run, ts, wall, ok, result FROM acks",
]


FORGERIES = {
    "DELETE FROM heads": "holds",
    "DELETE FROM heads WHERE rowid = 1": "holds",
    "INSERT INTO heads SELECT * FROM heads": "holds",
    "DELETE FROM state": "holds",
    "DELETE FROM blocks": "holds",
    "DELETE FROM migrations WHERE version = 2": "schema",
    "UPDATE migrations SET wall = 1": "holds",
    "INSERT INTO meta VALUES ('more', '1')": "holds",
    "DELETE FROM meta WHERE key = 'holds'": "holds",
    "CREATE TRIGGER t AFTER INSERT ON fills BEGIN DELETE FROM halts; END": "schema",
    "CREATE VIEW v AS SELECT * FROM fills": "schema",
    "CREATE TABLE more (x)": "schema",
    "CREATE INDEX i ON fills (fee)": "schema",
    "DROP INDEX equity_by_run": "schema",
    "DROP TABLE acks": "schema",
    "ALTER TABLE fills ADD COLUMN more TEXT": "schema",
    "ALTER TABLE fills RENAME COLUMN fee TO gift": "schema",
}


@pytest.mark.parametrize("sql", FORGERIES)
async def test_what_was_added_or_taken_away(path: Path, sql: str) -> None:
    await write_story(path)
    alter(path, sql)
    assert FORGERIES[sql] in kinds(verify(path, KEY))


async def test_what_was_forged_is_not_signed_by_the_next_run(path: Path) -> None:
    await write_story(path)
    alter(path, "DELETE FROM blocks")
    await write_story(path, nonce="n2")
    assert "holds" in kinds(verify(path, KEY))


async def test_a_forged_last_head_stops_the_next_run(path: Path) -> None:
    await write_story(path)
    alter(path, "UPDATE heads SET why = 'other'")
    with pytest.raises(JournalError, match="last published head was changed"):
        await Journal.open(path, key=KEY)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE state SET body = replace(body, '1', '2')", "was changed, or written without"),
        ("UPDATE state SET audit_seq = audit_seq + 1", "was changed, or written without"),
        ("DELETE FROM state", "is gone"),
    ],
)
async def test_a_forged_state_goes_on_nowhere(path: Path, sql: str, words: str) -> None:
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        await journal.commit(Batch(run, WALL, effects=story(), state={"n": 1}))
    alter(path, sql)
    async with await Journal.open(path, key=KEY) as journal:
        with pytest.raises(JournalError, match=words):
            await journal.vouch(run)
    assert verify(path, KEY) != []


async def test_an_older_state_goes_on_nowhere(path: Path) -> None:
    """It is genuine, and was put back: what the run did since is in the audit trail alone."""
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        await journal.commit(Batch(run, WALL, effects=story(), state={"n": 1}))
        ((old,),) = ask(path, "SELECT json_array(log_seq, audit_seq, wall, body, mac) FROM state")
        await journal.commit(Batch(run, WALL, effects=story(), state={"n": 2}))
        await journal.vouch(run)
    alter(
        path,
        f"UPDATE state SET (log_seq, audit_seq, wall, body, mac) = ({', '.join('?' * 5)})",
        *json.loads(old),
    )
    async with await Journal.open(path, key=KEY) as journal:
        with pytest.raises(JournalError, match="is older than what it did"):
            await journal.vouch(run)
    assert "state" in kinds(verify(path, KEY))


OUTSIDE_EDITS = {
    "DELETE FROM log WHERE seq = 3": "of the log behind the state of paper-0001 1 events are gone",
    "DELETE FROM state": "the state of paper-0001 is gone",
    "UPDATE state SET body = replace(body, '1', '2')": "was changed, or written without the key",
}


async def write_outside(path: Path, lag_ms: int = 60_000) -> None:
    """A run with a broker outside: its state is saved, and more is logged behind it."""
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run(venue="demo"))
        for i, late in enumerate((0, lag_ms // 2, lag_ms)):
            quotes: list[Any] = [quote(T0 + 2 * i), quote(T0 + 2 * i + 1)]
            state = {"n": 1} if i == 0 else None
            await journal.commit(Batch(run, WALL + late, quotes, story(T0 + i), state))


async def test_the_state_of_a_run_outside_may_lag_by_what_the_log_holds(path: Path) -> None:
    await write_outside(path)
    assert verify(path, KEY) == []
    async with await Journal.open(path, key=KEY) as journal:
        await journal.vouch("paper-0001")
    assert verify(path, KEY) == []


@pytest.mark.parametrize("sql", OUTSIDE_EDITS)
async def test_what_a_run_outside_goes_on_from_is_guarded(path: Path, sql: str) -> None:
    await write_outside(path)
    alter(path, sql)
    found = [finding.text for finding in verify(path, KEY) if finding.kind in ("state", "holds")]
    if "DELETE FROM state" in sql:  # what is not there is found by the list of what there is
        assert found
    else:
        assert any(OUTSIDE_EDITS[sql] in text for text in found)
    async with await Journal.open(path, key=KEY) as journal:
        with pytest.raises(JournalError, match=OUTSIDE_EDITS[sql]):
            await journal.vouch("paper-0001")


async def test_an_older_state_of_a_run_outside_is_found(path: Path) -> None:
    await write_outside(path, lag_ms=121_000)
    assert [f.text for f in verify(path, KEY)] == [
        "the state of paper-0001 is older than it may be (121 s)"
    ]


async def test_a_packed_log_behind_the_state_is_no_gap(path: Path) -> None:
    await write_outside(path)
    async with await Journal.open(path, key=KEY) as journal:
        await journal.resume_run("paper-0001", RunResumed("n2"), WALL)
        await journal.end_run("paper-0001", "ended", None, None, WALL)
    assert verify(path, KEY) == []


@pytest.mark.parametrize("sql", EDITS)
async def test_an_edited_table(path: Path, sql: str) -> None:
    await write_story(path)
    alter(path, sql)
    assert kinds(verify(path, KEY)) == {"projection"}


async def test_an_edited_state(path: Path) -> None:
    await write_story(path)
    alter(path, "UPDATE state SET body = '{}'")
    (finding,) = verify(path, KEY)
    assert (finding.kind, finding.where) == ("state", "state paper-0001")


async def test_a_state_ahead_of_the_audit(path: Path) -> None:
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        await journal.commit(Batch(run, WALL, effects=[story()[-1]], state={"n": 1}))
    alter(path, "DELETE FROM audit WHERE seq = 2")
    assert "is ahead of the audit (2 > 1)" in [finding.text for finding in verify(path, KEY)]


async def test_the_wrong_key(path: Path) -> None:
    await write_story(path)
    (finding,) = verify(path, OTHER_KEY)
    assert finding.kind == "key"
    alter(path, "UPDATE meta SET value = ?", OTHER_KEY.fingerprint)
    assert "chain" in kinds(verify(path, OTHER_KEY))  # a forged fingerprint does not help
    alter(path, "DELETE FROM meta")
    assert kinds(verify(path, KEY)) == {"key"}


async def test_long_lists_are_cut(path: Path) -> None:
    await write_story(path, 10)
    alter(path, "UPDATE audit SET ts = ts + 1")
    chain_findings = [finding for finding in verify(path, KEY) if finding.kind == "chain"]
    assert len(chain_findings) == MOST + 1
    assert chain_findings[-1].text.startswith("and ")


async def test_broken_pages(path: Path) -> None:
    await write_story(path, 50)
    root = ask(path, "SELECT rootpage FROM sqlite_master WHERE name = 'audit_by_run'")[0][0]
    data = bytearray(path.read_bytes())
    data[(root - 1) * 4096 + 8 : root * 4096] = b"\x5a" * 4088
    path.write_bytes(data)
    assert kinds(verify(path, KEY)) == {"pages"}


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.tuples(st.integers(0, 2**42), effects), max_size=8), max_size=4))
def test_rebuilt_tables_equal_the_live_ones(batches: list[list[tuple[int, Effect]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tradebot.db"
        asyncio.run(_write(path, batches))
        assert verify(path, KEY) == []


async def _write(path: Path, batches: list[list[tuple[int, Effect]]]) -> None:
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        for batch in batches:
            await journal.commit(Batch(run, WALL, effects=batch))


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_single_edit_is_found(data: st.DataObject) -> None:
    """Whatever cell of audit, tables, state or heads is changed: there is a finding."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tradebot.db"
        asyncio.run(write_story(path, 1))
        table = data.draw(st.sampled_from(["audit", "state", "heads", *PROJECTIONS]))
        with closing(sqlite3.connect(path)) as db:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            count = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            column = data.draw(st.sampled_from(columns))
            row = data.draw(st.integers(0, count - 1))
            value = data.draw(st.integers(10**6, 10**9) | st.text("xyz", min_size=1, max_size=5))
            numbered = f"SELECT rowid FROM {table} LIMIT 1 OFFSET {row}"
            try:
                db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ({numbered})", (value,))
            except sqlite3.IntegrityError:
                return  # SQLite itself does not let that in
            db.commit()
        assert verify(path, KEY), (table, column, row, value)
