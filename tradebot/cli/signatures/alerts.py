"""Signatures of ``alerts run``, ``test``, ``status``, ``list``, ``retry``, ``mute``, ``set`` and ``unset``."""

from __future__ import annotations

from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common

Channel = Annotated[
    str | None, typer.Argument(metavar="[CHANNEL]", help="One channel only: telegram, email, ...")
]
OneChannel = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="telegram, email, webhook, or a further service.")
]
Failed = Annotated[bool, typer.Option("--failed", help="Only what was not delivered.")]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")]
Time = Annotated[str, typer.Argument(metavar="TIME", help="For how long: 30m, 2h; 0 ends it.")]


def _common(config: arg.ConfigFile, data_dir: arg.DataDir, as_json: bool, sets: arg.Sets) -> Common:
    return Common(config, data_dir, as_json, tuple(sets or ()))


def alerts_run(
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Send alerts until an hour after the last engine all is delivered. Engines start this by themselves."""
    from tradebot.cli import alerts_commands

    raise typer.Exit(alerts_commands.run(_common(config, data_dir, as_json, sets)))


def alerts_test(
    channel: Channel = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Send one alert of each level and say what became of it."""
    from tradebot.cli import alerts_commands

    raise typer.Exit(alerts_commands.test(_common(config, data_dir, as_json, sets), channel))


def alerts_status(
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show the alerter and its channels: last delivery, what waits, what failed."""
    from tradebot.cli import alerts_commands

    raise typer.Exit(alerts_commands.status(_common(config, data_dir, as_json, sets)))


def alerts_list(
    failed: Failed = False,
    limit: Limit = 50,
    channel: Channel = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """List what was told, and what was not."""
    from tradebot.cli import alerts_commands

    common = _common(config, data_dir, as_json, None)
    raise typer.Exit(alerts_commands.listed(common, channel, failed=failed, limit=limit))


def alerts_retry(
    channel: Channel = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Try at once what waits, take up stopped channels, and try expired critical alerts anew."""
    from tradebot.cli import alerts_commands

    raise typer.Exit(alerts_commands.retry(_common(config, data_dir, as_json, None), channel))


def alerts_mute(
    time: Time,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Mute warnings and info for a while; critical alerts come all the same."""
    from tradebot.cli import alerts_commands

    raise typer.Exit(alerts_commands.mute(_common(config, data_dir, as_json, None), time))


def alerts_set(
    channel: OneChannel,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Ask for a channel's token, password or address, unseen, and keep it in the OS keyring."""
    from tradebot.cli import alerts_commands

    raise typer.Exit(alerts_commands.set_secret(_common(config, data_dir, as_json, None), channel))


def alerts_unset(
    channel: OneChannel,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Take a channel's secret out of the OS keyring."""
    from tradebot.cli import alerts_commands

    raise typer.Exit(alerts_commands.unset(_common(config, data_dir, as_json, None), channel))
