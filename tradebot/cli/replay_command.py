"""``replay``: whether a run, played again, does what it did; or how a part of it came about."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tradebot.app.database import database
from tradebot.app.replay import Deviation, Replayed, replay_run
from tradebot.cli.options import ReplayOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.cli.share_bar import share_bar
from tradebot.cli.streams import say
from tradebot.config import Config
from tradebot.core.model.errors import JournalError, UsageError
from tradebot.core.model.times import iso
from tradebot.journal.export import exported_source
from tradebot.journal.reader import Reader


def replay(options: ReplayOptions) -> int:
    """Play a run again and compare, or explain a part of it; returns the exit code, 1 where it differs."""
    config = read_config(options.common)
    file = _file(options.run)
    path = file or database(config)
    with Reader(path) as reader:
        run = reader.resolve_run(None if file else options.run).id
    if options.explain is not None:
        return show(_explained(path, run, options.explain), as_json=options.common.json)
    with (
        _strategy_of(file, options, config) as (folder, strategy),
        share_bar(options.common.json, run) as bar,
    ):
        found = replay_run(
            *(path, run, folder),
            until=options.until_ms,
            anyway=options.anyway,
            strategy=strategy,
            progress=bar,
        )
    return show(_result(found), as_json=options.common.json)


def _file(name: str | None) -> Path | None:
    """Return the file that is meant, None for a run: those have neither folder nor ending."""
    if name is None or not (os.sep in name or Path(name).suffix or Path(name).is_file()):
        return None
    if not Path(name).is_file():
        raise UsageError(f"there is no file {name}", hint="`tradebot db export RUN FILE` makes one")
    return Path(name)


@contextmanager
def _strategy_of(
    file: Path | None, options: ReplayOptions, config: Config
) -> Iterator[tuple[Path, str]]:
    """Give where the strategy is: in the exported file itself, unless the user names another place."""
    source = None if file is None or options.strategy else exported_source(file)
    if source is None:
        yield config.strategy_dir(), options.strategy or config.strategy.name
        return
    name, text = source
    say(f"the strategy is played as {file} has it: {name} is code of whoever made that file")
    with TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(text)
        yield Path(folder), ""


def _explained(path: Path, run: str, what: str) -> Result:
    from tradebot.app.explain import explain

    links = explain(path, run, what)
    rows = [{**asdict(link), "at": iso(link.at), "row": link.row or None} for link in links]
    text = "\n".join(
        f"{iso(link.at)}  {link.step:<10}  {link.text}  [{link.source} {link.row or '-'}]"
        for link in links
    )
    return Result("replay", {"run": run, "explain": rows}, text=text)


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
