"""Promise 27: 429 leaves protection and look-ups, a ban leaves nothing, and weight is always held back."""

from __future__ import annotations

import pytest
from kits.broker_kit import BTC, BrokerDesk, serving

from tradebot.core.model.effects import LookUp
from tradebot.core.model.events import AccountRead, OrderSeen, VenueNote
from tradebot.core.model.values import OrderStatus
from tradebot.venue.listings import WEIGHT_PER_MINUTE


async def settle(desk: BrokerDesk) -> None:
    await desk.until(lambda: not desk.broker._errands.busy)


async def test_429_leaves_protection_and_look_ups() -> None:
    async with serving() as desk:
        entry = desk.send(desk.order())
        await desk.word(entry)
        desk.line.venue.faults.set([{"do": "rate_limited", "times": 1}])
        desk.broker.read_account(0)
        await settle(desk)
        desk.broker.read_account(0)
        await settle(desk)
        assert not desk.of(AccountRead)
        refused = await desk.word(desk.send(desk.order()))
        assert "fewer requests" in refused.reason
        stop, leave = desk.send(desk.order("s")), desk.send(desk.order("x"))
        assert (await desk.word(stop)).status is OrderStatus.WORKING
        assert (await desk.word(leave)).status is OrderStatus.FILLED
        desk.broker.look_up(LookUp(BTC, entry.id), 0)
        await desk.until(lambda: desk.of(OrderSeen))
        desk.broker.cancel(stop, 0)
        await desk.until(lambda: desk.words(stop)[-1].status is OrderStatus.CANCELLED)
        desk.line.venue_clock.advance(60_000)  # the minute turns
        desk.broker.read_account(0)
        await desk.until(lambda: desk.of(AccountRead))


@pytest.mark.parametrize("body", ["", "<html>I'm a teapot</html>"])
async def test_during_a_ban_nothing_is_sent_at_all(body: str) -> None:
    fault = {"do": "answer", "status": 418, "body": body, "times": 1}
    async with serving(faults=[fault]) as desk:
        desk.broker.read_account(0)
        await desk.until(lambda: [n for n in desk.of(VenueNote) if n.halt == "ban"])
        await settle_but_the_ban(desk)
        asked = len(desk.line.venue.ledger.of("request"))
        for letter in "esx":
            assert "banned" in (await desk.word(desk.send(desk.order(letter)))).reason
        desk.broker.look_up(LookUp(BTC, "tbabcdef-1-1e"), 0)
        desk.broker.read_back(BTC, 0)
        await settle_but_the_ban(desk)
        assert len(desk.line.venue.ledger.of("request")) == asked
        desk.line.venue_clock.advance(120_000)  # where nobody says how long, two minutes
        assert (await desk.word(desk.send(desk.order("s")))).status is OrderStatus.WORKING


async def settle_but_the_ban(desk: BrokerDesk) -> None:
    await desk.until(lambda: set(desk.broker._errands.busy) <= {"ban"})


async def test_weight_and_orders_are_held_back_for_what_closes() -> None:
    async with serving() as desk:
        await desk.word(desk.send(desk.order()))
        desk.line.venue.limits.charge(WEIGHT_PER_MINUTE - 500)  # another program on this address
        desk.broker.read_account(0)  # the first answer tells how much is used
        await settle(desk)
        for counter in desk.line.wire.budget.orders:
            counter.known = counter.limit - counter.held
        assert (await desk.word(desk.send(desk.order()))).status is OrderStatus.REJECTED
        leave = desk.send(desk.order("x"))
        assert (await desk.word(leave)).status is OrderStatus.FILLED
        stop = desk.send(desk.order("s"))
        await desk.word(stop)
        desk.broker.cancel(stop, 0)
        await desk.until(lambda: desk.words(stop)[-1].status is OrderStatus.CANCELLED)
        asked = len(desk.line.asked("GET", "/fapi/v3/account"))
        desk.broker.read_account(0)
        await settle(desk)
        assert len(desk.line.asked("GET", "/fapi/v3/account")) == asked
