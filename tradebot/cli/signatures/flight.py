"""The signature of ``replay``."""

from __future__ import annotations

from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, ReplayOptions, parse_time


def replay(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Like paper-0007; the newest without.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Stop behind this moment: 2025-01-06T06:00Z."),
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
    options = ReplayOptions(common, run, parse_time(until), anyway=anyway, strategy=strategy)
    raise typer.Exit(replay_command.replay(options))
