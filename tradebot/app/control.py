"""``halt``, ``resume`` and ``close-all`` for both faces: with the engine alive, hung, stopped or dead.

The latch (the HALT file) always comes first. What a living engine does is asked for through the journal;
one that does not answer a close-all, or stops on its way, is fenced off, and the work is done without it.
Nothing here reads the configuration: what a run was begun with is in its journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradebot.app.close_plan import barred_by_paper
from tradebot.app.closed import Closed, EngineHereError, Rows
from tradebot.app.database import journal_of
from tradebot.app.patience import SIMULATED_S
from tradebot.app.standing import act, simulated_stand, standing_accounts, still_halted
from tradebot.app.target import (
    ExchangeAccount,
    Request,
    SimulatedRuns,
    aimed,
    latch,
    may_run,
)
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import (
    AlreadyRunningError,
    JournalError,
    LeftoverError,
    OlderJournalError,
    RefusedError,
    TradebotError,
    UsageError,
)
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.guard.account_lock import account_dir
from tradebot.guard.diary import read_diary
from tradebot.guard.latch import clear_halt
from tradebot.guard.lock import Owner, lock_owner, may_be_fenced
from tradebot.journal.commands import post_command, wait_command
from tradebot.journal.noted import was_written
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.view import as_json

if TYPE_CHECKING:
    pass

FENCE_S = 2.0
"""Seconds an engine has to acknowledge a close-all before it is fenced off."""

BUSY_S = 5.0
"""Seconds to wait for a journal that another process is writing to."""

KILLED_S = 5.0
"""Seconds a killed engine has to be gone."""

STUCK_S = 5.0
"""Seconds without a sign of life after which an engine that is closing is taken to hang."""

LOOK_S = 0.1
"""Seconds between two looks at what is still open."""

NO_ENGINE = "halted; no engine runs, the next one starts halted"

Told = Callable[[str], None]


def halt(data_dir: Path, request: Request, wait_s: float, told: Told = lambda _: None) -> str:
    """Latch the HALT file, then tell the engine: no entry leaves after this returns. Says how it went.

    ``told`` hears when the latch is set, before the engine is asked. Raises JournalError when not even the file can be made, RefusedError when the engine says no.
    """
    latch(data_dir, request)
    told("latched")
    return tell_halt(data_dir, request, wait_s)


def tell_halt(data_dir: Path, request: Request, wait_s: float) -> str:
    """Tell an engine, if one runs, that the latch is set; says how it went. RefusedError if it says no."""
    if not may_run(data_dir):
        return NO_ENGINE
    try:
        answer = ask(journal_path(data_dir), request, wait_s)
    except JournalError:  # the file is the latch; the engine looks at it before each entry
        answer = None
    return answer or "halted by the HALT file; the engine has not answered yet"


def tell_halt_without_latch(
    data_dir: Path, request: Request, wait_s: float, failed: JournalError
) -> str:
    """Tell an engine to halt whose latch could not be set: only its own word counts then.

    Raises ``failed`` when the engine does not answer.
    """
    try:
        answer = ask(journal_path(data_dir), request, wait_s)
    except JournalError:
        answer = None
    if answer is None:
        raise failed
    return answer


def resume(
    data_dir: Path, request: Request, wait_s: float, fingerprints: Sequence[str] = ()
) -> str:
    """Allow entries again, by the engine or, where none runs, without it. Says how it went.

    ``fingerprints`` are those of accounts whose own HALT files go as well; an engine knows that of its account.
    Raises UsageError without a reason, RefusedError when the engine refuses or does not answer.
    """
    if not request.reason.strip():
        raise UsageError(
            "resuming goes on record and needs a reason", hint="tradebot resume --reason TEXT"
        )
    if not may_run(data_dir):
        journalled = journal_path(data_dir).exists()
        if journalled:
            asyncio.run(act(data_dir, request))
        else:
            clear_halt(data_dir, request.posted)
        for fingerprint in fingerprints:
            clear_halt(account_dir(fingerprint), request.posted)
        stays = still_halted(data_dir) if journalled else []  # last: what it reads is only told
        return "; ".join(["resumed; no engine runs", *stays])
    answer = ask(journal_of(data_dir), request, wait_s)
    if answer is None:
        raise RefusedError(
            "the engine has not answered: it is still halted",
            hint="`tradebot status` shows its heartbeat; it resumes if it comes to itself",
        )
    return answer


def close_all(
    data_dir: Path, request: Request, wait_s: float | None, told: Told = lambda _: None
) -> Closed:
    """Latch, then close by the engine if it answers, else without it; ``told`` hears of each step.

    It goes on for ``wait_s`` seconds; None: as long as is usual for what is closed.

    Raises LeftoverError when what is open cannot be told, EngineHereError when the engine that does not
    answer is this process.
    """
    # without the file an engine can still be asked, and what it holds still be closed
    with contextlib.suppress(JournalError):
        latch(data_dir, request)
    return see_closed(data_dir, request, wait_s, told)


def see_closed(
    data_dir: Path, request: Request, wait_s: float | None, told: Told = lambda _: None
) -> Closed:
    """Close what the request's target holds, once the latch is set; see ``close_all``."""
    request = aimed(request, data_dir)
    try:
        return _see_closed(data_dir, request, wait_s, told)
    except (JournalError, AlreadyRunningError) as error:
        # what cannot be read is never "nothing remains"
        raise LeftoverError(
            f"trading is halted, but what is open cannot be told: {error}", hint=error.hint
        ) from error


