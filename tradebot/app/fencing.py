"""Ending an engine that hangs, or waiting until one has ended that lets go of its lock."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tradebot.clock import SYSTEM
from tradebot.guard.lock import Owner, is_held

KILLED_S = 5.0
"""Seconds a killed engine has to be gone."""
LOOK_S = 0.02
"""Seconds between two looks at whether it is gone."""


def kill(owner: Owner) -> str:
    """Kill a process and wait until it is gone; return why it is not, "" when it is."""
    try:
        os.kill(owner.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has just died by itself
        return ""
    except PermissionError:
        return "is another user's and could not be ended"
    deadline = SYSTEM.monotonic() + KILLED_S
    while owner.alive:
        if SYSTEM.monotonic() >= deadline:
            return "was killed and does not end"
        SYSTEM.sleep(LOOK_S)
    return ""


def let_end(owner: Owner, where: Path) -> str:
    """Wait for a process that has let go of its lock, as one does that ends; return why it may still send, "" when it is gone."""
    deadline = SYSTEM.monotonic() + KILLED_S
    while owner.alive:
        if is_held(where) or SYSTEM.monotonic() >= deadline:
            return "is not proved to be the engine"
        SYSTEM.sleep(LOOK_S)
    return ""


__all__ = ["kill", "let_end"]
