"""An account whose journal was forged while it was away: the engine starts, protects it, and enters nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kits import live_kit as kit
from kits.live_scene import Scene, scene

from tradebot.app.host import opened
from tradebot.core.model.effects import Halted, Place
from tradebot.core.model.errors import JournalError
from tradebot.core.model.values import Purpose
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.verify import verify


def first_life(data_dir: Path) -> tuple[kit.StubBroker, float]:
    """Trade until something is held and a minute more, and die of it. Return the exchange and when that was."""

    async def main(loop: kit.VirtualLoop) -> tuple[kit.StubBroker, float]:
        made = Scene(loop, data_dir, 200)
        async with opened(made.setup) as (runner, cursor):
            playing = asyncio.ensure_future(runner.main(cursor))
            books = runner.session.engine.books.values()
            while not any(book.holding.qty for book in books):
                await asyncio.sleep(0.5)
            await asyncio.sleep(30)
            assert made.broker is not None
            assert made.broker.exchange.positions
            runner._end = _die  # type: ignore[method-assign, assignment]
            playing.cancel()
            await asyncio.wait([playing])
        return made.broker, loop.virtual

    found: tuple[kit.StubBroker, float] = kit.play(main)
    return found


async def _die(*_: Any) -> Any:
    raise asyncio.CancelledError


def forge(data_dir: Path, sql: str) -> None:
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
        assert db.execute(sql).rowcount > 0


def second_life(data_dir: Path, broker: kit.StubBroker, since: float, *others: Any) -> Scene:
    """Start again on the same account, which went on meanwhile."""

    async def main(loop: kit.VirtualLoop) -> Scene:
        loop.virtual = since + 20
        made = Scene(loop, data_dir, 200, for_ms=40 * 60_000)
        assert made.broker is not None
        made.broker.exchange = broker.exchange
        now = made.clock.wall_ms()
        made.feed._minutes = [row for row in made.feed._minutes if row[0].open_time >= now]
        await made.run(*others)
        return made

    found = kit.play(main)
    assert isinstance(found, Scene)
    return found


FORGERIES = {
    "state": (
        'UPDATE state SET body = replace(body, \'"cash":"\', \'"cash":"1\')',
        "was changed, or written without the key",
    ),
    "head": ("UPDATE heads SET mac = 'x'", "its last published head was changed"),
    "log": ("UPDATE log SET payload = '{' WHERE kind <> 'Quote'", "cannot be lived through again"),
    "gap": (
        "DELETE FROM log WHERE seq = (SELECT max(seq) - 1 FROM log)",
        "of the log behind the state of paper-0001 1 events are gone",
    ),
    "row": ("UPDATE audit SET body = '{' WHERE kind = 'RunBegun'", "cannot be read"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forged_journal_keeps_no_account_from_being_protected(tmp_path: Path, what: str) -> None:
    broker, since = first_life(tmp_path)
    if what == "head":
        scene_of_a_head(tmp_path)
    sql, words = FORGERIES[what]
    forge(tmp_path, sql)
    facts: dict[str, Any] = {}

    async def look(made: Scene) -> None:
        assert made.broker is not None
        before, exchange = dict(made.broker.exchange.positions), made.broker.exchange
        await asyncio.sleep(5)
        stops = {o.symbol for o, _ in exchange.open_orders() if o.purpose is Purpose.STOP}
        facts["naked"] = set(exchange.positions) - stops
        facts["same"] = set(before) == set(exchange.positions)
        engine = made.runner.session.engine
        facts["held"] = {s: b.holding.qty for s, b in engine.books.items() if b.holding.qty}
        facts["there"] = {s: p.qty for s, p in exchange.positions.items()}
        made.wish("resume")
        await asyncio.sleep(20 * 60)
        facts["halts"] = list(engine.halts.reasons)
        made.wish("close-all")
        await asyncio.sleep(10)
        facts["left"] = dict(exchange.positions)

    found = second_life(tmp_path, broker, since, look)
    assert found.ending.state in ("ended", "interrupted")
    assert facts["naked"] == set()
    assert facts["same"]
    assert facts["held"] == facts["there"]
    assert facts["halts"] == ["journal"]
    assert facts["left"] == {}
    assert words in "\n".join(found.said)
    assert "no entries, protection goes on" in "\n".join(found.said)
    with Reader(tmp_path / "tradebot.db") as reader:
        effects = [logged.effect for logged in reader.effects(reader.resolve_run(None).id)]
    places = [e.approved.order for e in effects if isinstance(e, Place)]
    if what not in (
        "head",
        "row",
    ):  # else the run goes on, and its orders of before are among these
        assert all(order.reduce_only for order in places)
    assert "journal" in [e.reason for e in effects if isinstance(e, Halted)]
    key = AuditKey.find(tmp_path)
    assert key is not None
    found_out = verify(tmp_path / "tradebot.db", key)
    if what not in (
        "log",
        "gap",
    ):  # the log's last day has no signature; the others are never signed away
        assert found_out


def scene_of_a_head(data_dir: Path) -> None:
    """Publish a head: the runs that died are called interrupted when the journal is next opened."""
    from tradebot.journal.writer import Journal

    async def main() -> None:
        key = AuditKey.find(data_dir)
        assert key is not None
        async with await Journal.open(data_dir / "tradebot.db", key=key):
            pass

    asyncio.run(main())


def test_a_simulated_run_refuses_the_same(tmp_path: Path) -> None:
    scene(tmp_path, 10, for_ms=5 * 60_000, outside=False)
    with closing(sqlite3.connect(tmp_path / "tradebot.db")) as db, db:
        db.execute("UPDATE runs SET state = 'interrupted'")
    forge(tmp_path, FORGERIES["state"][0])
    with pytest.raises(JournalError, match="was changed, or written without the key"):
        scene(tmp_path, 10, for_ms=5 * 60_000, outside=False)
