"""Signatures of what comes before real money: ``gates``, ``drill`` and ``signoff``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, DrillOptions, RunOptions, SignoffOptions, parse_symbols


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

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    options = _asked(common, strategy, symbols, timeframe, param)
    raise typer.Exit(readiness_commands.gates(options))


def drill(
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="Play this one only.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the directory that it is played in.")
    ] = False,
    strategy: arg.StrategyName = None,
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    param: arg.Params = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Play disasters with your own configuration on an exchange of this machine, and see what the bot does.

    It touches no account and no network. Exit code 4 where one of them failed.
    """
    from tradebot.cli import drill_command

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    run = _asked(common, strategy, symbols, timeframe, param)
    raise typer.Exit(drill_command.drill(DrillOptions(run, scenario, keep)))


def signoff(
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Who signs, or revokes.")
    ] = None,
    role: Annotated[str | None, typer.Option("--role", metavar="ROLE", help="As what.")] = None,
    text_file: Annotated[
        Path | None,
        typer.Option("--text-file", metavar="FILE", help="Their sentence and confirmations."),
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Take every standing sign-off back.")
    ] = False,
    stage: Annotated[
        int | None, typer.Option("--stage", metavar="N", help="Move live up to stage 2 or 3.")
    ] = None,
    cap: Annotated[
        str, typer.Option("--cap", metavar="USDT", help="What stage 3 is held to (default 50).")
    ] = "",
    review: Annotated[
        bool, typer.Option("--review", help="Stage 3: the week was looked through.")
    ] = False,
    strategy: arg.StrategyName = None,
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    param: arg.Params = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Have two people say, in words, that a strategy may trade their money.

    Without a terminal each signs with a command of their own. Exit code 4 while a gate does not pass.
    """
    from tradebot.cli import signoff_command

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    run = _asked(common, strategy, symbols, timeframe, param)
    options = SignoffOptions(run, name, role, text_file, revoke, stage, cap, review)
    raise typer.Exit(signoff_command.signoff(options))


def _asked(
    common: Common,
    strategy: str | None,
    symbols: str | None,
    timeframe: str | None,
    params: list[str] | None,
) -> RunOptions:
    """Return the live run that is asked about."""
    return RunOptions(
        common=common,
        mode="live",
        symbols=parse_symbols(symbols),
        timeframe=timeframe,
        strategy=strategy,
        params=tuple(params or ()),
    )
