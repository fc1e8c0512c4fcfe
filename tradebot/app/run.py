"""One run of this process: who it is, its session, and what of it is still to be committed.

A runner hosts several of these on one source; what they decide is committed in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradebot.app.barred import Watcher, barred_by
from tradebot.clock import SYSTEM
from tradebot.core.model.documents import LinksDocument, SnapshotDocument, SummaryDocument
from tradebot.core.model.effects import CommandDone, Effect, Notify
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.events import (
    Command,
    EntriesBarred,
    Event,
    FundingRate,
    MarketEvent,
    RunStarted,
    SignedAnew,
    StageLowered,
    VenueNote,
    WakeUp,
)
from tradebot.core.model.money import exact
from tradebot.core.model.values import MarkBar
from tradebot.core.trading.session import Session
from tradebot.core.trading.snapshot import Heading, snapshot, summarise
from tradebot.guard.latch import HaltRow, halt_present, read_halts
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import (
    Demoted,
    IncidentOpened,
    SignedOff,
    SignoffRevoked,
    StageRaised,
    Told,
)
from tradebot.journal.rows import Batch, CommandRow
from tradebot.market.cursor import Cursor
from tradebot.reports.readiness.incidents import closed_words
from tradebot.reports.readiness.stages import LiveStage, demotes

if TYPE_CHECKING:
    from tradebot.app.demotion import DriftGuard
    from tradebot.app.drift import DriftWatch
    from tradebot.app.incident_watch import IncidentWatch
    from tradebot.app.incidents import Incidents
    from tradebot.app.standstill import Standstill
    from tradebot.app.supervision import Supervision
    from tradebot.core.risk.limits import Limits

STALE = ("resume", "stop")
"""Commands that meant the engine of their time: one that starts later does not carry them out."""

DEMOTED = "live goes back to stage 1"

Observer = Callable[[Event, Sequence[Effect]], None]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs: the run, its strategy in words, and what goes into ``RunStarted``.

    ``doubt`` says what is wrong with the journal that an account's run starts on, ``nonces`` are those of its starts.
    ``protect`` and ``restarts`` are why it makes no entry, ``approval`` is a new sign-off, which the approved loss counts from.
    """

    run: str
    mode: str
    strategy: str
    config_hash: str
    instance: str
    nonce: str
    resumed: bool
    doubt: str = ""
    nonces: tuple[str, ...] = ()
    protect: str = ""
    restarts: str = ""
    approval: SignedOff | None = None


