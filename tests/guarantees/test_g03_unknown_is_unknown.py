"""Guarantee 3: an unknown outcome stays unknown, counts as exposure and blocks entries on its symbol."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from kits import binance_scene as scene
from kits import live_kit as kit
from kits.disaster_kit import DEAF, SILENT, Scene, killed_while_sending
from kits.engine_kit import ADA, HOUR, PAPER, XRP, Bare, a_config, long

from tradebot.core.model.effects import OrderChanged
from tradebot.core.model.money import exact
from tradebot.core.model.values import OrderStatus, Purpose

UNKNOWN = OrderStatus.UNKNOWN
EAGER = replace(PAPER, entry_interval_s=0, max_positions=1)


def test_neither_age_nor_tries_make_it_refused_or_cancelled() -> None:
    story = Bare(a_config(limits=EAGER))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.later(5_000)  # no answer
    for _ in range(30):
        story.update(entry, UNKNOWN)
        story.later(HOUR // 30)
    tracked = story.engine.table.live[entry.id]
    assert tracked.status is UNKNOWN
    assert {change.status for change in story.found(OrderChanged)} == {UNKNOWN}


def test_it_counts_as_exposure_and_as_a_position_and_blocks_its_symbol() -> None:
    story = Bare(a_config((ADA, XRP), limits=EAGER))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    book = story.engine.books[XRP]
    with exact():
        before = story.engine.shared.exposure.working_value(book, book.touch()[0])
    story.update(entry, UNKNOWN)
    with exact():
        assert story.engine.shared.exposure.working_value(book, book.touch()[0]) == before > 0
    story.say(long())
    story.bar()
    story.say(long(0.65), symbol=ADA)
    story.bar("0.7 0.7 0.7 0.7", ADA)
    assert story.verdicts() == ["approved", "held", "refused"]
    assert "1 positions or entries are open; the limit is 1" in story.refusals()
    assert story.placed(Purpose.ENTRY) == [entry]


def test_when_it_turns_out_to_have_filled_it_is_protected_at_once() -> None:
    story = Bare(a_config(limits=EAGER))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.later(20_000)
    story.found_out(entry, OrderStatus.FILLED, str(entry.qty))
    assert [order.qty for order in story.placed(Purpose.STOP)] == [entry.qty]


# -- the real client on the venue ---------------------------------------------------------------------

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
ORDER = "/fapi/v1/order"
LOST = {"do": "accept_then_close", "method": "POST", "path": ORDER, "times": 1}


def test_what_nobody_tells_stays_unknown_for_minutes_and_blocks_its_symbol(tmp_path: Path) -> None:
    async def meddle(live: scene.Live) -> None:
        await asyncio.sleep(50)  # the account has been read; the first bar closes in ten seconds
        live.venue.faults.set([LOST, DEAF, *SILENT])
        live_orders = live.engine.table.live
        await live.until(lambda: any(t.status is UNKNOWN for t in live_orders.values()))
        await asyncio.sleep(200)  # three more bars with a signal each
        (tracked,) = live_orders.values()
        assert tracked.status is UNKNOWN
        assert len(live.venue.ledger.of("fill")) == 1
        live.venue.faults.set([])
        book = live.engine.books[XRP]
        took = await live.until(lambda: book.stop and not book.bare_since)
        assert took <= 35, took  # the account is read every 30 s

    found = scene.meddled(tmp_path, START, meddle)
    assert len(found.requests("POST", ORDER)) == 1
    found.agree()


@pytest.mark.full
@pytest.mark.slow
def test_killed_it_goes_on_not_knowing(tmp_path: Path) -> None:
    """The installed command, kill -9: the next process finds it unknown, and asks until it is told."""

    def look(found: Scene) -> None:
        bot, venue = found.bot, found.venue
        asked = len(venue.asked("GET", ORDER))
        bot.until(lambda: len(venue.asked("GET", ORDER)) > asked + 2)
        rows = {row["id"]: row["status"] for row in bot.json("orders").data["orders"]}
        (entry,) = venue.asked("POST", ORDER)
        # a start wants entries cancelled; until that is known it has not ended
        assert rows[entry["params"]["newClientOrderId"]] in ("unknown", "cancelling")
        assert not venue.stops()
        found.faults()
        bot.until(lambda: venue.stops())
        assert len(venue.asked("POST", ORDER)) == 1

    killed_while_sending(tmp_path, look, silent=True)
