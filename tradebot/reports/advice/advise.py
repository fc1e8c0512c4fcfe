"""From closed trades to what should be changed, or to the words that nothing is supported."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tradebot.reports.advice import costs, exits, parts, ruin
from tradebot.reports.advice.candidates import (
    LEAST_DAYS,
    LEAST_TRADES,
    PART_DAYS,
    PART_TRADES,
    Candidate,
)
from tradebot.reports.advice.outcomes import Evidence
from tradebot.reports.advice.resampling import DRAWS, LEVEL, MORE_DRAWS, holm, interval, sign_flips

CHANGED = (
    "It would have changed {n} trades on {days} days by {gain:+.2f} USDT"
    " ({each:+.2f} {unit} a trade, 95 % from {low:+.2f} to {high:+.2f}"
)
MOVED = CHANGED.replace("{n} trades", "{changed} of {n} trades")
"""Of stops and targets: many a trade ends as before."""

EACH = " ({each:.2f} {unit} each, 95 % from {low:.2f} to {high:.2f}"


GAIN = "the signs of its days' gains"
REST = "the signs of days in the difference from the others"
"""How a rule is tested, as said beside its chance."""


@dataclass(frozen=True, slots=True)
class AdviceRule:
    """A cause that is looked for. Rules see ``Evidence`` only; ``source`` says where the idea is from.

    ``measure`` puts the effect in words: what leaving out or moving would have changed, or, of a rule that does neither, what
    was seen. ``test`` says what its chance is the chance of; ``least_trades`` on ``least_days`` are needed of what it concerns. Of an
    ``exclusive`` rule's changes only the best supported one is told: they are variants of one.
    """

    name: str
    find: Callable[[Evidence], Iterable[Candidate]]
    source: str
    measure: str = CHANGED
    test: str = GAIN
    least_trades: int = PART_TRADES
    least_days: int = PART_DAYS
    exclusive: bool = False


SWEENEY = "J. Sweeney, Maximum Adverse Excursion (1997)"
PART = "contrast of a part with the rest: R. A. Fisher, The Design of Experiments (1935)"

RULES = (
    AdviceRule(
        "costs",
        costs.costs_over_edge,
        "break-even of gross result and costs: R. Kissell, The Science of Algorithmic Trading (2013)",
        "After all costs {n} trades on {days} days lost {gain:.2f} USDT" + EACH,
    ),
    AdviceRule(
        "target in costs",
        costs.target_in_costs,
        "break-even of target and costs: R. Kissell, The Science of Algorithmic Trading (2013)",
        "At their targets {n} trades on {days} days lost {gain:.2f} USDT" + EACH,
    ),
    AdviceRule("stop too wide", exits.tighter_stop, SWEENEY, MOVED, exclusive=True),
    AdviceRule("stop too tight", exits.wider_stop, SWEENEY, MOVED),
    AdviceRule("target", exits.nearer_target, SWEENEY, MOVED, exclusive=True),
    AdviceRule("hour", parts.hours, PART, test=REST),
    AdviceRule("weekday", parts.weekdays, PART, test=REST),
    AdviceRule("symbol", parts.symbols, PART, test=REST),
    AdviceRule("side", parts.sides, PART, test=REST),
    AdviceRule("tier", parts.tiers, PART, test=REST, exclusive=True),
    AdviceRule(
        "confidence",
        parts.order_of_confidence,
        PART,
        "With the other tier's mean {n} trades on {days} days would have come to {gain:.2f} USDT more"
        + EACH,
        REST,
        exclusive=True,
    ),
    AdviceRule(
        "slippage",
        costs.slippage_over_model,
        "paid against modelled: A. F. Perold, The Implementation Shortfall (1988)",
        "Fills of {n} trades on {days} days cost {gain:.2f} USDT more than modelled" + EACH,
    ),
    AdviceRule(
        "refused",
        costs.refused_and_good,
        "hypothetical results of refused entries, entered and left by the simulated exchange's rules",
        "The {n} refused entries, on {days} days, would have earned {gain:.2f} USDT" + EACH,
    ),
    AdviceRule(
        "size",
        ruin.size_too_large,
        "D. R. Cox and H. D. Miller, The Theory of Stochastic Processes (1965)",
        "Of what this size needs {n} trades on {days} days were short by {gain:.2f} USDT" + EACH,
    ),
)
"""Every rule there is; a new one needs its line here and nothing else."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A change that the trades support, or the one that came closest.

    ``gain`` is its effect in all (USDT); ``each``, ``low`` and ``high`` that on a trade it concerns with the 95 % interval, in ``unit``; ``measured``
    is all this in words. ``chance`` is before, ``corrected`` after Holm's correction, of ``test`` if nothing were to be found.
    """

    rule: str
    what: str
    shows: str
    measured: str
    not_shown: str
    config: str
    signal: str
    n: int
    days: int
    gain: float
    unit: str
    each: float
    low: float
    high: float
    test: str
    chance: float
    corrected: float


@dataclass(frozen=True, slots=True)
class Advice:
    """What came out: ``family`` tests were made on ``trades`` trades of ``days`` days; ``too_few`` says why none were."""

    trades: int
    days: int
    family: int
    supported: tuple[Recommendation, ...] = ()
    closest: Recommendation | None = None
    too_few: str = ""


def advise(evidence: Evidence, seed: str, rules: Sequence[AdviceRule] = RULES) -> Advice:
    """Return what the trades support; the same ``seed`` gives the same answer."""
    count, days = len(evidence.trades), evidence.days
    of_all, on_days = evidence.whole or (count, days)
    if of_all < LEAST_TRADES or on_days < LEAST_DAYS:
        few = f"{of_all} trades on {on_days} days; {LEAST_TRADES} on {LEAST_DAYS} are needed"
        return Advice(count, days, 0, too_few=few)
    family = [
        candidate
        for rule in rules
        for candidate in rule.find(evidence)
        if candidate.has(rule.least_trades, rule.least_days)
    ]
    chances = _chances(family, seed)
    corrected = holm(chances)
    found = [
        (candidate, chance, kept)
        for candidate, chance, kept in zip(family, chances, corrected, strict=True)
        if chance < 1
    ]
    found.sort(key=lambda one: one[1])
    single = {rule.name for rule in rules if rule.exclusive}
    words = {rule.name: rule for rule in rules}
    middle = evidence.middle
    best = _best([one for one in found if _stands(one, middle)], single)
    told = [_told(one, words[one[0].rule], seed) for one in best]
    rest = [one for one in found if not _stands(one, middle)]
    closest = _told(rest[0], words[rest[0][0].rule], seed) if rest and not told else None
    return Advice(count, days, len(family), tuple(told), closest)


Found = tuple[Candidate, float, float]
"""A change, its chance, and that after Holm's correction."""


