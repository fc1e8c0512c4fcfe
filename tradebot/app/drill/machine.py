"""The processes of one scenario: the installed command with an environment of its own, ours to end by their ids."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradebot.clock import SYSTEM
from tradebot.core.model.errors import TradebotError

PATIENCE_S = 75.0
"""Seconds for which what must come is waited for."""
LOOK_S = 0.15
END_S = 40.0
"""Seconds that a process has to end in order, or a command to answer."""
LONGEST = "10m"
"""What runs without us ends by itself after this, should we be killed."""
KEPT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "TMPDIR", "SYSTEMROOT")
"""Variables that reach the processes; no key, no address, no setting is among them."""


class MissedError(TradebotError):
    """Something that had to come did not, or something came that must not: the scenario has failed."""

    kind = "missed"


class OverError(TradebotError):
    """The drill was interrupted."""

    kind = "interrupted"
    exit_code = 130


@dataclass(frozen=True, slots=True)
class CommandLeft:
    """What a command left: its exit code, its document (empty without one), and what it said."""

    code: int
    document: Mapping[str, Any]
    said: str

    @property
    def data(self) -> Mapping[str, Any]:
        """The document's data."""
        found: Mapping[str, Any] = self.document.get("data") or {}
        return found

    @property
    def error(self) -> str:
        """What the command says went wrong, "" for nothing."""
        return str((self.document.get("error") or {}).get("message", ""))


class Process:
    """A command that runs, its output in files of the scenario's directory."""

    def __init__(self, folder: Path, name: str, words: tuple[str, ...], env: Mapping[str, str]):
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "tradebot", *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=dict(env),
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.popen.pid

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.popen.poll()

    def first_line(self) -> str:
        """Return what it has written to stdout up to the first line's end, "" before that."""
        line, end, _ = self._out.read_text(encoding="utf-8").partition("\n")
        return line if end else ""

    def said(self) -> str:
        """Return what it has written to stderr so far."""
        return self._err.read_text(encoding="utf-8", errors="replace")

    def send(self, number: int) -> None:
        """Send it a signal; one that has gone hears nothing."""
        with suppress(ProcessLookupError):
            self.popen.send_signal(number)

    def kill(self) -> None:
        """End it at once, wake or asleep."""
        self.send(signal.SIGKILL)
        self.popen.wait()

    def answer(self) -> CommandLeft:
        """Return what it left; it must have ended."""
        out, err = (path.read_text(encoding="utf-8") for path in (self._out, self._err))
        document: Any = {}
        with suppress(ValueError):
            document = json.loads(out)
        return CommandLeft(
            self.popen.returncode, document if isinstance(document, dict) else {}, err
        )


class Machine:
    """Starts the processes of one scenario and waits for what they do; ``over`` ends the waiting."""

    def __init__(self, folder: Path, over: threading.Event) -> None:
        self.folder = folder
        self.env = environment(folder)
        self._over = over
        self._processes: list[Process] = []

    def start(self, name: str, *words: str) -> Process:
        """Start ``tradebot WORDS`` and leave it running; OverError where the drill is over."""
        if self._over.is_set():
            raise OverError("interrupted")
        found = Process(self.folder, f"{len(self._processes):02}-{name}", words, self.env)
        self._processes.append(found)
        return found

    def run(self, *words: str) -> CommandLeft:
        """Run a command to its end and return what it left."""
        return self.ended(self.start(words[0], *words, "--json"))

    def ended(self, process: Process, seconds: float = PATIENCE_S) -> CommandLeft:
        """Wait until a process has ended; return what it left."""
        self.until(lambda: process.code is not None, "the command's end", seconds)
        return process.answer()

    def until(self, what: Callable[[], object], words: str, seconds: float = PATIENCE_S) -> None:
        """Wait until something is so; MissedError where it never comes, OverError where the drill is over."""
        deadline = SYSTEM.monotonic() + seconds
        while not what():
            if self._over.wait(LOOK_S):
                raise OverError("interrupted")
            if SYSTEM.monotonic() > deadline:
                raise MissedError(f"{words} did not come within {seconds:.0f} s")

    def end_all(self) -> None:
        """Kill what still runs."""
        for process in self._processes:
            if process.code is None:
                process.kill()


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a scenario's processes: its own directories, and nothing of the user's but paths."""
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        env[f"XDG_{name}_HOME"] = str(folder / "home" / name.lower())
    return {**env, "HOME": str(folder / "home"), "COLUMNS": "100"}


__all__ = ["CommandLeft", "Machine", "MissedError", "OverError", "Process"]
