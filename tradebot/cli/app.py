"""The command line: every command's signature. Bodies import what they need when they run.

Nothing heavy is imported here, so that ``--help`` stays quick; errors are answered in ``main``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import (
    Common,
    CompareOptions,
    ControlOptions,
    DbOptions,
    InitOptions,
    InspectOptions,
    QualityOptions,
    RunOptions,
    parse_duration,
    parse_symbols,
    parse_time,
)
from tradebot.cli.venue_signature import venue

TRADE = "Trade"
INSPECT = "Inspect"
CONTROL = "Control"
SET_UP = "Set up"

app = typer.Typer(
    name="tradebot",
    help="A crypto-futures trading bot that has to earn the right to trade real money.",
    epilog="Start with: tradebot paper",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
config_app = typer.Typer(help="Show, check and find the configuration.", no_args_is_help=True)
db_app = typer.Typer(help="Verify and back up the journal.", no_args_is_help=True)
app.add_typer(config_app, name="config", rich_help_panel=SET_UP)
app.add_typer(db_app, name="db", rich_help_panel=SET_UP)
app.command(rich_help_panel=SET_UP)(venue)


def _version(wanted: bool) -> None:
    if wanted:
        from tradebot import __version__

        typer.echo(f"tradebot {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def tradebot(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A crypto-futures trading bot that has to earn the right to trade real money."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(rich_help_panel=TRADE)
def backtest(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Klines, mark klines, trades, funding.")
    ],
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    strategy: arg.StrategyName = None,
    param: arg.Params = None,
    profile: arg.Profile = None,
    duration: arg.For = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw equity, drawdown and trades in the terminal.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with curves and trades."),
    ] = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Run a strategy over recorded market data, as fast as it goes."""
    from tradebot.cli import backtest_command

    options = RunOptions(
        common=Common(config, data_dir, as_json, tuple(sets or ())),
        mode="backtest",
        files=tuple(files),
        symbols=parse_symbols(symbols),
        timeframe=timeframe,
        strategy=strategy,
        params=tuple(param or ()),
        profile=profile,
        duration_ms=parse_duration(duration),
        plot=plot,
        html=html,
    )
    raise typer.Exit(backtest_command.backtest(options))


