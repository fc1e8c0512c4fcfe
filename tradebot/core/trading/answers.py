"""What the venue says of orders: acknowledgements, ends, fills and look-ups, in any order and any number."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from tradebot.core.model.account import PositionRead
from tradebot.core.model.effects import FillBooked, LookUp
from tradebot.core.model.events import Filled, OrderSeen, OrderUpdate
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.values import Fill, OrderStatus, Purpose, Side
from tradebot.core.state.course import Stake
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.order_table import ANSWER_MS, LEDGER_MS, NO_SUCH_ORDER, Stranger
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.state.trips import Trades
from tradebot.core.trading.cash_lines import CashLines
from tradebot.core.trading.entries import Entries
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.protection import Protection
from tradebot.core.trading.reactions import Reactions
from tradebot.core.trading.reconcile import Whose, whose_is
from tradebot.core.trading.shared import Shared

EXTERNAL = "external"

TAKEN_OVER = "taken-over"
"""In the place of an order's id: the fill stands for what the account held when the run began."""

EXIT_WORDS = {Purpose.STOP: "stop", Purpose.TARGET: "target"}


class OwnFill(NamedTuple):
    """The exchange's own fills: how their order ids begin, why they happen, and what they halt ("": nothing)."""

    prefix: str
    why: str
    halt: str


CLOSED_ALL = OwnFill("closeall-", "close_all", "")
"""A close-all's, without this engine or on symbols that it does not trade."""

OWN_FILLS = (
    OwnFill("autoclose-", "liquidation", "liquidated"),
    OwnFill("adl_autoclose", "adl", "adl"),
    OwnFill("settlement_autoclose-", "settlement", "settled"),
    OwnFill("liquidation-", "liquidation", ""),  # the simulated exchange's
    OwnFill("close-", EXTERNAL, ""),
    CLOSED_ALL,
)


