"""What a run amounts to: the summary of CONTRACT, the same for every mode."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tradebot.core.model.documents import (
    PositionDocument,
    RiskDocument,
    SnapshotDocument,
    SummaryDocument,
    TradeDocument,
)
from tradebot.core.model.effects import TradeClosed
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import HALF_EVEN, plain, quotient_at_8, ratio, rounded
from tradebot.core.model.times import iso
from tradebot.core.model.values import DAY_MS
from tradebot.core.strategy.fault import too_early
from tradebot.core.strategy.resample import timeframe_name
from tradebot.core.trading.engine import Engine
from tradebot.core.trading.usage import exposures, next_entry, uses

HUNDRED = Decimal(100)


@frozen
class Heading:
    """What a summary says of the run besides its numbers; times in UTC milliseconds or None."""

    run: str | None
    mode: str
    market: str
    strategy: str
    first: int | None
    last: int | None
    funding_known: bool = True


def summarise(
    heading: Heading, engine: Engine, latencies_ms: Sequence[float] = ()
) -> SummaryDocument:
    """Return the summary as JSON values: money as decimal strings in USDT, ``*_pct`` in percent.

    What came in and is no result, as a transfer, is no PnL; it is in the equity.
    """
    tally, start = engine.tally, engine.portfolio.start
    equity = engine.equity()
    pnl = equity - start - engine.portfolio.brought
    ordered = sorted(latencies_ms)
    return {
        "run": heading.run,
        "mode": heading.mode,
        "market": heading.market,
        "strategy": heading.strategy,
        "from": None if heading.first is None else iso(heading.first),
        "to": None if heading.last is None else iso(heading.last),
        "start_equity": plain(start),
        "equity": plain(equity),
        "pnl": plain(pnl),
        "pnl_pct": plain(quotient_at_8(pnl * HUNDRED, start, HALF_EVEN)),
        "completed_trades": tally.trades,
        "win_rate_pct": rounded(tally.win_rate_pct()),
        "average_win": rounded(tally.average_win()),
        "average_loss": rounded(tally.average_loss()),
        "profit_factor": rounded(tally.profit_factor()),
        "expectancy": rounded(tally.expectancy()),
        "gross": plain(pnl + engine.portfolio.fees - engine.portfolio.funding),
        "fees": plain(engine.portfolio.fees),
        "funding": plain(engine.portfolio.funding),
        "net": plain(pnl),
        "max_drawdown": plain(engine.drawdown.deepest),
        "max_drawdown_pct": plain(engine.drawdown.deepest_pct),
        "order_latency_p50_ms": percentile(ordered, 50),
        "order_latency_p99_ms": percentile(ordered, 99),
        "halts": engine.halts_seen,
        "refusals": engine.entries.refusals,
        "rejections": engine.shared.caveats.total(),
        "rejected": engine.shared.caveats.rows(),
    }


def percentile(ordered: Sequence[float], percent: int) -> str | None:
    """Return the nearest-rank percentile of sorted figures as text; None when there are none."""
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * percent // 100))
    return f"{ordered[rank - 1]:.3f}"


def trade_row(run: str | None, trade: TradeClosed) -> TradeDocument:
    """Return a closed trade as CONTRACT's JSON row."""
    cost = trade.entry_price * trade.qty
    pnl_pct = quotient_at_8(trade.pnl * HUNDRED, cost, HALF_EVEN)
    return {
        "id": trade.id,
        "run": run,
        "symbol": trade.symbol,
        "side": trade.side,
        "qty": plain(trade.qty),
        "entry_time": iso(trade.entry_time),
        "entry_price": plain(trade.entry_price),
        "exit_time": iso(trade.exit_time),
        "exit_price": plain(trade.exit_price),
        "fees": plain(trade.fees),
        "funding": plain(trade.funding),
        "pnl": plain(trade.pnl),
        "pnl_pct": plain(pnl_pct),
        "duration_s": (trade.exit_time - trade.entry_time) // 1000,
        "exit_reason": trade.exit_reason,
        "signal_id": trade.signal,
        "mae": _known(trade.mae),
        "mfe": _known(trade.mfe),
        "decision_price": _known(trade.decision_price),
        "slippage": _known(trade.slippage),
        "stop": _known(trade.stop),
        "target": _known(trade.target),
        "risk": _known(trade.risk),
    }


