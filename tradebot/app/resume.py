"""Going on with an interrupted run: which one, from which state, and what its strategies must see again.

Where the market waits, strategies are fed first and the run goes on from its last commit. On a wall clock
the state is restored, the log's tail lived through again, and the run goes on at once: the account is asked and
protected before the strategies are fed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tradebot.app.books import check_books, fill_in
from tradebot.app.closings import closings_of
from tradebot.app.faults import bar_error
from tradebot.app.heartbeat import Heartbeat
from tradebot.app.run import Hosted, shape
from tradebot.app.target import ACCOUNTS
from tradebot.config import Config
from tradebot.core.model.effects import Effect, Notify, SignalJudged
from tradebot.core.model.errors import JournalError, UsageError
from tradebot.core.model.money import exact
from tradebot.core.model.times import iso
from tradebot.core.model.values import Bar
from tradebot.core.trading.replay import replay
from tradebot.core.trading.session import Session
from tradebot.guard.diary import Diary, Step, read_diary
from tradebot.journal.facts import Told
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Batch, RunRow, StateRow
from tradebot.journal.side import SIDE_FILE, cut_lines, read_side, write_side
from tradebot.journal.writer import Journal
from tradebot.market.cursor import Cursor
from tradebot.market.feed import Prices

DECISIVE = ("sim", "execution", "risk")
"""Tables of the configuration that a run which goes on should not change unnoticed."""

IMPORTED = "imported"
"""The step that says that the rows before it are in a journal."""

Said = Callable[[str], None]
Work = Callable[[], object]


def previous_runs(
    path: Path, source: Prices, strategy_hash: str, modes: Mapping[str, str], said: Said | None
) -> list[RunRow | None]:
    """Return the interrupted run of each mode that can go on; ``modes`` say where their orders go.

    Several go on together only if all stand at one place of the feed; else all begin anew. Where an account is
    traded none does: prices come as they happen, and the account's run, the first one, goes on whatever stands beside it.
    """
    with Reader(path) as reader:
        found = [
            reader.resumable_run(mode, source.label, strategy_hash, venue)
            for mode, venue in modes.items()
        ]
        places = [_place(reader, run) for run in found]
    if any(venue in ACCOUNTS for venue in modes.values()):
        return found if found[0] is not None else [None] * len(modes)
    if all(place == places[0] for place in places):
        return found
    if said is not None:
        names = ", ".join(run.id for run in found if run is not None)
        said(f"{names} cannot go on together: they stopped at different places of the market")
    return [None] * len(modes)


def _place(reader: Reader, run: RunRow | None) -> Cursor | None:
    """Return where of the feed a run stands; None at its start."""
    try:
        state = None if run is None else reader.state(run.id)
        return None if state is None else dict(state.body["cursor"])
    except (ValueError, KeyError, TypeError):  # what is forged is told when the run is taken up
        return None


def load_state(path: Path, run: str, session: Session) -> StateRow | None:
    """Return the journalled state. None for a run that was killed before its first commit.

    Raises UsageError for a state of other symbols or another timeframe, JournalError for one whose money does
    not follow from the audit trail.
    """
    with Reader(path) as reader, exact():
        state = reader.state(run)
        if state is None:
            return None
        if state.body["shape"] != shape(session):
            raise UsageError(
                f"{run} was interrupted with another timeframe or other symbols",
                hint="use the same to go on with it, or --new to start another run",
            )
        check_books(reader, run, state)
        fill_in(reader, run, state)
    return state


def check_account(run: str, state: StateRow | None, fingerprint: str | None) -> None:
    """Raise UsageError for a run that was begun with another key: it would look for its orders in vain.

    ``fingerprint`` is the key's that is used now, None where no account is traded.
    """
    if fingerprint is None or state is None:
        return
    before = state.body["session"].get("account")
    if before not in (None, "", fingerprint):
        raise UsageError(
            f"{run} trades the account of another key (its fingerprint is {before})",
            hint="use that key to go on with it, or --new to start a run on this key's account",
        )


def warm_all(path: Path, run: str, session: Session, heartbeat: Heartbeat) -> None:
    """Feed the strategies every bar the run has seen, from the same first one."""
    with Reader(path) as reader, exact():
        for bar in reader.bars(run):
            warm(session, bar, run)
            heartbeat.beat()


def warm_bars(path: Path, runs: Sequence[Hosted]) -> Iterator[Work]:
    """Yield one call for each bar that strategies of runs must see again, oldest first per run."""
    for run in runs:
        name = run.identity.run
        with Reader(path) as reader:
            for bar in reader.stream_bars(name):
                yield partial(warm, run.session, bar, name)


def warm(session: Session, bar: Bar, run: str) -> None:
    """Feed a bar that the run has seen to its strategy; StrategyError if that raises."""
    try:
        session.engine.warm(bar)
    except BaseException as error:
        hint = "mend it, or --new starts another run; `tradebot close-all` closes what is open"
        raise bar_error(error, bar, f"on a bar that {run} has seen: ", hint) from error


def replay_tail(path: Path, run: str, session: Session, state: StateRow) -> None:
    """Live through what was logged behind a restored state, with the strategies off."""
    with Reader(path) as reader, exact():
        effects = (logged.effect for logged in reader.effects(run, state.audit_seq))
        judged = [effect for effect in effects if isinstance(effect, SignalJudged)]
        events = (logged.event for logged in reader.events(run, state.log_seq))
        replay(session, events, judged)


def try_tail(path: Path, run: str, trial: Session, state: StateRow) -> None:
    """Live through the log's tail on a session of no consequence; JournalError where that cannot be done.

    The newest part of the log is not signed: what somebody wrote there must not keep an engine from protecting.
    """
    try:
        with exact():
            trial.restore(state.body["session"])
        replay_tail(path, run, trial, state)
    except Exception as error:  # whatever was written there
        words = f"the log behind the state of {run} cannot be lived through again"
        raise JournalError(f"{words} ({type(error).__name__}: {error})", file=str(path)) from error


def last_bar(path: Path, runs: Sequence[Hosted]) -> int | None:
    """Return the open time (UTC ms) of the newest bar all runs have seen, None before the first."""
    with Reader(path) as reader:
        times = [reader.last_bar_time(run.identity.run) for run in runs]
    known = [time for time in times if time is not None]
    return min(known) if known and len(known) == len(times) else None


STARTS = 1000
"""So many starts back an order that still rests is known for one of ours."""


def last_nonces(path: Path) -> tuple[str, ...]:
    """Return what the orders of the journal's newest starts have in their ids."""
    with Reader(path) as reader:
        return reader.nonces(STARTS)


