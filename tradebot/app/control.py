"""``halt``, ``resume`` and ``close-all`` for both faces: with the engine alive, hung, stopped or dead.

The latch (the HALT file) always comes first. What a living engine does is asked for through the journal;
one that does not answer a close-all is fenced off, and the work is done without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradebot.app.standing import Request, act, database
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import (
    AlreadyRunningError,
    JournalError,
    LeftoverError,
    RefusedError,
    UsageError,
)
from tradebot.core.model.money import plain
from tradebot.guard.latch import clear_halt, write_halt
from tradebot.guard.lock import lock_owner
from tradebot.journal.commands import post_command, wait_command
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.view import as_json

FENCE_S = 2.0
"""Seconds an engine has to acknowledge a close-all before it is fenced off."""

BUSY_S = 5.0
"""Seconds to wait for a journal that another process is writing to."""

KILLED_S = 5.0
"""Seconds a killed engine has to be gone."""

LOOK_S = 0.1
"""Seconds between two looks at what is still open."""

Rows = list[dict[str, Any]]
Told = Callable[[str], None]


class EngineHereError(LeftoverError):
    """The engine that hangs runs in this very process: fencing it off would be suicide."""


@dataclass(frozen=True, slots=True)
class Closed:
    """How a close-all went: what is ``left`` open (positions, orders), and who closed."""

    left: Rows
    how: str


def halt(data_dir: Path, request: Request, wait_s: float, told: Told = lambda _: None) -> str:
    """Latch the HALT file, then tell the engine: no entry leaves after this returns. Says how it went.

    ``told`` hears when the latch is set, before the engine is asked. Raises JournalError when not even the file can be made, RefusedError when the engine says no.
    """
    write_halt(data_dir, request.reason or "no reason given", request.who)
    told("latched")
    if lock_owner(data_dir) is None:
        return "halted; no engine runs, the next one starts halted"
    try:
        answer = ask(journal_path(data_dir), request, wait_s)
    except JournalError:  # the file is the latch; the engine looks at it before each entry
        answer = None
    return answer or "halted by the HALT file; the engine has not answered yet"


def resume(config: Config, request: Request, wait_s: float) -> str:
    """Allow entries again, by the engine or, where none runs, without it. Says how it went.

    Raises UsageError without a reason, RefusedError when the engine refuses or does not answer.
    """
    if not request.reason.strip():
        raise UsageError(
            "resuming goes on record and needs a reason", hint="tradebot resume --reason TEXT"
        )
    data_dir = config.data_dir()
    if lock_owner(data_dir) is None:
        if journal_path(data_dir).exists():
            asyncio.run(act(config, request))
        else:
            clear_halt(data_dir)
        return "resumed; no engine runs"
    answer = ask(database(config), request, wait_s)
    if answer is None:
        raise RefusedError(
            "the engine has not answered: it is still halted",
            hint="`tradebot status` shows its heartbeat; it resumes if it comes to itself",
        )
    return answer


def close_all(
    config: Config, request: Request, wait_s: float, told: Told = lambda _: None
) -> Closed:
    """Latch, then close by the engine if it answers, else without it; ``told`` hears of each step.

    Raises LeftoverError when what is open cannot be told, EngineHereError when the engine that does not
    answer is this process.
    """
    data_dir = config.data_dir()
    write_halt(data_dir, request.reason or "close-all", request.who)
    if not journal_path(data_dir).exists() and lock_owner(data_dir) is None:
        return Closed([], "there is no journal: nothing was ever opened")
    try:
        return _close(config, request, wait_s, told)
    except (JournalError, AlreadyRunningError) as error:
        # what cannot be read is never "nothing remains"
        raise LeftoverError(
            f"trading is halted, but what is open cannot be told: {error}", hint=error.hint
        ) from error


def ask(path: Path, request: Request, wait_s: float, busy_s: float = BUSY_S) -> str | None:
    """Post a command and wait for the engine's word; None if it did not come. RefusedError if it is no."""
    number = post_command(
        path,
        request.name,
        request.who,
        request.reason,
        request.run,
        busy_s=busy_s,
        review=request.review,
    )
    row = wait_command(path, number, wait_s)
    if row is None or row.ok is None:
        return None
    if not row.ok:
        raise RefusedError(row.result or "refused")
    return row.result or "done"


def _close(config: Config, request: Request, wait_s: float, told: Told) -> Closed:
    data_dir, path = config.data_dir(), journal_path(config.data_dir())
    if lock_owner(data_dir) is not None:
        told("asking the engine")
        if _answers(path, request):
            told("the engine is closing")
            left = _until_flat(data_dir, request.run, wait_s)
            if not left or lock_owner(data_dir) is not None:
                return Closed(left, "closed by the engine")
        else:
            told("the engine does not answer: fencing it off")
            _fence(data_dir)
    told("no engine: closing without it")
    left = _without_engine(config, request)
    return Closed(left, "no engine runs: closed at the last known prices")


def _without_engine(config: Config, request: Request) -> Rows:
    """Close without an engine; one that was just killed may hold its lock for a moment longer."""
    deadline = SYSTEM.monotonic() + KILLED_S
    while True:
        try:
            return asyncio.run(act(config, request))
        except AlreadyRunningError:
            if SYSTEM.monotonic() > deadline:
                raise
        SYSTEM.sleep(0.05)


def _answers(path: Path, request: Request) -> bool:
    """Ask the engine to close; False when it does not answer, or hangs with the journal locked."""
    try:
        return ask(path, request, FENCE_S, busy_s=FENCE_S) is not None
    except JournalError:
        return False


def _until_flat(data_dir: Path, run: str | None, wait_s: float) -> Rows:
    """Wait until the account holds nothing; return what is left when the time is up or the engine dies."""
    deadline = SYSTEM.monotonic() + wait_s
    while (left := _remaining(journal_path(data_dir), run)) and SYSTEM.monotonic() < deadline:
        if lock_owner(data_dir) is None:
            return left
        SYSTEM.sleep(LOOK_S)
    return left


def _remaining(path: Path, wanted: str | None) -> Rows:
    with Reader(path) as reader, reader.moment():
        run = reader.resolve_run(wanted).id
        orders = reader.orders(run, open_only=True)
        working = [
            {"symbol": row.symbol, "side": row.side, "qty": plain(row.qty), "what": "order"}
            for row in orders
        ]
        held = [{**as_json(row, "run"), "what": "position"} for row in reader.positions(run)]
        return held + working


def _fence(data_dir: Path) -> None:
    """Kill an engine that does not answer; its lock names the process and its start."""
    owner = lock_owner(data_dir)
    if owner is None:
        return
    if owner.pid == os.getpid():
        raise EngineHereError(
            "the engine of this very process does not answer",
            hint="run tradebot close-all from another terminal",
        )
    with contextlib.suppress(ProcessLookupError):  # it has just died by itself
        os.kill(owner.pid, signal.SIGKILL)
    deadline = SYSTEM.monotonic() + KILLED_S
    while owner.alive and SYSTEM.monotonic() < deadline:
        SYSTEM.sleep(0.05)
