"""A report for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from tradebot.cli.tables import console_of, rendered
from tradebot.reports.monthly.sections import (
    Fact,
    Sheet,
    bridge_facts,
    calendar_sheet,
    head_facts,
    risk_facts,
    sheets,
    span,
)
from tradebot.reports.monthly.value import Report

STYLES = {"up": "green", "down": "red"}
NARROW = 100
"""Columns below which figures stand one below the other."""


def report_text(report: Report, digest: str) -> str:
    """Return the whole report as text, as wide as the terminal; ``digest`` is the hash of its figures."""
    width = console_of().width
    parts: list[Any] = [
        Text(report.title, "bold"),
        Text(f"{report.market}; {span(report)}", "dim"),
        "",
        Text(report.head.sentence),
        "",
        _facts(head_facts(report), width),
        "",
    ]
    if report.advice.lines:
        parts += [Text("What to change", "bold"), *map(Text, report.advice.lines), ""]
    for name, facts in (
        ("From gross to net, USDT", bridge_facts(report)),
        ("Risk", risk_facts(report)),
    ):
        parts += [Text(name, "bold"), _facts(facts, width), ""]
    for sheet in (calendar_sheet(report), *sheets(report)):
        if sheet.rows and not (sheet.title.startswith("By ") and len(sheet.rows) < 2):
            parts += _tables(sheet, width)
            parts += [*([Text(sheet.note, "dim")] if sheet.note else []), ""]
    parts += [Text(f"* {note}", "dim") for note in (*report.notes, *report.income)]
    parts.append(Text(f"Hash {digest}", "dim"))  # on one line of 80 columns
    return rendered(*parts)


def _facts(facts: Sequence[Fact], width: int) -> Table:
    columns = 1 if width < NARROW else 2
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for _ in range(columns):
        table.add_column(style="dim")
        table.add_column(justify="left")
    half = (len(facts) + columns - 1) // columns
    for i in range(half):
        cells: list[Text] = []
        for fact in facts[i::half]:
            cells += [Text(fact.name), Text(fact.cell.text, STYLES.get(fact.cell.tint, ""))]
        table.add_row(*cells)
    return table


def _tables(sheet: Sheet, width: int) -> Iterator[Table]:
    """Yield a table; one that is too wide goes on below, its first column again in front."""
    rest, title = range(1, len(sheet.heads)), sheet.title
    while rest:
        count = _fitting(sheet, rest, width)
        yield _table(sheet, [0, *rest[:count]], title)
        rest, title = rest[count:], ""


def _table(sheet: Sheet, columns: Sequence[int], title: str) -> Table:
    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for i in columns:
        table.add_column(
            sheet.heads[i], justify="left" if i < sheet.words else "right", no_wrap=True
        )
    for row in sheet.rows:
        table.add_row(*(Text(row[i].text, STYLES.get(row[i].tint, "")) for i in columns))
    return table


def _fitting(sheet: Sheet, columns: Sequence[int], width: int) -> int:
    """Return how many of the columns fit beside the first: at least one."""
    used = _width(sheet, 0)
    for count, column in enumerate(columns):
        used += _width(sheet, column)
        if used > width + 2:
            return max(count, 1)
    return len(columns)


def _width(sheet: Sheet, column: int) -> int:
    """Return the columns of the terminal that a table's column takes, with those between it and the next."""
    return 2 + max(len(sheet.heads[column]), *(len(row[column].text) for row in sheet.rows))


__all__ = ["report_text"]
