"""The account as the venue has it: what was read is held against the journal, in rounds.

What differs is found by ``reconcile.diff``, and its table says what is done at once. A difference is asked about
before it halts; while one stands no entry is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import Any

from tradebot.core.model.effects import AccountCompared, ReadBack, Reconcile
from tradebot.core.model.events import AccountRead, AccountSnapshot, CashMoved
from tradebot.core.model.money import ZERO, plain
from tradebot.core.state.exit_pace import FAR
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.order_table import ANSWER_MS, LEDGER_MS
from tradebot.core.trading.answers import TAKEN_OVER, Answers
from tradebot.core.trading.cash_lines import TRANSFER, CashLines
from tradebot.core.trading.corrections import Corrections
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.reconcile import (
    HELD_HALTS,
    ROUND_MS,
    SETTLE_MS,
    TABLE,
    WALLET,
    Believed,
    Difference,
    DifferenceKind,
    JournalSide,
    agrees_on_money,
    diff,
    diff_orders,
    diff_wallet,
    margin_elsewhere,
    undecided,
)
from tradebot.core.trading.shared import Shared
from tradebot.core.trading.unread import Unread

RECONCILE_MS = ROUND_MS
"""Between two reads of the whole account."""


@dataclass(slots=True)
class Doubt:
    """A difference that stands: in words, since when and in which round (UTC ms); ``halted`` says it has halted."""

    text: str
    kind: str
    symbol: str
    since: int
    rounds: int
    counted: int
    halted: bool = False


class Accounts:
    """Holds the journal against what is read.

    ``_doubts`` are the differences that stand, by subject; ``_asked_at`` is when the account was last asked for
    because of one, ``_reconciled_at`` when it was last asked for whole (UTC ms).
    ``is_read`` says that it was read since the start.
    """

    def __init__(
        self,
        shared: Shared,
        exits: Exits,
        answers: Answers,
        cash: CashLines,
        corrections: Corrections,
    ) -> None:
        self._shared = shared
        self._exits = exits
        self._answers = answers
        self._cash = cash
        self._corrections = corrections
        self._doubts: dict[str, Doubt] = {}
        self._asked_at = 0
        self._reconciled_at = 0
        self._unread = Unread(shared)
        self.is_read = False

    def begin(self) -> None:
        """A run starts: have the account read before anything of it is believed."""
        self.is_read = False
        self._unread.read_at = 0
        for doubt in self._doubts.values():  # while nobody could explain it, it did not stand
            doubt.since = self._shared.now
        self.reconcile("start")

    def reconcile(self, why: str) -> None:
        """Have the whole account read."""
        self._asked_at = self._reconciled_at = self._shared.now
        self._shared.out.append(Reconcile(why))

    # -- comparing -----------------------------------------------------------------------------------

    def ledger_wallet(self) -> Decimal:
        """Return the wallet the venue should show: cash plus the cost of what is held (USDT)."""
        held = (account.holding for account in self._shared.portfolio.accounts.values())
        return self._shared.portfolio.cash + sum((h.qty * h.entry for h in held), ZERO)

    def journal(self) -> JournalSide:
        """Return what the journal says, to be held against a reading."""
        shared = self._shared
        return JournalSide(
            instance=shared.instance,
            positions={symbol: self._believed(book) for symbol, book in shared.books.items()},
            orders=shared.table,
            wallet=self.ledger_wallet(),
            lines=shared.portfolio.lines,
            blur=shared.portfolio.blur(),
            nonces=shared.nonces,
            leverage=shared.watch.leverage,
            outside=shared.outside,
        )

    def _believed(self, book: InstrumentState) -> Believed:
        wants = book.plan is not None and book.plan.stop is not None and not book.closing
        held = self._shared.position(book)
        return Believed(held, book.moved_at, wants, book.holding.trip_funding, book.margin)

    def take_snapshot(self, event: AccountSnapshot) -> None:
        """Compare the venue's wallet with the ledger's."""
        if not self._doubts and event.wallet == self.ledger_wallet():
            return  # they agree, and so they did before
        journal = self.journal()
        found = list(diff_wallet(journal, event.wallet, event.at))
        for difference in found:
            self._look_into_wallet(difference, self._weigh(difference, event.at))
        self._drop({WALLET} - undecided(journal, event.at), found)
        self._conclude()

    def take_read(self, event: AccountRead) -> None:
        """Compare what was read with the journal, and do what each difference asks for; exits go on."""
        shared = self._shared
        if shared.past == FAR and not event.symbol:
            self._take_over(event)
        journal = self.journal()
        books = [b for b in shared.books.values() if event.symbol in ("", b.symbol)]
        self._note_positions(books, event)
        found = diff(journal, event)
        for difference in found:
            rounds = self._weigh(difference, event.asked)
            self._corrections.apply(difference, event, rounds)
            self._look_into_wallet(difference, rounds)
        self._note_margins(journal, event)
        self._drop(self._decided(journal, event), found)
        if not event.symbol:
            shared.exposure.elsewhere = margin_elsewhere(journal, event)
            self.is_read = True
            self._unread.note()
        ledger = None if event.wallet is None else self.ledger_wallet()
        said = tuple(doubt.text for doubt in self._doubts.values())
        shared.out.append(AccountCompared(shared.now, event.symbol, event.wallet, ledger, said))
        self._conclude()
        for book in books:
            self._exits.pursue(book)

    def _look_into_wallet(self, found: Difference, rounds: int) -> None:
        """Have the account and its cash lines read at once, the first time that the wallet differs."""
        if found.subject == WALLET and rounds == 1 and self._shared.outside:
            self.reconcile(found.text)

    def _note_positions(self, books: Iterable[InstrumentState], event: AccountRead) -> None:
        """Note what was read of the positions that have not moved since."""
        read: dict[str, Decimal] = {}
        for position in event.positions:
            read[position.symbol] = read.get(position.symbol, ZERO) + position.qty
        for book in books:
            if book.moved_at < event.asked:
                book.read = read.get(book.symbol, ZERO)
                if book.read == self._shared.position(book):
                    self._corrections.agree(book)

    def _note_margins(self, journal: JournalSide, event: AccountRead) -> None:
        """Keep the margin of positions that agree as it is read first: from then on only funding may move it."""
        if not self._shared.outside or not agrees_on_money(journal, event):
            return
        for position in event.positions:
            book = self._shared.books.get(position.symbol)
            if book is None or book.margin is not None or position.margin is None:
                continue
            if book.moved_at < event.asked and position.qty == self._shared.position(book):
                book.margin = position.margin, book.holding.trip_funding

    def _decided(self, journal: JournalSide, event: AccountRead) -> set[str]:
        """Return the doubts that a reading can answer."""
        unread = {WALLET} if event.wallet is None else set()
        return {
            subject
            for subject, doubt in self._doubts.items()
            if not event.symbol or doubt.symbol == event.symbol
        } - (unread | undecided(journal, event.asked))

    def _take_over(self, event: AccountRead) -> None:
        """Nobody here knows what was: the run begins with the account as it was read.

        First the orders, so that a stop that stands is kept; then the positions, which are protected at once;
        then the wallet.
        """
        shared, time = self._shared, event.exchange_time
        shared.past = time
        held = [read for read in event.positions if read.qty and read.symbol in shared.books]
        for read in held:
            shared.books[read.symbol].read = read.qty
        for found in tuple(diff_orders(self.journal(), event)):
            self._corrections.apply(found, event, self._weigh(found, event.asked))
        for read in held:
            self._answers.take_over(shared.books[read.symbol], read, time)
        if event.wallet is not None and (rest := event.wallet - self.ledger_wallet()):
            name = f"{TAKEN_OVER}-{time}"
            self._cash.move(CashMoved(shared.now, name, TRANSFER, "", rest, time))
        count = f"{len(held)} position(s)"
        shared.warn(f"the account was taken over as the exchange has it: {count}")

    # -- rounds ----------------------------------------------------------------------------------------

    def _weigh(self, found: Difference, asked: int) -> int:
        """Count a difference, and halt where it has stood too long; return its round, 0 within one."""
        halt, most = self._verdict(found.kind)
        if not halt:
            return 1
        doubt = self._doubts.get(found.subject)
        if doubt is None or self._verdict(_kind(doubt))[0] != halt:
            doubt = Doubt(found.text, found.kind.value, found.symbol, asked, 0, FAR)
            self._doubts[found.subject] = doubt
            self._asked_at = self._shared.now
        if doubt.counted != FAR and asked < doubt.counted + TABLE[found.kind].apart:
            return 0
        doubt.text, doubt.kind, doubt.counted = found.text, found.kind.value, asked
        doubt.rounds += 1
        if doubt.rounds >= most:
            self._halt(doubt, halt)
        return doubt.rounds

    def _verdict(self, kind: DifferenceKind) -> tuple[str, int]:
        """Return the halt of a difference and its round; an exchange in the process explains nothing later."""
        remedy = TABLE[kind]
        if self._shared.outside or remedy.rounds == 1 or remedy.apart > SETTLE_MS:
            return remedy.halt, remedy.rounds
        return "account", 1

    def _halt(self, doubt: Doubt, halt: str) -> None:
        doubt.halted = True
        self._shared.halt(halt, doubt.text)

    def _drop(self, decided: set[str] | frozenset[str], found: Iterable[Difference]) -> None:
        """Forget the doubts that a reading has answered."""
        for subject in decided - {difference.subject for difference in found}:
            self._doubts.pop(subject, None)

    def settle(self) -> None:
        """A word on an order came: one that has ended neither is missing nor stays."""
        if not self._doubts:
            return
        live = self._shared.table.live
        settled = {
            subject
            for subject, doubt in self._doubts.items()
            if doubt.kind in _OF_LIVE_ORDERS and not doubt.halted
            if subject.removeprefix("order ") not in live
        }
        if settled:
            self._drop(settled, ())
            self._conclude()

    def _conclude(self) -> None:
        """Say whether entries may be made, and which halts may be cleared."""
        shared = self._shared
        doubts = [doubt for doubt in self._doubts.values() if TABLE[_kind(doubt)].halt]
        texts = "; ".join(doubt.text for doubt in doubts)
        if doubts and shared.outside:
            if "account" not in shared.blocked:
                shared.cancel_entries("account and journal differ")
            shared.blocked["account"] = f"account and journal differ. {texts}"
        else:
            shared.blocked.pop("account", None)
        for halt in HELD_HALTS:
            said = [d.text for d in doubts if self._may_halt(d, halt)]
            if said:
                shared.unmet[halt] = "; ".join(said)
            else:
                shared.unmet.pop(halt, None)

    def _may_halt(self, doubt: Doubt, halt: str) -> bool:
        """Whether a difference stands in the way of clearing a halt: an order that is looked up does not yet."""
        kind = _kind(doubt)
        sure = doubt.halted or TABLE[kind].apart <= SETTLE_MS
        return sure and self._verdict(kind)[0] == halt

    # -- time ----------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Ask again for what differs; halt when nothing explained it in time."""
        now = self._shared.now
        self._unread.watch()
        for doubt in self._doubts.values():
            due = now - doubt.since >= LEDGER_MS and TABLE[_kind(doubt)].apart <= SETTLE_MS
            if due and not doubt.halted:
                self._halt(doubt, self._verdict(_kind(doubt))[0])
        again = now >= self._asked_at + ANSWER_MS
        if now >= self._reconciled_at + RECONCILE_MS:
            self.reconcile("time to")
        elif again:
            self._ask_again()

    def _ask_again(self) -> None:
        open_ = [doubt for doubt in self._doubts.values() if not doubt.halted]
        if any(not doubt.symbol for doubt in open_):
            self.reconcile("; ".join(doubt.text for doubt in open_))
            return
        for symbol in dict.fromkeys(doubt.symbol for doubt in open_):
            self._asked_at = self._shared.now
            said = "; ".join(doubt.text for doubt in open_ if doubt.symbol == symbol)
            self._shared.out.append(ReadBack(symbol, said))

    def due(self) -> int:
        """Return when ``wake`` next has something to do (UTC ms)."""
        due = self._reconciled_at + RECONCILE_MS
        if not self._doubts or all(doubt.halted for doubt in self._doubts.values()):
            return due
        return min(due, self._asked_at + ANSWER_MS)

    def export_state(self) -> dict[str, Any]:
        """Return what is open as JSON values."""
        return {
            "standing": {name: list(astuple(doubt)) for name, doubt in self._doubts.items()},
            "asked_at": [self._asked_at, self._reconciled_at, self._unread.read_at],
            "elsewhere": plain(self._shared.exposure.elsewhere),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self._doubts = {name: Doubt(*values) for name, values in state["standing"].items()}
        asked, whole, *read = state["asked_at"]
        self._asked_at, self._reconciled_at, self._unread.read_at = asked, whole, (*read, 0)[0]
        self._shared.exposure.elsewhere = Decimal(state["elsewhere"])


_OF_LIVE_ORDERS = (DifferenceKind.ORDER_GONE, DifferenceKind.ORDER_STAYS)
"""Differences that an order's end settles, whenever it is told."""


def _kind(doubt: Doubt) -> DifferenceKind:
    return DifferenceKind(doubt.kind)
