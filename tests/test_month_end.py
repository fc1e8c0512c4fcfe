"""When a month has ended the engine has its report written, in a process of its own, and says where it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kits.journal_samples import new_run

from tradebot.app.month_end import SETTLE_S, MonthEnd
from tradebot.clock import SystemClock
from tradebot.core.model.times import of_iso
from tradebot.journal.audit import AuditKey
from tradebot.journal.paths import REPORTS, journal_path
from tradebot.journal.writer import Journal

MAY = of_iso("2025-05-31T23:59")
JUNE = of_iso("2025-06-01T00:00:01")


class Seconds(SystemClock):
    """Seconds that pass when they are told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Patient(MonthEnd):
    """Waits for its process: a test has the time, but none for the last rows to come in."""

    def __init__(self, data_dir: Path, say: Callable[[str], None]) -> None:
        super().__init__(data_dir, say, clock := Seconds())
        self.time = clock

    def look(self, now: int) -> None:
        super().look(now)
        self.time.now += SETTLE_S
        super().look(now)
        if self._writing is not None:
            self._writing.wait(timeout=90)
        super().look(now)


def test_nothing_is_started_before_a_month_has_ended(tmp_path: Path) -> None:
    said: list[str] = []
    months = Patient(tmp_path, said.append)
    months.look(MAY)
    months.look(MAY + 1000)
    assert said == []


def test_where_there_is_nothing_to_report_it_says_why(tmp_path: Path) -> None:
    said: list[str] = []
    months = Patient(tmp_path, said.append)
    for now in (MAY, JUNE, JUNE + 1000):
        months.look(now)
    (text,) = said
    assert text.startswith("the month's report was not written: ")


@pytest.mark.parametrize(
    ("out", "texts"),
    [
        ({"ok": True, "data": {"due": ["/d/2025-05-paper.html"]}, "error": None},
         ["the month's report is in /d/2025-05-paper.html"]),
        ({"ok": True, "data": {"due": []}, "error": None}, []),
        (None, ["the month's report was not written: it ended with code 3"]),
    ],
)  # fmt: skip
def test_what_the_process_says_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: Any, texts: list[str]
) -> None:
    text = "" if out is None else json.dumps(out)
    code = f"import sys; print({text!r}); sys.exit({0 if out else 3})"
    real = subprocess.Popen

    def stand_in(words: list[str], **how: Any) -> Any:
        assert words[3:6] == ["tradebot", "report", "--due"]
        return real([words[0], "-c", code], **how)

    monkeypatch.setattr(subprocess, "Popen", stand_in)
    said: list[str] = []
    months = Patient(tmp_path, said.append)
    months.look(MAY)
    months.look(JUNE)
    assert said == texts


def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return what is started, as words; it says nothing and ends at once."""
    real, found = subprocess.Popen, []

    def stand_in(words: list[str], **how: Any) -> Any:
        found.append(words[3:])
        return real([words[0], "-c", "print('{}')"], **how)

    monkeypatch.setattr(subprocess, "Popen", stand_in)
    return found


def test_the_last_rows_of_a_month_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, clock = started(monkeypatch), Seconds()
    months = MonthEnd(tmp_path, lambda _: None, clock)
    for now, passed in ((MAY, 0), (JUNE, 0), (JUNE + 1000, SETTLE_S - 1)):
        clock.now += passed
        months.look(now)
    assert words == []
    clock.now += 1
    months.look(JUNE + 2000)
    assert len(words) == 1
    while months._writing is not None:
        months.look(JUNE + 3000)


def test_the_report_reads_the_engine_s_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = started(monkeypatch)
    months = Patient(tmp_path, lambda _: None)
    months.config = Path("mine.toml")
    months.look(MAY)
    months.look(JUNE)
    assert words == [
        [
            *("tradebot", "report", "--due", "--json"),
            *("--config", str(Path("mine.toml").absolute()), "--data-dir", str(tmp_path)),
        ]
    ]


async def a_journal(data_dir: Path, started: int) -> None:
    """A journal whose only run was started then (UTC ms)."""
    async with await Journal.open(
        journal_path(data_dir), key=AuditKey(b"k" * 32, "file")
    ) as journal:
        await journal.begin_run(new_run(wall=started))


@pytest.mark.parametrize(
    ("began", "page", "asked"),
    [
        (MAY, None, 1),
        (MAY, "2025-05-paper.html", 0),
        (MAY, "2025-04-paper.html", 1),
        (JUNE, None, 0),
    ],
)
async def test_a_month_that_ended_without_an_engine_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, began: int, page: str | None, asked: int
) -> None:
    words = started(monkeypatch)
    await a_journal(tmp_path, began)
    if page is not None:
        (tmp_path / REPORTS).mkdir()
        (tmp_path / REPORTS / page).touch()
    months = Patient(tmp_path, lambda _: None)
    for now in (JUNE + 1000, JUNE + 2000):
        months.look(now)
    assert len(words) == asked


def test_what_is_left_out_of_a_report_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.Popen
    answer = {"ok": True, "data": {"due": ["/d/r.html"]}, "warnings": ["without a benchmark: x"]}
    code = f"print({json.dumps(answer | {'error': None})!r})"
    monkeypatch.setattr(subprocess, "Popen", lambda w, **how: real([w[0], "-c", code], **how))
    said: list[str] = []
    months = Patient(tmp_path, said.append)
    months.look(MAY)
    months.look(JUNE)
    assert said == [
        "the month's report is in /d/r.html",
        "the month's report is without a benchmark: x",
    ]


def test_the_report_is_made_with_the_run_s_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process has the engine's file, not whatever lies where it was started: benchmarks and strategies are beside it."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "bot.toml").write_text("[report]\nbenchmarks = [3]\n")
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    months = Patient(tmp_path / "data", said.append)
    months.config = tmp_path / "conf" / "bot.toml"
    months.look(MAY)
    months.look(JUNE)
    (text,) = said
    assert "must be text in quotes, got 3" in text
