"""What happened, in the words that the log, the screens and alerts share.

Prices in USDT, quantities in base units, times in UTC milliseconds.
"""

from __future__ import annotations

from decimal import Decimal

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
from tradebot.core.model.facts import MOST_DECIMALS, PRICE_DECIMALS
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.core.model.values import DAY_MS

QUIET = ("ignored", "held")
"""Verdicts on signals that ask for what is so already."""

Saying = tuple[str, str, str]
"""The symbol (or ""), a word for what happened, and the particulars."""


def said(effect: Effect) -> Saying | None:
    """Return an effect in words; None for what nobody needs to see, or is said by another."""
    match effect:
        case SignalJudged():
            return _signal(effect)
        case FillBooked():
            return _fill(effect)
        case TradeClosed():
            return _trade(effect)
        case FundingBooked(symbol=symbol, amount=amount):
            places = 2 if abs(amount) >= 1 else 4
            return symbol, "funding", f"{amount:+.{places}f} USDT"
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


def price(value: str | Decimal | None, symbol: str | None = None) -> str:
    """Return a price with the decimals of its symbol's tick: averages and stops carry more."""
    if value is None:
        return "-"
    return f"{Decimal(value):.{PRICE_DECIMALS.get(symbol or '', MOST_DECIMALS)}f}"


def duration(seconds: int) -> str:
    """Return a duration in its two largest units: ``4m00s``, ``2h05m``, ``3d04h``, ``45s``."""
    if seconds < 60:
        return f"{seconds}s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02d}h"


def ghost_line(closed: GhostClosed) -> Saying:
    """Return a hypothetical trade that is over, in words."""
    if closed.entry_time is None:
        return closed.symbol, "ghost", f"signal {closed.signal} {closed.exit_reason}"
    text = f"signal {closed.signal} {would(closed.pnl)}  {closed.exit_reason}"
    return closed.symbol, "ghost", text


def would(pnl: Decimal) -> str:
    """Return an outcome as it would have been: ``would be +$240.00``."""
    return f"would be {'-' if pnl < 0 else '+'}${abs(pnl):,.2f}"


def dead_since(beat: int | None, positions: int, wall: int) -> str:
    """Return since when an engine that was killed is dead, and how many positions nobody watches.

    It died after the last thing it wrote, at ``beat`` (None: nothing was written); ``wall`` is the real time.
    """
    if beat is None:
        return "DEAD"
    since = iso(beat)
    moment = since[11:16] if wall - beat < DAY_MS else since[:16].replace("T", " ")
    return f"DEAD since {moment}Z{unwatched(positions)}"


def unwatched(positions: int) -> str:
    """Return how many positions nobody watches, behind a comma; "" where none is open."""
    return f", {positions} position{'' if positions == 1 else 's'} unwatched" if positions else ""


def _signal(signal: SignalJudged) -> Saying | None:
    if signal.verdict in QUIET:
        return None
    why = "; ".join(signal.refusals) if signal.verdict == "refused" else signal.reason
    head = f"{signal.side:<5}  {signal.confidence:.2f} at {price(signal.price, signal.symbol)}"
    return signal.symbol, "signal", f"{head}  {signal.verdict}: {why}"


def _fill(booked: FillBooked) -> Saying:
    fill = booked.fill
    word = "LIQUID." if fill.liquidation else "fill"
    what = f"{fill.side.value:<5}  {plain(fill.qty)} @ {price(fill.price, fill.symbol)}"
    return fill.symbol, word, f"{what}  fee {fill.fee:.2f}"


def _trade(trade: TradeClosed) -> Saying:
    mark = "▲" if trade.pnl > 0 else "▼" if trade.pnl < 0 else "="
    held = duration((trade.exit_time - trade.entry_time) // 1000)
    way = f"{price(trade.entry_price, trade.symbol)} → {price(trade.exit_price, trade.symbol)}"
    text = f"{trade.side:<5}  {way}  PnL {trade.pnl:+.2f} {mark}  {trade.exit_reason} after {held}"
    return trade.symbol, "closed", text


__all__ = [
    "QUIET",
    "Saying",
    "dead_since",
    "duration",
    "ghost_line",
    "price",
    "said",
    "unwatched",
    "would",
]
