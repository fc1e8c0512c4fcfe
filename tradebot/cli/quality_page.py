"""The quality report as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tradebot.cli.quality_commands import accuracy, expectancy, figures_of, lasted, title
from tradebot.cli.tables import figure, signed, usd
from tradebot.core.ghost.quality import DIMENSIONS
from tradebot.reports.monthly.sections import Cell, Fact, Sheet
from tradebot.reports.monthly.text import tint
from tradebot.reports.pages import rendered
from tradebot.reports.quality_documents import GroupDocument, QualityDocument

HEADS = ("trades", "accuracy (95 %)", "expectancy (95 %)", "PnL", "profit factor", "drawdown",
         "Sharpe daily", "held")  # fmt: skip


def page(report: QualityDocument) -> str:
    """Return the whole page."""
    effect = report["rules"]["effect"]
    values = {
        "title": title(report),
        "effect": f"{effect[:1].upper()}{effect[1:]}.",
        "facts": [Fact(name, Cell(text)) for name, text in figures_of(report)],
        "tables": list(_sheets(report)),
        "notes": report["notes"],
    }
    return rendered("quality.html", values)


def _sheets(report: QualityDocument) -> Iterator[Sheet]:
    for dimension in DIMENSIONS:
        rows = [[Cell(row[dimension]), *_cells(row)] for row in report["by"][dimension]]
        yield Sheet(f"By {dimension}", (dimension, *HEADS), rows)


def _cells(row: GroupDocument) -> Iterator[Cell]:
    yield Cell(f"{row['trades']}{' small' if row['small'] else ''}")
    yield Cell(accuracy(row).removesuffix(" small"))
    yield Cell(expectancy(row))
    yield Cell(signed(row["pnl"]), tint(None if row["pnl"] is None else Decimal(row["pnl"])))
    yield Cell(figure(row["profit_factor"]))
    yield Cell(usd(row["max_drawdown"]))
    yield Cell(signed(row["sharpe_daily"]))
    yield Cell(lasted(row["average_duration_s"]))
