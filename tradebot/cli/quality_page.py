"""The quality report as one HTML page that needs nothing else; every word of the run is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from html import escape

from tradebot.cli.quality_commands import accuracy, expectancy, figures_of, lasted, title
from tradebot.cli.tables import figure, signed, usd
from tradebot.core.ghost.quality import DIMENSIONS
from tradebot.reports.quality_documents import GroupDocument, QualityDocument

STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .8rem .2rem 0;text-align:right;border-bottom:1px solid #8884}
th:first-child,td:first-child{text-align:left}th{font-weight:500;opacity:.7}
meter{width:8rem}li{opacity:.75}
"""

HEADS = ("trades", "accuracy (95 %)", "", "expectancy (95 %)", "PnL", "profit factor", "drawdown",
         "Sharpe daily", "held")  # fmt: skip


def page(report: QualityDocument) -> str:
    """Return the whole page."""
    name = escape(title(report))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'\">"
        f"<title>{name}</title><style>{STYLE}</style></head><body><h1>{name}</h1>\n"
        f"{''.join(_overall(report))}<p>{escape(report['rules']['effect'])}</p>\n"
        f"{''.join(_groups(report))}<h2>How to read this</h2><ul>"
        f"{''.join(f'<li>{escape(note)}</li>' for note in report['notes'])}</ul></body></html>\n"
    )


def _overall(report: QualityDocument) -> Iterator[str]:
    yield "<table>"
    for name, text in figures_of(report):
        yield f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>"
    yield "</table>"


def _groups(report: QualityDocument) -> Iterator[str]:
    for dimension in DIMENSIONS:
        yield f"<h2>By {dimension}</h2><table><tr><th>{dimension}</th>"
        yield "".join(f"<th>{head}</th>" for head in HEADS) + "</tr>"
        for row in report["by"][dimension]:
            cells = "".join(f"<td>{cell}</td>" for cell in _cells(row))
            yield f"<tr><td>{escape(row[dimension])}</td>{cells}</tr>"
        yield "</table>\n"


def _cells(row: GroupDocument) -> Iterator[str]:
    yield str(row["trades"])
    yield accuracy(row)
    yield f'<meter min="0" max="100" value="{Decimal(row["accuracy_pct"] or 0):.2f}"></meter>'
    yield expectancy(row)
    yield signed(row["pnl"])
    yield figure(row["profit_factor"])
    yield usd(row["max_drawdown"])
    yield signed(row["sharpe_daily"])
    yield lasted(row["average_duration_s"])
