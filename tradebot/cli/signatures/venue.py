"""The signature of ``tradebot venue``; its body imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import VenueOptions, parse_duration, parse_symbols, parse_time


def venue(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...", help="Market data, or a price script (at_s,symbol,...)."
        ),
    ] = None,
    port: Annotated[
        str, typer.Option("--port", metavar="N", help="Port on 127.0.0.1; 0 takes a free one.")
    ] = "0",
    market: Annotated[
        str, typer.Option("--market", metavar="NAME", help="Prices without files: sim.")
    ] = "sim",
    recording: Annotated[
        Path | None,
        typer.Option("--recording", metavar="FILE", help="Play a raw recorded stream (.jsonl.gz)."),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option("--faults", metavar="FILE", help="Rules of what goes wrong (TOML)."),
    ] = None,
    account: Annotated[
        Path | None,
        typer.Option(
            "--account", metavar="FILE", help="What the account holds at the start (TOML)."
        ),
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option("--clock", metavar="TIME", help="The venue's time at the start; default now."),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="FILE", help="Write down everything as JSON lines."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Seed of all chance.")] = 1,
    symbols: arg.Symbols = None,
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="End after this much time: 20s, 2h."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")] = False,
) -> None:
    """Run a fake Binance USD-M on this machine, to try a bot against.

    It speaks Binance's REST and WebSocket protocol on 127.0.0.1 and matches orders on a simulated
    exchange. It is not a fill model of Binance: what an order would have cost there it cannot say.
    """
    from tradebot.cli import venue_command

    options = VenueOptions(
        files=tuple(files or ()),
        port=port,
        market=market,
        recording=recording,
        faults=faults,
        account=account,
        clock=parse_time(clock),
        ledger=ledger,
        seed=seed,
        symbols=parse_symbols(symbols),
        duration_ms=parse_duration(duration),
        json=as_json,
    )
    raise typer.Exit(venue_command.venue(options))
