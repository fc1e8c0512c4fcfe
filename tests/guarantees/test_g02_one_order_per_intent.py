"""Guarantee 2: one intent, at most one live order; what became of it is asked by its id, never tried again."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits import binance_scene as scene
from kits import live_kit as kit
from kits.disaster_kit import Scene, killed_while_sending
from kits.engine_kit import OUT, Bare, a_config, long

from tradebot.core.model.effects import LookUp, Place
from tradebot.core.model.values import OrderStatus, Purpose

UNKNOWN = OrderStatus.UNKNOWN
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["unknown", "absent", "wait", "restart", "signal"]), st.integers(0, 9)
    ),
    max_size=25,
)


@given(STEPS)
def test_an_entry_of_unknown_fate_is_asked_for_and_never_sent_again(
    steps: list[tuple[str, int]],
) -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    for what, size in steps:
        known = story.engine.table.live.get(entry.id)
        if known is None:
            break  # two look-ups in a row have missed it when it could no longer arrive
        if what == "unknown":
            story.update(entry, UNKNOWN)
        elif what == "absent":
            story.found_out(entry, None)
        elif what == "wait":
            story.later(200 * (1 + size))
        elif what == "restart":
            story.restart()
        else:
            story.say(long())
            story.bar()
        assert story.placed(Purpose.ENTRY) == [entry]
    assert {asked.order_id for asked in story.found(LookUp)} <= {entry.id}


def test_absence_is_believed_only_of_an_order_that_can_no_longer_arrive() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, UNKNOWN)
    for _ in range(4):
        story.found_out(entry, None)  # however often: it may be on its way
        story.later(999)
    assert story.engine.table.live[entry.id].status is UNKNOWN
    story.later(4)  # recvWindow and a second: now it cannot arrive any more
    story.found_out(entry, None)
    assert story.engine.table.finished[entry.id].status is OrderStatus.REJECTED


def test_absence_that_was_told_once_proves_nothing() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, UNKNOWN)
    story.later(10_000)
    story.found_out(entry, None)
    assert story.engine.table.live[entry.id].status is UNKNOWN
    story.later(1_000)
    story.found_out(entry, None)
    assert story.engine.table.finished[entry.id].status is OrderStatus.REJECTED


def test_a_closing_order_of_unknown_fate_does_not_hold_up_the_next_one() -> None:
    story = Bare(a_config())
    story.opened()
    story.say(OUT)
    story.bar()
    (first,) = story.placed(Purpose.EXIT)
    story.update(first, UNKNOWN)
    effects = story.later(1_000)
    (again,) = [e.approved.order for e in effects if isinstance(e, Place)]
    assert (again.purpose, again.id != first.id, again.reduce_only) == (Purpose.EXIT, True, True)


# -- the real client on the venue ---------------------------------------------------------------------

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
XRP = "XRP/USDT"
ORDER = "/fapi/v1/order"
ASKED = (ORDER, "/fapi/v1/openOrders", "/fapi/v1/userTrades")


def sent(found: scene.Scene, *, closing: bool) -> list[str]:
    rows = [row["params"] for row in found.requests("POST", ORDER) if row["params"]]
    return [row["newClientOrderId"] for row in rows if ("reduceOnly" in row) is closing]


@pytest.mark.parametrize("do", ["accept_then_close", "accept_then_garbage"])
def test_an_entry_whose_answer_is_lost_is_sent_once_and_found_by_its_id(
    tmp_path: Path, do: str
) -> None:
    async def meddle(live: scene.Live) -> None:
        await live.opened(XRP)

    fault = {"do": do, "method": "POST", "path": ORDER, "times": 1}
    found = scene.meddled(tmp_path, START, meddle, faults=[fault])
    (entry,) = sent(found, closing=False)
    asked = [row["params"].get("origClientOrderId") for row in found.requests("GET", ORDER)]
    assert entry in asked
    found.agree()


def test_one_that_never_arrived_is_given_up_by_three_sources_and_the_next_has_another_id(
    tmp_path: Path,
) -> None:
    async def meddle(live: scene.Live) -> None:
        await live.opened(XRP)

    fault = {"do": "reset", "method": "POST", "path": ORDER, "times": 1}
    found = scene.meddled(tmp_path, START, meddle, faults=[fault])
    (entry,) = sent(found, closing=False)  # what the venue has read
    assert entry.endswith("-2e")
    lost = [row for row in found.requests("GET", ORDER) if entry not in str(row["params"])]
    first, last = lost[0]["at"], lost[-1]["at"]
    assert last - first > 3_000
    for path in ASKED:
        assert any(first <= row["at"] <= last + 1_000 for row in found.requests("GET", path)), path


def test_an_exit_of_unknown_fate_does_not_hold_up_the_next(tmp_path: Path) -> None:
    lost: dict[str, Any] = {"do": "reset", "method": "POST", "path": ORDER, "times": 1}

    async def meddle(live: scene.Live) -> None:
        book = await live.opened(XRP)
        live.venue.faults.set([lost])
        runner = live.runner
        runner._queue.put_nowait(partial(runner.runs[0].command, 0, "close-all", "me", "a test"))
        assert await live.until(lambda: not book.holding.qty) < 3
        await live.until(lambda: not live.broker._errands.busy)

    found = scene.meddled(tmp_path, START, meddle)
    (exit_,) = sent(found, closing=True)  # another id than that of the lost one
    assert len([r for r in found.venue.ledger.of("fault") if r["do"] == "reset"]) == 1
    assert exit_.endswith("x")
    found.agree()


@pytest.mark.full
@pytest.mark.slow
def test_killed_with_an_entry_on_its_way_it_asks_and_does_not_send_again(tmp_path: Path) -> None:
    """The installed command, kill -9: the request had arrived, the answer never did."""

    def look(found: Scene) -> None:
        bot, venue = found.bot, found.venue
        bot.until(lambda: venue.stops())
        (entry,) = venue.asked("POST", ORDER)
        asked = [row["params"].get("origClientOrderId") for row in venue.asked("GET", ORDER)]
        assert entry["params"]["newClientOrderId"] in asked

    killed_while_sending(tmp_path, look)
