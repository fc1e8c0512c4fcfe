"""What the parts of the engine share: the books, the orders, the halts, and where effects go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from tradebot.core.model.effects import Effect, Halted, Notify, Resumed, WakeAt
from tradebot.core.model.frozen import frozen
from tradebot.core.model.values import Fees
from tradebot.core.risk.exposure import Exposure
from tradebot.core.risk.limits import Limits
from tradebot.core.risk.monitor import Monitor
from tradebot.core.state.halts import Halts
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.order_table import OrderTable
from tradebot.core.state.portfolio import Portfolio
from tradebot.core.trading.caveats import Caveats

NEVER = -1
CHECKLIST = "checklist"
STOPPING = "stopping"
BARRED = "entries are barred"
TEN_THOUSAND = Decimal(10_000)


@frozen
class Execution:
    """How entries are sent: ``ioc`` (limit, immediate or cancel), ``market`` or ``limit`` (resting).

    ``slippage_bps`` is the price protection of an ioc entry in basis points, ``ttl_s`` the life of a
    resting one in seconds; with ``countdown`` a venue outside cancels that by itself should this process fall silent.
    """

    entry: Literal["ioc", "market", "limit"] = "ioc"
    slippage_bps: Decimal = Decimal(20)
    ttl_s: int = 60
    countdown: bool = False


class Shared:
    """The state of a run's trading, and the few things every part does with it.

    ``now`` is the engine's clock (UTC ms). ``flattening`` is why everything is being closed ("" while it is
    not): what an entry in flight still fills is closed too, until trading is armed again. ``paused`` says by
    symbol why entries wait, ``blocked`` by subject why all of them do, ``barred`` why somebody outside wants none; ``unmet`` by halt reason why it cannot be
    cleared yet, where that is no matter of orders. ``doubt`` is what is wrong with the journal since this start;
    what the venue did until ``past`` (its time, UTC ms) is in what was taken over of the account, ``FAR`` while
    that has yet to be read and ``NEVER`` where nothing was. ``nonces`` are those of this journal's starts, none where
    they were not told; ``fees`` those reckoned with, ``least`` the configured ones. ``stage`` is live's, 0 where none binds;
    ``lowered`` is why it is less than this start was told, "" where it is not. ``unproved`` says that nobody has seen
    a stop stand on this account: entries are the smallest until one does.
    """

    __slots__ = (
        "barred",
        "blocked",
        "books",
        "caveats",
        "doubt",
        "execution",
        "exposure",
        "fees",
        "flattening",
        "halts",
        "instance",
        "least",
        "limits",
        "lowered",
        "nonces",
        "now",
        "out",
        "outside",
        "past",
        "paused",
        "portfolio",
        "skew_ms",
        "stage",
        "table",
        "unmet",
        "unproved",
        "warned",
        "watch",
    )

    def __init__(
        self,
        books: Mapping[str, InstrumentState],
        portfolio: Portfolio,
        limits: Limits,
        fees: Fees,
        execution: Execution,
        watch: Monitor,
        *,
        outside: bool,
    ) -> None:
        self.now = 0
        self.out: list[Effect] = []
        self.outside = outside
        self.books = books
        self.portfolio = portfolio
        self.halts = Halts()
        self.limits = limits
        self.fees = self.least = fees
        self.execution = execution
        self.watch = watch
        self.table = OrderTable(self.out, outside=outside)
        slip = execution.slippage_bps / TEN_THOUSAND
        self.exposure = Exposure(
            books, self.table, portfolio, self.halts, watch, limits, fees, slip
        )
        self.instance = ""
        self.nonces: frozenset[str] = frozenset()
        self.flattening = ""
        self.paused: dict[str, str] = {}
        self.blocked: dict[str, str] = {}
        self.barred: tuple[str, ...] = ()
        self.unmet: dict[str, str] = {}
        self.warned: set[str] = set()
        self.caveats = Caveats()
        self.skew_ms = 0
        self.doubt = ""
        self.past = NEVER
        self.unproved = False
        self.stage = 0
        self.lowered = ""

    def set_fees(self, fees: Fees) -> None:
        """Reckon with other fees from now on."""
        self.fees = fees
        self.exposure.set_fees(fees)
        self.watch.set_fee(fees.taker)

    def hold_to(self, limits: Limits, stage: int, lowered: str = "") -> None:
        """Hold entries to the limits of a stage from now on; ``lowered`` is why that is less than this start was told."""
        self.limits, self.stage, self.lowered = limits, stage, lowered
        self.exposure.set_limits(limits)

    def position(self, book: InstrumentState) -> Decimal:
        """Return what is held of a symbol: booked, and announced by the venue (signed base units)."""
        if not self.table.shorts:
            return book.holding.qty
        return book.holding.qty + self.table.short_of(book.symbol)

    def holds(self, book: InstrumentState) -> Decimal:
        """Return what is to be protected of a symbol: what the venue holds where that was read to be another."""
        return self.position(book) if book.held is None else book.held

    def warn(self, text: str) -> None:
        """Tell the user of something that cannot wait."""
        self.out.append(Notify(self.now, "critical", text))

    def warn_once(self, text: str) -> None:
        """Say what would be said again with every price."""
        if text not in self.warned:
            self.warned.add(text)
            self.warn(text)

    def wake_at(self, key: str, at: int) -> None:
        """Ask to be woken."""
        self.out.append(WakeAt(key, at))

    def halt(self, reason: str, detail: str) -> None:
        """Put a halt in force, say it where it is new, and cancel all entries."""
        if self.halts.add(reason, detail, self.now):
            self.out.append(Halted(self.now, reason, detail, self.halts.epoch))
            self.warn(f"HALT {reason}: {detail}")
        self.cancel_entries(f"halt: {reason}")

    def only_protect(self, why: str) -> None:
        """Make no entry for a reason of this start's, whatever a person says; "": it may trade, and that is over."""
        known = self.halts.reasons.get(CHECKLIST)
        if known is not None and known.detail != why:
            self.halts.clear(CHECKLIST)
            if not why:
                text = "this start may trade"
                self.out.append(Resumed(self.now, CHECKLIST, "tradebot", text, self.halts.epoch))
        self.unmet.pop(CHECKLIST, None)
        if why:
            self.unmet[CHECKLIST] = why
            self.halt(CHECKLIST, why)

    def bar(self, reasons: tuple[str, ...]) -> None:
        """Make no entry for these reasons from now on, and say what is new; without any, entries may be made again."""
        before, self.barred = self.barred, reasons
        new, over = _lacking(reasons, before), _lacking(before, reasons)
        if new:
            self.out.append(Notify(self.now, "warning", f"{BARRED}: {new}"))
        if over:
            text = f"entries are not barred any more: {over}"
            self.out.append(Notify(self.now, "info", text))
        if reasons:
            self.cancel_entries(BARRED)

    def cancel_entries(
        self, why: str, symbols: Iterable[str] | None = None, *, flat_only: bool = False
    ) -> None:
        """Cancel working entries: what blocks new entries does not leave old ones standing.

        ``symbols`` None means all; with ``flat_only`` those that add to a position are left.
        """
        for symbol in self.books if symbols is None else symbols:
            book = self.books.get(symbol)
            if book is None or (flat_only and book.holding.qty):
                continue
            book.reverse = None
            self.cancel_entries_of(book, why)

    def cancel_entries_of(self, book: InstrumentState, why: str) -> None:
        """Cancel a symbol's entries."""
        for tracked in self.exposure.entries_of(book):
            self.table.cancel(tracked.order.id, why)

    def export_state(self) -> dict[str, Any]:
        """Return what is none of the parts' own as JSON values."""
        return {
            "instance": self.instance,
            "nonces": sorted(self.nonces),
            "flattening": self.flattening,
            "paused": dict(self.paused),
            "blocked": dict(self.blocked),
            "unmet": dict(self.unmet),
            "skew_ms": self.skew_ms,
            "past": self.past,
            "caveats": self.caveats.export_state(),
            **({"barred": list(self.barred)} if self.barred else {}),
            **({"caps": self._caps()} if self.stage else {}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.instance = state["instance"]
        self.nonces = frozenset(state.get("nonces", ()))
        self.flattening = state["flattening"]
        self.paused = dict(state["paused"])
        self.blocked = dict(state["blocked"])
        self.unmet = dict(state["unmet"])
        self.skew_ms = state["skew_ms"]
        self.past = state.get("past", NEVER)
        self.caveats.restore(state.get("caveats", {}))
        self.barred = tuple(state.get("barred", ()))
        if held := state.get("caps"):
            value, count, stage, why = held
            caps = replace(self.limits, position_value=Decimal(value), max_positions=count)
            self.hold_to(caps, stage, why)

    def _caps(self) -> list[Any]:
        """Return what a stage's entries are held to: the log behind a state is lived through under it, up to the next start."""
        limits = self.limits
        return [str(limits.position_value), limits.max_positions, self.stage, self.lowered]


def _lacking(some: Sequence[str], others: Sequence[str]) -> str:
    return "; ".join(one for one in some if one not in others)
