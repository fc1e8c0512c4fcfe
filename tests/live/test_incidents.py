"""What must not be passed over in a live run is put on record by the bot, bars entries, and is over by a person's word alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kits import binance_scene as scene
from kits import live_kit as kit

from tradebot.app.incidents import incidents_in
from tradebot.core.model.events import EntriesBarred
from tradebot.guard.diary import Diary
from tradebot.journal.commands import CLOSE_INCIDENT, post_command, wait_command
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.reports.readiness.incidents import Incident

XRP = "XRP/USDT"
START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
DEAF = {"do": "drop", "event": "*", "stream": "private"}
WORDS = "the exchange was looked at, nothing is open, and it is understood why"

Meddle = Callable[[scene.Live], Coroutine[Any, Any, None]]


def known(folder: Path) -> list[Incident]:
    return incidents_in(journal_path(folder / "data")).known


def entries(live: scene.Live) -> int:
    """How many orders of ours could have opened something."""
    rows = live.venue.ledger.of("request")
    sent = [row for row in rows if (row["method"], row["path"]) == ("POST", ORDER)]
    return len([row for row in sent if "reduceOnly" not in row["params"]])


async def barred(live: scene.Live) -> None:
    """Wait until an incident bars entries; a bar that asks for one meanwhile gets none."""
    await live.until(lambda: live.engine.shared.barred)
    before = entries(live)
    await asyncio.sleep(125)
    assert entries(live) == before


async def answer(live: scene.Live, path: Path, number: int) -> tuple[bool, str]:
    """Wait for the engine's answer to a command."""
    await live.until(lambda: wait_command(path, number, 0))
    row = wait_command(path, number, 0)
    assert row is not None
    assert row.ok is not None
    return bool(row.ok), row.result or ""


async def unprotected(live: scene.Live) -> None:
    """No stop is answered in time, and the way out takes a second."""
    slow = {"do": "delay", "ms": 9_000, "method": "POST", "path": ALGO}
    live.venue.faults.set([slow, {"do": "delay", "ms": 1_000, "method": "POST", "path": ORDER}])
    await barred(live)


async def unknown_order(live: scene.Live) -> None:
    await asyncio.sleep(50)  # the account has been read; the first bar closes in ten seconds
    lost = {"do": "accept_then_close", "method": "POST", "path": ORDER, "times": 1}
    silent = [
        {"do": "error", "code": -1000, "method": "GET", "path": path}
        for path in (ORDER, "/fapi/v1/openOrders", "/fapi/v1/userTrades", "/fapi/v3/positionRisk")
    ]
    live.venue.faults.set([lost, DEAF, *silent])
    await live.until(lambda: live.engine.shared.barred, 200)
    assert len(live.venue.ledger.of("fill")) == 1


async def liquidation(live: scene.Live) -> None:
    await live.opened(XRP)
    live.venue.acts.do("liquidate", symbol="XRPUSDT")
    await barred(live)


async def ban(live: scene.Live) -> None:
    await live.opened(XRP)
    rule = {"do": "ban", "seconds": 30, "times": 1, "method": "*", "path": "/fapi/*"}
    live.venue.faults.set([rule])
    await barred(live)


async def reconcile(live: scene.Live) -> None:
    await live.opened(XRP)
    live.venue.acts.do("foreign_order", symbol="XRPUSDT", side="BUY", qty="20", price="1.9")
    await barred(live)


async def cent(live: scene.Live) -> None:
    await live.opened(XRP)
    live.venue.faults.set([DEAF])
    live.venue.acts.do("delay_income", seconds=3600)  # nothing explains the money
    live.venue.acts.do("transfer", amount="0.01")
    await live.until(lambda: live.engine.shared.barred, 200)


async def side_file(live: scene.Live) -> None:
    """A journal that takes nothing for a while, just as a position has to be protected."""
    record, commit = live.runner.record, live.runner.record.commit

    async def late(*, full: bool = False) -> bool:
        if any(run.session.engine.books[XRP].bare_since for run in live.runner.runs):
            await asyncio.sleep(2)
        return bool(await commit(full=full))

    record.commit = late
    await live.until(lambda: live.engine.shared.barred)
    record.commit = commit


async def close_all(live: scene.Live) -> None:
    """Somebody's close-all in another process has left something, as its diary says."""
    await live.opened(XRP)
    left = [{"symbol": XRP, "side": "long", "qty": "1", "what": "position"}]
    diary = Diary([live.runner._data_dir], clock=live.clock)
    diary.put("result", code=6, left=left)
    await barred(live)


