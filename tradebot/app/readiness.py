"""The gates before real money, worked out anew from the journal each time: nothing says "passed" anywhere.

What is read of the outside (the checklist, HALT files) and what the audit chain says come together here; every
judgement is a pure function in ``reports.readiness``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tradebot import __version__
from tradebot.app.checklist import GATES, Checklist, go_through, real_money
from tradebot.app.finding import Row
from tradebot.app.incidents import standing_incidents
from tradebot.app.stages import stage_lines
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.config.section import Section
from tradebot.core.model.errors import JournalError
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.guard.latch import halt_present, read_halts
from tradebot.guard.lock import is_held
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import BacktestRecorded, DrillPlayed, Provenance
from tradebot.journal.paths import journal_path
from tradebot.journal.rows import RunBegun
from tradebot.journal.testimony import Testimony, read_testimony
from tradebot.plugins.evidence import evidence_of
from tradebot.plugins.strategies import StrategySpec
from tradebot.reports.readiness import gates, signoffs
from tradebot.reports.readiness.drilled import DrillTerms
from tradebot.reports.readiness.incidents import WAY_OUT
from tradebot.reports.readiness.recorded import backtests_left_out, drills_left_out, runs_unseen
from tradebot.reports.readiness.renewal import (
    ghosts_of,
    joined,
    lives_of,
    standing_since,
    unless_they_lose,
)
from tradebot.reports.readiness.signoffs import Ground, Signature
from tradebot.reports.readiness.stages import LiveStage, stage_of
from tradebot.reports.readiness.stretches import (
    MOST_SKEW_MS,
    Demand,
    Stretch,
    doubts_of,
    left_out_of_demo,
    standing_halts,
    stretches_of,
)
from tradebot.reports.readiness.testnet import DEMO, demo_runs, judge_testnet
from tradebot.reports.readiness.verdict import GateVerdict, LeftOut, Sorted, sort_out

NO_KEY = "the key that it was written with is gone"
Progress = Callable[[str, float], None]
"""Told of a run that is played again which share has been, 0 to 1."""
HERE = ("terminal",)
"""Lines of the checklist that say something of this moment's terminal only."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What all gates say. ``evidence`` is the hash they ask for, ``signed`` all sign-offs on record.

    ``stage`` is the one they were asked for, ``standing`` the one that live is in.
    """

    evidence: str
    stage: int
    verdicts: tuple[GateVerdict, ...]
    signed: tuple[Signature, ...]
    testimony: Testimony
    standing: LiveStage = field(default_factory=LiveStage)

    @property
    def failing(self) -> list[GateVerdict]:
        """The gates that do not pass."""
        return [one for one in self.verdicts if not one.ok]

    def binding(self, names: Sequence[str]) -> list[GateVerdict]:
        """Return the failing ones of some gates."""
        return [one for one in self.failing if one.gate in names]


def _unseen(run: str, share: float) -> None:
    """Tell nobody how far it is."""


def judge(
    config: Config,
    spec: StrategySpec,
    clock: Clock = SYSTEM,
    found: Checklist | None = None,
    progress: Progress | None = _unseen,
    *,
    raising: int = 0,
    signing: bool = False,
) -> Readiness:
    """Return what every gate says now; ``found`` is the checklist where it has been gone through.

    What counts is played again for *parity*, which takes long: ``progress`` hears how far it is, None has it left out.
    ``raising`` is the stage that a person wants to move up to: then they are asked for that stage; 0 for none. With it, and
    where somebody is ``signing``, *backtest* and *drill* are asked anew, which a start under a sign-off does not do.
    """
    data_dir, told = config.data_dir(), testimony_of(config.data_dir())
    ground = ground_now(config, spec, told, clock)
    evidence, now, doubt = ground.evidence, ground.now, ground.broken
    standing = stage_of(told.rows, ground, config.risk.live.trade_loss)
    stage = max(standing.stage, raising)
    demand = Demand(evidence, now, doubt, told.weak)
    stretches = stretches_of(told, alive=is_held(data_dir))
    signed = signoffs.signatures(told.rows, ground)
    signers = signoffs.reviewers(signed)
    is_new = signing or bool(raising) or not signers.ok
    asked_at = now if is_new else _asked_at(signed, standing)
    shown = _shown(told, stretches, demand, standing_since(told.rows, ground))
    asked = go_through(config, spec) if found is None else found
    verdicts = (
        _backtest(config, told, demand, asked_at),
        gates.paper(shown.traded, stage=stage),
        judge_testnet(
            demo_runs(told.rows, stretches, told.weak_until), demand, _no_demo(stretches, demand)
        ),
        gates.stability(shown.ghosts, shown.steady),
        gates.ghost(shown.ghosts, stage=stage),
        _replayed(config, spec, shown, progress),
        _drill(config, told, demand, asked_at),
        *_checked(asked),
        gates.walls(_halts(config, told), standing_incidents(data_dir, told.rows)),
        signers,
    )
    return Readiness(evidence, stage, verdicts, tuple(signed), told, standing)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What counts of ghost and paper runs, and what live renews of it: ``steady`` and ``traded`` are paper's with live's own."""

    ghosts: Sorted
    papers: Sorted
    steady: Sorted
    traded: Sorted