def _see_closed(data_dir: Path, request: Request, wait_s: float | None, told: Told) -> Closed:
    from tradebot.app.close_account import close_account

    if isinstance(request.target, ExchangeAccount):
        account = close_account(data_dir, request, request.target, wait_s, told)
        return _joined([account, *_paper_beside(data_dir, request, wait_s, told)])
    if not may_run(data_dir) and never_used(data_dir):
        if request.run is not None:  # it was somewhere, and may stand on an account
            raise LeftoverError(
                f"trading is halted here, but there is no journal: what {request.run} holds cannot be told",
                hint="name its directory with --data-dir, or its account with --account demo or live",
            )
        return Closed([], "there is no journal: nothing was ever opened")
    _bar(data_dir, request)
    closed = []
    try:
        accounts = [] if request.target.strictly else standing_accounts(data_dir, request.run)
    except OlderJournalError:  # whoever closes here brings it up to date first
        closed.append(_close(data_dir, request, wait_s, told))
        accounts = standing_accounts(data_dir, request.run)
    works: list[Callable[[], Closed]] = []
    if not closed and (not accounts or (request.run is None and simulated_stand(data_dir))):
        works.append(partial(_close, data_dir, request, wait_s, told))
    works += [
        partial(close_account, data_dir, request, target, wait_s, told) for target in accounts
    ]
    done = _each(works, closed)
    _bar(data_dir, request)  # an older journal tells only after it was brought up to date
    return done


def _bar(data_dir: Path, request: Request) -> None:
    """Raise LeftoverError where ``--paper`` leaves alone what the request would have to end."""
    if barred := barred_by_paper(data_dir, request):
        hint = "close-all without --paper closes that"
        raise LeftoverError(f"trading is halted, but {barred}", hint=hint)


def _each(works: Sequence[Callable[[], Closed]], closed: list[Closed]) -> Closed:
    """Close one after the other: what cannot be told of one is no reason to leave the others open."""
    failed: list[TradebotError] = []
    for work in works:
        try:
            closed.append(work())
        except EngineHereError:
            raise
        except TradebotError as error:
            failed.append(error)
    if not failed:
        return _joined(closed)
    if len(works) == 1:
        raise failed[0]
    said = [str(error.message) for error in failed]
    said += [f"still open: {row['symbol']} {row['qty']}" for one in closed for row in one.left]
    raise LeftoverError("; ".join(said), hint=failed[0].hint)


