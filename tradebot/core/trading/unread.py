"""For how long the account could not be read: then nothing is known well enough for an entry."""

from __future__ import annotations

from tradebot.core.model.effects import Notify
from tradebot.core.trading.shared import Shared

UNREAD_MS = 45_000
"""It is read every 30 s: once may fail; where the next one fails too, entries wait."""
UNREAD = "unread"
"""Under this name entries are blocked."""


class Unread:
    """Blocks entries while the account cannot be read; ``read_at`` is when it was, whole (UTC ms; 0: not since the start)."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.read_at = 0

    def note(self) -> None:
        """The whole account was read: what was forbidden for want of that is not any more."""
        shared = self._shared
        self.read_at = shared.now
        if shared.blocked.pop(UNREAD, ""):
            shared.out.append(Notify(shared.now, "info", "the account can be read again"))

    def watch(self) -> None:
        """Forbid entries once it was not read for too long; what is open rests on its stops."""
        shared = self._shared
        age = shared.now - self.read_at
        waits = not self.read_at or age < UNREAD_MS or UNREAD in shared.blocked
        if waits or not shared.outside:
            return
        text = f"the account could not be read for {age // 1000} s"
        shared.blocked[UNREAD] = text
        shared.cancel_entries("the account cannot be read")
        end = "nothing is entered, what is open rests on the stops at the exchange"
        shared.out.append(Notify(shared.now, "warning", f"{text}: {end}"))
