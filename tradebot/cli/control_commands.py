"""``halt``, ``resume`` and ``close-all``: with the engine alive, hung, stopped or dead.

The kill comes first, then everything that could fail: the latch needs the data directory only, and what is
slow to import is imported when the latch is set.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tradebot.app.target import (
    ACCOUNTS,
    ExchangeAccount,
    Request,
    aimed,
    choose_target,
    latch,
    latch_account,
    may_run,
)
from tradebot.app.whereabouts import Whereabouts, complaint, find
from tradebot.cli.options import ControlOptions
from tradebot.cli.output import ListShape, Result, show
from tradebot.core.model.errors import (
    ConfigError,
    JournalError,
    LeftoverError,
    TradebotError,
    UsageError,
)
from tradebot.core.model.money import plain

if TYPE_CHECKING:
    from tradebot.app.closed import Closed
    from tradebot.guard.keys import Found
    from tradebot.journal.snapshots import PositionRow


def control(options: ControlOptions) -> int:
    """Answer a control command; returns the exit code."""
    result = _resume(options) if options.action == "resume" else _kill(options)
    return show(result, as_json=options.common.json)


def _kill(options: ControlOptions) -> Result:
    """Latch wherever the engine that is meant may run; then halt or close there, and complain last."""
    place = find(options.common.data_dir, options.common.config, os.environ)
    request = _request(options, place)
    if options.action == "close-all":
        _confirm(options, request, place)
        request = _aimed_by_keyring(place, aimed(request, place.dirs[0]))
    failed = _latch(place, request)
    if place.unclear:
        return _unclear(place, request, failed)
    data_dir = place.dirs[0]
    closing = options.action == "close-all"
    result = (_close_all if closing else _halt)(options, data_dir, request, failed)
    return _complaining(result, options)


def _aimed_by_keyring(place: Whereabouts, request: Request) -> Request:
    """Return the request aimed at the configured account where its key is in the OS keyring, which may be slow.

    Trading is halted before that is asked.
    """
    target = request.target
    if isinstance(target, ExchangeAccount) or target.strictly or target.run is not None:
        return request
    if place.environment not in ACCOUNTS:
        return request
    _latch(place, replace(request, name="halt"))
    if _key_of(place.environment) is None:
        return request
    return replace(request, target=ExchangeAccount(place.environment, place.url, place.demo))


def _key_of(environment: str) -> Found | None:
    """Return the configured account's key; None where there is none, or none that can be read."""
    from tradebot.guard.keys import find_key

    try:
        return find_key("demo" if environment == "demo" else "live")
    except TradebotError:
        return None


def _latch(place: Whereabouts, request: Request) -> dict[Path, JournalError]:
    """Set the latch in each directory; returns why it could not be, where it could not."""
    failed = {}
    for data_dir in place.dirs:
        try:
            latch(data_dir, aimed(request, data_dir))
        except JournalError as error:
            failed[data_dir] = error
    return failed


def _halt(
    options: ControlOptions, data_dir: Path, request: Request, failed: dict[Path, JournalError]
) -> Result:
    """Tell the engine; where even the latch could not be set its word alone counts."""
    place = find(options.common.data_dir, options.common.config, os.environ)
    for fingerprint in _fingerprints(place):
        with suppress(JournalError):
            latch_account(fingerprint, request)
    if not may_run(data_dir):
        if failed:
            raise failed[data_dir]
        return _said("halt", "halted; no engine runs, the next one starts halted", {"halted": True})
    from tradebot.app import control as control_of

    if not failed:
        said = control_of.tell_halt(data_dir, request, options.wait_s)
        return _said("halt", said, {"halted": True})
    said = control_of.tell_halt_without_latch(data_dir, request, options.wait_s, failed[data_dir])
    return _said("halt", said, {"halted": True}, [str(failed[data_dir])])


def _close_all(
    options: ControlOptions, data_dir: Path, request: Request, failed: dict[Path, JournalError]
) -> Result:
    """Close by the engine if it answers, else without it. Exit code 0 only when flat.

    A directory that takes no latch and holds no journal proves nothing: it may be the wrong one.
    """
    from tradebot.app import control as control_of

    if failed and not may_run(data_dir) and control_of.never_used(data_dir):
        raise failed[data_dir]
    closed = control_of.see_closed(data_dir, request, options.wait_s)
    return _closed(closed, [str(error) for error in failed.values()])