def _paper_beside(
    data_dir: Path, request: Request, wait_s: float | None, told: Told
) -> list[Closed]:
    """Close the simulated runs of the directory too, where the account was not asked for by its name.

    A journal that cannot be read is said and is no reason to call the account anything but what it is; paper that is
    known to stand and was not closed is.
    """
    owner = lock_owner(data_dir)
    named = isinstance(request.target, ExchangeAccount) and request.target.named
    if named or (owner is not None and owner.traded is not None):  # its engine closes what it hosts
        return []
    paper = replace(request, target=SimulatedRuns())
    try:
        if never_used(data_dir) or not simulated_stand(data_dir):
            return []
    except TradebotError as error:
        return [Closed([], f"whether paper stands beside it cannot be told: {error.message}")]
    try:
        latch(data_dir, paper)
        return [_close(data_dir, paper, wait_s, told)]
    except TradebotError as error:
        text = f"paper beside it was not closed: {error.message}"
        return [Closed([], text, unclosed=(text,))]


def _joined(closed: Sequence[Closed]) -> Closed:
    """Return several closes as one."""
    if len(closed) == 1:
        return closed[0]
    proofs = [one.proof for one in closed if one.proof is not None]
    return Closed(
        [row for one in closed for row in one.left],
        "; ".join(dict.fromkeys(one.how for one in closed)),
        [row for one in closed for row in one.closes],
        [row for one in closed for row in one.steps],
        proofs[-1] if proofs else None,
        [name for one in closed for name in one.unfenced],
        [text for one in closed for text in one.unclosed],
    )


def open_in(data_dir: Path, run: str | None) -> list[dict[str, Any]]:
    """Return the open positions and orders of a journal's run; JournalError where that cannot be read."""
    if never_used(data_dir):
        return []
    left, _ = _remaining(journal_path(data_dir), run)
    return [{"step": 1, **row} for row in left]


def last_seen(data_dir: Path, request: Request) -> str:
    """Say in words what was open when somebody looked last."""
    if not isinstance(request.target, ExchangeAccount):
        try:
            names = [f"{row['symbol']} {row['what']}" for row in open_in(data_dir, request.run)]
        except TradebotError as error:
            return f"what is open cannot be told: {error.message}"
        return f"open: {', '.join(names) or 'nothing'}"
    dirs = [data_dir, *([account_dir(p)] if (p := request.target.fingerprint) else [])]
    reads = [step for step in read_diary(dirs, request.posted) if step.step == "read"]
    whole = [step for step in reads if not step.more.get("strange")]
    if not whole:
        seen = [str(name) for step in reads[-1:] for name in step.more.get("open", [])]
        more = f"; seen open: {', '.join(seen)}" if seen else ""
        return f"what is open has not been read whole{more}"
    names = [str(name) for name in whole[-1].more.get("open", [])]
    later = "" if whole[-1] is reads[-1] else "; it could not be read since"
    return f"open when it was read last ({iso(whole[-1].wall)}): {', '.join(names) or 'nothing'}{later}"


def never_used(data_dir: Path) -> bool:
    """Whether no run ever wrote a journal there, so that nothing can be open."""
    path = journal_path(data_dir)
    return not path.exists() and not was_written(path)


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


def _close(data_dir: Path, request: Request, wait_s: float | None, told: Told) -> Closed:
    """Close by the engine, or without one; whoever else is at work on the directory is waited for."""
    wait_s = SIMULATED_S if wait_s is None else wait_s
    deadline = SYSTEM.monotonic() + max(wait_s, KILLED_S)
    asked: list[Owner | None] = []
    ended: list[Owner] = []
    while True:
        owner = lock_owner(data_dir)
        if owner not in asked and may_run(data_dir):
            asked.append(owner)
            closed = _by_engine(data_dir, request, wait_s, told, ended)
            if closed is not None:
                return closed
        try:
            told("no engine: closing without it")
            left = asyncio.run(act(data_dir, request))
        except AlreadyRunningError:
            # another close-all, or an engine that was just killed and holds its lock a moment longer
            if SYSTEM.monotonic() > deadline:
                raise
        else:
            return Closed(left, f"{_why_without(ended)}: closed at the last known prices")
        SYSTEM.sleep(0.05)


