"""Each fill of an exchange beside what the simulated one makes of it: found within 20 fills, and no false alarm in 1,000."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from tradebot.app.demotion import DriftGuard
from tradebot.app.drift import DriftWatch, against_us
from tradebot.core.model.effects import FillBooked, GhostClosed
from tradebot.core.model.events import Filled, WakeUp
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import exact
from tradebot.core.model.values import (
    MINUTE_MS,
    Bar,
    Fees,
    Fill,
    Order,
    OrderType,
    Quote,
    Side,
    TimeInForce,
)
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.journal.facts import Demoted, FillModelled
from tradebot.reports.drift import drift_verdict

D = Decimal
ETH = "ETH/USDT"
T0 = 1_746_057_600_000
RULES = SimRules(D(10**6), Fees(D("0.0002"), D("0.0005")), D(1), D("0.1"), 0, D("0.1"))
TICK = INSTRUMENTS[ETH].tick


def quote(at: int, bid: Decimal, size: str = "30") -> Quote:
    text = (str(bid), str(bid + TICK), size, size, str(bid))
    return Quote(ETH, at, at, text, float(bid))


def minute(at: int) -> Bar:
    return Bar.of(ETH, at - MINUTE_MS, MINUTE_MS, ("3600", "3601", "3599", "3600", "900"))


def a_watch(*orders: Order) -> DriftWatch:
    known = {order.id: order for order in orders}
    return DriftWatch(RULES, INSTRUMENTS.__getitem__, known.get)


def told(watch: DriftWatch, fill: Fill) -> FillModelled:
    booked = FillBooked(fill.time + 40, fill, fill.qty, fill.price, D(0))
    (found,) = watch.take(Filled(fill.time + 40, fill), [booked])
    return found


def a_fill(n: int, price: Decimal, at: int, *, side: Side = Side.BUY, qty: str = "0.5") -> Fill:
    order_id = f"tbabcdef-12345678-{n}e"
    return Fill(ETH, n, order_id, side, D(qty), price, D(0), False, at)


def market(seed: int, fills: int, bps: int) -> Iterator[FillModelled]:
    """A venue that fills at its own book, which moved on since the quote that was told, ``bps`` worse than that."""
    draw, watch, bid = random.Random(seed), a_watch(), D("3600.00")
    venue = SimExchange(
        SimRules(*(D(10**9), RULES.fees, D(1), D("0.1"), 0, D("0.1")), at_once=True),
        {ETH: INSTRUMENTS[ETH]},
    )
    for n in range(1, fills + 1):
        at = T0 + n * 60_000
        bid += TICK * draw.randint(-60, 60)
        watch.take(minute(at), [])
        watch.take(quote(at, bid, f"{draw.randint(1, 40)}"), [])
        moved = quote(at + 300, bid + TICK * draw.randint(-20, 20), f"{draw.randint(1, 40)}")
        venue.step([minute(at)])
        list(venue.step([moved]))
        side = draw.choice(list(Side))
        order = Order(f"{n}", ETH, side, OrderType.MARKET, D(draw.randint(20, 900)) / 1000)
        parts = [one.fill for one in venue.submit(order, at + 300) if isinstance(one, Filled)]
        assert parts
        for i, part in enumerate(parts):
            away = part.price * bps / 10_000 * (1 if side is Side.BUY else -1)
            yield told(
                watch, a_fill(10 * n + i, part.price + away, at + 350, side=side, qty=str(part.qty))
            )


def alarms(fills: Iterator[FillModelled]) -> Iterator[bool]:
    bps: list[Decimal] = []
    for fill in fills:
        bps.append(D(fill.bps))
        yield not drift_verdict(bps, ()).ok


def test_a_venue_that_fills_8_bps_worse_is_found_within_20_fills() -> None:
    with exact():
        for seed in range(5):
            found = list(alarms(market(seed, 20, 8)))
            assert found[19:]
            assert all(found[19:])
            assert not any(found[:19])


def test_one_that_fills_as_modelled_is_none_in_a_thousand() -> None:
    with exact():
        found = list(alarms(market(11, 1000, 0)))
    assert len(found) >= 1000
    assert not any(found)


def demoted(fills: Iterable[FillModelled], *told: str) -> list[tuple[int, Demoted]]:
    """Return the demotions of a guard, each with the number of fills until then."""
    found: list[tuple[int, Demoted]] = []
    seen: list[FillModelled] = []
    guard = DriftGuard(D(5), D(50), told=told, demote=lambda row: found.append((len(seen), row)))
    for fill in fills:
        seen.append(fill)
        guard.fill(fill)
    return found


def test_the_guard_demotes_once_at_the_twentieth_fill_and_never_without_drift() -> None:
    with exact():
        for seed in range(5):
            ((number, row),) = demoted(market(seed, 60, 8))
            assert (number, row.why) == (20, "drift")
            assert "the last 20 fills were worse than modelled by a median of" in row.text
        assert demoted(market(12, 1000, 0)) == []
        assert demoted(market(0, 60, 8), "drift") == []


def test_it_demotes_anew_when_it_was_well_in_between_or_the_stage_was_raised() -> None:
    with exact():
        bad, good = list(market(1, 25, 8)), list(market(2, 40, 0))
        assert len(demoted([*bad, *good, *bad])) == 2
        found: list[Demoted] = []
        guard = DriftGuard(D(5), D(50), bps=[D(9)] * 20, told=["drift"], demote=found.append)
        guard.fill(bad[0])
        assert found == []
        guard.rearm()
        guard.fill(bad[1])
        assert [row.why for row in found] == ["drift"]


def closed(pnl: str, *, filled: bool = True) -> GhostClosed:
    return GhostClosed(1, T0, ETH, "stop", entry_time=T0 if filled else None, pnl=D(pnl))


def test_signals_beside_it_demote_below_half_of_a_hundred() -> None:
    found: list[Demoted] = []
    guard = DriftGuard(D(5), D(50), demote=found.append)
    right, wrong = closed("1"), closed("0")
    guard.outcomes([right] * 50 + [wrong] * 50 + [closed("-1", filled=False)] * 20)
    assert found == []
    guard.outcomes([wrong])  # the oldest right one is out
    (row,) = found
    assert row == Demoted(
        "accuracy", "49 of the last 100 signals beside it were profitable, fewer than 50"
    )
    guard.outcomes([wrong] * 10)
    assert found == [row]


def test_the_difference_is_signed_against_us() -> None:
    with exact():
        assert against_us(Side.BUY, D(1001), D(1000)) == 10
        assert against_us(Side.SELL, D(1001), D(1000)) == -10


def test_the_quote_of_the_fill_s_moment_counts_and_parts_share_it() -> None:
    with exact():
        watch = a_watch()
        watch.take(minute(T0), [])
        for at, bid in ((T0, "3600.00"), (T0 + 1000, "3610.00"), (T0 + 2000, "3620.00")):
            watch.take(quote(at, D(bid), "1"), [])
        first = told(watch, a_fill(1, D("3610.01"), T0 + 1500, qty="1"))
        assert (first.modelled, first.bps, first.quote_age_ms) == ("3610.01", "0", 500)
        second = told(watch, a_fill(2, D("3610.01"), T0 + 1600, qty="1"))
        assert D(second.modelled) > D("3610.01"), "the first part has taken what was shown"
        assert D(second.bps) < 0
        assert (first.purpose, first.side) == ("entry", "buy")


def test_without_a_fresh_quote_nothing_is_modelled() -> None:
    with exact():
        watch = a_watch()
        before = told(watch, a_fill(1, D(3600), T0))
        assert (before.modelled, before.bps, before.quote_age_ms) == ("", "", -1)
        watch.take(quote(T0, D("3600.00")), [])
        late = told(watch, a_fill(2, D(3600), T0 + 5001))
        assert (late.modelled, late.bps) == ("", "")
        assert told(watch, a_fill(3, D(3600), T0 + 5000)).bps != ""


def test_an_order_s_own_terms_hold_for_the_model_too() -> None:
    """A limit is not passed; a target does not fill better than its trigger; what nobody placed is modelled all the same."""
    limit = Order(
        "tbabcdef-12345678-1e", ETH, Side.BUY, OrderType.LIMIT, D(1), D(3599), tif=TimeInForce.IOC
    )
    target = Order(
        *("tbabcdef-12345678-2e", ETH, Side.SELL, OrderType.TAKE_PROFIT_MARKET, D(1)),
        trigger=D("3590"),
    )
    with exact():
        watch = a_watch(limit, target)
        watch.take(quote(T0, D("3600.00")), [])
        assert told(watch, a_fill(1, D(3599), T0)).modelled == "3599"
        assert told(watch, a_fill(2, D(3600), T0, side=Side.SELL)).modelled == "3590"
        stranger = replace(a_fill(3, D(3600), T0), order_id="web_1")
        assert told(watch, stranger).purpose == ""
        assert watch.take(WakeUp(T0, "x"), []) == []
