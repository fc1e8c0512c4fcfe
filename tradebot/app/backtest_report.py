"""The report on a backtest: the same as a journal's, from what its notebook holds."""

from __future__ import annotations

from tradebot.app.backtest import BacktestResult, Notebook
from tradebot.config import Config
from tradebot.core.ghost.quality import tier_name
from tradebot.core.model.effects import (
    EquityPoint,
    FillBooked,
    FundingBooked,
    Halted,
    SignalJudged,
    TradeClosed,
)
from tradebot.core.model.times import of_iso
from tradebot.journal.history import PricedFill
from tradebot.journal.view import TradeRow
from tradebot.reports.monthly.made import report_of
from tradebot.reports.monthly.period import Period, month_of
from tradebot.reports.monthly.record import Halting, Judgement, Point, RunHistory
from tradebot.reports.monthly.rows import caps_of, maker_fees
from tradebot.reports.monthly.value import Report


def backtest_report(
    outcome: BacktestResult, config: Config, strategy_hash: str
) -> tuple[Report, list[TradeRow]] | None:
    """Return the report on a backtest and its trades; None for one without a moment."""
    summary = outcome.summary
    if summary["from"] is None or summary["to"] is None:
        return None
    period = _period(of_iso(summary["from"]), of_iso(summary["to"]))
    history = _history(outcome, config, strategy_hash)
    return report_of([history], period), list(history.trades)


def _period(first: int, last: int) -> Period:
    """Return the month, where the bars are of a whole one; else from the first to the last."""
    month = month_of(first)
    whole = first == month.first and month.last - 3_600_000 <= last < month.last
    return month if whole else Period(first, last + 1)


def _history(outcome: BacktestResult, config: Config, strategy_hash: str) -> RunHistory:
    summary, notebook = outcome.summary, outcome.notebook
    told = notebook.told
    trades = [_row(trade) for trade in notebook.trades]
    booked = [fact for fact in told if isinstance(fact, FillBooked)]
    signals = [fact for fact in told if isinstance(fact, SignalJudged)]
    prices: dict[str, list[tuple[int, float]]] = {}
    for signal in signals:
        prices.setdefault(signal.symbol, []).append((signal.at, float(signal.price)))
    for fact in booked:
        prices.setdefault(fact.fill.symbol, []).append((fact.fill.time, float(fact.fill.price)))
    return RunHistory(
        run="",
        mode="backtest",
        venue="local",
        market=summary["market"],
        strategy=summary["strategy"],
        strategy_hash=strategy_hash,
        start_equity=config.sim.start_equity,
        points=[
            Point(p.at, p.equity, p.why, p.drawdown) for p in told if isinstance(p, EquityPoint)
        ],
        trades=trades,
        maker=maker_fees(trades, [_priced(fact) for fact in booked]),
        signals=[_judgement(signal) for signal in signals],
        halts=[Halting(h.at, "halted", h.reason) for h in told if isinstance(h, Halted)],
        caps=caps_of(config.document()),
        prices=prices,
        rates=_rates(notebook),
        taker_fee=config.sim.taker_fee,
    )


def _rates(notebook: Notebook) -> dict[str, list[tuple[int, float]]]:
    rates: dict[str, list[tuple[int, float]]] = {}
    for fact in notebook.told:
        if isinstance(fact, FundingBooked):
            rates.setdefault(fact.symbol, []).append((fact.at, float(fact.rate)))
    return rates


def _priced(fact: FillBooked) -> PricedFill:
    fill = fact.fill
    return PricedFill(fill.time, fill.symbol, fill.price, fill.fee, fill.maker)


def _judgement(signal: SignalJudged) -> Judgement:
    tier = tier_name(signal.confidence)
    return Judgement(signal.at, signal.id, tier, signal.verdict, signal.refusals, None)


def _row(trade: TradeClosed) -> TradeRow:
    """Return a closed trade as the journal would have it."""
    return TradeRow(
        run="",
        id=trade.id,
        symbol=trade.symbol,
        side=trade.side,
        qty=trade.qty,
        entry_time=trade.entry_time,
        entry_price=trade.entry_price,
        exit_time=trade.exit_time,
        exit_price=trade.exit_price,
        fees=trade.fees,
        funding=trade.funding,
        pnl=trade.pnl,
        pnl_pct=None,
        duration_s=(trade.exit_time - trade.entry_time) // 1000,
        exit_reason=trade.exit_reason,
        signal=trade.signal,
        ts=trade.at,
        wall=0,
        mae=trade.mae,
        mfe=trade.mfe,
        decision_price=trade.decision_price,
        slippage=trade.slippage,
        stop=trade.stop,
        target=trade.target,
        risk=trade.risk,
    )


__all__ = ["backtest_report"]
