"""What is done at once about a difference between journal and account; ``reconcile.TABLE`` says which of these."""

from __future__ import annotations

from tradebot.core.model.effects import Notify, ReadBack
from tradebot.core.model.events import AccountRead, OrderSeen, OrderUpdate
from tradebot.core.model.values import OrderStatus
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.trading.answers import EXTERNAL, Answers
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.protection import Protection
from tradebot.core.trading.reconcile import TABLE, Act, Difference, DifferenceKind
from tradebot.core.trading.shared import Shared


class Corrections:
    """Carries out the table's acts. None of them opens or enlarges a position."""

    def __init__(
        self, shared: Shared, exits: Exits, protection: Protection, answers: Answers
    ) -> None:
        self._shared = shared
        self._table = shared.table
        self._exits = exits
        self._protection = protection
        self._answers = answers

    def apply(self, found: Difference, event: AccountRead, rounds: int) -> None:
        """Do what the table says of a difference in its ``rounds``-th round; 0: it was seen again within one."""
        match TABLE[found.kind].act:
            case Act.TAKE_OVER:
                self._take_over(found, event)
            case Act.LOOK_UP:
                assert found.tracked is not None
                self._table.look_up(found.tracked)
            case Act.ADOPT | Act.CANCEL:
                self._adopt(found)
            case Act.PROTECT:
                self._protection.protect(self._shared.books[found.symbol])
            case Act.COVER | Act.CLOSE:
                self._believe(found, rounds)
            case Act.FIND:
                self._ask(found, rounds)
            case Act.SHOW:
                self._show(found.text)
            case _:  # the account is read again by whoever counts the rounds; the rest is not ours to touch
                pass

    # -- orders --------------------------------------------------------------------------------------

    def _take_over(self, found: Difference, event: AccountRead) -> None:
        """Believe what was read of an order of ours: executions not told of, or a smaller quantity."""
        order, tracked = found.order, found.tracked
        assert order is not None
        assert tracked is not None
        now, at = self._shared.now, event.exchange_time
        left = order.qty - max(tracked.told, order.filled)
        if found.kind is DifferenceKind.FILL_MISSED:
            self._answers.take_look_up(
                OrderSeen(
                    *(now, order.symbol, tracked.order.id, order.status, at, event.asked),
                    filled=order.filled,
                    venue_id=order.venue_id,
                )
            )
        elif left > 0:  # an EXPIRED that leaves something is the word for a cut
            self._answers.take_update(
                OrderUpdate(
                    *(now, order.symbol, tracked.order.id, OrderStatus.EXPIRED, at),
                    reason="cut by the exchange",
                    qty=left,
                    filled=order.filled,
                )
            )

    def _adopt(self, found: Difference) -> None:
        """Take an order up again; it stays only where it is the stop of a position that has no other."""
        order = found.order
        assert order is not None
        tracked = found.tracked
        if tracked is None:
            tracked = self._table.adopt(order)
        elif not tracked.live:
            self._table.reopen(tracked, order)
        if not self._is_needed(found, tracked):
            self._table.cancel(tracked.order.id, WHY[found.kind])

    def _is_needed(self, found: Difference, tracked: TrackedOrder) -> bool:
        """Whether an order that was taken up may stay: a stop that may be all that protects.

        A lost order that closes may stay too: it goes with the position.
        """
        book = self._shared.books[found.symbol]
        if TABLE[found.kind].act is Act.CANCEL or not tracked.order.reduce_only:
            return False
        if not (self._shared.position(book) or book.read):
            return False
        lost = found.kind is DifferenceKind.CLOSING_LOST
        return self._protection.rely_on(book, tracked) or lost

    # -- positions -----------------------------------------------------------------------------------

    def _believe(self, found: Difference, rounds: int) -> None:
        """Cover, or close, what the venue holds: more at once; less, or the other side, if it is read again."""
        book = self._shared.books[found.symbol]
        self._ask(found, rounds)
        if rounds < 2 and found.kind is not DifferenceKind.POSITION_LARGER:
            return
        book.held = found.qty
        if found.kind is DifferenceKind.POSITION_FLIPPED:
            self._exits.close(book, EXTERNAL)
        else:
            self._protection.protect(book)

    def _ask(self, found: Difference, rounds: int) -> None:
        """Have the symbol and its fills read at once, the first time."""
        if rounds == 1:
            self._shared.out.append(ReadBack(found.symbol, found.text))

    def agree(self, book: InstrumentState) -> None:
        """The venue holds what the ledger says: from now on that counts again."""
        if book.held is not None:
            book.held = None
            self._protection.protect(book)

    # -- what is nobody's business here -----------------------------------------------------------------

    def _show(self, text: str) -> None:
        shared = self._shared
        if text not in shared.warned:
            shared.warned.add(text)
            shared.out.append(Notify(shared.now, "warning", text))


WHY = {
    DifferenceKind.ENTRY_LOST: "nobody here knew of it",
    DifferenceKind.CLOSING_LOST: "nobody here knew of it",
    DifferenceKind.ORDER_ORPHANED: "nothing is held that it could close",
    DifferenceKind.ORDER_REOPENED: "it is open all the same",
}
"""Why an order that was taken up is cancelled."""
