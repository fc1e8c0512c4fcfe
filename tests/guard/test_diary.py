"""``close-all.jsonl``: on the disk before what it tells of, and never in the way."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from tradebot.guard import diary
from tradebot.guard.diary import DIARY_FILE, ENGINE, Diary, read_diary


def test_rows_are_in_both_files_and_read_once(tmp_path: Path) -> None:
    dirs = [tmp_path / "data", tmp_path / "account"]
    Diary(dirs, ENGINE).put("taken", symbol="BTC/USDT")
    assert (dirs[0] / DIARY_FILE).read_text() == (dirs[1] / DIARY_FILE).read_text()
    (row,) = read_diary(dirs)
    assert (row.step, row.role, row.pid, row.more) == (
        *("taken", ENGINE, os.getpid()),
        {"symbol": "BTC/USDT"},
    )
    assert read_diary(dirs, row.wall + 1) == []


async def test_a_row_is_on_the_disk_when_it_was_noted(tmp_path: Path) -> None:
    book = Diary([tmp_path])
    await asyncio.gather(*(book.note("close", number_of=n) for n in range(10)))
    assert len(read_diary([tmp_path])) == 10


def test_no_row_is_lost_while_others_are_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row is put together while a thread takes what waits: it goes with the next ones, and is not forgotten."""
    book = Diary([tmp_path])
    line = book._line

    def slowly(step: str, more: Mapping[str, object]) -> str:
        made = line(step, more)
        if step == "close":
            book._flush()
        return made

    monkeypatch.setattr(book, "_line", slowly)
    book._waiting.append(line("cancel", {}))
    book.put("close")
    assert [step.step for step in read_diary([tmp_path])] == ["cancel", "close"]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    Diary([tmp_path]).put("begin")
    with (tmp_path / DIARY_FILE).open("a") as file:
        file.write('{"step": "close", "wal')  # cut in half
    assert [step.step for step in read_diary([tmp_path])] == ["begin"]
    (tmp_path / DIARY_FILE).write_bytes(b"\xff\xfe nonsense\n" + json.dumps([1]).encode() + b"\n")
    assert read_diary([tmp_path]) == []


@pytest.mark.parametrize("what", ["directory", "pipe", "full"])
async def test_a_file_that_cannot_be_written_stops_nobody(tmp_path: Path, what: str) -> None:
    if what == "directory":
        (tmp_path / DIARY_FILE).mkdir()
    elif what == "pipe":
        os.mkfifo(tmp_path / DIARY_FILE)
    else:
        (tmp_path / "file").write_text("")
        tmp_path = tmp_path / "file"  # no directory can be made of it
    book = Diary([tmp_path])
    book.put("begin")
    await book.note("close")
    assert read_diary([tmp_path]) == []


async def test_a_disk_that_hangs_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, begun = threading.Event(), []

    def hang(where: Path, text: bytes) -> None:
        begun.append(where)
        free.wait(60)

    monkeypatch.setattr(diary, "_append", hang)
    book = Diary([tmp_path])
    try:
        await asyncio.wait_for(book.note("close"), 30)
        for _ in range(20):
            await asyncio.wait_for(book.note("close"), 30)
        assert len(begun) == 1
    finally:
        free.set()
