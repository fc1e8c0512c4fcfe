"""The Ghost view: how good the signals were, booked as hypothetical trades that nobody was sent."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from textual.app import ComposeResult
from textual.containers import Container

from tradebot.reports.quality_documents import FiguresDocument, GroupDocument, StandingDocument
from tradebot.tui.detail import GhostDetail
from tradebot.tui.feed import View
from tradebot.tui.figures import UNKNOWN, bar, duration, figure, gain, signed, tint, usd
from tradebot.tui.ghost_feed import GhostView
from tradebot.tui.grid import Grid
from tradebot.tui.lines import Lines
from tradebot.tui.page import Page
from tradebot.tui.painted import Line, Span
from tradebot.tui.paper import START
from tradebot.tui.tables import GHOSTS

HOW = "`tradebot ghost` judges every signal without an order; `tradebot paper --ghost` does both."

TIERS = ("high", "medium", "low")

WIDE = 70
"""Columns from which a bar's line has room for the result."""

FIXED = 42
RESULT = 16
"""Columns of a bar's line without the bar, and of the result (with wider counts) beside it."""

LONGEST_BAR = 30
SHORTEST_BAR = 5


class GhostPage(Page):
    """Statistics, accuracy as bars, the newest hypothetical trades."""

    mode = "ghost"

    def body(self) -> ComposeResult:
        """Yield boards and table."""
        with Container(id="judged"):
            yield Lines(id="quality")
            yield Lines(id="accuracy")
        yield Grid("Recent signals", GHOSTS, lambda row: row.signal, newest_first=True, id="ghosts")

    def tell(self, view: View) -> None:
        """Fill all of it; without a ghost the table alone says why."""
        ghost = view.ghost
        self.query_one("#judged").display = ghost is not None
        self.query_one(Grid).show(() if ghost is None else ghost.rows, empty_reason(view))
        if ghost is None:
            return
        quality = self.query_one("#quality", Lines)
        quality.border_title = quality_title(ghost)
        quality.show(quality_lines(ghost))
        accuracy = self.query_one("#accuracy", Lines)
        accuracy.border_title = "Accuracy by confidence (95 % interval)"
        full = self.has_class("-wide")
        accuracy.show(accuracy_lines(ghost.figures, accuracy.size.width or 76, verdicts=full))

    def on_grid_chosen(self, message: Grid.Chosen) -> None:
        """Show all there is to know of a hypothetical trade."""
        self.app.push_screen(GhostDetail(message.row))


def empty_reason(view: View) -> str:
    """Return why there are no hypothetical trades, and what makes some."""
    if view.run is None:
        return f"{START} {HOW}"
    if view.ghost is None:
        return f"{view.run.id} is no ghost run, and none ran beside it: nothing here is hypothetical. {HOW}"
    if view.live:
        return "No signals yet: the strategy gives one when its rule is met, at a bar's close."
    return f"{view.ghost.run.id} had no signals. 6 Bot lists the runs."


def quality_title(ghost: GhostView) -> str:
    """Return whose statistics these are, of what amount a trade."""
    notional = f", {usd(ghost.rows[-1].notional)} a trade" if ghost.rows else ""
    return f"Signal quality of {ghost.run.id}{notional}"


def quality_lines(ghost: GhostView) -> list[Line]:
    """Return the headline, then two columns of figures; what is not defined yet is a dash."""
    rows = ghost.figures
    overall = rows["overall"]
    counts = f"{rows['closed']} closed, {rows['open']} open, {rows['unfilled']} never filled"
    return [
        (("signals       ", "dim"), (f"{rows['signals']}", "word"), (f"  {counts}", "")),
        (("accuracy      ", "dim"), *_accuracy(overall)),
        *(_row(*pairs) for pairs in _figures(overall)),
    ]


def _accuracy(row: FiguresDocument) -> tuple[Span, ...]:
    if not row["trades"]:
        return ((f"{UNKNOWN}  no trade has closed yet", "dim"),)
    share = figure(row["accuracy_pct"], "%", 1)
    small: tuple[Span, ...] = (("  SMALL SAMPLE", "warn"),) if row["small"] else ()
    won = f"  {row['profitable']} of {row['trades']}"
    return ((share, "word"), (f" {interval(row)}", "dim"), (won, ""), *small)


