"""What a running engine says to people: one readable line per thing worth knowing.

A line has columns: time (UTC), symbol, what happened, then the particulars. What changes nothing, such as
a signal to leave where nothing is held, is left to ``tradebot signals``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tradebot.cli.tables import duration, price
from tradebot.core.model.effects import (
    Effect,
    FillBooked,
    FundingBooked,
    GhostClosed,
    Halted,
    Notify,
    Resumed,
    SignalJudged,
    TradeClosed,
)
from tradebot.core.model.money import plain
from tradebot.core.model.text import escaped
from tradebot.core.model.times import iso

QUIET = ("ignored", "held")
"""Verdicts on signals that ask for what is so already."""


def lines_of(at: int, effects: Sequence[Effect]) -> Iterator[str]:
    """Yield a line for each effect that people want to see; ``at`` in UTC milliseconds."""
    for effect in effects:
        told = _told(effect)
        if told is not None:
            where, what, particulars = told
            time = iso(at)[:19].replace("T", " ")
            yield escaped(f"{time}  {where:<8}  {what:<7}  {particulars}".rstrip())


def _told(effect: Effect) -> tuple[str, str, str] | None:
    """Return symbol, word and particulars of an effect; None for what nobody needs to see."""
    match effect:
        case SignalJudged():
            return _signal(effect)
        case FillBooked():
            return _fill(effect)
        case TradeClosed():
            return _trade(effect)
        case FundingBooked(symbol=symbol, amount=amount):
            return (
                symbol,
                "funding",
                f"{amount:+.2f} USDT" if abs(amount) >= 1 else f"{amount:+.4f} USDT",
            )
        case GhostClosed():
            return ghost_line(effect)
        case Halted(reason=reason, detail=detail):
            return "", "HALTED", f"{reason}: {detail}"
        case Resumed(reason=reason, who=who, detail=detail):
            return "", "RESUMED", f"{reason}, by {who}: {detail}"
        case Notify(level=level, text=text) if not text.startswith("HALT "):
            return "", level.upper()[:7], text
        case _:
            return None


def _signal(signal: SignalJudged) -> tuple[str, str, str] | None:
    if signal.verdict in QUIET:
        return None
    why = "; ".join(signal.refusals) if signal.verdict == "refused" else signal.reason
    head = f"{signal.side:<5}  {signal.confidence:.2f} at {price(signal.price, signal.symbol)}"
    return signal.symbol, "signal", f"{head}  {signal.verdict}: {why}"


def ghost_line(closed: GhostClosed) -> tuple[str, str, str]:
    """Return symbol, word and particulars of a hypothetical trade that is over."""
    if closed.entry_time is None:
        return closed.symbol, "ghost", f"signal {closed.signal} {closed.exit_reason}"
    said = f"signal {closed.signal} {would(closed.pnl)}  {closed.exit_reason}"
    return closed.symbol, "ghost", said


def would(pnl: Decimal) -> str:
    """Return an outcome as it would have been: ``would be +$240.00``."""
    return f"would be {'-' if pnl < 0 else '+'}${abs(pnl):,.2f}"


def _fill(booked: FillBooked) -> tuple[str, str, str]:
    fill = booked.fill
    word = "LIQUID." if fill.liquidation else "fill"
    what = f"{fill.side.value:<5}  {plain(fill.qty)} @ {price(fill.price, fill.symbol)}"
    return fill.symbol, word, f"{what}  fee {fill.fee:.2f}"


def _trade(trade: TradeClosed) -> tuple[str, str, str]:
    mark = "▲" if trade.pnl > 0 else "▼" if trade.pnl < 0 else "="
    held = duration((trade.exit_time - trade.entry_time) // 1000)
    way = f"{price(trade.entry_price, trade.symbol)} → {price(trade.exit_price, trade.symbol)}"
    said = f"{trade.side:<5}  {way}  PnL {trade.pnl:+.2f} {mark}  {trade.exit_reason} after {held}"
    return trade.symbol, "closed", said
