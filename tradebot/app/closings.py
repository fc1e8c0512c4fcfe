"""What close-alls have done, from their diary into the chain of a run of the same account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tradebot.app.target import ExchangeAccount
from tradebot.guard.diary import COMMAND, Step, read_diary
from tradebot.journal.facts import ClosedAll


def closings_since(dirs: Sequence[Path], environment: str, since: int) -> list[ClosedAll]:
    """Return how the close-alls of an account (demo or live) ended after a time (real clock, UTC ms)."""
    return [one for one in closings_of(read_diary(dirs), environment) if one.at > since]


def closings_of(steps: Iterable[Step], environment: str) -> list[ClosedAll]:
    """Return how the commands ended that were asked to close an account; a run's own end is none."""
    account = str(ExchangeAccount(environment))
    asked: set[int] = set()
    found: list[ClosedAll] = []
    for step in steps:
        if step.role != COMMAND:
            continue
        if step.step == "begin" and step.more.get("account") == account:
            asked.add(step.pid)
        elif step.step == "result" and step.pid in asked:
            asked.discard(step.pid)
            found.append(_closed(step, environment))
    return found


def _closed(step: Step, environment: str) -> ClosedAll:
    code, left = step.more.get("code"), step.more.get("left")
    rows = left if isinstance(left, list) else []
    names = (str(row.get("symbol", row)) if isinstance(row, dict) else str(row) for row in rows)
    return ClosedAll(environment, code if isinstance(code, int) else 1, tuple(names), step.wall)


__all__ = ["closings_of", "closings_since"]
