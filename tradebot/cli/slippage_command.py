"""``slippage``: fills of an exchange beside what the simulation makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from tradebot.app.database import database
from tradebot.cli.options import SlippageOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.core.model.errors import UsageError
from tradebot.core.model.times import iso
from tradebot.journal.facts import FillModelled
from tradebot.journal.reader import Reader
from tradebot.journal.rows import IN_PROCESS, RunRow
from tradebot.reports.drift import (
    DriftVerdict,
    SlippageRow,
    drift_verdict,
    ghost_beside,
    ghost_outcomes,
    modelled_fills,
    slippage_rows,
)

NOTE = "positive is against you: the fill was worse than modelled"

COLUMNS = (
    *("time", "symbol", "side", "purpose", "qty", "price", "modelled", "bps", "quote_age_ms"),
    *("order_id", "trade_id"),
)


def slippage(options: SlippageOptions) -> int:
    """Show what a run's fills were beside the model; returns the exit code."""
    if options.common.json and str(options.csv) == "-":
        raise UsageError("--csv - and --json both want stdout", hint="name a file for the CSV")
    config = read_config(options.common)
    with Reader(database(config)) as reader:
        run = _run(reader, options.run)
        fills = modelled_fills(reader, run.id)
        beside = ghost_beside(reader, run)
        signals = [] if beside is None else ghost_outcomes(reader, beside.id)
    if options.csv is not None:
        return show(_written(options, run, fills), as_json=options.common.json)
    rows = slippage_rows(fills)
    known = [Decimal(fill.bps) for fill in fills if fill.bps]
    verdict = drift_verdict(known, signals, config.live.drift_bps, config.live.ghost_accuracy_pct)
    data = {
        "run": run.id,
        "fills": len(fills),
        "unmodelled": len(fills) - len(known),
        "slippage": rows,
        "verdict": asdict(verdict),
    }
    text = None if options.common.json else _text(run, fills, rows, verdict)
    return show(Result("slippage", data, text=text), as_json=options.common.json)


def _run(reader: Reader, name: str | None) -> RunRow:
    """Return the run asked for, or the newest at an exchange; UsageError where there is none."""
    if name is not None:
        return reader.run(name)
    for run in reader.runs(shown=True):
        if run.venue not in IN_PROCESS:
            return run
    raise UsageError(
        "no run of this journal traded at an exchange",
        hint="only there fills are beside a model: `tradebot paper --venue demo`, or live",
    )


def _written(options: SlippageOptions, run: RunRow, fills: Sequence[FillModelled]) -> Result:
    from tradebot.reports.archive import write_csv

    assert options.csv is not None
    rows = ({**asdict(fill), "time": iso(fill.time)} for fill in fills)
    count = write_csv(COLUMNS, rows, options.csv)
    data = {"run": run.id, "csv": str(options.csv), "count": count}
    said = "" if str(options.csv) == "-" else f"{count} fills of {run.id} written to {options.csv}"
    return Result("slippage", data, text=said)


def _text(
    run: RunRow, fills: Sequence[FillModelled], rows: Sequence[SlippageRow], verdict: DriftVerdict
) -> str:
    from rich.text import Text

    from tradebot.cli import tables
    from tradebot.cli.tables import Column

    if not fills:
        return f"{run.id}: no fill was modelled yet."
    columns = (
        Column("by", "by"),
        Column("", "group"),
        Column("fills", "fills"),
        Column("median", "median_bps", _bps),
        Column("95 %", "p95_bps", _bps),
        Column("worst", "worst_bps", _bps),
    )
    title = f"{run.id}, basis points"
    shown: list[dict[str, Any]] = [dict(row) for row in rows]
    words = [NOTE, *(verdict.reasons or (f"no drift: {verdict.have}",))]
    listed = tables.listing(title, columns, shown, tables.console_of().width)
    return tables.rendered(listed, "", *(Text(word) for word in words))


def _bps(value: Any) -> str:
    return f"{Decimal(value):+.2f}"