def _known(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def run_warnings(engine: Engine) -> list[str]:
    """Say what a run's end must not be silent about.

    Strategies that saw too few bars, or spoke too early, bars of which parts were missing, a target that cannot
    pay its fees, and what the exchange rejected.
    """
    return [*_strategy_warnings(engine), *engine.shared.caveats.said()]


def _strategy_warnings(engine: Engine) -> list[str]:
    said = []
    for book in engine.books.values():
        warmup = book.strategy.warmup
        if book.cold:
            had = f"the data has {warmup - book.cold} bars, the strategy needs {warmup}"
            said.append(f"{book.symbol}: {had} before its first signal")
        early = too_early(book.symbol, warmup)
        if early in engine.shared.warned:
            said.append(early)
        left = 0 if book.resampler is None else book.resampler.left_out
        if left:
            name = timeframe_name(engine.config.timeframe)
            said.append(
                f"{book.symbol}: {left} bar(s) of {name} left out: parts of them are missing"
            )
    return said


def position_rows(engine: Engine) -> list[PositionDocument]:
    """Return the open positions: entry, current price, unrealised PnL, stop and target (USDT)."""
    rows: list[PositionDocument] = []
    for book in engine.books.values():
        holding = book.holding
        if not holding.qty:
            continue
        price = book.price() or holding.entry
        pnl = holding.qty * (price - holding.entry)
        cost = abs(holding.qty) * holding.entry
        rows.append(
            {
                "symbol": book.symbol,
                "side": "long" if holding.qty > 0 else "short",
                "qty": plain(abs(holding.qty)),
                "entry_time": iso(holding.trip_time),
                "entry_price": plain(holding.entry),
                "price": plain(price),
                "pnl": plain(pnl),
                "pnl_pct": rounded(ratio(pnl * HUNDRED, cost)),
                "stop": _trigger(engine, book.stop),
                "target": _trigger(engine, book.target),
                "stop_seen": _seen(engine, book.stop),
            }
        )
    return rows


def _seen(engine: Engine, order_id: str) -> str | None:
    """Return when the venue last said that it has a protective order; None before it did, or without one."""
    tracked = engine.shared.table.find(order_id)
    seen = tracked is not None and tracked.live and tracked.answered
    return iso(tracked.heard_at) if tracked is not None and seen else None


def _trigger(engine: Engine, order_id: str) -> str | None:
    """Return where a protective order stands; None when no live order does."""
    tracked = engine.shared.table.find(order_id)
    if tracked is None or not tracked.live or tracked.order.trigger is None:
        return None
    return plain(tracked.order.trigger)


def snapshot(engine: Engine, label: str, speed: float | None) -> SnapshotDocument:
    """Return what readers see of a running engine: prices, open PnL, orders, halts (JSON values)."""
    seen: SnapshotDocument = {
        "at": engine.now,
        "market": label,
        "speed": "max" if speed is None else speed,
        "start_equity": plain(engine.portfolio.start),
        "equity": plain(engine.equity()),
        "brought": plain(engine.portfolio.brought),
        "day_base": plain(engine.watch.day.base),
        "cash": plain(engine.portfolio.cash),
        "fees": plain(engine.portfolio.fees),
        "funding": plain(engine.portfolio.funding),
        "drawdown": plain(engine.drawdown.now),
        "completed_trades": engine.tally.trades,
        "win_rate_pct": rounded(engine.tally.win_rate_pct()),
        "halts": {name: halt.detail for name, halt in engine.halts.reasons.items()},
        "risk": risk_view(engine),
        "prices": {
            book.symbol: plain(price)
            for book in engine.books.values()
            if (price := book.price()) is not None
        },
        "positions": position_rows(engine),
    }
    if engine.shared.stage:
        seen["stage"] = engine.shared.stage
    if rests := engine.cash.rests():
        seen["income_rests"] = {iso(day * DAY_MS)[:10]: plain(rest) for day, rest in rests.items()}
    if odd := engine.cash.fill_rests():
        seen["fill_rests"] = {fill: plain(rest) for fill, rest in odd.items()}
    return seen


def risk_view(engine: Engine) -> RiskDocument:
    """Return limits with their use, liquidation per position, halts and refusals (JSON values)."""
    seen: RiskDocument = {
        "limits": [
            {
                "rule": use.rule,
                "symbol": use.symbol or None,
                "used": rounded(use.used),
                "cap": None if use.cap is None else plain(use.cap),
                "unit": use.unit,
                "pct": rounded(use.pct),
                "word": use.word,
            }
            for use in uses(engine)
        ],
        "positions": [
            {
                "symbol": one.symbol,
                "qty": plain(one.qty),
                "entry_price": plain(one.entry),
                "price": plain(one.price),
                "liquidation_risk_pct": rounded(one.risk_pct),
                "liquidation_price": (
                    None if one.liquidation_price is None else plain(one.liquidation_price)
                ),
            }
            for one in exposures(engine)
        ],
        "halts": [
            {"reason": name, "detail": halt.detail, "since": iso(halt.at)}
            for name, halt in engine.halts.reasons.items()
        ],
        "refusals": dict(sorted(engine.entries.refused.items())),
        "paused": dict(engine.shared.paused),
        "next_entry": iso(next_entry(engine)),
    }
    if engine.shared.barred:
        seen["barred"] = list(engine.shared.barred)
    return seen
