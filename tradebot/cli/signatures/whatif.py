"""The signature of ``whatif``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, RunOptions, parse_symbols


def whatif(
    change: Annotated[
        str,
        typer.Option(
            "--set-signal",
            metavar="CHANGE",
            help="min_confidence=0.75, skip_hours=3+4, skip_days=sat+sun, skip_symbols=ADA/USDT,"
            " skip_sides=short, stop_x=1.5, target_x=0.8; several joined by commas.",
        ),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Market data instead of a run's own bars."),
    ] = None,
    run: arg.Run = None,
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    strategy: arg.StrategyName = None,
    param: arg.Params = None,
    profile: arg.Profile = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Play a run's bars, or files, again with the strategy's signals changed, and compare."""
    from tradebot.cli import whatif_command

    options = RunOptions(
        common=Common(config, data_dir, as_json, tuple(sets or ())),
        mode="backtest",
        files=tuple(files or ()),
        symbols=parse_symbols(symbols),
        timeframe=timeframe,
        strategy=strategy,
        params=tuple(param or ()),
        profile=profile,
    )
    raise typer.Exit(whatif_command.whatif(whatif_command.WhatIfOptions(options, run, change)))
