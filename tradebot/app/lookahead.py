"""The look-ahead check: a strategy must say the same whether or not the file goes on.

It is run on the whole data, twice side by side, then on the data cut off at many places, some of them right
after its own signals. What it said up to there must not change. Whoever reads the future finds it in
the file, in what other instances were shown, or in a run before: the check also watches which files
the strategy opens.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from tradebot.app.faults import bar_error
from tradebot.core.model.events import MarketEvent
from tradebot.core.model.times import iso
from tradebot.core.model.values import Bar
from tradebot.core.strategy.protocol import Signal, Strategy
from tradebot.core.strategy.resample import Resampler
from tradebot.plugins.strategies import StrategySpec

MOST_BARS = 200_000
"""Bars the check looks at: they are held in memory."""

EVEN_CUTS = 6
SIGNAL_CUTS = 6
"""Places where the data is cut: evenly spread, and right after signals of the strategy."""

RUNNING = " while it runs"

_CODE = (".py", ".pyc", ".pyi", ".so", ".pyd", ".pth")

Kind = Literal["changed", "unstable", "reads"]


@dataclass(frozen=True, slots=True)
class LookaheadFinding:
    """Something that must not be. ``changed``: an earlier signal depends on later data; ``unstable``: two
    instances shown the same bars disagree; ``reads``: the strategy opens files while it trades.

    ``at`` is the bar's close (UTC milliseconds), None where there is none.
    """

    kind: Kind
    text: str
    symbol: str | None = None
    at: int | None = None


@dataclass(slots=True)
class LookaheadVerdict:
    """What the check saw. It is passed when there are no ``findings``; ``notes`` are doubts."""

    strategy: str
    bars: int = 0
    signals: int = 0
    cuts: int = 0
    findings: list[LookaheadFinding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Said:
    """A signal as it can be compared: NaN is itself here."""

    at: int
    symbol: str
    words: str

    @classmethod
    def of(cls, bar: Bar, signal: Signal) -> _Said:
        return cls(bar.at, bar.symbol, repr(signal))


def check_lookahead(
    load: Callable[[], StrategySpec],
    steps: Iterable[Sequence[MarketEvent]],
    interval: int,
    timeframe: int,
    files: Sequence[Path] = (),
) -> LookaheadVerdict:
    """Return what running the strategy on the whole and on cut data shows.

    ``steps`` come from ``files``, bars of ``interval``, resampled to ``timeframe`` (milliseconds). Raises
    StrategyError when the strategy raises on a bar, and what ``load`` raises.
    """
    bars = [event for step in steps for event in step if isinstance(event, Bar)][: MOST_BARS + 1]
    watch = _Watch(files)
    with watch.on("load"):
        spec = load()
    verdict = LookaheadVerdict(spec.name, bars=min(len(bars), MOST_BARS))
    if len(bars) > MOST_BARS:
        del bars[MOST_BARS:]
        verdict.notes.append(f"only the first {MOST_BARS:,} bars were looked at")
    trial = _Trial(spec, interval, timeframe, watch)
    whole = trial.run(bars)
    verdict.signals = len(whole)
    if not whole:
        verdict.notes.append("the strategy gave no signal on this data: nothing could be compared")
    verdict.findings += _unstable(whole, trial.run_twins(bars))
    if not verdict.findings:
        for cut in _cuts(bars, whole):
            verdict.cuts += 1
            verdict.findings += _changed(whole, trial.run(bars[:cut]), bars[cut - 1].at)
            if verdict.findings:
                break
    verdict.findings += watch.findings()
    verdict.notes += watch.notes()
    return verdict


class _Trial:
    """Runs a strategy over bars, with instances of its own each time."""

    def __init__(self, spec: StrategySpec, interval: int, timeframe: int, watch: _Watch) -> None:
        self._spec = spec
        self._interval = interval
        self._timeframe = timeframe
        self._watch = watch

    def run(self, bars: Sequence[Bar]) -> list[_Said]:
        """Return what one instance per symbol says."""
        return self._run(bars, 1)[0]

    def run_twins(self, bars: Sequence[Bar]) -> list[list[_Said]]:
        """Return what two instances per symbol say that are shown every bar one after the other."""
        return self._run(bars, 2)

    def _run(self, bars: Sequence[Bar], copies: int) -> list[list[_Said]]:
        said: list[list[_Said]] = [[] for _ in range(copies)]
        symbols = sorted({bar.symbol for bar in bars})
        with self._watch.on("run"):
            instances = {s: [self._spec.build(s) for _ in range(copies)] for s in symbols}
            shapers = {s: Resampler(self._interval, self._timeframe) for s in symbols}
            for base in bars:
                for bar in shapers[base.symbol].add(base):
                    for strategy, words in zip(instances[bar.symbol], said, strict=True):
                        signal = self._ask(strategy, bar)
                        if signal is not None:
                            words.append(_Said.of(bar, signal))
        return said

    def _ask(self, strategy: Strategy, bar: Bar) -> Signal | None:
        try:
            return strategy.on_bar(bar)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise bar_error(error, bar) from error


def _unstable(whole: list[_Said], twins: list[list[_Said]]) -> list[LookaheadFinding]:
    """Compare a run with two that went side by side."""
    for twin in twins:
        if apart := _first_difference(whole, twin):
            at, symbol, one, other = apart
            text = (
                f"shown the same bars again it says {other} instead of {one}: instances share state,"
                " or it uses chance or a clock"
            )
            return [LookaheadFinding("unstable", text, symbol, at)]
    return []


def _changed(whole: list[_Said], cut: list[_Said], end: int) -> list[LookaheadFinding]:
    """Compare what was said up to ``end`` on the whole data with what is said on the cut data."""
    apart = _first_difference([said for said in whole if said.at <= end], cut)
    if apart is None:
        return []
    at, symbol, one, other = apart
    text = f"says {one} on the whole data but {other} where the data ends at {iso(end + 1)}"
    return [LookaheadFinding("changed", text, symbol, at)]


def _first_difference(
    one: Sequence[_Said], other: Sequence[_Said]
) -> tuple[int, str, str, str] | None:
    """Return time, symbol and both words of the earliest signal that is not in both."""
    odd = set(one).symmetric_difference(other)
    if not odd:
        return None
    first = min(odd, key=lambda said: (said.at, said.symbol))
    here, there = (_words(said, first) for said in (one, other))
    return first.at, first.symbol, here, there


def _words(said: Sequence[_Said], place: _Said) -> str:
    found = [one.words for one in said if (one.at, one.symbol) == (place.at, place.symbol)]
    return found[0] if found else "nothing"


def _cuts(bars: Sequence[Bar], whole: Sequence[_Said]) -> list[int]:
    """Return how many bars each cut keeps; whole moments, so that no symbol misses its bar."""
    ends = [i for i, (a, b) in enumerate(pairwise(bars), start=1) if a.at != b.at]
    if not ends:
        return []
    even = [ends[len(ends) * part // EVEN_CUTS] for part in range(EVEN_CUTS)]
    spoken = sorted({said.at for said in whole})
    chosen = {spoken[len(spoken) * part // SIGNAL_CUTS] for part in range(SIGNAL_CUTS) if spoken}
    return sorted({*even, *(end for end in ends if bars[end - 1].at in chosen)})


# -- what the strategy opens ------------------------------------------------------------------------


class _Watch:
    """Notes which files are opened, and that the network is used, while it is on."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._data = {os.path.realpath(file) for file in files}
        self._opened: dict[tuple[str, str], None] = {}

    @contextmanager
    def on(self, phase: str) -> Iterator[None]:
        """Watch the block; ``phase`` is load or run."""
        _listen(lambda what: self._opened.setdefault((phase, what)))
        try:
            yield
        finally:
            _listen(None)

    def findings(self) -> list[LookaheadFinding]:
        """Return what no strategy may do: read the data it is shown, or anything while it runs."""
        wrong = {
            what: f"opens {what}" + ("" if os.path.realpath(what) in self._data else RUNNING)
            for phase, what in self._opened
            if phase == "run" or os.path.realpath(what) in self._data
        }
        return [LookaheadFinding("reads", text) for text in wrong.values()]

    def notes(self) -> list[str]:
        """Return what it opened while it was loaded: what that holds is the author's to know."""
        return [
            f"opens {what} when it is loaded: it must not hold later prices"
            for phase, what in self._opened
            if phase == "load" and os.path.realpath(what) not in self._data
        ]


_listener: Callable[[str], Any] | None = None
_hooked = False


def _listen(listener: Callable[[str], Any] | None) -> None:
    """Send every opened file to the listener; the interpreter's hook can be set once and never removed."""
    global _listener, _hooked
    _listener = listener
    if not _hooked:
        sys.addaudithook(_heard)
        _hooked = True


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if _listener is None or event not in ("open", "socket.connect", "sqlite3.connect"):
        return
    if event == "socket.connect":
        _listener(f"a connection to {args[1]}")
        return
    path = args[0]
    if isinstance(path, bytes | str | os.PathLike):
        name = os.fsdecode(path)
        # code is found and read by the interpreter itself, and so is a folder's list
        if not name.endswith(_CODE) and not os.path.isdir(name):
            _listener(name)


__all__ = ["LookaheadFinding", "LookaheadVerdict", "check_lookahead"]
