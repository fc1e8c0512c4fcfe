"""From a journal's rows to a report: one pure function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import sqrt

from tradebot.core.ghost.quality import SMALL, Z95, wilson
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import ZERO, exact
from tradebot.core.model.times import of_iso
from tradebot.core.model.values import DAY_MS
from tradebot.core.state.margin import liquidation_price
from tradebot.journal.view import TradeRow
from tradebot.reports.charts import MOST_POINTS, thinned
from tradebot.reports.monthly.bridge import Bridge, bridge_of, closed_in
from tradebot.reports.monthly.comparison import Benchmark, Growth, compare
from tradebot.reports.monthly.curve import (
    Day,
    Knot,
    Spell,
    days_of,
    falls_of,
    gaps,
    linked,
    spells,
    within,
)
from tradebot.reports.monthly.groups import ClosedTrade, costs_of, groups_of
from tradebot.reports.monthly.held import benchmarks_of
from tradebot.reports.monthly.period import Period, month_of
from tradebot.reports.monthly.ratios import deviation, mean, ranks, ratios_of
from tradebot.reports.monthly.record import RunHistory
from tradebot.reports.monthly.stints import stints_of
from tradebot.reports.monthly.usage import limit_uses, refusal_counts, stays_in, time_in_market
from tradebot.reports.monthly.value import (
    Bin,
    FillCosts,
    MonthResult,
    Report,
    ReportedRun,
    RiskFigures,
    StopsReach,
    Summary,
    TradeMark,
)
from tradebot.reports.signal_quality import bootstrap

DEEPEST = 5
"""Drawdowns a report lists."""

MOST_RESAMPLED = 1_000
"""Of more trades than this the mean is as good as normal, and drawing them anew takes seconds."""

BINS = tuple(x / 2 for x in range(-6, 7))
"""Edges of the histogram of results, in R."""


def report_of(
    records: Sequence[RunHistory],
    period: Period,
    benchmarks: Sequence[Benchmark] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Return the report on runs that follow one another, over a period.

    ``records`` are those with anything in it or before it, the oldest first; at least one. ``benchmarks`` come from
    outside; what was traded, held, is always among them.
    """
    with exact():
        return _report(records, period, benchmarks, notes)


def _report(
    records: Sequence[RunHistory],
    period: Period,
    benchmarks: Sequence[Benchmark],
    notes: Sequence[str],
) -> Report:
    inside = [r for r in records if r.points and r.first < period.last and r.last >= period.first]
    chosen = inside or records[-1:]
    knots = linked(records)
    part = within(knots, period)
    falls = spells(part)
    trades = list(traded(chosen, period))
    days = days_of(knots, period, [trade.row.exit_time for trade in trades])
    bridge, alone = bridge_of(chosen, period), len(chosen) == 1
    newest = chosen[-1]
    begun = max(period.first, part[0].at) if part else period.first
    ended = min(period.last, part[-1].at) if part else period.first
    partial = begun > period.first or _short(ended, period)
    depth, below = falls_of(part)
    shown = thinned(below, MOST_POINTS)
    del below  # as long as the curve
    curve = Growth([knot.at for knot in part], [knot.growth for knot in part])
    compared = [*benchmarks_of(chosen, period, ended), *benchmarks]
    return Report(
        title=_title(newest, period, partial, begun, ended),
        mode=newest.mode,
        venue=newest.venue,
        market=newest.market,
        first=period.first,
        last=period.last,
        begun=begun,
        ended=ended,
        partial=partial,
        runs=[
            _reported(record, period, bridge if alone else bridge_of([record], period))
            for record in chosen
        ],
        head=_head(trades, bridge, depth, part, falls),
        bridge=bridge,
        risk=_risk(chosen, period, trades, days, part),
        groups=groups_of(trades),
        stints=stints_of(records, period),
        drawdowns=sorted(falls, key=lambda s: (-s.depth_pct, s.peak))[:DEEPEST],
        days=days,
        months=_months(knots, period),
        marks=[_mark(trade) for trade in trades],
        r_multiples=_histogram([trade.r for trade in trades]),
        fill_costs=_fill_costs(trades),
        stops=_stops(trades, records[-1].leverage),
        latency_p50_ms=records[-1].latency_ms[0],
        latency_p99_ms=records[-1].latency_ms[1],
        benchmarks=[compare(benchmark, curve, period.last) for benchmark in compared],
        curve=thinned([(knot.at, float(knot.equity)) for knot in part], MOST_POINTS),
        falls=shown,
        notes=(*notes, *_notes(bridge, part, trades)),
        income=list(_income_notes(records, period)),
    )


def _short(ended: int, period: Period) -> bool:
    """Whether the curve ends before the period: by more than the hour in which it is noted last."""
    return ended < period.last - 3_600_000


