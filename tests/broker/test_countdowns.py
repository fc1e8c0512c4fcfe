"""A resting entry and the exchange's countdown: acknowledged first, one after the other, or it never leaves."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from kits.broker_kit import BTC, BrokerDesk, serving

from tradebot.broker.countdowns import UNANSWERED
from tradebot.core.model.values import Order, OrderStatus, OrderType, TimeInForce

PATH, ORDER = "/fapi/v1/countdownCancelAll", "/fapi/v1/order"
REFUSED = {"do": "error", "code": -1008, "method": "POST", "path": PATH}


def resting(counter: BrokerDesk) -> Order:
    return counter.order(type=OrderType.LIMIT, tif=TimeInForce.GTC, price=Decimal(76_000))


def written(counter: BrokerDesk) -> list[str]:
    """What reached the venue of both, in order."""
    asked = [row for row in counter.line.venue.ledger.of("request") if row["method"] == "POST"]
    return [
        f"countdown {row['params']['countdownTime']}" if row["path"] == PATH else "order"
        for row in asked
        if row["path"] in (PATH, ORDER)
    ]


async def test_it_is_acknowledged_before_the_order_leaves_and_cancels_it_in_the_end() -> None:
    slow = {"do": "slow_answer", "ms": 200, "method": "POST", "path": PATH}
    async with serving(faults=[slow]) as counter:
        venue = counter.line.venue
        counter.broker.countdown(BTC, 30_000, 0)
        order = counter.send(resting(counter))
        while not counter.words(order):  # the answer waits for the venue's clock
            counter.line.venue_clock.advance(50)
            await asyncio.sleep(0.01)
        assert (await counter.word(order)).status is OrderStatus.WORKING
        assert written(counter) == ["countdown 30000", "order"]
        (told,) = counter.line.asked("POST", PATH)
        (entry,) = counter.line.asked("POST", ORDER)
        assert entry["arrived"] >= told["arrived"] + 200
        ended = [row["status"] for row in venue.ledger.of("order")]
        counter.line.venue_clock.advance(30_000)
        await counter.until(
            lambda: [r["status"] for r in venue.ledger.of("order")] == [*ended, "CANCELED"]
        )


async def test_without_an_acknowledgement_no_order_rests() -> None:
    async with serving(faults=[REFUSED]) as counter:
        counter.broker.countdown(BTC, 30_000, 0)
        order = counter.send(resting(counter))
        word = await counter.word(order)
        assert (word.status, word.reason) == (OrderStatus.REJECTED, UNANSWERED)
        assert "order" not in written(counter)
        counter.line.venue.faults.set([])
        counter.broker.countdown(BTC, 0, 0)  # called off: none runs, and none may rest
        assert (await counter.word(counter.send(resting(counter)))).reason == UNANSWERED
        entry = counter.send(counter.order())  # what does not rest needs none
        assert (await counter.word(entry)).status is not OrderStatus.REJECTED


async def test_one_that_never_got_its_first_step_keeps_nothing_waiting() -> None:
    """A broker that ends in the moment in which it was asked for, and begins again."""
    async with serving() as counter:
        asked = counter.broker.countdowns
        _, work = asked.ask(BTC, 30_000)
        task = asyncio.ensure_future(work)
        task.cancel()
        await asyncio.wait({task})
        asked.drop()
        assert (await counter.word(counter.send(resting(counter)))).reason == UNANSWERED
        counter.broker.countdown(BTC, 30_000, 0)
        assert (await counter.word(counter.send(resting(counter)))).status is OrderStatus.WORKING


async def test_where_countdowns_are_wanted_nothing_rests_of_which_none_was_asked_for() -> None:
    async with serving() as counter:
        counter.broker.countdowns.wanted = True
        assert (await counter.word(counter.send(resting(counter)))).reason == UNANSWERED
        assert "order" not in written(counter)
        counter.broker.countdowns.wanted = False
        assert (await counter.word(counter.send(resting(counter)))).status is OrderStatus.WORKING


async def test_they_are_asked_for_in_their_order() -> None:
    """One that calls off and one that starts anew must not overtake each other."""
    async with serving() as counter:
        asked = [30_000, 30_000, 0, 30_000, 0]
        for ms in asked:
            counter.broker.countdown(BTC, ms, 0)
        await counter.until(lambda: len(written(counter)) == len(asked))
        assert written(counter) == [f"countdown {ms}" for ms in asked]