def _why_without(ended: list[Owner]) -> str:
    """Say why it is done without an engine: there is none, or it was ended for its silence."""
    names = ", ".join(f"process {owner.pid}" for owner in ended)
    return f"the engine ({names}) did not answer and was ended" if ended else "no engine runs"


def _by_engine(
    data_dir: Path, request: Request, wait_s: float, told: Told, ended: list[Owner]
) -> Closed | None:
    """Let the engine close; None when it is gone, or hung and fenced off: then it is among the ``ended``."""
    path = journal_path(data_dir)
    told("asking the engine")
    try:
        answers = _answers(path, request)
    except RefusedError as error:  # it hosts another run, which is not to be touched
        return Closed(_remaining(path, request.run)[0], f"not by the engine: {error.message}")
    if answers:
        told("the engine is closing")
        left = _until_flat(data_dir, request.run, wait_s)
        if left is not None:
            return Closed(left, "closed by the engine")
    told("the engine does not answer: fencing it off")
    ended += _fence(data_dir)
    return None


def _answers(path: Path, request: Request) -> bool:
    """Ask the engine to close; False when it does not answer, or hangs with the journal locked."""
    try:
        return ask(path, request, FENCE_S, busy_s=FENCE_S) is not None
    except JournalError:
        return False


def _until_flat(data_dir: Path, run: str | None, wait_s: float) -> Rows | None:
    """Wait until the account holds nothing; return what is left when the time is up.

    None when the engine died on the way, or has shown no sign of life for so long that it must hang.
    """
    path = journal_path(data_dir)
    deadline = SYSTEM.monotonic() + wait_s
    beat, moved = -1, SYSTEM.monotonic()
    while True:
        left, newest = _remaining(path, run)
        now = SYSTEM.monotonic()
        if newest != beat:
            beat, moved = newest, now
        if not left or (now >= deadline and now - moved < STUCK_S):
            return left
        if not may_run(data_dir) or now - moved >= STUCK_S:
            return None
        SYSTEM.sleep(LOOK_S)


def _remaining(path: Path, wanted: str | None) -> tuple[Rows, int]:
    """Return what a run holds and the newest snapshot's time (real clock, UTC milliseconds)."""
    with Reader(path) as reader, reader.moment():
        run = reader.resolve_run(wanted).id
        orders = reader.orders(run, open_only=True)
        working = [
            {"symbol": row.symbol, "side": row.side, "qty": plain(row.qty), "what": "order"}
            for row in orders
        ]
        newest = reader.snapshot(run)
        held = [{**as_json(row, "run"), "what": "position"} for row in reader.positions(run)]
        return held + working, 0 if newest is None else newest.wall


def _fence(data_dir: Path) -> list[Owner]:
    """Kill an engine that does not answer: whoever holds the lock, and holds it as the engine."""
    owner = lock_owner(data_dir)
    if owner is None:
        return []
    if owner.pid == os.getpid():
        raise EngineHereError(
            "the engine of this very process does not answer",
            hint="run tradebot close-all from another terminal",
        )
    if not may_be_fenced(data_dir, owner):
        return []  # it is not proved to be the engine: whoever holds the lock is waited for
    with contextlib.suppress(ProcessLookupError):  # it has just died by itself
        os.kill(owner.pid, signal.SIGKILL)
    deadline = SYSTEM.monotonic() + KILLED_S
    while owner.alive and SYSTEM.monotonic() < deadline:
        SYSTEM.sleep(0.05)
    return [owner]
