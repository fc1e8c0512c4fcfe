"""Bars in which nobody heard quotes: what can only close is played on them, and funding is paid on what was held."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kits.sim_script import T0, Script

from tradebot.core.model.events import Event, Filled, FundingPaid, FundingRate, PriceSeen
from tradebot.core.model.money import exact
from tradebot.core.model.values import HOUR_MS, MINUTE_MS, Bar, MarkBar, Quote

D = Decimal
SYMBOL = "T/USDT"
Q = "q 99.99 100.01 5 5 100"
LONG = f"100 100 100 100 20\n {Q}\n a buy 1 market\n {Q}"


def long(more: str = "") -> Script:
    script = Script()
    assert script.run(LONG) == ["a buy 1 @ 100.01"]
    if more:
        script.run(more)
    return script


@pytest.mark.parametrize(
    ("orders", "bar", "told"),
    [
        # base 98, half spread 0.0098, impact 9.8 / 20, and 0.25 x (98 - 97)
        ("s sell 1 stop 98 ro", "100 100.5 97 99 20 | 100 100 98 99", ["s sell 1 @ 97.25"]),
        ("s sell 1 stop 98 ro", "100 100.5 98.5 99 20 | 100 100 97 99", ["s sell 1 @ 97.37"]),
        ("t sell 1 limit 101 ro", "100 102 99.9 101 20 | 100 101 99.9 101", ["t sell 1 @ 101 maker"]),
        ("e buy 1 limit 99", "100 101 97 99 20 | 100 101 97 99", []),
        ("e buy 1 stop 101", "100 102 97 99 20 | 100 102 97 99", []),
        ("e buy 1 market", "100 102 97 99 20 | 100 102 97 99", []),
        ("x sell 1 market ro", "99 102 97 99 20 | 99 102 97 99", ["x sell 1 @ 98.49 open"]),
        ("s sell 1 stop 98 ro", "100 100.5 97 99 20", []),
    ],
    ids=["stop", "stop by mark", "target", "limit entry", "stop entry", "market entry", "exit", "heard"],
)  # fmt: skip
def test_what_closes_is_played_and_entries_are_not(orders: str, bar: str, told: list[str]) -> None:
    script = long(orders)
    found = [line for line in script.run(bar) if not line.startswith("seen")]
    assert found == told


def test_an_entry_is_still_there_for_the_next_quote() -> None:
    script = long("e buy 1 limit 99")
    assert script.run("100 101 97 99 20 | 100 101 97 99") == ["seen 97"]
    assert script.run("q 98.9 98.95 9 9 98.9") == ["e buy 1 @ 98.95"]


def test_what_was_sent_inside_the_bar_is_not_met_in_it() -> None:
    script = Script()
    script.run(
        "q 99.99 100.01 5 5 100\n a buy 1 market\n q 99.99 100.01 5 5 100\n s sell 1 stop 98 ro"
    )
    assert "s sell" not in " ".join(script.run("100 100 97 99 20 | 100 100 97 99"))  # minute 0
    assert script.run("99 99 97 99 20 | 99 99 97 99")[0].startswith("s sell 1 @")


def test_a_missed_bar_that_is_told_late_is_told_in_one_moment() -> None:
    script = long("s sell 1 stop 98 ro")
    open_time, late = T0 + MINUTE_MS, T0 + 9 * MINUTE_MS
    bar = Bar.of(SYMBOL, open_time, MINUTE_MS, ("97", "99", "96", "98", "20")).stamped(late)
    mark = MarkBar.of(SYMBOL, open_time, MINUTE_MS, ("97", "99", "96", "98", "0")).stamped(late)
    with exact():
        told: list[Event] = list(script.exchange.step([mark, bar]))
    assert {event.at for event in told} == {late}
    (fill,) = [event.fill for event in told if isinstance(event, Filled)]
    assert fill.time == open_time  # when it was met


def test_the_monitor_sees_how_bad_a_missed_bar_was() -> None:
    with exact():
        script = long()
        open_time = T0 + MINUTE_MS
        bar = Bar.of(SYMBOL, open_time, MINUTE_MS, ("100", "101", "96", "98", "20"))
        mark = MarkBar.of(SYMBOL, open_time, MINUTE_MS, ("100", "101", "95", "98", "0"))
        seen = [e.price for e in script.exchange.step([mark, bar]) if isinstance(e, PriceSeen)]
    assert seen == [D(95)]


# -- funding -----------------------------------------------------------------------------------------

HOUR = (T0 // HOUR_MS + 1) * HOUR_MS


def quote(at: int) -> Quote:
    return Quote(SYMBOL, at, at, ("99.99", "100.01", "5", "5", "100"), 100.0)


def step(script: Script, *events: Quote | FundingRate) -> list[Event]:
    with exact():
        return list(script.exchange.step(events))


def paid(told: list[Event]) -> list[FundingPaid]:
    return [event for event in told if isinstance(event, FundingPaid)]


def late_rate(mark: str | None = "100") -> FundingRate:
    price = None if mark is None else D(mark)
    return FundingRate(HOUR + 9_000, SYMBOL, D("0.001"), price, due=HOUR + 5)


@pytest.mark.parametrize("mark", ["100", None])
def test_funding_that_is_told_late_is_paid_on_what_was_held_when_it_was_due(
    mark: str | None,
) -> None:
    script = long()
    step(script, quote(HOUR + 1_000))
    script.now = HOUR + 2_000
    script.run("x sell 1 market ro")
    step(script, quote(HOUR + 3_000))
    assert not script.exchange.positions
    (funding,) = paid(step(script, late_rate(mark)))
    assert (funding.qty, funding.amount) == (D(1), D("-0.1"))
    assert (funding.at, funding.exchange_time) == (HOUR + 9_000, HOUR)


def test_what_was_opened_after_it_pays_nothing() -> None:
    script = Script()
    script.run(f"100 100 100 100 20\n {Q}")
    step(script, quote(HOUR))
    script.now = HOUR + 1_000
    script.run("a buy 1 market")
    step(script, quote(HOUR + 2_000))
    assert script.exchange.positions
    assert paid(step(script, late_rate())) == []


def test_one_of_another_time_is_paid_on_what_is_held() -> None:
    script = long()
    (funding,) = paid(step(script, late_rate()))  # no quote of that hour has been seen
    assert funding.qty == D(1)
    step(script, quote(HOUR + HOUR_MS))
    (funding,) = paid(step(script, late_rate()))
    assert funding.qty == D(1)


def test_what_was_held_at_the_hour_survives_a_restart() -> None:
    script = long()
    step(script, quote(HOUR + 1_000))
    script.now = HOUR + 2_000
    script.run("x sell 1 market ro")
    step(script, quote(HOUR + 3_000))
    again = Script()
    with exact():
        again.exchange.restore(script.exchange.export_state())
    (funding,) = paid(step(again, late_rate()))
    assert funding.qty == D(1)
