"""What was used of the limits, what they refused, and how long anything was held."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from math import fsum

from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import ZERO, quotient_at_8
from tradebot.core.state.margin import isolated_margin, liquidation_risk
from tradebot.journal.view import TradeRow
from tradebot.reports.monthly.curve import Day, Knot
from tradebot.reports.monthly.groups import ClosedTrade
from tradebot.reports.monthly.period import Period
from tradebot.reports.monthly.record import Judgement, RunHistory, Stay
from tradebot.reports.monthly.value import LimitUse, RefusalCount
from tradebot.reports.weekdays import place_of

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


def stays_in(records: Sequence[RunHistory], period: Period) -> list[Stay]:
    """Return the positions that were open in a period, from when to when in it; one that a run left open until the run's end."""
    return [
        stay._replace(opened=max(stay.opened, period.first), closed=min(closed, period.last))
        for record in records
        for stay in record.stays
        for closed in (max(stay.opened, record.last) if stay.closed is None else stay.closed,)
        if stay.opened < period.last and closed > period.first
    ]


def time_in_market(stays: Sequence[Stay], part: Sequence[Knot]) -> float | None:
    """Return for how much of the time on the curve a position was open, in percent."""
    if len(part) < 2 or part[-1].at <= part[0].at:
        return None
    first, last = part[0].at, part[-1].at
    spans = sorted((max(first, stay.opened), min(last, stay.closed or last)) for stay in stays)
    held, end = 0, first
    for start, stop in spans:
        held += max(0, stop - max(start, end))
        end = max(end, stop)
    return 100.0 * held / (last - first)


def limit_uses(
    caps: Mapping[str, Decimal],
    trades: Sequence[ClosedTrade],
    stays: Sequence[Stay],
    days: Sequence[Day],
    part: Sequence[Knot],
    leverage: int,
) -> list[LimitUse]:
    """Return how much of each limit trades, positions and days have used, of those that bind; ``part`` is the curve."""
    shares = list(_shares_of_equity(stays, part))
    used: dict[str, Sequence[Decimal | float]] = {
        "position_value": [stay.value for stay in stays],
        "trade_loss": [max(ZERO, -t.row.pnl) for t in trades],
        "day_loss": [max(ZERO, -day.pnl) for day in days],
        "week_loss": [max(ZERO, -pnl) for pnl in _weeks(days)],
        "max_positions": [Decimal(count) for count in _together(stays)],
        "leverage": shares,
        "margin_utilisation_pct": [share / leverage * 100 for share in shares],
        "liquidation_close_pct": [near for t in trades if (near := _nearest(t.row, leverage))],
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


def _shares_of_equity(stays: Sequence[Stay], part: Sequence[Knot]) -> Iterator[float]:
    """Yield what was open right after each entry, at entry prices, as a share of the equity then."""
    moves = [(stay.opened, 1, float(stay.value)) for stay in stays]
    moves += [(stay.closed, 0, -float(stay.value)) for stay in stays if stay.closed is not None]
    times = [knot.at for knot in part]
    held = 0.0
    for at, entered, value in sorted(moves):
        held += value
        equity = float(part[max(0, bisect_right(times, at) - 1)].equity) if part else 0.0
        if entered and equity > 0:
            yield held / equity


def _nearest(row: TradeRow, leverage: int) -> float | None:
    """Return how near liquidation a trade came, as its limit is measured: at its worst price; None where that is not known."""
    if row.mae is None or not row.qty or row.symbol not in INSTRUMENTS:
        return None
    qty = row.qty if row.side == "long" else -row.qty
    worst = row.entry_price + quotient_at_8(row.mae, qty, ROUND_HALF_EVEN)
    margin = isolated_margin(qty, row.entry_price, leverage)
    instrument = INSTRUMENTS[row.symbol]
    return float(liquidation_risk(instrument, qty, row.entry_price, margin, worst))


def _weeks(days: Sequence[Day]) -> list[Decimal]:
    """Return the results of weeks, Monday to Monday UTC."""
    weeks: dict[int, Decimal] = {}
    for day in days:
        week, _ = place_of(day.at)
        weeks[week] = weeks.get(week, ZERO) + day.pnl
    return list(weeks.values())


def _together(stays: Sequence[Stay]) -> Iterator[int]:
    """Yield how many positions were open right after each entry."""
    moves = [(stay.opened, 1) for stay in stays]
    moves += [(stay.closed, -1) for stay in stays if stay.closed is not None]
    count = 0
    for _, step in sorted(moves):
        count += step
        if step > 0:
            yield count


def refusal_counts(signals: Iterable[Judgement], period: Period) -> list[RefusalCount]:
    """Return by rule how many entries were refused in a period, and what hypothetical trades of refused ones came to.

    These count where they closed, as trades do: what becomes known after a month changes nothing about it.
    """
    refused: Counter[str] = Counter()
    known: dict[str, list[Decimal]] = {}
    for signal in signals:
        if signal.verdict != "refused":
            continue
        closed = signal.closed is not None and period.holds(signal.closed)
        for rule in dict.fromkeys(rule_of(text) for text in signal.refusals):
            refused[rule] += period.holds(signal.at)
            if closed and signal.outcome is not None:
                known.setdefault(rule, []).append(signal.outcome)
    counts = [
        RefusalCount(rule, count, len(found), sum(found, ZERO) if found else None)
        for rule, count in refused.items()
        if count or rule in known
        for found in (known.get(rule, []),)
    ]
    return sorted(counts, key=lambda count: (-count.signals, count.rule))


def rule_of(text: str) -> str:
    """Return the rule of a refusal's words; ``other`` where none is known by them."""
    return next((rule for rule, words in RULES if re.search(words, text)), "other")


__all__ = ["limit_uses", "refusal_counts", "rule_of", "stays_in", "time_in_market"]
