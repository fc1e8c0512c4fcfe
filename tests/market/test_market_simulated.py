from __future__ import annotations

import json
from itertools import islice, pairwise
from statistics import mean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.market_rows import all_shown

from tradebot.core.model.errors import DataError
from tradebot.core.model.events import FundingRate, MarketEvent
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import HOUR_MS, MINUTE_MS, Bar, Quote
from tradebot.core.strategy.ema_cross import EmaCross
from tradebot.market.embedded.climate import REGIMES, Climate
from tradebot.market.embedded.coins import COINS, Walk
from tradebot.market.embedded.market import FUNDING_MS, START, SimulatedMarket

ALL = tuple(sorted(COINS))
NEAR_FUNDING = START + 2 * HOUR_MS - 2 * MINUTE_MS  # 07:58
STEPS = 61  # of a minute: 60 seconds and the bars


def taken(market: SimulatedMarket, count: int) -> list[list[MarketEvent]]:
    return list(islice(market.steps(), count))


def test_the_same_seed_gives_the_same_market_and_another_another() -> None:
    one, same, other = (
        all_shown(taken(SimulatedMarket(ALL, seed), 200)) for seed in (1, 1, 2)
    )  # fmt: skip
    assert one == same
    assert one != other


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 400), st.integers(0, 2**63), st.sampled_from([START, NEAR_FUNDING]))
def test_a_cursor_goes_on_the_same_at_any_step(count: int, seed: int, start: int) -> None:
    whole = all_shown(taken(SimulatedMarket(ALL[:2], seed, start=start), count + 130))
    market = SimulatedMarket(ALL[:2], seed, start=start)
    begun = all_shown(taken(market, count))
    cursor = json.loads(json.dumps(market.cursor()))
    fresh = SimulatedMarket(ALL[:2], seed, start=start)
    assert begun + all_shown(islice(fresh.steps(cursor), 130)) == whole
    # and the cursor of the one that went on is that of the one that was never stopped
    straight = SimulatedMarket(ALL[:2], seed, start=start)
    taken(straight, count + 130)
    assert fresh.cursor() == straight.cursor()


def test_steps_without_a_cursor_begin_at_the_start_again() -> None:
    market = SimulatedMarket(["BTC/USDT"], 4)
    assert all_shown(taken(market, 90)) == all_shown(taken(market, 90))


@pytest.mark.parametrize("symbols", [ALL[:1], ALL[1:3], ("XRP/USDT", "ADA/USDT"), ALL[::-1]])
def test_a_symbol_moves_the_same_whoever_else_is_there(symbols: tuple[str, ...]) -> None:
    whole = all_shown(taken(SimulatedMarket(ALL, 7, start=NEAR_FUNDING), 4 * STEPS))
    part = all_shown(taken(SimulatedMarket(symbols, 7, start=NEAR_FUNDING), 4 * STEPS))
    assert part == [[event for event in step if event[1] in symbols] for step in whole]


def test_times_and_the_order_of_steps() -> None:
    steps = taken(SimulatedMarket(ALL, 3, start=NEAR_FUNDING), 4 * STEPS + 1)
    times = [step[0].at for step in steps]
    assert times == sorted(times)
    for step in steps:
        assert tuple(event.symbol for event in step) == ALL
        assert len({type(event) for event in step}) == 1
        assert len({event.at for event in step}) == 1
    funding = [i for i, step in enumerate(steps) if isinstance(step[0], FundingRate)]
    assert funding == [2 * STEPS]
    at = steps[funding[0]][0].at
    assert at % FUNDING_MS == 0
    assert steps[funding[0] + 1][0].at == at
    for minute in range(2):
        group = steps[minute * STEPS : (minute + 1) * STEPS]
        opened = NEAR_FUNDING + minute * MINUTE_MS
        assert [step[0].at for step in group[:60]] == [opened + s * 1000 for s in range(60)]
        assert isinstance(group[60][0], Bar)
        assert group[60][0].at == opened + 59_999