async def import_side(journal: Journal, path: Path, run: str, wall: int) -> list[str]:
    """Put protective orders of a run that left unrecorded into the journal; return in words what was in the file.

    The run must be current. The file goes once nothing of it is missing; a line that cannot be read is shown.
    """
    side = path.parent / SIDE_FILE
    rows, cut = read_side(side), cut_lines(side)
    with Reader(path) as reader:
        known = {order.id for order in reader.orders(run)}
    mine = [row for row in rows if row.run == run]
    missing = [row for row in mine if row.place.approved.order.id not in known]
    if missing:
        effects: list[tuple[int, Effect]] = [(row.at, row.place) for row in missing]
        await journal.commit(Batch(run=run, wall=wall, effects=effects), full=True)
    if mine or cut:
        write_side(side, [row for row in rows if row.run != run])
    words = [f"a line of {SIDE_FILE} cannot be read and is left out: {line[:200]}" for line in cut]
    if missing:
        count = len(missing)
        words.append(f"{count} protective order(s) that had left unrecorded are in the journal")
    return words


async def import_diary(
    journal: Journal, run: str, dirs: Sequence[Path], wall: int, environment: str
) -> list[str]:
    """Put what close-alls have done since the last start into the journal, as words to people; return these.

    The run must be current; how those of its account (``environment``) ended becomes a row of its chain.
    """
    steps = read_diary(dirs)
    before = max((step.wall for step in steps if step.step == IMPORTED), default=0)
    words = [text for step in steps if step.wall > before and (text := _in_words(step))]
    if words:
        effects: list[tuple[int, Effect]] = [
            (wall, Notify(wall, "warning", text)) for text in words
        ]
        new = (step for step in steps if step.wall > before)
        facts: list[tuple[int, Told]] = [
            (wall, one) for one in closings_of(new, environment, journal.key)
        ]
        await journal.commit(Batch(run=run, wall=wall, effects=effects, facts=facts), full=True)
        Diary(dirs).put(IMPORTED, run=run)
    return words


def _in_words(step: Step) -> str:
    """Return what a row of a close-all says to people, "" where it is a detail."""
    more, at = step.more, iso(step.wall)
    match step.step:
        case "begin":
            return f"close-all of {more.get('account')} at {at} by {more.get('who')}: {more.get('reason')}"
        case "fence":
            return f"close-all at {at}: the engine (process {more.get('process')}) {more.get('why')} and was ended"
        case "close":
            params = more.get("params")
            asked = params if isinstance(params, dict) else {}
            name, qty = asked.get("newClientOrderId"), asked.get("quantity")
            return f"close-all at {at}: {more.get('symbol')} {more.get('side')} {qty} at market ({name})"
        case "result":
            done = (
                "nothing was left"
                if more.get("code") == 0
                else f"left {more.get('left') or more.get('why')}"
            )
            return f"close-all ended at {at}: {done}"
    return ""


def changed_keys(previous: RunRow, config: Config) -> list[str]:
    """Return the keys that decide trades and are not what the run began with."""
    before, now = json.loads(previous.config), json.loads(config.canonical_json())
    tables = (*DECISIVE, "ghost") if previous.mode == "ghost" else DECISIVE
    return [
        f"{table}.{key}"
        for table in tables
        for key in sorted({*before.get(table, {}), *now.get(table, {})})
        if before.get(table, {}).get(key) != now.get(table, {}).get(key)
    ]


def opening_words(run: str, state: StateRow | None, source: Prices) -> str:
    """Return the line that says that a run begins, or goes on."""
    if state is None:
        return f"{run} begins on {source.label}"
    return f"{run} was interrupted and goes on, on {source.label}; --new starts another"
