"""Recommendations: nothing where there is nothing, planted effects found, days as the unit, one family."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kits import null_study
from kits.null_study import PLANTED, Planted, data_set, examined, split_case
from kits.report_kit import D
from kits.report_kit import a_trade as a_row

from tradebot.app.adjusted import Adjustment
from tradebot.app.advising import advice_on, evidence_of
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.reports.advice import advise as advise_module
from tradebot.reports.advice import costs, exits, parts, ruin
from tradebot.reports.advice.advise import RULES, advise, in_words
from tradebot.reports.advice.candidates import contrast
from tradebot.reports.advice.modelled import FillModel, ModelledFills
from tradebot.reports.advice.outcomes import Evidence, HeldOn, PastTrade
from tradebot.reports.advice.resampling import LEVEL, holm, interval, sign_flips
from tradebot.reports.advice.ruin import ruin_bound

FULL = os.environ.get("TRADEBOT_FULL") == "1"

# -- the study ------------------------------------------------------------------------------------


def test_nothing_is_recommended_where_there_is_nothing() -> None:
    """At most 5 of 40 sets without any effect, as a report would be advised on them: the level is 5 % for a whole report.

    The last third is kept back and played again. What looked best of the rest, and gained there, gains nothing in it.
    """
    wrong, then, after = 0, [], []
    for seed in range(40):
        case = split_case(data_set(seed).trades, seed)
        said: dict[str, Any] = dict(advice_on(case).data)
        wrong += bool(said["supported"])
        assert all("replay" in one for one in said["supported"])
        best = said["supported"][0] if said["supported"] else said["closest"]
        if best is not None and best["signal"].startswith(("skip_", "min_")):
            again = case.play(Adjustment.parse(best["signal"]))
            then.append(best["gain"])
            after.append(float(again.changed - again.as_it_is))
    assert wrong <= 5
    assert len(after) >= 20
    assert min(then) > 0
    spread = math.sqrt(math.fsum(gain**2 for gain in after) / len(after))
    assert abs(fmean(after)) < 3.5 * spread / math.sqrt(len(after))
    assert fmean(then) > 2 * abs(fmean(after))


@pytest.mark.skipif(not FULL, reason="half an hour: TRADEBOT_FULL=1")
@pytest.mark.parametrize("how", ["all sixty days choose", "the last third is kept back"])
def test_nothing_is_found_more_often_than_its_level(how: str, pytestconfig: pytest.Config) -> None:
    """120 of 2,000 sets at most, with every rule looking: at the choosing alone, and as a report would be advised."""
    wrong = counted("null", 2_000, None, pytestconfig, split="kept back" in how)
    print(f"{wrong} of 2000 sets without any effect gave a recommendation: {how}")  # noqa: T201
    assert wrong <= 120


@pytest.mark.skipif(not FULL, reason="two minutes: TRADEBOT_FULL=1")
def test_nothing_is_found_more_often_in_the_shortest_time_there_is_advice_on(
    pytestconfig: pytest.Config,
) -> None:
    """Of twenty-one days fourteen choose: at most 60 of 1,000."""
    wrong = counted("null", 1_000, None, pytestconfig, split=True, days=21)
    print(f"{wrong} of 1000 sets of 21 days without any effect gave a recommendation")  # noqa: T201
    assert wrong <= 60


def test_it_is_told_how_much_was_played() -> None:
    shares: list[float] = []
    case = split_case(data_set(0, PLANTED[1]).trades, 0)
    said: Any = advice_on(case, shares.append).data
    count = len(said["supported"])
    assert count
    assert shares == [(i + 1) / count for i in range(count)]
    assert shares[-1] == 1.0


def test_the_last_third_chooses_nothing() -> None:
    """Whatever happened in it, as long as as many trades did on as many days: the same is said, and the replay is another."""
    draw, whole = Random(7), data_set(4, PLANTED[1]).trades
    case = split_case(whole, 4)
    late = [trade for trade in whole if trade.time >= case.third]
    results = draw.sample([trade.pnl * 3 for trade in late], len(late))
    changed = {
        trade.id: replace(trade, pnl=pnl, side=draw.choice(("long", "short")), mae=99.0, mfe=99.0)
        for trade, pnl in zip(late, results, strict=True)
    }
    other = split_case([changed.get(trade.id, trade) for trade in whole], 4)
    assert evidence_of(case) == evidence_of(other)
    assert len(evidence_of(case).trades) == len(whole) - len(late) == 320
    change = Adjustment.parse("skip_sides=short")
    assert case.play(change) != other.play(change)


@pytest.mark.parametrize(
    ("how", "share"), [("all sixty days choose", 0.8), ("the last third is kept back", 0.6)]
)
def test_planted_effects_are_found(how: str, share: float, pytestconfig: pytest.Config) -> None:
    """Forty days choose less surely than sixty: a third that chooses nothing has its price."""
    sets = 200 if FULL else 5
    found = {
        one.rule: counted(one.rule, sets, one, pytestconfig, split="kept back" in how)
        for one in PLANTED
    }
    print(f"of {sets} sets each with an effect: {found}: {how}")  # noqa: T201
    assert sum(found.values()) >= share * sets * len(PLANTED) - (0 if FULL else 2)


def counted(
    name: str,
    sets: int,
    planted: Planted | None,
    config: pytest.Config,
    split: bool,
    days: int = null_study.DAYS,
) -> int:
    """Count the sets in which it, or anything, was found; a long study goes on where it stopped, with the same program."""
    key = f"advice/{name}-{sets}-{days}{'-split' * split}-{program()}"
    cache = config.cache if FULL else None
    done = cache.get(key, []) if cache is not None else []
    for seed in range(len(done), sets):
        rules = rules_found(seed, planted, split, days)
        done.append(bool(rules) if planted is None else planted.rule in rules)
        if cache is not None and seed % 50 == 49:
            cache.set(key, done)
    return sum(done)


def rules_found(seed: int, planted: Planted | None, split: bool, days: int) -> set[str]:
    """Return the rules that something was recommended by."""
    if not split:
        return {found.rule for found in examined(seed, planted).supported}
    said: Any = advice_on(split_case(data_set(seed, planted, days).trades, seed, days)).data
    return {found["rule"] for found in said["supported"]}


@cache
def program() -> str:
    """Return what tells the program of the study from another: a digest of all that it is made of."""
    files = [Path(null_study.__file__), *Path(advise_module.__file__).parent.glob("*.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:12]


# -- its parts --------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(-50, 50).map(lambda n: n / 8), min_size=1, max_size=9), st.integers(0, 99)
)
def test_sign_flips_are_what_all_patterns_say(days: list[float], seed: int) -> None:
    seen = math.fsum(days)
    patterns = [
        math.fsum(s * day for s, day in zip(signs, days, strict=True))
        for signs in itertools.product((1, -1), repeat=len(days))
    ]
    exact = sum(total >= seen for total in patterns) / len(patterns)
    told = sign_flips(days, Random(seed))
    if seen <= 0:
        assert told == 1.0
    elif exact > 0.15:
        assert told > LEVEL
    else:
        assert abs(told - exact) < 6 * math.sqrt(exact * (1 - exact) / 4_999) + 0.02


def test_holm_is_the_tables() -> None:
    """Fifteen endpoints of Neuhaus et al. (1992) as Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995), section 4, list them.

    They say that of these Bonferroni's procedures reject the first three at 5 %; a corrected chance is, in the words of Wright,
    Biometrics 48 (1992), the lowest level at which it is rejected. Then 24 of the SAS/STAT manual, MULTTEST, example 5: 0.8395, the rest 1.
    """
    told = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459),
        *(0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    ]
    corrected = holm(told)
    assert [chance <= 0.05 for chance in corrected] == [True] * 3 + [False] * 12
    assert corrected[:9] == pytest.approx(
        [0.0015, 0.0056, 0.0247, 0.1140, 0.2211, 0.2780, 0.2780, 0.2780, 0.3213]
    )
    assert corrected[9:] == [1.0] * 6
    manual = [
        *(0.28282, 0.30688, 0.71022, 0.77175, 0.78180, 0.88581, 0.54685, 0.84978, 0.24228),
        *(0.58977, 0.03498, 0.41607, 0.31631, 0.05254, 0.45061, 0.75758, 0.12496, 0.49485),
        *(0.21572, 0.50505, 0.94372, 0.81260, 0.77596, 0.36889),
    ]
    assert [round(chance, 4) for chance in holm(manual)] == [1.0] * 10 + [0.8395] + [1.0] * 13
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_interval_is_the_bootstrap_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = Random(3)
    days = [draw.gauss(0.4, 1.0) for _ in range(60)]
    low, high = interval(days, [1] * 60, Random(4), draws=9_999)
    import numpy

    theirs = stats.bootstrap(
        (days,), numpy.mean, method="percentile", random_state=5, n_resamples=9_999
    ).confidence_interval
    assert low == pytest.approx(theirs.low, abs=0.02)
    assert high == pytest.approx(theirs.high, abs=0.02)


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_a_contrast_is_the_difference_of_means(seed: int) -> None:
    trades = data_set(seed % 3).trades[:200]
    draw = Random(seed)
    worse = [trade for trade in trades if draw.random() < 0.3] or [trades[0]]
    better = [trade for trade in trades if trade not in worse] or [trades[-1]]
    found = math.fsum(contrast(worse, better).values())
    means = [math.fsum(t.r or 0.0 for t in side) / len(side) for side in (better, worse)]
    assert found == pytest.approx(means[0] - means[1], abs=1e-9)


def test_the_same_trades_say_the_same() -> None:
    assert examined(4, PLANTED[1]) == examined(4, PLANTED[1])


# -- too little, and what is said --------------------------------------------------------------------


def test_few_trades_or_days_say_nothing() -> None:
    evidence = data_set(1)
    few = advise(Evidence(evidence.trades[:99]), "s")
    assert few.family == 0
    assert in_words(few) == [
        "No change can be recommended: 99 trades on 13 days; 100 on 20 are needed."
    ]
    kept_out = Evidence(evidence.trades[:99], whole=(480, 60))
    assert advise(kept_out, "s").family
    one_day = [replace(trade, time=evidence.trades[0].time) for trade in evidence.trades]
    assert advise(Evidence(one_day), "s").too_few


def test_no_change_is_the_normal_answer() -> None:
    advice = next(a for a in map(examined, range(20)) if not a.supported)
    (line,) = in_words(advice)
    assert line.startswith("No change is supported by 480 trades on 60 days (")
    assert "The closest was: " in line


def test_a_recommendation_carries_its_evidence() -> None:
    advice = examined(4, PLANTED[1])
    found = next(one for one in advice.supported if one.rule == "side")
    assert found.low > 0
    assert found.corrected <= LEVEL
    assert found.signal == "skip_sides=short"
    text = "\n".join(in_words(advice))
    assert "Consider no shorts: " in text
    assert "after Holm" in text
    assert "It does not show" in text
    assert "--set-signal skip_sides=short" in text


# -- what each rule reckons ----------------------------------------------------------------------------


def trade(**changes: object) -> PastTrade:
    base = PastTrade(
        1, 0, 1, "BTC/USDT", "long", "stop", -11.0, -10.0, 1.0, 2_000.0, 0.6, -0.2, 10.0, 10.0, 20.0, 10.0, 12.0
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def test_a_nearer_target_takes_what_was_there() -> None:
    half, *_ = exits.nearer_target(Evidence([trade(), trade(mfe=9.0)]))
    assert half.signal == "target_x=0.5"
    assert [effect.gain for effect in half.effects] == [
        20.0,
        0.0,
    ]  # +10 instead of -10; not reached
    assert "1 of 2 trades that were ahead" in half.shows


def test_a_tighter_stop_loses_less_and_loses_winners() -> None:
    winner = trade(pnl=19.0, gross=20.0, mae=6.0, reason="target")
    half, *_ = exits.tighter_stop(Evidence([trade(), winner, trade(mae=4.0)]))
    assert [effect.gain for effect in half.effects] == [5.0, -25.0, 0.0]
    slipped = trade(
        gross=-12.0
    )  # filled a fifth beyond its stop: the tighter one would have been as well
    half, *_ = exits.tighter_stop(Evidence([slipped, winner]))
    assert [effect.gain for effect in half.effects] == pytest.approx([5.0, -27.0])


def test_a_wider_stop_is_told_by_bars_only() -> None:
    assert not next(iter(exits.wider_stop(Evidence([trade()])))).effects
    known = next(iter(exits.wider_stop(Evidence([trade()], held_on={1: HeldOn(7.0, True)}))))
    assert [effect.gain for effect in known.effects] == [7.0]


def test_costs_are_blamed_only_for_eating_an_edge() -> None:
    assert not list(costs.costs_over_edge(Evidence([trade()])))
    (eaten,) = costs.costs_over_edge(Evidence([trade(gross=3.8, costs=4.8, pnl=-1.0)]))
    assert "costs are 1.2 times the gross result" in eaten.what  # 0.2 of slippage counts among them
    assert "breaks even at 20.0 bps a side, 25.0 were paid" in eaten.shows


def test_targets_inside_their_costs() -> None:
    lost = trade(reason="target", pnl=-0.5)
    (found,) = costs.target_in_costs(Evidence([lost, trade()]))
    assert "1 of 1 trades that reached their target lost money" in found.shows
    assert [effect.gain for effect in found.effects] == [0.5]


def test_slippage_beyond_the_model() -> None:
    (found,) = costs.slippage_over_model(Evidence([trade()], modelled={1: 0.1}))
    assert [effect.gain for effect in found.effects] == pytest.approx(
        [0.1]
    )  # 0.2 paid, 0.1 modelled
    assert "1.00 bps a side were paid, 0.50 are modelled" in found.shows


def test_confidence_that_orders_nothing() -> None:
    high = [trade(id=i, time=i * 86_400_000, confidence=0.9, pnl=-10.0) for i in range(30)]
    low = [trade(id=40 + i, time=i * 86_400_000, confidence=0.2, pnl=10.0) for i in range(30)]
    (found,) = parts.order_of_confidence(Evidence([*high, *low]))
    assert math.fsum(found.tested) == pytest.approx(2.0)
    assert math.fsum(effect.gain for effect in found.effects) == pytest.approx(600.0)


def test_ruin_is_certain_without_an_edge_and_small_with_a_large_one() -> None:
    lost = [trade(id=i, time=i * 86_400_000, pnl=(-1.0, 0.9)[i % 2]) for i in range(60)]
    assert ruin_bound(lost, 50.0, Random(1))[1] == 1.0
    won = [trade(id=i, time=i * 86_400_000, pnl=(-1.0, 2.0)[i % 2]) for i in range(60)]
    low, chance = ruin_bound(won, 50.0, Random(1))
    assert 0 < low < 0.5
    assert chance == pytest.approx(math.exp(-2 * low * 50 / 2.25))


def test_a_size_is_too_large_for_what_is_earned_or_lost_with_it() -> None:
    def sized(results: tuple[float, float], loss: float | None) -> Evidence:
        rows = [
            trade(id=i, time=i // 4 * 86_400_000, pnl=results[i % 2], risk=None) for i in range(240)
        ]
        return Evidence(rows, loss=loss)

    (lost,) = ruin.size_too_large(sized((-10.0, 8.0), 500.0))  # m -1, s 9: 0.24 would be needed
    assert "the smallest size, or paper" in lost.what
    assert "the chance ever to lose the 500 USDT that may be lost is up to 100.0 %," in lost.shows
    needed = -math.log(LEVEL) * 81 / 1000
    assert [effect.gain for effect in lost.effects[:2]] == pytest.approx([needed + 10, needed - 8])
    (thin,) = ruin.size_too_large(sized((-9.0, 10.0), 60.0))  # m 0.5, s 9.5: 2.25 would be needed
    share = re.match(r"(\d+) % of the size", thin.what)
    assert share
    assert 0 < int(share[1]) <= 100 * 0.5 / 2.25
    assert math.fsum(effect.gain for effect in thin.effects) > 0
    assert not list(ruin.size_too_large(sized((-9.0, 15.0), 5_000.0)))  # it can be borne
    assert not list(ruin.size_too_large(sized((-10.0, 8.0), None)))
    assert not list(ruin.size_too_large(sized((1.0, 1.0), 500.0)))  # no spread, no ruin
    assert not lost.config
    advice = advise(sized((-10.0, 8.0), 500.0), "s")
    (said,) = [one for one in advice.supported if one.rule == "size"]
    assert said.measured.startswith(
        "Of what this size needs 240 trades on 60 days were short by 298.24 USDT (1.24 USDT each"
    )


def test_only_what_leaves_out_or_moves_would_have_changed_anything() -> None:
    seen = {"costs", "target in costs", "confidence", "slippage", "refused", "size"}
    assert {rule.name for rule in RULES if "would have changed" not in rule.measure} == seen
    advice = examined(4, PLANTED[1])
    (side,) = [one for one in advice.supported if one.rule == "side"]
    assert side.measured.startswith(
        f"It would have changed {side.n} trades on {side.days} days by +"
    )
    assert (
        f"{side.measured}; by the signs of days in the difference from the others p "
        in "\n".join(in_words(advice))
    )


def test_fills_are_compared_with_what_the_simulation_charges() -> None:
    """Half of a spread of 2 bps and an impact by the part of the volume; a stop a quarter of the way beyond its price as well."""
    row = a_row(
        1, 10 * MINUTE_MS, entry_time=30_000, entry_price=D(100), exit_price=D(98), qty=D(1)
    )
    row = replace(row, exit_reason="stop", stop=D(98))
    bars = [a_bar(0, 99, 101, 4.0), a_bar(10, 96, 99, 0.5), a_bar(11, 96, 99, 9.0)]
    fills = ModelledFills(FillModel(2.0, 0.1))
    assert list(fills.watched([row], bars)) == bars
    entry, end = 100 * (0.0001 + 0.1 / 4), 98 * (0.0001 + 0.1) + (98 - 96) / 4
    assert fills.costs == {0: pytest.approx(entry + end)}
    for missing in (bars[:1], bars[1:], [bars[0], bars[2]], [replace_symbol(bar) for bar in bars]):
        fills = ModelledFills(FillModel(2.0, 0.1))
        assert len(list(fills.watched([row], missing))) == len(missing)
        assert fills.costs == {}  # unknown is not nothing


def a_bar(minute: int, low: float, high: float, volume: float, symbol: str = "BTC/USDT") -> Bar:
    text = [str(v) for v in (low, high, low, high, volume)]
    return Bar.of(symbol, minute * MINUTE_MS, MINUTE_MS, text)


def replace_symbol(bar: Bar) -> Bar:
    return Bar.of("ETH/USDT", bar.open_time, bar.interval, bar.text)


def test_the_study_has_no_effect_where_none_is_planted() -> None:
    """The mean over many sets of what every rule would gain is nothing beyond its own noise."""
    sums = [math.fsum(trade.r or 0.0 for trade in data_set(seed).trades) for seed in range(60)]
    spread = math.sqrt(math.fsum(total**2 for total in sums) / len(sums))
    assert abs(math.fsum(sums) / len(sums)) < 4 * spread / math.sqrt(len(sums))
    assert null_study.DAYS * null_study.PER_DAY == 480
