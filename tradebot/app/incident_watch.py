"""What must not be passed over in a live run, seen in what its engine is told, what it wants, and what it knows.

It only looks: nothing of it reaches the engine but by an event, so a run lived through again needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tradebot.core.model.effects import AccountCompared, Effect, FillBooked, Halted
from tradebot.core.model.events import AccountRead, RunStarted, VenueNote
from tradebot.core.model.values import MINUTE_MS, OrderStatus, Purpose
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.orders import TrackedOrder
from tradebot.core.trading.engine import Engine

BARE_MS = 5_000
"""Milliseconds that a position may be without a stop."""
UNKNOWN_MS = 60_000
"""Milliseconds that nobody may know what became of an order that can open something."""
UNKNOWN_CLOSING_MS = 150_000
"""The same of one that can only close, while its position has no other stop."""
LOOK_MS = 1_000
"""Milliseconds between two looks where nothing happens but prices."""

RECONCILE = ("account", "ledger", "foreign", "instance", "unexplained")
"""Halts that say that account and journal differ, or that somebody else is at work there."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An incident as it was seen: its kind in a word, and what was seen."""

    what: str
    text: str


@dataclass(slots=True)
class Bare:
    """A position without a stop: ``noted`` is since when by the engine, ``since`` by the fill as well (UTC ms).

    One that was so when the engine ended is ``carried`` over its next start, from which the engine itself counts anew.
    """

    noted: int
    since: int
    told: bool = False
    carried: bool = False


class IncidentWatch:
    """Looks at one engine; ``take`` is to be given each event with its effects, once the engine has them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._bare: dict[str, Bare] = {}
        self._unread: set[str] = set()
        self._unknown: set[str] = set()
        self._liquidated: dict[str, int] = {}
        self._wallet_differs = False
        self._started = 0
        self._looked = 0

    def begin(self) -> None:
        """Note what was without a stop when the engine ended; to be called before it is told of its start."""
        self._bare = {
            symbol: Bare(book.bare_since, book.bare_since, carried=True)
            for symbol, book in self._engine.books.items()
            if book.bare_since
        }

    def take(self, event: object, effects: Sequence[Effect]) -> list[Seen]:
        """Take an event (with ``at``, UTC ms) and its effects; return what is new."""
        at: int = getattr(event, "at", 0)
        if not effects and at < self._looked + LOOK_MS:
            return []
        self._looked = at
        found = list(self._wanted(effects, at))
        if isinstance(event, VenueNote) and event.halt == "ban":
            found.append(Seen("ban", f"the exchange has banned this address {event.detail}"))
        elif isinstance(event, RunStarted):
            self._started = at
            if event.resumed:  # what stands at the exchange has yet to be read
                self._unread = set(self._engine.books)
            for symbol, one in self._bare.items():
                one.noted = self._engine.books[symbol].bare_since
        found += self._naked(effects, at)
        found += self._lost(at)
        if isinstance(
            event, AccountRead
        ):  # what this one has shown to be covered was so all the time
            self._unread -= {event.symbol} if event.symbol else set(self._engine.books)
        return found

    def _wanted(self, effects: Sequence[Effect], at: int) -> Iterator[Seen]:
        for effect in effects:
            match effect:
                case AccountCompared(symbol="") if effect.wallet is not None:
                    self._wallet_differs = any("wallet" in said for said in effect.differences)
                case Halted(reason="account", detail=detail) if self._wallet_differs:
                    yield Seen("cent", detail)
                case Halted(reason=reason, detail=detail) if reason in RECONCILE:
                    yield Seen("reconcile", f"{reason}: {detail}")
                case FillBooked() if effect.fill.liquidation:
                    yield from self._liquidation(effect.fill.symbol, at)
                case _:
                    pass

    def _liquidation(self, symbol: str, at: int) -> Iterator[Seen]:
        """A liquidation may come in several fills."""
        if at >= self._liquidated.get(symbol, -MINUTE_MS) + MINUTE_MS:
            yield Seen("liquidation", f"{symbol}: the exchange liquidated the position")
        self._liquidated[symbol] = at

    # -- positions without a stop ----------------------------------------------------------------------

    def _naked(self, effects: Sequence[Effect], at: int) -> Iterator[Seen]:
        for symbol, book in self._engine.books.items():
            before = self._bare.pop(symbol, None)
            if book.bare_since:
                self._bare[symbol] = now = _bare(book, before, effects)
            elif before is None:
                continue
            else:
                now = before
            if not now.told and self._was_too_long(symbol, now, at):
                now.told = True
                over = (at - now.since) / 1000
                yield Seen("unprotected", f"{symbol}: no stop in place for {over:.1f} s")

    def _was_too_long(self, symbol: str, one: Bare, at: int) -> bool:
        """Whether a position is or was without a stop too long; over a start, once it is known whether one stood all the time."""
        if not one.carried:
            return at - one.since > BARE_MS and symbol not in self._unread
        if self._engine.books[symbol].bare_since:
            return at - one.noted > BARE_MS and symbol not in self._unread
        return self._engine.holds(symbol) and at - one.since > BARE_MS and not self._stood(symbol)

    def _stood(self, symbol: str) -> bool:
        """Whether a stop is there that was sent before this start."""
        table = self._engine.table
        return any(
            order.symbol == symbol
            and order.purpose is Purpose.STOP
            and not order.id.startswith(f"{table.prefix}-")
            for order in (tracked.order for tracked in table.live.values())
        )

    # -- orders of unknown fate ------------------------------------------------------------------------

    def _lost(self, at: int) -> Iterator[Seen]:
        live = self._engine.table.live
        self._unknown &= live.keys()
        for name, tracked in live.items():
            if tracked.status is not OrderStatus.UNKNOWN:
                self._unknown.discard(name)
                continue
            over = at - max(tracked.sent_at, tracked.heard_at, self._started)
            if name not in self._unknown and over > self._patience(tracked):
                self._unknown.add(name)
                text = f"nobody has known for {over / 1000:.0f} s what became of {name}"
                yield Seen("unknown_order", f"{tracked.order.symbol}: {text}")

    def _patience(self, tracked: TrackedOrder) -> float:
        if not tracked.order.reduce_only:
            return UNKNOWN_MS
        bare = self._engine.books[tracked.order.symbol].bare_since
        return UNKNOWN_CLOSING_MS if bare else float("inf")


def _bare(book: InstrumentState, before: Bare | None, effects: Sequence[Effect]) -> Bare:
    """Return since when a position is without a stop: since it was filled, where that is what was just told."""
    if before is not None:
        if before.noted != book.bare_since:
            before.noted = before.since = book.bare_since
            before.carried = False
        return before
    fills = [
        effect.fill.time
        for effect in effects
        if isinstance(effect, FillBooked) and effect.fill.symbol == book.symbol
    ]
    return Bare(book.bare_since, min(book.bare_since, *fills) if fills else book.bare_since)


__all__ = ["IncidentWatch", "Seen"]
