"""Keeps on record where a run's prices come from and where its orders go: at its start, once an hour, at its end.

What is said of connections comes from the feed and the broker, who have it from the connections themselves. No option,
variable or file can say it in their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from tradebot import __version__
from tradebot.app.closings import closings_since
from tradebot.app.feed_watch import SILENT_MS
from tradebot.app.links import Linked
from tradebot.app.run import Hosted
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import StrategyError
from tradebot.core.model.values import HOUR_MS
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import PeerRows, Provenance
from tradebot.plugins.evidence import evidence_of
from tradebot.plugins.strategies import StrategySpec

Kind: TypeAlias = Literal["rest", "stream"]

WEAK_KEY_WORDS = (
    "the audit key lies beside the journal: what this run shows counts for nothing before real money"
    " (set TRADEBOT_AUDIT_KEY or TRADEBOT_AUDIT_KEY_FILE before the first run, or unlock a keyring)"
)

PACE_S = 0.25
"""Seconds between two looks around, where nothing is late."""

PATIENCE_MS = 60_000
"""Milliseconds for which the first row waits for a feed's connections."""


@runtime_checkable
class Connected(Protocol):
    """Prices, or a broker, that come over connections."""

    def peers(self, kind: Kind) -> PeerRows:
        """Return whom its connections of a kind (rest, stream) were with, by the connections themselves."""
        ...


@dataclass(frozen=True, slots=True)
class Footing:
    """What a start of a run has in itself: how fast its market goes, its profile, what its evidence binds to.

    ``weak_key`` says that the key that signs it lies beside the journal, ``terminal`` that a person has it before them;
    ``stage`` is live's, 0 where none binds.
    """

    speed: str
    profile: str
    evidence: str
    weak_key: bool = False
    terminal: bool = False
    stage: int = 0


def p99_of(latencies_ms: Iterable[float]) -> float | None:
    """Return the 99th percentile (nearest rank) of times in ms; None of none."""
    ordered = sorted(latencies_ms)
    return ordered[math.ceil(len(ordered) * 0.99) - 1] if ordered else None


def evidence_hash(spec: StrategySpec, timeframe: str, symbols: Sequence[str]) -> str:
    """Return what evidence of a run binds to; "", which nothing binds to, where it cannot be worked out."""
    try:
        return evidence_of(spec, timeframe, symbols).hash
    except StrategyError:
        return ""


class FeedTime:
    """For how long a feed has spoken and was silent, by the real clock (UTC ms), from ``begun`` on."""

    def __init__(self, begun: int) -> None:
        self.begun = begun
        self.gaps = self.longest = 0
        self._silent = 0
        self._since: int | None = None
        self._looked = begun

    def look(self, now: int, silent_ms: int) -> None:
        """Take note that nothing came for so long; a process that did not look for as long was away itself."""
        quiet = max(silent_ms, now - self._looked)
        self._looked = now
        if quiet > SILENT_MS:
            if self._since is None:
                self._since = max(self.begun, now - quiet)
                self.gaps += 1
            self.longest = max(self.longest, now - self._since)
        if self._since is not None and silent_ms <= SILENT_MS:
            self._silent += max(0, now - silent_ms - self._since)
            self._since = None

    def silent(self, now: int) -> int:
        """Return for how long it was silent in all."""
        return self._silent + (0 if self._since is None else max(0, now - self._since))


class Witness:
    """Writes the rows of one start of one or several runs; ``look`` is to be called a few times a second.

    ``time`` is the engine's clock (UTC ms), ``key`` the chain's: with it close-alls have sealed how they ended.
    """

    def __init__(
        self,
        runs: Sequence[Hosted],
        source: object,
        footing: Footing,
        time: Callable[[], int],
        clock: Clock = SYSTEM,
        key: AuditKey | None = None,
    ) -> None:
        self._key = key
        self._runs = runs
        self._source = source
        self._footing = footing
        self._time = time
        self._clock = clock
        self._born = clock.wall_ms()
        self._feed = FeedTime(self._born)
        self._written: int | None = None
        self._skew = self._late = 0
        self._looked = clock.monotonic()

    def look(self) -> None:
        """Look at clocks and feed, and write a row when one is due."""
        wall = self._measure()
        if self._written is None:
            if self._is_connected() or wall - self._born >= PATIENCE_MS:
                self._feed = FeedTime(wall)
                self._write("start", wall)
        elif wall - self._written >= HOUR_MS:
            self._write("hourly", wall)

    def end(self) -> None:
        """Write the last row of this start, and how close-alls of its account ended meanwhile."""
        for run in self._runs:
            if run.account is not None and self._key is not None:
                closed = closings_since(run.latches, run.account, self._born, self._key)
                run.facts.extend((self._time(), one) for one in closed)
        self._write("end", self._measure())

    def _measure(self) -> int:
        wall = self._clock.wall_ms()
        self._skew = max(self._skew, abs(self._time() - wall))
        self._feed.look(wall, self._silence())
        now = self._clock.monotonic()
        self._late = max(self._late, round((now - self._looked - PACE_S) * 1000))
        self._looked = now
        return wall

    def _silence(self) -> int:
        """Return for how long (ms) the most silent stream of the feed has said nothing; one that is away, for good."""
        ages = self._source.links()["ages"] if isinstance(self._source, Linked) else {}
        return max((SILENT_MS + 1 if age is None else age for age in ages.values()), default=0)

    def _is_connected(self) -> bool:
        return not isinstance(self._source, Connected) or bool(self._source.peers("stream"))

    def _write(self, why: str, wall: int) -> None:
        for run in self._runs:
            run.facts.append((self._time(), self._row(run, why, wall)))
        self._written, self._skew, self._late = wall, 0, 0

    def _row(self, run: Hosted, why: str, wall: int) -> Provenance:
        source, broker, silent = self._source, run.session.broker, self._feed.silent(wall)
        p99 = p99_of(run.session.latencies_ms)
        return Provenance(
            nonce=run.identity.nonce,
            why=why,
            environment=getattr(source, "environment", "unknown"),
            rest=source.peers("rest") if isinstance(source, Connected) else (),
            stream=source.peers("stream") if isinstance(source, Connected) else (),
            orders=broker.peers("rest") if isinstance(broker, Connected) else (),
            source=getattr(source, "label", ""),
            speed=self._footing.speed,
            profile=self._footing.profile,
            wall=wall,
            market=self._time(),
            skew_ms=self._skew,
            up_ms=wall - self._feed.begun - silent,
            gap_ms=silent,
            gaps=self._feed.gaps,
            longest_gap_ms=self._feed.longest,
            version=__version__,
            evidence=self._footing.evidence,
            tick_ms=self._late,
            latency_p99_ms=None if p99 is None else round(p99),
            weak_key=self._footing.weak_key,
            terminal=self._footing.terminal,
            stage=self._footing.stage,
        )