def test_bars_are_what_the_quotes_allow() -> None:
    steps = taken(SimulatedMarket(ALL, 11), 50 * STEPS)
    quotes: dict[str, list[Quote]] = {symbol: [] for symbol in ALL}
    for event in (event for step in steps for event in step):
        if isinstance(event, Quote):
            quotes[event.symbol].append(event)
            continue
        assert isinstance(event, Bar)
        seen = quotes[event.symbol]
        assert len(seen) == 60
        assert event.exact_open in (seen[0].exact_bid, seen[0].exact_ask)
        assert event.exact_close in (seen[-1].exact_bid, seen[-1].exact_ask)
        assert event.exact_low >= min(quote.exact_bid for quote in seen)
        assert event.exact_high <= max(quote.exact_ask for quote in seen)
        assert event.exact_low <= min(quote.exact_ask for quote in seen)
        assert event.exact_high >= max(quote.exact_bid for quote in seen)
        seen.clear()


@pytest.mark.parametrize("seed", range(3))
def test_every_number_is_one_the_exchange_could_send(seed: int) -> None:
    market = SimulatedMarket(ALL, seed, start=NEAR_FUNDING)
    for event in (event for step in taken(market, 10 * STEPS) for event in step):
        rules = INSTRUMENTS[event.symbol]
        if isinstance(event, FundingRate):
            assert abs(event.rate) <= 0.003
            assert event.mark is not None
            assert event.mark > 0
        elif isinstance(event, Quote):
            assert 0 < event.exact_bid < event.exact_ask
            assert event.exact_bid % rules.tick == event.exact_ask % rules.tick == 0
            assert min(event.exact_bid_qty, event.exact_ask_qty) >= rules.step
            assert event.exact_bid_qty % rules.step == event.exact_ask_qty % rules.step == 0
            assert float(event.exact_mark) == event.mark
            assert abs(event.mark / float(event.exact_bid) - 1) < 0.01
        elif isinstance(event, Bar):
            assert 0 < event.low <= event.open <= event.high
            assert event.low <= event.close <= event.high
            assert event.exact_open % rules.tick == event.exact_high % rules.tick == 0
            assert event.exact_volume >= rules.step
            assert event.exact_volume % rules.step == 0


def test_the_history_leads_up_to_the_start() -> None:
    market = SimulatedMarket(ALL, 5)
    history = market.history(300)
    assert [step[0].at + 1 for step in history] == [
        START - i * MINUTE_MS for i in reversed(range(300))
    ]
    first = taken(market, 1)[0]
    for bar, quote in zip(history[-1], first, strict=True):
        assert isinstance(bar, Bar)
        assert isinstance(quote, Quote)
        assert bar.symbol == quote.symbol
        assert abs(bar.close / quote.mark - 1) < 0.005
        assert bar.low <= bar.open <= bar.high
        assert bar.low <= bar.close <= bar.high
        assert bar.exact_close % INSTRUMENTS[bar.symbol].tick == 0
    assert all_shown(market.history(100)) == all_shown(history[-100:])
    assert all_shown(SimulatedMarket(["SOL/USDT"], 5).history(5)) == [
        [event for event in step if event[1] == "SOL/USDT"] for step in all_shown(history[-5:])
    ]


def test_nothing_but_its_own_symbols_and_full_minutes() -> None:
    with pytest.raises(DataError, match="has no DOGE/USDT"):
        SimulatedMarket(["BTC/USDT", "DOGE/USDT"], 1)
    with pytest.raises(DataError, match="no symbols"):
        SimulatedMarket([], 1)
    with pytest.raises(ValueError, match="not a full minute"):
        SimulatedMarket(["BTC/USDT"], 1, start=START + 1)


def test_a_cursor_of_another_market_is_refused() -> None:
    cursor = SimulatedMarket(["BTC/USDT"], 1).cursor()
    for other in (SimulatedMarket(["BTC/USDT"], 2), SimulatedMarket(["ETH/USDT"], 1)):
        with pytest.raises(DataError, match="had seed 1 and BTC/USDT"):
            next(other.steps(cursor))


def long_run(seed: int, minutes: int) -> dict[str, list[Bar]]:
    """Return bars alone: the same process without making quotes."""
    climate, walks = Climate(), [Walk.begin(symbol) for symbol in ALL]
    bars: dict[str, list[Bar]] = {symbol: [] for symbol in ALL}
    first = START // MINUTE_MS
    for minute in range(first, first + minutes):
        volatility, common = climate.advance(seed, minute, minute - first)
        for walk in walks:
            lived = walk.advance(seed, minute, volatility, common)
            bars[walk.coin.symbol].append(walk.bar(lived, minute * MINUTE_MS))
    return bars


