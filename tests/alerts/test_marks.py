"""Each text ends with a mark: the same for what comes twice, another for what else the row has to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.outbox_kit import Desk

from tradebot.alerts.store import OutboxStore
from tradebot.alerts.stored import mark_of, source_of
from tradebot.core.model.errors import JournalError

BAN = {"reason": "ban", "detail": "the exchange has banned us for 120 s", "epoch": 1}
"""A halt that leads to two alerts: that it halted, and until when the ban is."""


def texts(desk: Desk) -> list[str]:
    """Return what the other side took, in order."""
    return [message.text for message in desk.ways[0].taken()]


def test_a_mark_is_the_row_s_number_and_says_the_how_manieth_alert_of_it() -> None:
    assert [mark_of(17, source_of(17, number, "a1b2c3d4")) for number in range(3)] == [
        *("#17", "#17.2", "#17.3")
    ]
    assert mark_of(17, "17") == mark_of(17, "audit:17") == "#17"
    assert mark_of(None, "engine_dead:live-0001:5.1") == "#engine_dead:live-0001:5.1"


def test_two_alerts_of_a_row_are_told_apart_from_a_double(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ways[0].fates.extend(["lost", "ok", "lost"])
    desk.readings.write("Halted", **BAN)
    desk.run(60)
    assert sorted(text.rpartition(" ")[2] for text in texts(desk)) == ["#1", "#1", "#1.2", "#1.2"]


def test_two_in_one_digest_are_told_apart(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for _ in range(40):
        desk.readings.write("Halted", **BAN)
    desk.run(30)
    digest = next(text for text in texts(desk) if "banned" in text and "alerts," in text)
    assert "#40.2" in digest


def test_from_memory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in the file is not taken for what is told from memory."""

    def full(*_: object) -> None:
        raise JournalError("the disk is full")

    desk = Desk(tmp_path)
    desk.turn(1)
    monkeypatch.setattr(OutboxStore, "decide", full)
    desk.readings.write("Halted", **BAN)
    desk.run(5)
    monkeypatch.undo()
    desk.run(30)
    assert [text.partition("#")[2] for text in texts(desk)] == ["1 #unrecorded", "1.2"]