def _stands(found: Found, middle: float) -> bool:
    candidate, _, corrected = found
    return corrected <= LEVEL and candidate.halves_agree(middle)


def _best(found: Sequence[Found], single: set[str]) -> Iterator[Found]:
    """Yield what is told, the best supported first: of a rule with variants only that one."""
    told: set[str] = set()
    for one in found:
        rule = one[0].rule
        if rule not in told or rule not in single:
            told.add(rule)
            yield one


def _chances(family: Sequence[Candidate], seed: str) -> list[float]:
    """Return each test's chance: with more draws where it is near what decides."""
    chances = [_chance(candidate, seed) for candidate in family]
    corrected = holm(chances)
    for place, candidate in enumerate(family):
        if LEVEL / 4 < corrected[place] < LEVEL * 4:
            chances[place] = _chance(candidate, seed, MORE_DRAWS)
    return chances


def _chance(candidate: Candidate, seed: str, draws: int = DRAWS) -> float:
    """Return the chance of its effects without any cause; 1 for a change that would have gained nothing."""
    if math.fsum(effect.gain for effect in candidate.effects) <= 0:
        return 1.0
    return sign_flips(candidate.tested, _draw(candidate, seed), draws)


def _draw(candidate: Candidate, seed: str) -> Random:
    return Random(f"{seed}/{candidate.rule}/{candidate.what}")


def _told(found: Found, rule: AdviceRule, seed: str) -> Recommendation:
    candidate, chance, corrected = found
    effects = candidate.effects
    in_r = all(effect.r is not None for effect in effects)
    days = sorted({effect.day for effect in effects})
    values = [
        (effect.day, effect.r if in_r and effect.r is not None else effect.gain)
        for effect in effects
    ]
    sums = [math.fsum(value for on, value in values if on == day) for day in days]
    counts = [sum(on == day for on, _ in values) for day in days]
    low, high = interval(sums, counts, _draw(candidate, seed))
    figures: dict[str, Any] = {
        "n": len(effects),
        "days": len(days),
        "gain": math.fsum(effect.gain for effect in effects),
        "unit": "R" if in_r else "USDT",
        "each": math.fsum(sums) / len(effects),
        "low": low,
        "high": high,
    }
    return Recommendation(
        rule=rule.name,
        what=candidate.what,
        shows=candidate.shows,
        measured=rule.measure.format(
            changed=sum(effect.gain != 0 for effect in effects), **figures
        ),
        test=rule.test,
        not_shown=candidate.not_shown,
        config=candidate.config,
        signal=candidate.signal,
        **figures,
        chance=chance,
        corrected=corrected,
    )


def in_words(advice: Advice) -> list[str]:
    """Return the advice as lines for people."""
    if advice.too_few:
        return [f"No change can be recommended: {advice.too_few}."]
    if not advice.supported:
        line = f"No change is supported by {advice.trades} trades on {advice.days} days"
        line += f" ({advice.family} possible changes were tested)."
        if advice.closest is not None:
            line += f" The closest was: {_sentence(advice.closest)}"
        return [line]
    lines = []
    for found in advice.supported:
        lines.append(f"Consider {_sentence(found)}")
        lines.append(f"  It does not show {found.not_shown}.")
        if found.config:
            lines.append(f"  Setting: {found.config}")
        elif found.signal:
            lines.append("  Setting: none; the strategy would have to do it itself")
        if found.signal:
            lines.append(f"  To see it played again: --set-signal {found.signal}")
    return lines


def _sentence(found: Recommendation) -> str:
    return (
        f"{found.what}: {found.shows}. {found.measured}; by {found.test} p {found.chance:.2g},"
        f" {found.corrected:.2g} after Holm)."
    )


__all__ = ["RULES", "Advice", "AdviceRule", "Recommendation", "advise", "in_words"]