def _title(newest: RunHistory, period: Period, partial: bool, begun: int, ended: int) -> str:
    words = f"{newest.mode.capitalize()}, {period.name}"
    if not partial:
        return words
    return f"{words} (partial: {Period(begun, ended).name})"


def traded(records: Sequence[RunHistory], period: Period) -> Iterator[ClosedTrade]:
    """Yield the trades that closed in a period, in order, with strategy and tier."""
    for record in records:
        tiers = {signal.id: signal.tier for signal in record.signals}
        name = f"{record.strategy} {record.strategy_hash[:6]}".strip()
        for row in closed_in(record, period):
            yield ClosedTrade(row, name, tiers.get(row.signal, "-"), costs_of(row))


def _reported(record: RunHistory, period: Period, own: Bridge) -> ReportedRun:
    """Return a run of several: ``own`` is its part of the bridge."""
    return ReportedRun(
        run=record.run,
        strategy=record.strategy,
        strategy_hash=record.strategy_hash,
        market=record.market,
        first=max(record.first, period.first),
        last=min(record.last, period.last),
        start_equity=own.start_equity,
        end_equity=own.end_equity,
        net=own.net,
        trades=len(closed_in(record, period)),
    )


def _head(
    trades: Sequence[ClosedTrade],
    bridge: Bridge,
    depth: Decimal,
    part: Sequence[Knot],
    falls: Sequence[Spell],
) -> Summary:
    results = [float(trade.row.pnl) for trade in trades]
    wins, losses = [x for x in results if x > 0], [x for x in results if x < 0]
    low, high, method = _interval(results)
    win_low, win_high = wilson(len(wins), len(results))
    win, loss = mean(wins), mean(losses)
    worst = max(falls, key=lambda spell: spell.depth_pct, default=None)
    growth = part[-1].growth / part[0].growth - 1 if part and part[0].growth else None
    return Summary(
        net=bridge.net,
        return_pct=None if growth is None else 100.0 * growth,
        drawdown=depth,
        drawdown_pct=0.0 if worst is None else worst.depth_pct,
        drawdown_days=0.0 if worst is None else worst.days,
        trades=len(trades),
        small=len(trades) < SMALL,
        expectancy=mean(results),
        expectancy_low=low,
        expectancy_high=high,
        expectancy_method=method,
        win_rate_pct=100.0 * len(wins) / len(results) if results else None,
        win_rate_low_pct=win_low,
        win_rate_high_pct=win_high,
        average_win=win,
        average_loss=loss,
        payoff_ratio=None if win is None or loss is None else win / -loss,
        profit_factor=sum(wins) / -sum(losses) if losses else None,
        sentence=sentence(bridge, len(trades)),
    )


def _interval(results: Sequence[float]) -> tuple[float | None, float | None, str]:
    middle, spread = mean(results), deviation(results)
    if middle is None or spread is None:
        return None, None, "none"
    if len(results) > MOST_RESAMPLED:
        half = Z95 * spread / sqrt(len(results))
        return middle - half, middle + half, "95 %, normal"
    low, high, count = bootstrap(results)
    return low, high, f"95 %, bootstrap of trades, {count} resamples"


def sentence(bridge: Bridge, trades: int) -> str:
    """Return the result in one sentence."""
    gross, costs, net = bridge.gross, bridge.costs, bridge.net
    if not trades:
        return "No trade was closed." if not net else "No trade was closed; what is open has moved."
    if costs <= 0:
        return f"Costs were nil or less: {_usd(-costs)} came in on top of the gross result."
    if not gross:
        return f"The trades came to nothing before costs, and costs were {_usd(costs)}."
    times = abs(float(costs) / float(gross))
    if gross > 0 and net > 0:
        return f"Costs took {100 * times:.0f} % of the gross result of {_usd(gross)}."
    if gross > 0:
        return f"Costs were {times:.1f} times the gross result: {_usd(gross)} earned, {_usd(costs)} paid."
    if times >= 1:
        return f"Costs were {times:.1f} times the gross result, which was a loss itself ({_usd(gross)})."
    return f"The trades lost {_usd(-gross)} before costs of {_usd(costs)}."


def _usd(value: Decimal) -> str:
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def _risk(
    records: Sequence[RunHistory],
    period: Period,
    trades: Sequence[ClosedTrade],
    days: Sequence[Day],
    part: Sequence[Knot],
) -> RiskFigures:
    moved = sum((t.row.qty * (t.row.entry_price + t.row.exit_price) for t in trades), ZERO)
    average = sum(float(knot.equity) for knot in part) / len(part) if part else 0.0
    halts = Counter(
        halt.reason
        for record in records
        for halt in record.halts
        if halt.event == "halted" and period.holds(halt.at)
    )
    stays = stays_in(records, period)
    return RiskFigures(
        ratios=ratios_of([day.growth for day in days]),
        time_in_market_pct=time_in_market(stays, part),
        turnover=float(moved) / average if average > 0 else None,
        traded=moved,
        limits=limit_uses(records[-1].caps or {}, trades, stays, days, part, records[-1].leverage),
        halts=dict(sorted(halts.items())),
        refusals=refusal_counts((s for record in records for s in record.signals), period),
    )


