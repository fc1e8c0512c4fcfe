"""Signatures of the commands that set up and look after: ``init``, ``doctor``, ``config``, ``db`` ..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import Common, DbOptions, InitOptions, RunOptions, parse_symbols


def strategies(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One strategy, or FILE.py:CLASS.")
    ] = None,
    hashed: Annotated[
        str | None,
        typer.Option(
            "--hash",
            metavar="NAME",
            help="Show what evidence of a strategy (FILE.py:CLASS) binds to.",
        ),
    ] = None,
    symbols: arg.Symbols = None,
    timeframe: arg.Timeframe = None,
    params: arg.Params = None,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """List the strategies and their parameters, or show what evidence of one binds to."""
    from tradebot.cli import strategy_commands

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    if hashed is None:
        raise typer.Exit(strategy_commands.strategies(common, name))
    options = RunOptions(
        common,
        "paper",
        symbols=parse_symbols(symbols),
        timeframe=timeframe,
        strategy=hashed,
        params=tuple(params or ()),
    )
    raise typer.Exit(strategy_commands.evidence_hash(options))


def init(
    symbols: arg.Symbols = None,
    strategy: arg.StrategyName = None,
    start_equity: Annotated[
        str | None,
        typer.Option("--start-equity", metavar="USDT", help="The paper account at the start."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take the defaults, ask nothing.")
    ] = False,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Write a commented bot.toml; on a terminal, ask what goes into it."""
    from tradebot.cli import setup_commands

    options = InitOptions(
        common=Common(config, data_dir, as_json),
        symbols=parse_symbols(symbols),
        strategy=strategy,
        start_equity=start_equity,
        force=force,
        asking=not (yes or as_json),
    )
    raise typer.Exit(setup_commands.init(options))


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask no exchange.")] = False,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Look at everything a run needs, at the exchange too where one is configured, and say what to mend.

    Nothing is changed, here or there.
    """
    from tradebot.cli import setup_commands

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    raise typer.Exit(setup_commands.doctor(common, offline=offline))


def config_show(
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value is from.")] = False,
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Show every key's value as bot.toml would have it."""
    from tradebot.cli import config_commands

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    raise typer.Exit(config_commands.show_config(common, with_origin=origin))


def config_check(
    sets: arg.Sets = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Check the configuration and that its strategy loads."""
    from tradebot.cli import config_commands

    common = Common(config, data_dir, as_json, tuple(sets or ()))
    raise typer.Exit(config_commands.check_config(common))


def config_path(
    config: arg.ConfigFile = None, data_dir: arg.DataDir = None, as_json: arg.Json = False
) -> None:
    """Show which configuration file is read, and where the data is."""
    from tradebot.cli import config_commands

    raise typer.Exit(config_commands.show_paths(Common(config, data_dir, as_json)))


def _db(options: DbOptions) -> None:
    from tradebot.cli import db_commands

    raise typer.Exit(db_commands.db(options))


def db_verify(
    head: Annotated[
        list[str] | None,
        typer.Option("--head", metavar="SEQ:HASH", help="A head noted elsewhere; repeatable."),
    ] = None,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Check the journal: audit chain, projections, schema, database."""
    common = Common(config, data_dir, as_json)
    _db(DbOptions(common, "verify", heads=tuple(head or ())))


def db_restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that db backup made.")],
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Put a backup in the journal's place; no engine may run."""
    _db(DbOptions(Common(config, data_dir, as_json), "restore", source))


def db_rekey(
    new_key_file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Holds the new key; only you may read it (0600)."),
    ],
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Sign the journal with another key, all or nothing; no engine may run."""
    _db(DbOptions(Common(config, data_dir, as_json), "rekey", new_key_file))


def db_backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The copy to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Copy the journal while it may be in use."""
    _db(DbOptions(Common(config, data_dir, as_json), "backup", target, force=force))
