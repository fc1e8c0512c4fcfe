"""``close-all``: the latch first, then what it means in words, a question where somebody is there, and the closing.

On a terminal it asks when trading is halted already; who says no leaves it halted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tradebot.app.target import (
    ACCOUNTS,
    KEYS,
    ExchangeAccount,
    Request,
    aimed,
    latch,
    latch_account,
    may_run,
)
from tradebot.cli.interrupts import outlast
from tradebot.cli.options import ControlOptions
from tradebot.cli.output import ListShape, Result
from tradebot.cli.streams import say
from tradebot.core.model.errors import JournalError, LeftoverError, TradebotError, UsageError
from tradebot.core.model.text import escaped
from tradebot.guard.account_lock import account_dir

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tradebot.app.closed import Closed
    from tradebot.app.whereabouts import Whereabouts
    from tradebot.guard.keys import Found

VIEWS = {
    "remaining": ListShape(title="Remaining", empty="Nothing is open."),
    "closes": ListShape(
        (
            *("symbol", "side", "qty", "entry_price", "close_price", "pnl", "fees"),
            *("mark", "slippage", "slippage_pct"),
        ),
        "Closed",
        "Nothing had to be closed.",
    ),
    "steps": ListShape(("step", "at_s"), "Steps", "No steps."),
}
PLAN = ("step", "symbol", "side", "qty", "what", "where")


@dataclass(frozen=True, slots=True)
class Meant:
    """What a close-all is for: the request aimed, the key to its account, and what could not be latched."""

    request: Request
    key: Found | None
    failed: Mapping[Any, JournalError]


def close_all(options: ControlOptions, place: Whereabouts, request: Request) -> Result:
    """Latch, name the target, ask where that makes sense, close; the answer has exit code 0 only with the proof.

    A terminal that is lost ends nothing once nothing is asked any more.
    """
    asks = _asks(options)
    if not asks:
        outlast()
    meant = _latch(place, request, halting=asks)
    say(f"target: {_targets(meant.request, meant.key, place)}")
    if asks:
        _confirm(meant, place)
        outlast()
        meant = _latch(place, request, halting=False)
    _leave_the_engine(place)
    return _close(options, place, meant)


def _leave_the_engine(place: Whereabouts) -> None:
    """Go on outside of the engine's systemd service: ending it would end everything in there."""
    from tradebot.guard.lock import lock_owner
    from tradebot.guard.service import leave_service

    owner = lock_owner(place.dirs[0])
    if owner is not None and owner.pid != os.getpid():
        sys.stdout.flush()
        sys.stderr.flush()
        leave_service(owner.pid, sys.argv[1:])


def plan(options: ControlOptions, place: Whereabouts, request: Request) -> Result:
    """Say what a close-all would do; read only, nothing is latched and nothing sent."""
    from tradebot.app.close_plan import barred_by_paper

    if place.unclear:
        text = f"which engine is meant cannot be told: {place.unclear}"
        raise UsageError(text, hint="tradebot close-all --dry-run --data-dir DIR says which")
    request = _by_keyring(place, aimed(request, place.dirs[0]))
    say(f"target: {_targets(request, _key_of(request), place)}")
    rows = _planned(request, place)
    barred = barred_by_paper(place.dirs[0], request)
    warnings = [barred] if barred else []
    if not isinstance(request.target, ExchangeAccount) and options.run is None and not barred:
        warnings += [] if options.paper else _untouched("would not be touched", place, request)
    views = {"plan": ListShape(PLAN, "Plan", "Nothing is open.")}
    return Result("close-all", {"plan": rows}, warnings, views=views)


def _targets(request: Request, key: Found | None, place: Whereabouts) -> str:
    """Return the target in words; where runs are meant, with the accounts that these trade."""
    from tradebot.app.close_plan import accounts_meant

    if isinstance(request.target, ExchangeAccount):
        return named(request, key, place)
    accounts = accounts_meant(place.dirs[0], request)
    words = [] if request.run is not None and accounts else [named(request, key, place)]
    for account in accounts:
        words.append(named(replace(request, target=account), key_to(account.environment), place))
    return "; ".join(words)


def named(request: Request, key: Found | None, place: Whereabouts) -> str:
    """Return the target in words: environment, host and the key's last four characters, or the simulated run."""
    target = request.target
    if not isinstance(target, ExchangeAccount):
        return f"{target}, {', '.join(str(path) for path in place.dirs)}"
    from tradebot.wire.hosts import find_hosts

    last = "no key to it" if key is None else f"key ...{key.api_key.last}"
    try:
        hosts = find_hosts(
            "demo" if target.environment == "demo" else "live", target.url, *target.demo
        )
        host = hosts.host
    except TradebotError as error:
        host = error.message
    return f"{target} at {host}, {last}"


