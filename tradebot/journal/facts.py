"""What is told of runs and of people's words, as rows of the audit chain: no effect of an engine.

They are written where they become known and read by whoever judges evidence; no table follows from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeAlias, TypeVar, get_args

PeerRows: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of the host that TLS verified ("" for none) and the peer's address."""

Pairs: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a run's prices came from and its orders went, in one start of it, up to this moment.

    ``nonce`` names the start, ``why`` is start, hourly or end. ``environment`` is embedded, files, local, demo or live;
    ``rest`` and ``stream`` are whom the feed was connected to, ``orders`` whom the broker was. ``wall`` and ``market`` are
    the clocks (UTC ms), ``skew_ms`` the most they differed since the last row. ``up_ms`` and ``gap_ms`` are for how long
    since this start the feed spoke, and did not; ``longest_gap_ms`` is the longest such time. ``tick_ms`` is by how
    much the latest look around came too late since the last row, ``latency_p99_ms`` the time from decision to sending.
    ``weak_key`` says that the chain's key lay beside the journal then: it stays so wherever the key is put later.
    ``terminal`` says that a person had this start before them, ``stage`` in which live stage it began (0: none binds).
    """

    nonce: str
    why: str
    environment: str
    rest: PeerRows
    stream: PeerRows
    orders: PeerRows
    source: str
    speed: str
    profile: str
    wall: int
    market: int
    skew_ms: int
    up_ms: int
    gap_ms: int
    gaps: int
    longest_gap_ms: int
    version: str
    evidence: str
    tick_ms: int = 0
    latency_p99_ms: int | None = None
    weak_key: bool = False
    terminal: bool = False
    stage: int = 0


@dataclass(frozen=True, slots=True)
class BacktestRecorded:
    """A backtest that was put on record. ``files`` are names with the sha256 of their contents.

    ``spans`` are symbols with the days (as decimal text) that their bars cover. ``findings`` are the look-ahead check's, in
    words; ``summary`` is the result as JSON text; ``weak_key`` as in ``Provenance``.
    """

    evidence: str
    strategy: str
    files: Pairs
    spans: Pairs
    findings: tuple[str, ...]
    signals: int
    summary: str
    version: str
    weak_key: bool = False


@dataclass(frozen=True, slots=True)
class DrillPlayed:
    """Disasters were played on a venue of this machine, with this strategy and these limits (JSON text).

    ``scenarios`` are their names with "ok", or with what went wrong; ``scripted`` those in which a strategy of the drill's
    own gave the signals. ``began`` and ``ended`` are real times (UTC ms), ``table`` is the whole result as JSON text.
    ``weak_key`` as in ``Provenance``. ``execution`` is how orders were sent (JSON text), ``place`` where the journal lay.
    """

    evidence: str
    strategy: str
    version: str
    config_hash: str
    limits: str
    scenarios: Pairs
    scripted: tuple[str, ...]
    began: int
    ended: int
    table: str
    weak_key: bool = False
    execution: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class ClosedAll:
    """How a close-all of an account ended, as its asker's diary has it; taken over by a run of that account.

    ``environment`` is demo or live, ``code`` the command's exit code, ``left`` what remained, ``at`` when it ended (real
    clock, UTC ms). ``sealed`` says that the asker had the chain's key: else anybody may have written the diary's line.
    """

    environment: str
    code: int
    left: tuple[str, ...]
    at: int
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class SignedOff:
    """A person has signed. ``words`` is what they wrote, ``confirmed`` what they typed, point by point.

    ``risk_sources`` is the sha256 of the risk code they looked at; ``head`` the chain's end before, ``config_hash`` and
    ``limits`` (JSON text) what was configured; ``loss`` is the approved loss (USDT, decimal text). ``place`` is where the
    journal lay: a copy of it elsewhere knows nothing of what became of the sign-off here. ``worth`` is what the approved
    loss counts from: the live run's equity at that moment less what was brought in (USDT, decimal text; "" without a run).
    """

    name: str
    role: str
    words: str
    confirmed: Pairs
    evidence: str
    config_hash: str
    limits: str
    loss: str
    stage: int
    head: str
    risk_sources: str
    key: str
    place: str = ""
    worth: str = ""


@dataclass(frozen=True, slots=True)
class SignoffRevoked:
    """A person has taken every standing sign-off back."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class StageRaised:
    """A person has moved live up to ``stage``, in words, for this evidence hash.

    ``cap`` is the position value (USDT, decimal text) they wrote down for a symbol, "" for none; ``place`` as in ``SignedOff``.
    """

    stage: int
    name: str
    words: str
    evidence: str
    role: str = ""
    cap: str = ""
    head: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person has looked through the week of a live run that nobody watches; ``words`` is what they wrote of it."""

    name: str
    words: str
    evidence: str
    role: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The journal was signed anew with another key; both by their fingerprints. ``weak`` says that the old one lay beside it."""

    old: str
    new: str
    weak: bool


