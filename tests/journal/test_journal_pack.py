"""Packing the event log, dropping it, and reading across both."""

from __future__ import annotations

import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from kits.journal_samples import BTC, ETH, KEY, T0, WALL, alter, ask, bar, new_run, quote, story

from tradebot.core.model.errors import JournalError
from tradebot.core.model.events import Event, WakeUp
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS
from tradebot.journal.pack import is_due, pack, unpack
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Batch, RunResumed
from tradebot.journal.verify import verify
from tradebot.journal.writer import Journal

_number = st.integers(-(2**62), 2**62)
_kind = st.sampled_from(["Quote", "Bar", "WakeUp"])
_payload = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]))


@pytest_asyncio.fixture
async def short(path: Path) -> AsyncIterator[Journal]:
    """A journal that keeps two days."""
    async with await Journal.open(path, key=KEY, keep_days=2) as journal:
        yield journal


def minute(at: int) -> list[Event]:
    events: list[Event] = [quote(at + s * 20_000, symbol) for s in (0, 1) for symbol in (BTC, ETH)]
    return [*events, bar(at, BTC), bar(at, ETH)]


async def fill(journal: Journal, run: str, start: int, hours: int, wall: int = WALL) -> int:
    """Commit a thin market, six events every ten minutes; return how many events."""
    count = 0
    for at in range(start, start + hours * HOUR_MS, 10 * MINUTE_MS):
        events = minute(at)
        await journal.commit(Batch(run, wall, events))
        count += len(events)
    return count


@given(st.lists(st.tuples(*[_number] * 4, _kind, _payload), min_size=1))
def test_a_block_loses_nothing(rows: list[tuple[int, int, int, int, str, str]]) -> None:
    rows.sort()
    assert list(unpack(pack(rows))) == rows


def test_nonsense_is_no_block() -> None:
    with pytest.raises(zlib.error):
        list(unpack(b"nonsense"))
    with pytest.raises(ValueError, match="unpack"):
        list(unpack(zlib.compress(b"1\n2")))


def test_when_an_hour_is_due() -> None:
    assert not is_due(T0 + 5, T0 + DAY_MS + HOUR_MS - 1)
    assert is_due(T0 + 5, T0 + DAY_MS + HOUR_MS)


