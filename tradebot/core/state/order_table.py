"""Every order there is: the live ones, those to be cancelled, those nobody knows the fate of, and the finished.

The table says when the venue has to be asked or told again, and takes its words in whatever order, number
and delay they come. What an order's fate means for a position is decided elsewhere.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import Any

from tradebot.core.model.account import OrderRead
from tradebot.core.model.approved import Approved
from tradebot.core.model.effects import Cancel, Effect, LookUp, OrderChanged, Place
from tradebot.core.model.events import OrderSeen, OrderUpdate
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import (
    DAY_MS,
    Fill,
    OrderStatus,
    OrderType,
    Purpose,
    TimeInForce,
)
from tradebot.core.state.exit_pace import FAR, RETRY_MS, SLOW_RETRY_MS, ExitPace
from tradebot.core.state.fills import export_fill, restored_fill
from tradebot.core.state.orders import TrackedOrder, order_of

ANSWER_MS = 5_000
"""Without any answer for so long the fate of an order is unknown."""
FILLS_MS = 300
"""Fills that were announced have so long to come by themselves."""
LEDGER_MS = 30_000
"""Fills that were announced and are still missing after so long halt ``ledger``."""
PATIENT_MS = 60_000
"""After so long look-ups and cancels come every ``SLOW_RETRY_MS`` only."""
ABSENT_MS = 4_000
"""recvWindow and a second: only then can an order that was sent no longer arrive."""
ALGO_ABSENT_MS = 60_000
"""The service of stops and targets was seen to know nothing of a new one for tens of seconds."""
QUIET_MS = 30_000
"""A resting order that nobody spoke of for so long is looked up."""
STOP_ASKED_MS = 2_000
"""A stop nobody spoke of for so long is asked after each second: it has to be seen in place within 5 s."""
SOON_MS = 3_000
"""So long after a word an entry is looked up, and a stop for the first time: what a stream loses must not cost 5 s without one."""
REMEMBERED = 32
"""Finished orders kept where the exchange is in the process: it says nothing late, and every commit writes them."""

NO_SUCH_ORDER = "the venue has no such order"


@dataclass(slots=True)
class Stranger:
    """A fill whose order nobody here knows, since when (UTC ms)."""

    fill: Fill
    since: int


class OrderTable:
    """The orders of a run. ``out`` takes the effects; ``now`` is the engine's clock (UTC ms).

    ``outside`` says that answers come later, if they come: then there are deadlines, and an end that does
    not tell what was executed is doubted. ``live`` and ``finished`` are by id, ``entries`` the live entries,
    ``shorts`` the live orders whose fills are not all there. A finished order is remembered for a day after its
    trade was closed; one of which nothing was executed, for a day after its end. Of an exchange in the process, which
    has no late words, only the newest ``REMEMBERED`` are.
    """

    def __init__(self, out: list[Effect], *, outside: bool) -> None:
        self.out = out
        self.outside = outside
        self.now = 0
        self.live: dict[str, TrackedOrder] = {}
        self.entries: dict[str, TrackedOrder] = {}
        self.shorts: dict[str, TrackedOrder] = {}
        self.finished: OrderedDict[str, TrackedOrder] = OrderedDict()
        self.paces: dict[str, ExitPace] = {}
        self.strangers: list[Stranger] = []
        self.prefix = "tb"
        self.sent = 0
        self._aliases: dict[tuple[str, str], str] = {}
        self._trades: dict[str, dict[str, None]] = {}
        self._leaving: dict[str, int] = {}  # finished orders by when they may be forgotten

    # -- what is wanted of the venue -------------------------------------------------------------

    def next_id(self, purpose: Purpose, ahead: int = 1) -> str:
        """Return the id of the next order to be sent, or of one further ``ahead``."""
        return f"{self.prefix}-{self.sent + ahead}{purpose}"

    def send(self, approved: Approved, signal: int = 0, why: str = "") -> TrackedOrder:
        """Send an order; return what is kept of it."""
        order = approved.order
        self.sent += 1
        tracked = TrackedOrder.sent(order, signal, self.now, why)
        self.live[order.id] = tracked
        if not order.reduce_only:
            self.entries[order.id] = tracked
        self._trades.setdefault(order.symbol, {})[order.id] = None
        self.out.append(Place(approved, signal))
        return tracked

    def adopt(self, read: OrderRead) -> TrackedOrder:
        """Take up an order of ours that was read from the venue and is on no record."""
        order = order_of(read)
        tracked = TrackedOrder.sent(order, 0, self.now)
        tracked.adopted = True
        tracked.heard_at = self.now
        tracked.hear(read.status, None, read.filled)
        self._learn_ids(tracked, read.venue_id, "")
        self.live[order.id] = tracked
        if not order.reduce_only:
            self.entries[order.id] = tracked
        self._settle(tracked, "read from the venue", changed=True)
        return tracked

    def reopen(self, tracked: TrackedOrder, read: OrderRead) -> None:
        """Take up again an order that was thought to have ended and was read as open."""
        tracked.reopen(read)
        tracked.heard_at = self.now
        tracked.missed_at = 0
        self._learn_ids(tracked, read.venue_id, "")
        self._bring_back(tracked)
        self._settle(tracked, "it is open all the same", changed=True)

    def cancel(self, order_id: str, why: str) -> None:
        """Want an order's end: from now on until it is there."""
        tracked = self.live.get(order_id)
        if tracked is None or tracked.cancel or tracked.ended is not None:
            return
        tracked.cancel = why
        tracked.leaving_at = self.now
        if tracked.status is not OrderStatus.UNKNOWN:
            tracked.move(OrderStatus.CANCELLING)
        self._send_cancel(tracked)

    def look_up(self, tracked: TrackedOrder) -> None:
        """Ask the venue what it knows of an order."""
        tracked.asked_at = self.now
        self.out.append(LookUp(tracked.order.symbol, tracked.order.id, tracked.venue_id))

    def look_up_unsettled(self) -> None:
        """Ask after every order whose state may have changed unheard; what is missing has its whole time anew."""
        for tracked in self.live.values():
            tracked.short_at = tracked.short_at and self.now
            if not tracked.answered or tracked.cancel or tracked.short_at:
                self.look_up(tracked)

    def pace(self, symbol: str) -> ExitPace:
        """Return the pace at which the symbol's position may be left."""
        return self.paces.setdefault(symbol, ExitPace())

    def _send_cancel(self, tracked: TrackedOrder) -> None:
        tracked.cancelled_at = self.now
        self.out.append(Cancel(tracked.order.symbol, tracked.order.id, tracked.cancel))

    # -- what the venue says -----------------------------------------------------------------------

    def find(self, order_id: str, symbol: str = "", *venue_ids: str) -> TrackedOrder | None:
        """Return an order, live or finished, by our id or by one of the venue's; None if it is none of ours."""
        tracked = self.live.get(order_id) or self.finished.get(order_id)
        if tracked is None:
            for venue_id in venue_ids:
                known = self._aliases.get((symbol, venue_id))
                if known is not None:
                    return self.live.get(known) or self.finished.get(known)
        return tracked

    def hear(
        self, tracked: TrackedOrder, word: OrderUpdate | OrderSeen, left: Decimal | None
    ) -> bool:
        """Take the venue's word on an order; return whether that changed anything.

        ``left`` is what stays working after a cut. A word that the order lives while its end is wanted
        has the cancel sent again, what a look-up found at most once a second; one that its fate is unknown has it
        looked up.
        """
        status = word.status
        assert status is not None
        self._learn_ids(tracked, word.venue_id, word.child_id)
        if status is OrderStatus.UNKNOWN:  # that is what the broker says who does not know
            if tracked.heard_at:  # and the venue has told us before our request had its answer
                self.look_up(tracked)
                return False
        else:
            tracked.heard_at = self.now
            tracked.missed_at = 0
        before = tracked.status
        changed = tracked.hear(status, left, word.filled, doubt=self.outside)
        self._settle(tracked, word.reason, changed=changed)
        if tracked.status is OrderStatus.UNKNOWN:
            if before is not OrderStatus.UNKNOWN:
                self.look_up(tracked)
        elif tracked.cancel and tracked.live and not status.terminal and tracked.ended is None:
            # a cancel has its order looked up: the two would go round as fast as the wire does
            own = type(word) is OrderSeen
            if not own or self.now >= tracked.cancelled_at + RETRY_MS:
                self._send_cancel(tracked)
        return changed

    def miss(self, tracked: TrackedOrder, asked: int, reason: str) -> bool:
        """Hear that the venue has no such order; return whether that is believed: it has ended.

        It is when it was said twice, a second apart, of an order that can no longer be on its way; of a stop
        or target not before its service must have shown it.
        """
        early = tracked.order.purpose is Purpose.STOP and asked < tracked.sent_at + SOON_MS
        if not tracked.live or early:
            return False
        tracked.missed_at = tracked.missed_at or asked
        known = tracked.order.purpose is Purpose.ENTRY and tracked.heard_at and not tracked.cancel
        least = ALGO_ABSENT_MS if tracked.order.trigger else QUIET_MS if known else ABSENT_MS
        if asked - tracked.sent_at < least or not self.is_missing(tracked, asked):
            return False
        never = not tracked.heard_at and not tracked.told
        end = tracked.ended or (OrderStatus.REJECTED if never else OrderStatus.EXPIRED)
        changed = tracked.hear(end, None, tracked.told)
        self._settle(tracked, reason or NO_SUCH_ORDER, changed=changed)
        return not tracked.live

    def is_missing(self, tracked: TrackedOrder, asked: int) -> bool:
        """Whether two reads a second apart did not show a live order, the last one asked for at ``asked``."""
        return tracked.live and 0 < tracked.missed_at <= asked - RETRY_MS

    def fill(self, tracked: TrackedOrder, fill: Fill) -> None:
        """Count a fill on its order."""
        tracked.fill(fill)
        tracked.heard_at = self.now
        self._settle(tracked, "", changed=True)
        if tracked.cancel and tracked.live and tracked.ended is None:
            self._send_cancel(tracked)

    def _learn_ids(self, tracked: TrackedOrder, venue_id: str, child_id: str) -> None:
        symbol, own = tracked.order.symbol, tracked.order.id
        if venue_id and venue_id != tracked.venue_id:
            tracked.venue_id = venue_id
            self._aliases[symbol, venue_id] = own
        if child_id and child_id != tracked.child_id:
            tracked.child_id = child_id
            self._aliases[symbol, child_id] = own

    def _settle(self, tracked: TrackedOrder, reason: str, *, changed: bool) -> None:
        """Keep the tables in line with what was heard, and say it."""
        order_id = tracked.order.id
        if not tracked.live and tracked.told > tracked.filled:
            self._revive(tracked)
        if changed:
            self._say(tracked, reason)
        if tracked.live and (tracked.unclear or tracked.told > tracked.filled):
            tracked.short_at = tracked.short_at or self.now
            self.shorts[order_id] = tracked
        elif tracked.short_at:
            tracked.short_at = 0
            self.shorts.pop(order_id, None)
        if not tracked.live and order_id in self.live:
            self._finish(tracked)

    def _revive(self, tracked: TrackedOrder) -> None:
        tracked.revive()
        self._bring_back(tracked)

    def _bring_back(self, tracked: TrackedOrder) -> None:
        tracked.kept_until = 0
        self._leaving.pop(tracked.order.id, None)
        self._trades.setdefault(tracked.order.symbol, {})[tracked.order.id] = None
        self.finished.pop(tracked.order.id, None)
        self.live[tracked.order.id] = tracked
        if not tracked.order.reduce_only:
            self.entries[tracked.order.id] = tracked

    def _say(self, tracked: TrackedOrder, reason: str) -> None:
        self.out.append(
            OrderChanged(
                at=self.now,
                symbol=tracked.order.symbol,
                order_id=tracked.order.id,
                status=tracked.status,
                filled=tracked.filled,
                average=tracked.average,
                qty=tracked.qty,
                reason=reason,
                venue_id=tracked.venue_id,
            )
        )

    # -- fills that were announced ------------------------------------------------------------------

    def short_of(self, symbol: str) -> Decimal:
        """Return what is missing from a symbol's ledger: announced and not yet told by a fill (signed)."""
        return sum(
            (
                tracked.order.side.sign * tracked.short
                for tracked in self.shorts.values()
                if tracked.order.symbol == symbol
            ),
            ZERO,
        )

    # -- deadlines -----------------------------------------------------------------------------------

    def due(self) -> int:
        """Return when the table next has something to ask or tell (UTC ms); ``FAR`` for never."""
        orders = min(map(self._due, self.live.values()), default=FAR)
        if not self.strangers:
            return orders
        return min(orders, *(s.since + ANSWER_MS for s in self.strangers))

    def _due(self, tracked: TrackedOrder) -> int:
        pending = tracked.status is OrderStatus.PENDING
        due = _unanswered_until(tracked) if pending else FAR
        patience = _patience(self.now - max(tracked.sent_at, tracked.heard_at))
        if tracked.cancel and tracked.ended is None:
            due = min(due, tracked.cancelled_at + patience)
        if tracked.short_at:
            again = tracked.asked_at + _patience(self.now - tracked.short_at)
            return min(due, max(tracked.short_at + FILLS_MS, again))
        if tracked.status is OrderStatus.UNKNOWN or tracked.missed_at:
            return min(due, tracked.asked_at + patience)
        if pending:
            return due
        heard = max(tracked.heard_at, tracked.asked_at)
        return min(due, heard + _quiet(tracked))

    def wake(self) -> Iterator[TrackedOrder]:
        """Ask and tell again what is due; yield the orders whose fate has become unknown just now."""
        for tracked in tuple(self.live.values()):
            if self._due(tracked) > self.now:
                continue
            if tracked.cancel and tracked.ended is None:
                self._send_cancel(tracked)
            self.look_up(tracked)
            if tracked.status is OrderStatus.PENDING and (self.now - tracked.sent_at >= ANSWER_MS):
                tracked.move(OrderStatus.UNKNOWN)
                self._say(tracked, f"no answer in {ANSWER_MS // 1000} s")
                yield tracked

    def overdue(self) -> Iterator[TrackedOrder]:
        """Yield the orders whose announced fills are missing for too long."""
        for tracked in self.shorts.values():
            if self.now - tracked.short_at >= LEDGER_MS:
                yield tracked

    # -- the finished --------------------------------------------------------------------------------

    def _finish(self, tracked: TrackedOrder) -> None:
        order_id = tracked.order.id
        del self.live[order_id]
        self.entries.pop(order_id, None)
        self.finished[order_id] = tracked
        if not tracked.told:  # it has no part in any trade
            self._keep(tracked)
            self._trades.get(tracked.order.symbol, {}).pop(order_id, None)
        if not self.outside and len(self.finished) > REMEMBERED:
            self._forget(next(iter(self.finished)))

    def _keep(self, tracked: TrackedOrder) -> None:
        """Remember a finished order for a day from now, and no longer."""
        tracked.kept_until = self._leaving[tracked.order.id] = self.now + DAY_MS

    def close_trade(self, symbol: str) -> None:
        """A symbol is flat: the finished orders of its trade are kept for a day more."""
        going = self._trades.pop(symbol, {})
        for order_id in going:
            tracked = self.finished.get(order_id)
            if tracked is not None and not tracked.kept_until:
                self._keep(tracked)
        alive = [order_id for order_id in going if order_id in self.live]
        if alive:
            self._trades[symbol] = dict.fromkeys(alive)

    def forget_old(self) -> None:
        """Forget the finished orders whose trade has been closed, or that ended without any, a day ago."""
        while self._leaving:
            order_id, until = next(iter(self._leaving.items()))  # the first that may go
            if until > self.now:
                return
            self._forget(order_id)

    def _forget(self, order_id: str) -> None:
        tracked = self.finished.pop(order_id)
        self._leaving.pop(order_id, None)
        for venue_id in (tracked.venue_id, tracked.child_id):
            self._aliases.pop((tracked.order.symbol, venue_id), None)

    # -- state -----------------------------------------------------------------------------------------

    def export_state(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "live": [tracked.export_state() for tracked in self.live.values()],
            "finished": [tracked.export_state() for tracked in self.finished.values()],
            "trade": {symbol: list(ids) for symbol, ids in self._trades.items()},
            "paces": {symbol: list(astuple(p)) for symbol, p in self.paces.items()},
            "strangers": [[export_fill(s.fill), s.since] for s in self.strangers],
            "sent": self.sent,
            "prefix": self.prefix,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        for values in state["live"]:
            tracked = TrackedOrder.restored(values)
            self.live[tracked.order.id] = tracked
            if not tracked.order.reduce_only:
                self.entries[tracked.order.id] = tracked
            if tracked.short_at:
                self.shorts[tracked.order.id] = tracked
        for values in state["finished"]:
            tracked = TrackedOrder.restored(values)
            self.finished[tracked.order.id] = tracked
        kept = sorted((t.kept_until, name) for name, t in self.finished.items() if t.kept_until)
        self._leaving = {order_id: until for until, order_id in kept}
        for tracked in (*self.live.values(), *self.finished.values()):
            for venue_id in filter(None, (tracked.venue_id, tracked.child_id)):
                self._aliases[tracked.order.symbol, venue_id] = tracked.order.id
        self._trades = {symbol: dict.fromkeys(ids) for symbol, ids in state["trade"].items()}
        self.paces = {symbol: ExitPace(*values) for symbol, values in state["paces"].items()}
        self.strangers = [Stranger(restored_fill(fill), at) for fill, at in state["strangers"]]
        self.sent = state["sent"]
        self.prefix = state["prefix"]


def _patience(waited: int) -> int:
    """How long until an order is next asked about, or cancelled again, without a word for so long (ms)."""
    return RETRY_MS if waited < PATIENT_MS else SLOW_RETRY_MS


def _unanswered_until(tracked: TrackedOrder) -> int:
    """When an order without any answer is next asked after, at the latest when its fate is unknown (UTC ms)."""
    end = tracked.sent_at + ANSWER_MS
    if tracked.order.purpose is not Purpose.STOP:
        return end
    return min(end, max(tracked.sent_at + STOP_ASKED_MS, tracked.asked_at + RETRY_MS))


def _quiet(tracked: TrackedOrder) -> int:
    """How long an order that was heard of may stay silent before it is looked up (ms)."""
    order = tracked.order
    if order.purpose is Purpose.ENTRY:
        return SOON_MS
    if order.type is OrderType.MARKET or order.tif is TimeInForce.IOC:
        return ANSWER_MS  # it should have ended long ago
    if order.purpose is Purpose.STOP and tracked.asked_at < tracked.sent_at + SOON_MS:
        return SOON_MS  # only a read so late tells that it was kept
    return QUIET_MS
