"""Which process is which: a pid together with its start, so that a reused one is told apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def process_start(pid: int) -> str | None:
    """Return a text that names a process's start, the same whenever asked; None if there is no such.

    A process that ended and only waits to be collected (a zombie) counts as gone.
    """
    if sys.platform == "linux":
        return _linux_start(pid)
    return _portable_start(pid)


def holds_lock(pid: int, path: Path) -> bool | None:
    """Whether the process holds the operating system's lock on a file; None where that cannot be told."""
    if sys.platform != "linux":
        return None
    try:
        inode = path.stat().st_ino
        holders = list(_holders(inode))
    except OSError:
        return None
    return pid in holders if holders else _has_open(pid, inode)


def _holders(inode: int) -> list[int]:
    """Return who holds a lock on the inode, by the kernel's own list."""
    lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    held = [line.split() for line in lines if "->" not in line]  # an arrow: it only waits
    return [
        int(words[4])
        for words in held
        if len(words) > 5 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode)
    ]


def _has_open(pid: int, inode: int) -> bool | None:
    """Whether a process has the file open: all that can be told where the kernel's list is closed."""
    try:
        handles = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None
    for handle in handles:
        try:
            if handle.stat().st_ino == inode:
                return True
        except OSError:
            continue
    return False


def _linux_start(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The name in brackets may hold anything, so count from its end: state is field 3, start 22.
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{boot}/{rest[18]}"


def _portable_start(pid: int) -> str | None:
    try:
        answer = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    state, _, started = answer.stdout.strip().partition(" ")
    return None if answer.returncode or state.startswith("Z") else " ".join(started.split())