def returns(bars: list[Bar]) -> list[float]:
    return [b.close / a.close - 1 for a, b in pairwise(bars)]


def correlation(one: list[float], two: list[float]) -> float:
    a, b = mean(one), mean(two)
    cross = sum((x - a) * (y - b) for x, y in zip(one, two, strict=True))
    return float(cross / (sum((x - a) ** 2 for x in one) * sum((y - b) ** 2 for y in two)) ** 0.5)


def test_ten_days_look_like_a_market() -> None:
    """Bounds wide enough for any seed; recordings of May and June 2025 lie inside."""
    bars = long_run(1, 14_400)
    moves = {symbol: returns(series) for symbol, series in bars.items()}
    for symbol, moved in moves.items():
        square = mean(x * x for x in moved)
        assert 0.6 < square**0.5 / COINS[symbol].sigma < 1.6
        assert 2 < mean(x**4 for x in moved) / square**2 - 3 < 60
        size = [abs(x) for x in moved]
        memory = [correlation(size[lag:], size[:-lag]) for lag in (1, 5, 20, 60)]
        assert memory == sorted(memory, reverse=True)
        assert memory[0] > 0.15
        assert memory[3] > 0.03
        assert abs(correlation(moved[1:], moved[:-1])) < 0.1
        volumes = [bar.volume for bar in bars[symbol]]
        assert 1.2 < mean(volumes) / median(volumes) < 3
    for one in ALL:
        for two in ALL:
            if one < two:
                assert 0.55 < correlation(moves[one], moves[two]) < 0.9
    assert correlation(moves["BTC/USDT"], moves["ETH/USDT"]) > 0.7


def test_quotes_are_on_the_tick_and_their_touch_has_the_recorded_thin_tail() -> None:
    """BTC's recorded best sizes: 1 % at most 0.002, 5 % under 0.08, median 2.7, mean 4.2."""
    market = SimulatedMarket(["BTC/USDT"], 42)
    quotes = [e for step in taken(market, 120 * STEPS) for e in step if isinstance(e, Quote)]
    tick, step = INSTRUMENTS["BTC/USDT"].tick, INSTRUMENTS["BTC/USDT"].step
    sizes = []
    for quote in quotes:
        assert quote.exact_bid % tick == quote.exact_ask % tick == 0
        assert quote.exact_ask > quote.exact_bid
        for size in (quote.exact_bid_qty, quote.exact_ask_qty):
            assert size >= step
            assert size % step == 0
            sizes.append(float(size))
    sizes.sort()
    assert 0.005 < sum(size < 0.002 for size in sizes) / len(sizes) < 0.02
    assert 0.03 < sum(size < 0.08 for size in sizes) / len(sizes) < 0.07
    assert 2.4 < median(sizes) < 3.0
    assert 3.7 < mean(sizes) < 4.5


def test_every_regime_comes_and_goes() -> None:
    climate = Climate()
    seen = set()
    for since in range(10_000):
        climate.advance(1, START // MINUTE_MS + since, since)
        seen.add(climate.regime)
    assert seen == set(range(len(REGIMES)))


@pytest.mark.parametrize("seed", range(12))
def test_a_cross_lets_the_first_look_show_a_trade(seed: int) -> None:
    """The first wall minute at 60x is an hour of bars: it must not be an empty screen."""
    market = SimulatedMarket(["BTC/USDT", "ETH/USDT"], seed)
    strategies = {symbol: EmaCross(EmaCross.Params(), symbol) for symbol in market.symbols}
    for step in market.history(200):
        for bar in step:
            assert isinstance(bar, Bar)
            strategies[bar.symbol].on_bar(bar)
    bars = [e for step in taken(market, 60 * STEPS) for e in step if isinstance(e, Bar)]
    signals = [strategies[bar.symbol].on_bar(bar) for bar in bars]
    assert any(signal is not None and signal.side == "long" for signal in signals)
