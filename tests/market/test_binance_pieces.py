"""The pure pieces of Binance's feed: whatever comes, in whatever order, each bar goes out once and in order."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.events import FundingRate
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import HOUR_MS, MINUTE_MS, Bar, MarkBar, Quote
from tradebot.market.binance.assembly import CLOSED_MS, Assembly
from tradebot.market.binance.backoff import LEAST_S, MOST_S, Backoff
from tradebot.market.binance.conflation import APART_MS, Conflation
from tradebot.market.binance.deafness import DEAF_MS, Deafness
from tradebot.market.binance.following import Following
from tradebot.market.binance.messages import MarkPrice, Touch
from tradebot.market.binance.silence import SILENT_MS, Silence
from tradebot.market.binance.source import BinanceSource, MarketRules
from tradebot.wire.client import Wire
from tradebot.wire.hosts import find_hosts

BTC, ETH = "BTC/USDT", "ETH/USDT"
T0 = 1_746_057_600_000


def bar(minute: int) -> Bar:
    price = f"{95_000 + minute}.0"
    return Bar.of(BTC, T0 + minute * MINUTE_MS, MINUTE_MS, (price, price, price, price, "1"))


def minutes(bars: list[Bar]) -> list[int]:
    return [(one.open_time - T0) // MINUTE_MS for one in bars]


def answer(truth: set[int], hole: tuple[int, int], now: int) -> tuple[list[Bar], int | None]:
    """What klines would say of a hole: closed bars from its first on, and the next open candle."""
    first = (hole[0] - T0) // MINUTE_MS
    current = (now - T0) // MINUTE_MS
    rows = [m for m in sorted(truth | {current}) if m >= first][:1500]
    closed = [m for m in rows if T0 + (m + 1) * MINUTE_MS <= now]
    until = next((m for m in rows if m not in closed), closed[-1] if closed else None)
    return [bar(m) for m in closed], None if until is None else T0 + until * MINUTE_MS


@given(st.data())
def test_each_bar_goes_out_once_and_in_order(data: st.DataObject) -> None:
    """Streams drop, double and reorder; the exchange lacks some minutes; REST fills what is missing."""
    count = data.draw(st.integers(1, 25))
    truth = data.draw(st.sets(st.integers(1, count)))
    told = [m for m in truth if data.draw(st.booleans())]
    twice = [m for m in told if data.draw(st.booleans())]
    order = data.draw(st.permutations(told + twice))
    assembly = Assembly(MINUTE_MS, T0)
    out: list[Bar] = []
    for m in order:
        if data.draw(st.booleans()):
            assembly.see_open(T0 + min(m + 1, count + 1) * MINUTE_MS)
        out += assembly.take(bar(m))
        now = T0 + (m + 1) * MINUTE_MS + data.draw(st.integers(0, 90_000))
        if data.draw(st.booleans()):
            out += fill(assembly, truth, min(now, T0 + (count + 2) * MINUTE_MS), by_clock=False)
    end = T0 + (count + 1) * MINUTE_MS + CLOSED_MS
    out += fill(assembly, truth, end, by_clock=True)
    assert minutes(out) == sorted(truth)
    assert assembly.missing(end, by_clock=True) is None
    assert all(not assembly.take(bar(m)) for m in range(1, count + 1))


def fill(assembly: Assembly, truth: set[int], now: int, *, by_clock: bool) -> list[Bar]:
    out: list[Bar] = []
    while (hole := assembly.missing(now, by_clock=by_clock)) is not None:
        before = assembly.last
        bars, until = answer(truth, hole, now)
        if until is not None:
            out += assembly.fill(bars, until)
        if assembly.last == before:
            break
    return out


def test_a_newer_candle_without_the_close_is_a_hole_once_it_has_closed() -> None:
    assembly = Assembly(MINUTE_MS, T0)
    closed = T0 + 2 * MINUTE_MS
    assert assembly.missing(closed) is None
    assembly.see_open(closed)
    assert assembly.missing(closed) is None  # the exchange may still count its last trade
    assert assembly.missing(closed + CLOSED_MS) == (T0 + MINUTE_MS, T0 + MINUTE_MS)
    assert minutes(assembly.take(bar(2))) == []
    assert minutes(assembly.fill([bar(1)], T0 + 2 * MINUTE_MS)) == [1, 2]


def test_a_silent_stream_is_missed_by_the_clock() -> None:
    assembly = Assembly(MINUTE_MS, T0)
    now = T0 + 4 * MINUTE_MS + 30_000
    assert assembly.missing(now) is None
    assert assembly.missing(now, by_clock=True) == (T0 + MINUTE_MS, T0 + 3 * MINUTE_MS)


# -- prices ------------------------------------------------------------------------------------------


def mark(time: int, price: str = "95000.0") -> MarkPrice:
    return MarkPrice(BTC, time, price, T0 + 8 * HOUR_MS)


def touch(order: int, bid: str = "94999.9") -> Touch:
    return Touch(BTC, T0 + order, order, (bid, "95000.1", "1", "2"))


@given(
    st.lists(
        st.tuples(st.sampled_from(["mark", "touch", "late"]), st.integers(0, 400)), max_size=80
    )
)
def test_marks_at_once_and_touches_alone_once_a_second(steps: list[tuple[str, int]]) -> None:
    prices, now = Conflation(BTC), 1_000_000
    told: list[tuple[int, bool, Quote]] = []
    marks, bids = 0, 0
    newest = ["", ""]
    for number, (what, pause) in enumerate(steps):
        now += pause
        if what == "mark":
            marks += 1
            newest[0] = f"{95_000 + marks}.0"
            quote = prices.see_mark(mark(T0 + number, newest[0]), now)
            assert (quote is not None) == bool(newest[1])
        elif what == "touch":
            bids += 1
            newest[1] = f"{94_000 + bids}.0"
            quote = prices.see_touch(touch(number, newest[1]), now)
        else:
            quote = prices.release(now)
        if quote is not None:
            assert (quote.text[4], quote.text[0]) == tuple(newest)
            told.append((now, what == "mark", quote))
    for (before, _, _), (at, by_mark, _) in pairwise(told):
        assert by_mark or at - before >= APART_MS
    if told and newest[1]:
        now += APART_MS
        last = prices.release(now) or told[-1][2]
        assert last.text[0] == newest[1]


def test_what_is_old_or_told_twice_changes_no_price() -> None:
    prices = Conflation(BTC)
    prices.see_touch(touch(5), 0)
    assert prices.see_mark(mark(T0 + 1), 0) is not None
    assert prices.see_mark(mark(T0 + 1), 5_000) is None
    assert prices.see_mark(mark(T0), 5_000) is None
    assert prices.see_touch(touch(4, "1.0"), 5_000) is None
    assert prices.see_touch(touch(6), 5_000) is None  # nothing of it is new
    assert prices.next_order == 7


# -- silence, deafness, pauses -------------------------------------------------------------------------


def test_a_stream_of_a_symbol_falls_silent_and_comes_back() -> None:
    silence = Silence([BTC, ETH], ["kline", "mark"], 0)
    for symbol, stream in ((BTC, "kline"), (ETH, "kline"), (ETH, "mark")):
        assert silence.hear(symbol, stream, 4_000) is None
    assert silence.check(SILENT_MS) == []
    assert silence.check(SILENT_MS + 1) == [BTC]
    assert silence.of(BTC) == ("mark",)
    assert silence.check(9_001) == [ETH]  # of BTC it has been told
    assert silence.of(BTC) == ("kline", "mark")
    assert silence.hear(BTC, "mark", 9_500) is None  # its klines are still missing
    assert silence.hear(BTC, "kline", 9_600) == 5_600
    assert not silence.is_dead("kline", 14_000, 10_000)
    assert silence.is_dead("kline", 19_601, 10_000)
    silence.begin("kline", 19_601)
    assert not silence.is_dead("kline", 29_601, 10_000)


@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=40))
def test_a_bar_is_missed_when_much_of_it_was_not_heard(pauses: list[int]) -> None:
    heard, at = [T0], T0
    for pause in pauses:
        at += pause
        heard.append(at)
    deafness = Deafness(T0)
    for moment in heard:
        deafness.hear(moment)
    for minute in range((at - T0) // MINUTE_MS):
        one = bar(minute)
        gaps = [
            min(b, one.exchange_time) - max(a, one.open_time)
            for a, b in pairwise(heard)
            if b - a > DEAF_MS
        ]
        assert deafness.missed(one) == any(gap > DEAF_MS for gap in gaps)
    deafness.forget(at)
    assert not deafness.missed(bar(0)) or at < bar(0).exchange_time


def test_a_run_that_was_down_missed_what_came_since() -> None:
    assert Deafness(T0 - 5_000).missed(bar(0))
    assert not Deafness().missed(bar(0))


@given(st.integers(0, 2**32))
def test_pauses_grow_from_a_fifth_of_a_second_to_half_a_minute(seed: int) -> None:
    backoff = Backoff(Random(seed).random)
    pauses = [backoff.next() for _ in range(20)]
    assert all(LEAST_S <= pause <= MOST_S for pause in pauses)
    assert all(
        later >= earlier * 0.99 for earlier, later in zip(pauses[:7], pauses[2:9], strict=True)
    )
    assert max(pauses[10:]) > MOST_S / 2
    backoff.reset()
    assert backoff.next() == LEAST_S


# -- funding -----------------------------------------------------------------------------------------


def followed(**named: Any) -> Following:
    return Following(BTC, MINUTE_MS, T0, T0, **named)


def test_a_funding_is_asked_for_once_it_has_passed_and_paid_once() -> None:
    one = followed()
    assert one.asks_for_funding(T0 + 5_000)  # what was missed while nobody listened
    one.asked = T0 + 5_000
    one.take_rates([])
    due = T0 + 8 * HOUR_MS
    one.see_due(MarkPrice(BTC, T0, "1", due))
    one.see_due(MarkPrice(BTC, T0, "1", due + 8 * HOUR_MS))  # the one before is not known yet
    assert not one.asks_for_funding(due + 999)
    assert one.asks_for_funding(due + 1_000)
    one.asked = due + 1_000
    assert not one.asks_for_funding(due + 2_000)
    assert one.asks_for_funding(due + 3_000)
    rate = FundingRate(due + 5, BTC, bar(0).exact_close)
    one.take_rates([rate])
    one.take_rates([rate])
    assert one.rates == [rate]
    assert not one.asks_for_funding(due + 60_000)


def test_missed_bars_and_fundings_go_out_in_the_order_of_their_time() -> None:
    one = followed(heard=T0)
    one.pending = [bar(1), bar(2), bar(3)]
    rate = FundingRate(T0 + 2 * MINUTE_MS + 3, BTC, bar(0).exact_close)
    one.take_rates([rate])
    own = MarkBar.of(BTC, T0 + MINUTE_MS, MINUTE_MS, bar(7).text)
    steps = one.steps({own.open_time: own}, one.missed)
    assert [type(event) for step in steps for event in step] == [
        *(MarkBar, Bar, FundingRate, MarkBar, Bar, MarkBar, Bar)
    ]
    assert steps[0][0] is own
    assert isinstance(steps[2][0], MarkBar)
    assert steps[2][0].text == bar(2).text
    assert not one.pending
    assert not one.rates


@pytest.mark.parametrize("heard", [None, T0 + 10 * MINUTE_MS])
def test_bars_that_were_heard_go_out_alone(heard: int | None) -> None:
    one = followed(heard=heard)
    one.pending = [bar(1), bar(2)]
    assert [len(step) for step in one.steps({}, one.missed)] == [1, 1]


def test_a_source_shows_no_bar_again_that_was_seen_after_the_state_was_saved() -> None:
    """An account's state is saved once a minute; what it saw after that is in the log."""
    wire = Wire(find_hosts("demo", "http://127.0.0.1:9"))
    rules = MarketRules({BTC: INSTRUMENTS[BTC]}, 0)
    source = BinanceSource(wire, rules, MINUTE_MS, MINUTE_MS, 0, plays=False)
    source._played["bars"] = {BTC: T0}
    assert source._start(T0 + 2 * MINUTE_MS).bars == {BTC: T0 + 2 * MINUTE_MS}
    assert source._start(T0 - MINUTE_MS).bars == {BTC: T0}
