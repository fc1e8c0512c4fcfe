"""kill -9 while a backup is made or put back, a log packed, a schema raised, a run resumed, closed or ended.

Each kill is a real SIGKILL of a forked process that runs the real command on real files: at a named point
(a statement of SQLite, a rename, a sync) or at a random moment. What is left must verify, and the same
command again must come to the end that nobody disturbed. A sample normally; with ``TRADEBOT_FULL=1`` at
least a hundred kills a scene, and the counts are printed.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tradebot.__main__ import main
from tradebot.journal import schema
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.verify import verify

FULL = os.environ.get("TRADEBOT_FULL") == "1"
KILLS = 100 if FULL else 3

STRATEGY = """
from pydantic import BaseModel
from tradebot.core.strategy.protocol import Signal


class Long:
    class Params(BaseModel):
        pass

    warmup = 0

    def __init__(self, params, symbol):
        pass

    def on_bar(self, bar):
        return Signal("long", 0.9, stop=bar.close * 0.9, reason="always")
"""


@dataclass(frozen=True)
class Scene:
    """A data directory to begin with, what is run on it, and what must be true after a kill and at the end."""

    made: Path
    words: tuple[str, ...]
    after_kill: Callable[[Path], None]
    at_the_end: Callable[[Path], None]


def run_quietly(words: tuple[str, ...], data_dir: Path) -> int:
    """Run the command line in this process; its output goes into the file ``said``."""
    with open(said(data_dir), "w", encoding="utf-8") as out:
        sys.stdout = sys.stderr = out
        return main([word.replace("DATA", str(data_dir)) for word in words])


def said(data_dir: Path) -> Path:
    """Return where the last command's output is, for whoever looks for the cause of a failure."""
    return data_dir.parent / "said"


class Count:
    """Counts the points a process passes; ends it at the chosen one."""

    def __init__(self, deadly: int) -> None:
        self.passed = 0
        self.deadly = deadly

    def pass_by(self, *_: object) -> None:
        self.passed += 1
        if self.passed == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def watch(count: Count) -> None:
    """Make every statement, rename, link, removal and sync of this process a point."""
    connect = sqlite3.connect

    def watched(*args: Any, **named: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **named)
        db.set_trace_callback(count.pass_by)
        return db

    sqlite3.connect = watched  # type: ignore[assignment]
    for name in ("replace", "link", "unlink", "fsync", "rename"):
        work = getattr(os, name)

        def passing(*args: Any, work: Callable[..., Any] = work, **named: Any) -> Any:
            count.pass_by()
            result = work(*args, **named)
            count.pass_by()
            return result

        setattr(os, name, passing)


def forked(words: tuple[str, ...], data_dir: Path, deadly: int, report: Path) -> int:
    """Run the command in a child that dies at its ``deadly``-th point (0: never); return the child's pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setpgrp()
        count = Count(deadly)
        watch(count)
        code = run_quietly(words, data_dir)
        report.write_text(str(count.passed))
    finally:
        os._exit(code)
    return 0


def died(pid: int, data_dir: Path) -> bool:
    """Wait for a child; True if it was killed, False if it came to its end."""
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) in (0, 6), said(data_dir).read_text()
    return False


def sweep(scene: Scene, folder: Path, seed: int) -> tuple[int, int]:
    """Kill again and again, half at points, half at any moment; return how many died, and of how many points."""
    draw = random.Random(seed)
    report = folder / "passed"
    data_dir = fresh(scene, folder)
    began = time.monotonic()
    assert not died(forked(scene.words, data_dir, 0, report), data_dir)
    took, points = time.monotonic() - began, int(report.read_text())
    scene.at_the_end(data_dir)
    dead = tries = 0
    while dead < KILLS:
        tries += 1
        assert tries < 4 * KILLS + 20, "it ends before it can be killed"
        data_dir = fresh(scene, folder)
        if tries % 2:
            pid = forked(scene.words, data_dir, draw.randint(1, points), report)
        else:
            pid = forked(scene.words, data_dir, 0, report)
            time.sleep(draw.uniform(0, took))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not died(pid, data_dir):
            continue
        dead += 1
        sound(data_dir)
        scene.after_kill(data_dir)
        assert not died(forked(scene.words, data_dir, 0, report), data_dir)
        sound(data_dir)
        scene.at_the_end(data_dir)
    print(f"{dead} kills at {points} points and between, none left harm")  # noqa: T201 - the count
    return dead, points


def fresh(scene: Scene, folder: Path) -> Path:
    """Put the scene's directory back to its beginning, at the same place."""
    data_dir = folder / "data"
    shutil.rmtree(data_dir, ignore_errors=True)
    shutil.copytree(scene.made, data_dir)
    shutil.rmtree(Path(os.environ["XDG_STATE_HOME"]), ignore_errors=True)
    return data_dir


