"""The gates once more while live trades: at what pace, by whom, and what is made of an answer that fails to come."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from kits.evidence_kit import SECRET, configure

from tradebot.app import checklist, recompute
from tradebot.app.checklist import LAG_S, Checklist
from tradebot.app.finding import Row
from tradebot.app.ours import Ours
from tradebot.app.recompute import AGAIN_S, HOUR_S, HOURLY, SPENT, UNKNOWN, GateWatch, ask_child
from tradebot.clock import SYSTEM


def watched(
    answers: Sequence[Sequence[str] | None], clock: Any = SYSTEM, url: str = ""
) -> tuple[list[float], list[Sequence[str]]]:
    """Have a watch get these answers, one after the other, and the run end then; return its pauses and what it told."""
    pauses: list[float] = []
    told: list[Sequence[str]] = []
    left = list(answers)

    def over(seconds: float) -> bool:
        pauses.append(seconds)
        return not left

    GateWatch(lambda _: left.pop(0), told.append, clock, url).watch(over)
    return pauses, told


def test_it_is_hourly_and_sooner_while_a_gate_is_lost() -> None:
    pauses, told = watched([(), ("walls: no",), ("walls: no",), (), ()])
    assert pauses == [HOUR_S, HOUR_S, AGAIN_S, AGAIN_S, HOUR_S, HOUR_S]
    assert told == [(), ("walls: no",), ("walls: no",), (), ()]


class At:
    """A clock that stands a quarter of a minute after a full one."""

    def wall_ms(self) -> int:
        return 1_790_000_015_000 // 60_000 * 60_000 + 15_000


def test_where_only_requests_were_used_up_it_is_asked_again_with_the_next_minute() -> None:
    spent: Sequence[str] = (SPENT, "account: balance was not asked for: 2100 of 2400 is used")
    turn = 45.0 + LAG_S
    pauses, told = watched([spent, (), ("walls: no",), ()], At())
    assert pauses == [HOUR_S, turn, HOUR_S, AGAIN_S, HOUR_S]
    assert told[0] == spent  # nobody knows: until then no entry is made
    pauses, _ = watched([spent, spent, spent, spent, (), spent, ()], At())
    assert pauses == [HOUR_S, turn, turn, AGAIN_S, AGAIN_S, HOUR_S, turn, HOUR_S]
    pauses, _ = watched([spent, ("walls: no",), spent, ()], At())
    assert pauses == [HOUR_S, turn, AGAIN_S, turn, HOUR_S]
    pauses, _ = watched([spent, ()], At(), "http://127.0.0.1:9")
    assert pauses == [HOUR_S, 60.0 + LAG_S, HOUR_S]  # a venue's minute is its own


@pytest.mark.parametrize(
    ("detail", "spent"),
    [
        ("/fapi/v3/balance was not asked for: 2100 of 2400 request weight is used", True),
        ("/fapi/v3/balance was not asked for: the exchange has banned this address", False),
        ("cannot reach fapi.binance.com: no answer", False),
    ],
)
def test_a_look_says_that_requests_were_used_up_beside_what_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch, detail: str, spent: bool
) -> None:
    looks: list[Checklist] = []

    def go_through(*_: object) -> Checklist:
        looks.append(Checklist((Row("account", "fail", detail),), Ours()))
        return looks[-1]

    monkeypatch.setattr(checklist, "go_through", go_through)
    monkeypatch.setattr(recompute, "SECOND_LOOK_S", 0)
    said = recompute.lost_gates(configure(folder))
    assert (SPENT in said) is spent
    assert said[1 if spent else 0].startswith("paper: ")  # what is lost is told all the same
    assert any(detail in one for one in said)
    assert len(looks) == (1 if spent else 2)


def test_nothing_is_told_of_a_run_that_has_ended_meanwhile() -> None:
    assert watched([(), None])[1] == [()]


def test_whatever_asking_fails_with_counts_as_not_known_and_ends_no_watch() -> None:
    told: list[Sequence[str]] = []
    looks = iter([False, False, True])

    def ask(_: object) -> Sequence[str]:
        if told:
            return ()
        raise MemoryError("no room")

    GateWatch(ask, told.append).watch(lambda _: next(looks))
    assert told == [(f"{UNKNOWN}: MemoryError: no room",), ()]


class Hasty:
    """A clock that moves on by half a minute whenever somebody looks."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        self.time += 30
        return self.time

    def wall_ms(self) -> int:
        return 0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps here")


