"""What a day came to, counted from the audit rows: the summary of the day. UTC days of the market. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradebot.alerts.frame import signed_percent
from tradebot.alerts.model import Memory, Scene, Wishes
from tradebot.core.model.effects import CashBooked, EquityPoint, TradeClosed
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.core.model.values import DAY_MS

KEPT = 3
"""Days that are remembered."""

TRANSFER = "transfer"

Day = dict[str, Any]


def count_trade(memory: Memory, trade: TradeClosed) -> None:
    """Count a closed trade; one that is recorded again after a late fill counts once."""
    day = _day(memory, trade.exit_time)
    day["trades"][str(trade.id)] = [plain(trade.pnl), plain(trade.fees)]


def note_transfer(memory: Memory, cash: CashBooked) -> None:
    """Take note of money that came or went: it is no result."""
    if cash.kind == TRANSFER:
        day = _day(memory, cash.exchange_time)
        day["moved"] = plain(Decimal(day["moved"]) + cash.amount)


def note_equity(memory: Memory, point: EquityPoint) -> None:
    """Take note of what the account was worth when a day began, or when the run did."""
    if point.why == "day":
        _day(memory, point.at)["equity"] = plain(point.equity)
    elif point.why in ("start", "gap"):
        _day(memory, point.at).setdefault("equity", plain(point.equity))


def day_words(memory: Memory, at: int, scene: Scene, wishes: Wishes) -> str:
    """Return what the day of a moment (UTC ms) came to; "" where nothing is known of it."""
    number = at // DAY_MS
    days = memory.get("days", {})
    day = days.get(str(number))
    if day is None:
        return ""
    trades = [[Decimal(figure) for figure in trade] for trade in day["trades"].values()]
    won = sum(pnl > 0 for pnl, _ in trades)
    following = days.get(str(number + 1), {}).get("equity")
    end = scene.equity if following is None else Decimal(following)
    parts = [_change(day, end, wishes), f"{len(trades)} trades"]
    if trades:
        parts.append(f"{won} won")
        fees = sum((fee for _, fee in trades), Decimal(0))
        if wishes.amounts:
            parts.append(f"fees {fees:,.2f} USDT")
    return f"{iso(number * DAY_MS)[:10]}: {', '.join(part for part in parts if part)}"


def _change(day: Day, end: Decimal | None, wishes: Wishes) -> str:
    """Return how equity changed, transfers apart, in USDT and as percent of what it began with."""
    if end is None or "equity" not in day:
        return ""
    begin = Decimal(day["equity"])
    change = end - begin - Decimal(day["moved"])
    pct = signed_percent(change, begin)
    return f"{change:+,.2f} USDT ({pct})" if wishes.amounts else pct


def _day(memory: Memory, at: int) -> Day:
    days: dict[str, Day] = memory.setdefault("days", {})
    day = days.setdefault(str(at // DAY_MS), {"trades": {}, "moved": "0"})
    for old in sorted(days, key=int)[:-KEPT]:
        del days[old]
    return day
