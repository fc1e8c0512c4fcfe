"""Signatures of the commands that run a strategy: ``backtest``, ``paper``, ``ghost``, ``tui``, ``lookahead``."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, RunOptions, parse_duration, parse_symbols

Body = Callable[[RunOptions], None]


def run_options(
    mode: Literal["paper", "ghost"],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Market data instead of a live market."),
    ] = None,
    market: arg.MarketSource = None,
    venue: arg.Venue = None,
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
) -> RunOptions:
    """Return the options of a run that goes on in time; its parameters are what those commands take."""
    return RunOptions(
        common=Common(config, data_dir, as_json, tuple(sets or ())),
        mode=mode,
        files=tuple(files or ()),
        market=market,
        venue=venue,
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


def takes_run_options(
    mode: Literal["paper", "ghost"], *without: str
) -> Callable[[Body], Callable[..., None]]:
    """Give a command that takes ``RunOptions`` the parameters of ``run_options``, less those named."""
    whole = signature(run_options, eval_str=True)
    left_out = {"mode", *without}
    given = [one for name, one in whole.parameters.items() if name not in left_out]

    def give(body: Body) -> Callable[..., None]:
        def command(**words: Any) -> None:
            body(run_options(mode, **words))

        command.__name__, command.__doc__ = body.__name__, body.__doc__
        command.__annotations__ = {one.name: one.annotation for one in given}
        command.__signature__ = whole.replace(parameters=given)  # type: ignore[attr-defined]
        return command

    return give


@takes_run_options("paper")
def paper(options: RunOptions) -> None:
    """Trade on paper: simulated orders, on the embedded market unless told otherwise.

    With --venue demo orders go to Binance's Demo Trading, on its prices.
    """
    from tradebot.cli import run_commands

    raise typer.Exit(run_commands.paper(options))


@takes_run_options("ghost", "ghost", "venue")
def ghost(options: RunOptions) -> None:
    """Judge signals without orders: each becomes a hypothetical trade, booked as paper would."""
    from tradebot.cli import ghost_commands

    raise typer.Exit(ghost_commands.ghost(options))


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
    report: Annotated[
        bool, typer.Option("--report", help="Print the report on it, as report does of a run.")
    ] = False,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Put it into the journal, with the look-ahead check, as evidence."
        ),
    ] = False,
    html: arg.ReportHtml = None,
    csv: arg.ReportCsv = None,
    benchmark: arg.Benchmark = None,
    no_advice: arg.NoAdvice = False,
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
        csv=csv,
        benchmarks=tuple(benchmark or ()),
        advice=not no_advice,
        report=report,
        record=record,
    )
    raise typer.Exit(backtest_command.backtest(options))


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
