"""The account as the venue has it: cash lines are booked once, and what was read is compared with the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradebot.core.model.account import OrderRead
from tradebot.core.model.effects import (
    AccountCompared,
    Cancel,
    CashBooked,
    FundingBooked,
    ReadBack,
    Reconcile,
)
from tradebot.core.model.events import (
    AccountRead,
    AccountSnapshot,
    CashMoved,
    FundingPaid,
)
from tradebot.core.model.money import ZERO, plain
from tradebot.core.state.exit_pace import FAR
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.order_table import ANSWER_MS, LEDGER_MS
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.trading.answers import TAKEN_OVER, Answers, of_another
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.reactions import Reactions
from tradebot.core.trading.shared import Shared

CENT = Decimal("0.01")
"""A venue rounds each result to 8 decimals: less than a cent is no difference."""

TRANSFER = "transfer"


RECONCILE_MS = 30_000
"""Between two reads of the whole account."""

SETTLE_MS = 2_000
"""What a read shows a second time so long after it first did is no matter of words on their way."""


@dataclass(slots=True)
class Doubt:
    """Something that does not agree: in words, and since when (UTC ms)."""

    text: str
    since: int


class Accounts:
    """Books cash lines and holds the ledger against what is read.

    A difference is asked about before it halts. ``_doubts`` are those that stand, by subject; ``_missing``
    the trades a commission told of before their fill, with the symbol and since when; ``_asked_at`` is when the
    account was last asked for because of either, ``_reconciled_at`` when it was last read whole (UTC ms).
    """

    def __init__(
        self, shared: Shared, reactions: Reactions, exits: Exits, answers: Answers
    ) -> None:
        self._shared = shared
        self._reactions = reactions
        self._exits = exits
        self._answers = answers
        self._doubts: dict[str, Doubt] = {}
        self._missing: dict[str, tuple[str, int, int]] = {}
        self._asked_at = 0
        self._reconciled_at = 0

    # -- cash lines ----------------------------------------------------------------------------------

    def take_funding(self, event: FundingPaid) -> None:
        """Book funding once and hold the position to its limits."""
        shared = self._shared
        line = event.id or f"funding:{event.symbol}:{event.exchange_time}"
        if event.exchange_time <= shared.past:
            return
        if self._is_beyond_memory(line, event.exchange_time):
            return
        if not shared.portfolio.fund(event.symbol, event.exchange_time, event.amount, line):
            return
        shared.out.append(
            FundingBooked(
                *(shared.now, event.symbol, event.amount, event.rate, event.mark, event.qty),
                event.id,
            )
        )
        self._reactions.see_equity()
        book = shared.books.get(event.symbol)
        if book is not None and book.holding.qty:
            self._reactions.hold_to_limits(book)

    def take_cash(self, event: CashMoved) -> None:
        """Book any other cash line once; a commission that a fill has told of is in the fill."""
        shared = self._shared
        if event.exchange_time <= shared.past:
            return
        if event.trade_id:
            if not shared.portfolio.knows_trade(event.symbol, event.trade_id):
                self._expect(event)
            return
        if self._is_beyond_memory(event.id, event.exchange_time):
            return
        self._move(event)

    def _move(self, line: CashMoved) -> None:
        shared = self._shared
        if not shared.portfolio.move(line.id, line.exchange_time, line.amount):
            return
        booked = (shared.now, line.id, line.kind, line.symbol, line.amount, line.exchange_time)
        shared.out.append(CashBooked(*booked))
        if line.kind == TRANSFER:
            self._reactions.shift(line.amount)
        self._reactions.see_equity()

    def _is_beyond_memory(self, line: str, time: int) -> bool:
        if not self._shared.portfolio.forgot_cash(line, time):
            return False
        text = f"cash line {line} is older than all that is remembered"
        self._shared.halt("ledger", f"{text}: nobody can say if it was booked")
        return True

    def _expect(self, event: CashMoved) -> None:
        """A commission for a trade we were not told of: its fill has been missed, or is on its way."""
        key = f"{event.symbol}:{event.trade_id}"
        if key not in self._missing:
            self._missing[key] = (event.symbol, event.trade_id, self._shared.now)
            self._ask(event.symbol, f"a commission tells of trade {event.trade_id}")

    def _ask(self, symbol: str, why: str) -> None:
        if symbol:
            self._asked_at = self._shared.now
            self._shared.out.append(ReadBack(symbol, why))
        else:
            self.reconcile(why)

    def reconcile(self, why: str) -> None:
        """Have the whole account read."""
        self._asked_at = self._reconciled_at = self._shared.now
        self._shared.out.append(Reconcile(why))

    # -- comparing -----------------------------------------------------------------------------------

    def ledger_wallet(self) -> Decimal:
        """Return the wallet the venue should show: cash plus the cost of what is held (USDT)."""
        held = (account.holding for account in self._shared.portfolio.accounts.values())
        return self._shared.portfolio.cash + sum((h.qty * h.entry for h in held), ZERO)

    def take_snapshot(self, event: AccountSnapshot) -> None:
        """Compare the venue's wallet with the ledger's."""
        self._compare_wallet(event.wallet, event.at)
        self._conclude()

    def take_read(self, event: AccountRead) -> None:
        """Compare what was read with what the ledger and the orders say; what is being closed goes on."""
        shared = self._shared
        names = [event.symbol] if event.symbol else list(shared.books)
        books = [shared.books[name] for name in names if name in shared.books]
        held = {position.symbol: position.qty for position in event.positions}
        if shared.past == FAR and not event.symbol:
            self._take_over(event)
        for book in books:
            self._compare_position(book, held.get(book.symbol, ZERO), event.asked)
        self._compare_orders(books, event)
        ledger = None
        if event.wallet is not None:
            ledger = self.ledger_wallet()
            self._compare_wallet(event.wallet, event.asked)
        said = tuple(doubt.text for doubt in self._doubts.values())
        shared.out.append(AccountCompared(shared.now, event.symbol, event.wallet, ledger, said))
        self._conclude()
        for book in books:
            self._exits.pursue(book)

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
        for order in (*event.orders, *event.algo_orders):
            if shared.table.find(order.order_id, order.symbol, order.venue_id) is None:
                self._judge_stranger(order)
        for read in held:
            self._answers.take_over(shared.books[read.symbol], read, time)
        if event.wallet is not None and (rest := event.wallet - self.ledger_wallet()):
            name = f"{TAKEN_OVER}-{time}"
            self._move(CashMoved(shared.now, name, TRANSFER, "", rest, time))
        count = f"{len(held)} position(s)"
        shared.warn(f"the account was taken over as the exchange has it: {count}")

    def _compare_position(self, book: InstrumentState, read: Decimal, asked: int) -> None:
        if book.moved_at >= asked:  # it has moved since: what was read is old
            return
        book.read = read
        position = self._shared.position(book)
        text = f"{book.symbol}: the venue holds {plain(read)}, the ledger {plain(position)}"
        self._weigh(f"position {book.symbol}", "" if read == position else text, asked, book.symbol)

    def _compare_wallet(self, wallet: Decimal, asked: int) -> None:
        shared = self._shared
        if shared.outside and any(book.moved_at >= asked for book in shared.books.values()):
            return
        ledger = self.ledger_wallet()
        text = ""
        if abs(wallet - ledger) >= CENT if shared.outside else wallet != ledger:
            text = f"the venue's wallet is {plain(wallet)}, the ledger says {plain(ledger)}"
        self._weigh("wallet", text, asked, "")

    def _compare_orders(self, books: Sequence[InstrumentState], event: AccountRead) -> None:
        """Look up orders of ours that were not read; find out whose the others are."""
        table = self._shared.table
        known = set()
        for order in (*event.orders, *event.algo_orders):
            tracked = table.find(order.order_id, order.symbol, order.venue_id)
            if tracked is None:
                self._judge_stranger(order)
            else:
                known.add(tracked.order.id)
                self._end_again(tracked, order, event.asked)
        symbols = [book.symbol for book in books]
        for tracked in table.live.values():
            order_id, symbol = tracked.order.id, tracked.order.symbol
            heard = max(tracked.sent_at, tracked.heard_at)
            if symbol in symbols and order_id not in known and heard < event.asked:
                table.look_up(tracked)

    def _end_again(self, tracked: TrackedOrder, order: OrderRead, asked: int) -> None:
        """An order that was given up as absent is open all the same: it must not outlive its position."""
        if tracked.live or tracked.heard_at >= asked:
            return
        self._shared.out.append(Cancel(order.symbol, tracked.order.id, "it is open all the same"))

    def _judge_stranger(self, order: OrderRead) -> None:
        """An open order nobody here knows: another's, or one of ours that got lost."""
        shared, name = self._shared, order.order_id or order.venue_id
        book = shared.books.get(order.symbol)
        if of_another(order.order_id, shared.instance):
            shared.halt("instance", f"another tradebot trades {order.symbol}: order {name}")
        elif book is None:
            return
        elif not order.order_id.startswith(f"tb{shared.instance}-"):
            shared.halt("foreign", f"order {name} on {order.symbol} is none of this run's")
        else:  # a closing order may be all that protects: it goes with the position
            shared.table.adopt(order)
            if not order.reduce_only or not (shared.position(book) or book.read):
                shared.table.cancel(order.order_id, "nobody here knew of it")

    def _weigh(self, subject: str, text: str, asked: int, symbol: str) -> None:
        """Note that something agrees (no text), or does not: that is asked about before it halts."""
        doubt = self._doubts.get(subject)
        if not text:
            self._doubts.pop(subject, None)
        elif doubt is None:
            self._doubts[subject] = Doubt(text, asked)
            if not self._shared.outside:
                self._shared.halt("account", text)
            else:
                self._ask(symbol, text)
        else:
            doubt.text = text
            if asked >= doubt.since + SETTLE_MS:
                self._shared.halt("account", text)

    def _conclude(self) -> None:
        """Say whether the account may be resumed."""
        if self._doubts:
            texts = (doubt.text for doubt in self._doubts.values())
            self._shared.unmet["account"] = "; ".join(texts)
        else:
            self._shared.unmet.pop("account", None)

    # -- time ----------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Ask again for what is missing or differs; halt when nothing explained it in time."""
        shared, now = self._shared, self._shared.now
        for key, (symbol, trade_id, since) in tuple(self._missing.items()):
            if shared.portfolio.knows_trade(symbol, trade_id):
                del self._missing[key]
            elif now - since >= LEDGER_MS:
                del self._missing[key]
                text = f"trade {trade_id} on {symbol} was paid for and its fill not told"
                shared.halt("ledger", f"{text} in {LEDGER_MS // 1000} s")
        for doubt in self._doubts.values():
            if now - doubt.since >= LEDGER_MS:
                shared.halt("account", doubt.text)
        again = now >= self._asked_at + ANSWER_MS
        if now >= self._reconciled_at + RECONCILE_MS:
            self.reconcile("time to")
        if not again:
            return
        if self._unexplained():
            self.reconcile("; ".join(doubt.text for doubt in self._doubts.values()))
        for symbol in dict.fromkeys(symbol for symbol, _, _ in self._missing.values()):
            self._ask(symbol, "a fill is missing")

    def due(self) -> int:
        """Return when ``wake`` next has something to do (UTC ms)."""
        open_ = self._missing or self._unexplained()
        asking = self._asked_at + ANSWER_MS if open_ else FAR
        return min(asking, self._reconciled_at + RECONCILE_MS)

    def _unexplained(self) -> bool:
        """Whether something differs that has not halted yet: after that the regular reads will do."""
        return bool(self._doubts) and "account" not in self._shared.halts.reasons

    def export_state(self) -> dict[str, Any]:
        """Return what is open as JSON values."""
        return {
            "doubts": {name: [doubt.text, doubt.since] for name, doubt in self._doubts.items()},
            "missing": {key: list(values) for key, values in self._missing.items()},
            "asked_at": [self._asked_at, self._reconciled_at],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self._doubts = {name: Doubt(*values) for name, values in state["doubts"].items()}
        self._missing = {key: (s, n, at) for key, (s, n, at) in state["missing"].items()}
        self._asked_at, self._reconciled_at = state["asked_at"]
