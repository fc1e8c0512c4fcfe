"""What was used of the limits, what they refused, and how long anything was held."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import fsum

from tradebot.core.model.money import ZERO
from tradebot.core.model.values import DAY_MS
from tradebot.reports.monthly.curve import Day, Knot
from tradebot.reports.monthly.groups import ClosedTrade
from tradebot.reports.monthly.record import Judgement
from tradebot.reports.monthly.value import LimitUse, RefusalCount

RULES = (
    ("barred", r"entries are barred"),
    *(("halted", r"trading is halted"), ("blackout", r"no entries in the hour")),
    *(("entry interval", r"last entry was"), ("position value", r"position value|position cap")),
    *(
        ("trade loss", r"loss at the stop|loss limit of"),
        ("positions", r"(?:positions?|entries) (?:is|are) open|open positions"),
    ),
    *(("day loss", r"day"), ("week loss", r"week"), ("stop", r"stop"), ("target", r"target")),
    *(
        ("margin", r"margin would"),
        ("stale", r"old; entries|bar closed"),
        ("size", r"smallest order|order value"),
    ),
    *(("paused", r"wait|does not trade|no price"),),
)
"""Rules by the words of their refusals, the first that fits: a journal keeps the words."""


def time_in_market(trades: Sequence[ClosedTrade], part: Sequence[Knot]) -> float | None:
    """Return for how much of the time on the curve a position was open, in percent; of closed trades."""
    if len(part) < 2 or part[-1].at <= part[0].at:
        return None
    first, last = part[0].at, part[-1].at
    spans = sorted((max(first, t.row.entry_time), min(last, t.row.exit_time)) for t in trades)
    held, end = 0, first
    for start, stop in spans:
        held += max(0, stop - max(start, end))
        end = max(end, stop)
    return 100.0 * held / (last - first)


def limit_uses(
    caps: Mapping[str, Decimal],
    trades: Sequence[ClosedTrade],
    days: Sequence[Day],
    part: Sequence[Knot],
    leverage: int,
) -> list[LimitUse]:
    """Return how much of each limit trades and days have used, of those that bind; ``part`` is the curve."""
    shares = list(_shares_of_equity(trades, part))
    used: dict[str, Sequence[Decimal | float]] = {
        "position_value": [t.row.qty * t.row.entry_price for t in trades],
        "trade_loss": [max(ZERO, -t.row.pnl) for t in trades],
        "day_loss": [max(ZERO, -day.pnl) for day in days],
        "week_loss": [max(ZERO, -pnl) for pnl in _weeks(days)],
        "max_positions": [Decimal(count) for count in _together(trades)],
        "leverage": shares,
        "margin_utilisation_pct": [share / leverage * 100 for share in shares],
    }
    return [
        LimitUse(
            rule,
            cap,
            100.0 * fsum(map(float, values)) / float(cap) / len(values),
            100.0 * float(max(values)) / float(cap),
            len(values),
        )
        for rule, values in used.items()
        if values and (cap := caps.get(rule))
    ]


def _shares_of_equity(trades: Sequence[ClosedTrade], part: Sequence[Knot]) -> Iterator[float]:
    """Yield what was open right after each entry, at entry prices, as a share of the equity then."""
    moves = [(t.row.entry_time, 1, float(t.row.qty * t.row.entry_price)) for t in trades]
    moves += [(t.row.exit_time, 0, -value) for t, (_, _, value) in zip(trades, moves, strict=True)]
    times = [knot.at for knot in part]
    held = 0.0
    for at, entered, value in sorted(moves):
        held += value
        equity = float(part[max(0, bisect_right(times, at) - 1)].equity) if part else 0.0
        if entered and equity > 0:
            yield held / equity


def _weeks(days: Sequence[Day]) -> list[Decimal]:
    """Return the results of weeks, Monday to Monday UTC."""
    weeks: dict[int, Decimal] = {}
    for day in days:
        week = (day.at // DAY_MS + 3) // 7  # 1970 began on a Thursday
        weeks[week] = weeks.get(week, ZERO) + day.pnl
    return list(weeks.values())


def _together(trades: Sequence[ClosedTrade]) -> Iterator[int]:
    """Yield how many positions were open right after each entry."""
    moves = sorted(
        [(t.row.entry_time, 1) for t in trades] + [(t.row.exit_time, -1) for t in trades]
    )
    count = 0
    for _, step in moves:
        count += step
        if step > 0:
            yield count


def refusal_counts(signals: Sequence[Judgement]) -> list[RefusalCount]:
    """Return by rule how many entries were refused, and what hypothetical trades of them came to."""
    found: dict[str, list[Judgement]] = {}
    for signal in signals:
        if signal.verdict == "refused":
            for rule in dict.fromkeys(rule_of(text) for text in signal.refusals):
                found.setdefault(rule, []).append(signal)
    counts = []
    for rule, members in sorted(found.items(), key=lambda item: (-len(item[1]), item[0])):
        known = [signal.outcome for signal in members if signal.outcome is not None]
        counts.append(
            RefusalCount(rule, len(members), len(known), sum(known, ZERO) if known else None)
        )
    return counts


def rule_of(text: str) -> str:
    """Return the rule of a refusal's words; ``other`` where none is known by them."""
    return next((rule for rule, words in RULES if re.search(words, text)), "other")


__all__ = ["limit_uses", "refusal_counts", "rule_of", "time_in_market"]