def _months(knots: Sequence[Knot], period: Period) -> list[MonthResult]:
    """Return every month up to the period's last with anything on the curve."""
    if not knots:
        return []
    rows, month = [], month_of(knots[0].at)
    while month.first < min(period.last, knots[-1].at + 1):
        part = within(knots, month)
        if part and (part[-1].at > month.first or len(part) > 1):
            code = month.code
            growth = part[-1].growth / part[0].growth - 1 if part[0].growth else 0.0
            net = part[-1].pnl - part[0].pnl
            rows.append(MonthResult(int(code[:4]), int(code[5:]), net, 100.0 * growth))
        month = month_of(month.last)
    return rows


def _mark(trade: ClosedTrade) -> TradeMark:
    row = trade.row
    words = f"{row.symbol} {row.side} {float(row.pnl):+,.2f} ({row.exit_reason})"
    return TradeMark(row.exit_time, row.pnl, row.mae, row.mfe, trade.r, words)


def _histogram(values: Sequence[float | None]) -> list[Bin]:
    known = [value for value in values if value is not None]
    if not known:
        return []
    edges = (None, *BINS, None)
    counts = [0] * (len(edges) - 1)
    for value in known:
        counts[sum(1 for edge in BINS if value >= edge)] += 1
    return [Bin(edges[i], edges[i + 1], count) for i, count in enumerate(counts)]


def _fill_costs(trades: Sequence[ClosedTrade]) -> FillCosts:
    """Return what fills cost against their decisions, each trade's in basis points of what it traded."""
    costs = [
        -float(t.row.slippage) / float(t.row.qty * (t.row.entry_price + t.row.exit_price)) * 1e4
        for t in trades
        if t.row.slippage is not None and t.row.qty
    ]
    return FillCosts(len(costs), *(ranks(costs) or (None, None, None)))


def _stops(trades: Sequence[ClosedTrade], leverage: int) -> StopsReach:
    """Return how far of the way to liquidation stops were; one that cannot be liquidated is at 0."""
    ways = sorted(way for trade in trades if (way := _way(trade.row, leverage)) is not None)
    if not ways:
        return StopsReach(0, None, None)
    return StopsReach(len(ways), ways[(len(ways) - 1) // 2], ways[-1])


def _way(row: TradeRow, leverage: int) -> float | None:
    if row.stop is None or row.symbol not in INSTRUMENTS:
        return None
    qty = row.qty if row.side == "long" else -row.qty
    end = liquidation_price(INSTRUMENTS[row.symbol], qty, row.entry_price, leverage)
    if end is None:
        return 0.0
    return float(abs(row.stop - row.entry_price)) / float(abs(end - row.entry_price)) * 100


def _income_notes(records: Sequence[RunHistory], period: Period) -> Iterator[str]:
    """Say whether the exchange's income and the ledger agree; nothing where no exchange was traded."""
    for record in records:
        if record.income is None or record.last < period.first:
            continue
        inside = [row for row in sorted(record.income.items()) if period.holds(of_iso(row[0]))]
        if not inside:
            yield f"{record.run}: the exchange's income and the ledger agree to the cent on every day."
            continue
        said = ", ".join(f"{day} {float(rest):+,.2f}" for day, rest in inside)
        yield f"{record.run}: the exchange's income says more than the ledger, USDT: {said}."


def _notes(bridge: Bridge, part: Sequence[Knot], trades: Sequence[ClosedTrade]) -> Iterator[str]:
    if bridge.unpriced:
        yield (
            f"Of {bridge.unpriced} of {len(trades)} trades it is not known at what price they were decided:"
            " their slippage is in the gross result."
        )
    if trades and not any(trade.row.funding for trade in trades):
        yield "Funding counts as 0: none was booked. A run of files without a funding file has none."
    for first, last, pnl in gaps(part):
        hours = (last - first) / (DAY_MS / 24)
        yield (
            f"The engine was off for {hours:.1f} hours up to {Period(last, last).name.split(' to ')[0]}:"
            f" {float(pnl):+,.2f} USDT of that time are in the result, and in no return."
        )
    if bridge.restarts:
        yield f"Runs began with {float(bridge.restarts):+,.2f} USDT against what the ones before had ended with."


__all__ = ["report_of", "sentence", "traded"]
