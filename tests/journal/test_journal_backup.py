"""Copies of a journal at work."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from kits.journal_samples import KEY, T0, WALL, ask, new_run, quote, story

from tradebot.core.model.errors import JournalError, UsageError
from tradebot.journal.backup import backup, restore
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Batch, RunResumed
from tradebot.journal.verify import verify
from tradebot.journal.writer import Journal


async def test_a_copy_beside_a_running_engine(journal: Journal, path: Path, tmp_path: Path) -> None:
    run = await journal.begin_run(new_run())
    stop = asyncio.Event()

    async def work() -> int:
        i = 0
        while not stop.is_set():
            i += 1
            await journal.commit(Batch(run, WALL, [quote(T0 + i)] * 50, story(T0 + i), {"n": i}))
        return i

    writing = asyncio.create_task(work())
    targets = [tmp_path / f"copy{i}.db" for i in range(4)]
    for target in targets:
        await asyncio.to_thread(backup, path, target)
    stop.set()
    assert await writing > 4
    for target in targets:
        assert verify(target, KEY) == []
        assert ask(target, "PRAGMA journal_mode") == [("delete",)]
        with Reader(target) as reader:
            state = reader.state(run)
            assert state is None or len(reader.equity(run)) == state.body["n"]
    assert sorted(tmp_path.iterdir()) == sorted(
        [*targets, path.parent, tmp_path / "home"]
    )  # no drafts left


async def test_what_is_there_stays(journal: Journal, path: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(JournalError, match="the target exists"):
        backup(path, target)
    assert target.read_text() == "precious"
    backup(path, target, force=True)
    assert verify(target, KEY) == []


async def test_bad_targets(journal: Journal, path: Path, tmp_path: Path) -> None:
    for force in (False, True):
        with pytest.raises(JournalError, match="overwrite the journal itself"):
            backup(path, path, force=force)
        with pytest.raises(UsageError, match="is a directory"):
            backup(path, tmp_path, force=force)
        os.mkfifo(tmp_path / f"pipe{force}")
        with pytest.raises(UsageError, match="is a pipe"):
            backup(path, tmp_path / f"pipe{force}", force=force)
        assert (tmp_path / f"pipe{force}").is_fifo()
    with pytest.raises(JournalError, match="File name too long"):
        backup(path, tmp_path / ("x" * 300))
    with pytest.raises(UsageError, match="a directory that does not exist"):
        backup(path, tmp_path / "none" / "copy.db")
    with pytest.raises(JournalError, match="no journal yet"):
        backup(tmp_path / "none.db", tmp_path / "copy.db")


async def test_a_copy_is_a_journal_to_write_on(
    journal: Journal, path: Path, tmp_path: Path
) -> None:
    run = await journal.begin_run(new_run())
    backup(path, tmp_path / "copy.db")
    async with await Journal.open(tmp_path / "copy.db", key=KEY) as copy:
        await copy.resume_run(run, RunResumed("n2"), WALL)
    assert verify(tmp_path / "copy.db", KEY) == []


async def test_a_link_is_followed_and_the_copy_is_the_owners_alone(
    journal: Journal, path: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    old.write_text("older")
    old.chmod(0o644)
    (tmp_path / "link").symlink_to("old.db")
    backup(path, tmp_path / "link", force=True)
    assert (tmp_path / "link").is_symlink()
    assert verify(old, KEY) == []
    assert old.stat().st_mode & 0o777 == 0o600


async def test_a_journal_behind_a_link_is_put_back_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "tradebot.db"
    path.symlink_to(tmp_path / "disk" / "real.db")
    async with await Journal.open(path, key=KEY) as journal:
        await journal.begin_run(new_run())
    backup(path, tmp_path / "copy.db")
    async with await Journal.open(path, key=KEY) as journal:
        await journal.begin_run(new_run("n2"))
    kept = restore(path, tmp_path / "copy.db", KEY)
    assert path.is_symlink()
    assert kept is not None
    assert [len(ask(one, "SELECT id FROM runs")) for one in (path, kept)] == [1, 2]
