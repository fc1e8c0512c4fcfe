"""Parts of the trades that lose where the rest does not: hours, weekdays, symbols, sides, sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from tradebot.reports.advice.candidates import Candidate, contrast, left_out, per_trade, segments
from tradebot.reports.advice.outcomes import Evidence, PastTrade
from tradebot.reports.advice.settings import hour_line, long_only_line
from tradebot.reports.weekdays import WEEKDAYS

TIERS = ("high", "medium", "low")
"""Confidence's tiers, the best first."""

ALONE = (
    "what the trades left out would have kept others from: a free place is taken by the next signal"
)


def hours(evidence: Evidence) -> Iterator[Candidate]:
    """Leave out an hour."""
    for name, part, rest in segments(evidence, range(24), "hour"):
        yield Candidate(
            "hour",
            f"no entries from {name:02d}:00 to {name:02d}:59 UTC",
            _losing(part, rest),
            ALONE,
            left_out(part),
            contrast=contrast(part, rest),
            config=hour_line(evidence.settings, name),
            signal=f"skip_hours={name}",
        )


def weekdays(evidence: Evidence) -> Iterator[Candidate]:
    """Leave out a day of the week."""
    for name, part, rest in segments(evidence, WEEKDAYS, "weekday"):
        yield Candidate(
            *("weekday", f"no entries on {name}, UTC", _losing(part, rest), ALONE),
            effects=left_out(part),
            contrast=contrast(part, rest),
            signal=f"skip_days={name.lower()}",
        )


def symbols(evidence: Evidence) -> Iterator[Candidate]:
    """Leave out a symbol."""
    names = sorted({trade.symbol for trade in evidence.trades})
    for name, part, rest in segments(evidence, names, "symbol"):
        left = ", ".join(f'"{other}"' for other in names if other != name)
        yield Candidate(
            *("symbol", f"not trading {name}", _losing(part, rest), ALONE),
            effects=left_out(part),
            contrast=contrast(part, rest),
            config=f"symbols = [{left}] in [market]",
            signal=f"skip_symbols={name}",
        )


def sides(evidence: Evidence) -> Iterator[Candidate]:
    """Leave out longs, or shorts."""
    for name, part, rest in segments(evidence, ("long", "short"), "side"):
        yield Candidate(
            *("side", f"no {name}s", _losing(part, rest)),
            "whether a market that turns would turn this as well: one side is one kind of weather",
            left_out(part),
            contrast=contrast(part, rest),
            config=long_only_line(evidence.settings) if name == "short" else "",
            signal=f"skip_sides={name}",
        )


FLOORS = {"low": "0.5", "medium": "0.75"}


def tiers(evidence: Evidence) -> Iterator[Candidate]:
    """Leave out the signals with less confidence."""
    trades = [trade for trade in evidence.trades if trade.tier is not None]
    for tier, floor in FLOORS.items():
        out = TIERS[TIERS.index(tier) :]
        part = [trade for trade in trades if trade.tier in out]
        rest = [trade for trade in trades if trade.tier not in out]
        if part and rest:
            yield Candidate(
                *("tier", f"no signals with a confidence below {floor}", _losing(part, rest)),
                ALONE,
                left_out(part),
                contrast=contrast(part, rest),
                signal=f"min_confidence={floor}",
            )


def order_of_confidence(evidence: Evidence) -> Iterator[Candidate]:
    """Say that more confidence, and more size with it, came with worse results."""
    trades = [trade for trade in evidence.trades if trade.tier is not None and trade.r is not None]
    for better, worse in (("high", "medium"), ("high", "low"), ("medium", "low")):
        upper = [trade for trade in trades if trade.tier == better]
        lower = [trade for trade in trades if trade.tier == worse]
        if min(len(upper), len(lower)) < 30:
            continue
        level = fmean(trade.r or 0.0 for trade in lower)
        yield Candidate(
            "confidence",
            f"one size for {better} and {worse} confidence",
            f"{better}: {_r(upper)} a trade (n {len(upper)}), {worse}: {_r(lower)} (n {len(lower)})",
            "what orders outcomes better: only that this confidence does not",
            [per_trade(t, (level - (t.r or 0.0)) * (t.risk or 0.0)) for t in upper],
            contrast=contrast(upper, lower),
        )


def _losing(part: Sequence[PastTrade], rest: Sequence[PastTrade]) -> str:
    said = f"{len(part)} trades, {sum(trade.pnl for trade in part):+.2f} USDT, {_r(part)} a trade"
    return f"{said}; the others {_r(rest)}"


def _r(trades: Sequence[PastTrade]) -> str:
    """Return the mean result in words: planned losses where they are known, else USDT."""
    known = [trade.r for trade in trades]
    if trades and None not in known:
        return f"{fmean(r for r in known if r is not None):+.2f} R"
    return f"{fmean(trade.pnl for trade in trades):+.2f} USDT"
