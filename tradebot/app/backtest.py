"""A backtest: files through the session, as fast as they can be read."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from tradebot.app.packed_trades import ClosedTrades
from tradebot.core.model.documents import PositionDocument, SummaryDocument
from tradebot.core.model.effects import (
    Effect,
    EquityPoint,
    FillBooked,
    OrderChanged,
    Place,
    SignalJudged,
    StopRun,
    TradeClosed,
    TradeReopened,
)
from tradebot.core.model.events import MarketEvent, RunStarted
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import exact
from tradebot.core.model.values import Purpose
from tradebot.core.trading.session import Session
from tradebot.core.trading.snapshot import Heading, position_rows, summarise
from tradebot.reports.unfilled import WAITING, ending, unfilled_sentence

PROGRESS_EVERY = 2_000
"""Steps between two looks at the progress bar."""


class Notebook:
    """What a backtest remembers: closed trades; signals and the equity curve only for who asks for them.

    Both stay empty else: a long run has many. Until the first fill it follows the entry orders too, to
    say why there was none.
    """

    __slots__ = ("_entries", "_noted", "equity", "signals", "trades")

    def __init__(self, *, signals: bool = False, equity: bool = False) -> None:
        self.trades = ClosedTrades()
        self.signals: list[SignalJudged] = []
        self.equity: list[EquityPoint] = []
        self._entries: dict[str, str] = {}
        kept = {TradeClosed: True, TradeReopened: True, SignalJudged: signals, EquityPoint: equity}
        self._noted = {kind for kind, wanted in kept.items() if wanted}
        self._noted |= _UNTIL_FILLED

    def unfilled(self) -> str:
        """Return why no approved signal was filled; empty if one was, or none was approved."""
        if FillBooked not in self._noted or not self._entries:
            return ""
        return unfilled_sentence(len(self._entries), self._entries.values())

    def take(self, effects: Sequence[Effect]) -> None:
        """Note what is worth keeping of an event's effects."""
        for effect in effects:
            if type(effect) in self._noted:
                self._note(effect)

    def _note(self, effect: Effect) -> None:
        match effect:
            case TradeClosed():
                self.trades.add(effect)
            case TradeReopened(id=number):
                self.trades.drop(number)
            case SignalJudged():
                self.signals.append(effect)
            case EquityPoint():
                self.equity.append(effect)
            case FillBooked():
                self._noted -= _UNTIL_FILLED
            case Place(approved=approved):
                if approved.order.purpose is Purpose.ENTRY:
                    self._entries[approved.order.id] = WAITING
            case OrderChanged(order_id=order) if order in self._entries and effect.status.terminal:
                self._entries[order] = ending(effect.status.value, effect.reason)
            case _:
                pass


_UNTIL_FILLED: frozenset[type] = frozenset({FillBooked, Place, OrderChanged})


@frozen
class BacktestResult:
    """A finished backtest."""

    summary: SummaryDocument
    positions: list[PositionDocument]
    notebook: Notebook
    hashes: dict[str, str]
    stopped: StopRun | None


def run_backtest(
    session: Session,
    steps: Iterable[Sequence[MarketEvent]],
    heading: Callable[[int | None, int | None], Heading],
    notebook: Notebook,
    config_hash: str,
    on_progress: Callable[[], None] | None = None,
) -> BacktestResult:
    """Play all steps and add up. ``heading`` is given the first and last moment, UTC milliseconds.

    The session's ``record`` should be ``notebook.take``; its ``note`` is told how the curve ends. Errors of the data pass through.
    """
    with exact(), _quiet_collector():
        first = _play(session, iter(steps), config_hash, on_progress)
        last = session.engine.now if first is not None else None
        ending = session.engine.end()
        notebook.take(ending)
        if session.note is not None:
            session.note(session.engine.now, ending)
        return BacktestResult(
            summary=summarise(heading(first, last), session.engine),
            positions=position_rows(session.engine),
            notebook=notebook,
            hashes=session.digest.hashes(),
            stopped=session.stopped,
        )


def _play(
    session: Session,
    steps: Iterable[Sequence[MarketEvent]],
    config_hash: str,
    on_progress: Callable[[], None] | None,
) -> int | None:
    """Advance the session step by step; return the first moment, None if there was none."""
    stream = iter(steps)
    head = next(stream, None)
    if head is None:
        return None
    first = getattr(head[0], "open_time", head[0].at)
    session.deliver(RunStarted(first, "backtest", "bt", "0", config_hash))
    session.advance(head)
    advance = session.advance
    step: Sequence[MarketEvent] | None = head
    while step is not None and session.stopped is None:
        step = None
        for step in islice(stream, PROGRESS_EVERY):
            advance(step)
            if session.stopped is not None:
                break
        if on_progress is not None:
            on_progress()
    return int(first)


class _quiet_collector:  # noqa: N801 - reads as the statement it is used in
    """Keep the cycle collector from walking what was imported while millions of bars pass."""

    def __enter__(self) -> None:
        gc.freeze()

    def __exit__(self, *_: object) -> None:
        gc.unfreeze()
