"""Signatures of ``keys set``, ``keys show`` and ``keys remove``."""

from __future__ import annotations

from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common

Demo = Annotated[bool, typer.Option("--demo", help="The key of Demo Trading.")]


def keys_set(demo: Demo = False, as_json: arg.Json = False) -> None:
    """Ask for a key and its secret, unseen, and keep them in the OS keyring."""
    from tradebot.cli import keys_commands

    raise typer.Exit(keys_commands.set_keys(Common(json=as_json), "demo" if demo else "live"))


def keys_show(demo: Demo = False, as_json: arg.Json = False) -> None:
    """Say which keys there are, where from, by their last four characters."""
    from tradebot.cli import keys_commands

    raise typer.Exit(keys_commands.show_keys(Common(json=as_json), "demo" if demo else None))


def keys_remove(demo: Demo = False, as_json: arg.Json = False) -> None:
    """Take a key out of the OS keyring."""
    from tradebot.cli import keys_commands

    raise typer.Exit(keys_commands.remove_keys(Common(json=as_json), "demo" if demo else "live"))
