"""Runs the real command line with a death wish: SIGKILL at the k-th passing of a named point.

Called as ``crash_harness.py POINT K BATCH TALLY -- words...``. POINT ``none`` kills nothing; then the number of
times each point was passed is written to the file TALLY, so that a sweep knows what there is to enumerate.
BATCH is the number of events after which the runner commits.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

POINTS = (
    "lock",  # the instance lock was taken
    "migrate",  # in the transaction that makes the tables
    "begin_run.before",
    "begin_run.after",
    "resume_run.before",
    "resume_run.after",
    "warm",  # a resumed run's strategies see a bar again
    "history",  # a new run's strategies see a bar of the past
    "advance.before",
    "process",  # inside a step: an event reaches the engine, mid-walk of a bar
    "carry_out",  # an effect is carried out
    "advance.after",  # decided, not committed
    "commit.before",  # before the transaction begins
    "statement",  # the n-th statement of any transaction
    "COMMIT",  # right before COMMIT
    "commit.after",  # right after COMMIT
    "pack",  # while an hour of the log is packed
    "end_run.before",
    "end_run.after",
)


class Fate:
    """Counts how often each point is passed and ends the process at the chosen one."""

    def __init__(self, point: str, k: int) -> None:
        self.point = point
        self.k = k
        self.passed: Counter[str] = Counter()

    def pass_by(self, point: str) -> None:
        """Note a passing; die if this is the one."""
        self.passed[point] += 1
        if point == self.point and self.passed[point] == self.k:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str, before: str = "", after: str = "") -> None:
        """Make a function pass points before and after its work."""
        work: Callable[..., Any] = getattr(owner, name)

        def watched(*args: Any, **named: Any) -> Any:
            if before:
                self.pass_by(before)
            result = work(*args, **named)
            if after:
                self.pass_by(after)
            return result

        setattr(owner, name, watched)

    def trace(self, sql: str) -> None:
        """Take note of a statement that SQLite is about to run."""
        self.pass_by("COMMIT" if sql == "COMMIT" else "statement")


def arm(fate: Fate, batch: int) -> None:
    """Put the points into the running program."""
    from tradebot.app import runner
    from tradebot.core.trading import engine, session
    from tradebot.guard import lock
    from tradebot.journal import schema, store
    from tradebot.market import feed as sources

    runner.BATCH_EVENTS = batch
    fate.around(lock.InstanceLock, "acquire", after="lock")
    fate.around(schema, "_apply", before="migrate")
    for name in ("begin_run", "resume_run"):
        fate.around(store.Store, name, before=f"{name}.before", after=f"{name}.after")
    fate.around(store.Store, "end_runs", before="end_run.before", after="end_run.after")
    fate.around(store.Store, "commit", before="commit.before", after="commit.after")
    fate.around(store, "pack_hour", before="pack")
    fate.around(engine.Engine, "warm", before="warm")
    fate.around(engine.Engine, "process", before="process")
    fate.around(session.Session, "_carry_out", before="carry_out")
    fate.around(session.Session, "advance", before="advance.before", after="advance.after")
    _watch_history(fate, sources.SimulatedSource)
    _watch_statements(fate, store.Store)


def _watch_history(fate: Fate, source: Any) -> None:
    work = source.history

    def history(self: Any) -> Iterator[Any]:
        for bar in work(self):
            fate.pass_by("history")
            yield bar

    source.history = history


def _watch_statements(fate: Fate, store: Any) -> None:
    work = store.connect

    def connect(self: Any) -> Any:
        db = work(self)
        db.set_trace_callback(fate.trace)
        return db

    store.connect = connect


def main() -> int:
    """Arm the program and run its command line."""
    point, k, batch, tally, dashes, *words = sys.argv[1:]
    assert dashes == "--"
    fate = Fate(point, int(k))
    arm(fate, int(batch))
    from tradebot.__main__ import main as command

    code = command(words)
    if point == "none":
        with open(tally, "w", encoding="utf-8") as file:
            json.dump(fate.passed, file)
    return code


if __name__ == "__main__":
    sys.exit(main())
