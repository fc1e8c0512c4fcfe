"""Where a run's prices come from: files or the embedded market, behind one face.

A source yields steps and can say where it is, so that an interrupted run goes on at the next step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Literal, Protocol, TypeGuard, runtime_checkable

from tradebot.core.model.documents import PositionDocument
from tradebot.core.model.events import Event, MarketEvent
from tradebot.core.model.values import MINUTE_MS, Bar, Instrument
from tradebot.market.cursor import Cursor
from tradebot.market.embedded.market import SimulatedMarket
from tradebot.market.files.feed import FileFeed

Step = Sequence[MarketEvent]

HISTORY_BARS = 300
"""Minutes of the embedded market's past that strategies see before the run begins."""


class Prices(Protocol):
    """What all sources have: ``interval`` in milliseconds; ``quotes`` says that it has quotes beside bars."""

    label: str
    symbols: tuple[str, ...]
    interval: int
    quotes: bool
    funding_known: bool

    def history(self) -> Iterator[Bar]:
        """Yield the bars before the start, for the strategies only."""
        ...

    def cursor(self) -> Cursor:
        """Return where the stream is, as JSON values."""
        ...

    def progress(self) -> float | None:
        """Return the share of the stream that has passed, 0 to 1; None for an endless one."""
        ...

    def warnings(self, positions: Sequence[PositionDocument] = ()) -> list[str]:
        """Say what was wrong with the prices so far; ``positions`` are the rows of what is open."""
        ...

    def length(self) -> int | None:
        """Return the market time it has, in milliseconds; None for an endless one."""
        ...


class Source(Prices, Protocol):
    """A stream of steps that waits for whoever reads it, and can be wound back to a cursor."""

    def steps(self, cursor: Cursor | None = None) -> Iterator[Step]:
        """Yield the steps after the cursor, from the start without one."""
        ...


class WallSource(Prices, Protocol):
    """Prices as they happen: the clock on the wall paces them, and nothing holds them up.

    Its events bear the exchange's times; when the engine is told of them is for the runner to say.
    """

    wall: Literal[True]

    async def feed(self, put: Callable[[Step], None], since: int | None) -> None:
        """Hand on steps as they come; returning means that there will be no more.

        ``since`` is the open time (UTC ms) of the newest bar the run has seen: bars after it come first,
        late as they are. None for a new run.
        """
        ...


class Hooks(Protocol):
    """What a source on an exchange's own time asks of whoever runs it."""

    def tell(self, event: Event) -> None:
        """Take a word that is no price: a stream's silence, a clock that was compared. Its ``at`` says nothing."""
        ...

    def say(self, text: str) -> None:
        """Tell people something."""
        ...

    def holds(self, symbol: str) -> bool:
        """Whether a position is open on a symbol."""
        ...


@runtime_checkable
class ExchangeSource(WallSource, Protocol):
    """Prices of an exchange: its clock is ``offset_ms`` ahead of ours, and it watches its own streams.

    ``instruments`` are its rules of the symbols.
    """

    offset_ms: int
    instruments: Mapping[str, Instrument]

    async def open(self, hooks: Hooks, cursor: Cursor | None) -> None:
        """Connect, and read the past: for a new run (cursor None), or to go on. ExchangeError where that fails."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...

    def played(self, step: Step) -> None:
        """Note that a step has been played: ``cursor`` says so from now on."""
        ...


def is_wall(source: Prices) -> TypeGuard[WallSource]:
    """Whether the wall clock paces a source."""
    return bool(getattr(source, "wall", False))


class FileSource:
    """Market data files."""

    quotes = False
    environment = "files"

    def __init__(self, feed: FileFeed) -> None:
        self._feed = feed
        self.label = f"{feed.label} ({', '.join(feed.symbols)})"
        if len(feed.names) > 1:  # the label names one file; a run goes on only on the same files
            self.label += f" #{sha256('/'.join(feed.names).encode()).hexdigest()[:6]}"
        self.symbols = feed.symbols
        self.interval = feed.interval
        self.funding_known = feed.has_funding
        self._time = -1
        self._taken = 0

    def history(self) -> Iterator[Bar]:
        """Yield nothing: a file's past is in the file."""
        return iter(())

    def steps(self, cursor: Cursor | None = None) -> Iterator[Step]:
        """Yield the steps after the cursor.

        Funding and the bars opening with it have one time: the cursor counts the steps taken of it.
        """
        after, skip = None, 0
        if cursor is not None and cursor["time"] >= 0:
            self._time, self._taken = cursor["time"], cursor["taken"]
            after, skip = self._time - 1, self._taken
        for step in self._feed.steps(after):
            if skip:
                skip -= 1
                continue
            time = step_time(step)
            self._taken = self._taken + 1 if time == self._time else 1
            self._time = time
            yield step

    def cursor(self) -> Cursor:
        """Return the time of the last step and how many steps of that time were taken."""
        return {"time": self._time, "taken": self._taken}

    def progress(self) -> float | None:
        """Return the share of the files that was read."""
        return self._feed.progress

    def length(self) -> int | None:
        """Return the market time of the files in milliseconds."""
        return self._feed.length()

    def warnings(self, positions: Sequence[PositionDocument] = ()) -> list[str]:
        """Say what the files lack: bars, symbols from when to when, funding."""
        return self._feed.warnings(self._time + self.interval - 1, positions)


class SimulatedSource:
    """The embedded market: endless, seeded, with quotes."""

    quotes = True
    environment = "embedded"
    funding_known = True
    interval = MINUTE_MS

    def __init__(self, symbols: Sequence[str], seed: int) -> None:
        self._market = SimulatedMarket(symbols, seed)
        self.symbols = tuple(sorted(symbols))
        # what tells one such market from another is in its label: a run goes on only on its own
        self.label = f"SIMULATED MARKET (seed {seed}; {', '.join(self.symbols)})"

    def history(self) -> Iterator[Bar]:
        """Yield warm-up bars, oldest first."""
        for step in self._market.history(HISTORY_BARS):
            yield from (event for event in step if isinstance(event, Bar))

    def steps(self, cursor: Cursor | None = None) -> Iterator[Step]:
        """Yield the steps after the cursor, without end."""
        return self._market.steps(cursor)

    def cursor(self) -> Cursor:
        """Return the generator's position."""
        return self._market.cursor()

    def progress(self) -> float | None:
        """Return None: it does not end."""
        return None

    def length(self) -> int | None:
        """Return None: it does not end."""
        return None

    def warnings(self, positions: Sequence[PositionDocument] = ()) -> list[str]:  # noqa: ARG002
        """Return nothing: the market lacks nothing."""
        return []


def step_time(step: Step) -> int:
    """Return the moment a step begins: a bar's open time, else the event's own (UTC milliseconds)."""
    first = step[0]
    return int(getattr(first, "open_time", first.at))
