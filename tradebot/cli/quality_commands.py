"""``quality``: how good the signals of a ghost run were."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tradebot.app.database import database
from tradebot.cli.options import QualityOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.core.ghost.quality import DIMENSIONS, Dimension
from tradebot.core.model.errors import UsageError
from tradebot.disk import write_text
from tradebot.journal.reader import Reader
from tradebot.reports.quality_documents import FiguresDocument, GroupDocument, QualityDocument
from tradebot.reports.signal_quality import ghost_runs, quality_report

BAR = 20
"""Characters of a full bar of accuracy."""


def quality(options: QualityOptions) -> int:
    """Report the quality of a run's signals; returns the exit code."""
    config = read_config(options.common)
    if options.run is not None and options.every:
        raise UsageError("--run names one run, --all means all of them", hint="leave one out")
    with Reader(database(config)) as reader, reader.moment():
        runs = ghost_runs(reader, options.run, every=options.every)
        report = quality_report(reader, runs)
    data: dict[str, Any] = {"quality": report}
    text = None if options.common.json else quality_text(report)
    if options.html is not None:
        from tradebot.cli.quality_page import page

        write_text(options.html, page(report))
        data["html"] = str(options.html)
        text = f"{text}\n\nwrote {options.html}"
    return show(Result("quality", data, _warnings(report), text=text), as_json=options.common.json)


def _warnings(report: QualityDocument) -> list[str]:
    said = []
    overall = report["overall"]
    if overall["small"]:
        said.append(
            f"{overall['trades']} closed trades are a small sample: nothing follows from it"
        )
    if report["open"]:
        said.append(f"{report['open']} hypothetical trades are still open and not counted")
    return said


# -- for people -------------------------------------------------------------------------------------


SHORT: tuple[Dimension, ...] = ("tier", "verdict")
"""Groups that the short report has."""


def quality_text(report: QualityDocument, *, short: bool = False) -> str:
    """Return the report as text for the terminal; a short one has fewer groups and no notes."""
    from rich.text import Text

    from tradebot.cli import tables

    width = tables.console_of().width
    parts: list[Any] = [Text(title(report), "bold"), _overall(report), ""]
    parts += [Text(report["rules"]["effect"][:1].upper() + report["rules"]["effect"][1:] + "."), ""]
    for dimension in SHORT if short else DIMENSIONS:
        rows = [_group(row, dimension) for row in report["by"][dimension]]
        if rows and (len(rows) > 1 or dimension != "strategy"):
            parts += [tables.listing(f"By {dimension}", _columns(dimension), rows, width), ""]
    if not short:
        parts += [Text(f"* {note}", "dim") for note in report["notes"]]
    return tables.rendered(*parts)


def title(report: QualityDocument) -> str:
    """Return what the report is about, in a line."""
    runs = report["runs"]
    if len(runs) > 1:
        return f"Signal quality of {len(runs)} runs, {runs[-1]['run']} to {runs[0]['run']}"
    run = runs[0]
    size = "-" if run["notional"] is None else f"${Decimal(run['notional']):,.2f}"
    return f"Signal quality of {run['run']} · {run['strategy']} · {run['market']} · {size} a trade"


def _overall(report: QualityDocument) -> Any:
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for style in ("dim", None, "dim", None):
        table.add_column(style=style, justify="left" if style else "right")
    lines = list(figures_of(report))
    half = (len(lines) + 1) // 2
    for left, right in zip(lines[:half], [*lines[half:], ("", "")], strict=False):
        table.add_row(*left, *right)
    return table


def figures_of(report: QualityDocument) -> list[tuple[str, str]]:
    """Return the report's overall figures as pairs of name and text."""
    from tradebot.cli.tables import figure, signed, usd

    row = report["overall"]
    counts = f"{report['closed']} closed, {report['open']} open, {report['unfilled']} unfilled"
    return [
        ("Signals", f"{report['signals']} ({counts})"),
        ("Profitable", f"{row['profitable']} of {row['trades']}"),
        ("Accuracy", accuracy(row)),
        ("PnL", signed(row["pnl"])),
        ("Expectancy", expectancy(row)),
        ("", f"({row['expectancy_interval']})"),
        ("Average win", signed(row["average_win"])),
        ("Average loss", signed(row["average_loss"])),
        ("Payoff ratio", figure(row["payoff_ratio"])),
        ("Profit factor", figure(row["profit_factor"])),
        ("Max drawdown", usd(row["max_drawdown"])),
        ("Sharpe per trade", signed(row["sharpe_trade"])),
        ("Sortino per trade", signed(row["sortino_trade"])),
        (f"Sharpe daily ({row['days']} days, x √365)", signed(row["sharpe_daily"])),
        ("Sortino daily (x √365)", signed(row["sortino_daily"])),
        ("Average duration", lasted(row["average_duration_s"])),
        ("Best, worst", f"{signed(row['best'])}, {signed(row['worst'])}"),
        ("Average MFE, MAE", f"{signed(row['average_mfe'])}, {signed(row['average_mae'])}"),
    ]


def accuracy(row: FiguresDocument) -> str:
    """Return a group's accuracy with its interval; small samples say so."""
    share, low, high = row["accuracy_pct"], row["accuracy_low_pct"], row["accuracy_high_pct"]
    if share is None or low is None or high is None:
        return "-"
    mark = " small" if row["small"] else ""
    return f"{Decimal(share):.1f}% ({Decimal(low):.1f} to {Decimal(high):.1f}){mark}"


def expectancy(row: FiguresDocument) -> str:
    """Return a group's expectancy with its interval."""
    from tradebot.cli.tables import signed

    if row["expectancy_low"] is None:
        return signed(row["expectancy"])
    low, high = signed(row["expectancy_low"]), signed(row["expectancy_high"])
    return f"{signed(row['expectancy'])} ({low} to {high})"


def lasted(value: str | None) -> str:
    """Return a duration in words."""
    from tradebot.core.model.spoken import duration

    return "-" if value is None else duration(round(Decimal(value)))


def _group(row: GroupDocument, dimension: Dimension) -> dict[str, Any]:
    return {
        **row,
        "value": row[dimension],
        "accuracy": accuracy(row),
        "expected": expectancy(row),
        "bar": bar(row["accuracy_pct"]),
        "lasted": lasted(row["average_duration_s"]),
    }


def bar(percent: str | None) -> str:
    """Return a bar of an accuracy, 100 % being ``BAR`` characters."""
    if percent is None:
        return ""
    filled = round(Decimal(percent) * BAR / 100)
    return "█" * filled + "░" * (BAR - filled)


def _columns(dimension: str) -> tuple[Any, ...]:
    from tradebot.cli.tables import Column, figure, signed, usd

    columns = (
        Column(dimension, "value"),
        Column("trades", "trades", right=True),
        Column("accuracy (95 %)", "accuracy"),
        Column("expectancy (95 %)", "expected", right=True),
        Column("PnL", "pnl", signed, right=True, tinted=True),
        Column("factor", "profit_factor", figure, right=True, rank=1),
        Column("drawdown", "max_drawdown", usd, right=True, rank=3),
        Column("Sharpe d", "sharpe_daily", signed, right=True, rank=2),
        Column("held", "lasted", right=True, rank=4),
    )
    return (*columns, Column("", "bar", rank=5)) if dimension in ("tier", "verdict") else columns
