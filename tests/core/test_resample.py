from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.money import exact
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS, Bar
from tradebot.core.strategy.resample import TIMEFRAMES, Resampler, timeframe_ms, timeframe_name

T0 = 1_746_057_600_000  # 2025-05-01T00:00Z


def bar(i: int, text: tuple[str, str, str, str, str] = ("5", "7", "4", "6", "1.50")) -> Bar:
    return Bar.of("BTC/USDT", T0 + i * MINUTE_MS, MINUTE_MS, text)


def shown(made: Bar) -> tuple[object, ...]:
    return made.symbol, made.open_time, made.interval, made.at, tuple(made.text)


@st.composite
def base_bars(draw: st.DrawFn) -> list[Bar]:
    minutes = sorted(draw(st.sets(st.integers(0, 200), min_size=1, max_size=60)))
    cents = st.integers(1, 99_999)
    made = []
    for minute in minutes:
        prices = sorted(draw(st.tuples(cents, cents, cents, cents)))
        low, one, two, high = (f"{Decimal(price).scaleb(-2)}" for price in prices)
        opened, close = draw(st.permutations([one, two]))
        volume = f"{Decimal(draw(st.integers(0, 10**9))).scaleb(-3)}"
        made.append(bar(minute, (opened, high, low, close, volume)))
    return made


def oracle(bars: list[Bar], target: int) -> list[tuple[object, ...]]:
    """Group by bucket, leave the incomplete ones out, combine with Decimals."""
    buckets: dict[int, list[Bar]] = {}
    for one in bars:
        buckets.setdefault(one.open_time // target * target, []).append(one)
    made: list[tuple[object, ...]] = []
    for start, group in buckets.items():
        if len(group) * MINUTE_MS < target:
            continue
        made.append(
            (
                "BTC/USDT",
                start,
                target,
                start + target - 1,
                group[0].exact_open,
                max(one.exact_high for one in group),
                min(one.exact_low for one in group),
                group[-1].exact_close,
                sum((one.exact_volume for one in group), Decimal(0)),
            )
        )
    return made


@given(base_bars(), st.sampled_from([1, 3, 5, 15, 60]))
def test_it_agrees_with_a_naive_grouping(bars: list[Bar], minutes: int) -> None:
    target = minutes * MINUTE_MS
    resampler = Resampler(MINUTE_MS, target)
    with exact():
        made = [out for one in bars for out in resampler.add(one)]
        expected = oracle(bars, target)
    found = [(b.symbol, b.open_time, b.interval, b.at, *map(Decimal, b.text)) for b in made]
    assert found == expected
    begun = {one.open_time // target for one in bars}
    ended = {start for start in begun if (start + 1) * target <= bars[-1].open_time + MINUTE_MS}
    assert resampler.left_out == (len(ended) - len(expected) if minutes > 1 else 0)


@given(base_bars(), st.integers(0, 60))
def test_a_restored_resampler_goes_on_the_same(bars: list[Bar], cut: int) -> None:
    whole, first, second = (Resampler(MINUTE_MS, 5 * MINUTE_MS) for _ in range(3))
    expected = [shown(out) for one in bars for out in whole.add(one)]
    found = [shown(out) for one in bars[:cut] for out in first.add(one)]
    second.restore(json.loads(json.dumps(first.state())))
    found += [shown(out) for one in bars[cut:] for out in second.add(one)]
    assert found == expected


def test_a_bar_comes_with_its_last_constituent_and_keeps_the_exact_text() -> None:
    resampler = Resampler(MINUTE_MS, 3 * MINUTE_MS)
    texts = [
        ("5.00", "7.10", "4.0", "6", "1.50"),
        ("6.1", "7.1", "4", "5", "2"),
        ("5", "6", "4.5", "5.50", "0"),
    ]
    assert resampler.add(bar(0, texts[0])) == []
    assert resampler.add(bar(1, texts[1])) == []
    (made,) = resampler.add(bar(2, texts[2]))
    assert made.text == ("5.00", "7.10", "4.0", "5.50", "3.50")
    assert (made.open, made.high, made.low, made.close, made.volume) == (5, 7.1, 4, 5.5, 3.5)


def test_a_bar_that_lacks_a_part_is_left_out_and_counted() -> None:
    resampler = Resampler(MINUTE_MS, 3 * MINUTE_MS)
    minutes = (1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14)
    made = [out.open_time for i in minutes for out in resampler.add(bar(i))]
    assert made == [T0 + 6 * MINUTE_MS, T0 + 12 * MINUTE_MS]
    assert resampler.left_out == 3  # begun late, ended early, a hole


def test_the_same_timeframe_passes_bars_through() -> None:
    resampler = Resampler(MINUTE_MS, MINUTE_MS)
    one = bar(0)
    assert resampler.add(one) == [one]


def test_buckets_are_aligned_to_utc() -> None:
    resampler = Resampler(HOUR_MS, DAY_MS)
    made = []
    for hour in range(24):
        one = Bar.of("BTC/USDT", T0 + hour * HOUR_MS, HOUR_MS, ("1", "1", "1", "1", "1"))
        made += resampler.add(one)
    assert [(out.open_time, out.text[4]) for out in made] == [(T0, "24")]


@pytest.mark.parametrize(("interval", "target"), [(0, 5), (5, 0), (5, 12), (10, 5), (-1, 5)])
def test_lengths_that_do_not_fit_are_refused(interval: int, target: int) -> None:
    with pytest.raises(ValueError, match="cannot be combined"):
        Resampler(interval, target)


@pytest.mark.parametrize("target", [MINUTE_MS, 5 * MINUTE_MS])
def test_bars_that_do_not_follow_are_refused(target: int) -> None:
    resampler = Resampler(MINUTE_MS, target)
    resampler.add(bar(5))
    for wrong in (bar(5), bar(4), Bar.of("X", T0 + DAY_MS, HOUR_MS, ("1", "1", "1", "1", "1"))):
        with pytest.raises(ValueError, match="does not follow"):
            resampler.add(wrong)


def test_timeframes_have_names_and_divide_a_day() -> None:
    assert (timeframe_ms("1m"), timeframe_ms("4h"), timeframe_ms("1d")) == (
        60_000,
        14_400_000,
        DAY_MS,
    )
    for name, length in TIMEFRAMES.items():
        assert DAY_MS % length == 0
        assert timeframe_name(length) == name


def test_unknown_timeframes_name_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown timeframe '7m': known are 1m, 3m, 5m"):
        timeframe_ms("7m")
    with pytest.raises(ValueError, match="no timeframe is 420000 ms long"):
        timeframe_name(420_000)