class Hosted:
    """A run and what the next commit writes of it. ``observe`` sees every event that had effects.

    Of a run ``beside`` another it sees what becomes of hypothetical trades only: the rest is the same. ``latches``
    are the directories whose HALT file stops its entries, ``links`` tells how its connections stand, ``account`` is the one it trades (demo or live), None
    for a simulated one; ``standstill`` is what a close-all means to that. A live run has
    a ``supervision`` where somebody has to be there, and the ``lowest`` limits, which a demotion holds it to.
    """

    def __init__(
        self,
        identity: Identity,
        session: Session,
        observe: Observer | None = None,
        *,
        beside: bool = False,
        latches: Sequence[Path] = (),
        account: str | None = None,
        standstill: Standstill | None = None,
    ) -> None:
        self.links: Callable[[], LinksDocument] | None = None
        self.latches = tuple(latches)
        self.account = account
        self.standstill = standstill
        if standstill is not None:
            standstill.run = identity.run
        self.identity = identity
        self.session = session
        self.events: list[Event | MarketEvent] = []
        self.effects: list[tuple[int, Effect]] = []
        self.facts: list[tuple[int, Told]] = []
        self.drift: DriftWatch | None = None
        self.guard: DriftGuard | None = None
        self.watch: IncidentWatch | None = None
        self.incidents: Incidents | None = None
        self.supervision: Supervision | None = None
        self.lowest: Limits | None = None
        self.terminal = False
        self.standing: LiveStage | None = None
        self.wall: Callable[[], int] = wall_ms
        self._down = ""
        self._lapsed = ""
        self._looked = False
        self._taken: set[str] = set()
        self._unreviewed: bool | None = None
        self._observe = observe
        self._beside = beside
        self.time: Callable[[], int] = lambda: session.engine.now
        session.sink = self.take
        session.note = self.note
        session.shown = self.see

    @property
    def is_latched(self) -> bool:
        """Whether one of its HALT files is there."""
        return any(map(halt_present, self.latches))

    def halt_rows(self) -> list[HaltRow]:
        """Return why it is latched, oldest first; empty where it is not, or where no row was kept."""
        rows = (row for latch in self.latches for row in read_halts(latch))
        return sorted(rows, key=lambda row: row.wall)

    def take(self, event: Event, effects: Sequence[Effect]) -> None:
        """Note an event and its effects (the session's sink)."""
        self.events.append(event)
        if self.drift is not None:
            for told in self.drift.take(event, effects):
                self.facts.append((event.at, told))
                if self.guard is not None:
                    self.guard.fill(told)
        if self.watch is not None:
            for seen in self.watch.take(event, effects):
                self.incident(seen.what, seen.text)
        if effects:
            at = event.at
            self.effects.extend((at, effect) for effect in effects)
            if self._observe is not None and not self._beside:
                self._observe(event, effects)

    def see(self, event: FundingRate | MarkBar) -> None:
        """Note an event that only hypothetical trades are shown: it has no effects."""
        self.events.append(event)

    def note(self, at: int, effects: Sequence[Effect]) -> None:
        """Note what became of hypothetical trades: effects of no event of the engine's."""
        self.effects.extend((at, effect) for effect in effects)
        if self.guard is not None:
            self.guard.outcomes(effects)
        if self._observe is not None:
            self._observe(WakeUp(at, "ghosts"), effects)

    def start(self, at: int, *, passed: bool = False) -> None:
        """Tell the engine that the run begins, or goes on, at a market time.

        ``passed`` says that time has passed meanwhile; else going on is not yet the next moment.
        """
        who, now = self.identity, self.session.engine.now
        at = now if who.resumed and now and not passed else max(at, now)
        if self.watch is not None:
            self.watch.begin()
        self.session.deliver(
            RunStarted(
                *(at, who.run, who.instance, who.nonce, who.config_hash, who.resumed, who.doubt),
                nonces=who.nonces,
                protect=who.protect,
            )
        )
        if who.approval is not None:
            self.sign_anew(who.approval)
        if who.restarts:
            self.session.deliver(
                VenueNote(self.session.engine.now, "live", who.restarts, "restarts")
            )

    def command(self, number: int, name: str, who: str, reason: str, review: str = "") -> None:
        """Deliver a person's wish."""
        now = max(self.time(), self.session.engine.now)
        self.session.deliver(Command(now, number, name, who, reason, review))

    def bar(self, who: Watcher, reasons: Sequence[str]) -> None:
        """Take why a watcher wants no entries, none where it minds none; the engine hears of what is new only."""
        engine = self.session.engine
        merged = barred_by(engine.shared.barred, who, reasons)
        if merged != engine.shared.barred:
            self.session.deliver(EntriesBarred(max(self.time(), engine.now), merged))

    def staleness(self, row: CommandRow) -> str:
        """Return why a command that was posted before this engine began is not carried out any more; "" where it is.

        Of a halt and a close-all the HALT row counts, which was written first and goes when somebody resumes.
        """
        if row.name in STALE or (row.name == "close-all" and self.standstill is not None):
            return "its engine ended before it could answer"
        held = (said for said in self.halt_rows() if said.kind == row.name)
        return "" if any(said.wall <= row.wall for said in held) else "somebody has resumed since"

    def demote(self, row: Demoted) -> None:
        """Put on record that live goes back to stage 1, and say it."""
        now = max(self.time(), self.session.engine.now)
        self.facts.append((now, row))
        if self._observe is not None:  # it is told, and no effect of the engine's
            self._observe(WakeUp(now, row.why), [Notify(now, "warning", f"{DEMOTED}: {row.text}")])

    def incident(self, what: str, text: str, at: int | None = None) -> None:
        """Put an incident on record that was seen now, or ``at`` (real clock, UTC ms); only a live run has any."""
        if self.watch is not None and self.incidents is not None:
            row = self.incidents.begin(self.identity.run, what, text, at)
            self.facts.append((max(self.time(), self.session.engine.now), row))

    def find_incidents(self, data_dir: Path) -> None:
        """Put on record what files tell of that no engine could write when it happened."""
        if self.watch is not None and self.incidents is not None:
            for trace in self.incidents.new_traces(data_dir, self.latches):
                self.incident(trace.what, trace.text, trace.at)

    def heed_incidents(self) -> None:
        """Tell the engine of a live run which incidents bar entries, where that has changed."""
        if self.watch is not None and self.incidents is not None and self.incidents.fresh:
            self.incidents.fresh = False
            self.bar(Watcher.INCIDENTS, self.incidents.reasons)

    def look_after(self) -> None:
        """Do what is due beside the engine: see that somebody is there, and take a stage down; a few times a second."""
        if self.supervision is not None:
            self.supervision.look(self)
        if self.lowest is None or not self.session.engine.started:
            return
        if not self._looked:
            self._looked = True
            self.bar(Watcher.SUPERVISION, ())
            self.bar(Watcher.SIGNOFF, ())  # it was asked for at this start
        self._note_demotion()
        if self._lapsed and self.session.engine.config.stage:
            self.bar(Watcher.SIGNOFF, (f"it has lapsed: {self._lapsed}",))
        self._lapsed = ""
        if self._down and self.session.engine.shared.stage > 1:
            self._lower(self.lowest)
        self._see_review()

    def _lower(self, lowest: Limits) -> None:
        """Go down to stage 1: its caps at once, and no entry where nobody is before it."""
        assert lowest.position_value is not None
        assert lowest.max_positions is not None
        now = max(self.time(), self.session.engine.now)
        caps = (lowest.position_value, lowest.max_positions)
        self.session.deliver(StageLowered(now, 1, *caps, self._down))
        if not self.terminal:
            self.bar(Watcher.SUPERVISION, ("stage 1 trades on a terminal only: start it there",))
        self._down, self.standing = "", None

    def _see_review(self) -> None:
        """Bar entries in stage 3 where its weeks are not reviewed."""
        standing, wall = self.standing, self.wall()
        overdue = standing is not None and standing.is_overdue(wall)
        said = [standing.review_words(wall)] if standing is not None and overdue else []
        if bool(said) is not self._unreviewed:
            self.bar(Watcher.REVIEW, said)
            self._unreviewed = bool(said)

    def reviewed(self) -> None:
        """Take note that the week has been reviewed just now."""
        if self.standing is not None:
            self.standing = replace(self.standing, reviewed=self.wall())

    def sign_anew(self, row: SignedOff) -> None:
        """Have the approved loss count from a sign-off that is complete with this row.

        At its own start a run that begins counts already from what is right.
        """
        engine = self.session.engine
        worth = engine.watch.signoff.base - engine.portfolio.brought
        if row.worth and (self.identity.resumed or self.identity.approval is not row):
            worth = Decimal(row.worth)
        elif self.identity.resumed:
            worth = max(worth, engine.equity() - engine.portfolio.brought)
        now = max(self.time(), engine.now)
        self.session.deliver(SignedAnew(now, row.head, worth, row.name))
        self._lapsed = ""
        self.bar(Watcher.SIGNOFF, ())

    def _note_demotion(self) -> None:
        """Note why the run goes down a stage, and its sign-off lapses, by what is about to go on record."""
        for _, fact in self.facts:
            if why := demotes(fact):
                self._down = why
                if isinstance(fact, IncidentOpened | SignoffRevoked):
                    self._lapsed = why

    def close_incident(self, command: CommandRow) -> None:
        """Take a person's word on an incident, and answer the command."""
        if self.incidents is None:
            self.refuse(command.id, "this engine knows of no incidents")
            return
        try:
            number = int(command.review) if command.review.isdecimal() else 0
            row = self.incidents.close(number, command.who, command.reason)
        except TradebotError as error:
            self.refuse(command.id, error.message)
            return
        now = self.session.engine.now
        self.facts.append((now, row))
        self.effects.append((now, CommandDone(now, command.id, True, closed_words(row))))

    def record_row(self, command: CommandRow, key: AuditKey, born: int) -> None:
        """Put a drill or a backtest on record that a command brings, sealed with the journal's key, and answer it.

        ``born`` is when the engine began (UTC ms).
        """
        from tradebot.app.asked import row_asked

        try:
            row = row_asked(command, key, wall_ms(), born, self._taken)
        except TradebotError as error:
            self.refuse(command.id, error.message)
            return
        now = self.session.engine.now
        self.facts.append((now, row))
        self.effects.append((now, CommandDone(now, command.id, True, "on record")))

    def refuse(self, number: int, why: str) -> None:
        """Answer a command without carrying it out."""
        now = self.session.engine.now
        self.effects.append((now, CommandDone(now, number, False, why)))

    def take_batch(
        self,
        cursor: Cursor,
        first: int | None,
        label: str,
        speed: float | None,
        wall: int,
        *,
        with_state: bool = True,
    ) -> Batch:
        """Return everything since the last batch, with the state to go on from; begin the next one."""
        if self.guard is not None and any(type(fact) is StageRaised for _, fact in self.facts):
            self.guard.rearm()
        self._note_demotion()
        seen = view(self.session, label, speed)
        if self.links is not None:
            seen["links"] = self.links()
        batch = Batch(
            run=self.identity.run,
            wall=wall,
            events=self.events,
            effects=self.effects,
            facts=self.facts,
            snapshot=seen,
        )
        if with_state:
            batch.state = {
                "session": self.session.export_state(),
                "shape": shape(self.session),
                "cursor": cursor,
                "first": first,
            }
        self.events, self.effects, self.facts = [], [], []
        return batch

    def give_back(self, batch: Batch) -> None:
        """Take a batch back that could not be written: the next one holds it too."""
        self.events = [*batch.events, *self.events]
        self.effects = batch.effects + self.effects
        self.facts = batch.facts + self.facts

    def restore(self, state: dict[str, Any]) -> None:
        """Take over the journalled state of an interrupted run."""
        with exact():
            self.session.restore(state["session"])

    def summary(self, market: str, first: int | None, funding_known: bool) -> SummaryDocument:
        """Return the summary of CONTRACT."""
        engine = self.session.engine
        heading = Heading(
            run=self.identity.run,
            mode=self.identity.mode,
            market=market,
            strategy=self.identity.strategy,
            first=first,
            last=engine.now if first is not None else None,
            funding_known=funding_known,
        )
        return summary_of(heading, self.session)


def summary_of(heading: Heading, session: Session) -> SummaryDocument:
    """Return what a session amounts to; with the figures of its hypothetical trades, if it has any."""
    summary = summarise(heading, session.engine, session.latencies_ms)
    if session.ghosts is not None:
        return {**summary, **session.ghosts.figures()}
    return summary


def view(session: Session, label: str, speed: float | None) -> SnapshotDocument:
    """Return what readers see of a running session; a ghost's open hypothetical trades too."""
    body = snapshot(session.engine, label, speed)
    if session.ghosts is not None:
        body["ghosts"] = session.ghosts.view()
    return body


def shape(session: Session) -> list[Any]:
    """Return what must be equal for one session's state to fit another (JSON values)."""
    config = session.engine.config
    return [list(config.symbols), config.interval, config.timeframe, config.quotes]


def wall_ms() -> int:
    """Return the real clock in UTC milliseconds."""
    return SYSTEM.wall_ms()
