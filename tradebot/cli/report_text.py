"""A report for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
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
            parts += [_table(sheet, width), *([Text(sheet.note, "dim")] if sheet.note else []), ""]
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


def _table(sheet: Sheet, width: int) -> Table:
    """Return a table; one that is too wide loses its last columns, never a row."""
    table = Table(
        title=sheet.title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    shown = _fitting(sheet, width)
    for i, head in enumerate(sheet.heads[:shown]):
        table.add_column(head, justify="left" if i < sheet.words else "right", no_wrap=True)
    for row in sheet.rows:
        table.add_row(*(Text(cell.text, STYLES.get(cell.tint, "")) for cell in row[:shown]))
    return table


def _fitting(sheet: Sheet, width: int) -> int:
    """Return how many of a table's columns fit."""
    used = 0
    for i, head in enumerate(sheet.heads):
        used += max(len(head), *(len(row[i].text) for row in sheet.rows)) + 2
        if used > width + 2:
            return max(i, 2)
    return len(sheet.heads)


__all__ = ["report_text"]