def child(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys; sys.stdin.buffer.read(); {code}")


def going_on(_: float) -> bool:
    return False


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    return tmp_path


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('[]')", ()),
        ("""print('["walls: no"]')""", ("walls: no",)),
        ("print('[1]')", (f"{UNKNOWN}: whoever works it out ended with 0",)),
        ("print('{')", (f"{UNKNOWN}: whoever works it out ended with 0",)),
        ("sys.exit(3)", (f"{UNKNOWN}: whoever works it out ended with 3",)),
        ("print('[]'); sys.exit('no')", (f"{UNKNOWN}: whoever works it out ended with 1 no",)),
    ],
)
def test_what_is_no_answer_counts_as_not_known(
    folder: Path, code: str, said: tuple[str, ...]
) -> None:
    assert ask_child(configure(folder), going_on, command=child(code)) == said


def test_an_answer_that_does_not_come_counts_as_not_known_and_leaves_no_process(
    folder: Path,
) -> None:
    note = folder / "pid"
    code = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    class Slow(Hasty):
        def monotonic(self) -> float:
            return self.time

    clock = Slow()

    def over(_: float) -> bool:
        if note.exists() and note.read_text():  # it has begun: now a long time passes
            clock.time += 1000
        return False

    said = ask_child(configure(folder), over, clock, child(code))
    assert said == (f"{UNKNOWN}: no answer within 60 s",)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_run_that_ends_waits_for_nobody(folder: Path) -> None:
    said = ask_child(
        configure(folder), lambda _: True, command=child("import time; time.sleep(600)")
    )
    assert said is None
    missing = ask_child(configure(folder), going_on, command=(str(folder / "nobody"),))
    assert missing == (f"{UNKNOWN}: No such file or directory",)


def test_the_child_gives_way_to_the_engine(folder: Path) -> None:
    code = (
        "import os; from tradebot.app import recompute as r;"
        "r.lost_gates = lambda config: [f'{os.getpriority(os.PRIO_PROCESS, 0)} {config.strategy.name}'];"
        "r.main()"
    )
    words = (sys.executable, "-c", code)
    said = ask_child(configure(folder), going_on, command=words)
    assert said == ("19 regular.py:Regular",)


def test_it_judges_what_can_be_lost_and_nothing_that_is_asked_at_a_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real child, on a directory that has shown nothing."""
    config = configure(folder)
    said = ask_child(config, going_on)
    assert said is not None
    names = [one.partition(":")[0] for one in said]
    assert names == [name for name in HOURLY if name != "walls"]
    assert "paper: no run counts yet" in said
    monkeypatch.setattr(recompute, "SECOND_LOOK_S", 0)
    answers = [["account: half of it is on record"], []]
    monkeypatch.setattr(recompute, "_look", lambda _: answers.pop(0))
    assert recompute.lost_gates(config) == []
    assert answers == []


def test_the_strategy_file_as_it_is_now_is_what_is_judged(folder: Path) -> None:
    config = configure(folder)
    (folder / "regular.py").write_text("import nothing_of_that_name\n")
    (said,) = ask_child(config, going_on) or ()
    assert said.startswith(f"{UNKNOWN}: the strategy's file does not import")


def test_what_lies_where_live_was_started_is_none_of_the_childs_modules(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strategy that is called like a module of Python stands in nobody's way, nor does a second package of our name."""
    here = folder / "started here"
    for name in ("json.py", "signal.py", "tradebot/__init__.py"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("raise SystemExit('that is mine')")
    config = configure(folder)
    monkeypatch.chdir(here)
    said = ask_child(config, going_on)
    assert said is not None
    assert not any(UNKNOWN in one for one in said), said