# -- the latch ------------------------------------------------------------------------------------


def _latch(place: Whereabouts, request: Request, *, halting: bool) -> Meant:
    """Set the latch in each directory and beside the account's lock; the key may take a while to be found."""
    first = place.dirs[0]
    request = aimed(request, first)
    failed = {}
    unsure = _may_be_in_keyring(place, request)
    for data_dir in place.dirs:
        try:
            latch(data_dir, _kind(aimed(request, data_dir), halting=halting or unsure))
        except JournalError as error:
            failed[data_dir] = error
    if unsure:
        request = _by_keyring(place, request)
        if not halting:
            with suppress(JournalError):
                latch(first, request)
    key = _key_of(request)
    target = request.target
    if isinstance(target, ExchangeAccount):
        prints = {target.fingerprint, "" if key is None else key.api_key.fingerprint} - {""}
        for fingerprint in sorted(prints):
            try:
                latch_account(fingerprint, _kind(request, halting=halting))
            except JournalError as error:
                failed[account_dir(fingerprint)] = error
    return Meant(request, key, failed)


def _kind(request: Request, *, halting: bool) -> Request:
    return replace(request, name="halt") if halting else request


def _may_be_in_keyring(place: Whereabouts, request: Request) -> bool:
    """Whether the configured account may be meant, if the OS keyring has its key: asking it may be slow."""
    target = request.target
    if isinstance(target, ExchangeAccount) or target.strictly or target.run is not None:
        return False
    return place.environment in ACCOUNTS


def _by_keyring(place: Whereabouts, request: Request) -> Request:
    """Return the request aimed at the configured account where the keyring has its key."""
    account = ExchangeAccount(place.environment, place.url, place.demo)
    meant = replace(request, target=account)
    if not _may_be_in_keyring(place, request) or _key_of(meant) is None:
        return request
    return meant


def _key_of(request: Request) -> Found | None:
    """Return the key of the account that is meant; None where there is none, or none that can be read."""
    target = request.target
    return key_to(target.environment) if isinstance(target, ExchangeAccount) else None


def key_to(environment: str) -> Found | None:
    """Return an account's key; None where there is none, or none that can be read."""
    from tradebot.guard.keys import find_key

    try:
        return find_key("demo" if environment == "demo" else "live")
    except TradebotError:
        return None


# -- the question ---------------------------------------------------------------------------------


def _asks(options: ControlOptions) -> bool:
    """Whether there is somebody who sees the question."""
    return not (options.yes or options.common.json) and _is_terminal(0) and _is_terminal(2)


def _is_terminal(handle: int) -> bool:
    try:
        return os.isatty(handle) and (sys.stdin, sys.stdout, sys.stderr)[handle] is not None
    except OSError:
        return False


def _confirm(meant: Meant, place: Whereabouts) -> None:
    """Show what will be closed and ask; who says no, or breaks it off, leaves trading halted."""
    with suppress(typer.Abort, KeyboardInterrupt):
        try:
            rows = _planned(meant.request, place)
            names = [f"{row['symbol']} {row['side']} {row['qty']} ({row['what']})" for row in rows]
        except TradebotError as error:
            names = [f"cannot be told ({error.message})"]
        say("trading is halted. Open now: " + ("; ".join(names) or "nothing"))
        if typer.confirm("Cancel every order and close them?", default=False, err=True):
            return
    say("nothing was closed; trading stays halted until `tradebot resume --reason TEXT`")
    raise typer.Abort


def _planned(request: Request, place: Whereabouts) -> list[dict[str, Any]]:
    """Return what is open and in which order it would go; TradebotError where that cannot be read."""
    from tradebot.app.close_account import plan_of
    from tradebot.app.close_plan import accounts_meant, simulated_meant
    from tradebot.app.control import open_in

    data_dir = place.dirs[0]
    rows: list[dict[str, Any]] = []
    for account in accounts_meant(data_dir, request):
        rows += [{**row, "where": account.environment} for row in plan_of(account)]
    try:
        runs = simulated_meant(data_dir, request)
        rows += [{**row, "where": run} for run in runs for row in open_in(data_dir, run)]
    except TradebotError:  # of an account a journal is no part
        if not isinstance(request.target, ExchangeAccount):
            raise
    return rows


# -- the closing ----------------------------------------------------------------------------------