def _shown(
    told: Testimony, stretches: Sequence[Stretch], demand: Demand, since: int | None
) -> _Shown:
    """Sort out what was shown; ``since`` is since when a sign-off stands (UTC ms), None where none does."""
    starts = [said for said in told.rows if isinstance(said.fact, RunBegun | Provenance)]

    def with_unseen(found: Sorted, mode: str) -> Sorted:
        return joined(Sorted((), runs_unseen(starts, mode, demand)), found)

    ghosts = with_unseen(ghosts_of(stretches, demand, since), "ghost")
    papers = with_unseen(sort_out(stretches, "paper", demand), "paper")
    lives = with_unseen(lives_of(stretches, demand, since), "live")
    traded = unless_they_lose(lives, stretches, demand)
    return _Shown(ghosts, papers, joined(papers, lives), joined(papers, traded))


def standing_now(config: Config, spec: StrategySpec, clock: Clock = SYSTEM) -> LiveStage:
    """Return the stage that live is in now, by the journal alone."""
    told = testimony_of(config.data_dir())
    return stage_of(told.rows, ground_now(config, spec, told, clock), config.risk.live.trade_loss)


def ground_now(
    config: Config, spec: StrategySpec, told: Testimony, clock: Clock = SYSTEM
) -> Ground:
    """Return what a person's word must be for to stand now."""
    now = clock.wall_ms()
    evidence = evidence_of(spec, config.strategy.timeframe, config.market.symbols).hash
    return ground_of(config, evidence, told, now, told.broken or set_back(told, now))


def _backtest(config: Config, told: Testimony, demand: Demand, asked_at: int) -> GateVerdict:
    """Return what the recorded backtests show; their age is what it was when they were last asked (UTC ms)."""
    recorded, age = [], 0
    for one in told.rows:
        fact = one.fact
        if isinstance(fact, BacktestRecorded) and one.seq > told.weak_until and not fact.weak_key:
            recorded.append(fact)
            if fact.evidence == demand.evidence:
                age = asked_at - one.wall
    doubts = doubts_of(demand)
    found = gates.backtest(recorded, demand.evidence, config.market.symbols, doubts, age)
    found = replace(found, left_out=backtests_left_out(told.rows, demand, told.weak_until))
    return _as_of(found, demand, asked_at)


def _asked_at(signed: Sequence[Signature], standing: LiveStage) -> int:
    """Return when every gate was last asked for a person's word (UTC ms): one that stands, or the stage's."""
    return max(standing.since, *(one.signed for one in signed if not one.lapsed))


def _as_of(found: GateVerdict, demand: Demand, asked_at: int) -> GateVerdict:
    """Say when a gate was asked that is not asked at every start."""
    if asked_at >= demand.now:
        return found
    day = iso(asked_at)[:10]
    return replace(found, have=f"{found.have}; asked on {day}, and not before the next signature or stage")  # fmt: skip


def _no_demo(stretches: Sequence[Stretch], demand: Demand) -> tuple[LeftOut, ...]:
    """Return the live runs that were on another account than Demo Trading's, with every reason."""
    others = [one for one in stretches if one.mode == "live" and one.venue != DEMO]
    reasons: dict[str, tuple[str, ...]] = {one.run: left_out_of_demo(one, demand) for one in others}
    return tuple(LeftOut(run, why) for run, why in reasons.items() if why)