async def watchdog(live: scene.Live) -> None:
    """An engine that hung and went on: its screen did not end it."""
    await live.opened(XRP)
    path = live.runner._data_dir / "tradebot.hung"
    path.write_text("2025-05-01T03:02:00Z the engine has made no progress for 12 s\nstacks\n")
    await barred(live)


CASES: dict[str, tuple[Meddle, str]] = {
    "unprotected": (unprotected, "XRP/USDT: no stop in place for "),
    "unknown_order": (unknown_order, "XRP/USDT: nobody has known for 6"),
    "liquidation": (liquidation, "XRP/USDT: the exchange liquidated the position"),
    "ban": (ban, "the exchange has banned this address for 30 s"),
    "reconcile": (reconcile, "foreign: order foreign"),
    "cent": (cent, "the venue's wallet is "),
    "side_file": (side_file, "sent without being in the journal: tb"),
    "close_all": (close_all, "a close-all left something: XRP/USDT position"),
    "watchdog": (watchdog, "the engine has made no progress for 12 s"),
}


@pytest.mark.parametrize("what", CASES)
def test_each_kind_is_recorded_and_bars_entries(tmp_path: Path, what: str) -> None:
    meddle, words = CASES[what]
    found = scene.meddled(tmp_path, START, meddle, modes=("live",))
    one = next(one for one in known(tmp_path) if one.opened.what == what)
    assert words in one.opened.text
    assert one.run == "live-0001"
    assert any(f"incident {one.id}, {what}" in said for said in found.session.engine.shared.barred)


def test_a_run_without_trouble_has_none(tmp_path: Path) -> None:
    async def meddle(live: scene.Live) -> None:
        await live.opened(XRP)
        await asyncio.sleep(600)

    found = scene.meddled(tmp_path, START, meddle, modes=("live",))
    assert known(tmp_path) == []
    assert found.session.engine.shared.barred == ()


def test_paper_records_none(tmp_path: Path) -> None:
    scene.meddled(tmp_path, START, liquidation_of_paper)
    assert known(tmp_path) == []


async def liquidation_of_paper(live: scene.Live) -> None:
    await live.opened(XRP)
    live.venue.acts.do("liquidate", symbol="XRPUSDT")
    await live.until(lambda: "liquidated" in live.halts())


def test_a_persons_word_by_command_ends_it_and_a_restart_does_not(tmp_path: Path) -> None:
    """The engine checks what it is asked for anew; what is still open bars entries in the next start too."""
    path = journal_path(tmp_path / "data")

    def asked(number: str, name: str, text: str) -> int:
        return post_command(path, CLOSE_INCIDENT, name, text, review=number)

    async def first(live: scene.Live) -> None:
        rule = {"do": "ban", "seconds": 30, "times": 1, "method": "*", "path": "/fapi/*"}
        live.venue.faults.set([rule])  # nothing is held yet
        await barred(live)
        wrong = {
            asked("1", "Ada", "short"): "the text has 5 characters",
            asked("7", "Ada", WORDS): "there is no incident 7",
            asked("one", "Ada", WORDS): "there is no incident 0",
            asked("1", " ", WORDS): "who closes it is not said",
        }
        for number, words in wrong.items():
            ok, said = await answer(live, path, number)
            assert not ok
            assert words in said

    scene.meddled(tmp_path, START, first, modes=("live",))
    (one,) = known(tmp_path)

    async def second(live: scene.Live) -> None:
        await live.until(lambda: live.engine.shared.barred)
        said = await answer(live, path, asked("1", "Ada", WORDS))
        assert said == (True, "incident 1 is closed, by Ada")
        await live.until(lambda: not live.engine.shared.barred)
        said = await answer(live, path, asked("1", "Bob", WORDS))
        assert said == (False, "incident 1 was closed already, by Ada")
        resume = partial(live.runner.runs[0].command, 0, "resume", "me", "the ban is over")
        live.runner._queue.put_nowait(resume)
        await live.opened(XRP)

    found = scene.meddled(tmp_path, START + 3_600_000, second, modes=("live",))
    (one,) = known(tmp_path)
    assert one.closed is not None
    assert (one.closed.name, one.closed.text) == ("Ada", WORDS)
    with Reader(path) as reader:
        said = [e.event for e in reader.events("live-0001") if isinstance(e.event, EntriesBarred)]
    assert [bool(event.reasons) for event in said] == [True, False]
    assert found.session.engine.shared.barred == ()
