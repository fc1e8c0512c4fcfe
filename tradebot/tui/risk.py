"""The Risk view: every limit as a bar, the way to liquidation, halts and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from textual.app import ComposeResult
from textual.containers import Container

from tradebot.core.model.money import plain
from tradebot.journal.snapshots import LimitRow, LiquidationRow, RiskView
from tradebot.tui.feed import View, since_text
from tradebot.tui.figures import EMPTY, UNKNOWN, bar, clock, figure, price, usd
from tradebot.tui.lines import Lines
from tradebot.tui.page import Page
from tradebot.tui.painted import Line, Span
from tradebot.tui.paper import START

WORDS = {"ok": "", "alert": "warn", "warning": "warn", "reached": "alarm", "off": "dim"}

BAR = 14
LONG_BAR = 44
"""Characters of a bar, and of one where there is room."""

ALLOWED = ("leverage", "positions")
"""Limits that may be used up to the full: reaching them is no alarm."""


class RiskPage(Page):
    """Limits on one side, what presses on them on the other; one below the other where it is narrow."""

    mode = "risk"

    def body(self) -> ComposeResult:
        """Yield the two boards."""
        with Container(id="boards"):
            yield Lines(id="limits")
            yield Lines(id="dangers")

    def tell(self, view: View) -> None:
        """Fill both."""
        risk = view.risk
        limits = self.query_one("#limits", Lines)
        limits.border_title = "Limits"
        width = LONG_BAR if limits.size.width >= 100 else BAR
        limits.show(
            limit_lines(() if risk is None else risk.limits, width) or [((_empty(view), "dim"),)]
        )
        dangers = self.query_one("#dangers", Lines)
        dangers.border_title = "Entries, liquidation, refusals"
        dangers.show(danger_lines(view, risk))


def limit_lines(limits: Sequence[LimitRow], width: int) -> list[Line]:
    """Return one line per limit: name, bar, percentage, used of cap, word."""
    return [_limit(row, width) for row in limits]


def _limit(row: LimitRow, width: int) -> Line:
    name = row.rule.replace("_", " ")
    who = "" if row.symbol is None else row.symbol.partition("/")[0]
    word, paint = limit_word(row)
    if row.pct is None:
        return ((f"{name:<18} {who:<4} ", ""), ("off", "dim"))
    share = row.pct / 100
    text = f"{amount(row.used, row.unit)} of {amount(row.cap, row.unit)}"
    return (
        (f"{name:<18} {who:<4} ", ""),
        *used_bar(share, width, "down" if paint == "alarm" else paint or "up"),
        (f"{row.pct:>5.0f}%  ", ""),
        (f"{text:<22}", "dim"),
        (word.upper() if word == "reached" else word, paint),
    )


def limit_word(row: LimitRow) -> Span:
    """Return how a limit stands in a word, with its paint."""
    if row.word == "reached" and row.rule in ALLOWED:
        return "normal", ""
    return row.word, WORDS.get(row.word, "")


def used_bar(share: Decimal, width: int, paint: str) -> tuple[Span, Span]:
    """Return a bar: what is used in its colour, the rest pale."""
    text = bar(share, width)
    used = text.rstrip(EMPTY)
    return (used, paint), (text[len(used) :], "dim")


def amount(number: Decimal | None, unit: str) -> str:
    """Return a limit's figure with its unit."""
    if number is None:
        return UNKNOWN
    if unit == "USDT":
        return usd(number)
    return f"{figure(number, places=1)}%" if unit == "%" else f"{plain(number)}{unit}"


def danger_lines(view: View, risk: RiskView | None) -> list[Line]:
    """Return when the next entry may be, liquidation per position, halts, pauses and refusals."""
    if risk is None:
        return [((_empty(view), "dim"),)]
    lines = [*_entries(view, risk), *_liquidation(risk)]
    for halt in view.halts:
        since = since_text(halt.since)
        lines.append(((f"■ halted {since} {halt.reason}: {halt.detail}", "down"),))
    lines += [((f"barred   {reason}", "warn"),) for reason in risk.barred]
    for symbol, why in risk.paused.items():
        lines.append(((f"paused   {symbol}: {why}", "warn"),))
    said = ", ".join(f"{rule.replace('_', ' ')} {count}" for rule, count in risk.refusals.items())
    lines.append((("refusals  ", "dim"), (said or "none", "")))
    return lines


def _entries(view: View, risk: RiskView) -> list[Line]:
    at, due = view.at or 0, risk.next_entry or 0
    when = "now" if due <= at else f"from {clock(due)}Z of the market's time"
    limits = view.config.get("risk", {}).get(view.config.get("risk", {}).get("profile", ""), {})
    hours = limits.get("blackout_hours", "off")
    said = ", ".join(str(hour) for hour in hours) if isinstance(hours, list) else str(hours)
    if risk.barred:
        when = "barred"
    return [
        (("entries   ", "dim"), ("halted" if view.halts else when, "")),
        (("blackout  ", "dim"), (f"hours {said} UTC", "")),
    ]


def _liquidation(risk: RiskView) -> list[Line]:
    rows = risk.positions
    if not rows:
        return [(("liquid.   ", "dim"), ("no open positions", ""))]
    return [
        (
            ("liquid.   ", "dim"),
            (
                f"{row.symbol} {_liquidated_at(row)}, now {price(row.price, row.symbol)}",
                "",
            ),
            (f"  risk {figure(row.liquidation_risk_pct, '%', 0)}", ""),
        )
        for row in rows
    ]


def _liquidated_at(row: LiquidationRow) -> str:
    level = row.liquidation_price
    return "has no liquidation price" if level is None else f"at {price(level, row.symbol)}"


def _empty(view: View) -> str:
    return START if view.run is None else "No figures yet: they come with the first prices."
