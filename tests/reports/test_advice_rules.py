"""The table of rules: each speaks where its cause is planted, needs its minimum, and loosens no limit."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradebot.config import load_config
from tradebot.reports.advice.advise import RULES, AdviceRule, advise, in_words
from tradebot.reports.advice.costs import WITHIN
from tradebot.reports.advice.outcomes import Evidence, HeldOn, PastTrade, RefusedEntry
from tradebot.reports.advice.settings import RunSettings, distance_line, hour_line, size_line

DAYS, PER_DAY, DAY = 77, 6, 86_400_000  # eleven weeks: a weekday needs ten of its days
BEGIN = 20_209 * DAY
SAID = RunSettings(
    {"stop_atr": 2.0, "target_atr": 4.0, "short": True},
    "paper",
    (0, 1, 22, 23),
    {"position_value": Decimal(1000), "trade_loss": Decimal(100)},
)


def trades(change: Callable[[PastTrade, Random], PastTrade], mean: float = 0.0) -> list[PastTrade]:
    """Return trades with results around a mean (planned losses of 10 USDT), each changed by what is planted."""
    draw, made = Random(5), []
    for number in range(DAYS * PER_DAY):
        day, place = divmod(number, PER_DAY)
        net = 10 * (mean + draw.gauss(0, 0.6))
        trade = PastTrade(
            id=number,
            time=BEGIN + day * DAY + place * 4 * 3_600_000,
            exit=BEGIN + day * DAY + place * 4 * 3_600_000 + 600_000,
            symbol=("BTC/USDT", "ETH/USDT", "SOL/USDT")[number % 3],
            side=("long", "short")[draw.random() < 0.5],
            reason="exit",
            pnl=net,
            gross=net + 1.0,
            costs=1.0,
            turnover=2_000.0,
            confidence=(0.3, 0.6, 0.9)[draw.randrange(3)],
            slippage=-0.2,
            risk=10.0,
            stop_loss=9.0,
            reward=18.0,
            mae=max(0.0, -net),
            mfe=max(0.0, net),
        )
        made.append(change(trade, draw))
    return made


def worse(where: Callable[[PastTrade], bool], by: float = 8.0) -> Evidence:
    def change(trade: PastTrade, _: Random) -> PastTrade:
        if not where(trade):
            return trade
        return replace(trade, pnl=trade.pnl - by, gross=trade.gross - by)

    return Evidence(trades(change, mean=0.3))


def as_it_is(trade: PastTrade, _: Random) -> PastTrade:
    return trade


def at_target(trade: PastTrade, draw: Random) -> PastTrade:
    return replace(trade, reason="target", pnl=-abs(trade.pnl) / 5 - 0.1)


def stopped(trade: PastTrade, draw: Random) -> PastTrade:
    return replace(trade, reason="stop", pnl=-10.0, gross=-9.0, mae=9.0)


def gave_back(trade: PastTrade, draw: Random) -> PastTrade:
    """It was ahead by nearly two thirds of the way to its target, and lost."""
    return replace(trade, mfe=12.0, mae=9.0, pnl=-10.0, gross=-9.0)


def never_behind(trade: PastTrade, draw: Random) -> PastTrade:
    """Winners are never behind, losers go the whole way."""
    won = draw.random() < 0.5
    gross = 12.0 if won else -9.0
    return replace(trade, pnl=gross - 1, gross=gross, mae=0.5 if won else 9.0, mfe=12.0)


def refused() -> Evidence:
    draw = Random(2)
    told = [
        RefusedEntry(BEGIN + i // 3 * DAY + i % 3, "positions", 5.0 + draw.gauss(0, 5))
        for i in range(DAYS * 3)
    ]
    return Evidence(trades(as_it_is), told)


PLANTED: dict[str, Callable[[], Evidence]] = {
    "costs": lambda: Evidence(
        trades(lambda t, _: replace(t, pnl=t.pnl - 3, costs=5.0, gross=t.pnl + 2), mean=-0.05)
    ),
    "target in costs": lambda: Evidence(trades(at_target)),
    "stop too wide": lambda: Evidence(trades(never_behind)),
    "stop too tight": lambda: Evidence(
        trades(stopped), held_on={i: HeldOn(4.0 + i % 3, i % 2 == 0) for i in range(DAYS * PER_DAY)}
    ),
    "target": lambda: Evidence(trades(gave_back)),
    "hour": lambda: worse(lambda t: t.hour == 8, 12.0),
    "weekday": lambda: worse(lambda t: t.weekday == "Mon", 12.0),
    "symbol": lambda: worse(lambda t: t.symbol == "SOL/USDT"),
    "side": lambda: worse(lambda t: t.side == "short"),
    "tier": lambda: worse(lambda t: t.tier == "low"),
    "confidence": lambda: worse(lambda t: t.tier == "high"),
    "slippage": lambda: Evidence(
        trades(as_it_is), modelled=dict.fromkeys(range(DAYS * PER_DAY), 0.05)
    ),
    "refused": refused,
    "size": lambda: Evidence(trades(as_it_is, mean=-0.3), loss=500.0),
}


@pytest.fixture(scope="module")
def supported() -> dict[str, set[str]]:
    """What is recommended of each planted case."""
    return {
        name: {found.rule for found in advise(replace(case(), settings=SAID), "s").supported}
        for name, case in PLANTED.items()
    }


def test_every_rule_has_text_test_minimum_and_source() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert {rule.name for rule in RULES} == set(PLANTED)
    for rule in RULES:
        assert rule.source
        assert rule.test
        assert "{gain" in rule.measure
        assert "{low" in rule.measure
        assert (rule.least_trades, rule.least_days) >= (30, 10)


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_can_speak(rule: str, supported: dict[str, set[str]]) -> None:
    assert rule in supported[rule]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_needs_its_minimum(rule: AdviceRule) -> None:
    """What speaks with thirty trades on ten days is silent about one trade less."""
    evidence = PLANTED[rule.name]()
    (whole, *_) = sorted(rule.find(evidence), key=lambda one: -len(one.effects))
    assert whole.has(rule.least_trades, rule.least_days)
    few = replace(whole, effects=whole.effects[: rule.least_trades - 1])
    assert not few.has(rule.least_trades, rule.least_days)
    short = [effect for effect in whole.effects if effect.day < whole.effects[0].day + 9]
    assert not replace(whole, effects=short).has(0, rule.least_days)
    strict = replace(rule, least_trades=len(whole.effects) + 1)
    assert advise(evidence, "s", (strict,)).family < advise(evidence, "s", (rule,)).family


def test_both_halves_of_the_time_must_agree() -> None:
    """An hour that lost in the first weeks and then was left out by nobody, but gained: nothing is said, whatever its sum is."""
    middle = BEGIN + DAYS // 2 * DAY
    early = worse(lambda t: t.hour == 8 and t.time < middle, 25.0)
    hour = next(r for r in RULES if r.name == "hour")
    assert advise(worse(lambda t: t.hour == 8, 12.0), "s", (hour,)).supported
    later = [replace(t, pnl=6.0) if t.hour == 8 and t.time >= middle else t for t in early.trades]
    silent = advise(replace(early, trades=later), "s", (hour,))
    assert silent.closest is not None
    assert silent.closest.corrected <= 0.05
    assert not silent.supported
    only_early = [t for t in early.trades if t.hour != 8 or t.time < middle]  # nothing of it later
    gone = advise(replace(early, trades=only_early), "s", (hour,))
    assert gone.closest is not None
    assert gone.closest.corrected <= 0.05
    assert not gone.supported


def test_what_is_told_of_a_change(supported: dict[str, set[str]]) -> None:
    """Consider, what, evidence, effect with interval, chance before and after, by which test, what it does not show, how to set it."""
    advice = advise(replace(PLANTED["hour"](), settings=SAID), "s")
    lines = in_words(
        replace(advice, supported=tuple(f for f in advice.supported if f.rule == "hour"))
    )
    assert lines[0].startswith("Consider no entries from 08:00 to 08:59 UTC: 77 trades, ")
    assert " USDT (+" in lines[0]
    assert "95 % from +" in lines[0]
    assert "; by the signs of days in the difference from the others p " in lines[0]
    assert lines[1].startswith("  It does not show ")
    assert lines[2:] == [
        "  Setting: blackout_hours = [0, 1, 8, 22, 23] in [risk.paper]",
        "  To see it played again: --set-signal skip_hours=8",
    ]
    tighter = advise(PLANTED["stop too wide"](), "s").supported
    (found,) = [one for one in tighter if one.rule == "stop too wide"]
    count = sum(t.gross < 0 for t in trades(never_behind))  # winners never come near a stop
    assert "a place freed earlier" in found.not_shown
    assert f"It would have changed {count} of {DAYS * PER_DAY} trades on " in found.measured
    monday = advise(replace(PLANTED["weekday"](), settings=SAID), "s")
    assert "  Setting: none; the strategy would have to do it itself" in in_words(monday)


# -- no limit is loosened ---------------------------------------------------------------------------


def everything(settings: RunSettings) -> Evidence:
    """Return evidence that every rule finds something in."""
    rows = trades(never_behind)
    rows = [replace(t, reason=("stop", "target")[t.id % 2]) for t in rows]
    told = [
        RefusedEntry(trade.time, rule, 5.0)
        for trade in rows
        for rule in (*WITHIN, "halted", "stop", "other")
    ]
    held = {trade.id: HeldOn(1.0, False) for trade in rows}
    return Evidence(rows, told, held, {t.id: 0.0 for t in rows}, 100.0, None, settings)


@settings(max_examples=30, deadline=None)
@given(
    st.sets(st.integers(0, 23)),
    st.decimals(1, 10_000, places=2),
    st.sampled_from(["paper", "live", "bench"]),
)
def test_no_rule_loosens_a_limit(hours: set[int], cap: Decimal, profile: str) -> None:
    """Of every suggestion of every rule: what it sets in [risk] is tighter than it was, and no rule says to loosen one."""
    caps = {} if profile == "bench" else {"position_value": cap, "trade_loss": cap / 10}
    said = RunSettings(SAID.params, profile, sorted(hours), caps)
    evidence = everything(said)
    told = [candidate for rule in RULES for candidate in rule.find(evidence)]
    assert {one.rule for one in told} >= {rule.name for rule in RULES} - {"costs"}
    for one in told:
        for name, value in risk_keys(one.config):
            if name == "blackout_hours":
                assert set(value) > hours or set(value) == hours
            else:
                assert Decimal(str(value)) < caps[name]
        for word in (
            "loosen",
            "raise",
            "lift",
            "larger",
            "higher",
            "more positions",
            "longer stop",
        ):
            assert word not in one.what
    refusals = [one for one in told if one.rule == "refused"]
    assert len(refusals) == len(WITHIN)
    assert all("stays where it is" in one.what and not one.config for one in refusals)


def risk_keys(config: str) -> list[tuple[str, Any]]:
    """Return the keys of a [risk] line with their values."""
    text, mark, _ = config.partition(" in [risk.")
    if not mark or "=" not in text:
        return []
    if text.startswith("blackout_hours"):
        return [("blackout_hours", ast.literal_eval(text.partition("= ")[2]))]
    parts = [part.split(" = ") for part in text.split(", ")]
    return [(name, Decimal(value)) for name, value in parts]


def test_every_line_is_one_of_bot_toml(tmp_path: Path) -> None:
    """What a recommendation prints can be put where it says, and is what was meant."""
    for profile in ("paper", "live"):
        evidence = everything(replace(SAID, profile=profile))
        told = [candidate for rule in RULES for candidate in rule.find(evidence)]
        lines = {one.config for one in told if one.config}
        assert len(lines) > 15
        for line in sorted(lines):
            text, _, section = line.rpartition(" in ")
            path = tmp_path / "bot.toml"
            keys = text.replace(", position_value", "\nposition_value").replace(
                ", trade_loss", "\ntrade_loss"
            )
            path.write_text(f"{section}\n{keys}\n")
            if profile == "live" and "position_value" in keys:
                continue  # no live ceiling is as high as these caps
            config = load_config(path, {})
            if "blackout_hours" in keys:
                hours = getattr(config.risk, profile).blackout_hours
                assert set(hours) >= set(SAID.blackout_hours)
            elif "_atr" in keys:
                (share,) = config.strategy.params.values()
                assert 0 < float(share) <= 6


def test_a_smaller_size_is_a_tighter_cap() -> None:
    assert size_line(SAID, 0.6) == "position_value = 600, trade_loss = 60 in [risk.paper]"
    for share in (-0.5, 0.0, 1.0, 1.4):
        assert size_line(SAID, share) == ""
    assert size_line(replace(SAID, caps={}), 0.5) == ""
    thin = trades(lambda t, _: replace(t, pnl=(-9.0, 10.5)[t.id % 2], risk=None))
    (found,) = next(r for r in RULES if r.name == "size").find(
        Evidence(thin, loss=90.0, settings=SAID)
    )
    share = int(found.what.split(" %")[0])
    assert 0 < share < 100
    assert f"position_value = {share}" in found.config or "position_value = " in found.config


def test_lines_are_those_of_the_run() -> None:
    assert distance_line(SAID, "stop_atr", 1.5) == "stop_atr = 3.0 in [strategy.params]"
    assert distance_line(SAID, "target_atr", 0.65) == "target_atr = 2.6 in [strategy.params]"
    assert distance_line(replace(SAID, params={}), "stop_atr", 1.5) == ""
    assert distance_line(replace(SAID, params={"stop_atr": 0.0}), "stop_atr", 1.5) == ""
    assert hour_line(None, 3) == "3 added to blackout_hours in [risk.PROFILE]"
    assert {field.name for field in fields(RunSettings)} == {
        *("params", "profile", "blackout_hours", "caps")
    }
