"""Somebody without the key edits a journal that counts: every edit is found, or closes a gate; none opens one.

A small seeded sample normally; all two thousand with TRADEBOT_FULL=1.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kits.binance_kit import VenueClockAsOurs
from kits.evidence_kit import SECRET, configure, entries_until, play

from tradebot.app import readiness
from tradebot.app.checklist import Checklist
from tradebot.app.ours import Ours
from tradebot.app.readiness import Readiness, judge
from tradebot.app.recording import put_on_record
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import SignedOff
from tradebot.journal.verify import verify
from tradebot.plugins.evidence import evidence_of
from tradebot.plugins.strategies import StrategySpec, load_strategy
from tradebot.venue.clock import HandClock

FULL = os.environ.get("TRADEBOT_FULL") == "1"
CHUNKS = 20 if FULL else 2
EDITS = 100 if FULL else 20
NOW = time.time_ns() // 1_000_000
TABLES = ("audit", "heads", "meta", "blocks", "log", "runs")
"""What gates rest on: the chain and what vouches for it, and what *parity* plays."""

Edit = Callable[[Random, sqlite3.Connection, str], bool]
"""Edits a table; says whether anything was changed."""


@pytest.fixture(autouse=True, scope="module")
def _key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TRADEBOT_AUDIT_KEY", SECRET)
        yield


@pytest.fixture(autouse=True)
def _key_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)


def write(folder: Path, end: int) -> Path:
    asyncio.run(play(folder, end, 0.5))
    words = ("role", "words", (), "hash", "config", "{}", "50", 1, "", "", "key")
    put_on_record(folder / "data", lambda _: [SignedOff("Ada", *words)], "a test")
    return folder


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, _key: None) -> Path:
    """A directory whose journal has runs that count, and a sign-off."""
    return write(tmp_path_factory.mktemp("shown"), entries_until(NOW, 0.5))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, _key: None) -> Path:
    """Another one, written with the same key."""
    return write(tmp_path_factory.mktemp("other"), entries_until(NOW - HOUR_MS, 0.5))


@pytest.fixture(scope="module", autouse=True)
def _hashed_once() -> Iterator[None]:
    """Work the evidence hash out once: nobody edits the strategy here, and it reads every file of the package."""
    known: dict[str, Any] = {}

    def evidence(spec: StrategySpec, timeframe: str, symbols: Any) -> Any:
        if spec.hash not in known:
            known[spec.hash] = real(spec, timeframe, symbols)
        return known[spec.hash]

    real = evidence_of
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(readiness, "evidence_of", evidence)
        yield


# -- the edits ------------------------------------------------------------------------------------------


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def keys(db: sqlite3.Connection, table: str) -> list[str]:
    """Return what names a row of a table."""
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5]] or ["rowid"]


def where(db: sqlite3.Connection, table: str) -> str:
    return " AND ".join(f"{name} IS ?" for name in keys(db, table))


def a_row(draw: Random, db: sqlite3.Connection, table: str) -> tuple[Any, ...] | None:
    rows = db.execute(f"SELECT {', '.join(keys(db, table))} FROM {table}").fetchall()
    return draw.choice(rows) if rows else None


def spoiled(draw: Random, value: Any) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, bytes):
        at = draw.randrange(len(value)) if value else 0
        return value[:at] + bytes([value[at] ^ 1 if value else 1]) + value[at + 1 :]
    if isinstance(value, int):
        return value + draw.choice((-1, 1, 1000, -86_400_000))
    text = str(value or "")
    digits = [n for n, letter in enumerate(text) if letter.isdigit()]
    if not digits or draw.random() < 0.2:
        return text + " "
    at = draw.choice(digits)
    return text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]


def change(draw: Random, db: sqlite3.Connection, table: str) -> bool:
    row, name = a_row(draw, db, table), draw.choice(columns(db, table))
    if row is None:
        return False
    (value,) = db.execute(f"SELECT {name} FROM {table} WHERE {where(db, table)}", row).fetchone()
    sql = f"UPDATE OR IGNORE {table} SET {name} = ? WHERE {where(db, table)}"
    return db.execute(sql, (spoiled(draw, value), *row)).rowcount > 0


def remove(draw: Random, db: sqlite3.Connection, table: str) -> bool:
    row = a_row(draw, db, table)
    return row is not None and bool(
        db.execute(f"DELETE FROM {table} WHERE {where(db, table)}", row).rowcount
    )


def truncate(draw: Random, db: sqlite3.Connection, table: str) -> bool:
    row, last = a_row(draw, db, table), keys(db, table)[-1]
    return row is not None and bool(
        db.execute(f"DELETE FROM {table} WHERE {last} >= ?", row[-1:]).rowcount
    )


def insert(draw: Random, db: sqlite3.Connection, table: str) -> bool:
    """Put a row in once more, under the next number."""
    row = a_row(draw, db, table)
    if row is None:
        return False
    values = list(db.execute(f"SELECT * FROM {table} WHERE {where(db, table)}", row).fetchone())
    for n, value in enumerate(values):
        if isinstance(value, int) and draw.random() < 0.7:
            (most,) = db.execute(f"SELECT max({columns(db, table)[n]}) FROM {table}").fetchone()
            values[n] = most + 1
            break
    marks = ", ".join("?" * len(values))
    return db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values).rowcount > 0


def reorder(draw: Random, db: sqlite3.Connection, table: str) -> bool:
    """Have two rows change places in one column."""
    rows = (a_row(draw, db, table), a_row(draw, db, table))
    name = draw.choice(columns(db, table))
    found = [
        (row, *db.execute(f"SELECT {name} FROM {table} WHERE {where(db, table)}", row).fetchone())
        for row in rows
        if row is not None
    ]
    if len(found) < 2 or found[0][1] == found[1][1]:
        return False
    sql = f"UPDATE OR IGNORE {table} SET {name} = ? WHERE {where(db, table)}"
    (one, first), (two, second) = found
    return any([db.execute(sql, (second, *one)).rowcount, db.execute(sql, (first, *two)).rowcount])


def copy_over(draw: Random, db: sqlite3.Connection, table: str) -> bool:
    """Take a row of another journal that was written with the same key."""
    rows = db.execute(f"SELECT * FROM other.{table}").fetchall()
    if not rows:
        return False
    row = draw.choice(rows)
    marks = ", ".join("?" * len(row))
    return db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row).rowcount > 0


KINDS: tuple[Edit, ...] = (change, change, remove, truncate, insert, reorder, copy_over)


# -- what comes of them ---------------------------------------------------------------------------------


def look(folder: Path, *, plays: bool) -> Readiness:
    config = configure(folder)
    spec = load_strategy(config.strategy.name, config.strategy_dir())
    progress = (lambda _run, _share: None) if plays else None
    return judge(config, spec, found=Checklist((), Ours()), progress=progress)


def passing(found: Readiness) -> dict[str, str]:
    return {one.gate: one.have for one in found.verdicts if one.ok}


def counted(found: Readiness) -> set[tuple[str, ...]]:
    return {one.runs for one in found.verdicts if one.gate in ("paper", "ghost")}


def contents(path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(path)) as db:
        return {t: db.execute(f"SELECT * FROM {t} ORDER BY 1, 2").fetchall() for t in TABLES}


def edited(shown: Path, other: Path, place: Path, draw: Random) -> str:
    """Make one edit in a copy; return what it was, "" where it changed nothing."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(shown, place)
    table, kind = draw.choice(TABLES), draw.choice(KINDS)
    path = place / "data" / "tradebot.db"
    before = contents(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("ATTACH ? AS other", (str(other / "data" / "tradebot.db"),))
        try:
            kind(draw, db, table)
        except sqlite3.IntegrityError:
            return ""
        db.commit()
    return f"{kind.__name__} {table}" if contents(path) != before else ""


def said(edits: int, kinds: int, found_by: Counter[str]) -> None:
    """Tell who runs the whole sweep what came of it."""
    text = f"{edits} edits of {kinds} kinds, found by {dict(found_by)}\n"
    if log := os.environ.get("SWEEP_LOG"):
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(text)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_edit_is_found_or_closes_a_gate_and_none_opens_one(
    shown: Path, other: Path, tmp_path: Path, chunk: int
) -> None:
    draw, made = Random(chunk), Counter[str]()
    found_by = Counter[str]()
    intact, place = look(shown, plays=True), tmp_path / "copy"
    key = AuditKey.find(shown / "data", {"TRADEBOT_AUDIT_KEY": SECRET})
    assert key is not None
    assert "parity" in passing(intact)
    while made.total() < EDITS:
        what = edited(shown, other, place, draw)
        if not what:
            continue
        made[what] += 1
        try:
            is_found = bool(verify(place / "data" / "tradebot.db", key))
        except TradebotError:
            is_found = True
        now = look(place, plays=not is_found)
        closed = passing(now).keys() < passing(intact).keys() or counted(now) != counted(intact)
        assert is_found or closed, f"chunk {chunk}, edit {made.total()}: {what} is not found"
        opened = passing(now).items() - passing(intact).items()
        assert not opened, f"chunk {chunk}, edit {made.total()}: {what} opens {opened}"
        found_by["verify" if is_found else "a gate"] += 1
    said(made.total(), len(made), found_by)


def test_another_time_another_strategy_and_other_limits_close_gates(
    shown: Path, tmp_path: Path
) -> None:
    """The clock set back, the strategy's file replaced after signing, bot.toml edited."""
    place = Path(shutil.copytree(shown, tmp_path / "copy"))
    assert counted(look(place, plays=False)) == {("paper-0001",), ("ghost-0001",)}
    config = configure(place)
    spec = load_strategy(config.strategy.name, config.strategy_dir())
    for at in (NOW - DAY_MS, NOW + 31 * DAY_MS):
        clock = VenueClockAsOurs(HandClock(at))
        found = judge(config, spec, clock, Checklist((), Ours()), progress=None)
        assert counted(found) == {()}
    (place / "regular.py").write_text((place / "regular.py").read_text() + "# only a word\n")
    replaced = load_strategy(config.strategy.name, config.strategy_dir())
    assert counted(judge(config, replaced, found=Checklist((), Ours()), progress=None)) == {()}
    (ada,) = judge(config, spec, found=Checklist((), Ours()), progress=None).signed
    assert "a limit has changed since" in ada.lapsed
