"""What a live run takes over from the one before it on the same account: from where the approved loss counts, and loss halts.

The approved loss counts from the equity at the account's first live start; no sign-off sets another yet. A run that goes on
has it in its state. One that begins takes it over, moved by the money that came in or went out since and is no result;
and with it every loss limit that was reached and that nobody has resumed: another strategy is no way around it. Nor is another
data directory: what a run began with is noted beside the key's lock too, for one that finds no journal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.app.account import TradedAccount
from tradebot.app.standing import ACCOUNT_STATE
from tradebot.broker import figures
from tradebot.broker.account_reader import OVERLAP_MS
from tradebot.core.model.errors import JournalError
from tradebot.core.model.money import plain
from tradebot.core.risk.monitor import LOSSES, Reached, approved_base
from tradebot.disk import on_disk, private_directory, replace_durably
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.view import HaltEvent

NOTE = "approved-loss.json"
"""Beside the lock of the account's key."""


@dataclass(frozen=True, slots=True)
class Before:
    """What the newest live run left: ``base`` (USDT), the cash lines it has ``booked``, from when on more may have come
    (UTC ms), and the loss limits ``reached``.
    """

    base: Decimal
    since: int
    booked: frozenset[str]
    reached: tuple[Reached, ...] = ()

    async def first_equity(self, account: TradedAccount) -> Decimal:
        """Return what the approved loss counts from (USDT); ExchangeError where it cannot be told what came in since."""
        return self.base + await account.read_moved(self.since, self.booked)


def left_before(data_dir: Path, environment: str, fingerprint: str) -> Before | None:
    """Return what the newest live run on an account left; None where there was none, or its journal cannot be read.

    Such a journal lets no run begin that could enter anything.
    """
    try:
        with Reader(journal_path(data_dir)) as reader:
            for run in reader.runs():
                mine = (run.mode, run.venue) == ("live", environment)
                state = reader.state(run.id) if mine else None
                if state is not None and state.body["session"].get(ACCOUNT_STATE) == fingerprint:
                    return _before(state.body["session"], reader.halts(run.id))
    except (JournalError, ValueError, KeyError, TypeError, ArithmeticError):
        return None
    return None


def _before(session: dict[str, Any], halts: Iterable[HaltEvent]) -> Before:
    engine, read = session["engine"], session["read"]
    in_force: dict[str, Reached] = {}
    for row in halts:
        if row.event == "halted" and row.reason in LOSSES:
            in_force[row.reason] = Reached(row.reason, row.detail, row.ts)
        else:
            in_force.pop(row.reason, None)
    since = max(int(read["since"]), int(read["income"]) - OVERLAP_MS)
    booked = frozenset(engine["portfolio"]["cash_ids"])
    return Before(approved_base(engine["watch"]), since, booked, tuple(in_force.values()))


async def counted_from(
    account: TradedAccount, data_dir: Path, wallet: Decimal, *, protect: bool
) -> tuple[Decimal, tuple[Reached, ...]]:
    """Return what a run that begins counts the approved loss from (USDT), and the loss limits that are reached already.

    That is what its wallet holds where nobody has traded the account here yet. One that may only ``protect`` waits for no
    income, and approves nothing: where it finds no journal it takes what was noted, or its wallet where that is more, for it
    may go on later and trade.
    """
    at, access = account.wire.time.now(), account.access
    before = left_before(data_dir, access.environment, access.fingerprint)
    if protect:
        return (_at_least(wallet, account), ()) if before is None else (before.base, before.reached)
    before = before or noted_base(account.latch_dir)
    first = wallet if before is None else await before.first_equity(account)
    note_base(account.latch_dir, first, at)
    return first, () if before is None else before.reached


def _at_least(wallet: Decimal, account: TradedAccount) -> Decimal:
    """Return the larger of a wallet and what was noted (USDT): what came in since is unread, so the other may be too little."""
    with suppress(JournalError):  # what is open is protected whatever the note is like
        noted = noted_base(account.latch_dir)
        return wallet if noted is None else max(wallet, noted.base)
    return wallet


def note_base(latch_dir: Path, base: Decimal, at: int) -> None:
    """Note what the approved loss counts from (USDT), as of a time (the exchange's, UTC ms); JournalError where it cannot be."""
    path = latch_dir / NOTE
    with on_disk(path):
        private_directory(latch_dir)
        replace_durably(path, json.dumps({"base": plain(base), "at": at}) + "\n")


def noted_base(latch_dir: Path) -> Before | None:
    """Return what a run of whatever directory noted, None where none did.

    JournalError for a note that cannot be read: without it a loss would be forgotten.
    """
    path = latch_dir / NOTE
    with on_disk(path), suppress(FileNotFoundError):
        text = path.read_text(encoding="utf-8", errors="replace")
        try:
            found = json.loads(text)
            base, at = figures.number(found["base"]), figures.whole(found["at"])
            return Before(base, at, frozenset())
        except (ValueError, KeyError, TypeError, ArithmeticError):
            raise JournalError(
                "from where the approved loss counts cannot be read",
                hint="put it back from a backup; without it the loss would count from now on",
                file=str(path),
            ) from None
    return None
