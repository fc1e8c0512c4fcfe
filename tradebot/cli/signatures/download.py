"""The signature of ``tradebot download``; its body imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, DownloadOptions, parse_day

Names = Annotated[
    list[str], typer.Argument(metavar="SYMBOL...", help="BTC/USDT or BTCUSDT, any that is listed.")
]
First = Annotated[str, typer.Option("--from", metavar="DAY", help="First day, UTC: 2025-05-01.")]
Last = Annotated[
    str, typer.Option("--to", metavar="DAY", help="Last day, included; it must be over.")
]
Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="klines, mark or funding.")]
Interval = Annotated[str, typer.Option("--timeframe", metavar="TIME", help="Interval of klines.")]
Folder = Annotated[
    Path,
    typer.Option("--dir", metavar="DIR", help="Root of the files, laid out as Binance's archive."),
]


def download(
    symbols: Names,
    first: First,
    last: Last,
    timeframe: Interval = "1m",
    kind: Kind = "klines",
    folder: Folder = Path("data"),
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    as_json: arg.Json = False,
) -> None:
    """Get Binance's klines, mark price klines or funding rates into files for backtest.

    A file that is there and whole is not asked for again, so that the same command goes on after an interruption.
    """
    from tradebot.cli import download_command

    options = DownloadOptions(
        common=Common(config, None, as_json, tuple(sets or ())),
        symbols=tuple(symbols),
        first=parse_day(first, "--from"),
        last=parse_day(last, "--to"),
        timeframe=timeframe,
        kind=kind,
        folder=folder,
    )
    raise typer.Exit(download_command.download(options))