def _drill(config: Config, told: Testimony, demand: Demand, asked_at: int) -> GateVerdict:
    """Return what the recorded drills show: rows first signed with a key that was not weak."""
    from tradebot.app.drill.table import (
        NAMES,
    )  # it knows how each is played: only where it is asked

    played = [
        (min(one.wall, one.fact.ended), one.fact)
        for one in told.rows
        if isinstance(one.fact, DrillPlayed) and one.seq > told.weak_until and not one.fact.weak_key
    ]
    texts = (limits_text(config), execution_text(config), journal_place(config))
    terms = DrillTerms(demand.evidence, __version__, *texts)
    found = gates.drill(played, NAMES, terms, asked_at, doubts_of(demand))
    left_out = drills_left_out(told.rows, terms, told.weak_until)
    return _as_of(replace(found, left_out=left_out), demand, asked_at)


def with_gates(
    config: Config,
    spec: StrategySpec,
    found: Checklist,
    progress: Progress = _unseen,
    *,
    enforced: bool = False,
    attended: bool | None = None,
) -> Checklist:
    """Return a checklist with what the gates say: lines that forbid a start where they bind, else one line to note.

    They bind where money is real, and where a person wants it so (``enforced``); so does the stage. ``attended`` says
    whether a person has the start before them, None where nothing is to be started.
    """
    judged = judge(config, spec, found=found, progress=progress)
    mine = [one for one in judged.verdicts if one.gate in GATES]
    failing = [one.gate for one in mine if not one.ok]
    bind = do_gates_bind(config, enforced=enforced)
    if bind:
        rows = [_line(one) for one in mine]
        rows += stage_lines(config, judged.standing, attended, SYSTEM.wall_ms())
    elif failing:
        where = "LOOPBACK" if config.exchange.url else config.exchange.environment.upper()
        text = f"{where}: with real money they would refuse: {', '.join(failing)}"
        text += f"; stage {judged.standing.stage} would bind"
        rows = [Row("gates", "warn", text, "tradebot gates says why; --enforce-gates applies them")]
    else:
        rows = [Row("gates", "ok", "every gate passes")]
    opened = standing_incidents(config.data_dir(), judged.testimony.rows)
    if opened and not bind:
        rows.append(Row("walls", "fail", "; ".join(map(str, opened)), WAY_OUT))
    rows += _approved(config, judged)
    return replace(found, rows=(*found.rows, *rows))


def _approved(config: Config, judged: Readiness) -> list[Row]:
    """Return the line that forbids a start whose approved loss is used up, until two people have signed anew; else none."""
    exchange = config.exchange
    _, standing = standing_halts(judged.testimony, "live", exchange.environment, exchange.url)
    signed = next(one.ok for one in judged.verdicts if one.gate == "reviewers")
    if signoffs.LOST not in standing or signed:
        return []
    lost = plain(config.risk.live.since_signoff_loss)
    text = f"the approved loss of ${lost} is used up: no start until two people have signed anew"
    return [Row("approved loss", "fail", text, "tradebot signoff")]


def failing_gates(found: Checklist) -> list[str]:
    """Return the gates that forbid a start by a checklist with their lines, and *supervision*; none where only what is read
    now (*keys*, *account*) does: then it is that which says why.
    """
    failing = [row.check for row in found.failed if row.check in (*GATES, "supervision")]
    if not failing:
        return []
    lines = tuple(row for place, row, _ in found.lines() if place != "gates")
    return [*failing, *(one.gate for one in _checked(replace(found, rows=lines)) if not one.ok)]


def do_gates_bind(config: Config, *, enforced: bool = False) -> bool:
    """Whether a live run must pass every gate: with real money, and where a person wants it so."""
    return enforced or real_money(config)


def _line(one: GateVerdict) -> Row:
    if one.ok:
        return Row(one.gate, "ok", one.have)
    return Row(one.gate, "fail", "; ".join(one.reasons), one.todo or None)


