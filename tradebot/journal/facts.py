"""What a run's feed and broker say of themselves, as rows of the audit chain: no effect of an engine.

They are written where they become known and read by whoever judges evidence; no table follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

PeerRows: TypeAlias = tuple[tuple[str, str], ...]
"""Pairs of the host that TLS verified ("" for none) and the peer's address."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Audit row: where a run's prices came from and its orders went, in one start of it, up to this moment.

    ``nonce`` names the start, ``why`` is start, hourly or end. ``environment`` is embedded, files, local, demo or live;
    ``rest`` and ``stream`` are whom the feed was connected to, ``orders`` whom the broker was. ``wall`` and ``market`` are
    the clocks (UTC ms), ``skew_ms`` the most they differed since the last row. ``up_ms`` and ``gap_ms`` are for how long
    since this start the feed spoke, and did not; ``longest_gap_ms`` is the longest such time.
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

    @classmethod
    def read(cls, body: dict[str, Any]) -> Self:
        """Return the row of its JSON; TypeError or ValueError for what is none."""
        for name in ("rest", "stream", "orders"):
            body[name] = tuple((str(host), str(address)) for host, address in body[name])
        for part in fields(cls):
            wanted = {"str": str, "int": int}.get(str(part.type), tuple)
            if type(body[part.name]) is not wanted:
                raise TypeError(f"{part.name} is no {part.type}")
        return cls(**body)


Told: TypeAlias = Provenance
"""Rows that somebody else than the engine tells of."""

TOLD: dict[str, type[Told]] = {"Provenance": Provenance}
"""Their kinds in the audit chain."""