def _close(options: ControlOptions, place: Whereabouts, meant: Meant) -> Result:
    """Close by the engine if it answers, else without it.

    A directory that takes no latch and holds no journal proves nothing: it may be the wrong one.
    """
    from tradebot.app import control as control_of

    data_dir, request = place.dirs[0], meant.request
    simulated = not isinstance(request.target, ExchangeAccount)
    unused = not may_run(data_dir) and control_of.never_used(data_dir)
    if data_dir in meant.failed and simulated and unused:
        raise meant.failed[data_dir]
    try:
        closed = control_of.see_closed(data_dir, request, options.wait_s, say)
    except KeyboardInterrupt:
        say(f"interrupted: trading stays halted; {control_of.last_seen(data_dir, request)}")
        raise
    warnings = [str(error) for error in meant.failed.values()]
    if simulated and options.run is None and not options.paper:
        warnings += _untouched("was not touched", place, request)
    warnings += _elsewhere(meant, data_dir)
    return _answer(closed, warnings)


def _elsewhere(meant: Meant, data_dir: Path) -> list[str]:
    """Name the accounts on which the journal knows something open, and which were not those that were closed."""
    from tradebot.app.close_plan import left_elsewhere

    target = meant.request.target
    if not isinstance(target, ExchangeAccount):
        return []
    given = "" if meant.key is None else meant.key.api_key.fingerprint
    return left_elsewhere(data_dir, target.environment, target.fingerprint or given)


def _untouched(what: str, place: Whereabouts, request: Request) -> list[str]:
    """Name the accounts to which there is a key and which were not meant, by the journal either."""
    from tradebot.app.close_plan import accounts_meant

    found = []
    meant = {(one.environment, one.fingerprint) for one in accounts_meant(place.dirs[0], request)}
    for environment, names in KEYS.items():
        if any(map(os.environ.get, names)):
            key = key_to(environment)
            if key is not None and (environment, key.api_key.fingerprint) in meant:
                continue
            last = "" if key is None else f" (key ...{key.api_key.last})"
            found.append(
                f"the {environment} account{last} {what}; tradebot close-all --account {environment} closes it"
            )
    return found


def _answer(closed: Closed, warnings: Sequence[str]) -> Result:
    error: TradebotError | None = None
    left = closed.left
    if left:
        names = ", ".join(f"{r['symbol']} {r.get('what', 'position')} {r['qty']}" for r in left)
        error = LeftoverError(
            f"still open: {names}{_protected(closed)}", hint="run close-all again"
        )
    elif closed.unfenced:
        names = "; ".join(closed.unfenced)
        error = LeftoverError(
            f"nothing was open when it was read, but an engine may still send something: {names}",
            hint="end that process, then run close-all again",
        )
    elif closed.unclosed:
        error = LeftoverError("; ".join(closed.unclosed), hint="run close-all again")
    data: dict[str, Any] = {"closed": error is None, "how": closed.how, "remaining": left}
    if closed.steps:  # of an account; what was closed of a simulated run is in its trades
        data |= {"closes": closed.closes, "steps": closed.steps, "proof": closed.proof}
    text = _text(closed, done=error is None) if closed.steps and not left else None
    return Result("close-all", data, list(warnings), text=text, views=VIEWS, error=error)


def _text(closed: Closed, *, done: bool) -> str:
    """Return what was closed of an account, when what was done, and the proof, for whoever reads it at night in a narrow window."""
    from rich.text import Text

    from tradebot.cli.tables import CLOSED, console_of, listing, rendered

    rows = list(closed.closes)
    parts: list[RenderableType] = [
        Text(f"closed  {'yes' if done else 'no'}"),
        Text(f"how     {escaped(closed.how)}"),
    ]
    if rows:
        parts += [Text(), listing("Closed", CLOSED, rows, console_of().width)]
    else:
        parts.append(Text("Nothing had to be closed."))
    times = [f"{row['step']} {row['at_s']:.1f} s" for row in closed.steps]
    parts += [Text(), Text(f"steps   {', '.join(times)}")]
    if closed.proof is not None:
        reads = " and ".join(closed.proof["reads"])
        parts.append(
            Text(
                f"proof   read {reads}: both show nothing; the last request was {closed.proof['quiet_s']} s before the second"
            )
        )
    return rendered(*parts)


def _protected(closed: Closed) -> str:
    """Say what still protects the positions that are left."""
    held = [row["symbol"] for row in closed.left if row.get("what", "position") == "position"]
    stops = {row["symbol"] for row in closed.left if row.get("what") == "stop or target"}
    if not held:
        return ""
    bare = [name for name in held if name not in stops]
    words = [f"{name} has stops or targets in place" for name in held if name in stops]
    words += [f"nothing protects {name}" for name in bare]
    return f"; {', '.join(words)}"
