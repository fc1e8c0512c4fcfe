"""The command line: every command's signature. Bodies import what they need when they run.

Nothing heavy is imported here, so that ``--help`` stays quick; errors are answered in ``main``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tradebot.cli import arguments as arg
from tradebot.cli.options import (
    Common,
    ControlOptions,
    parse_wait,
)
from tradebot.cli.signatures.account import account
from tradebot.cli.signatures.alerts import (
    alerts_list,
    alerts_mute,
    alerts_retry,
    alerts_run,
    alerts_set,
    alerts_status,
    alerts_test,
    alerts_unset,
)
from tradebot.cli.signatures.download import download
from tradebot.cli.signatures.flight import db_export, replay, slippage
from tradebot.cli.signatures.incidents import incidents_app
from tradebot.cli.signatures.inspect import (
    compare,
    equity,
    fills,
    funding,
    orders,
    positions,
    quality,
    risk,
    runs,
    signals,
    status,
    trades,
)
from tradebot.cli.signatures.keys import keys_remove, keys_set, keys_show
from tradebot.cli.signatures.live import live
from tradebot.cli.signatures.readiness import drill, gates, signoff
from tradebot.cli.signatures.report import report
from tradebot.cli.signatures.setup import (
    config_check,
    config_path,
    config_show,
    db_backup,
    db_rekey,
    db_restore,
    db_verify,
    doctor,
    init,
    strategies,
)
from tradebot.cli.signatures.trade import backtest, ghost, lookahead, paper, tui
from tradebot.cli.signatures.venue import venue
from tradebot.cli.signatures.whatif import whatif

TRADE = "Trade"
INSPECT = "Inspect"
CONTROL = "Control"
SET_UP = "Set up"

app = typer.Typer(
    name="tradebot",
    help="A crypto-futures trading bot that has to earn the right to trade real money.",
    epilog="Start with: tradebot paper",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
config_app = typer.Typer(help="Show, check and find the configuration.", no_args_is_help=True)
db_app = typer.Typer(
    help="Verify, back up, export, restore and rekey the journal.", no_args_is_help=True
)
keys_app = typer.Typer(help="Keep the keys to an account in the OS keyring.", no_args_is_help=True)
alerts_app = typer.Typer(help="Alerts by Telegram, e-mail and webhook.", no_args_is_help=True)
app.add_typer(alerts_app, name="alerts", rich_help_panel=SET_UP)
app.add_typer(config_app, name="config", rich_help_panel=SET_UP)
app.add_typer(db_app, name="db", rich_help_panel=SET_UP)
app.add_typer(keys_app, name="keys", rich_help_panel=SET_UP)


def _version(wanted: bool) -> None:
    if wanted:
        from tradebot import __version__

        typer.echo(f"tradebot {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def tradebot(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A crypto-futures trading bot that has to earn the right to trade real money."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command(rich_help_panel=SET_UP)(venue)
app.command(rich_help_panel=SET_UP)(download)

for command in (backtest, paper, ghost, live, tui):
    app.command(rich_help_panel=TRADE)(command)
for command in (
    *(status, report, positions, orders, trades, signals, fills, equity, funding, quality, compare),
    *(whatif, replay, slippage, runs, risk, account, gates),
):
    app.command(rich_help_panel=INSPECT)(command)


def _control(
    action: Literal["halt", "resume", "close-all"],
    common: Common,
    run: str | None,
    reason: str,
    wait: str | None,
    yes: bool = False,
    review: Path | None = None,
    account: str | None = None,
    paper: bool = False,
    dry_run: bool = False,
    who: str = "",
) -> None:
    from tradebot.cli import control_commands
    from tradebot.cli.person import user_name

    wait_s = None if wait is None else parse_wait(wait)
    options = ControlOptions(
        *(common, action, run, reason, who or user_name(), wait_s, yes, review),
        *(account, paper, dry_run),
    )
    raise typer.Exit(control_commands.control(options))


@app.command(rich_help_panel=CONTROL)
def halt(
    run: arg.Run = None,
    reason: arg.Reason = "",
    wait: arg.Wait = "5",
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Stop new entries now and until resumed; exits and stops go on."""
    _control("halt", Common(config, data_dir, as_json), run, reason, wait)


@app.command(rich_help_panel=CONTROL)
def resume(
    run: arg.Run = None,
    reason: arg.Reason = "",
    review: arg.Review = None,
    wait: arg.Wait = "5",
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Allow entries again, on record."""
    _control("resume", Common(config, data_dir, as_json), run, reason, wait, review=review)


@app.command("close-all", rich_help_panel=CONTROL)
def close_all(
    account: arg.Account = None,
    paper: arg.Paper = False,
    run: arg.Run = None,
    reason: arg.Reason = "",
    wait: arg.CloseWait = None,
    yes: arg.Yes = False,
    dry_run: arg.DryRun = False,
    who: arg.Who = "",
    config: arg.ConfigFile = None,
    data_dir: arg.DataDir = None,
    as_json: arg.Json = False,
) -> None:
    """Halt, cancel every order and close every position."""
    common = Common(config, data_dir, as_json)
    _control(
        *("close-all", common, run, reason, wait, yes),
        account=account,
        paper=paper,
        dry_run=dry_run,
        who=who,
    )


app.command(rich_help_panel=CONTROL)(drill)
app.command(rich_help_panel=CONTROL)(signoff)
app.add_typer(incidents_app, name="incidents", rich_help_panel=CONTROL)
for command in (strategies, init, doctor, lookahead):
    app.command(rich_help_panel=SET_UP)(command)
config_app.command("show")(config_show)
config_app.command("check")(config_check)
config_app.command("path")(config_path)
db_app.command("verify")(db_verify)
db_app.command("backup")(db_backup)
db_app.command("restore")(db_restore)
db_app.command("rekey")(db_rekey)
db_app.command("export")(db_export)
alerts_app.command("run")(alerts_run)
alerts_app.command("test")(alerts_test)
alerts_app.command("status")(alerts_status)
alerts_app.command("list")(alerts_list)
alerts_app.command("retry")(alerts_retry)
alerts_app.command("mute")(alerts_mute)
alerts_app.command("set")(alerts_set)
alerts_app.command("unset")(alerts_unset)
keys_app.command("set")(keys_set)
keys_app.command("show")(keys_show)
keys_app.command("remove")(keys_remove)
