"""``halt``, ``resume`` and ``close-all``: with the engine alive, hung, stopped or dead."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

from tradebot.app import control as control_of
from tradebot.app.standing import Request
from tradebot.cli.options import ControlOptions
from tradebot.cli.output import Result, View, show
from tradebot.cli.settings import read_config
from tradebot.config import Config
from tradebot.core.model.errors import JournalError, LeftoverError, TradebotError, UsageError
from tradebot.core.model.money import plain
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.snapshots import PositionRow

Rows = list[dict[str, Any]]


def control(options: ControlOptions) -> int:
    """Answer a control command; returns the exit code."""
    config = read_config(options.common)
    result = ACTIONS[options.action](options, config)
    return show(result, as_json=options.common.json)


def _halt(options: ControlOptions, config: Config) -> Result:
    """Latch the HALT file first, then tell the engine: no entry leaves after this returns."""
    said = control_of.halt(config.data_dir(), _request(options, ""), options.wait_s)
    return _said("halt", said, {"halted": True})


def _resume(options: ControlOptions, config: Config) -> Result:
    said = control_of.resume(config, _request(options, ""), options.wait_s)
    return _said("resume", said, {"halted": False})


def _close_all(options: ControlOptions, config: Config) -> Result:
    """Latch, then close by the engine if it answers, else without it. Exit code 0 only when flat."""
    _confirm(options, config)
    closed = control_of.close_all(config, _request(options, "close-all"), options.wait_s)
    return _closed(closed.left, closed.how)


def _request(options: ControlOptions, default: str) -> Request:
    reason = options.reason or default
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
        held = _open(journal_path(config.data_dir()))
        names = ", ".join(f"{row.symbol} {row.side} {plain(row.qty)}" for row in held) or "none"
    except JournalError as error:
        names = f"cannot be told ({error.message})"
    typer.echo(f"target: paper, {config.data_dir()}", err=True)
    typer.echo(f"open positions: {names}", err=True)
    if not typer.confirm("Halt, cancel every order and close them?", default=False, err=True):
        raise typer.Abort


def _open(path: Path) -> list[PositionRow]:
    with Reader(path) as reader:
        return reader.positions(reader.resolve_run(None).id)


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
