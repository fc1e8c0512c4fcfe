"""A new sign-off begins the approved loss anew: from what its row says, never from a later moment.

The row is written first, and says what the account was worth then; the engine counts from it, whenever it hears of it. The
note beside the key's lock is raised before the row, and set to the row's figure only once that is on record: a crash
between them leaves the tighter of both.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.app.approved_loss import raise_note, settle_note
from tradebot.app.ours import read_ours
from tradebot.app.readiness import ground_now, testimony_of
from tradebot.app.standing import ACCOUNT_STATE
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.errors import RefusedError
from tradebot.core.model.money import exact, plain
from tradebot.guard.account_lock import account_dir
from tradebot.journal.facts import SignedOff
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.plugins.strategies import StrategySpec
from tradebot.reports.readiness.signoffs import approval_after, signatures


def new_approval(
    config: Config, spec: StrategySpec, approved: str, clock: Clock = SYSTEM
) -> SignedOff | None:
    """Return the row that completed a sign-off since the one ``approved`` (its head); None where none stands."""
    path = journal_path(config.data_dir())
    with Reader(path) as reader:
        if not list(reader.select("SELECT 1 FROM audit WHERE kind = 'SignedOff' LIMIT 1")):
            return None  # the chain is read from end to end only where somebody has signed
    told = testimony_of(config.data_dir())
    signed = signatures(told.rows, ground_now(config, spec, told, clock))
    return approval_after((one.fact for one in signed if not one.lapsed), approved)


def worth_here(config: Config) -> tuple[str, str]:
    """Return what the newest live run's account was worth at its end, less what was brought in (USDT, decimal text), and the
    sign-off that it counts from; "" where there was none.

    RefusedError while something is open: nobody knows here what that is worth now.
    """
    data_dir, venue = config.data_dir(), config.exchange.environment
    ours = read_ours(data_dir, venue)
    if open_here := ours.open_here():
        raise RefusedError(
            f"something is open, and nobody knows here what it is worth: {'; '.join(open_here)}",
            hint="sign while live runs, or close it first",
        )
    session = _session_of(data_dir, venue)
    if session is None:
        return "", ""
    engine = session["engine"]
    with exact():
        worth = Decimal(engine["equity"]) - Decimal(engine["portfolio"].get("brought", "0"))
    return plain(worth), engine["watch"].get("approved", "")


def note_before(config: Config, worth: str) -> None:
    """Raise the note of the account to what a sign-off is about to be worth, before its row is written."""
    place = _place(config)
    if worth and place is not None:
        raise_note(place, Decimal(worth))


def approved_now(config: Config, spec: StrategySpec, clock: Clock = SYSTEM) -> str:
    """Return the newest sign-off that stands (its head); "" where none does."""
    if not journal_path(config.data_dir()).exists():
        return ""
    row = new_approval(config, spec, "", clock)
    return "" if row is None else row.head


def note_after(config: Config, spec: StrategySpec, approved: str, clock: Clock = SYSTEM) -> None:
    """Set the note of the account to what a sign-off is worth that was completed since the one ``approved`` (its head).

    Where none was, the note stays as it was raised: one person alone begins nothing anew.
    """
    place = _place(config)
    row = None if place is None else new_approval(config, spec, approved, clock)
    if place is not None and row is not None and row.worth:
        settle_note(place, Decimal(row.worth))


def _place(config: Config) -> Path | None:
    """Return where the newest live run's account is noted; None without one."""
    session = _session_of(config.data_dir(), config.exchange.environment)
    fingerprint = "" if session is None else str(session.get(ACCOUNT_STATE, ""))
    return account_dir(fingerprint) if fingerprint else None


def _session_of(data_dir: Path, venue: str) -> dict[str, Any] | None:
    path = journal_path(data_dir)
    if not path.exists():
        return None
    with Reader(path) as reader:
        for run in reader.runs():
            if (run.mode, run.venue) == ("live", venue):
                state = reader.state(run.id)
                return None if state is None else state.body["session"]
    return None


__all__ = ["approved_now", "new_approval", "note_after", "note_before", "worth_here"]
