"""``compare``: two runs, what they did differently, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tradebot.cli.options import CompareOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.journal.paths import journal_path
from tradebot.reports.compare import Comparison, RunPlace, compare

SHOWN = 40
"""Differences shown to people unless they ask for more."""


def compare_runs(options: CompareOptions) -> int:
    """Compare two runs; returns the exit code."""
    database = journal_path(read_config(options.common).data_dir())
    found = compare(
        RunPlace.parse(options.first, database), RunPlace.parse(options.second, database)
    )
    limit = SHOWN if options.limit is None else options.limit
    data = asdict(found)
    rows = data.pop("differences")
    data["compare"] = rows if options.limit is None else rows[:limit]
    text = None if options.common.json else _text(found, limit)
    return show(Result("compare", data, text=text), as_json=options.common.json)


def _text(found: Comparison, limit: int) -> str:
    from rich.text import Text

    from tradebot.cli import tables
    from tradebot.cli.tables import Column

    width = tables.console_of().width
    parts: list[Any] = [Text(line) for line in _lines(found)]
    if found.settings:
        columns = (
            Column("set otherwise", "key"),
            Column("first", "first", words=True),
            Column("second", "second", words=True),
        )
        parts += ["", tables.listing("", columns, found.settings, width)]
    if found.differences:
        shown = found.differences[:limit]
        title = f"Differences ({len(shown)} of {len(found.differences)})"
        what = (
            Column("time", "time", tables.moment),
            Column("symbol", "symbol"),
            Column("side", "side"),
            Column("what", "what", rank=2),
            Column("first", "first", words=True),
            Column("second", "second", words=True),
            Column("why", "why", words=True),
        )
        parts += ["", tables.listing(title, what, shown, width)]
    return tables.rendered(*parts)


def _lines(found: Comparison) -> list[str]:
    """Return the verdict in words, before the tables."""
    totals = found.totals
    lines = [
        f"{word:<7} {row['run']} ({row['mode']}, {row['state']}) · {row['strategy']} · {row['market']}:"
        f" {row['signals']} signals, {row['trades']} trades, PnL {float(row['pnl']):+,.2f}"
        for word, row in zip(("first", "second"), found.runs, strict=True)
    ]
    lines.append(
        f"{totals['signals_in_both']} signals in both, {totals['same_verdict']} of them with the same"
        f" verdict; {totals['only_in_first']} only in the first, {totals['only_in_second']} only in the"
        " second"
    )
    lines.append("fingerprints: " + ", ".join(f"{k} {v}" for k, v in found.hashes.items()))
    if not found.differences:
        lines.append("No decision and no outcome differs.")
    return lines
