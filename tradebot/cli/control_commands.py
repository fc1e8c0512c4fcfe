"""``halt``, ``resume`` and ``close-all``: with the engine alive, hung, stopped or dead."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import typer

from tradebot.cli.options import ControlOptions
from tradebot.cli.output import Result, View, show
from tradebot.cli.settings import read_config
from tradebot.config import Config
from tradebot.core.errors import LeftoverError, RefusedError, TradebotError, UsageError
from tradebot.journal.commands import post_command, wait_command
from tradebot.journal.reader import Reader
from tradebot.lock import lock_owner, write_halt
from tradebot.offline import DATABASE, act, database

FENCE_S = 2.0
"""Seconds an engine has to acknowledge a close-all before it is fenced off."""

KILLED_S = 5.0
"""Seconds a killed engine has to be gone."""

Rows = list[dict[str, Any]]


def control(options: ControlOptions) -> int:
    """Answer a control command; returns the exit code."""
    config = read_config(options.common)
    result = ACTIONS[options.action](options, config)
    return show(result, as_json=options.common.json)


def _halt(options: ControlOptions, config: Config) -> Result:
    """Latch the HALT file first, then tell the engine: no entry leaves after this returns."""
    write_halt(config.data_dir(), options.reason or "no reason given", options.who)
    path = config.data_dir() / DATABASE
    said = "no engine runs; the next one starts halted"
    if lock_owner(config.data_dir()) is not None and path.exists():
        answer = _ask(options, path, options.wait_s)
        said = answer or "latched; the engine has not answered yet"
    return _said("halt", said, {"halted": True})


def _resume(options: ControlOptions, config: Config) -> Result:
    if not options.reason.strip():
        raise UsageError(
            "resuming goes on record and needs a reason", hint="tradebot resume --reason TEXT"
        )
    path = database(config)
    if lock_owner(config.data_dir()) is None:
        asyncio.run(act(config, "resume", options.who, options.reason))
        return _said("resume", "resumed; no engine runs", {"halted": False})
    answer = _ask(options, path, options.wait_s)
    if answer is None:
        raise RefusedError(
            "the engine has not answered: it is still halted",
            hint="`tradebot status` shows its heartbeat",
        )
    return _said("resume", answer, {"halted": False})


def _close_all(options: ControlOptions, config: Config) -> Result:
    path = database(config)
    _confirm(options, path, config)
    why = options.reason or "close-all"
    write_halt(config.data_dir(), why, options.who)
    if lock_owner(config.data_dir()) is not None:
        if _ask(options, path, FENCE_S) is not None:
            left = _until_flat(path, options.wait_s)
            return _closed(left, "closed by the engine")
        _fence(config.data_dir())
    left = asyncio.run(act(config, "close-all", options.who, why))
    return _closed(left, "no engine runs: closed at the last known prices")


def _confirm(options: ControlOptions, path: Path, config: Config) -> None:
    """Show what will be closed and ask, on a terminal only."""
    if options.yes or options.common.json or not sys.stdin.isatty():
        return
    held = _open(path)
    names = ", ".join(f"{row['symbol']} {row['side']} {row['qty']}" for row in held)
    typer.echo(f"target: paper, {config.data_dir()}", err=True)
    typer.echo(f"open positions: {names or 'none'}", err=True)
    if not typer.confirm("Halt, cancel every order and close them?", default=False, err=True):
        raise typer.Abort


def _ask(options: ControlOptions, path: Path, wait_s: float) -> str | None:
    """Post a command and wait for the engine's word; None if it did not come. RefusedError if it is no."""
    number = post_command(path, options.action, options.who, options.reason, options.run)
    row = wait_command(path, number, wait_s)
    if row is None or row.ok is None:
        return None
    if not row.ok:
        raise RefusedError(row.result or "refused")
    return row.result or "done"


def _until_flat(path: Path, wait_s: float) -> Rows:
    """Wait until the account holds nothing; return what is left when the time is up."""
    deadline = time.monotonic() + wait_s
    while (left := _remaining(path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _remaining(path: Path) -> Rows:
    with Reader(path) as reader, reader.moment():
        run = reader.resolve_run(None).id
        orders = reader.orders(run, open_only=True)
        working = [
            {"symbol": row["symbol"], "side": row["side"], "qty": row["qty"], "what": "order"}
            for row in orders
        ]
        return [{**row, "what": "position"} for row in reader.positions(run)] + working


def _open(path: Path) -> Rows:
    with Reader(path) as reader:
        return reader.positions(reader.resolve_run(None).id)


def _fence(data_dir: Path) -> None:
    """Kill an engine that does not answer; its lock names the process and its start."""
    owner = lock_owner(data_dir)
    if owner is None:
        return
    os.kill(owner.pid, signal.SIGKILL)
    deadline = time.monotonic() + KILLED_S
    while owner.alive and time.monotonic() < deadline:
        time.sleep(0.05)


def _closed(left: Rows, how: str) -> Result:
    error: TradebotError | None = None
    if left:
        names = ", ".join(f"{r['symbol']} {r['what']} {r['qty']}" for r in left)
        error = LeftoverError(f"still open: {names}", hint="run close-all again")
    data = {"closed": not left, "how": how, "remaining": left}
    views = {"remaining": View(title="Remaining", empty="Nothing is open.")}
    return Result("close-all", data, views=views, error=error)


def _said(command: str, text: str, data: dict[str, Any]) -> Result:
    return Result(command, {**data, "result": text}, text=text)


ACTIONS = {"halt": _halt, "resume": _resume, "close-all": _close_all}