class Answers:
    """Books fills, believes or doubts words, and brings positions in line with what they say."""

    def __init__(
        self,
        shared: Shared,
        reactions: Reactions,
        entries: Entries,
        exits: Exits,
        protection: Protection,
        trades: Trades,
        cash: CashLines,
    ) -> None:
        self._shared = shared
        self._table = shared.table
        self._reactions = reactions
        self._entries = entries
        self._exits = exits
        self._protection = protection
        self._trades = trades
        self._cash = cash

    # -- fills ---------------------------------------------------------------------------------------

    def take_fill(self, event: Filled) -> None:
        """Book a fill once, protect what it opened, and find out whose it is if nobody here knows."""
        shared, fill = self._shared, event.fill
        book = shared.books.get(fill.symbol)
        if book is None:
            if _own_fill(fill) is not CLOSED_ALL:  # who was asked to close all closes others' too
                shared.halt("foreign", f"a fill on {fill.symbol}, which this run does not trade")
            return
        if fill.time <= shared.past:
            return
        if shared.portfolio.forgot(fill):
            text = f"trade {fill.trade_id} on {fill.symbol} is older than all that is remembered"
            shared.halt("ledger", f"{text}: nobody can say if it was booked")
            return
        if fill.trade_id <= 0:
            named = shared.portfolio.named(fill)
            if named is None:
                return
            fill = named
        tracked = self._table.find(fill.order_id, fill.symbol, fill.venue_id)
        own = None if tracked is not None else _own_fill(fill)
        if self._book(book, fill, tracked, own) and tracked is None:
            self._question(fill, own)

    def take_over(self, book: InstrumentState, read: PositionRead, at: int) -> None:
        """Book a position that nobody here knows the past of, as it is read; protect or close it."""
        side = Side.BUY if read.qty > 0 else Side.SELL
        told = Fill(
            *(book.symbol, 0, TAKEN_OVER, side, abs(read.qty), read.entry, ZERO, False, at),
        )
        fill = self._shared.portfolio.named(told)
        if fill is not None:
            self._protection.stand_behind(book, side)
            self._book(book, fill, None, None)

    def _book(
        self,
        book: InstrumentState,
        fill: Fill,
        tracked: TrackedOrder | None,
        own: OwnFill | None,
    ) -> bool:
        """Book a fill and all that comes of it; False if it was booked before."""
        shared = self._shared
        before, stake = shared.position(book), Stake.of(book.holding)
        booked = shared.portfolio.book(
            fill, self._why(book, tracked, own), tracked.signal if tracked else 0
        )
        if booked is None:
            return False
        if tracked is not None:
            self._table.fill(tracked, fill)
        book.moved(shared.now)
        story = book.follow(stake, fill, tracked)
        self._cash.note_fill(fill, booked.realised)
        holding = book.holding
        shared.out.append(FillBooked(shared.now, fill, holding.qty, holding.entry, booked.realised))
        shared.out.extend(self._trades.take(shared.now, fill.symbol, booked, story))
        shared.watch.begin(book)
        self._reactions.see_equity()
        if booked.trips:
            self._reactions.point("trade", shared.now)
        self._settle(book, before, tracked)
        if holding.qty:
            self._reactions.hold_to_limits(book)
        self._hold_count()
        return True

    def _why(self, book: InstrumentState, tracked: TrackedOrder | None, own: OwnFill | None) -> str:
        """Return why a fill happened, in the words of an exit reason."""
        asked = (
            self._shared.flattening
        )  # the simulated exchange closes by itself when it is asked to
        if own is not None:
            return (own.why == EXTERNAL and asked) or own.why
        if tracked is None:
            return EXTERNAL
        return EXIT_WORDS.get(tracked.order.purpose) or tracked.why or book.closing or "exit"

    def _settle(self, book: InstrumentState, before: Decimal, tracked: TrackedOrder | None) -> None:
        """Bring protection in line with the position; ``before`` is the quantity before it changed."""
        position = self._shared.position(book)
        if not position:
            self._protection.left(book, tracked)
            self._entries.take_reversal(book)
        elif abs(position) > abs(before) or (position > 0) != (before > 0):
            self._protection.grown(book, tracked)
        else:
            self._protection.shrunk(book)

    def _hold_count(self) -> None:
        """As many positions as may be are open: entries that still work would be one too many."""
        shared = self._shared
        cap = shared.limits.max_positions
        if cap is None or cap > len(shared.books):
            return
        if sum(1 for b in shared.books.values() if b.holding.qty) >= cap:
            shared.cancel_entries("as many positions as may be are open", flat_only=True)

    # -- words on orders -----------------------------------------------------------------------------

    def take_update(self, update: OrderUpdate) -> None:
        """Take the venue's word on an order, and mend what it broke."""
        book = self._shared.books.get(update.symbol)
        if book is None:
            return
        tracked = self._table.find(update.order_id, update.symbol, update.venue_id)
        if tracked is None:
            if self._whose(update.order_id) in (Whose.ANOTHER, Whose.COPY):
                self._blame(update.symbol, update.order_id)
            return
        before = self._shared.position(book)
        update = tracked.understood(update, book.holding.qty)
        changed = self._table.hear(tracked, update, update.qty)
        if changed:
            self._shared.out += self._shared.caveats.hear(update)
        if self._table.strangers:
            self._identify(tracked, update)
        if changed or self._shared.position(book) != before:
            self._react(book, tracked, before, update)

    def take_look_up(self, seen: OrderSeen) -> None:
        """Take the answer to a look-up: of an order of ours, or of a fill's that nobody knew."""
        book = self._shared.books.get(seen.symbol)
        if book is None:
            return
        tracked = self._table.find(seen.order_id, seen.symbol, seen.venue_id, seen.child_id)
        before = self._shared.position(book)
        self._identify(tracked, seen)
        if tracked is None:
            return
        if seen.status is None:
            changed = self._table.miss(tracked, seen.asked, seen.reason)
            if tracked.answered and self._table.is_missing(tracked, seen.asked):
                self._protection.vanished(book, tracked)
        else:
            changed = self._table.hear(tracked, seen, None)
        if changed or self._shared.position(book) != before:
            self._react(book, tracked, before, seen)

    def _react(
        self,
        book: InstrumentState,
        tracked: TrackedOrder,
        before: Decimal,
        word: OrderUpdate | OrderSeen,
    ) -> None:
        """Do what an order's new state asks for; ``before`` is the position as it was before the word."""
        if self._shared.position(book) != before:  # more was executed than any fill has told of
            book.moved(self._shared.now)
            self._settle(book, before, tracked)
        if not tracked.live or tracked.ended is not None:
            self._react_to_end(book, tracked, word)
        elif tracked.status is OrderStatus.UNKNOWN:
            self.react_to_unknown(tracked)
        elif tracked.order.purpose is Purpose.EXIT:
            self._exits.accepted(book)
        else:
            self._protection.answered(book, tracked)

    def _react_to_end(
        self, book: InstrumentState, tracked: TrackedOrder, word: OrderUpdate | OrderSeen
    ) -> None:
        status = tracked.ended if tracked.live and tracked.ended else tracked.status
        if self._shared.position(book):
            purpose = tracked.order.purpose
            if purpose is Purpose.EXIT and status is OrderStatus.REJECTED:
                self._exits.refused(book, tracked, getattr(word, "code", 0))
            elif purpose is Purpose.EXIT:
                self._exits.pursue(book)
            elif purpose is Purpose.STOP:
                absent = type(word) is OrderSeen and word.status is None
                reason = NO_SUCH_ORDER if absent else word.reason
                self._protection.lost(book, tracked, status, reason, getattr(word, "code", 0))
        elif not tracked.order.reduce_only and not tracked.live:
            book.closing = ""
        self._entries.take_reversal(book)

    def react_to_unknown(self, tracked: TrackedOrder) -> None:
        """Nobody knows an order's fate: a stop is sent again, and so is an exit in its time."""
        book = self._shared.books[tracked.order.symbol]
        if tracked.order.id == book.stop:
            self._protection.protect(book)
        elif tracked.order.id in book.exits:
            self._exits.pursue(book)

    # -- fills of nobody's orders ----------------------------------------------------------------------

    def _question(self, fill: Fill, own: OwnFill | None) -> None:
        """A fill of no order of ours: the exchange's own doing, another's, or yet to be found out."""
        if own is not None:
            if own.halt:
                text = f"{fill.symbol}: {fill.side} {plain(fill.qty)} at {plain(fill.price)}"
                self._shared.halt(own.halt, f"{text} by the exchange ({fill.order_id})")
        elif self._whose(fill.order_id) in (Whose.ANOTHER, Whose.COPY):
            self._blame(fill.symbol, fill.order_id)
        else:
            self._table.strangers.append(Stranger(fill, self._shared.now))
            self._shared.out.append(LookUp(fill.symbol, fill.order_id, fill.venue_id))

    def _identify(self, tracked: TrackedOrder | None, seen: OrderSeen | OrderUpdate) -> None:
        """Find out whose the unknown fills are that a word tells of."""
        rest = []
        for stranger in self._table.strangers:
            if not _tells_of(seen, stranger.fill):
                rest.append(stranger)
            elif tracked is not None:
                self._table.fill(tracked, stranger.fill)
            else:
                name = seen.order_id or stranger.fill.order_id or stranger.fill.venue_id
                self._blame(seen.symbol, name)
        self._table.strangers = rest

    def wait_anew(self) -> None:
        """A run went on that nobody could answer meanwhile: ask again after fills of orders nobody here knows."""
        table, now = self._table, self._shared.now
        table.strangers = [Stranger(stranger.fill, now) for stranger in table.strangers]
        for fill in (stranger.fill for stranger in table.strangers):
            self._shared.out.append(LookUp(fill.symbol, fill.order_id, fill.venue_id))

    def blame_strangers(self) -> None:
        """What nobody has answered for in time is somebody else's."""
        now = self._shared.now
        late = [s for s in self._table.strangers if now - s.since >= ANSWER_MS]
        self._table.strangers = [s for s in self._table.strangers if s not in late]
        for stranger in late:
            self._blame(stranger.fill.symbol, stranger.fill.order_id or stranger.fill.venue_id)

    def _whose(self, order_id: str) -> Whose:
        return whose_is(order_id, self._shared.instance, self._shared.nonces)

    def _blame(self, symbol: str, order_id: str) -> None:
        """Somebody else trades on the account; or an order of ours does that nobody here planned any more."""
        shared, owner = self._shared, self._whose(order_id)
        if owner is Whose.ANOTHER:
            shared.halt("instance", f"another tradebot trades {symbol}: order {order_id}")
        elif owner is Whose.COPY:
            text = (
                f"order {order_id} on {symbol} has this directory's name and is in no journal of it"
            )
            shared.halt("instance", text)
        elif owner is Whose.NOBODY:
            shared.halt("foreign", f"order {order_id} on {symbol} is none of this run's")
        else:
            self._close_unplanned(shared.books[symbol], order_id)

    def _close_unplanned(self, book: InstrumentState, order_id: str) -> None:
        if book.plan is not None and not book.plan.signal and self._shared.position(book):
            self._shared.warn(
                f"{book.symbol}: nobody planned what order {order_id} opened; closing"
            )
            self._exits.close(book, EXTERNAL)

    def check_ledger(self) -> None:
        """Announced executions that no fill has told of for too long halt."""
        for tracked in self._table.overdue():
            missing = plain(tracked.short) if tracked.short else "an unknown quantity"
            text = f"{missing} of order {tracked.order.id} ({tracked.order.symbol}) was executed"
            self._shared.halt("ledger", f"{text} and not told in {LEDGER_MS // 1000} s")


def _own_fill(fill: Fill) -> OwnFill | None:
    for own in OWN_FILLS:
        if fill.order_id.startswith(own.prefix):
            return own
    return OwnFill("", "liquidation", "liquidated") if fill.liquidation else None


def _tells_of(seen: OrderSeen | OrderUpdate, fill: Fill) -> bool:
    if seen.symbol != fill.symbol:
        return False
    if fill.venue_id and fill.venue_id in (seen.venue_id, seen.child_id):
        return True
    return bool(fill.order_id) and fill.order_id == seen.order_id
