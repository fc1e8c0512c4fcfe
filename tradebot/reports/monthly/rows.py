"""From the journal to records: which runs tell one story, and what of each is told."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from tradebot.core.ghost.quality import tier_name
from tradebot.core.model.facts import FEES
from tradebot.core.model.money import ZERO
from tradebot.journal import history
from tradebot.journal.history import PricedFill
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow
from tradebot.journal.view import TradeRow
from tradebot.reports.monthly.period import Period, month_of
from tradebot.reports.monthly.record import (
    Flow,
    Halting,
    Judgement,
    Point,
    PointColumns,
    RunHistory,
    Stay,
)

TRANSFER = "transfer"
"""The kind of cash line that is no result."""

SIMULATED = ("local", "none")
"""Venues of runs whose orders no exchange saw."""

MARKETS = ("SIMULATED MARKET", "BINANCE", "DEMO", "LOOPBACK")
"""How labels of markets begin that are never told together with others."""


def world_of(run: RunRow) -> tuple[str, str, str]:
    """Return what must be the same of runs that are told together: mode, venue, kind of market."""
    kind = next((name for name in MARKETS if run.market.startswith(name)), "files")
    return run.mode, run.venue, kind


def spans_of(reader: Reader, runs: Iterable[RunRow]) -> dict[str, tuple[int, int]]:
    """Return the first and last moments (UTC ms) of the runs that have a curve, by id."""
    spans = {run.id: history.bounds(reader, run.id) for run in runs}
    return {run: span for run, span in spans.items() if span is not None}


def chain(
    runs: Sequence[RunRow], spans: dict[str, tuple[int, int]]
) -> tuple[list[RunRow], list[RunRow]]:
    """Return the runs that follow one another, the oldest first, and those left out: the newest goes before.

    ``runs`` come newest first, all of one world. One whose time is another's too is left out.
    """
    kept: list[RunRow] = []
    left: list[RunRow] = []
    for run in runs:
        if run.id not in spans:
            continue
        first, last = spans[run.id]
        free = all(last <= spans[k.id][0] or first >= spans[k.id][1] for k in kept)
        (kept if free else left).append(run)
    return sorted(kept, key=lambda run: spans[run.id]), left


def newest_month(spans: Iterable[tuple[int, int]]) -> Period:
    """Return the newest month that is whole, else the newest with anything in it."""
    known = sorted(spans)
    last = max(end for _, end in known)
    month = month_of(last)
    if last >= month.last - 60_000:
        return month
    before = month_of(month.first - 1)
    return before if known[0][0] <= before.first else month


def record_of(reader: Reader, run: RunRow, period: Period) -> RunHistory:
    """Return what a run has left behind up to the end of a period."""
    points = PointColumns(history.curve(reader, run.id, period.last))
    trades = list(history.trades(reader, run.id, period.last))
    lines = list(history.cash(reader, run.id))
    config = _config(run.config)
    prices: dict[str, list[tuple[int, float]]] = {}
    signals = []
    for signal in history.signals(reader, run.id):
        tier = _tier(signal.confidence)
        told = (signal.verdict, signal.refusals, signal.outcome, signal.closed)
        signals.append(Judgement(signal.time, signal.id, tier, *told))
        if signal.price:
            prices.setdefault(signal.symbol, []).append((signal.time, float(signal.price)))
    resting = []
    for fill in history.fills(reader, run.id):
        prices.setdefault(fill.symbol, []).append((fill.time, float(fill.price)))
        if fill.maker:
            resting.append(fill)
    rates: dict[str, list[tuple[int, float]]] = {}
    for paid in history.funding(reader, run.id):
        rates.setdefault(paid.symbol, []).append((paid.at, float(paid.rate)))
    return RunHistory(
        run=run.id,
        mode=run.mode,
        venue=run.venue,
        market=run.market,
        strategy=run.strategy,
        strategy_hash=run.strategy_hash,
        start_equity=_start(points, run, config),
        points=points,
        trades=trades,
        flows=[Flow(line.at, line.amount) for line in lines if line.kind == TRANSFER],
        other=[Flow(line.at, line.amount) for line in lines if line.kind != TRANSFER],
        maker=maker_fees(trades, resting),
        stays=stays_of(history.fills(reader, run.id), period.last),  # read again, not kept
        signals=signals,
        halts=[Halting(h.ts, h.event, h.reason) for h in reader.halts(run.id)],
        caps=caps_of(config),
        prices=prices,
        rates=rates,
        taker_fee=_decimal(_part(config, "sim").get("taker_fee"), FEES.taker),
        leverage=leverage_of(config),
        latency_ms=_latency(run),
        income=_income(reader, run),
    )


def leverage_of(config: dict[str, Any]) -> int:
    """Return the leverage a run's configuration (JSON) allows; 1 where it names none."""
    risk = _part(config, "risk")
    profile = risk.get("profile", "paper")
    found = _part(risk, profile if isinstance(profile, str) else "paper").get("leverage")
    return found if isinstance(found, int) and found > 0 else 1


