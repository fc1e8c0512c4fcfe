"""Signature of ``account``."""

from __future__ import annotations

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common


def account(
    account: arg.Account = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show what an account at the exchange holds and how it is set; it changes nothing."""
    from tradebot.cli import account_commands

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    raise typer.Exit(account_commands.account(common, account))
