"""What a live run takes over from the one before it on the same account: from where the approved loss counts, and loss halts.

The approved loss counts from the equity at the account's first live start, and with each new sign-off anew from what its row
says. A run that goes on has it in its state. One that begins takes it over, moved by the money that came in or went out since and is no result;
and with it every loss limit that was reached and that nobody has resumed: another strategy is no way around it. Nor is another
data directory: what a run began with is noted beside the key's lock too, for one that finds no journal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.app.account import TradedAccount
from tradebot.app.standing import ACCOUNT_STATE
from tradebot.broker import figures
from tradebot.broker.account_reader import OVERLAP_MS
from tradebot.core.model.errors import JournalError
from tradebot.core.model.money import ZERO, plain
from tradebot.core.risk.monitor import LOSSES, Reached, approved_base
from tradebot.disk import on_disk, private_directory, replace_durably
from tradebot.journal.facts import SignedOff
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.view import HaltEvent

NOTE = "approved-loss.json"
"""Beside the lock of the account's key."""


@dataclass(frozen=True, slots=True)
class Before:
    """What the newest live run left: ``base`` (USDT), the cash lines it has ``booked``, from when on more may have come
    (UTC ms), and the loss limits ``reached``. ``brought`` is what had come in by then and is no result, ``equity`` what the
    account was worth (USDT, None where nobody knows), ``approved`` the sign-off that it counts from.
    """

    base: Decimal
    since: int
    booked: frozenset[str]
    reached: tuple[Reached, ...] = ()
    brought: Decimal = ZERO
    equity: Decimal | None = None
    approved: str = ""

    def signed(self, row: SignedOff) -> Before:
        """Return the same as a new sign-off has it: from its own worth, and without the loss that was reached before it.

        Where it does not know its worth the loss counts from what is more, and so stays the smaller.
        """
        known = max(self.base, self.equity or self.base)
        if row.worth:
            known = Decimal(row.worth) + self.brought
        reached = tuple(one for one in self.reached if one.reason != LOSSES[-1])
        return replace(self, base=known, reached=reached, approved=row.head)

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
    return Before(
        *(approved_base(engine["watch"]), since, booked, tuple(in_force.values())),
        brought=Decimal(engine["portfolio"].get("brought", "0")),
        equity=Decimal(engine["equity"]),
        approved=engine["watch"].get("approved", ""),
    )


async def counted_from(
    account: TradedAccount,
    data_dir: Path,
    wallet: Decimal,
    *,
    protect: bool,
    find: Callable[[str], SignedOff | None] = lambda _: None,
) -> tuple[Decimal, tuple[Reached, ...]]:
    """Return what a run that begins counts the approved loss from (USDT), and the loss limits that are reached already.

    That is what its wallet holds where nobody has traded the account here yet. One that may only ``protect`` waits for no
    income, and approves nothing: where it finds no journal it takes what was noted, or its wallet where that is more, for it
    may go on later and trade. ``find`` returns the sign-off that was completed since the one it is given.
    """
    at, access = account.wire.time.now(), account.access
    before = left_before(data_dir, access.environment, access.fingerprint)
    signed = find("" if before is None else before.approved)
    if before is not None and signed is not None:
        before = before.signed(signed)
    if protect:
        return (_at_least(wallet, account), ()) if before is None else (before.base, before.reached)
    before = before or noted_base(account.latch_dir)
    first = wallet if before is None else await before.first_equity(account)
    if signed is not None and not signed.worth:
        first = max(first, wallet)  # what it may lose from now on is not more than was approved
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


def raise_note(latch_dir: Path, base: Decimal) -> None:
    """Have the approved loss count from no less than this (USDT, as of the note's time); nothing where none was noted."""
    noted = noted_base(latch_dir)
    if noted is not None and noted.base < base:
        note_base(latch_dir, base, noted.since)


def settle_note(latch_dir: Path, base: Decimal) -> None:
    """Have the approved loss count from exactly this (USDT, as of the note's time); nothing where none was noted."""
    noted = noted_base(latch_dir)
    if noted is not None and noted.base != base:
        note_base(latch_dir, base, noted.since)


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
