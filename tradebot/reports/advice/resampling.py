"""Tests whose unit is the day: trades of one day share its weather, so trades are not independent and days nearly are.

Sources: sign flips, R. A. Fisher, The Design of Experiments (1935), section 21; stopping early, J. Besag and P. Clifford, Sequential Monte Carlo
p-values, Biometrika 78 (1991); many tests at once, S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
Statistics 6 (1979); intervals, B. Efron, Bootstrap methods, Annals of Statistics 7 (1979), with whole days drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

LEVEL = 0.05
"""The chance to recommend anything at all where there is nothing to find."""

ENOUGH = 20
"""Draws as large as what was seen after which more would not change that it was nothing."""

DRAWS = 4_999
MORE_DRAWS = 49_999
"""Draws at most, and where the outcome is near what decides."""

_BITS = 8


def sign_flips(days: Sequence[float], draw: Random, draws: int = DRAWS) -> float:
    """Return the chance (0..1, one-sided) of a sum at least as large if each day's sign were a coin's.

    A day's value is the sum over its trades. Stops early, when it is certain to stay above ``LEVEL``.
    """
    seen = math.fsum(days)
    if seen <= 0 or not days:
        return 1.0
    tables = _tables(days)
    as_large, width = 0, len(tables) * _BITS
    most = seen * (1 - 1e-12)
    for number in range(1, draws + 1):
        flips = draw.getrandbits(width).to_bytes(len(tables), "little")
        total = 0.0
        for table, byte in zip(tables, flips, strict=True):
            total += table[byte]
        if total >= most:
            as_large += 1
            if as_large >= ENOUGH and as_large / number > LEVEL:
                return as_large / number
    return (as_large + 1) / (draws + 1)


def _tables(days: Sequence[float]) -> list[list[float]]:
    """Return, for eight days at a time, what they add up to under each pattern of signs."""
    tables = []
    for start in range(0, len(days), _BITS):
        part = days[start : start + _BITS]
        table = [0.0]
        for value in part:
            table = [old - value for old in table] + [old + value for old in table]
        tables.append(table * (256 // len(table)))
    return tables


def holm(chances: Sequence[float]) -> list[float]:
    """Return the chances corrected for being one family: compared with ``LEVEL`` they keep it for all together."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    corrected = [0.0] * len(chances)
    worst = 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (len(chances) - rank) * chances[place]))
        corrected[place] = worst
    return corrected


def interval(
    sums: Sequence[float], counts: Sequence[int], draw: Random, draws: int = 2_000
) -> tuple[float, float]:
    """Return the 95 % interval of the mean per trade, days drawn with replacement (percentiles).

    ``sums`` and ``counts`` are of each day: its total and its trades.
    """
    places = range(len(sums))
    means = []
    for _ in range(draws):
        chosen = draw.choices(places, k=len(sums))
        means.append(sum(sums[i] for i in chosen) / sum(counts[i] for i in chosen))
    means.sort()
    return means[round(0.025 * (draws - 1))], means[round(0.975 * (draws - 1))]
