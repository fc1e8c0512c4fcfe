"""What keeps two engines off one account: a lock and a HALT file by the key's fingerprint.

They are in the user's state directory, not beside a journal, so that two data directories with one key see each
other. On another machine they see nothing: there the instance id in the orders tells.
"""

from __future__ import annotations

from pathlib import Path

from tradebot.core.model.errors import AlreadyRunningError
from tradebot.guard.lock import ENGINE, LOCK_FILE, InstanceLock, Traded, lock_holder
from tradebot.guard.registry import state_dir


def account_dir(fingerprint: str) -> Path:
    """Return the directory of an account's lock and HALT file; it need not exist yet."""
    return state_dir() / "accounts" / fingerprint


class AccountLock(InstanceLock):
    """The lock of an account: one engine on this machine trades it, or one command closes it."""

    def __init__(self, traded: Traded, role: str = ENGINE, wait_s: float | None = None) -> None:
        super().__init__(account_dir(traded.fingerprint), role, traded, wait_s)

    @property
    def _is_noted(self) -> bool:
        """Return no: a kill command looks for the data directory."""
        return False

    def _taken(self) -> AlreadyRunningError:
        owner = lock_holder(self.data_dir)
        assert self.traded is not None
        who = "another process" if owner is None else f"process {owner.pid}"
        what = (
            "is traded by"
            if owner is None or owner.role == ENGINE
            else f"is worked on ({owner.role}) by"
        )
        return AlreadyRunningError(
            f"the {self.traded.environment} account of this key {what} {who} already",
            hint="one engine an account: stop that one, or use another account's key",
            file=str(self.data_dir / LOCK_FILE),
        )
