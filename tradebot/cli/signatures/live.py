"""Signature of ``live``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, LiveOptions, RunOptions, parse_duration, parse_symbols


def live(
    check: Annotated[
        bool, typer.Option("--check", help="Go through the checklist only; nothing is changed.")
    ] = False,
    confirm_live: Annotated[
        str | None,
        typer.Option(
            "--confirm-live", metavar="TOKEN", help="Without a terminal: the check's token."
        ),
    ] = None,
    print_unit: Annotated[
        bool, typer.Option("--print-unit", help="Print a systemd unit that keeps it up.")
    ] = False,
    enforce_gates: Annotated[
        bool, typer.Option("--enforce-gates", help="Have every gate bind, as with real money.")
    ] = False,
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    strategy: arg.StrategyName = None,
    param: arg.Params = None,
    profile: arg.Profile = None,
    duration: arg.For = None,
    headless: arg.Headless = False,
    new: arg.New = False,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", hidden=True)] = None,
    market: Annotated[str | None, typer.Option("--market", hidden=True)] = None,
    speed: Annotated[str | None, typer.Option("--speed", hidden=True)] = None,
    seed: Annotated[int | None, typer.Option("--seed", hidden=True)] = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Trade real money inside the ceilings: a checklist, your word, then the strategy."""
    from tradebot.cli import live_command

    options = RunOptions(
        common=Common(config, data_dir, as_json, tuple(sets or ())),
        mode="live",
        files=tuple(files or ()),
        market=market,
        symbols=parse_symbols(symbols),
        timeframe=timeframe,
        strategy=strategy,
        params=tuple(param or ()),
        profile=profile,
        speed=speed,
        duration_ms=parse_duration(duration),
        seed=seed,
        headless=headless,
        new=new,
    )
    raise typer.Exit(
        live_command.live(LiveOptions(options, check, confirm_live, print_unit, enforce_gates))
    )
