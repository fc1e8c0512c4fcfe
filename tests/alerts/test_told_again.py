"""What was told once is told again when it happens again, and not when only its note was late."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kits.outbox_kit import SCENE, Desk, ScriptedWay

from tradebot.alerts.channels import Answered, Message
from tradebot.alerts.model import OwnerSeen, Sighting


def heads(desk: Desk) -> list[str]:
    return [one.text.partition("\n")[0] for m in desk.ways[0].taken() for one in m.alerts]


class Disk:
    """The outbox's file on a disk that is ``full`` when it is said to be."""

    in_transaction = False

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.full = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if self.full and sql.startswith(("BEGIN", "INSERT", "UPDATE", "DELETE")):
            raise sqlite3.OperationalError("database or disk is full")
        return self._db.execute(sql, *values)


def test_an_engine_that_dies_again_before_it_wrote_anything_is_told_of_again(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path / "data")
    desk.run(5)
    left = (replace(SCENE, beat=desk.clock.now),)
    for owner in (None, OwnerSeen(2, "b"), None):
        desk.readings.seen = Sighting(0, owner, left)
        desk.run(10)
    words = [head.split()[:2] for head in heads(desk)]
    assert words == [["ENGINE", "DEAD"], ["an", "engine"], ["ENGINE", "DEAD"]]
    desk.restart()
    desk.run(10)
    assert len(heads(desk)) == 3


def test_a_channel_is_well_when_it_delivers_and_not_when_it_is_only_tried(tmp_path: Path) -> None:
    ways = [ScriptedWay(name, None) for name in ("telegram", "email")]  # type: ignore[arg-type]
    desk = Desk(tmp_path / "data", None, *ways)
    desk.ways[1].always = "broken"
    desk.readings.notify("critical", "alarm")
    desk.run(5)
    desk.store.retry(desk.clock.now)
    desk.run(60)
    assert heads(desk)[1:] == ["alerts by email fail: answered 401"]
    desk.ways[1].always = "ok"
    desk.store.retry(desk.clock.now)
    desk.run(5)
    assert [head.rpartition(" after ")[0] for head in heads(desk)[2:]] == [
        "alerts are delivered again"
    ]


@pytest.mark.parametrize("again", [True, False], ids=["another alerter", "the same"])
def test_a_machine_that_slept_in_a_start_does_not_have_it_hang(tmp_path: Path, again: bool) -> None:
    desk = Desk(tmp_path / "data")
    begun = desk.clock.now

    def start(seconds: int) -> None:
        for _ in range(seconds):
            owner = OwnerSeen(1, "a", "live", taken=begun, shown=desk.clock.now)
            desk.readings.seen = Sighting(0, owner, (replace(SCENE, beat=begun - 60_000),))
            desk.turn(1)

    start(30)
    desk.clock.sleep(3_600)
    if again:
        desk.restart()
    start(60)
    assert heads(desk) == []
    start(600)
    assert [head.split()[:2] for head in heads(desk)] == [["ENGINE", "HUNG"]]


@pytest.mark.parametrize("filled", ["while it is out", "before"])
def test_what_was_taken_but_not_noted_on_a_full_disk_is_not_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filled: str
) -> None:
    """Neither where the disk fills while it is under way, nor where there is room again while it is."""
    desk = Desk(tmp_path / "data")
    disk = Disk(desk.store.db)
    monkeypatch.setattr(desk.store, "db", disk)
    send = desk.ways[0].send

    async def send_meanwhile(message: Message) -> Answered:
        answer = await send(message)
        disk.full = filled == "while it is out"
        desk.alerter.look()  # reading goes on while a channel waits for its answer
        return answer

    monkeypatch.setattr(desk.ways[0], "send", send_meanwhile)
    disk.full = filled == "before"
    seq = desk.readings.notify("critical", "alarm")
    desk.run(30)
    disk.full = False
    monkeypatch.setattr(desk.ways[0], "send", send)
    desk.run(30)
    assert desk.ways[0].seqs() == [seq]
    assert [row.state for row in desk.store.listed() if row.seq == seq] == ["sent"]


def test_what_waits_for_several_channels_goes_out_from_memory_on_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = [ScriptedWay(name, None) for name in ("telegram", "email")]  # type: ignore[arg-type]
    desk = Desk(tmp_path / "data", None, *ways)
    for way in desk.ways:
        way.always = "down"
    seq = desk.readings.notify("critical", "alarm")
    desk.run(3)
    disk = Disk(desk.store.db)
    monkeypatch.setattr(desk.store, "db", disk)
    disk.full = True
    for way in desk.ways:
        way.always = "ok"
    desk.run(10)
    assert [way.seqs() for way in desk.ways] == [[seq], [seq]]
    disk.full = False
    desk.run(10)
    assert [way.seqs() for way in desk.ways] == [[seq], [seq]]