def _latency(run: RunRow) -> tuple[str | None, str | None]:
    """Return the median and the 99th percentile from price to order (ms), once a run has ended."""
    told = run.summary or {}
    p50, p99 = (told.get(f"order_latency_{name}_ms") for name in ("p50", "p99"))
    return None if p50 is None else str(p50), None if p99 is None else str(p99)


def _income(reader: Reader, run: RunRow) -> dict[str, Decimal] | None:
    """Return what an exchange's income said beyond the ledger, by day; None where no exchange was traded."""
    if run.venue in SIMULATED:
        return None
    shown = reader.snapshot(run.id)
    return None if shown is None else dict(shown.income_rests)


def _tier(confidence: float | None) -> str:
    return "-" if confidence is None else tier_name(confidence)


def _start(points: Sequence[Point], run: RunRow, config: dict[str, Any]) -> Decimal:
    """Return what a run began with: its first point's, where that is the start; else what was configured."""
    if points and points[0].why == "start":
        return points[0].equity
    if run.summary is not None and "start_equity" in run.summary:
        return _decimal(run.summary["start_equity"], ZERO)
    return _decimal(_part(config, "sim").get("start_equity"), points[0].equity if points else ZERO)


def maker_fees(trades: Sequence[TradeRow], fills: Sequence[PricedFill]) -> dict[int, Decimal]:
    """Return the fees of resting fills by trade id (USDT), for trades that have any."""
    by_symbol: dict[str, list[TradeRow]] = {}
    for trade in trades:
        by_symbol.setdefault(trade.symbol, []).append(trade)
    ends = {symbol: [trade.exit_time for trade in rows] for symbol, rows in by_symbol.items()}
    fees: dict[int, Decimal] = {}
    for fill in fills:
        if fill.maker and fill.symbol in by_symbol:
            index = bisect_left(ends[fill.symbol], fill.time)
            rows = by_symbol[fill.symbol]
            if index < len(rows) and rows[index].entry_time <= fill.time:
                fees[rows[index].id] = fees.get(rows[index].id, ZERO) + fill.fee
    return fees


def stays_of(fills: Iterable[PricedFill], before: int) -> list[Stay]:
    """Return the positions that fills, in order, made before a moment (UTC ms): what came later is not known yet."""
    stays: list[Stay] = []
    held: dict[str, tuple[int, bool]] = {}
    for fill in fills:
        if fill.time >= before:
            break
        place, long = held.get(fill.symbol, (0, True))
        if fill.symbol in held and (fill.position == 0 or (fill.position > 0) != long):
            stays[place] = stays[place]._replace(closed=fill.time)
            del held[fill.symbol]
        if fill.position != 0:
            value = abs(fill.position) * fill.entry
            if fill.symbol not in held:
                held[fill.symbol] = (len(stays), fill.position > 0)
                stays.append(Stay(fill.symbol, fill.time, None, value))
            elif value > stays[place].value:
                stays[place] = stays[place]._replace(value=value)
    return stays


def caps_of(config: dict[str, Any]) -> dict[str, Decimal]:
    """Return the limits a run's configuration (JSON) gave it, by rule; those that are off are left out."""
    risk = _part(config, "risk")
    profile = risk.get("profile", "paper")
    rules = _part(risk, profile if isinstance(profile, str) else "paper")
    wanted = (
        *("position_value", "trade_loss", "day_loss", "week_loss", "max_positions"),
        *("leverage", "margin_utilisation_pct", "liquidation_close_pct"),
    )
    found = {rule: _decimal(rules.get(rule), ZERO) for rule in wanted}
    return {rule: cap for rule, cap in found.items() if cap > 0}


def _config(text: str) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}


def _part(table: dict[str, Any], name: str) -> dict[str, Any]:
    part = table.get(name)
    return part if isinstance(part, dict) else {}


def _decimal(value: object, default: Decimal) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return default
    return number if number.is_finite() else default


__all__ = [
    "caps_of",
    "chain",
    "maker_fees",
    "newest_month",
    "record_of",
    "spans_of",
    "stays_of",
    "world_of",
]
