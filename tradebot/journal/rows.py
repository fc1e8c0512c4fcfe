"""What goes into the journal and what comes out of it, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, Self

from tradebot.core.model.codec import canonical
from tradebot.core.model.effects import Effect
from tradebot.core.model.events import Event, MarketEvent
from tradebot.core.model.frozen import frozen
from tradebot.core.model.text import cleaned
from tradebot.journal.facts import Told

IN_PROCESS = ("local", "none")
"""Venues that are a part of the engine: the simulated exchange, and none at all. Every other is outside."""


COMMAND_NONCE = "x"
"""How a nonce begins under which a command was carried out on a run without its engine: that is no start of it."""

EXIT_CODE = "exit_code"
"""In the summary of an account's run: the code that its process ended with."""

SEEN = "seen"
"""In the summary of a run that a command was carried out on: when its engine last wrote (real clock, UTC ms)."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run about to begin. ``config`` is JSON text; ``wall`` in UTC milliseconds of the real clock.

    ``venue`` is where its orders go: local, none, or the name of an exchange outside.

    ``nonce`` must never have been used in this journal; ``strategy`` is the name, ``strategy_hash``
    the sha256 that binds evidence to its source and parameters. ``engine`` is what the engine was told, as JSON: without
    it nobody could make such a one again.
    """

    mode: str
    venue: str
    market: str
    seed: int | None
    config: str
    config_hash: str
    strategy: str
    strategy_hash: str
    nonce: str
    instance: str
    wall: int
    version: str = ""
    engine: str = ""


@dataclass(slots=True)
class Batch:
    """Everything one commit writes for a run, all of it or none.

    ``events`` in the order the engine took them, with those that only hypothetical trades were shown; ``effects`` each with the ``at`` of the event it came
    from; ``state`` (engine, exchange, market cursor) and ``snapshot`` are JSON types and replace the
    stored ones, None leaves those as they are. ``facts`` are told of the run, each with its market time.
    ``wall`` is the real clock in UTC milliseconds.
    """

    run: str
    wall: int
    events: Sequence[Event | MarketEvent] = ()
    effects: list[tuple[int, Effect]] = field(default_factory=list)
    state: dict[str, Any] | None = None
    snapshot: Mapping[str, object] | None = None
    facts: list[tuple[int, Told]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunBegun:
    """Audit row: a run began. ``seed`` is text because it may exceed 64 bits.

    ``placed`` says that its states are signed for their place in the chain from here on; older versions did not.
    """

    num: int
    mode: str
    venue: str
    market: str
    seed: str | None
    config: str
    config_hash: str
    strategy: str
    strategy_hash: str
    nonce: str
    instance: str
    version: str
    engine: str = ""
    placed: bool = False


@dataclass(frozen=True, slots=True)
class RunResumed:
    """Audit row: an interrupted run goes on under a new nonce. ``version``, ``config`` and ``engine`` as in ``NewRun``.

    ``config`` is empty where it is the one that the run began with; ``after`` is the last event that is in the state it
    goes on from. ``placed`` as in ``RunBegun``.
    """

    nonce: str
    version: str = ""
    config: str = ""
    engine: str = ""
    after: int = 0
    placed: bool = False


@dataclass(frozen=True, slots=True)
class RunEnded:
    """Audit row: a run stopped; ``state`` is ended or interrupted, ``summary`` JSON text."""

    state: str
    error: str | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run is to be ended: ``state`` is ended or interrupted, ``error`` in words, ``summary`` JSON types."""

    run: str
    state: str
    error: str | None
    summary: Mapping[str, object] | None

    def fact(self) -> RunEnded:
        """Return it as the row of the audit chain; ValueError for a state that is none."""
        if self.state not in ("ended", "interrupted"):
            raise ValueError(f"a run ends as ended or interrupted, not as {self.state}")
        text = None if self.summary is None else canonical(self.summary)
        return RunEnded(self.state, self.error, text)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the journal knows it. ``state`` is running, ended or interrupted.

    ``started``, ``resumed`` (last time) and ``ended`` in UTC milliseconds of the real clock. ``summary`` is what the version that
    ended it said: any part of it may be missing.
    """

    id: str
    mode: str
    venue: str
    market: str
    seed: int | None
    config: str
    config_hash: str
    strategy: str
    strategy_hash: str
    instance: str
    version: str
    state: str
    error: str | None
    summary: dict[str, Any] | None
    started: int
    resumed: int | None
    ended: int | None

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Self:
        """Return the row of a run's columns as they are stored; TypeError or ValueError for one that does not fit.

        A summary that no version of ours can have written is none: ``db verify`` names it.
        """
        row = {name: value for name, value in columns.items() if name != "num"}
        row["seed"] = None if row["seed"] is None else int(row["seed"])
        try:
            summary = json.loads(str(row["summary"]))
        except ValueError:
            summary = None
        row["summary"] = summary if isinstance(summary, dict) else None
        return cls(**{k: row[k] if k == "config" else cleaned(row[k]) for k in row})

    @property
    def trades(self) -> int | None:
        """How many trades it closed, by its summary; None where that does not say."""
        found = (self.summary or {}).get("completed_trades")
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    @property
    def pnl(self) -> Decimal | None:
        """Its result (USDT), by its summary; None where that does not say."""
        try:
            found = Decimal(str((self.summary or {}).get("pnl")))
        except InvalidOperation:
            return None
        return found if found.is_finite() else None


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A person's wish as posted, with its outcome once there is one (``ok`` is None before).

    ``run`` None means every run of the engine; ``review`` is the written review a resume may need. ``wall`` and ``done`` in UTC milliseconds.
    """

    id: int
    run: str | None
    name: str
    who: str
    reason: str
    wall: int
    review: str = ""
    ok: bool | None = None
    result: str | None = None
    done: int | None = None


@frozen
class LoggedEvent:
    """An event from the log, with its number in the run and its times (UTC milliseconds)."""

    seq: int
    at: int
    exchange_time: int
    wall: int
    event: Any


@dataclass(frozen=True, slots=True)
class LoggedEffect:
    """An effect from the audit trail: its number in the chain, event time and real time."""

    seq: int
    at: int
    wall: int
    effect: Effect


class OutcomeRow(NamedTuple):
    """A closed hypothetical trade with what its signal said; there may be a million of these.

    ``closed`` is the number of the audit row that ended it; times in UTC milliseconds of the market,
    money in USDT as decimal text.
    """

    closed: int
    signal: int
    symbol: str
    side: str
    time: int
    exit_time: int
    pnl: str
    mfe: str
    mae: str
    duration_s: int
    confidence: float
    verdict: str


@dataclass(frozen=True, slots=True)
class StateRow:
    """A run's journalled state and how far it reaches: the last event and audit row it includes."""

    body: dict[str, Any]
    log_seq: int
    audit_seq: int
    wall: int


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the audit chain at some moment: publish it, and no cut behind it goes unseen."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read ``seq:hash`` back; ValueError if it is nothing of the kind."""
        seq, _, digest = text.strip().partition(":")
        if not digest:
            raise ValueError(f"{text!r} is no audit head (seq:hash)")
        return cls(int(seq), digest)
