"""The end of a month: the reports that are due are written by a process of its own, while the engine goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tradebot.reports.monthly.period import month_of


class MonthEnd:
    """Looks at the market's calendar; ``say`` is told which file a report is in, or why there is none."""

    def __init__(self, data_dir: Path, say: Callable[[str], None]) -> None:
        self._data_dir = data_dir
        self._say = say
        self.config: Path | None = None  # the run's own: benchmarks and strategies lie beside it
        self._month: int | None = None
        self._writing: subprocess.Popen[str] | None = None

    def look(self, now: int) -> None:
        """Take the market's time (UTC ms), and tell of what was written since the last look."""
        month = month_of(now).first
        if self._month is not None and month > self._month and self._writing is None:
            self._writing = self._start()
        self._month = month
        if self._writing is not None and self._writing.poll() is not None:
            self._tell(self._writing)
            self._writing = None

    def _start(self) -> subprocess.Popen[str] | None:
        words = [sys.executable, "-P", "-m", "tradebot", "report", "--due", "--json"]
        if self.config is not None:
            words += ["--config", str(self.config)]
        try:
            return subprocess.Popen(
                [*words, "--data-dir", str(self._data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as error:
            self._say(f"the month's report was not written: {error.strerror or error}")
            return None

    def _tell(self, ended: subprocess.Popen[str]) -> None:
        out, _ = ended.communicate()
        try:
            answer = json.loads(out)
            written = answer["data"]["due"] if answer["ok"] else []
            error = answer["error"]
        except (ValueError, KeyError, TypeError):
            written, error = [], {"message": f"it ended with code {ended.returncode}"}
        for path in written:
            self._say(f"the month's report is in {path}")
        if error is not None:
            self._say(f"the month's report was not written: {error['message']}")


__all__ = ["MonthEnd"]
