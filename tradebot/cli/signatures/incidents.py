"""Signatures of ``incidents`` and ``incidents close``."""

from __future__ import annotations

from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, IncidentOptions

incidents_app = typer.Typer(
    help="What went wrong in live runs, and closing it.", invoke_without_command=True
)


@incidents_app.callback()
def incidents(
    context: typer.Context,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """List what the bot saw in live runs that must not be passed over.

    While one is open no entry is made and nothing can be signed; incidents close ends that.
    """
    common = Common(config, data_dir, as_json)
    if context.invoked_subcommand is not None:
        context.obj = common
        return
    from tradebot.cli import incidents_command

    raise typer.Exit(incidents_command.incidents(IncidentOptions(common)))


@incidents_app.command("close")
def close(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", help="Its number.")],
    text: Annotated[
        str,
        typer.Option(
            "--text", metavar="TEXT", help="What happened, and why not again: 40 characters."
        ),
    ] = "",
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Who closes it; else the user's name."),
    ] = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Put on record, in a person's words, that an incident was looked into."""
    from tradebot.cli import incidents_command
    from tradebot.cli.person import user_name

    above: Common = context.obj or Common(None, None, False)
    common = Common(config or above.config, data_dir or above.data_dir, as_json or above.json)
    who = user_name() if name is None else name
    options = IncidentOptions(
        common, number, "" if name is None and who == "unknown" else who, text
    )
    raise typer.Exit(incidents_command.incidents(options))


__all__ = ["incidents_app"]
