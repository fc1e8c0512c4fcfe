"""Runs, commits and failures of the one writer, against real files."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from kits.journal_samples import (
    BTC,
    ETH,
    KEY,
    OTHER_KEY,
    T0,
    WALL,
    alter,
    ask,
    bar,
    closed,
    haunted,
    laid,
    new_run,
    place,
    quote,
    signal,
    snapshot_body,
    story,
)

from tradebot.core.model import codec
from tradebot.core.model.effects import CommandDone, Effect, GhostClosed, TradeReopened, WakeAt
from tradebot.core.model.errors import JournalError, SchemaError
from tradebot.core.model.events import Command, Event, WakeUp
from tradebot.journal import schema
from tradebot.journal.commands import post_command
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Batch, RunResumed
from tradebot.journal.schema import APPLICATION_ID, Migration
from tradebot.journal.verify import verify
from tradebot.journal.writer import Journal


async def test_ids_count_per_mode(journal: Journal) -> None:
    ids = [
        await journal.begin_run(new_run(f"n{i}", mode))
        for i, mode in enumerate(["paper", "ghost", "paper", "paper", "ghost"])
    ]
    assert ids == ["paper-0001", "ghost-0001", "paper-0002", "paper-0003", "ghost-0002"]


async def test_a_nonce_is_used_once(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run("n1"))
    with pytest.raises(JournalError, match="n1 was used before"):
        await journal.begin_run(new_run("n1"))
    await journal.end_run(run, "interrupted", None, None, WALL)
    with pytest.raises(JournalError, match="n1 was used before"):
        await journal.resume_run(run, RunResumed("n1"), WALL)
    await journal.resume_run(run, RunResumed("n2"), WALL)
    assert ask(path, "SELECT nonce FROM nonces ORDER BY nonce") == [("n1",), ("n2",)]


async def test_the_life_of_a_run(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run(seed=2**70))
    with Reader(path) as reader:
        assert (reader.run(run).state, reader.run(run).seed) == ("running", 2**70)
        await journal.end_run(run, "interrupted", "disk", None, WALL + 5)
        row = reader.run(run)
        assert (row.state, row.error, row.ended) == ("interrupted", "disk", WALL + 5)
        await journal.resume_run(run, RunResumed("n2"), WALL + 9)
        row = reader.run(run)
        assert (row.state, row.error, row.resumed) == ("running", None, WALL + 9)
        await journal.end_run(run, "ended", None, {"pnl": Decimal("1.10")}, WALL + 20)
        assert reader.run(run).summary == {"pnl": "1.10"}
    with pytest.raises(JournalError, match="it is ended"):
        await journal.resume_run(run, RunResumed("n3"), WALL)
    with pytest.raises(JournalError, match="it is unknown"):
        await journal.resume_run("paper-0099", RunResumed("n3"), WALL)
    with pytest.raises(JournalError, match="not running here"):
        await journal.commit(Batch(run, WALL))
    assert verify(path, KEY) == []


async def test_numbers_go_on_after_a_resume(path: Path) -> None:
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        events: list[Event] = [quote(T0), bar(T0), quote(T0 + 60_000)]
        await journal.commit(Batch(run, WALL, events, story(), {"engine": 1}))
    async with await Journal.open(path, key=KEY) as journal:  # the first one died running
        with Reader(path) as reader:
            assert reader.run(run).state == "interrupted"
            assert "without a word" in str(reader.run(run).error)
        await journal.resume_run(run, RunResumed("n2"), WALL)
        more = Batch(run, WALL, [WakeUp(T0 + 70_000, "k")], story(T0 + 70_000), {"engine": 2})
        await journal.commit(more)
        with Reader(path) as reader:
            assert [logged.seq for logged in reader.events(run)] == [1, 2, 3, 4]
    assert verify(path, KEY) == []


async def test_a_commit_writes_everything(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    state, snapshot = {"engine": {"cash": "1.0"}}, snapshot_body(T0)
    events: list[Event] = [Command(T0, 1, "halt", "me", "test"), quote(T0), bar(T0, ETH)]
    await journal.commit(Batch(run, WALL, events, story(), state, snapshot))
    with Reader(path) as reader:
        effects = list(reader.effects(run))
        assert [(e.at, e.effect) for e in effects] == story()
        assert [type(e.event).__name__ for e in reader.events(run)] == ["Command", "Quote", "Bar"]
        stored = reader.state(run)
        assert stored is not None
        assert (stored.body, stored.log_seq) == (state, 3)
        (held,) = reader.positions(run)
        assert (held.symbol, held.qty, held.stop) == (BTC, Decimal("0.002"), None)
        kinds = ask(path, "SELECT kind FROM audit ORDER BY seq LIMIT 2")
        assert kinds == [("RunBegun",), ("Command",)]
    assert verify(path, KEY) == []


async def test_state_and_snapshot_stay_unless_given(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    await journal.commit(Batch(run, WALL, state={"n": 1}, snapshot=snapshot_body(T0)))
    await journal.commit(Batch(run, WALL, [quote(T0)]))
    with Reader(path) as reader:
        state, snapshot = reader.state(run), reader.snapshot(run)
        assert state is not None
        assert snapshot is not None
        assert (state.body, snapshot.at, snapshot.wall) == ({"n": 1}, T0, WALL)


async def test_two_runs_on_one_journal(journal: Journal, path: Path) -> None:
    paper = await journal.begin_run(new_run("n1"))
    ghost = await journal.begin_run(new_run("n2", "ghost"))
    await asyncio.gather(
        *(
            journal.commit(Batch(run, WALL, [quote(T0 + i)], story(T0 + i)))
            for i in range(20)
            for run in (paper, ghost)
        )
    )
    with Reader(path) as reader:
        for run in (paper, ghost):
            assert [e.seq for e in reader.events(run)] == list(range(1, 21))
            assert len(list(reader.effects(run))) == 20 * len(story())
    assert verify(path, KEY) == []


async def test_a_full_commit_is_as_good(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    await journal.commit(Batch(run, WALL, effects=[(T0, place())]), full=True)
    with Reader(path) as reader:
        (order,) = reader.orders(run)
    assert order.status == "pending"


async def test_a_bad_batch_leaves_nothing(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    before = ask(path, "SELECT count(*), max(hash) FROM audit")
    with pytest.raises(TypeError):
        await journal.commit(Batch(run, WALL, [quote(T0)], story(), {"bad": object()}))
    assert ask(path, "SELECT count(*), max(hash) FROM audit") == before
    assert ask(path, "SELECT count(*) FROM log") == [(0,)]
    await journal.commit(Batch(run, WALL, [quote(T0)], story()))
    assert verify(path, KEY) == []


async def test_a_cancelled_commit_is_whole(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    for i in range(20):
        task = asyncio.create_task(journal.commit(Batch(run, WALL, [quote(T0 + i)], story())))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await journal.commit(Batch(run, WALL, [quote(T0 + 99)]))
    (count,) = ask(path, "SELECT count(*) FROM log")[0]
    assert ask(path, "SELECT count(*) FROM equity") == [(count - 1,)]
    assert verify(path, KEY) == []


async def test_a_full_disk_loses_only_the_commit(path: Path) -> None:
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        await journal.commit(Batch(run, WALL, [quote(T0)], story(), {"n": 1}))
        (pages,) = ask(path, "PRAGMA page_count")[0]
        await journal.limit_pages(pages + 2)
        big: list[Event] = [quote(T0 + i) for i in range(2000)]
        with pytest.raises(JournalError, match="the disk is full") as caught:
            await journal.commit(Batch(run, WALL, big, story(), {"n": 2}))
        assert "free some space" in str(caught.value.hint)
        assert caught.value.file == str(path)
        with Reader(path) as reader:
            state = reader.state(run)
            assert state is not None
            assert state.body == {"n": 1}
            assert len(list(reader.events(run))) == 1
        assert verify(path, KEY) == []
        await journal.limit_pages(None)
        await journal.commit(Batch(run, WALL, big, story(), {"n": 2}))
        with Reader(path) as reader:
            assert len(list(reader.events(run))) == 2001
    assert verify(path, KEY) == []


async def test_max_pages_at_open(path: Path) -> None:
    await (await Journal.open(path, key=KEY)).close()
    async with await Journal.open(path, key=KEY, max_pages=5) as journal:
        run = await journal.begin_run(new_run())
        with pytest.raises(JournalError, match="full"):
            await journal.commit(Batch(run, WALL, [quote(T0)] * 500))


async def test_a_locked_database_says_so(path: Path) -> None:
    async with await Journal.open(path, key=KEY, busy_ms=50) as journal:
        run = await journal.begin_run(new_run())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match="locked by another program"):
                await journal.commit(Batch(run, WALL, [quote(T0)]))
            other.execute("ROLLBACK")
        await journal.commit(Batch(run, WALL, [quote(T0)]))
    assert verify(path, KEY) == []


async def test_readers_never_hold_up_the_writer(path: Path) -> None:
    async with await Journal.open(path, key=KEY, busy_ms=0) as journal:
        run = await journal.begin_run(new_run())
        await journal.commit(Batch(run, WALL, [quote(T0)] * 10, story()))
        with Reader(path) as reader, reader.moment():
            before = reader.equity(run)
            log = reader.events(run)
            next(log)  # a second reader, in the middle of the log
            for i in range(50):
                await journal.commit(
                    Batch(run, WALL, [quote(T0 + i)], story(T0 + i)), full=i % 2 == 0
                )
            assert reader.equity(run) == before
            assert len(list(log)) == 9
        with Reader(path) as reader:
            assert len(reader.equity(run)) == 51
    assert verify(path, KEY) == []


async def test_commands_reach_the_writer(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    first = post_command(path, "halt", "me", "nervous")
    second = post_command(path, "resume", "me", "calm", run)
    pending = await journal.pending_commands()
    assert [(c.id, c.name, c.run) for c in pending] == [
        (first, "halt", None),
        (second, "resume", run),
    ]
    assert [c.id for c in await journal.pending_commands(after=first)] == [second]
    await journal.commit(Batch(run, WALL, effects=[(T0, CommandDone(T0, first, True, "halted"))]))
    assert [c.id for c in await journal.pending_commands()] == [second]


async def test_a_closed_journal_says_so(path: Path) -> None:
    journal = await Journal.open(path, key=KEY)
    await journal.close()
    with pytest.raises(JournalError, match="closed"):
        await journal.pending_commands()
    await journal.close()


async def test_the_wrong_key_is_refused(path: Path) -> None:
    await (await Journal.open(path, key=KEY)).close()
    with pytest.raises(JournalError, match="audit key") as caught:
        await Journal.open(path, key=OTHER_KEY)
    assert OTHER_KEY.fingerprint in str(caught.value)
    assert KEY.fingerprint in str(caught.value)


async def test_no_database_at_all(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("this is text and no database " * 100)
    with pytest.raises(SchemaError, match="not a database"):
        await Journal.open(path, key=KEY)


async def test_somebody_elses_database_stays_untouched(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (a)")
        db.commit()
    before = path.read_bytes()
    with pytest.raises(SchemaError, match="another program"):
        await Journal.open(path, key=KEY)
    assert path.read_bytes() == before


async def test_a_newer_schema_is_refused(path: Path) -> None:
    await (await Journal.open(path, key=KEY)).close()
    alter(path, "INSERT INTO migrations VALUES (99, 'future', 0)")
    with pytest.raises(SchemaError, match=r"schema 99; this tradebot knows up to \d") as caught:
        await Journal.open(path, key=KEY)
    assert caught.value.hint == "upgrade tradebot"
    with pytest.raises(SchemaError, match="schema 99"):
        Reader(path)


async def test_corruption_is_seen_at_open(path: Path) -> None:
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        for i in range(20):
            await journal.commit(Batch(run, WALL, [quote(T0 + i)] * 50, story(T0 + i)))
    data = bytearray(path.read_bytes())
    root = ask(path, "SELECT rootpage FROM sqlite_master WHERE name = 'audit'")[0][0]
    data[(root - 1) * 4096 : (root - 1) * 4096 + 200] = b"\xa5" * 200
    path.write_bytes(data)
    with pytest.raises(JournalError, match="corrupt") as caught:
        await Journal.open(path, key=KEY)
    assert "backup" in str(caught.value.hint)


async def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot use the file") as caught:
        await Journal.open(tmp_path / "file" / "tradebot.db", key=KEY)
    assert "may write" in str(caught.value.hint)
    (tmp_path / "dir.db").mkdir()
    with pytest.raises(JournalError, match="cannot be opened"):
        await Journal.open(tmp_path / "dir.db", key=KEY)


def test_a_run_ends_in_one_of_two_ways(path: Path) -> None:
    async def end() -> None:
        async with await Journal.open(path, key=KEY) as journal:
            run = await journal.begin_run(new_run())
            await journal.end_run(run, "lost", None, None, WALL)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="not as lost"):
        asyncio.run(end())


async def test_trouble_with_resuming_leaves_the_run_as_it_was(path: Path) -> None:
    async with await Journal.open(path, key=KEY, busy_ms=0) as journal:
        run = await journal.begin_run(new_run())
        await journal.end_run(run, "interrupted", None, None, WALL)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match="locked"):
                await journal.resume_run(run, RunResumed("n2"), WALL)
            with pytest.raises(JournalError, match="not running here"):
                await journal.commit(Batch(run, WALL, [quote(T0)]))
            other.execute("ROLLBACK")
        await journal.resume_run(run, RunResumed("n2"), WALL)
    assert verify(path, KEY) == []


async def test_a_second_writer_is_noticed(path: Path) -> None:
    """The lock keeps it out; should one slip in, the chain does not fork."""
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        async with await Journal.open(path, key=KEY) as other:
            await other.publish_head("x", WALL)
        with pytest.raises(JournalError, match="contradicts one already there"):
            await journal.commit(Batch(run, WALL, effects=story()))
    assert verify(path, KEY) == []


def test_a_migration_is_whole_or_not_at_all(path: Path) -> None:
    path.parent.mkdir()
    newest = schema.MIGRATIONS[-1].version
    bad = Migration(newest + 1, "bad", ("CREATE TABLE fresh (a)", "CREATE TABLE fresh (a)"))
    good = Migration(newest + 1, "good", ("CREATE TABLE fresh (a)",))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError):
            schema.migrate(db, path, (*schema.MIGRATIONS, bad))
        assert schema.schema_version(db, path) == newest
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'fresh'").fetchall()
        schema.migrate(db, path, (*schema.MIGRATIONS, good))
        versions = db.execute("SELECT version, name FROM migrations").fetchall()
        assert versions == [*((m.version, m.name) for m in schema.MIGRATIONS), (newest + 1, "good")]
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


async def test_hypothetical_trades(journal: Journal, path: Path) -> None:
    """In a ghost run a signal's outcome is its hypothetical trade's, whatever the shadow account did."""
    run = await journal.begin_run(new_run(mode="ghost"))
    effects: list[Effect] = [
        *(signal(1), signal(2), signal(3), signal(4), haunted(1), haunted(2), haunted(3)),
        *(closed(1, "5.00", 1), laid(2, "-7.50"), closed(2, "9", 2), signal(2, verdict="refused")),
        GhostClosed(3, T0 + 5, BTC, "unfilled: too small"),
    ]
    await journal.commit(Batch(run, WALL, effects=[(T0, effect) for effect in effects]))
    assert verify(path, KEY) == []
    with Reader(path) as reader:
        assert [s.outcome_pnl for s in reader.signals(run)] == [None, Decimal("-7.5"), None, None]
        first, second, third = reader.ghosts(run)
        assert (first.state, first.verdict, first.pnl) == ("open", "approved", None)
        assert (second.state, second.verdict) == ("closed", "refused")
        assert second.pnl == Decimal("-7.5")
        assert (second.mfe, second.mae) == (Decimal(250), Decimal("-3.5"))
        assert second.duration_s == 90
        assert (third.state, third.exit_reason) == ("unfilled", "unfilled: too small")
        assert [g.signal for g in reader.ghosts(run, limit=2)] == [2, 3]
        assert [g.signal for g in reader.ghosts(run, state="open", symbol=BTC, since=T0)] == [1]
        counts = {"signals": 3, "open": 1, "closed": 1, "unfilled": 1}
        assert reader.ghost_counts(run) == counts
        (row,) = reader.outcomes(run)
        assert (row.signal, row.confidence, row.pnl) == (2, 0.8, "-7.5")
        assert list(reader.outcomes(run, row.closed)) == []
    await journal.commit(Batch(run, WALL, effects=[(T0, laid(1, "3"))]))
    with Reader(path) as reader:
        assert [g.signal for g in reader.outcomes(run, row.closed)] == [1]
        assert reader.signals(run)[0].outcome_pnl == 3
    assert verify(path, KEY) == []


async def test_a_journal_of_the_first_schema_is_brought_up_to_date(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db, path, schema.MIGRATIONS[:1])
    with pytest.raises(JournalError, match="older schema 1"):
        Reader(path)
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        await journal.commit(Batch(run, WALL, effects=story()))
    assert verify(path, KEY) == []


async def test_batches_of_several_runs_are_one_transaction(journal: Journal, path: Path) -> None:
    one = await journal.begin_run(new_run("n1"))
    two = await journal.begin_run(new_run("n2", mode="ghost"))
    first = Batch(one, WALL, [quote(T0)], [(T0, signal(1))], {"n": 1})
    bad = Batch(two, WALL, [quote(T0)], [(T0, signal(1))], {"n": object()})
    with pytest.raises(TypeError):
        await journal.commit(first, bad)
    with Reader(path) as reader:
        assert reader.signals(one) == []
        assert reader.state(one) is None
        assert list(reader.events(one)) == []
    bad.state = {"n": 1}
    await journal.commit(first, bad)
    await journal.commit(Batch(one, WALL, [quote(T0 + 1)]), Batch(two, WALL, [quote(T0 + 1)]))
    with Reader(path) as reader:
        for run in (one, two):
            assert len(reader.signals(run)) == 1
            assert [logged.seq for logged in reader.events(run)] == [1, 2]
    assert verify(path, KEY) == []


async def test_trades_update_their_signal(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    effects: list[Effect] = [signal(1), signal(2), closed(1, "5.00", 2), closed(1, "6.10", 2)]
    await journal.commit(Batch(run, WALL, effects=[(T0, effect) for effect in effects]))
    with Reader(path) as reader:
        assert [s.outcome_pnl for s in reader.signals(run)] == [None, Decimal("6.1")]
        (trade,) = reader.trades(run)
    assert trade.pnl == Decimal("6.1")
    assert trade.pnl_pct == 1
    assert trade.duration_s == 61
    await journal.commit(Batch(run, WALL, effects=[(T0, TradeReopened(1, T0, BTC))]))
    with Reader(path) as reader:
        assert reader.trades(run) == []
        assert [s.outcome_pnl for s in reader.signals(run)] == [None, None]
    assert verify(path, KEY) == []


def test_the_package_is_cheap_to_import() -> None:
    heavy = "{'keyring', 'aiosqlite', 'ccxt', 'textual', 'pydantic', 'asyncio', 'sqlite3'}"
    code = f"import sys, tradebot.journal; print(sorted({heavy} & set(sys.modules)))"
    assert _python(code) == "[]"
    code = "import sys, tradebot.journal.writer, tradebot.journal.verify; print('keyring' in sys.modules)"
    assert _python(code) == "False"


def _python(code: str) -> str:
    root = Path(codec.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


async def test_wake_ups_have_no_table_but_are_kept(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    await journal.commit(Batch(run, WALL, effects=[(T0, WakeAt("k", T0 + 1))]))
    with Reader(path) as reader:
        assert [e.effect for e in reader.effects(run)] == [WakeAt("k", T0 + 1)]
