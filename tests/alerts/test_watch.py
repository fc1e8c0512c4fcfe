"""What is seen beside the audit trail: dead, hung, full, latched; each told once, and when it is over."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tradebot.alerts.conditions import draft_of
from tradebot.alerts.model import Memory, OwnerSeen, Scene, Sighting
from tradebot.alerts.watch import watched
from tradebot.core.model.times import of_iso

NOON = of_iso("2026-11-27T12:00:00Z")
OWNER = OwnerSeen(7, "boot/1")
SCENE = Scene("live-0001", "live", "BINANCE USD-M", simulated=False, beat=NOON)


class Eye:
    """Looks once a second; an engine that lives beats."""

    def __init__(self) -> None:
        self.memory: Memory = {}
        self.now = NOON
        self.seen = Sighting(NOON, OWNER, (SCENE,), free_bytes=1 << 30)
        self.beats = True
        self.told: list[tuple[str, bool]] = []
        self.looked = 0

    def look(self, seconds: int = 1, **change: object) -> list[tuple[str, bool]]:
        self.seen = replace(self.seen, **change)  # type: ignore[arg-type]
        new: list[tuple[str, bool]] = []
        for _ in range(seconds):
            self.now += 1_000
            if self.beats and self.seen.scenes:
                scenes = tuple(replace(scene, beat=self.now) for scene in self.seen.scenes)
                self.seen = replace(self.seen, scenes=scenes)
            self.seen = replace(self.seen, wall=self.now)
            found, memory = watched(self.seen, self.memory, self.now, self.looked)
            self.looked = self.now
            self.memory = json.loads(json.dumps(memory))
            new += [(condition.kind, condition.over) for condition, _ in found]
        self.told += new
        return new


def test_an_engine_that_goes_without_a_word_is_dead_and_is_told_once() -> None:
    eye = Eye()
    assert eye.look(30) == []
    eye.beats = False
    assert eye.look(60, owner=None) == [("engine_dead", False)]
    eye.beats = True
    assert eye.look(30, owner=OwnerSeen(8, "boot/2")) == [("engine_dead", True)]


def test_an_orderly_end_is_none() -> None:
    eye = Eye()
    eye.look(5)
    over = (replace(SCENE, state="interrupted"),)
    assert eye.look(60, owner=None, scenes=over) == []


def test_an_engine_that_hangs_is_told_within_25_s_and_not_before_it_is_sure() -> None:
    eye = Eye()
    eye.look(5)
    eye.beats = False
    assert eye.look(14) == []
    assert eye.look(10) == [("engine_hung", False)]
    eye.beats = True
    assert eye.look(5) == [("engine_hung", True)]


def test_an_engine_that_hangs_and_dies_is_dead() -> None:
    eye = Eye()
    eye.look(5)
    eye.beats = False
    eye.look(30)
    assert eye.look(5, owner=None) == [("engine_dead", False)]


def test_one_that_only_begins_may_take_its_time() -> None:
    eye = Eye()
    eye.beats = False
    old = (replace(SCENE, beat=NOON - 86_400_000),)
    assert eye.look(100, scenes=old) == []
    assert eye.look(40) == [("engine_hung", False)]


TAKEN = OwnerSeen(7, "boot/1", "live", taken=NOON + 1_000, shown=NOON + 1_000)
"""An engine that took the lock a second after noon."""

BEFORE = replace(SCENE, beat=NOON - 86_400_000)
"""A run of yesterday."""


def start(eye: Eye, seconds: int, *, goes_on: bool = True, **change: object) -> list[str]:
    """Live through a start that nothing is written of; return what is told meanwhile."""
    eye.beats, told = False, list[str]()
    for _ in range(seconds):
        owner = replace(TAKEN, shown=eye.now) if goes_on else TAKEN
        told += [kind for kind, over in eye.look(1, owner=owner, **change) if not over]
    return told


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_an_engine_that_hangs_in_its_first_second_is_told_like_any(state: str) -> None:
    """It has the lock, and no run of its own; the one before it died, or ended in order."""
    eye = Eye()
    scenes = (replace(BEFORE, state=state),)
    assert start(eye, 11, goes_on=False, scenes=scenes) == []
    assert start(eye, 12, goes_on=False) == ["engine_hung"]
    assert start(eye, 100, goes_on=False) == []  # once
    assert eye.look(1, owner=replace(TAKEN, shown=eye.now)) == [("engine_hung", True)]


@pytest.mark.parametrize("goes_on", [True, False])
def test_an_engine_that_dies_in_its_start_is_told_as_dead(goes_on: bool) -> None:
    """The run before it had ended in order, or it has marked that as interrupted: there is no run to be seen that is not over."""
    eye = Eye()
    scenes = (replace(BEFORE, state="interrupted"),)
    hung = [] if goes_on else ["engine_hung"]
    assert start(eye, 30, goes_on=goes_on, scenes=scenes) == hung
    gone = (TAKEN.pid, TAKEN.started)
    assert eye.look(5, owner=None, scenes=(), readable=False) == []
    assert eye.look(60, scenes=scenes, readable=True, left=gone) == [("engine_dead", False)]
    assert eye.look(5, busy=True) == []
    assert eye.look(5, busy=False, left=None) == []
    assert eye.look(5, owner=OwnerSeen(8, "boot/2", "live", taken=eye.now, shown=eye.now)) == [
        ("engine_dead", True)
    ]


def test_one_that_was_told_as_hung_is_dead_wherever_its_note_is() -> None:
    eye = Eye()
    scenes = (replace(BEFORE, state="interrupted"),)
    assert start(eye, 30, goes_on=False, scenes=scenes) == ["engine_hung"]
    assert eye.look(30, owner=None) == [("engine_dead", False)]


def test_a_start_that_is_refused_has_not_died() -> None:
    eye = Eye()
    scenes = (replace(BEFORE, state="interrupted"),)
    assert start(eye, 30, scenes=scenes) == []
    assert eye.look(60, owner=None, left=(6, "boot/0")) == []


def test_whose_run_is_over_has_not_died_in_its_start() -> None:
    eye = Eye()
    over = (replace(SCENE, state="interrupted", beat=TAKEN.taken + 300),)
    eye.beats = False
    eye.look(5, owner=TAKEN, scenes=over)
    assert eye.look(60, owner=None, left=(TAKEN.pid, TAKEN.started)) == []


def test_of_what_was_closed_after_a_death_in_the_start_nobody_is_told_again() -> None:
    eye = Eye()
    start(eye, 5, scenes=(BEFORE,))
    gone = {"owner": None, "left": (TAKEN.pid, TAKEN.started)}
    assert eye.look(5, **gone) == [("engine_dead", False)]
    assert eye.look(30, scenes=(replace(BEFORE, state="interrupted"),)) == []


def test_one_that_hangs_when_its_run_has_just_begun_too() -> None:
    eye = Eye()
    begun = (replace(SCENE, beat=TAKEN.taken + 300),)
    assert start(eye, 11, goes_on=False, scenes=begun) == []
    assert start(eye, 12, goes_on=False) == ["engine_hung"]
    assert start(eye, 700, goes_on=False) == []


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_slow_start_that_goes_on_is_no_hang(state: str) -> None:
    eye = Eye()
    assert start(eye, 590, scenes=(replace(BEFORE, state=state),)) == []
    assert start(eye, 100, scenes=(replace(SCENE, beat=eye.now),)) == []  # now it feeds the past
    eye.beats = True
    assert eye.look(60) == []
    eye.beats = False
    assert eye.look(20) == [("engine_hung", False)]


def test_a_start_that_goes_on_for_ever_is_told() -> None:
    eye = Eye()
    assert start(eye, 620, scenes=(replace(BEFORE, state="interrupted"),)) == ["engine_hung"]


@pytest.mark.parametrize("begun", [True, False])
def test_a_machine_that_slept_while_an_engine_started_has_its_time_anew(begun: bool) -> None:
    """So it is where the clock was set forward."""
    eye = Eye()
    beat = TAKEN.taken + 300 if begun else NOON - 86_400_000
    assert start(eye, 60, scenes=(replace(SCENE, beat=beat),)) == []
    eye.now += 3_600_000
    assert start(eye, 590) == []
    assert start(eye, 60) == ["engine_hung"]


def test_a_start_of_which_nothing_is_shown_hangs_since_it_is_known() -> None:
    eye = Eye()
    eye.beats = False
    found = []
    for _ in range(20):
        owner = replace(TAKEN, shown=0)
        eye.now += 1_000
        seen = Sighting(eye.now, owner, (replace(BEFORE, state="interrupted"),))
        told, eye.memory = watched(seen, eye.memory, eye.now)
        found += [condition.data["seconds"] for condition, _ in told]
    assert found == [16]


def test_one_that_hangs_when_the_machine_has_slept_is_told() -> None:
    eye = Eye()
    assert start(eye, 60, scenes=(BEFORE,)) == []
    eye.now += 3_600_000
    assert start(eye, 30, goes_on=False) == ["engine_hung"]


def test_a_start_after_a_long_wait_for_a_resume_has_its_time() -> None:
    eye = Eye()
    scenes = (replace(BEFORE, state="interrupted"),)
    assert start(eye, 2_000, scenes=scenes, waits=True) == []
    kept = set[str]()
    for _ in range(300):
        eye.look(1)
        kept.add(json.dumps(eye.memory))
    assert len(kept) < 7  # each is written to the disk
    assert start(eye, 500, waits=False) == []


def test_an_engine_whose_run_is_over_takes_its_time_to_leave() -> None:
    eye = Eye()
    eye.look(20, owner=TAKEN)
    eye.beats = False
    assert eye.look(700, scenes=(replace(SCENE, state="ended", beat=eye.now),)) == []


def test_of_a_start_without_an_account_or_a_run_before_nobody_is_told() -> None:
    eye = Eye()
    eye.seen = replace(eye.seen, scenes=())
    assert start(eye, 60, goes_on=False) == ["engine_hung"]
    eye = Eye()
    eye.seen = replace(eye.seen, scenes=())
    assert eye.look(60, owner=replace(TAKEN, account="")) == []


def test_a_machine_that_slept_has_a_moment() -> None:
    eye = Eye()
    eye.look(5)
    eye.now += 3_600_000
    eye.beats = False
    eye.look(1)
    eye.beats = True
    assert eye.look(30) == []
    assert eye.told == []


def test_a_full_disk_and_a_journal_that_cannot_be_written() -> None:
    eye = Eye()
    eye.look(3)
    assert eye.look(20, free_bytes=0) == [("disk_full", False)]
    assert eye.look(20, trouble="since 12:00 the disk is full") == [("journal", False)]
    back = eye.look(20, free_bytes=1 << 30, trouble="")
    assert back == [("disk_full", True), ("journal", True)]


def test_a_halt_is_told_where_no_engine_can() -> None:
    eye = Eye()
    eye.look(3, halted=True)  # the engine works: its audit trail has it
    over = (replace(SCENE, state="interrupted"),)
    eye.look(3, owner=None, scenes=over)
    assert eye.told == []
    eye.look(3, halted=False)
    assert eye.look(3, halted=True) == [("halt", False)]
    assert eye.look(3, halted=False) == []


def test_a_halt_of_an_engine_that_hangs_is_not_said_to_be_without_one() -> None:
    eye = Eye()
    eye.look(3)
    eye.beats = False
    eye.look(20)
    seen = replace(eye.seen, wall=eye.now, halted=True, halt_words="telegram:42: it hangs")
    [(condition, scene)], _ = watched(seen, eye.memory, eye.now, eye.now)
    told = draft_of(condition, scene).head
    assert told.startswith("HALTED by telegram:42: it hangs, while the engine hangs")


def test_a_close_all_is_told_at_each_stage() -> None:
    eye = Eye()
    eye.look(1, closing={"begun": "a", "stage": "under way", "state": "under way: 0 of 1"})
    assert eye.told == []  # it was there before the first look
    more = [
        {"begun": "b", "stage": "under way", "state": "under way: 0 of 2"},
        {"begun": "b", "stage": "under way", "state": "under way: 1 of 2"},
        {"begun": "b", "stage": "nothing is left", "state": "nothing is left"},
    ]
    for closing in more:
        eye.look(2, closing=closing)
    assert eye.told == [("close_all", False)] * 2


def test_an_engine_that_stands_still_does_not_hang() -> None:
    """It was started again while a close-all stands: it sends nothing and writes nothing before a resume."""
    eye = Eye()
    eye.look(5)
    eye.beats = False
    assert eye.look(300, owner=OwnerSeen(8, "boot/2"), waits=True) == []
    assert eye.look(200, waits=False) == [("engine_hung", False)]


UNREAD = {"scenes": (), "readable": False}
"""A look at a journal that cannot be read: no run is to be seen."""


def test_a_journal_that_cannot_be_read_for_a_moment_is_no_sign_of_life() -> None:
    eye = Eye()
    eye.look(5)
    eye.beats = False
    still = eye.seen.scenes
    assert eye.look(30) == [("engine_hung", False)]
    assert eye.look(8, **UNREAD) == []
    assert eye.look(30, scenes=still, readable=True) == []
    eye.beats = True
    assert eye.look(5) == [("engine_hung", True)]


def test_what_cannot_be_seen_is_not_over() -> None:
    eye = Eye()
    eye.look(5)
    eye.look(5, free_bytes=0, trouble="the journal cannot be read", **UNREAD)
    assert eye.told == [("disk_full", False), ("journal", False)]
    assert eye.look(30, free_bytes=None, trouble="") == []
    back = eye.look(5, free_bytes=1 << 30, scenes=(SCENE,), readable=True)
    assert back == [("disk_full", True), ("journal", True)]


def test_an_engine_that_goes_while_its_journal_cannot_be_read_is_told_of() -> None:
    eye = Eye()
    eye.look(5)
    eye.beats = False
    still = eye.seen.scenes
    assert eye.look(5, owner=None, **UNREAD) == []  # a moment is no proof
    assert eye.look(30, trouble="the journal cannot be read") == [
        ("engine_dead", False),
        ("journal", False),
    ]
    back = eye.look(5, scenes=still, readable=True, trouble="")
    assert back == [("engine_dead", False), ("journal", True)]  # now it is known which run it was
    assert eye.look(5, owner=OwnerSeen(8, "boot/2")) == [("engine_dead", True)]


def test_one_that_ended_in_order_before_that_is_none() -> None:
    eye = Eye()
    eye.look(5)
    eye.look(5, owner=None, scenes=(replace(SCENE, state="interrupted"),))
    assert eye.look(60, trouble="", **UNREAD) == []
