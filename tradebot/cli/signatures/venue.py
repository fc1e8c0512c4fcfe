"""The signature of ``tradebot venue``; its body imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import VenueOptions, parse_duration, parse_symbols, parse_time

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FILE]...", help="Market data, or a price script (at_s,symbol,...)."),
]
Port = Annotated[
    str, typer.Option("--port", metavar="N", help="Port on 127.0.0.1; 0 takes a free one.")
]
Market = Annotated[str, typer.Option("--market", metavar="NAME", help="Prices without files: sim.")]
Recording = Annotated[
    Path | None,
    typer.Option("--recording", metavar="FILE", help="Play a raw recorded stream (.jsonl.gz)."),
]
Faults = Annotated[
    Path | None, typer.Option("--faults", metavar="FILE", help="Rules of what goes wrong (TOML).")
]
Account = Annotated[
    Path | None,
    typer.Option("--account", metavar="FILE", help="What the account holds at the start (TOML)."),
]
FirstTime = Annotated[
    str | None,
    typer.Option("--clock", metavar="TIME", help="The venue's time at the start; default now."),
]
Ledger = Annotated[
    Path | None,
    typer.Option("--ledger", metavar="FILE", help="Write down everything as JSON lines."),
]
Chance = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of all chance.")]
Life = Annotated[
    str | None, typer.Option("--for", metavar="TIME", help="End after this much time: 20s, 2h.")
]
Lines = Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")]


def venue(
    files: Files = None,
    port: Port = "0",
    market: Market = "sim",
    recording: Recording = None,
    faults: Faults = None,
    account: Account = None,
    clock: FirstTime = None,
    ledger: Ledger = None,
    seed: Chance = 1,
    symbols: arg.Symbols = None,
    duration: Life = None,
    as_json: Lines = False,
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
