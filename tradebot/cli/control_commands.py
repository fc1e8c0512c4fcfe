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
from tradebot.core.errors import (
    JournalError,
    LeftoverError,
    RefusedError,
    TradebotError,
    UsageError,
)
from tradebot.journal.commands import post_command, wait_command
from tradebot.journal.reader import Reader
from tradebot.lock import clear_halt, lock_owner, write_halt
from tradebot.offline import DATABASE, Request, act, database

FENCE_S = 2.0
"""Seconds an engine has to acknowledge a close-all before it is fenced off."""

BUSY_S = 5.0
"""Seconds to wait for a journal that another process is writing to."""

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
    data_dir = config.data_dir()
    write_halt(data_dir, options.reason or "no reason given", options.who)
    said = "halted; no engine runs, the next one starts halted"
    if lock_owner(data_dir) is not None:
        try:
            answer = _ask(options, data_dir / DATABASE, options.wait_s)
        except JournalError:  # the file is the latch; the engine looks at it before each entry
            answer = None
        said = answer or "halted by the HALT file; the engine has not answered yet"
    return _said("halt", said, {"halted": True})


def _resume(options: ControlOptions, config: Config) -> Result:
    if not options.reason.strip():
        raise UsageError(
            "resuming goes on record and needs a reason", hint="tradebot resume --reason TEXT"
        )
    data_dir = config.data_dir()
    if lock_owner(data_dir) is None:
        if (data_dir / DATABASE).exists():
            asyncio.run(act(config, _request(options)))
        else:
            clear_halt(data_dir)
        return _said("resume", "resumed; no engine runs", {"halted": False})
    answer = _ask(options, database(config), options.wait_s)
    if answer is None:
        raise RefusedError(
            "the engine has not answered: it is still halted",
            hint="`tradebot status` shows its heartbeat; it resumes if it comes to itself",
        )
    return _said("resume", answer, {"halted": False})


def _close_all(options: ControlOptions, config: Config) -> Result:
    """Latch, then close by the engine if it answers, else without it. Exit code 0 only when flat."""
    data_dir = config.data_dir()
    _confirm(options, config)
    write_halt(data_dir, options.reason or "close-all", options.who)
    if not (data_dir / DATABASE).exists() and lock_owner(data_dir) is None:
        return _closed([], "there is no journal: nothing was ever opened")
    try:
        return _close(options, config)
    except JournalError as error:  # what cannot be read is never "nothing remains"
        raise LeftoverError(
            f"trading is halted, but what is open cannot be told: {error}", hint=error.hint
        ) from error


def _close(options: ControlOptions, config: Config) -> Result:
    data_dir, path = config.data_dir(), config.data_dir() / DATABASE
    if lock_owner(data_dir) is not None:
        if _answers(options, path):
            left = _until_flat(options, data_dir)
            if not left or lock_owner(data_dir) is not None:
                return _closed(left, "closed by the engine")
        else:
            _fence(data_dir)
    left = asyncio.run(act(config, _request(options)))
    return _closed(left, "no engine runs: closed at the last known prices")


def _request(options: ControlOptions) -> Request:
    reason = options.reason or options.action
    return Request(options.action, options.who, reason, options.run, _review(options))


def _review(options: ControlOptions) -> str:
    """Return the text of the written review, "" without one; UsageError if it cannot be read."""
    if options.review is None:
        return ""
    try:
        text = options.review.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the review cannot be read: {error}",
            hint="--review names a text file",
            file=str(options.review),
        ) from None
    if not text:
        raise UsageError(
            "the review is empty",
            hint="write down what happened and what changes",
            file=str(options.review),
        )
    return text


def _confirm(options: ControlOptions, config: Config) -> None:
    """Show what will be closed and ask, on a terminal only."""
    if options.yes or options.common.json or not sys.stdin.isatty():
        return
    try:
        held = _open(config.data_dir() / DATABASE)
        names = ", ".join(f"{row['symbol']} {row['side']} {row['qty']}" for row in held) or "none"
    except JournalError as error:
        names = f"cannot be told ({error.message})"
    typer.echo(f"target: paper, {config.data_dir()}", err=True)
    typer.echo(f"open positions: {names}", err=True)
    if not typer.confirm("Halt, cancel every order and close them?", default=False, err=True):
        raise typer.Abort


def _answers(options: ControlOptions, path: Path) -> bool:
    """Ask the engine to close; False when it does not answer, or hangs with the journal locked."""
    try:
        return _ask(options, path, FENCE_S, busy_s=FENCE_S) is not None
    except JournalError:
        return False


def _ask(options: ControlOptions, path: Path, wait_s: float, busy_s: float = BUSY_S) -> str | None:
    """Post a command and wait for the engine's word; None if it did not come. RefusedError if it is no."""
    number = post_command(
        path,
        options.action,
        options.who,
        options.reason,
        options.run,
        busy_s=busy_s,
        review=_review(options),
    )
    row = wait_command(path, number, wait_s)
    if row is None or row.ok is None:
        return None
    if not row.ok:
        raise RefusedError(row.result or "refused")
    return row.result or "done"


def _until_flat(options: ControlOptions, data_dir: Path) -> Rows:
    """Wait until the account holds nothing; return what is left when the time is up or the engine dies."""
    path = data_dir / DATABASE
    deadline = time.monotonic() + options.wait_s
    while (left := _remaining(path, options.run)) and time.monotonic() < deadline:
        if lock_owner(data_dir) is None:
            return left
        time.sleep(0.1)
    return left


def _remaining(path: Path, wanted: str | None) -> Rows:
    with Reader(path) as reader, reader.moment():
        run = reader.resolve_run(wanted).id
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
        names = ", ".join(f"{r['symbol']} {r.get('what', 'position')} {r['qty']}" for r in left)
        error = LeftoverError(f"still open: {names}", hint="run close-all again")
    data = {"closed": not left, "how": how, "remaining": left}
    views = {"remaining": View(title="Remaining", empty="Nothing is open.")}
    return Result("close-all", data, views=views, error=error)


def _said(command: str, text: str, data: dict[str, Any]) -> Result:
    return Result(command, {**data, "result": text}, text=text)


ACTIONS = {"halt": _halt, "resume": _resume, "close-all": _close_all}
