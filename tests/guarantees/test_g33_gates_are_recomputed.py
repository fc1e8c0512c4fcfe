"""Promise 33: gates are worked out from the journal at each start; a change by anyone without the key, and a truncation
behind the last published head, are found."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from kits.binance_kit import VenueClockAsOurs
from kits.evidence_kit import SECRET, configure, play
from kits.paper_kit import Bot

from tradebot.app.readiness import Readiness, judge
from tradebot.app.recording import put_on_record
from tradebot.core.model.values import HOUR_MS
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import SignoffRevoked
from tradebot.journal.verify import verify
from tradebot.plugins.strategies import load_strategy
from tradebot.venue.clock import HandClock

NOW = 1_795_000_020_000
"""2026-11-18T11:47Z: hours away from the blackout."""
CLOCK = VenueClockAsOurs(HandClock(NOW + HOUR_MS))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with paper and ghost of some hours on prices that claim production."""
    folder = tmp_path_factory.mktemp("shown")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TRADEBOT_AUDIT_KEY", SECRET)
        asyncio.run(play(folder, NOW, 5))
    return folder


@pytest.fixture
def copy(shown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    return Path(shutil.copytree(shown, tmp_path / "copy"))


def judged(folder: Path) -> Readiness:
    config = configure(folder)
    return judge(config, load_strategy("regular.py:Regular", config.strategy_dir()), CLOCK)


def edit(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "data" / "tradebot.db")) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def key_of(folder: Path) -> AuditKey:
    key = AuditKey.find(folder / "data", {"TRADEBOT_AUDIT_KEY": SECRET})
    assert key is not None
    return key


def test_nothing_that_says_passed_is_kept_and_the_tables_decide_nothing(copy: Path) -> None:
    before = {one.gate: (one.ok, one.have) for one in judged(copy).verdicts}
    assert before["paper"][0]
    edit(
        copy,
        "UPDATE trades SET pnl = '-5'",
        "DELETE FROM ghosts",
        "UPDATE runs SET strategy_hash = 'f00d', config = '{}' WHERE mode = 'paper'",
    )
    after = {one.gate: (one.ok, one.have) for one in judged(copy).verdicts}
    assert {name: row for name, row in after.items() if name != "parity"} == {
        name: row for name, row in before.items() if name != "parity"
    }
    assert after["parity"][0] is False  # it plays what the tables name, and they name another thing
    assert verify(copy / "data" / "tradebot.db", key_of(copy))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET body = replace(body, '\"pnl\":\"-', '\"pnl\":\"') WHERE kind = 'TradeClosed'",
        "UPDATE audit SET body = replace(body, 'false', 'true')",
        "DELETE FROM audit WHERE kind = 'Halted' OR seq = 9",
        "INSERT INTO audit SELECT max(seq) + 1, run, ts, wall, kind, body, hash, hash FROM audit",
        "UPDATE audit SET seq = -seq WHERE seq IN (7, 8)",
    ],
)
def test_a_change_without_the_key_closes_every_gate_that_rests_on_the_journal(
    copy: Path, statement: str
) -> None:
    edit(copy, statement)
    changed = verify(copy / "data" / "tradebot.db", key_of(copy))
    found = {one.gate: one for one in judged(copy).verdicts}
    if changed:  # what changes no row is no change
        assert not any(found[gate].ok for gate in ("paper", "ghost", "stability", "parity"))
    else:
        assert found["paper"].ok


def test_a_cut_behind_the_published_head_is_found(copy: Path) -> None:
    row = SignoffRevoked("Ada", "a word on record")
    head = put_on_record(copy / "data", lambda _: [row], "a test", CLOCK)
    assert judged(copy).verdicts[1].ok
    edit(
        copy,
        f"DELETE FROM audit WHERE seq >= {head.seq}",
        f"DELETE FROM heads WHERE seq >= {head.seq}",
    )
    bot = Bot(copy, copy / "data", env={"TRADEBOT_AUDIT_KEY": SECRET})
    told = bot.json("db", "verify", "--head", head, code=1).data
    assert any(f"audit {head.seq}" in one["where"] for one in told["findings"])
    assert not judged(copy).verdicts[1].ok
