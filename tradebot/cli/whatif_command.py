"""``whatif``: a run's bars, or files, played again with the strategy's signals changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradebot.app.adjusted import Adjustment
from tradebot.app.whatif import (
    Played,
    PlayedFigures,
    Recording,
    WhatIf,
    recorded_in,
    recording_of,
    settings_of,
    what_if,
)
from tradebot.cli.backtest_command import chosen_strategy, progress
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.config import Config
from tradebot.core.model.errors import UsageError
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.plugins.aside import prints_aside
from tradebot.plugins.strategies import StrategySpec


@dataclass(frozen=True, slots=True)
class WhatIfOptions:
    """``whatif``: the run's or the files' options, and the change as it was written."""

    run_options: RunOptions
    run: str | None
    change: str


def whatif(options: WhatIfOptions) -> int:
    """Play twice and show both; returns the exit code."""
    adjustment = Adjustment.parse(options.change)
    given = options.run_options
    config = read_config(given.common, given.flags())
    if given.files and options.run is not None:
        raise UsageError("name files or --run, not both")
    if given.files:
        spec = chosen_strategy(config)
        recording = recorded_in(given.files, given.symbols)
    else:
        config, spec, recording = _of_run(journal_path(config.data_dir()), options.run, config)
    _refuse_unknown(adjustment, recording)
    with progress(given) as bar, prints_aside():
        found = what_if(config, spec, recording, adjustment, lambda: bar(None))
    warnings = [] if recording.paid is None else [FUNDING.format(paid=recording.paid)]
    data = _document(found, options.change, recording.label)
    text = None if given.common.json else _text(found, options.change, recording.label, spec.name)
    return show(Result("whatif", data, warnings, text=text), as_json=given.common.json)


FUNDING = "funding is played at the {paid} times the run itself was booked some: of other times the journal has no rates"


def _of_run(path: Path, name: str | None, config: Config) -> tuple[Config, StrategySpec, Recording]:
    with Reader(path) as reader:
        run = reader.resolve_run(name)
    then, spec = settings_of(run, config)
    return then, spec, recording_of(path, run)


def _refuse_unknown(adjustment: Adjustment, recording: Recording) -> None:
    unknown = sorted(adjustment.skip_symbols - set(recording.symbols))
    if unknown:
        raise UsageError(
            f"--set-signal skip_symbols: {unknown[0]} is not in {recording.label}",
            hint=f"it has {', '.join(recording.symbols)}",
        )


# -- the answer -----------------------------------------------------------------------------------------


def _document(found: WhatIf, change: str, label: str) -> dict[str, Any]:
    return {
        "change": change,
        "bars": label,
        "from": iso(found.first),
        "to": iso(found.last),
        "last_third_from": iso(found.third),
        "as_it_is": _part(found.as_it_is),
        "changed": _part(found.changed),
        "difference": plain(found.changed.whole.pnl - found.as_it_is.whole.pnl),
        "difference_last_third": plain(
            found.changed.last_third.pnl - found.as_it_is.last_third.pnl
        ),
    }


def _part(played: Played) -> dict[str, Any]:
    summary = played.result.summary
    return {
        "whole": _row(played.whole),
        "last_third": _row(played.last_third),
        "max_drawdown": summary["max_drawdown"],
        "halts": summary["halts"],
        "refusals": summary["refusals"],
        "hashes": played.result.hashes,
    }


def _row(figures: PlayedFigures) -> dict[str, Any]:
    return {
        "trades": figures.trades,
        "wins": figures.wins,
        "gross": plain(figures.gross),
        "fees": plain(figures.fees),
        "funding": plain(figures.funding),
        "pnl": plain(figures.pnl),
    }


def _text(found: WhatIf, change: str, label: str, strategy: str) -> str:
    from tradebot.cli import tables
    from tradebot.cli.tables import Column

    columns = (
        Column("", "what"),
        Column("trades", "trades", right=True),
        Column("wins", "wins", right=True),
        Column("gross", "gross", right=True, rank=1),
        Column("fees", "fees", right=True, rank=1),
        Column("funding", "funding", right=True, rank=1),
        Column("net", "pnl", right=True),
    )
    rows = [
        _line("as it is", found.as_it_is.whole),
        _line("changed", found.changed.whole),
        _line("as it is, last third", found.as_it_is.last_third),
        _line("changed, last third", found.changed.last_third),
    ]
    width = tables.console_of().width
    whole = found.changed.whole.pnl - found.as_it_is.whole.pnl
    third = found.changed.last_third.pnl - found.as_it_is.last_third.pnl
    lines = (
        f"{change}: {whole:+,.2f} USDT in all, {third:+,.2f} in the last third (from {iso(found.third)[:16]} UTC on).",
        "Both were played by the simulation's rules; a change chosen on the same bars is flattered by them.",
    )
    title = f"{strategy} on {label}"
    return tables.rendered(tables.listing(title, columns, rows, width), *lines)


def _line(what: str, figures: PlayedFigures) -> dict[str, Any]:
    shown = {name: f"{getattr(figures, name):,.2f}" for name in ("gross", "fees", "funding", "pnl")}
    return {"what": what, "trades": figures.trades, "wins": figures.wins, **shown}


__all__ = ["WhatIfOptions", "whatif"]
