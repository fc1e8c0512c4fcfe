"""Signatures of what comes before real money: ``gates``."""

from __future__ import annotations

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, RunOptions, parse_symbols


def gates(
    strategy: arg.StrategyName = None,
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    param: arg.Params = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Say what a strategy has to show before real money, and what it has shown.

    Exit code 4 where a gate does not pass.
    """
    from tradebot.cli import readiness_commands

    options = RunOptions(
        common=Common(config, data_dir, as_json, tuple(sets or ())),
        mode="live",
        symbols=parse_symbols(symbols),
        timeframe=timeframe,
        strategy=strategy,
        params=tuple(param or ()),
    )
    raise typer.Exit(readiness_commands.gates(options))
