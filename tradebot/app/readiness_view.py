"""How far a strategy is on its way to real money, for people who look: what can be said without asking an exchange.

Nothing is played again and nothing is asked of an account: `tradebot gates` and the start of live do that.
"""

from __future__ import annotations

from dataclasses import dataclass

from tradebot.app.checklist import Checklist
from tradebot.app.incidents import incidents_now, standing_incidents
from tradebot.app.ours import Ours
from tradebot.app.readiness import Readiness, do_gates_bind, judge
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.errors import JournalError, TradebotError
from tradebot.core.model.values import DAY_MS
from tradebot.plugins.strategies import load_strategy
from tradebot.reports.readiness.gates import SIGNERS
from tradebot.reports.readiness.signoffs import Signature
from tradebot.reports.readiness.spelled import folded
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
    return ReadinessView(
        *(at, chosen.name, found.stage, found.verdicts, found.signed),
        incidents=_incidents(config, found),
        binds=do_gates_bind(config),
    )


def _incidents(config: Config, found: Readiness) -> tuple[str, ...]:
    """Return the open incidents in words: without the journal's key too, of which the gates know no row."""
    data_dir = config.data_dir()
    try:
        opened = [one for one in incidents_now(data_dir) if one.is_open]
    except JournalError:  # a row of it was damaged
        opened = standing_incidents(data_dir, found.testimony.rows)
    return tuple(one.words for one in opened)
