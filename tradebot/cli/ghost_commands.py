"""``ghost``, and what a ghost says: signals judged without an order to anybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal

from tradebot.app.database import database
from tradebot.app.runner import Ending
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result
from tradebot.config import Config
from tradebot.core.model.effects import Effect, FillBooked, FundingBooked, TradeClosed
from tradebot.core.model.errors import JournalError, TradebotError
from tradebot.core.model.events import Event
from tradebot.core.model.spoken import duration, price, would
from tradebot.journal.reader import Reader
from tradebot.journal.view import GhostRow, as_json
from tradebot.reports.quality_documents import QualityDocument
from tradebot.reports.signal_quality import ghost_runs, quality_report

SHADOW = (FillBooked, FundingBooked, TradeClosed)
"""What happens to the shadow account: nobody traded, so nobody is told."""

NEWEST = 20
"""Hypothetical trades that the end of a run shows; ``tradebot signals`` shows them all."""

Observer = Callable[[Event, Sequence[Effect]], None]


def ghost(options: RunOptions) -> int:
    """Judge signals, journalled; an interrupted run goes on. Returns the exit code."""
    from tradebot.cli import run_commands

    return run_commands.paper(options)


def modes_of(options: RunOptions) -> tuple[str, ...]:
    """Return the modes of the runs to host on one feed; the first is the one that is looked at."""
    if options.mode == "ghost":
        return ("ghost",)
    return ("paper", "ghost") if options.ghost else ("paper",)


def without_shadow(observe: Observer) -> Observer:
    """Return an observer that is spared the shadow account's trades."""

    def told(event: Event, effects: Sequence[Effect]) -> None:
        observe(event, [effect for effect in effects if not isinstance(effect, SHADOW)])

    return told


def ghost_result(result: Result, ending: Ending, config: Config) -> Result:
    """Return a run's answer with the signal quality of the ghost in it, if there was one."""
    for one in (ending, *ending.beside):
        if one.summary["mode"] == "ghost":
            return _with_quality(result, ending, one, config)
    return result


def _with_quality(result: Result, ending: Ending, ghost: Ending, config: Config) -> Result:
    report: QualityDocument | None = None
    newest: list[GhostRow] = []
    # an error that ended the run is the one to tell, and no signal at all is no error
    with suppress(JournalError, TradebotError), Reader(database(config)) as reader:
        run = str(ghost.summary["run"])
        newest = reader.ghosts(run, state="closed", limit=NEWEST)
        report = quality_report(reader, ghost_runs(reader, run))
    data = dict(result.data)
    if ghost is not ending:
        data["ghost"] = {"summary": ghost.summary, "state": ghost.state, "hashes": ghost.hashes}
    data["quality"] = None if report is None else report["overall"]
    alone = ghost is ending
    text = "\n\n".join([*([] if alone else [result.text or ""]), _text(ghost, report, newest)])
    return Result(
        result.command, data, result.warnings, text, views=result.views, error=result.error
    )


def _text(ghost: Ending, report: QualityDocument | None, newest: Sequence[GhostRow]) -> str:
    """Return what the run's end says to people: signals, not the shadow account."""
    from tradebot.cli import tables
    from tradebot.cli.quality_commands import quality_text
    from tradebot.cli.tables import Column

    parts = [] if report is None else [quality_text(report, short=True)]
    if newest:
        rows = [{**as_json(row), "would": would(row.pnl or Decimal(0))} for row in newest]
        columns = (
            Column("#", "signal", right=True, rank=3),
            Column("symbol", "symbol"),
            Column("side", "side"),
            Column("verdict", "verdict"),
            Column("entry", "entry_price", price, right=True),
            Column("exit", "exit_price", price, right=True),
            Column("held", "duration_s", duration, right=True, rank=2),
            Column("outcome", "would"),
            Column("why", "exit_reason", rank=1),
        )
        title = f"Newest hypothetical trades ({len(rows)}; `tradebot signals` shows all signals)"
        parts.append(
            tables.rendered(tables.listing(title, columns, rows, tables.console_of().width))
        )
    summary = ghost.summary
    parts.append(
        "The shadow account beside them, as paper would have had it:"
        f" {summary['completed_trades']} trades, PnL {tables.signed(summary['pnl'])},"
        f" {summary['refusals']} signals refused. No order was sent anywhere."
    )
    return "\n\n".join(parts)