def testimony_of(data_dir: Path) -> Testimony:
    """Return what the journal of a directory has to say; one that cannot be read says nothing, and why."""
    path = journal_path(data_dir)
    try:
        key = AuditKey.find(data_dir)
        if not path.exists():
            return Testimony()
        if key is None:
            return Testimony(broken=NO_KEY)
        return read_testimony(path, key)
    except JournalError as error:
        return Testimony(broken=error.message)


def set_back(told: Testimony, now: int) -> str:
    """Return in words that the clock (UTC ms) was set back behind the chain's rows: no age can be told by it; else ""."""
    if told.newest <= now + MOST_SKEW_MS:
        return ""
    return (
        f"it has a row of {iso(told.newest)}, and the clock here says {iso(now)}: it was set back"
    )


def ground_of(config: Config, evidence: str, told: Testimony, now: int, doubt: str) -> Ground:
    """Return what a sign-off must be for to stand; ``doubt`` is why nothing that the journal says is believed."""
    return Ground(
        evidence, limits_text(config), now, doubt, told.weak, told.weak_until, journal_place(config)
    )


def journal_place(config: Config) -> str:
    """Return where a configuration's journal lies, whatever links lead there."""
    return str(journal_path(config.data_dir()).resolve())


def limits_text(config: Config) -> str:
    """Return the live limits as canonical JSON: a change of any of them voids a sign-off, and what was drilled."""
    return _section_text(config.risk.live)


def execution_text(config: Config) -> str:
    """Return how orders are sent as canonical JSON: what was drilled with another way shows nothing of this one."""
    return _section_text(config.execution)


def _section_text(section: Section) -> str:
    values = {key: _text(value) for key, value in section.model_dump().items()}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _text(value: object) -> object:
    return [str(one) for one in value] if isinstance(value, list | tuple | set) else str(value)


def _replayed(
    config: Config, spec: StrategySpec, shown: _Shown, progress: Progress | None
) -> GateVerdict:
    """Return whether the newest counted run of each kind comes out as it was; without ``progress`` nothing is played.

    Live's own is played in paper's place where no paper run counts any more.
    """
    if progress is None:
        return gates.parity()
    kinds = (shown.papers.counted or shown.traded.counted, shown.ghosts.counted)
    runs = tuple(counted[-1].run for counted in kinds if counted)
    if len(runs) < len(kinds):
        found = gates.no_parity(runs)
        return replace(found, left_out=joined(shown.ghosts, shown.traded).left_out)
    from tradebot.app.parity import what_differs  # it plays a whole run: only where there is one

    path, folder = journal_path(config.data_dir()), config.strategy_dir()
    told = (
        what_differs(path, run, spec, config.strategy.timeframe, folder, progress) for run in runs
    )
    return gates.parity(next(filter(None, told), ""), runs)


def _halts(config: Config, told: Testimony) -> list[str]:
    exchange, data_dir = config.exchange, config.data_dir()
    run, standing = standing_halts(told, "live", exchange.environment, exchange.url)
    others = (reason for reason in standing if reason != signoffs.LOST)  # a new sign-off ends it
    words = [f"{run} is halted: {reason}" for reason in others]
    if told.broken:
        words.append(f"nobody can tell: the journal does not verify: {told.broken}")
    if halt_present(data_dir):
        said = "; ".join(row.reason for row in read_halts(data_dir))
        words.append(f"a HALT file lies in {data_dir}: {said or 'no reason was kept'}")
    return words


def _checked(found: Checklist) -> tuple[GateVerdict, GateVerdict]:
    """Return the gates that are lines of the checklist, read now: the key's, and the account's."""
    key: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    places = {place for place, _, _ in found.lines()}
    for place, row, status in found.lines():
        if status == "fail" and row.check not in HERE:
            (key if place == "key" else others).append((row.check, row.detail))
    if "key" not in places:
        key.append(("key", "not readable: no key was asked what it may do"))
    if "account" not in places:
        others.append(("account", "not readable: no account was asked"))
    return (
        gates.checked(
            "keys",
            "withdrawals and transfers off, IP bound, futures on; read now",
            key,
            "tradebot doctor says what the key may do",
        ),
        gates.checked("account", "the checklist of live --check", others, "tradebot live --check"),
    )


__all__ = [
    "Readiness",
    "execution_text",
    "ground_of",
    "journal_place",
    "judge",
    "limits_text",
    "testimony_of",
    "with_gates",
]
