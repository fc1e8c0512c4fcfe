"""Promise 26: the clock's offset is measured continuously, skew blocks entries, signed requests use the offset."""

from __future__ import annotations

import pytest
from kits.broker_kit import serving

from tradebot.core.model.events import ClockChecked
from tradebot.core.model.values import OrderStatus

ORDER = "/fapi/v1/order"


@pytest.mark.parametrize("behind_ms", [-3_600_000, -2_500, 0, 2_500, 86_400_000])
async def test_a_clock_that_is_wrong_trades_all_the_same_once_it_is_measured(
    behind_ms: int,
) -> None:
    async with serving(behind_ms=behind_ms) as desk:
        assert desk.of(ClockChecked)[-1].offset_ms == behind_ms
        assert (await desk.word(desk.send(desk.order()))).status is OrderStatus.FILLED
        (row,) = desk.line.asked("POST", ORDER)
        assert int(row["params"]["timestamp"]) == desk.line.venue_clock.now()


async def test_it_is_measured_every_minute_and_when_the_wall_clock_is_set() -> None:
    async with serving() as desk:
        desk.line.venue_clock.advance(60_000)
        await desk.until(lambda: len(desk.of(ClockChecked)) == 2)
        desk.line.clock.set_by = 7_000
        await desk.until(lambda: len(desk.of(ClockChecked)) == 3)
        assert desk.of(ClockChecked)[-1].offset_ms == -7_000


async def test_a_time_stamp_that_came_too_late_has_the_clocks_compared() -> None:
    async with serving() as desk:
        desk.line.clock.venue_jumps(9_000)  # nobody has told us
        word = await desk.word(desk.send(desk.order()))
        assert (word.status, word.code) == (OrderStatus.REJECTED, -1021)
        await desk.until(lambda: desk.line.wire.time.ahead_ms == 9_000)
        desk.line.wire.time._error = (
            0.0  # a drift of 9 s in a minute is nothing to enter on: a calm minute later
        )
        assert (await desk.word(desk.send(desk.order()))).status is OrderStatus.FILLED


@pytest.mark.parametrize("unsure", ["error", "age"])
async def test_an_entry_needs_a_time_that_is_known_and_what_protects_does_not(unsure: str) -> None:
    async with serving() as desk:
        time = desk.line.wire.time
        if unsure == "error":
            time._error = 1_000.0
        else:
            assert time._measured is not None
            time._measured -= 301
        word = await desk.word(desk.send(desk.order()))
        assert (word.status, "time" in word.reason) == (OrderStatus.REJECTED, True)
        assert not desk.line.asked("POST", ORDER)
        assert (await desk.word(desk.send(desk.order("s")))).status is OrderStatus.WORKING
