"""Signatures of the commands that read the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, CompareOptions, InspectOptions, QualityOptions, parse_time


def _inspect(options: InspectOptions) -> None:
    from tradebot.cli import inspect_commands

    raise typer.Exit(inspect_commands.inspect(options))


def status(
    run: arg.Run = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show how a run is doing: mode, equity, day PnL, halts, heartbeat."""
    _inspect(InspectOptions(Common(config, data_dir, as_json), "status", run))


def positions(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show open positions."""
    _inspect(InspectOptions(Common(config, data_dir, as_json), "positions", run, symbol))


def orders(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only orders that still live.")] = False,
    since: arg.Since = None,
    month: arg.Month = None,
    csv: arg.Csv = None,
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show orders and what became of them."""
    common = Common(config, data_dir, as_json)
    _inspect(
        InspectOptions(
            *(common, "orders", run, symbol, parse_time(since), limit),
            open_only=open_only,
            csv=csv,
            month=month,
        )
    )


def trades(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    since: arg.Since = None,
    month: arg.Month = None,
    csv: arg.Csv = None,
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show completed trades."""
    common = Common(config, data_dir, as_json)
    since_ms = parse_time(since)
    _inspect(InspectOptions(common, "trades", run, symbol, since_ms, limit, csv=csv, month=month))


def fills(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    since: arg.Since = None,
    month: arg.Month = None,
    csv: arg.Csv = None,
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show fills: what was bought and sold, at what price and fee."""
    common = Common(config, data_dir, as_json)
    since_ms = parse_time(since)
    _inspect(InspectOptions(common, "fills", run, symbol, since_ms, limit, csv=csv, month=month))


def equity(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    since: arg.Since = None,
    month: arg.Month = None,
    csv: arg.Csv = None,
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show the equity curve."""
    common = Common(config, data_dir, as_json)
    since_ms = parse_time(since)
    _inspect(InspectOptions(common, "equity", run, symbol, since_ms, limit, csv=csv, month=month))


def funding(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    since: arg.Since = None,
    month: arg.Month = None,
    csv: arg.Csv = None,
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show funding that was received and paid."""
    common = Common(config, data_dir, as_json)
    since_ms = parse_time(since)
    _inspect(InspectOptions(common, "funding", run, symbol, since_ms, limit, csv=csv, month=month))


def signals(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    verdict: Annotated[
        str | None,
        typer.Option("--verdict", metavar="WORD", help="Only approved, refused, exit, held ..."),
    ] = None,
    csv: arg.Csv = None,
    since: arg.Since = None,
    month: arg.Month = None,
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show the strategy's signals and what the gate said to them."""
    common = Common(config, data_dir, as_json)
    since_ms = parse_time(since)
    _inspect(
        InspectOptions(
            *(common, "signals", run, symbol, since_ms, limit),
            verdict=verdict,
            csv=csv,
            month=month,
        )
    )


def quality(
    run: arg.Run = None,
    every: Annotated[bool, typer.Option("--all", help="All ghost runs of the journal.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page.")
    ] = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Report how good the signals of a ghost run were."""
    from tradebot.cli import quality_commands

    options = QualityOptions(Common(config, data_dir, as_json), run, every, html)
    raise typer.Exit(quality_commands.quality(options))


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="A run, or DIR#RUN.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="Another one.")],
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show where two runs decided or ended differently, and why."""
    from tradebot.cli import compare_commands

    options = CompareOptions(Common(config, data_dir, as_json), first, second, limit)
    raise typer.Exit(compare_commands.compare_runs(options))


def runs(
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """List the runs in the journal."""
    _inspect(InspectOptions(Common(config, data_dir, as_json), "runs", limit=limit))


def risk(
    run: arg.Run = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show each limit with what is used of it, liquidation, halts and refusals."""
    _inspect(InspectOptions(Common(config, data_dir, as_json), "risk", run))
