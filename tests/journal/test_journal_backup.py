"""Copies of a journal at work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kits.journal_samples import KEY, T0, WALL, ask, new_run, quote, story

from tradebot.core.model.errors import JournalError
from tradebot.journal.backup import backup
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Batch
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
        with pytest.raises(JournalError, match="is a directory"):
            backup(path, tmp_path, force=force)
    with pytest.raises(JournalError, match="cannot use the file"):
        backup(path, tmp_path / "none" / "copy.db")
    with pytest.raises(JournalError, match="no journal yet"):
        backup(tmp_path / "none.db", tmp_path / "copy.db")


async def test_a_copy_is_a_journal_to_write_on(
    journal: Journal, path: Path, tmp_path: Path
) -> None:
    run = await journal.begin_run(new_run())
    backup(path, tmp_path / "copy.db")
    async with await Journal.open(tmp_path / "copy.db", key=KEY) as copy:
        await copy.resume_run(run, "n2", WALL)
    assert verify(tmp_path / "copy.db", KEY) == []
