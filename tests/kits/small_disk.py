"""A small file system of a test's own, so that a disk can be full without anybody else's being so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOMY = "2g"
"""Live wants a gigabyte free; it is memory only where something is written."""
SLACK = 256 * 1024
"""What is written meanwhile, bytes."""


@dataclass(frozen=True)
class SmallDisk:
    """A mounted directory."""

    path: Path

    def fill(self) -> None:
        """Have no byte left: as little room as may be, and a file that takes the rest of it."""
        found = os.statvfs(self.path)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        assert not _mount("-o", f"remount,size={used + SLACK}", str(self.path))
        with self._rest.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def empty(self) -> None:
        """Have space again."""
        self._rest.unlink(missing_ok=True)
        assert not _mount("-o", f"remount,size={ROOMY}", str(self.path))

    @property
    def _rest(self) -> Path:
        return self.path / "rest"


@contextmanager
def small_disk(path: Path) -> Iterator[SmallDisk]:
    """Mount memory at a new directory below a test's folder; skip where that is not allowed."""
    path.mkdir()
    if _mount("-t", "tmpfs", "-o", f"size={ROOMY}", "tmpfs", str(path)):
        pytest.skip("a file system of its own needs the right to mount one")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False, timeout=60)


def _mount(*words: str) -> int:
    done = subprocess.run(["mount", *words], capture_output=True, check=False, timeout=60)
    return done.returncode
