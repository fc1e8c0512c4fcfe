"""What a live start is made of: the locks it needs, what it may do, and the setup of its run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.app.checklist import Checklist
from tradebot.app.ours import Ours
from tradebot.app.permission import Terms, may_go_on, redeem_token
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.errors import ExchangeError, JournalError, RefusedError, TradebotError
from tradebot.core.model.values import HOUR_MS, MINUTE_MS
from tradebot.guard.account_lock import AccountLock
from tradebot.guard.lock import BRIEFLY_S, InstanceLock
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Head

if TYPE_CHECKING:
    from tradebot.app.account import Access

MODES = ("live", "ghost")
"""A live run always has a ghost of the same strategy beside it, on the same feed."""

MOST_RESTARTS = 3
"""So many starts within an hour, and the next one that nobody has confirmed takes no entries."""

ROLE = "live's checklist"

MOST_WAIT_MS = 10 * MINUTE_MS
"""So old (ms) what every gate said may be when the word is given."""

Ask = Callable[[], None]
"""Asks a person for the word; raises RefusedError where it is not given."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What a start may do. ``protect`` is why it may only protect what is open, "" where it may trade.

    ``again`` says that nobody was asked: it broke off a short while ago and goes on as it was.
    """

    protect: str = ""
    again: bool = False


def try_locks(config: Config, access: Access) -> None:
    """Take both locks and let go of them: AlreadyRunningError where somebody holds one, JournalError where they cannot be made."""
    with (
        InstanceLock(config.data_dir(), ROLE, wait_s=BRIEFLY_S),
        AccountLock(access.traded, ROLE, BRIEFLY_S),
    ):
        return


def permit(
    found: Checklist, config: Config, terms: Terms, token: str | None, ask: Ask | None
) -> Permit:
    """Return what a start may do; RefusedError or ExchangeError where that is nothing.

    What is open of ours is protected under whatever line failed, and without a word. ``ask`` is None where nobody can be asked.
    """
    is_open = bool(found.open or found.ours.open_here())
    if found.failed:
        if is_open:
            return Permit(protect=found.why_not())
        raise refusal(found)
    if may_go_on(found.ours, terms):
        return Permit(again=True)
    try:
        if token is not None:
            redeem_token(config.data_dir(), token, terms)
        elif is_open or ask is None:
            raise RefusedError(
                "real money needs a word: type LIVE on a terminal, or give a token",
                hint="tradebot live --check prints one for --confirm-live",
            )
        else:
            ask()
    except RefusedError as error:
        if is_open:
            return Permit(protect=f"word: {error.message}")
        raise
    return Permit()


def journal_end(config: Config) -> Head | None:
    """Return where the journal's chain ends; None where there is none, or it cannot be read."""
    path = journal_path(config.data_dir())
    try:
        if not path.exists():
            return None
        with Reader(path) as reader:
            return reader.head()
    except JournalError:
        return None


def still_fit(
    allowed: Permit,
    found: Checklist,
    config: Config,
    judged: tuple[Head | None, int],
    clock: Clock = SYSTEM,
) -> Permit:
    """Return what a start may do once its word is given: what the gates said must be young, and the journal as it was.

    ``judged`` is where the chain ended before they were asked, and when (real clock, UTC ms) they had answered: a person may
    take long to type, and another one revoke meanwhile. RefusedError where it is not so and nothing of ours is open.
    """
    head, at = judged
    if allowed.protect:
        return allowed
    if not 0 <= clock.wall_ms() - at < MOST_WAIT_MS:
        why = f"the gates were asked more than {MOST_WAIT_MS // MINUTE_MS} minutes ago"
    elif head is None or journal_end(config) != head:
        why = "the journal has changed since the gates were asked"
    else:
        return allowed
    if found.open or found.ours.open_here():
        return Permit(protect=f"gates: {why}")
    raise RefusedError(f"{why}: nothing was sent", hint="start again: they are asked anew")


def refusal(found: Checklist) -> TradebotError:
    """Return why a start is refused by the lines that failed: by a gate, whether the exchange answers or not."""
    names = ", ".join(dict.fromkeys(row.check for row in found.failed))
    by_gate = any(place == "gates" and status == "fail" for place, _, status in found.lines())
    kind = ExchangeError if found.is_away and not by_gate else RefusedError
    return kind(f"not fit for real money: {names}", hint=found.failed[0].hint)


def too_many_restarts(config: Config, ours: Ours) -> str:
    """Return why a start that nobody confirmed takes no entries, "" where it may."""
    run = ours.run
    if run is None:
        return ""
    with Reader(journal_path(config.data_dir())) as reader:
        starts = reader.starts(run.id, SYSTEM.wall_ms() - HOUR_MS)
    if starts < MOST_RESTARTS:
        return ""
    return f"it was started {starts} times within the last hour and broke off: no entries until `tradebot resume`"


__all__ = [
    "MODES",
    "Ask",
    "Permit",
    "journal_end",
    "permit",
    "refusal",
    "still_fit",
    "too_many_restarts",
    "try_locks",
]
