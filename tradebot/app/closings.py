"""What close-alls have done, from their diary into the chain of a run of the same account.

The diary is a file that anybody can write into who may write here. So the command seals how it ended with the chain's key,
where it has it in time; an end without a seal is told all the same, and shows nothing to a gate.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tradebot.app.sealed import CLOSING
from tradebot.app.target import ExchangeAccount
from tradebot.core.model.errors import TradebotError
from tradebot.guard.diary import COMMAND, Step, read_diary
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import ClosedAll

KEYRING_S = 2.0
"""Seconds for which a close-all that has ended waits for a keyring before it says so without a seal."""


class Sealer:
    """Finds the chain's key of a directory beside a close-all, which never waits for it before it closes."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._key: AuditKey | None = None
        self._work = threading.Thread(target=self._find, daemon=True)
        self._work.start()

    def _find(self) -> None:
        with contextlib.suppress(TradebotError, OSError):
            self._key = AuditKey.find(self._data_dir)

    def seal(self, account: ExchangeAccount, code: int, left: object, ended: int) -> str:
        """Return the seal of an end at ``ended`` (real clock, UTC ms), "" where there is no key."""
        self._work.join(KEYRING_S)
        return CLOSING.sign(self._key, _text(account, code, left, ended))


def _text(account: ExchangeAccount, code: object, left: object, ended: object) -> str:
    return json.dumps([str(account), code, left, ended], sort_keys=True, default=str)


def closings_since(
    dirs: Sequence[Path], environment: str, since: int, key: AuditKey
) -> list[ClosedAll]:
    """Return how the close-alls of an account (demo or live) ended after a time (real clock, UTC ms)."""
    return [one for one in closings_of(read_diary(dirs), environment, key) if one.at > since]


def closings_of(steps: Iterable[Step], environment: str, key: AuditKey) -> list[ClosedAll]:
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
            found.append(_closed(step, environment, key))
    return found


def _closed(step: Step, environment: str, key: AuditKey) -> ClosedAll:
    code, left, ended = (step.more.get(name) for name in ("code", "left", "ended"))
    rows: list[Any] = left if isinstance(left, list) else []
    names = (str(row.get("symbol", row)) if isinstance(row, dict) else str(row) for row in rows)
    told = _text(ExchangeAccount(environment), code, left, ended)
    sealed = CLOSING.holds(step.more.get("seal"), key, told)
    at = ended if sealed and isinstance(ended, int) else step.wall
    return ClosedAll(
        environment, code if isinstance(code, int) else 1, tuple(names), at, sealed=sealed
    )


__all__ = ["Sealer", "closings_of", "closings_since"]