def sound(data_dir: Path) -> None:
    """Whatever happened, the journal is whole and verifies."""
    if (data_dir / "tradebot.db").exists() and has_schema(data_dir):
        key = AuditKey.find(data_dir)
        assert key is not None
        assert verify(data_dir / "tradebot.db", key) == []


def has_schema(data_dir: Path) -> bool:
    # read only: whoever may write takes the log away when he closes it as the last
    with contextlib.closing(read_only(data_dir)) as db:
        try:
            (version,) = db.execute("SELECT max(version) FROM migrations").fetchone()
        except sqlite3.OperationalError:
            return False
        return bool(version == schema.MIGRATIONS[-1].version)


def read_only(data_dir: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{(data_dir / 'tradebot.db').as_uri()}?mode=ro", uri=True)


def nothing(_: Path) -> None:
    """Nothing more to say."""


PAPER = ("paper", "--headless", "--json", "--speed", "max", "--data-dir", "DATA")


@pytest.fixture
def standing(tmp_path: Path) -> Path:
    """A run that was stopped with two positions open: a strategy that is always long, killed."""
    (tmp_path / "long.py").write_text(STRATEGY)
    data_dir = tmp_path / "standing"
    words = (*PAPER, "--strategy", f"{tmp_path}/long.py:Long", "--for", "6h")
    pid = os.fork()
    if not pid:
        from tradebot.app import runner

        runner.BATCH_EVENTS = 50
        attend = runner.Runner._attend

        async def short(self: runner.Runner) -> bool:
            if self.session.engine.now > (self.first or 0) + 40 * 60_000:
                self.request_stop("enough")
            return await attend(self)

        runner.Runner._attend = short  # type: ignore[method-assign]
        code = 70
        try:
            code = run_quietly(words, data_dir)
        finally:
            os._exit(code)
    assert not died(pid, data_dir)
    with Reader(data_dir / "tradebot.db") as reader:
        assert len(reader.positions("paper-0001")) == 2
        assert reader.run("paper-0001").state == "interrupted"
    return data_dir


def flat(data_dir: Path) -> None:
    with Reader(data_dir / "tradebot.db") as reader:
        assert reader.positions("paper-0001") == []
        assert len(reader.trades("paper-0001")) == 2  # closed once
        agree(reader)
    assert (data_dir / "HALT").exists()


def agree(reader: Reader) -> None:
    """Engine and simulated account hold the same money."""
    state = reader.state("paper-0001")
    assert state is not None
    session = state.body["session"]
    assert session["engine"]["portfolio"]["cash"] == session["exchange"]["cash"]


def test_during_a_close_all(standing: Path, tmp_path: Path) -> None:
    words = ("close-all", "--yes", "--json", "--data-dir", "DATA")
    scene = Scene(standing, words, nothing, flat)
    assert sweep(scene, tmp_path, 1)[0] >= KILLS


def test_during_a_resume_of_the_command(standing: Path, tmp_path: Path) -> None:
    (standing / "HALT").write_text('{"reason": "x", "who": "me", "wall": 1}\n')

    def armed(data_dir: Path) -> None:
        assert not (data_dir / "HALT").exists()
        with Reader(data_dir / "tradebot.db") as reader:
            assert len(reader.positions("paper-0001")) == 2
            agree(reader)

    words = ("resume", "--reason", "go", "--json", "--data-dir", "DATA")
    assert sweep(Scene(standing, words, nothing, armed), tmp_path, 2)[0] >= KILLS


def test_while_a_run_goes_on_and_ends(standing: Path, tmp_path: Path) -> None:
    """From taking up the journalled state to the last row, with the packing of the log behind it."""
    strategy = f"{tmp_path}/long.py:Long"
    words = (*PAPER, "--strategy", strategy, "--for", "60m")

    def over(data_dir: Path) -> None:
        with Reader(data_dir / "tradebot.db") as reader:
            run = reader.run("paper-0001")
            # killed after its end was written, the next command began another run
            assert run.state == "ended"
            seqs = [event.seq for event in reader.events("paper-0001")]
            assert seqs == list(range(1, len(seqs) + 1))
            agree(reader)

    assert sweep(Scene(standing, words, nothing, over), tmp_path, 3)[0] >= KILLS


def test_while_the_log_is_packed(tmp_path: Path) -> None:
    """Two hours of log become blocks when the run ends; no event is lost or doubled."""
    made = tmp_path / "made"
    made.mkdir()
    words = (*PAPER, "--for", "2h", "--seed", "7")

    def packed(data_dir: Path) -> None:
        with Reader(data_dir / "tradebot.db") as reader:
            for run in reader.runs():
                seqs = [event.seq for event in reader.events(run.id)]
                assert seqs == list(range(1, len(seqs) + 1))
        with contextlib.closing(read_only(data_dir)) as db:
            assert db.execute("SELECT count(*) FROM blocks").fetchone()[0] >= 2

    assert sweep(Scene(made, words, nothing, packed), tmp_path, 4)[0] >= KILLS


def test_during_a_backup(standing: Path, tmp_path: Path) -> None:
    copy = "DATA/copy.db"
    words = ("db", "backup", copy, "--force", "--json", "--data-dir", "DATA")

    def whole_or_not_there(data_dir: Path) -> None:
        key = AuditKey.find(data_dir)
        assert key is not None
        if (data_dir / "copy.db").exists():
            assert verify(data_dir / "copy.db", key) == []

    def there(data_dir: Path) -> None:
        assert (data_dir / "copy.db").exists()
        whole_or_not_there(data_dir)

    assert sweep(Scene(standing, words, whole_or_not_there, there), tmp_path, 5)[0] >= KILLS


def test_while_a_backup_is_put_back(standing: Path, tmp_path: Path) -> None:
    key = AuditKey.find(standing)
    assert key is not None
    from tradebot.journal.backup import backup

    backup(standing / "tradebot.db", standing / "copy.db")
    words = ("db", "restore", "DATA/copy.db", "--json", "--data-dir", "DATA")

    def one_of_the_two(data_dir: Path) -> None:
        with Reader(data_dir / "tradebot.db") as reader:
            assert len(reader.positions("paper-0001")) == 2

    assert sweep(Scene(standing, words, one_of_the_two, one_of_the_two), tmp_path, 6)[0] >= KILLS


def old_journal(standing: Path, version: int) -> None:
    """Take a journal back to the schema of an older version."""
    with contextlib.closing(sqlite3.connect(standing / "tradebot.db", isolation_level=None)) as db:
        db.execute("DELETE FROM meta WHERE key = 'holds'")
        db.execute("DELETE FROM migrations WHERE version > ?", (version,))
        for table in ("cash", "comparisons"):
            db.execute(f"DROP TABLE {table}")
        courses = ("mae", "mfe", "decision_price", "slippage", "stop", "target", "risk")
        newer = [("trades", column) for column in (*courses, "strategy_hash")]
        newer += [("orders", "venue_id"), ("fills", "venue_id"), ("funding", "id")]
        for table, column in newer:
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_during_a_migration(standing: Path, tmp_path: Path) -> None:
    """A journal of schema 2 is raised by the first command that writes; each step stands whole or not at all."""
    old_journal(standing, 2)
    words = ("close-all", "--yes", "--json", "--data-dir", "DATA")

    def steps(data_dir: Path) -> None:
        with contextlib.closing(read_only(data_dir)) as db:
            found = [
                row[0] for row in db.execute("SELECT version FROM migrations ORDER BY version")
            ]
        assert found == list(range(1, len(found) + 1))

    assert sweep(Scene(standing, words, steps, flat), tmp_path, 7)[0] >= KILLS


def test_the_points_are_many(standing: Path, tmp_path: Path) -> None:
    """The sweep is worth its name: a close-all alone passes dozens of points."""
    report = tmp_path / "passed"
    data_dir = fresh(Scene(standing, (), nothing, nothing), tmp_path)
    words = ("close-all", "--yes", "--json", "--data-dir", "DATA")
    assert not died(forked(words, data_dir, 0, report), data_dir)
    assert int(report.read_text()) > 60