def _resume(options: ControlOptions) -> Result:
    from tradebot.app import control as control_of
    from tradebot.cli.settings import read_config

    data_dir = read_config(options.common).data_dir()
    place = find(options.common.data_dir, options.common.config, os.environ)
    request = _request(options, place)
    said = control_of.resume(data_dir, request, options.wait_s, _fingerprints(place))
    return _said("resume", said, {"halted": False})


def _fingerprints(place: Whereabouts) -> list[str]:
    """Return the fingerprint of the configured account's key, if there is one: it has a HALT file of its own."""
    found = None if place.environment not in ACCOUNTS else _key_of(place.environment)
    return [] if found is None else [found.api_key.fingerprint]


def _unclear(place: Whereabouts, request: Request, failed: dict[Path, JournalError]) -> Result:
    """Say what was latched, and that it cannot be told whether the engine that was meant is among it."""
    done = [str(path) for path in place.dirs if path not in failed]
    word = "halted" if request.name == "halt" else "halted and told to close"
    error = UsageError(
        f"which engine is meant cannot be told: {place.unclear};"
        f" {word}: {', '.join(done) or 'none'}",
        hint=f"tradebot {request.name} --data-dir DIR says which, and how it went there",
    )
    data = {"halted": bool(done), "directories": done}
    warnings = [str(problem) for problem in failed.values()]
    return Result(request.name, data, warnings, text="", error=error)


def _complaining(result: Result, options: ControlOptions) -> Result:
    """Add what is wrong with the configuration, which the command did not need."""
    from tradebot.cli.settings import read_config

    try:
        read_config(options.common, hint=False)
    except ConfigError as error:
        warnings = [*result.warnings, complaint(error)]
        return Result(
            result.command, result.data, warnings, result.text, result.views, result.error
        )
    return result


def _request(options: ControlOptions, place: Whereabouts) -> Request:
    target = choose_target(
        *(options.account, options.run, options.paper),
        place.environment,
        os.environ,
        place.url,
        place.demo,
    )
    reason = _legible(options.reason) or ("close-all" if options.action == "close-all" else "")
    return Request(options.action, options.who, reason, target, _review(options))


def _legible(text: str) -> str:
    """Return an argument without the bytes that are no text in this locale: no database takes them."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


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


def _confirm(options: ControlOptions, request: Request, place: Whereabouts) -> None:
    """Show what will be closed and ask, where there is somebody who sees the question."""
    if options.yes or options.common.json or not (_is_terminal(0) and _is_terminal(2)):
        return
    data_dir = place.dirs[0]
    try:
        held = _open(data_dir, request.run)
        names = ", ".join(f"{row.symbol} {row.side} {plain(row.qty)}" for row in held) or "none"
    except TradebotError as error:
        names = f"cannot be told ({error.message})"
    where = ", ".join(str(path) for path in place.dirs)
    typer.echo(f"target: {request.target}, {where}", err=True)
    typer.echo(f"open positions: {names}", err=True)
    if not typer.confirm("Halt, cancel every order and close them?", default=False, err=True):
        raise typer.Abort


def _is_terminal(handle: int) -> bool:
    try:
        return os.isatty(handle) and (sys.stdin, sys.stdout, sys.stderr)[handle] is not None
    except OSError:
        return False


def _open(data_dir: Path, run: str | None) -> list[PositionRow]:
    from tradebot.journal.paths import journal_path
    from tradebot.journal.reader import Reader

    with Reader(journal_path(data_dir)) as reader:
        return reader.positions(reader.resolve_run(run).id)


def _closed(closed: Closed, warnings: list[str]) -> Result:
    error: TradebotError | None = None
    left = closed.left
    if left:
        names = ", ".join(f"{r['symbol']} {r.get('what', 'position')} {r['qty']}" for r in left)
        error = LeftoverError(f"still open: {names}", hint="run close-all again")
    elif closed.unfenced:
        names = "; ".join(closed.unfenced)
        error = LeftoverError(
            f"nothing was open when it was read, but an engine may still send something: {names}",
            hint="end that process, then run close-all again",
        )
    data = {
        "closed": error is None,
        "how": closed.how,
        "remaining": left,
        "closes": closed.closes,
        "steps": closed.steps,
        "proof": closed.proof,
    }
    views = {"remaining": ListShape(title="Remaining", empty="Nothing is open.")}
    return Result("close-all", data, warnings, views=views, error=error)


def _said(
    command: str, text: str, data: dict[str, Any], warnings: list[str] | None = None
) -> Result:
    return Result(command, {**data, "result": text}, warnings or [], text=text)