async def test_hours_older_than_a_day_are_packed(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    count = await fill(journal, run, T0, 30)
    oldest = ask(path, "SELECT min(at) FROM log")[0][0]
    assert oldest == T0 + 5 * HOUR_MS  # six would be the first that is a day old with its last bar
    assert ask(path, "SELECT bars, count(*), sum(rows) FROM blocks GROUP BY bars") == [
        (0, 5, 120),
        (1, 5, 60),
    ]
    with Reader(path) as reader:
        events = list(reader.events(run))
        assert [e.seq for e in events] == list(range(1, count + 1))
        assert [e.at for e in events] == sorted(e.at for e in events)
        assert [type(e.event).__name__ for e in events[:6]] == ["Quote"] * 4 + ["Bar"] * 2
        assert [e.seq for e in reader.events(run, after=77)] == list(range(78, count + 1))
        bars = reader.bars(run, ETH)
        assert [b.open_time for b in bars] == list(range(T0, T0 + 30 * HOUR_MS, 10 * MINUTE_MS))
    assert verify(path, KEY) == []
    assert journal.maintenance_error is None


async def test_a_jump_in_time_is_caught_up_with(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    await fill(journal, run, T0, 12)
    for i in range(4):
        await journal.commit(Batch(run, WALL, [WakeUp(T0 + 9 * DAY_MS + i, "k")]))
    assert ask(path, "SELECT count(*) FROM log") == [(4,)]
    with Reader(path) as reader:
        assert len(list(reader.events(run))) == 12 * 36 + 4


async def test_intents_do_not_wait_for_packing(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    await journal.commit(Batch(run, WALL, [quote(T0)]))
    await journal.commit(Batch(run, WALL, [quote(T0 + 3 * DAY_MS)], story()), full=True)
    assert ask(path, "SELECT count(*) FROM blocks") == [(0,)]


async def test_old_blocks_go_but_bars_stay(short: Journal, path: Path) -> None:
    run = await short.begin_run(new_run())
    await fill(short, run, T0, 80)
    ((first,),) = ask(path, "SELECT min(last_at) FROM blocks WHERE bars = 0")
    newest = T0 + 80 * HOUR_MS
    assert newest - 2 * DAY_MS - HOUR_MS < first <= newest - 2 * DAY_MS + HOUR_MS
    with Reader(path) as reader:
        assert len(reader.bars(run, BTC)) == 80 * 6
        seqs = [e.seq for e in reader.events(run)]
        assert seqs == sorted(seqs)
    assert verify(path, KEY) == []


async def test_the_bars_of_an_ended_run_go_by_the_clock(short: Journal, path: Path) -> None:
    run = await short.begin_run(new_run("n1"))
    stopped = await short.begin_run(new_run("n2"))
    await fill(short, run, T0, 3)
    await fill(short, stopped, T0, 3)
    await short.end_run(run, "ended", None, None, WALL)
    await short.end_run(stopped, "interrupted", None, None, WALL)
    assert ask(path, "SELECT DISTINCT run FROM log") == [(2,)]  # the ended one is packed
    later = await short.begin_run(new_run("n3", wall=WALL + 3 * DAY_MS))
    for i in range(4):  # the hours of the one that stopped are packed in passing
        await short.commit(Batch(later, WALL + 3 * DAY_MS, [quote(T0 + i)]))
    assert ask(path, "SELECT DISTINCT run FROM log") == [(3,)]
    await short.begin_run(new_run("n4", wall=WALL + 3 * DAY_MS))
    assert ask(path, "SELECT DISTINCT run, bars FROM blocks") == [(2, 1)]
    with Reader(path) as reader:
        assert list(reader.events(run)) == []
        assert len(reader.bars(stopped, BTC)) == 18
    assert verify(path, KEY) == []


async def test_a_run_goes_on_after_its_log_was_packed(path: Path) -> None:
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run("n1"))
        count = await fill(journal, run, T0, 2)
    async with await Journal.open(path, key=KEY) as journal:
        other = await journal.begin_run(new_run("n2"))
        for i in range(3):
            await journal.commit(Batch(other, WALL, [quote(T0 + i)]))
        assert ask(path, "SELECT DISTINCT run FROM log") == [(2,)]
        await journal.resume_run(run, RunResumed("n3"), WALL)
        count += await fill(journal, run, T0 + 110 * MINUTE_MS + 1, 1)
        with Reader(path) as reader:
            assert [e.seq for e in reader.events(run)] == list(range(1, count + 1))
        await journal.end_run(run, "ended", None, None, WALL)
        with Reader(path) as reader:
            assert [e.seq for e in reader.events(run)] == list(range(1, count + 1))
    assert verify(path, KEY) == []


async def test_packing_that_fails_fails_no_commit(path: Path) -> None:
    async with await Journal.open(path, key=KEY) as journal:
        run = await journal.begin_run(new_run())
        await fill(journal, run, T0, 2)
        alter(path, "CREATE TRIGGER no BEFORE INSERT ON blocks BEGIN SELECT raise(FAIL, 'no'); END")
        await journal.commit(Batch(run, WALL, [quote(T0 + 3 * DAY_MS)]))
        assert isinstance(journal.maintenance_error, JournalError)
        with Reader(path) as reader:
            assert len(list(reader.events(run))) == 73
        alter(path, "DROP TRIGGER no")
        await journal.commit(Batch(run, WALL, [quote(T0 + 3 * DAY_MS)]))
        assert journal.maintenance_error is None
        assert ask(path, "SELECT sum(rows) FROM blocks") == [(72,)]


async def test_changed_blocks_are_found(journal: Journal, path: Path) -> None:
    run = await journal.begin_run(new_run())
    await fill(journal, run, T0, 1)
    await journal.end_run(run, "ended", None, None, WALL)
    alter(path, "UPDATE blocks SET data = X'00' WHERE bars = 1")
    (finding,) = verify(path, KEY)
    assert (finding.kind, finding.where) == ("log", "blocks 1, events 5 to 36")
    with Reader(path) as reader, pytest.raises(JournalError, match="at event 5 is damaged"):
        reader.bars(run)


@pytest.mark.full
async def test_appending_is_cheap(journal: Journal) -> None:
    run = await journal.begin_run(new_run())
    events: list[Event] = [quote(T0 + i) for i in range(500)]
    started = time.perf_counter()
    for _ in range(200):
        await journal.commit(Batch(run, WALL, events))
    assert (time.perf_counter() - started) / 100_000 < 10e-6  # 2 us here; slack for a busy machine