@app.command(rich_help_panel=TRADE)
def paper(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Market data instead of a live market."),
    ] = None,
    market: arg.MarketSource = None,
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    strategy: arg.StrategyName = None,
    param: arg.Params = None,
    profile: arg.Profile = None,
    speed: arg.Speed = None,
    duration: arg.For = None,
    seed: arg.Seed = None,
    headless: arg.Headless = False,
    new: arg.New = False,
    ghost: Annotated[
        bool, typer.Option("--ghost", help="Judge the signals beside it: two runs on one feed.")
    ] = False,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Trade on paper: simulated orders, on the embedded market unless told otherwise."""
    from tradebot.cli import run_commands

    options = RunOptions(
        common=Common(config, data_dir, as_json, tuple(sets or ())),
        mode="paper",
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
        ghost=ghost,
    )
    raise typer.Exit(run_commands.paper(options))


@app.command(rich_help_panel=TRADE)
def ghost(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Market data instead of a live market."),
    ] = None,
    market: arg.MarketSource = None,
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    strategy: arg.StrategyName = None,
    param: arg.Params = None,
    profile: arg.Profile = None,
    speed: arg.Speed = None,
    duration: arg.For = None,
    seed: arg.Seed = None,
    headless: arg.Headless = False,
    new: arg.New = False,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Judge signals without orders: each becomes a hypothetical trade, booked as paper would."""
    from tradebot.cli import ghost_commands

    options = RunOptions(
        common=Common(config, data_dir, as_json, tuple(sets or ())),
        mode="ghost",
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
    raise typer.Exit(ghost_commands.ghost(options))


@app.command(rich_help_panel=TRADE)
def tui(
    run: arg.Run = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
) -> None:
    """Watch runs on screen, live or ended, and halt, resume, stop or close them."""
    from tradebot.cli import tui_commands

    common = Common(config, data_dir, False, tuple(sets or ()))
    raise typer.Exit(tui_commands.tui(common, run))


def _inspect(options: InspectOptions) -> None:
    from tradebot.cli import inspect_commands

    raise typer.Exit(inspect_commands.inspect(options))


@app.command(rich_help_panel=INSPECT)
def status(
    run: arg.Run = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show how a run is doing: mode, equity, day PnL, halts, heartbeat."""
    _inspect(InspectOptions(Common(config, data_dir, as_json), "status", run))


@app.command(rich_help_panel=INSPECT)
def positions(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show open positions."""
    _inspect(InspectOptions(Common(config, data_dir, as_json), "positions", run, symbol))


@app.command(rich_help_panel=INSPECT)
def orders(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only orders that still live.")] = False,
    since: arg.Since = None,
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show orders and what became of them."""
    common = Common(config, data_dir, as_json)
    _inspect(
        InspectOptions(common, "orders", run, symbol, parse_time(since), limit, open_only=open_only)
    )


@app.command(rich_help_panel=INSPECT)
def trades(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    since: arg.Since = None,
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show completed trades."""
    common = Common(config, data_dir, as_json)
    _inspect(InspectOptions(common, "trades", run, symbol, parse_time(since), limit))


@app.command(rich_help_panel=INSPECT)
def signals(
    run: arg.Run = None,
    symbol: arg.Symbol = None,
    verdict: Annotated[
        str | None,
        typer.Option("--verdict", metavar="WORD", help="Only approved, refused, exit, held ..."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write them as CSV, with outcomes; - is stdout."
        ),
    ] = None,
    since: arg.Since = None,
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show the strategy's signals and what the gate said to them."""
    common = Common(config, data_dir, as_json)
    since_ms = parse_time(since)
    _inspect(
        InspectOptions(common, "signals", run, symbol, since_ms, limit, verdict=verdict, csv=csv)
    )


@app.command(rich_help_panel=INSPECT)
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


@app.command(rich_help_panel=INSPECT)
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


@app.command(rich_help_panel=INSPECT)
def runs(
    limit: arg.Limit = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """List the runs in the journal."""
    _inspect(InspectOptions(Common(config, data_dir, as_json), "runs", limit=limit))


@app.command(rich_help_panel=INSPECT)
def risk(
    run: arg.Run = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show each limit with what is used of it, liquidation, halts and refusals."""
    _inspect(InspectOptions(Common(config, data_dir, as_json), "risk", run))


def _control(
    action: Literal["halt", "resume", "close-all"],
    common: Common,
    run: str | None,
    reason: str,
    wait_s: float,
    yes: bool = False,
    review: Path | None = None,
) -> None:
    from tradebot.cli import control_commands
    from tradebot.cli.person import user_name

    options = ControlOptions(common, action, run, reason, user_name(), wait_s, yes, review)
    raise typer.Exit(control_commands.control(options))


@app.command(rich_help_panel=CONTROL)
def halt(
    run: arg.Run = None,
    reason: arg.Reason = "",
    wait: arg.Wait = 5.0,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Stop new entries now and until resumed; exits and stops go on."""
    _control("halt", Common(config, data_dir, as_json), run, reason, wait)


@app.command(rich_help_panel=CONTROL)
def resume(
    run: arg.Run = None,
    reason: arg.Reason = "",
    review: arg.Review = None,
    wait: arg.Wait = 5.0,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Allow entries again, on record."""
    _control("resume", Common(config, data_dir, as_json), run, reason, wait, review=review)


@app.command("close-all", rich_help_panel=CONTROL)
def close_all(
    run: arg.Run = None,
    reason: arg.Reason = "",
    wait: arg.Wait = 30.0,
    yes: arg.Yes = False,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Halt, cancel every order and close every position."""
    _control("close-all", Common(config, data_dir, as_json), run, reason, wait, yes)


@app.command(rich_help_panel=SET_UP)
def strategies(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One strategy, or FILE.py:CLASS.")
    ] = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """List the strategies and their parameters."""
    from tradebot.cli import strategy_commands

    common = Common(config, data_dir, as_json)
    raise typer.Exit(strategy_commands.strategies(common, name))


@app.command(rich_help_panel=SET_UP)
def init(
    symbols: arg.Symbols = None,
    strategy: arg.StrategyName = None,
    start_equity: Annotated[
        str | None,
        typer.Option("--start-equity", metavar="USDT", help="The paper account at the start."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take the defaults, ask nothing.")
    ] = False,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Write a commented bot.toml; on a terminal, ask what goes into it."""
    from tradebot.cli import setup_commands

    options = InitOptions(
        common=Common(config, data_dir, as_json),
        symbols=parse_symbols(symbols),
        strategy=strategy,
        start_equity=start_equity,
        force=force,
        asking=not (yes or as_json),
    )
    raise typer.Exit(setup_commands.init(options))


@app.command(rich_help_panel=SET_UP)
def doctor(
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Look at everything a run needs and say what to mend."""
    from tradebot.cli import setup_commands

    raise typer.Exit(setup_commands.doctor(Common(config, data_dir, as_json, tuple(sets or ()))))


@app.command(rich_help_panel=SET_UP)
def lookahead(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Klines or trades.")],
    strategy: arg.StrategyName = None,
    param: arg.Params = None,
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Check that a strategy's signals do not depend on later data."""
    from tradebot.cli import setup_commands

    options = RunOptions(
        common=Common(config, data_dir, as_json, tuple(sets or ())),
        mode="backtest",
        files=tuple(files),
        symbols=parse_symbols(symbols),
        timeframe=timeframe,
        strategy=strategy,
        params=tuple(param or ()),
    )
    raise typer.Exit(setup_commands.lookahead(options))


@config_app.command("show")
def config_show(
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value is from.")] = False,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show every key's value as bot.toml would have it."""
    from tradebot.cli import config_commands

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    raise typer.Exit(config_commands.show_config(common, with_origin=origin))


@config_app.command("check")
def config_check(
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Check the configuration and that its strategy loads."""
    from tradebot.cli import config_commands

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    raise typer.Exit(config_commands.check_config(common))


@config_app.command("path")
def config_path(
    config: arg.ConfigFile = None, data_dir: arg.DataDir = None, as_json: arg.Json = False
) -> None:
    """Show which configuration file is read, and where the data is."""
    from tradebot.cli import config_commands

    raise typer.Exit(config_commands.show_paths(Common(config, data_dir, as_json)))


def _db(options: DbOptions) -> None:
    from tradebot.cli import db_commands

    raise typer.Exit(db_commands.db(options))


@db_app.command("verify")
def db_verify(
    config: arg.ConfigFile = None, data_dir: arg.DataDir = None, as_json: arg.Json = False
) -> None:
    """Check the journal: audit chain, projections, database."""
    _db(DbOptions(Common(config, data_dir, as_json), "verify"))


@db_app.command("backup")
def db_backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The copy to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Copy the journal while it may be in use."""
    _db(DbOptions(Common(config, data_dir, as_json), "backup", target, force))
