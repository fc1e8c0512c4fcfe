"""``halt``, ``resume`` and ``close-all``: with the engine alive, hung, stopped or dead.

The kill comes first, then everything that could fail: the latch needs the data directory only, and what is
slow to import is imported when the latch is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradebot.app.target import (
    ACCOUNTS,
    Request,
    aimed,
    choose_target,
    latch,
    latch_account,
    may_run,
)
from tradebot.app.whereabouts import Whereabouts, complaint, find
from tradebot.cli.options import ControlOptions
from tradebot.cli.output import Result, show
from tradebot.cli.person import legible
from tradebot.cli.streams import say
from tradebot.core.model.errors import (
    ConfigError,
    JournalError,
    LeftoverError,
    UsageError,
)
from tradebot.guard.lock import lock_owner

if TYPE_CHECKING:
    pass


def control(options: ControlOptions) -> int:
    """Answer a control command; returns the exit code."""
    if options.action != "close-all":
        result = _resume(options) if options.action == "resume" else _kill(options)
        return show(result, as_json=options.common.json)
    return _close_all(options)


def _close_all(options: ControlOptions) -> int:
    try:
        result = _kill(options)
    except (LeftoverError, KeyboardInterrupt):
        _record_incidents(options)
        raise
    code = show(result, as_json=options.common.json)
    if isinstance(result.error, LeftoverError):
        _record_incidents(options)
    return code


def _record_incidents(options: ControlOptions) -> None:
    """Put on record what a close-all left open, where no engine does it; whoever asked has the answer by then."""
    from tradebot.app.incidents import record_traces

    place = find(options.common.data_dir, options.common.config, os.environ)
    for row in record_traces(place.dirs[0], _fingerprints(place)):
        say(f"incident {row.id} is open, {row.what}: {row.text}")


def _kill(options: ControlOptions) -> Result:
    """Latch wherever the engine that is meant may run; then halt or close there, and complain last."""
    place = find(options.common.data_dir, options.common.config, os.environ)
    request = _request(options, place)
    closing = options.action == "close-all"
    if closing:
        from tradebot.cli.close_all_command import close_all, plan

        place = _by_only_engine(place)
        if options.dry_run:
            return _complaining(plan(options, place, request), options)
        if not place.unclear:
            return _complaining(close_all(options, place, request), options)
    failed = _latch(place, request)
    if place.unclear:
        return _unclear(place, request, failed)
    return _complaining(_halt(options, place.dirs[0], request, failed), options)


def _by_only_engine(place: Whereabouts) -> Whereabouts:
    """Where the configuration hides which directory is meant, take the one engine that runs, if it trades an account.

    Its own note says which account that is, and where.
    """
    running = [path for path in place.dirs if may_run(path)]
    owner = lock_owner(running[0]) if place.unclear and len(running) == 1 else None
    if owner is None or owner.traded is None:
        return place
    return replace(place, dirs=(running[0],), unclear="")


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
    owner = lock_owner(data_dir)
    traded = "" if owner is None or owner.traded is None else owner.traded.fingerprint
    _latch_accounts({traded} - {""}, request)
    _latch_accounts({*_fingerprints(place)} - {traded}, request)  # the keyring may take a while
    if not may_run(data_dir):
        if failed:
            raise failed[data_dir]
        return _said("halt", "halted; no engine runs, the next one starts halted", {"halted": True})
    from tradebot.app import control as control_of

    if not failed:
        said = control_of.tell_halt(data_dir, request, options.answer_s)
        return _said("halt", said, {"halted": True})
    said = control_of.tell_halt_without_latch(data_dir, request, options.answer_s, failed[data_dir])
    return _said("halt", said, {"halted": True}, [str(failed[data_dir])])


def _latch_accounts(fingerprints: Iterable[str], request: Request) -> None:
    for fingerprint in fingerprints:
        with suppress(JournalError):
            latch_account(fingerprint, request)


def _resume(options: ControlOptions) -> Result:
    from tradebot.app import control as control_of
    from tradebot.app.standing import STAYS
    from tradebot.cli.settings import read_config

    data_dir = read_config(options.common).data_dir()
    place = find(options.common.data_dir, options.common.config, os.environ)
    request = _request(options, place)
    said = control_of.resume(data_dir, request, options.answer_s, _fingerprints(place))
    return _said("resume", said, {"halted": STAYS in said})


def _fingerprints(place: Whereabouts) -> list[str]:
    """Return the fingerprint of the configured account's key, if there is one: it has a HALT file of its own."""
    from tradebot.cli.close_all_command import key_to

    found = None if place.environment not in ACCOUNTS else key_to(place.environment)
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
    reason = legible(options.reason) or ("close-all" if options.action == "close-all" else "")
    return Request(options.action, options.who, reason, target, _review(options))


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


def _said(
    command: str, text: str, data: dict[str, Any], warnings: list[str] | None = None
) -> Result:
    return Result(command, {**data, "result": text}, warnings or [], text=text)
