"""A process of the same systemd service as the engine ends with it: whoever is to end the engine has to leave first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tradebot.core.model.errors import LeftoverError

PROC = Path("/proc")
MAIN = "SYSTEMD_EXEC_PID"
"""The variable in which systemd tells a service's main process its own number."""
PROBE_S = 10.0
WAYS = ((), ("--user",))
"""How a scope is asked for: of the system, and of one's own manager."""

Try = Callable[[Sequence[str]], bool]
Become = Callable[[str, list[str]], object]


def service_of(pid: int, proc: Path = PROC) -> str:
    """Return the control group of the systemd service whose main process this is; "" for any other process."""
    try:
        variables = (proc / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    group = _group(pid, proc)
    is_main = f"{MAIN}={pid}".encode() in variables
    return group if is_main and group.endswith(".service") else ""


def _group(pid: int | str, proc: Path) -> str:
    try:
        lines = (proc / str(pid) / "cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "")


def leave_service(
    engine: int,
    words: Sequence[str],
    proc: Path = PROC,
    works: Try | None = None,
    become: Become = os.execvp,
) -> None:
    """Become the same command outside of the engine's service, where this process is in it; else return.

    LeftoverError where that cannot be: what is asked for would be killed on its way.
    """
    group = service_of(engine, proc)
    if not group or group != _group("self", proc):
        return
    command = [sys.executable, "-P", "-m", "tradebot", *words]
    for way in WAYS:
        scope = ["systemd-run", *way, "--scope", "--quiet", "--collect", "--"]
        if (works or _works)([*scope, "true"]):
            become(scope[0], [*scope, *command])
            return
    name = group.rpartition("/")[2]
    raise LeftoverError(
        f"trading is halted, but this runs inside of {name} and would be killed together with its engine",
        hint=f"from a shell of your own: tradebot {' '.join(words)}",
    )


def _works(command: Sequence[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
