"""The installed command as a user has it: subprocesses on a data directory of their own."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kits.strategy_kit import write_strategy
from kits.warm import Warm, is_for_warm
from tradebot.guard.lock import lock_owner
from tradebot.journal.reader import Reader

ROOT = Path(__file__).resolve().parents[2]

START = 1_736_143_200_000
"""2025-01-06T06:00Z: hours away from the blackout."""


WARM = Warm()


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and its two streams."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        parsed = json.loads(self.out)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def data(self) -> Any:
        """The document's data."""
        return self.document["data"]

    @property
    def error(self) -> dict[str, Any]:
        """The document's error."""
        assert self.document["ok"] is False
        error = self.document["error"]
        assert isinstance(error, dict)
        return error


@dataclass
class Bot:
    """The command on one data directory, in one folder; ``env`` are variables all its commands see."""

    folder: Path
    data_dir: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: object, code: int | None = 0, **env: str) -> Done:
        """Run a command to its end."""
        command, variables = self._command(words), self._env(env)
        if is_for_warm({**self.env, **env}):
            done = WARM.run(command[3:], variables, self.folder, timeout=90)
        else:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=variables,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                timeout=90,
                check=False,
            )
        assert "Traceback" not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, done.stderr + done.stdout
        return Done(done.returncode, done.stdout, done.stderr)

    def json(self, *words: object, code: int | None = 0, **env: str) -> Done:
        """Run a command with --json; stdout must be one envelope."""
        done = self(*words, "--json", code=code, **env)
        assert done.out.count("\n") == 1
        assert set(done.document) == {"version", "command", "ok", "data", "warnings", "error"}
        assert done.document["version"] == 1
        return done

    def paper(self, *words: object, code: int = 0) -> Done:
        """Run paper as fast as it goes, to its end."""
        return self.json("paper", *words, "--speed", "max", "--headless", code=code)

    def start(self, *words: object) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        process = subprocess.Popen(
            self._command(words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._env({}),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
        )
        self.started.append(process)
        return process

    def engine(self, *words: object, speed: float = 60) -> subprocess.Popen[str]:
        """Start a paper run and wait until it writes its journal."""
        process = self.start("paper", *words, "--speed", speed, "--headless", "--json")
        self.until(lambda: self._beats() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        return process

    def _beats(self) -> bool:
        """Whether an engine holds the lock and has told of itself; looked at without starting a command."""
        owner = lock_owner(self.data_dir)
        with suppress(Exception), Reader(self.data_dir / "tradebot.db") as reader:
            run = reader.newest_run()
            told = None if run is None else reader.snapshot(run.id)
            if run is not None and told is not None and run.state == "running":
                return owner is not None and owner.alive and time.time() - told.wall / 1000 < 10
        return False

    def status(self) -> dict[str, Any]:
        """What ``status`` says; empty while there is nothing to say."""
        done = self("status", "--json", code=None)
        data = done.document["data"]
        return data if isinstance(data, dict) else {}

    def log(self, kind: str = "Quote") -> int:
        """How many events of a kind are in the journal."""
        path = self.data_dir / "tradebot.db"
        if not path.is_file():
            return 0
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            try:
                found = db.execute("select count(*) from log where kind = ?", (kind,)).fetchone()
            except sqlite3.OperationalError:
                return 0
        return int(found[0])

    def until(self, what: Callable[[], object], seconds: float = 120.0) -> None:
        """Wait until something is so; between looks that are dear (a command) the machine is left to the bot as long."""
        deadline = time.monotonic() + seconds
        begun = time.monotonic()
        while not what():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(min(max(0.1, time.monotonic() - begun), 3.0))
            begun = time.monotonic()

    def end(self, process: subprocess.Popen[str], number: int = signal.SIGTERM) -> Done:
        """Send a signal and wait for the end."""
        process.send_signal(number)
        out, err = process.communicate(timeout=90)
        assert "Traceback" not in err
        return Done(process.returncode, out, err)

    def clean_up(self) -> None:
        """Kill what still runs."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def strategy(self, body: str, name: str = "own.py") -> str:
        """Write a strategy with this body of on_bar; return what --strategy takes."""
        return write_strategy(self.folder, body, name)

    def klines(self, bars: int = 300, name: str = "BTCUSDT-1m.csv", seed: int = 1) -> Path:
        """Write minutes of a price that swings."""
        draw, price, lines = random.Random(seed), 98_000.0, []
        for i in range(bars):
            close = price * (1 + (0.001 if (i // 30) % 2 else -0.001) + draw.gauss(0, 0.0008))
            high, low = max(price, close) * 1.0003, min(price, close) * 0.9997
            at = START + i * 60_000
            lines.append(f"{at},{price:.1f},{high:.1f},{low:.1f},{close:.1f},{20 + i % 7}.500")
            price = close
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n")
        return path

    def _command(self, words: tuple[object, ...]) -> list[str]:
        texts = [str(word) for word in words]
        return [sys.executable, "-m", "tradebot", *texts, "--data-dir", str(self.data_dir)]

    def _env(self, more: dict[str, str]) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **self.env, **more}
