"""Sign-offs: who has signed what, and whether it still stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tradebot.core.model.effects import Halted
from tradebot.core.model.values import DAY_MS
from tradebot.journal.facts import IncidentOpened, SignedOff, SignoffRevoked
from tradebot.journal.testimony import Said
from tradebot.reports.readiness.gates import SIGNERS
from tradebot.reports.readiness.spelled import folded
from tradebot.reports.readiness.stretches import WEAK
from tradebot.reports.readiness.verdict import GateVerdict, LeftOut

MOST_AGE_MS = 30 * DAY_MS
"""A sign-off lapses after this."""

LOST = "signoff_loss"
"""The halt that says that the approved loss was reached."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a sign-off must be for to stand: this hash and these limits (JSON text), at ``now`` (UTC ms).

    ``broken`` is why the chain proves nothing, "" where it does; ``weak`` says that its key lies beside it,
    ``weak_until`` is the last row first signed with one that did; ``place`` is where the journal lies.
    """

    evidence: str
    limits: str
    now: int
    broken: str = ""
    weak: bool = False
    weak_until: int = 0
    place: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """A sign-off on record: its row, when it was signed (UTC ms), and why it no longer stands; nothing where it does."""

    seq: int
    signed: int
    fact: SignedOff
    lapsed: tuple[str, ...]

    @property
    def until(self) -> int:
        """When it lapses by its age (UTC ms)."""
        return self.signed + MOST_AGE_MS


def signatures(rows: Sequence[Said], ground: Ground) -> list[Signature]:
    """Return all sign-offs, oldest first, each with every reason why it has lapsed."""
    return [
        Signature(
            *(said.seq, said.wall, said.fact),
            tuple(dict.fromkeys(_lapsed(said, said.fact, rows, ground))),  # each reason once
        )
        for said in rows
        if isinstance(said.fact, SignedOff)
    ]


def _lapsed(said: Said, fact: SignedOff, rows: Sequence[Said], ground: Ground) -> Iterator[str]:
    if ground.broken:
        yield f"the journal does not verify: {ground.broken}"
    if ground.weak:
        yield "it was signed with a key that lies beside the journal"
    if said.seq <= ground.weak_until:
        yield WEAK
    if fact.evidence != ground.evidence:
        yield f"it was for another evidence hash ({fact.evidence[:12]})"
    if fact.limits != ground.limits:
        yield "a limit has changed since"
    if fact.place != ground.place:
        yield f"it was signed in {fact.place or 'another place'}, and this is a copy"
    age = ground.now - said.wall
    if age >= MOST_AGE_MS:
        yield f"it is {age / DAY_MS:.1f} days old (at most {MOST_AGE_MS // DAY_MS})"
    if age < 0:
        yield "it was signed in the future"
    for later in rows:
        if later.seq > said.seq and (why := voids(later.fact)):
            yield why


def voids(fact: object) -> str:
    """Return why a row voids the sign-offs before it, "" where it does not."""
    match fact:
        case SignoffRevoked():
            return f"{fact.name} has revoked it"
        case Halted() if fact.reason == LOST:
            return "the approved loss was reached"
        case IncidentOpened():
            return f"an incident was recorded since ({fact.id}, {fact.what})"
        case _:
            return ""


def approval_after(signed: Iterable[SignedOff], approved: str = "") -> SignedOff | None:
    """Return the newest row that completed a sign-off since the one ``approved`` (its head): of two people who both signed anew.

    ``signed`` are the rows that stand, oldest first; a third signature makes no other sign-off of the two before it.
    """
    since, newest = _seq(approved), None
    pending: dict[str, SignedOff] = {}
    for fact in signed:
        if _seq(fact.head) > since:
            pending[folded(fact.name)] = fact
        if len(pending) == SIGNERS:
            newest, pending = fact, {}
    return newest


def _seq(head: str) -> int:
    number = head.partition(":")[0]
    return int(number) if number.isdecimal() else 0


def reviewers(signed: Sequence[Signature]) -> GateVerdict:
    """Judge the sign-offs: two different people whose word still stands."""
    standing = {folded(one.fact.name): one for one in signed if not one.lapsed}
    names = ", ".join(f"{one.fact.name} ({one.fact.role})" for one in standing.values())
    lacking = SIGNERS - len(standing)
    reasons = (f"{max(lacking, 0)} more to sign",) if lacking > 0 else ()
    lapsed = tuple(LeftOut(one.fact.name, one.lapsed) for one in signed if one.lapsed)
    return GateVerdict(
        "reviewers",
        not reasons,
        f"two different people have signed, at most {MOST_AGE_MS // DAY_MS} days ago, for this hash and these limits",
        names or "nobody has signed",
        reasons,
        left_out=lapsed,
        todo="tradebot signoff, once every gate before it passes" if reasons else "",
        wait_s=0,
    )
