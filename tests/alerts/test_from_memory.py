"""While ``alerts.db`` cannot be written a channel is given no more than it takes either, and so it is when it can be again."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.outbox_kit import Desk, Hands, ScriptedWay

from tradebot.alerts.channels import CHAT_RATE, Answered, Message, NotDelivered
from tradebot.alerts.model import Condition
from tradebot.core.model.errors import JournalError

MINUTE = 60_000


def fill(desk: Desk, patch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise JournalError("the disk is full")

    patch.setattr(desk.store, "decide", fail)


def most_in(times: list[int], span: int) -> int:
    return max(sum(at <= other < at + span for other in times) for at in times)


class Long(ScriptedWay):
    """It asks for an hour the first time."""

    async def send(self, message: Message) -> Answered:
        answer = await super().send(message)
        return NotDelivered("answered 429", 3600.0) if len(self.tries) == 1 else answer


@pytest.mark.parametrize("joins", [True, False])
def test_the_chat_s_budget_holds_from_memory_and_across_both_borders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, joins: bool
) -> None:
    """Each text is too long to go with another one."""
    desk = Desk(tmp_path, None, ScriptedWay("telegram", Hands(), CHAT_RATE, joins=joins))
    (way,) = desk.ways
    for _ in range(12):
        desk.readings.notify("critical", "alarm " + "x" * 3000)
    desk.run(15)
    assert len(way.tries) == 12
    with monkeypatch.context() as patch:
        fill(desk, patch)
        for _ in range(30):
            desk.readings.notify("critical", "alarm " + "x" * 3000)
        desk.run(20)
        assert len(way.tries) == 20
        desk.run(45)
    before = len(way.tries)
    assert 20 < before < 42
    desk.run(200)
    times = [at for at, _, _ in way.tries]
    assert most_in(times, MINUTE) == 20
    assert most_in(times, 1_000) == 1
    assert way.seqs() == list(range(1, 43))  # in their order, each once


def test_what_is_short_goes_from_memory_as_one_text_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = ScriptedWay("telegram", Hands(), CHAT_RATE)
    hook = ScriptedWay("webhook", Hands(), joins=False)
    desk = Desk(tmp_path, None, chat, hook)
    chat.fates.append("down")
    desk.turn(1)
    with monkeypatch.context() as patch:
        fill(desk, patch)
        for number in range(5):
            desk.readings.notify("critical", f"alarm {number}")
        desk.run(20)
        assert [len(one.alerts) for _, one, _ in chat.tries] == [5]
        assert chat.tries[0][1].text.count("#unrecorded") == 5
        assert hook.seqs() == [1, 2, 3, 4, 5]
        desk.run(11 * 60, step=1)  # what was not taken is tried again, one by one
        assert chat.seqs() == [1, 2, 3, 4, 5]
        assert [len(one.alerts) for _, one, _ in chat.tries] == [5, 1, 1, 1, 1, 1]
    desk.run(30)
    assert sorted(chat.seqs()) == sorted(hook.seqs()) == [1, 2, 3, 4, 5]


def test_a_clock_that_is_set_back_frees_the_budget_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    (way,) = desk.ways
    desk.turn(1)
    fill(desk, monkeypatch)
    for _ in range(25):
        desk.readings.notify("critical", "alarm " + "x" * 3000)
    desk.run(25)
    assert len(way.tries) == 20
    desk.clock.now -= 3 * 3_600_000
    desk.run(70)
    assert sorted(set(way.seqs())) == list(range(1, 26))


def test_a_server_that_asks_for_time_gets_it_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It surely took nothing: what is critical goes out when it may, and not minutes later; so it is in the file."""
    desk = Desk(tmp_path)
    (way,) = desk.ways
    desk.turn(1)
    with monkeypatch.context() as patch:
        fill(desk, patch)
        way.fates.extend(["429", "ok", "429"])
        first = desk.readings.notify("critical", "alarm")
        desk.turn(1)
        second = desk.readings.notify("critical", "alarm 2")
        desk.run(20)
        (asked, _, _), (again, message, _) = way.tries
        assert 7_500 <= again - asked < 9_500
        assert [one.seq for one in message.alerts] == [first, second]
        third = desk.readings.notify("critical", "alarm 3")
        desk.turn(1)
        assert len(way.tries) == 3
    desk.run(20)
    asked, again = way.tries[2][0], way.tries[3][0]
    assert 7_500 <= again - asked < 9_500
    assert way.seqs() == [first, second, third]


def test_time_that_was_asked_for_holds_in_memory_too_but_not_by_a_clock_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    (way,) = desk.ways
    way.fates.append("429")
    desk.readings.notify("critical", "alarm")
    desk.turn(1)
    fill(desk, monkeypatch)
    desk.readings.notify("critical", "alarm 2")
    desk.run(5)
    assert len(way.tries) == 1
    desk.clock.now -= 3 * 3_600_000
    desk.run(15)
    assert sorted(way.seqs()) == [1, 2]


@pytest.mark.parametrize("recorded", [True, False], ids=["by the file", "from memory"])
def test_an_hour_that_was_asked_for_is_an_hour_whatever_the_clock_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    desk = Desk(tmp_path, None, Long("telegram", Hands()))
    (way,) = desk.ways
    desk.turn(1)
    if not recorded:
        fill(desk, monkeypatch)
    desk.readings.notify("critical", "alarm")
    desk.run(120, step=5)
    if recorded:
        fill(desk, monkeypatch)
        desk.readings.notify("critical", "alarm 2")
    desk.run(1200, step=5)
    assert len(way.tries) == 1
    desk.clock.now -= 6 * 3_600_000
    desk.run(2000, step=5)
    assert len(way.tries) == 1
    desk.run(600, step=5)
    assert sorted(way.seqs()) == ([1, 1, 2] if recorded else [1, 1])


def test_what_another_loop_has_seen_is_told_once_the_file_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise JournalError("the disk failed")

    desk = Desk(tmp_path)
    desk.turn(1)
    for name in ("get", "decide"):
        with monkeypatch.context() as patch:
            patch.setattr(desk.store, name, fail)
            desk.alerter.tell(Condition("commands", desk.clock.now, data={"why": f"{name} failed"}))
        desk.run(5)
    assert [row.text for row in desk.store.listed()] == ["get failed", "decide failed"]
