"""A command that is carried out on a live run while no engine runs: the run stays what it was, ended in order or broken off."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kits.live_scene import Scene, scene

from tradebot.app import control
from tradebot.app.checklist import Checklist
from tradebot.app.live import MOST_WAIT_MS, Permit, journal_end, still_fit
from tradebot.app.ours import Ours, read_ours
from tradebot.app.permission import PENDING, WORDLESS, Terms, broke_off, may_go_on
from tradebot.app.standing import act
from tradebot.app.target import Request
from tradebot.config import load_config
from tradebot.core.model.effects import Resumed
from tradebot.core.model.errors import JournalError, LeftoverError, RefusedError, TradebotError
from tradebot.core.model.values import HOUR_MS
from tradebot.journal.audit import AuditKey
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.verify import verify

FREE = Permit()


def live(made: Scene) -> None:
    """Have the scene played as a live run."""
    made.setup = replace(made.setup, modes=("live",), venue="live")


def ending(says: TradebotError) -> Any:
    """Stop a scene that ends with an error of its own."""

    async def stop(made: Scene) -> None:
        made.runner.runs[0].account = "live"
        await asyncio.sleep(120)
        made.runner._failed = says
        made.runner.request_stop("a test")

    return stop


async def copied(made: Scene) -> None:
    """Keep the journal as a kill would leave it, with the run still called running."""
    await asyncio.sleep(100)
    shutil.copytree(made.data_dir, made.data_dir.parent / "killed")


def resume(data_dir: Path) -> Ours:
    asyncio.run(act(data_dir, Request("resume", "me", "looked into it")))
    return read_ours(data_dir, "live")


def starts(data_dir: Path) -> int:
    with Reader(journal_path(data_dir)) as reader:
        return reader.starts("live-0001", 0)


def goes_on(ours: Ours, later_ms: int, stage: int = 0) -> bool:
    """Whether a start in a stage so long after the last sign of life needs no word."""
    assert ours.run is not None
    assert ours.seen is not None
    now = ours.seen + later_ms
    clock: Any = SimpleNamespace(wall_ms=lambda: now)
    terms = Terms(ours.run.config_hash, ours.run.strategy_hash, "any", stage)
    return may_go_on(ours, terms, clock)


@pytest.mark.parametrize("says", [RefusedError("nothing is open"), LeftoverError("it is left")])
def test_it_stays_as_it_ended_and_is_no_younger(tmp_path: Path, says: TradebotError) -> None:
    data_dir = tmp_path / "data"
    scene(data_dir, 5, ending(says), copied, prepare=live)
    before = read_ours(data_dir, "live")
    assert before.run is not None
    in_order = isinstance(says, RefusedError)
    assert broke_off(before.run) != in_order
    for _ in range(2):
        after = resume(data_dir)
        assert after.run is not None
        assert after.run.error == before.run.error
        assert after.seen == before.seen
        assert goes_on(after, HOUR_MS - 1) != in_order
        assert starts(data_dir) == 1


def test_one_that_was_killed_may_go_on_no_longer_than_without_it(tmp_path: Path) -> None:
    scene(tmp_path / "data", 5, ending(RefusedError("nothing is open")), copied, prepare=live)
    killed = tmp_path / "killed"
    before = read_ours(killed, "live")
    assert before.run is not None
    assert before.run.state == "running"
    for _ in range(2):
        after = resume(killed)
        assert after.seen == before.seen
        assert goes_on(after, HOUR_MS - 1)
        assert not goes_on(after, HOUR_MS)
        assert starts(killed) == 1


def only_protecting(why: str) -> Any:
    """Have a scene only protect for a reason, and keep its journal as a kill would leave it then."""

    async def killed(made: Scene) -> None:
        made.runner.runs[0].command(0, "protect", "tradebot", why)
        await copied(made)

    return killed


@pytest.mark.parametrize(
    ("why", "covered"), [("word: none was given", False), (WORDLESS, False), (PENDING, True)]
)
def test_one_that_only_protected_when_it_was_killed_needs_a_word_to_trade(
    tmp_path: Path, why: str, covered: bool
) -> None:
    """But a start that would have gone on by itself, and was killed before its checklist was through, still may."""
    scene(
        tmp_path / "data",
        5,
        ending(RefusedError("nothing is open")),
        only_protecting(why),
        prepare=live,
    )
    ours = read_ours(tmp_path / "killed", "live")
    assert ours.only == why
    assert goes_on(ours, 1) is covered


@pytest.mark.parametrize(
    ("why", "covered"), [("word: none was given", False), (WORDLESS, False), (PENDING, True)]
)
@pytest.mark.parametrize("asked", ["resume", "halt"])
def test_a_command_without_an_engine_lets_none_trade_that_only_protected(
    tmp_path: Path, why: str, covered: bool, asked: str
) -> None:
    """Nothing was checked: what is resumed is what a person may lift, and the start afterwards needs its word."""
    scene(
        tmp_path / "data",
        5,
        ending(RefusedError("nothing is open")),
        only_protecting(why),
        prepare=live,
    )
    killed = tmp_path / "killed"
    for _ in range(2):
        asyncio.run(act(killed, Request(asked, "me", "looked into it")))
        ours = read_ours(killed, "live")
        assert ours.only == why
        assert goes_on(ours, 1) is covered
    said = control.resume(killed, Request("resume", "me", "looked into it"), 1)
    assert said == "resumed; no engine runs; live-0001 stays halted: checklist"
    with Reader(journal_path(killed)) as reader:
        resumed = [
            row.effect for row in reader.effects("live-0001") if isinstance(row.effect, Resumed)
        ]
    assert {one.reason for one in resumed} == ({"user"} if asked == "halt" else set())
    assert verify(journal_path(killed), AuditKey.load(killed)) == []


def test_one_that_was_killed_in_another_stage_needs_a_word(tmp_path: Path) -> None:
    scene(tmp_path / "data", 5, ending(RefusedError("nothing is open")), copied, prepare=live)
    ours = read_ours(tmp_path / "killed", "live")
    assert goes_on(ours, 1)
    assert goes_on(replace(ours, stage=2), 1, stage=2)
    assert not goes_on(replace(ours, stage=1), 1, stage=2)
    assert not goes_on(replace(ours, stage=2), 1)


def test_what_the_gates_said_must_still_hold_when_the_word_is_given(tmp_path: Path) -> None:
    """Somebody may revoke, or hours pass, while a start waits for the word: then nothing is sent, and what is open is protected."""
    scene(tmp_path / "data", 5, ending(RefusedError("nothing is open")), copied, prepare=live)
    killed = tmp_path / "killed"
    config = load_config(None, {}, (), {"data.dir": str(killed)})
    now = 1_790_000_000_000
    clock: Any = SimpleNamespace(wall_ms=lambda: now)
    flat = Checklist((), Ours())
    held = Checklist((), Ours(), open=("ETH/USDT 0.01 (account)",))
    head = journal_end(config)
    assert head is not None

    def said(found: Checklist, at: int, allowed: Permit = FREE) -> Permit:
        return still_fit(allowed, found, config, (head, at), clock)

    assert said(flat, now - MOST_WAIT_MS + 1) == FREE
    for at in (now - MOST_WAIT_MS, now + 1):
        with pytest.raises(RefusedError, match="more than 10 minutes ago"):
            said(flat, at)
    with pytest.raises(RefusedError, match="has changed"):
        still_fit(Permit(), flat, config, (None, now), clock)
    resume(killed)
    with pytest.raises(RefusedError, match="has changed since the gates were asked: nothing was"):
        said(flat, now)
    assert "has changed" in said(held, now).protect
    only = Permit(protect="feed: silent")
    assert said(held, 0, only) is only


def test_accounts_are_let_go_before_what_stays_halted_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snapshots are signed by nobody: one that cannot be read is no reason to leave half of it undone."""
    scene(tmp_path / "data", 5, ending(RefusedError("nothing is open")), prepare=live)
    done: list[str] = []

    def unreadable(_: Path) -> list[str]:
        done.append("read")
        raise JournalError("a snapshot cannot be read")

    monkeypatch.setattr(control, "still_halted", unreadable)
    monkeypatch.setattr(control, "clear_halt", lambda *_: done.append("lifted"))
    with pytest.raises(JournalError, match="snapshot"):
        control.resume(tmp_path / "data", Request("resume", "me", "why"), 1, ["f" * 16])
    assert done == ["lifted", "read"]
