"""How a close-all stands, told by its rows: under way, broken off, ended, with what is left and what proves it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tradebot.guard.closing import CloseProgress, last_close
from tradebot.guard.diary import DIARY_FILE, ENGINE, Diary

ASKER, ENGINE_PID = 41, 42
STARTED = {ASKER: "boot/7"}


def told(where: Path, *rows: tuple[str, dict[str, Any]], alive: bool = True) -> CloseProgress:
    """What rows say that follow a beginning; those with ``role`` engine are of another process."""
    lines = [("begin", {"who": "ana", "account": "the live account", "started": "boot/7"}), *rows]
    text = []
    for number, (step, more) in enumerate(lines):
        role = more.get("role", "command")
        pid = ENGINE_PID if role == ENGINE else ASKER
        row = {"step": step, "wall": 1_000 + number, "pid": pid, "role": role, "number": number}
        text.append(json.dumps({**row, **more}) + "\n")
    (where / DIARY_FILE).write_text("".join(text))
    found = last_close((where,), STARTED.get if alive else lambda _: None)
    assert found is not None
    return found


def read(
    *names: str, whole: bool = True, begun: int = 0, **more: Any
) -> tuple[str, dict[str, Any]]:
    return "read", {"open": list(names), "strange": [], "whole": whole, "begun": begun, **more}


CLOSE = ("close", {"symbol": "ETH/USDT", "role": ENGINE})
TAKEN = ("answer", {"symbol": "ETH/USDT", "ok": True, "role": ENGINE})
HELD = "ETH/USDT position"


def test_none_without_a_row(tmp_path: Path) -> None:
    assert last_close((tmp_path,)) is None


def test_the_newest_one_counts(tmp_path: Path) -> None:
    diary = Diary((tmp_path,))
    for who in ("ana", "eve"):
        diary.put("begin", who=who, account="the demo account", started="another's")
        diary.put("result", code=0, left=[])
    found = last_close((tmp_path,))
    assert found is not None
    assert (found.who, found.stage) == ("eve", "nothing is left")
    diary.put("begin", who="kim", account="the demo account", started="another's")
    found = last_close((tmp_path,))
    assert found is not None
    assert (found.who, found.stage) == ("kim", "broken off")  # no such process lives


def test_a_symbol_from_open_to_flat(tmp_path: Path) -> None:
    steps = [
        (read(HELD, "ETH/USDT stop or target", "XRP/USDT order", whole=False), "open"),
        (CLOSE, "closing"),
        (TAKEN, "closed"),
        (read("ETH/USDT stop or target", "XRP/USDT order"), "closed"),
        (read(), "flat"),
    ]
    for count, (_, phase) in enumerate(steps, 1):
        found = told(tmp_path, *(row for row, _ in steps[:count]))
        eth = next(one for one in found.symbols if one.symbol == "ETH/USDT")
        assert eth.phase == phase
        assert found.stage == "under way"
    assert "stop or target" in told(tmp_path, *(row for row, _ in steps[:4])).symbols[0].words
    assert told(tmp_path, *(row for row, _ in steps)).symbols[1].words == "nothing is left"


def test_a_close_that_was_refused_says_why(tmp_path: Path) -> None:
    no = ("answer", {"symbol": "ETH/USDT", "ok": False, "code": -4118, "said": "too much (-4118)"})
    (one,) = told(tmp_path, read(HELD), CLOSE, no).symbols
    assert one.phase == "refused"
    assert "too much (-4118)" in one.words
    assert "position" in one.words


def test_an_unreadable_symbol_is_not_flat(tmp_path: Path) -> None:
    blind = read(strange=["positionRisk answered with half a row"])
    assert told(tmp_path, read(HELD), blind).symbols[0].phase == "open"


def test_the_two_reads_of_the_proof(tmp_path: Path) -> None:
    rows = [
        read(HELD, whole=False, begun=5),
        CLOSE,
        TAKEN,
        read(begun=6, role=ENGINE),  # who asked reads for himself
        read(begun=7, whole=False),  # three reads side by side prove nothing
        read(begun=8),
        read(begun=9),
        read(begun=12),
    ]
    assert told(tmp_path, *rows[:5]).reads == ()
    assert told(tmp_path, *rows[:6]).reads == (8,)
    assert told(tmp_path, *rows).reads == (8, 12)
    assert told(tmp_path, *rows, read(HELD, begun=13)).reads == ()
    assert told(tmp_path, *rows, ("cancel", {"symbol": "ETH/USDT"})).reads == ()


@pytest.mark.parametrize(
    ("more", "stage", "words"),
    [
        ({"code": 0, "left": []}, "nothing is left", "nothing is left: proved by two reads"),
        (
            {"code": 6, "left": [{"symbol": "ETH/USDT", "what": "position", "qty": "0.2"}]},
            "left something",
            "left: ETH/USDT position 0.2",
        ),
        (
            {"code": 6, "left": [], "unfenced": ["process 7 is another user's"]},
            "left something",
            "left: process 7 is another user's",
        ),
        ({"code": 6, "why": "no key"}, "cannot be told", "cannot be told: no key"),
        ({"code": "x", "left": "nonsense"}, "cannot be told", "cannot be told: "),
    ],
)
def test_how_it_ended(tmp_path: Path, more: dict[str, Any], stage: str, words: str) -> None:
    found = told(tmp_path, read(HELD), CLOSE, ("result", more), alive=False)
    assert (found.stage, found.state) == (stage, words)


def test_a_ban_has_an_end_while_it_lasts(tmp_path: Path) -> None:
    banned = ("banned", {"until": 1, "ends": 99_000, "role": ENGINE})
    found = told(tmp_path, read(HELD), banned)
    assert found.banned_until == 99_000
    assert "banned by the exchange" in found.state
    asked = ("taken", {"role": ENGINE})
    assert told(tmp_path, read(HELD), banned, asked).banned_until == 99_000
    assert told(tmp_path, banned, read(HELD)).banned_until is None
    assert told(tmp_path, ("banned", {"ends": None})).banned_until is None


def test_one_whose_process_has_gone_is_broken_off(tmp_path: Path) -> None:
    fence = ("fence", {"process": 42, "why": "did not answer"})
    found = told(tmp_path, fence, read(HELD), CLOSE, alive=False)
    assert found.stage == "broken off"
    assert found.fenced == "process 42"
    assert "0 of 1 symbols read flat: run close-all again" in found.state


def test_a_pid_that_was_given_again_is_nobody(tmp_path: Path) -> None:
    Diary((tmp_path,)).put(
        "begin", who="ana", account="the live account", started="before the boot"
    )
    found = last_close((tmp_path,))
    assert found is not None
    assert os.getpid()
    assert found.stage == "broken off"
