"""The outbox: nothing critical is lost, budgets hold, what repeats becomes one message."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kits.outbox_kit import NOON, SCENE, Desk, Hands, ScriptedWay

from tradebot.alerts.alerts_file import ALERTS_FILE
from tradebot.alerts.model import Sighting, Wishes
from tradebot.alerts.opening import DAMAGED, open_or_begin
from tradebot.alerts.outbox import (
    Going,
    Item,
    Past,
    Rate,
    Try,
    Waiting,
    choose,
    free_from,
    message,
    wait_after,
)
from tradebot.alerts.store import OutboxStore
from tradebot.app.alerts_state import alerts_state, note_wanted
from tradebot.core.model.errors import JournalError


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def texts(desk: Desk) -> list[str]:
    return [message.text for message in desk.ways[0].taken()]


def test_an_alert_goes_out_once_with_its_number(desk: Desk) -> None:
    seq = desk.readings.notify("critical", "position without a stop: BTC/USDT")
    desk.run(5)
    assert desk.ways[0].seqs() == [seq]
    assert texts(desk)[0].endswith(f"#{seq}")


def test_a_restart_tells_nothing_twice(desk: Desk) -> None:
    desk.readings.notify("critical", "alarm one")
    desk.run(3)
    desk.restart()
    desk.readings.notify("critical", "alarm two")
    desk.run(3)
    assert desk.ways[0].seqs() == [1, 2]


def test_a_lost_answer_is_a_double_with_the_same_number(desk: Desk) -> None:
    desk.ways[0].fates.append("lost")
    desk.readings.notify("critical", "alarm")
    desk.run(10)
    assert desk.ways[0].seqs() == [1, 1]


def test_waits_grow_to_ten_minutes_and_respect_the_server() -> None:
    assert [wait_after(n, 0.0) // 1000 for n in (1, 2, 3, 7, 8, 50)] == [5, 10, 20, 320, 600, 600]
    assert wait_after(1, 1.0) == 6250
    assert wait_after(1, 0.0, retry_after=30) == 30_500
    assert wait_after(9, 1.0, retry_after=3) == 600_000


def test_a_server_that_asks_for_time_gets_it(desk: Desk) -> None:
    desk.ways[0].fates.append("429")
    desk.readings.notify("critical", "alarm")
    desk.run(3)
    desk.readings.notify("critical", "another alarm")  # it may not go either
    desk.run(20)
    first, second = (at for at, _, _ in desk.ways[0].tries[:2])
    assert second - first >= 7_000
    assert sorted(desk.ways[0].seqs()) == [1, 2]


def test_a_new_critical_alert_does_not_wait_for_an_old_one(desk: Desk) -> None:
    desk.ways[0].always = "down"
    desk.readings.notify("critical", "alarm")
    desk.run(120, step=3)
    desk.ways[0].always = "ok"
    desk.readings.notify("critical", "another alarm")
    desk.run(3)
    assert set(desk.ways[0].seqs()) == {1, 2}


def test_what_repeats_becomes_one_message_with_its_count(desk: Desk) -> None:
    for _ in range(13):
        desk.readings.notify("warning", "the feed is silent")
        desk.turn(30)
    desk.run(600, step=10)
    first, *rest = texts(desk)
    assert " since " not in first.rpartition("\n")[2]
    assert len(rest) == 1
    assert "x12 since 12:00 UTC" in rest[0]


def test_a_storm_is_a_digest_and_critical_goes_before_it(desk: Desk) -> None:
    for number in range(1_000):
        desk.readings.notify("warning", f"something number {number}")
    critical = desk.readings.notify("critical", "alarm")
    begun = desk.clock.now
    desk.run(5)
    desk.run(120, step=10)
    tries = desk.ways[0].tries
    out = next(at for at, message, _ in tries if critical in [one.seq for one in message.alerts])
    assert out - begun <= 3_000
    assert len(tries) <= 3
    assert sorted(desk.ways[0].seqs()) == list(range(1, critical + 1))
    assert any("1000 alerts" in text for text in texts(desk))


@pytest.mark.parametrize("mixed", [False, True])
def test_a_digest_of_simulated_alerts_begins_with_that(mixed: bool) -> None:
    heads = [*("SIMULATED fill buy" for _ in range(3)), *(["fill buy"] if mixed else [])]
    items = [Item(1, "entry", "info", "entry", NOON, NOON, head, "#1") for head in heads]
    text = message(Going(tuple(items), "digest"), {})
    assert text.startswith("4 alerts" if mixed else "SIMULATED 3 alerts")


def test_many_critical_ones_come_with_their_whole_texts(desk: Desk) -> None:
    for number in range(40):
        desk.readings.notify("critical", f"alarm number {number}")
    desk.run(10)
    whole = "\n".join(texts(desk))
    assert all(f"alarm number {number}\n" in whole for number in range(40))
    assert len(desk.ways[0].tries) < 10


def test_after_an_hour_without_a_network_critical_comes_first_then_one_digest(desk: Desk) -> None:
    begun, desk.ways[0].always = desk.clock.now, "down"
    desk.run(15 * 60, step=20)
    for word in ("one", "two", "three", "four", "five", "six", "seven", "eight"):
        desk.readings.notify("warning", f"warning {word}")
        desk.run(4 * 60, step=20)
    desk.readings.notify("critical", "alarm")
    desk.run(13 * 60, step=20)
    assert desk.clock.now - begun == 60 * 60_000
    desk.ways[0].always, before = "ok", len(desk.ways[0].tries)
    desk.run(11 * 60, step=5)
    after = [message for _, message, _ in desk.ways[0].tries[before:]]
    assert after[0].alerts[0].level == "critical"
    assert "8 alerts" in after[1].text
    assert len(after) == 2


def test_what_waits_too_long_expires_and_critical_is_shown(desk: Desk) -> None:
    desk.ways[0].always = "down"
    desk.readings.notify("warning", "warning")
    desk.readings.notify("critical", "alarm")
    desk.run(24 * 3600 + 700, step=100)
    rows = desk.store.listed(failed=True)
    assert {row.level: row.state for row in rows} == {"warning": "expired", "critical": "expired"}
    (channel,) = desk.store.channels()
    assert channel.expired_critical == 1
    desk.ways[0].always = "ok"
    assert desk.store.retry(desk.clock.now) == 1
    desk.run(3)
    assert desk.ways[0].seqs() == [2]


def test_a_bad_token_stops_the_channel_and_the_other_tells_of_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None, *(ScriptedWay(n, None) for n in ("telegram", "webhook")))  # type: ignore[arg-type]
    phone, hook = desk.ways
    phone.always = "broken"
    desk.readings.notify("critical", "alarm")
    desk.run(30)
    assert len(phone.tries) == 1
    assert any("telegram" in message.text and "401" in message.text for message in hook.taken())
    phone.always = "ok"
    desk.store.retry(desk.clock.now, "telegram")
    desk.run(5)
    assert phone.seqs() == [1]


def test_while_the_file_fails_critical_goes_out_unrecorded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.readings.notify("warning", "before")
    desk.run(2)
    real = desk.store.db

    class Full:
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith(("BEGIN", "INSERT", "UPDATE", "DELETE")):
                raise sqlite3.OperationalError("database or disk is full")
            return real.execute(sql, *values)

        in_transaction = False
        total_changes = 0

    monkeypatch.setattr(desk.store, "db", Full())
    seq = desk.readings.notify("critical", "alarm")
    desk.readings.notify("warning", "not now")
    desk.run(30)
    assert [text for text in texts(desk) if text.endswith(f"#{seq} #unrecorded")]
    assert len(desk.ways[0].tries) == 2
    monkeypatch.setattr(desk.store, "db", real)
    desk.run(5)
    assert desk.ways[0].seqs().count(seq) == 1
    assert {row.seq: row.state for row in desk.store.listed()}[seq] == "sent"
    assert "not now" in texts(desk)[-1]


def test_a_journal_that_cannot_be_read_is_told(desk: Desk) -> None:
    desk.run(2)
    desk.readings.fails = True
    desk.run(30)
    assert any("journal" in text.lower() for text in texts(desk))


def test_quiet_hours_come_as_one_digest_and_critical_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Wishes(("telegram",), quiet=(12 * 60, 13 * 60)))
    desk.run(60, step=30)
    for number in range(4):
        desk.readings.notify("warning", f"warning number {number}")
    critical = desk.readings.notify("critical", "alarm")
    desk.run(60)
    assert desk.ways[0].seqs() == [critical]
    desk.run(3600, step=60)
    assert len(desk.ways[0].taken()) == 2
    assert "4 alerts" in texts(desk)[-1]


@pytest.mark.parametrize("news", [0, 1, 7])
@pytest.mark.parametrize("restart", [False, True])
def test_another_journal_in_its_place_is_told_of_from_its_engines_start(
    desk: Desk, restart: bool, news: int
) -> None:
    for number in range(5):
        desk.readings.notify("critical", f"alarm {number}")
    desk.run(30)
    old = desk.ways[0].seqs()
    desk.readings.replace()
    if restart:
        desk.restart()
    alarm = desk.readings.notify("critical", "alarm in the new one")
    for number in range(news):  # the new one may be as long as the old one by then, or longer
        desk.readings.notify("info", f"news {number}")
    desk.run(60)
    assert desk.ways[0].seqs()[len(old) :].count(alarm) == 1
    assert any("alarm in the new one" in text for text in texts(desk))
    assert desk.store.cursor == len(desk.readings.written)


@pytest.mark.parametrize("restart", [False, True])
def test_a_copy_put_back_tells_what_is_new_and_nothing_twice(desk: Desk, restart: bool) -> None:
    for number in range(9):
        desk.readings.notify("critical", f"alarm {number}")
    desk.run(30)
    desk.readings.replace(*desk.readings.written[:4], started=2)
    if restart:
        desk.restart()
    desk.readings.notify("critical", "after the copy was put back")
    desk.run(30)
    assert desk.ways[0].seqs() == [*range(1, 10), 5]
    assert "after the copy" in texts(desk)[-1]


@pytest.mark.parametrize("fate", ["ok", "429", "down"])
@pytest.mark.parametrize("restart", [False, True])
def test_a_clock_that_is_set_back_holds_nothing_up(desk: Desk, fate: str, restart: bool) -> None:
    desk.ways[0].fates.append(fate)
    desk.readings.notify("critical", "alarm one")
    desk.readings.notify("info", "news")
    desk.turn()
    desk.clock.now -= 3_600_000
    if restart:
        desk.restart()
    desk.readings.notify("critical", "alarm two")
    desk.run(80)
    assert sorted(desk.ways[0].seqs()) == [1, 2, 3]


def test_a_clock_that_is_set_back_holds_nothing_up_in_memory_either(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise JournalError("the disk is full")

    desk.turn()
    monkeypatch.setattr(desk.store, "decide", full)
    desk.ways[0].fates.append("down")
    desk.readings.notify("critical", "alarm")
    desk.turn()
    desk.clock.now -= 3_600_000
    desk.run(5)
    assert desk.ways[0].seqs() == [1]


def test_what_still_waits_when_quiet_hours_begin_waits_for_their_end(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Wishes(("telegram",), quiet=(12 * 60 + 1, 20 * 60)))
    desk.ways[0].always = "down"
    desk.readings.notify("warning", "the feed is silent")
    desk.readings.notify("info", "news")
    desk.turn(120)  # the quiet hours have begun when the network is back
    desk.ways[0].always = "ok"
    alarm = desk.readings.notify("critical", "alarm")
    desk.run(7 * 3600, step=60)
    assert desk.ways[0].seqs() == [alarm]
    assert {row.seq: row.state for row in desk.store.listed()} == {1: "held", 2: "held", 3: "sent"}
    desk.run(3600 + 120, step=60)
    assert sorted(desk.ways[0].seqs()) == [1, 2, alarm]
    assert "2 alerts" in texts(desk)[-1]


def test_it_ends_an_hour_after_the_last_engine_and_not_before_all_is_delivered(desk: Desk) -> None:
    over = desk.alerter._over
    desk.turn()
    desk.readings.seen = Sighting(NOON, None, (SCENE,))  # it is gone without an end: critical
    desk.ways[0].always = "down"
    desk.turn()
    desk.clock.sleep(3_700)
    desk.turn()
    assert not over.is_set()
    desk.ways[0].always = "ok"
    desk.run(700, 10)
    assert [message.alerts[0].kind for message in desk.ways[0].taken()] == ["engine_dead"]
    assert over.is_set()


def test_it_stays_while_an_engine_works_and_for_an_hour_behind_it(desk: Desk) -> None:
    over = desk.alerter._over
    desk.run(7_200, 60)
    desk.readings.seen = Sighting(NOON, None)
    desk.run(3_540, 60)
    assert not over.is_set()
    desk.run(180, 60)
    assert over.is_set()


def test_what_waits_on_a_channel_that_is_configured_no_more_keeps_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path, None, ScriptedWay("telegram", Hands()), ScriptedWay("email", Hands()))
    desk.ways[1].always = "down"
    desk.readings.notify("critical", "alarm")
    desk.turn()
    assert desk.store.backlog(["telegram", "email"]) == 1
    desk.ways = desk.ways[:1]
    desk.restart()
    desk.readings.seen = Sighting(NOON, None)
    desk.run(3_700, step=50)
    assert desk.alerter._over.is_set()


@pytest.mark.parametrize("damage", ["no database", "a page", ""])
def test_a_damaged_file_is_set_aside(desk: Desk, damage: str) -> None:
    for number in range(200):
        desk.readings.notify("info", f"news {number} {'x' * 500}")
    desk.run(2)
    desk.store.close()
    file = desk.folder / ALERTS_FILE
    whole = file.read_bytes()
    if damage == "a page":
        file.write_bytes(whole[:4096] + b"x" * 4096 * 8 + whole[4096 * 9 :])
    elif damage:
        file.write_bytes(b"this is no database at all" * 1000)
    store, anew = open_or_begin(desk.folder)
    with store:
        assert anew is bool(damage)
        assert len(store.listed(limit=1_000)) == (0 if damage else 200)
    assert (desk.folder / DAMAGED).exists() is bool(damage)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("muted_until", text) for text in ('"x"', "{", "[1]", "1e999")],
        *[("memory", text) for text in ("7", '{"told": 1}', '{"watch": []}')],
        *[("pulse", text) for text in ("5", '{"wall": "x"}')],
        *[("phone", text) for text in ("{", "[1]")],
        *[("cursor", '"x"'), ("again", '"x"')],
    ],
)
def test_one_whose_notes_make_no_sense_is_set_aside_and_said_by_status(
    tmp_path: Path, key: str, value: str
) -> None:
    note_wanted(tmp_path, ["webhook"], 0)
    with OutboxStore(tmp_path) as store:
        store.resettle("webhook", "settings")
        store.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
    state = alerts_state(tmp_path, NOON)
    assert bool(state.why) is (
        key in ("muted_until", "pulse", "phone")
    )  # the rest is the alerter's alone
    store, anew = open_or_begin(tmp_path)
    with store:
        assert anew
    assert (tmp_path / DAMAGED).exists()
    assert not alerts_state(tmp_path, NOON).why


# -- any sequence ------------------------------------------------------------------------------------

EVENTS = st.one_of(
    st.tuples(st.sampled_from(["critical", "warning", "info"]), st.integers(0, 3)),
    st.tuples(st.just("pass"), st.sampled_from([1, 7, 61, 600, 3_700])),
    st.tuples(st.just("fate"), st.sampled_from(["down", "lost", "429", "ok", "broken"])),
    st.tuples(st.just("burst"), st.integers(5, 60)),
    st.tuples(st.just("mute"), st.integers(0, 7_200)),
    st.tuples(st.sampled_from(["restart", "retry", "outage"]), st.just(0)),
)
FULL = os.environ.get("TRADEBOT_FULL") == "1"
STEPS = st.lists(EVENTS, min_size=1, max_size=40 if FULL else 15)
QUIET = st.sampled_from([None, (0, 1439), (12 * 60, 12 * 60 + 30), (23 * 60, 7 * 60)])


@settings(
    max_examples=500 if FULL else 15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(events=STEPS, quiet=QUIET)
def test_no_sequence_loses_or_mutes_a_critical_alert(
    events: Sequence[tuple[str, int | str]], quiet: tuple[int, int] | None
) -> None:
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder), Wishes(("telegram",), quiet=quiet))
        cursors = [desk.store.cursor or 0]
        for event in events:
            _play(desk, *event)
            cursors.append(desk.store.cursor or 0)
        way = desk.ways[0]
        way.always = "ok"
        way.fates.clear()
        desk.store.retry(desk.clock.now)
        desk.run(30, step=1.5)
        desk.run(2_400, step=80)
        critical = {row.seq for row in desk.readings.written if row.body["level"] == "critical"}
        states = {row.seq: row.state for row in desk.store.listed(limit=10_000)}
        assert critical <= set(way.seqs())
        assert all(states[seq] == "sent" for seq in critical)
        assert cursors == sorted(cursors)
        assert desk.store.cursor == len(desk.readings.written)
        assert set(states) - {None} == {
            row.seq for row in desk.readings.written
        }  # one decision each
        _check_budget([at for at, _, _ in way.tries], way.rate)
        desk.store.close()


def _play(desk: Desk, what: str, value: int | str) -> None:
    if what in ("critical", "warning", "info"):
        desk.readings.notify(what, f"{what} of kind {value}")
    elif what == "burst":
        for number in range(int(value)):
            desk.readings.notify("info", f"news {number}")
    elif what == "pass":
        desk.run(float(value), step=max(1.0, float(value) / 12))
    elif what == "fate":
        desk.ways[0].fates.append(str(value))
    elif what == "mute":
        desk.store.put("muted_until", desk.clock.now + int(value) * 1000)
    elif what == "restart":
        desk.restart()
    elif what == "retry":
        desk.store.retry(desk.clock.now)
    else:
        desk.ways[0].always = "down" if desk.ways[0].always == "ok" else "ok"
    desk.turn()


def _check_budget(times: Sequence[int], rate: Rate) -> None:
    for index, at in enumerate(times):
        minute = [one for one in times[index:] if one < at + 60_000]
        second = [one for one in times[index:] if one < at + 1_000]
        assert len(minute) <= rate.minute
        assert len(second) <= rate.second


@given(st.lists(st.tuples(st.integers(0, 120_000), st.booleans()), max_size=60), st.booleans())
def test_the_rate_is_free_when_it_says_so(past: list[tuple[int, bool]], critical: bool) -> None:
    rate, now = Rate(), NOON + 120_000
    tries = [Try(NOON + at, mark) for at, mark in past]
    free = free_from(tries, rate, now, critical=critical)
    assert free >= now
    again = free_from(tries, rate, free, critical=critical)
    assert again == free


def test_a_stopped_channel_waits_for_somebody() -> None:
    item = Item(1, "halt", "critical", "k", NOON, NOON, "alarm", "#1")
    assert isinstance(choose([item], Past(stopped="401"), Rate(), NOON), Waiting)
