"""Until when an exchange has banned this machine: a process that starts meanwhile must send it nothing either.

One file an exchange in the user's state directory, with the end by the real clock. A ban is of the address, so
every key and every command on this machine heeds it.
"""

from __future__ import annotations

import contextlib
import json
from urllib.parse import quote

from tradebot.clock import SYSTEM, Clock
from tradebot.disk import private_directory, replace_durably
from tradebot.guard.registry import state_dir

LONGEST_MS = 3 * 86_400_000
"""No ban lasts longer: an end further away is none that anybody noted."""


class NotedBan:
    """The ban of one exchange, by its host."""

    def __init__(self, host: str, clock: Clock = SYSTEM) -> None:
        self._path = state_dir() / "bans" / f"{quote(host, safe='')}.json"
        self._clock = clock

    def until(self) -> int:
        """Return when it ends (real clock, UTC ms); 0 without one."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            until = json.loads(self._path.read_text(encoding="utf-8"))["until"]
            if 0 < until - self._clock.wall_ms() <= LONGEST_MS:
                return int(until)
        return 0

    def note(self, until: int) -> None:
        """Keep when it ends (real clock, UTC ms); what cannot be written is lost with the process."""
        with contextlib.suppress(OSError):
            private_directory(self._path.parent)
            replace_durably(self._path, json.dumps({"until": until}))