@dataclass(frozen=True, slots=True)
class FillModelled:
    """Audit row: what the simulated exchange would have made of a fill that an exchange outside made.

    ``modelled`` is its price (USDT), ``bps`` by how many basis points the fill was worse (negative: better); both empty
    where no fresh quote was known. ``time`` is the fill's (UTC ms), ``quote_age_ms`` how old the quote was then, -1 without one.
    ``purpose`` is entry, stop, target or exit.
    """

    symbol: str
    trade_id: int
    order_id: str
    side: str
    purpose: str
    qty: str
    price: str
    modelled: str
    bps: str
    time: int
    quote_age_ms: int


@dataclass(frozen=True, slots=True)
class IncidentOpened:
    """Something happened that must not be passed over: entries stop until a person has closed it.

    ``id`` counts from 1 in a journal. ``what`` is its kind in a word, ``text`` what was seen; ``at`` is when (real clock, UTC ms).
    """

    id: int
    what: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class IncidentClosed:
    """A person has looked into an incident; ``text`` is what they found and did."""

    id: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Demoted:
    """Live goes back to stage 1. ``why`` is drift or accuracy, ``text`` says it with the figures."""

    why: str
    text: str


Told: TypeAlias = (
    Provenance
    | BacktestRecorded
    | DrillPlayed
    | ClosedAll
    | SignedOff
    | SignoffRevoked
    | StageRaised
    | Reviewed
    | Rekeyed
    | FillModelled
    | IncidentOpened
    | IncidentClosed
    | Demoted
)
"""Rows that somebody else than the engine tells of."""

TOLD: Mapping[str, type[Told]] = {kind.__name__: kind for kind in get_args(Told)}
"""Their kinds in the audit chain."""

_T = TypeVar("_T")
_PLAIN: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "int | None": (int, type(None)),
}


def read_told(cls: type[_T], body: object) -> _T:
    """Return the row of its JSON; TypeError for what is none."""
    if not isinstance(body, dict):
        raise TypeError("it is no object")
    known: dict[str, Any] = {part.name: part for part in fields(cls)}  # type: ignore[arg-type]
    values = {
        name: _read(str(known[name].type), value, name)
        for name, value in body.items()
        if name in known
    }
    lacking = [
        name for name, part in known.items() if name not in values and part.default is MISSING
    ]
    if lacking or len(values) < len(body):
        raise TypeError(f"it lacks {', '.join(lacking)}" if lacking else "it has more than it may")
    return cls(**values)


def _read(wanted: str, value: object, name: str) -> object:
    if wanted in _PLAIN:
        if type(value) in _PLAIN[wanted]:
            return value
    elif isinstance(value, list):
        if wanted == "tuple[str, ...]" and all(isinstance(one, str) for one in value):
            return tuple(value)
        if wanted != "tuple[str, ...]" and all(_is_pair(one) for one in value):
            return tuple((first, second) for first, second in value)
    raise TypeError(f"{name} is no {wanted}")


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value)
    )
