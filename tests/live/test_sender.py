"""What leaves for a broker outside, in which order, and what happens when the journal does not take it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kits import live_kit as kit
from kits.live_scene import START, Scene, scene

from tradebot.app import queued
from tradebot.app.record import Record
from tradebot.app.replay import replay_run
from tradebot.app.sender import PROTECT_S, Sender
from tradebot.core.model.effects import Halted, Place
from tradebot.core.model.errors import ExchangeError, JournalError
from tradebot.core.model.events import JournalFailed, OrderUpdate
from tradebot.core.model.values import OrderStatus, Purpose
from tradebot.guard.latch import write_halt
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Batch
from tradebot.journal.side import SIDE_FILE, SideRow, append_side, read_side, write_side
from tradebot.journal.verify import verify
from tradebot.reports.drift import modelled_fills


def watch_commits(made: Scene) -> list[tuple[str, Any]]:
    """Note, in order, what was committed and what was handed to the broker."""
    seen: list[tuple[str, Any]] = []
    journal, broker = made.runner.journal, made.broker
    assert broker is not None
    commit, send = journal.commit, broker.send

    async def committed(*batches: Any, full: bool = False) -> None:
        await commit(*batches, full=full)
        places = [e for b in batches for _, e in b.effects if isinstance(e, Place)]
        seen.extend(("full" if full else "commit", p.approved.order.id) for p in places)

    def sent(approved: Any, at: int) -> Any:
        seen.append(("send", approved.order.id))
        return send(approved, at)

    journal.commit = committed  # type: ignore[method-assign]
    broker.send = sent  # type: ignore[method-assign]
    return seen


def test_every_order_is_on_the_disk_before_it_leaves(tmp_path: Path) -> None:
    seen: list[tuple[str, Any]] = []

    async def watch(made: Scene) -> None:
        seen.append(("start", ""))
        made.seen = watch_commits(made)  # type: ignore[attr-defined]

    found = scene(tmp_path, 120, watch)
    order = found.seen  # type: ignore[attr-defined]
    sent = [what for kind, what in order if kind == "send"]
    assert len(sent) > 6
    for order_id in sent:
        assert order.index(("full", order_id)) < order.index(("send", order_id))
    with Reader(tmp_path / "tradebot.db") as reader:
        known = {row.id for row in reader.orders("paper-0001")}
        fills = {(row.symbol, row.trade_id) for row in reader.fills("paper-0001")}
        modelled = modelled_fills(reader, "paper-0001")
    assert set(sent) <= known
    # the same run for two more sentences: played again it is the same, and each fill is beside the model
    assert replay_run(tmp_path / "tradebot.db", "paper-0001", Path()).equal
    assert {(fill.symbol, fill.trade_id) for fill in modelled} == fills
    assert len(modelled) == len(fills) > 4
    assert sum(fill.bps != "" for fill in modelled) > len(fills) / 2


def test_the_state_is_saved_once_a_minute_and_the_log_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queued, "COMMIT_S", 0.25)
    states: list[bool] = []

    async def watch(made: Scene) -> None:
        commit = made.runner.journal.commit

        async def counted(*batches: Any, full: bool = False) -> None:
            states.append(batches[0].state is not None)
            await commit(*batches, full=full)

        made.runner.journal.commit = counted  # type: ignore[method-assign]

    scene(tmp_path, 60, watch)
    assert 58 <= sum(states) <= 64
    assert len(states) > 2 * sum(states)


def test_verify_beside_a_running_engine_finds_nothing(tmp_path: Path) -> None:
    lags: list[int] = []

    async def look(made: Scene) -> None:
        key = AuditKey.find(tmp_path)
        assert key is not None
        for _ in range(20):
            await asyncio.sleep(95.0)
            assert verify(tmp_path / "tradebot.db", key) == []
            with closing(sqlite3.connect(tmp_path / "tradebot.db")) as db:
                lags.extend(
                    db.execute("SELECT (SELECT max(wall) FROM log) - wall FROM state").fetchone()
                )

    scene(tmp_path, 60, look)
    assert max(lags) > 10_000  # it does lag


class Twisted:
    """Two clocks that do not go together."""

    monotonic_s = 0.0
    wall = START

    def wall_ms(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.monotonic_s

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("monotonic_s", "wall_ms", "due"),
    [
        *[(1, 1_000, False), (59, 59_000, False), (60, 60_000, True), (60, 5_000, True)],
        *[(5, 8 * 3_600_000, True), (5, -1_000, True)],  # it slept; its clock was set back
    ],
)
async def test_a_state_is_due_by_either_clock(monotonic_s: int, wall_ms: int, due: bool) -> None:
    clock, states = Twisted(), []

    async def commit(*batches: Batch, full: bool = False) -> None:
        del full
        states.append(batches[0].state is not None)

    outside = SimpleNamespace(session=SimpleNamespace(broker=SimpleNamespace(outside=True)))
    record = Record(
        SimpleNamespace(commit=commit),  # type: ignore[arg-type]
        [outside],  # type: ignore[list-item]
        lambda _, with_state: Batch("r", clock.wall, state={} if with_state else None),
        clock,
    )
    assert await record.commit()
    clock.monotonic_s, clock.wall = float(monotonic_s), START + wall_ms
    assert await record.commit()
    assert states == [True, due]


class Holding:
    """A scene that waits for a position and then lets a test hold the journal up."""

    def __init__(self, hold: Callable[[Scene], Any]) -> None:
        self.hold = hold

    async def __call__(self, made: Scene) -> None:
        while not any(book.holding.qty for book in made.runner.session.engine.books.values()):
            await asyncio.sleep(0.5)
            if made.clock.wall_ms() > START + 120 * 60_000:
                raise AssertionError("it never held anything")
        await asyncio.sleep(20)
        await self.hold(made)


def hang(made: Scene) -> Callable[[], None]:
    """Have every commit wait until the returned function is called."""
    gate = asyncio.Event()
    commit = made.runner.journal.commit

    async def waiting(*batches: Any, full: bool = False) -> None:
        await gate.wait()
        await commit(*batches, full=full)

    made.runner.journal.commit = waiting  # type: ignore[method-assign]
    return gate.set


def test_protection_does_not_wait_for_a_journal_that_hangs(tmp_path: Path) -> None:
    facts: dict[str, Any] = {}

    async def hold(made: Scene) -> None:
        broker, session = made.broker, made.runner.session
        assert broker is not None
        release = hang(made)
        before, at = len(broker.sent), made.loop.virtual
        made.wish("close-all")
        while len(broker.sent) == before:
            await asyncio.sleep(0.01)
        facts["waited"] = made.loop.virtual - at
        facts["sent"] = broker.sent[before:]
        await asyncio.sleep(3)
        facts["halts"] = set(session.engine.halts.reasons)
        facts["held"] = [b.holding.qty for b in session.engine.books.values()]
        facts["rows"] = read_side(tmp_path / SIDE_FILE)
        release()
        await asyncio.sleep(1)
        made.wish("resume")
        await asyncio.sleep(1)
        facts["after"] = set(session.engine.halts.reasons)

    found = scene(tmp_path, 125, Holding(hold))
    assert found.ending.state == "ended", found.ending.why
    assert facts["waited"] <= PROTECT_S + 0.3  # the loop looks round before
    assert set(facts["halts"]) >= {"user", "journal"}
    assert "journal" not in facts["after"]  # it stands after all: a person may go on
    assert facts["held"] == [0, 0]
    assert facts["rows"][0].place.approved.order.id == facts["sent"][0]
    assert "not in the journal, sent all the same" in "\n".join(found.said)
    assert found.events(JournalFailed)
    # it was all written when the journal came back
    with Reader(tmp_path / "tradebot.db") as reader:
        known = {row.id for row in reader.orders("paper-0001")}
    assert set(facts["sent"]) <= known


@pytest.mark.parametrize(
    ("commits_s", "blocked_s", "taken"), [(0.1, 0.6, True), (0.1, 0.0, True), (3.0, 0.6, None)]
)
async def test_a_loop_that_was_busy_says_nothing_of_the_journal(
    commits_s: float, blocked_s: float, taken: bool | None
) -> None:
    over = threading.Event()

    async def commit() -> bool:
        await asyncio.to_thread(over.wait, commits_s)
        for _ in range(5):  # what is done with it on the loop
            await asyncio.sleep(0)
        return True

    sender = Sender(cast("Any", None), cast("Any", None), Path(), print, print)
    work = asyncio.ensure_future(commit())
    await asyncio.sleep(0)  # it has been handed to its thread
    asyncio.get_running_loop().call_later(0.01, time.sleep, blocked_s)
    assert await sender._taken(work) is taken
    over.set()
    await work


@pytest.mark.parametrize("failure", [JournalError("the disk is full"), KeyError("unthought of")])
def test_an_entry_does_not_leave_without_its_record(tmp_path: Path, failure: Exception) -> None:
    async def fail(made: Scene) -> None:
        commit = made.runner.journal.commit

        async def failing(*batches: Any, full: bool = False) -> None:
            placed = [e for b in batches for _, e in b.effects if isinstance(e, Place)]
            if full and not made.broker.sent and placed:  # type: ignore[union-attr]
                made.runner.journal.commit = commit  # type: ignore[method-assign]
                raise failure
            await commit(*batches, full=full)

        made.runner.journal.commit = failing  # type: ignore[method-assign]

    found = scene(tmp_path, 60, fail)
    assert found.ending.state == "ended", found.ending.why
    words = found.events(OrderUpdate)
    assert words[0].status is OrderStatus.REJECTED
    # the failure halts, a halt withdraws what has not left: which of the two is said is a matter of who runs first
    assert words[0].reason in ("it could not be put on record", "withdrawn before it was sent")
    assert found.broker is not None
    assert words[0].order_id not in found.broker.sent
    with Reader(tmp_path / "tradebot.db") as reader:
        effects = [logged.effect for logged in reader.effects("paper-0001")]
    assert "journal" in {effect.reason for effect in effects if isinstance(effect, Halted)}


def test_a_halt_that_comes_while_the_record_is_written_stops_the_entry(tmp_path: Path) -> None:
    latch: list[str] = []

    async def watch(made: Scene) -> None:
        commit = made.runner.journal.commit

        async def committed(*batches: Any, full: bool = False) -> None:
            await commit(*batches, full=full)
            for batch in batches:
                for _, effect in batch.effects:
                    if isinstance(effect, Place) and not effect.approved.order.reduce_only:
                        latch.append(effect.approved.order.id)
                        write_halt(tmp_path, "now", "eve", clock=made.clock)

        made.runner.journal.commit = committed  # type: ignore[method-assign]

    found = scene(tmp_path, 60, watch)
    assert latch
    assert found.broker is not None
    assert found.broker.sent == []
    (first, *_) = [e for e in found.events(OrderUpdate) if e.order_id == latch[0]]
    assert (first.status, first.reason) == (OrderStatus.REJECTED, "halted before it was sent")


def test_an_entry_that_is_cancelled_before_it_left_never_leaves(tmp_path: Path) -> None:
    async def watch(made: Scene) -> None:
        session = made.runner.session
        commit = made.runner.journal.commit

        async def slow(*batches: Any, full: bool = False) -> None:
            await commit(*batches, full=full)
            if full:
                await asyncio.sleep(1)

        made.runner.journal.commit = slow  # type: ignore[method-assign]
        while not session.engine.table.entries:
            await asyncio.sleep(0.05)
        made.wish("halt")

    found = scene(tmp_path, 60, watch)
    assert found.broker is not None
    assert found.broker.sent == []
    assert found.broker.asked["cancel"] == 0
    words = [e.reason for e in found.events(OrderUpdate)]
    assert words[0] == "withdrawn before it was sent"


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ExchangeError("the connection dropped"), "the connection dropped"),
        (KeyError("unthought of"), "KeyError: 'unthought of'"),
    ],
)
def test_a_broker_that_fails_leaves_an_order_unknown(
    tmp_path: Path, failure: Exception, told: str
) -> None:
    def breaks(made: Scene) -> None:
        assert made.broker is not None
        send = made.broker.send

        def failing(approved: Any, at: int) -> Any:
            if approved.order.purpose is Purpose.ENTRY and not made.broker.sent:  # type: ignore[union-attr]
                made.broker.sent.append(approved.order.id)  # type: ignore[union-attr]
                raise failure
            return send(approved, at)

        made.broker.send = failing  # type: ignore[method-assign]

    found = scene(tmp_path, 60, prepare=breaks)
    assert found.ending.state == "ended"
    unknown = [e for e in found.events(OrderUpdate) if e.status is OrderStatus.UNKNOWN]
    assert unknown[0].reason == told


def test_the_next_start_imports_the_side_file(tmp_path: Path) -> None:
    first = scene(tmp_path, 90, for_ms=60 * 60_000)
    with Reader(tmp_path / "tradebot.db") as reader:
        places = [e.effect for e in reader.effects("paper-0001") if isinstance(e.effect, Place)]
    assert first.broker is not None
    stop = next(place for place in places if place.approved.order.reduce_only)
    path = tmp_path / SIDE_FILE
    lost = kit.renamed(stop, "tbabcdef-12345678-9x")
    append_side(path, [SideRow("paper-0001", 5, 6, stop), SideRow("paper-0001", 7, 8, lost)])
    append_side(path, [SideRow("paper-0777", 5, 6, stop)])
    path.write_text(path.read_text() + '{"run": "paper-0001", "at"')  # cut off by a crash
    with closing(sqlite3.connect(tmp_path / "tradebot.db")) as db, db:
        db.execute("UPDATE runs SET state = 'interrupted'")

    async def main(loop: kit.VirtualLoop) -> Scene:
        loop.virtual = 60 * 60.0
        made = Scene(loop, tmp_path, 70)
        await made.run()
        return made

    found = kit.play(main)
    assert "1 protective order(s) that had left unrecorded are in the journal" in found.said
    (shown,) = [text for text in found.said if "cannot be read" in text]
    assert shown.endswith('{"run": "paper-0001", "at"')
    with Reader(tmp_path / "tradebot.db") as reader:
        known = [row.id for row in reader.orders("paper-0001")]
    assert known.count("tbabcdef-12345678-9x") == 1
    assert [row.run for row in read_side(path)] == ["paper-0777"]
    write_side(path, [])
    assert not path.exists()
    key = AuditKey.find(tmp_path)
    assert key is not None
    assert [f for f in verify(tmp_path / "tradebot.db", key) if "runs" not in str(f)] == []
