"""The end of a month: the reports that are due are written by a process of its own, while the engine goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import TradebotError
from tradebot.journal.paths import REPORTS, journal_path
from tradebot.journal.reader import Reader
from tradebot.reports.monthly.period import Period, month_of

SETTLE_S = 3.0
"""Seconds after which a month's last events are in the journal: it is written up to one late."""

NICENESS = 19
"""How far behind the engine a report stands."""


class MonthEnd:
    """Looks at the market's calendar; ``say`` is told which file a report is in, or why there is none.

    ``config`` is the file of the configuration, where it was named: the report reads it too.
    """

    def __init__(self, data_dir: Path, say: Callable[[str], None], clock: Clock = SYSTEM) -> None:
        self.config: Path | None = None
        self._data_dir = data_dir
        self._say = say
        self._clock = clock
        self._month: int | None = None
        self._ended: float | None = None
        self._writing: subprocess.Popen[str] | None = None

    def look(self, now: int) -> None:
        """Take the market's time (UTC ms), and tell of what was written since the last look."""
        month = month_of(now)
        if month.first > self._month if self._month is not None else self._owed(month):
            self._ended = self._clock.monotonic()
        self._month = month.first
        settled = self._ended is not None and self._clock.monotonic() >= self._ended + SETTLE_S
        if settled and self._writing is None:
            self._ended, self._writing = None, self._start()
        if self._writing is not None and self._writing.poll() is not None:
            self._tell(self._writing)
            self._writing = None

    def _owed(self, month: Period) -> bool:
        """Whether no engine was there to have the report on the month before written, as far as is seen at a glance."""
        before = month_of(month.first - 1).code
        if any((self._data_dir / REPORTS).glob(f"{before}-*.html")):
            return False
        with suppress(TradebotError), Reader(journal_path(self._data_dir)) as reader:
            (first,) = next(reader.select("SELECT min(started) FROM runs"))
            return isinstance(first, int) and first < month.first
        return False

    def _start(self) -> subprocess.Popen[str] | None:
        words = [sys.executable, "-P", "-m", "tradebot", "report", "--due", "--json"]
        if self.config is not None:
            words += ["--config", str(self.config.absolute())]
        try:
            started = subprocess.Popen(
                [*words, "--data-dir", str(self._data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as error:
            self._say(f"the month's report was not written: {error.strerror or error}")
            return None
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, started.pid, NICENESS)
        return started

    def _tell(self, ended: subprocess.Popen[str]) -> None:
        out, _ = ended.communicate()
        try:
            answer = json.loads(out)
            written = answer["data"]["due"] if answer["ok"] else []
            wrong, error = answer.get("warnings", []), answer["error"]
        except (ValueError, KeyError, TypeError, AttributeError):
            message = f"it ended with code {ended.returncode}"
            written, wrong, error = [], [], {"message": message}
        for path in written:
            self._say(f"the month's report is in {path}")
        for text in wrong if written else ():
            self._say(f"the month's report is {text}")
        if error is not None:
            self._say(f"the month's report was not written: {error['message']}")


__all__ = ["SETTLE_S", "MonthEnd"]
