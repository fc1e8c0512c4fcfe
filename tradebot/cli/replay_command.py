"""``replay``: whether a run, played again, does what it did."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from tradebot.app.database import database
from tradebot.app.replay import Deviation, Replayed, replay_run
from tradebot.cli.options import ReplayOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.core.model.errors import JournalError
from tradebot.core.model.times import iso
from tradebot.journal.reader import Reader


def replay(options: ReplayOptions) -> int:
    """Play a run again and compare; returns the exit code, 1 where it differs."""
    config = read_config(options.common)
    path = database(config)
    with Reader(path) as reader:
        run = reader.resolve_run(options.run).id
    with _progress(options, run) as progress:
        found = replay_run(
            *(path, run, config.strategy_dir()),
            until=options.until_ms,
            anyway=options.anyway,
            strategy=options.strategy or config.strategy.name,
            progress=progress,
        )
    return show(_result(found), as_json=options.common.json)


def _result(found: Replayed) -> Result:
    differs = found.difference
    data = {"replay": _document(found)}
    if differs is None:
        return Result("replay", data, text=_equal(found))
    where = f"event {differs.event} ({iso(differs.at)})" if differs.event else "its end"
    error = JournalError(
        f"{found.run} played again differs at {where}",
        hint="`tradebot db verify` says whether the journal is as it was written",
    )
    return Result("replay", data, text=_different(found, differs), error=error)


def _document(found: Replayed) -> dict[str, Any]:
    differs = found.difference
    return {
        "run": found.run,
        "version": found.version,
        "equal": found.equal,
        "compared": "decisions" if found.decisions else "effects",
        "events": found.events,
        "effects": found.effects,
        "starts": found.starts,
        "to": iso(found.last) if found.events else None,
        "difference": None if differs is None else {**asdict(differs), "at": iso(differs.at)},
    }


def _equal(found: Replayed) -> str:
    if not found.events:
        return f"{found.run}: nothing happened in it yet"
    what = "signals and orders are" if found.decisions else "effects are, byte for byte,"
    starts = "" if found.starts == 1 else f", over {found.starts} starts"
    return (
        f"{found.run}: all {found.effects:,} {what} what they were"
        f" ({found.events:,} events{starts}, to {iso(found.last)})"
    )


def _different(found: Replayed, differs: Deviation) -> str:
    row = "no row" if differs.audit is None else f"audit row {differs.audit}"
    event = f"event  {differs.event or '-'}, {iso(differs.at)}: {differs.told}"
    return "\n".join(
        (
            f"{found.run}: {found.effects - 1:,} effects as they were, then another",
            event,
            f"was    {differs.was or 'nothing'} ({row})",
            f"now    {differs.now or 'nothing'}",
        )
    )


@contextmanager
def _progress(options: ReplayOptions, run: str) -> Iterator[Callable[[float], None] | None]:
    """Show a progress bar on a terminal's stderr; elsewhere nothing."""
    if options.common.json or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(run, total=1.0)
        yield lambda share: progress.update(task, completed=share)
