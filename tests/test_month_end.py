"""When a month has ended the engine has its report written, in a process of its own, and says where it is."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tradebot.app.month_end import MonthEnd
from tradebot.core.model.times import of_iso

MAY = of_iso("2025-05-31T23:59")
JUNE = of_iso("2025-06-01T00:00:01")


class Patient(MonthEnd):
    """Waits for its process: a test has the time."""

    def look(self, now: int) -> None:
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
