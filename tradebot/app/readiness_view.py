"""How far a strategy is on its way to real money, for people who look: what can be said without asking an exchange.

Nothing is played again and nothing is asked of an account: `tradebot gates` and the start of live do that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tradebot.app.checklist import Checklist
from tradebot.app.ours import Ours
from tradebot.app.readiness import do_gates_bind, judge
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.values import DAY_MS
from tradebot.journal.facts import IncidentClosed, IncidentOpened, SignedOff, SignoffRevoked
from tradebot.journal.projection import read_fact
from tradebot.journal.reader import Reader
from tradebot.plugins.strategies import load_strategy
from tradebot.reports.readiness.gates import SIGNERS
from tradebot.reports.readiness.signoffs import MOST_AGE_MS, Signature, folded
from tradebot.reports.readiness.verdict import GateVerdict

ASKED_LATER = ("keys", "account", "parity")
"""Gates of which a look says nothing: they are read, or played, when somebody asks for it."""


@dataclass(frozen=True, slots=True)
class ReadinessView:
    """What the gates say to a look. ``incidents`` are the open ones, in words; ``problem`` is why nothing can be said.

    ``binds`` says that a live start must pass all of them; ``at`` is when it was looked (UTC ms).
    """

    at: int
    strategy: str
    stage: int = 1
    verdicts: tuple[GateVerdict, ...] = ()
    signed: tuple[Signature, ...] = ()
    incidents: tuple[str, ...] = ()
    binds: bool = False
    problem: str = ""

    @property
    def standing(self) -> list[Signature]:
        """The sign-offs that stand, one a person."""
        return list({folded(one.fact.name): one for one in self.signed if not one.lapsed}.values())

    @property
    def days_left(self) -> int | None:
        """For how many whole days the sign-off still stands; None without one of two people."""
        until = sorted(one.until for one in self.standing)
        return max(0, until[-SIGNERS] - self.at) // DAY_MS if len(until) >= SIGNERS else None

    @property
    def next(self) -> GateVerdict | None:
        """The gate to work on: the first that does not pass and that somebody can do something for now."""
        failing = [one for one in self.verdicts if not one.ok and one.gate not in ASKED_LATER]
        return next(iter(failing), None)


def look(config: Config, clock: Clock = SYSTEM) -> ReadinessView:
    """Return what the gates say now; a strategy that cannot be loaded is a problem in words, and raises nothing."""
    at, chosen = clock.wall_ms(), config.strategy
    try:
        spec = load_strategy(chosen.name, config.strategy_dir(), chosen.params)
        found = judge(config, spec, clock, Checklist((), Ours()), progress=None)
    except TradebotError as error:
        return ReadinessView(
            at, chosen.name, problem=f"{error.message}. {error.hint or ''}".strip()
        )
    told = [said.fact for said in found.testimony.rows]
    return ReadinessView(
        *(at, chosen.name, found.stage, found.verdicts, found.signed),
        incidents=open_incidents(told),
        binds=do_gates_bind(config),
    )


def open_incidents(told: Iterable[object]) -> tuple[str, ...]:
    """Return the incidents that nobody has closed, of rows of the chain in order, in words."""
    found: dict[int, str] = {}
    for fact in told:
        if isinstance(fact, IncidentOpened):
            found[fact.id] = f"{fact.id} {fact.what}: {fact.text}"
        elif isinstance(fact, IncidentClosed):
            found.pop(fact.id, None)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What a journal has of sign-offs and incidents, as it is written: whether it is genuine, `tradebot gates` says.

    ``signers`` are the names whose sign-offs were neither revoked nor are too old, ``days_left`` for how long two of them
    stand; None without two.
    """

    signers: tuple[str, ...] = ()
    days_left: int | None = None
    incidents: tuple[str, ...] = ()


_KINDS = ("SignedOff", "SignoffRevoked", "IncidentOpened", "IncidentClosed")


def on_record(reader: Reader, now: int) -> OnRecord:
    """Return it in a few milliseconds, for who looks often; ``now`` in UTC ms."""
    marks = ", ".join(f"'{kind}'" for kind in _KINDS)
    rows = reader.select(f"SELECT wall, kind, body FROM audit WHERE kind IN ({marks}) ORDER BY seq")
    told: list[object] = []
    until: dict[str, tuple[str, int]] = {}
    for wall, kind, body in rows:
        try:
            fact = read_fact(kind, body)
        except (ValueError, TypeError, ArithmeticError):  # it was changed: gates say so
            continue
        told.append(fact)
        if isinstance(fact, SignoffRevoked):
            until.clear()
        elif isinstance(fact, SignedOff):
            until[folded(fact.name)] = (fact.name, wall + MOST_AGE_MS)
    standing = sorted(((end, name) for name, end in until.values() if end > now), reverse=True)
    left = (standing[SIGNERS - 1][0] - now) // DAY_MS if len(standing) >= SIGNERS else None
    return OnRecord(tuple(name for _, name in standing), left, open_incidents(told))