def interval(row: FiguresDocument) -> str:
    """Return the 95 % interval of an accuracy, percent."""
    if row["accuracy_low_pct"] is None:
        return ""
    ends = (row["accuracy_low_pct"], row["accuracy_high_pct"])
    return f"({' to '.join(figure(end, places=0) for end in ends)})"


Pair = tuple[str, str, str]


def _figures(row: FiguresDocument) -> list[tuple[Pair, Pair]]:
    held = row["average_duration_s"]
    some = bool(row["trades"])
    pnl = row["pnl"] if some else None
    drawdown = row["max_drawdown"] if some else None
    return [
        (
            ("expectancy", gain(row["expectancy"]), tint(row["expectancy"])),
            ("mean win, loss", _both(row["average_win"], row["average_loss"]), ""),
        ),
        (
            ("PnL", gain(pnl), tint(pnl)),
            ("payoff ratio", figure(row["payoff_ratio"]), ""),
        ),
        (
            ("profit factor", figure(row["profit_factor"]), ""),
            ("best, worst", _both(row["best"], row["worst"]), ""),
        ),
        (
            ("max drawdown", usd(drawdown), ""),
            ("mean MFE, MAE", _both(row["average_mfe"], row["average_mae"]), ""),
        ),
        (
            ("average time", UNKNOWN if held is None else duration(round(float(held))), ""),
            ("Sharpe a trade", figure(row["sharpe_trade"]), ""),
        ),
    ]


def _both(one: str | None, other: str | None) -> str:
    return f"{signed(one)}, {signed(other)}"


def _row(one: Pair, other: Pair) -> Line:
    (name, value, paint), (second, amount, colour) = one, other
    return (
        *((f"{name:<14}", "dim"), (f"{value:>11}", paint), ("   ", "")),
        *((f"{second:<15}", "dim"), (f"{amount:>15}", colour)),
    )


def accuracy_lines(figures: StandingDocument, width: int, *, verdicts: bool) -> list[Line]:
    """Return a bar per tier (and per verdict), then what the refusals cost or saved."""
    tiers = {row["tier"]: row for row in figures["by"]["tier"]}
    lines = [_bar(name, tiers.get(name), width) for name in TIERS]
    if verdicts:
        lines += [_bar(row["verdict"], row, width) for row in figures["by"]["verdict"]]
    return [*lines, rules_line(figures["by"]["verdict"])]


def _bar(name: str, row: GroupDocument | None, width: int) -> Line:
    roomy = width >= WIDE
    length = min(LONGEST_BAR, max(SHORTEST_BAR, width - FIXED - RESULT * roomy))
    if row is None:
        return ((f"{name:<9}", "dim"), ("░" * length, "dim"), (f" {UNKNOWN:>4}  no trades", "dim"))
    won = f"{row['profitable']} of {row['trades']}"
    result: tuple[Span, ...] = ((f"{gain(row['pnl']):>12} ", tint(row["pnl"])),) if roomy else ()
    return (
        (f"{name:<9}", ""),
        (
            bar(Decimal(row["accuracy_pct"] or 0) / 100, length),
            "up" if row["profitable"] else "dim",
        ),
        (f" {figure(row['accuracy_pct'], '%', 0):>4}", "word"),
        (f" {interval(row):<11}", "dim"),
        (f"{won:<{12 if roomy else 9}} ", ""),
        *result,
        ("small" if row["small"] else "", "warn"),
    )


def rules_line(verdicts: Sequence[GroupDocument]) -> Line:
    """Return what refusing cost or saved: the result of the trades the rules did not let through."""
    refused = next((row for row in verdicts if row["verdict"] == "refused"), None)
    if refused is None:
        return (("the rules ", "dim"), ("refused nothing that has closed", ""))
    pnl = Decimal(refused["pnl"])
    word, paint = ("saved", "up") if pnl < 0 else ("cost", "down" if pnl else "")
    amount = f"{word} {usd(abs(pnl))}"
    return (
        ("the rules ", "dim"),
        (amount, paint),
        (f" on {refused['trades']} refused signals", ""),
    )
