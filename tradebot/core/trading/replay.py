"""The log's tail behind a saved state, lived through again with the strategies off.

What a bar led to is in the journalled ``SignalJudged``, so no strategy is asked: the account is whole at once,
and can be protected, before any strategy has been fed the bars of weeks. Effects lead nowhere: they have been
carried out, or the engine asks after them when the run starts.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import nan

from tradebot.core.model.effects import SignalJudged
from tradebot.core.model.events import Event
from tradebot.core.model.values import Bar
from tradebot.core.strategy.protocol import Signal
from tradebot.core.strategy.resample import Resampler
from tradebot.core.trading.session import Session


class Recorded(Resampler):
    """In the place of a symbol's strategy and its resampler: says on a bar what was said on it.

    A bar nothing was said on is not shown to anybody.
    """

    warmup = 0

    def __init__(self) -> None:
        super().__init__(1, 1)
        self._ready: deque[Signal] = deque()

    def expect(self, signals: Iterable[Signal]) -> None:
        """Lay ready what the next bar leads to."""
        self._ready.extend(signals)

    def add(self, bar: Bar) -> list[Bar]:
        """Return the bar once for each signal it led to."""
        return [bar] * len(self._ready)

    def on_bar(self, bar: Bar) -> Signal:
        """Return the next signal the bar led to."""
        del bar
        return self._ready.popleft()


def replay(session: Session, events: Iterable[Event], judged: Iterable[SignalJudged]) -> None:
    """Play events of the log into a session whose state was restored, in their order.

    ``judged`` are the signals journalled since that state.
    """
    judged = list(judged)
    said = _by_bar(session, judged)
    for signal in judged:
        session.digest.take(signal)
    with _strategies_off(session) as recorded:
        for event in events:
            if isinstance(event, Bar) and event.symbol in recorded:
                found = said.pop((event.symbol, event.at), ())
                recorded[event.symbol].expect(map(_again, found))
            session.replay(event)


def _by_bar(
    session: Session, judged: Iterable[SignalJudged]
) -> dict[tuple[str, int], Sequence[SignalJudged]]:
    """Return what bars led to. A signal is judged again when its turn comes later: that is no new one."""
    last = session.signals
    said: defaultdict[tuple[str, int], list[SignalJudged]] = defaultdict(list)
    for signal in judged:
        if signal.id > last:
            last = signal.id
            said[signal.symbol, signal.at].append(signal)
    return dict(said)


@contextmanager
def _strategies_off(session: Session) -> Iterator[dict[str, Recorded]]:
    books = session.engine.books
    kept = {name: (book.strategy, book.resampler, book.cold) for name, book in books.items()}
    recorded = {name: Recorded() for name in books}
    for name, book in books.items():
        book.strategy = book.resampler = recorded[name]
        book.cold = 0
    try:
        yield recorded
    finally:
        for name, book in books.items():
            book.strategy, book.resampler, book.cold = kept[name]


def _again(judged: SignalJudged) -> Signal:
    """Return the signal that was judged so; what was no number in it is none again."""

    def price(name: str, value: object) -> float | None:
        for text in judged.refusals:
            if text.startswith(f"{name} ") and text.endswith(("is no price", "a finite number")):
                return -1.0 if text.endswith("price") else nan
        return None if value is None else float(str(value))

    strange = any(text.endswith("is not from 0 to 1") for text in judged.refusals)
    return Signal(
        side=judged.side,  # type: ignore[arg-type]
        confidence=nan if strange else judged.confidence,
        stop=price("stop", judged.stop),
        target=price("target", judged.target),
        reason=judged.reason,
        indicators=judged.indicators,
    )
