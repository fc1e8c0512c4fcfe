"""Signatures of ``replay``, ``slippage`` and ``db export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, DbOptions, ReplayOptions, SlippageOptions, parse_time


def replay(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN|FILE]",
            help="Like paper-0007, or a file that db export made; the newest run without.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Stop behind this moment: 2025-01-06T06:00Z."),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            metavar="ORDER|SIGNAL", help="Show how this came about, from the bar to the last fill."
        ),
    ] = None,
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway", help="Another version's run too: compare signals and orders only."
        ),
    ] = False,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="FILE:CLASS", help="Where the run's strategy is, if not where it was."
        ),
    ] = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Play a run's journal through a fresh engine and compare every effect with what it was."""
    from tradebot.cli import replay_command

    common = Common(config, data_dir, as_json)
    options = ReplayOptions(
        common, run, parse_time(until), anyway=anyway, strategy=strategy, explain=explain
    )
    raise typer.Exit(replay_command.replay(options))


def slippage(
    run: arg.Run = None,
    csv: arg.Csv = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show by how much an exchange's fills were worse than the simulation makes them."""
    from tradebot.cli import slippage_command

    options = SlippageOptions(Common(config, data_dir, as_json), run, csv)
    raise typer.Exit(slippage_command.slippage(options))


def db_export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Like paper-0007.")],
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Write one run to a file of its own, which replay takes; its strategy's source is in it."""
    from tradebot.cli import db_commands

    options = DbOptions(Common(config, data_dir, as_json), "export", target, run, force)
    raise typer.Exit(db_commands.db(options))
