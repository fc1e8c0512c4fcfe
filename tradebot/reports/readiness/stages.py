"""Live's stages: in which one it is by the rows of the audit chain, what the next one needs, and why it went down.

Up goes one stage at a time by a person's word, and only one whose conditions held in the rows before it counts. Down
goes by itself: an incident, drift, a sign-off that was taken back or used up, another evidence hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from tradebot.core.model.effects import Halted, TradeClosed
from tradebot.core.model.money import ZERO, exact, plain
from tradebot.core.model.times import iso
from tradebot.core.model.values import DAY_MS
from tradebot.core.risk import ceilings
from tradebot.core.state.loss_limit import WEEK_MS, week_of
from tradebot.journal.facts import Demoted, IncidentOpened, Reviewed, SignoffRevoked, StageRaised
from tradebot.journal.testimony import Said
from tradebot.reports.readiness.gates import (
    GHOST_SIGNALS_STAGE_3,
    PAPER_TRADES_STAGE_3,
    PAPER_WIN_RATE_PCT,
)
from tradebot.reports.readiness.signoffs import LOST, Ground
from tradebot.reports.readiness.stretches import (
    Book,
    Demand,
    Stretch,
    left_out,
    trades_on_production,
)

SUPERVISED, ON_TERMINAL, UNATTENDED = ceilings.STAGES
"""What the stages mean: a person answers, a person is at hand, nobody looks on."""

TRADES = 3
"""Successful trades in stage 1 that stage 2 needs."""
WEEK_TRADES = 5
"""Trades in a whole week of stage 2 that stage 3 needs."""
MOST_UNREVIEWED_MS = 8 * DAY_MS
"""So long without a written review, and stage 3 makes no entry."""


@dataclass(frozen=True, slots=True)
class Week:
    """A whole week in stage 2, Monday to Monday UTC: what closed in it. ``pnl`` is after all costs (USDT)."""

    begun: int
    trades: int
    pnl: Decimal

    @property
    def ok(self) -> bool:
        """Whether stage 3 may follow it."""
        return self.trades >= WEEK_TRADES and self.pnl > 0

    def __str__(self) -> str:
        return (
            f"the week of {iso(self.begun)[:10]}: {self.trades} trades, PnL {plain(self.pnl)} USDT"
        )


@dataclass(frozen=True, slots=True)
class LiveStage:
    """The stage that live is in. ``since`` and ``reviewed`` are in UTC ms of the real clock, 0 for never.

    ``needed`` and ``have`` say of the next stage what it takes and what is there, "" in the last; ``ready`` whether a
    person may move up. ``down`` is why it last went down, ``cap`` the position value (USDT) that was written down for stage 3.
    """

    stage: int = SUPERVISED
    since: int = 0
    needed: str = ""
    have: str = ""
    ready: bool = False
    down: str = ""
    cap: Decimal | None = None
    reviewed: int = 0

    def reviewed_until(self) -> int:
        """Return until when no further review is needed (UTC ms, real clock)."""
        return max(self.since, self.reviewed) + MOST_UNREVIEWED_MS

    def review_words(self, now: int) -> str:
        """Say in stage 3 that a review is due, or that it is overdue; "" where neither."""
        if self.stage < UNATTENDED:
            return ""
        until = self.reviewed_until()
        if now >= until:
            days = (now - until + MOST_UNREVIEWED_MS) / DAY_MS
            return f"nobody has reviewed it for {days:.1f} days (at most 8): no entries"
        if max(self.since, self.reviewed) < week_of(now):
            return f"this week's review is due, by {iso(until)}"
        return ""

    def is_overdue(self, now: int) -> bool:
        """Whether entries are blocked for want of a review."""
        return self.stage >= UNATTENDED and now >= self.reviewed_until()


def stage_of(rows: Iterable[Said], ground: Ground, trade_loss: Decimal) -> LiveStage:
    """Return the stage by the rows of a chain; ``trade_loss`` is what one trade may lose (USDT).

    A chain of which nothing is believed carries no stage but the first.
    """
    climb = _Climb(ground, trade_loss)
    if not ground.broken and not ground.weak:
        for said in rows:
            climb.take(said)
    return climb.standing()


class _Climb:
    """Takes the rows one after the other; what a person's word rests on is judged as it stood then."""

    def __init__(self, ground: Ground, trade_loss: Decimal) -> None:
        self._ground = ground
        self._trade_loss = trade_loss
        self._book = Book(ground.weak_until)
        self._now = LiveStage()
        self._begun = (0, 0)  # the row and the time from which on trades count

    def take(self, said: Said) -> None:
        match said.fact:
            case StageRaised():
                self._raise(said, said.fact)
            case Reviewed() if self._is_mine(said, said.fact):
                self._now = replace(self._now, reviewed=said.wall)
            case fact if why := demotes(fact):
                self._now = LiveStage(down=f"{iso(said.wall)}: {why}")
                self._begun = (said.seq, said.wall)
            case _:
                self._book.take(said)

    def _raise(self, said: Said, fact: StageRaised) -> None:
        if fact.stage != self._now.stage + 1 or not self._is_mine(said, fact):
            return
        if not self._lacks_nothing(said.wall):
            return
        cap = written_cap(fact.cap) if fact.stage == UNATTENDED else None
        self._now = LiveStage(fact.stage, said.wall, down=self._now.down, cap=cap)
        self._begun = (said.seq, said.wall)

    def _is_mine(self, said: Said, fact: StageRaised | Reviewed) -> bool:
        """Whether a word is for this strategy and this journal, and was signed with a key that was not weak."""
        same = (fact.evidence, fact.place) == (self._ground.evidence, self._ground.place)
        return same and said.seq > self._ground.weak_until and said.wall <= self._ground.now

    def _lacks_nothing(self, now: int) -> bool:
        if self._now.stage == SUPERVISED:
            return len(self._successes(now)) >= TRADES
        return any(week.ok for week in self._weeks(now))

    def standing(self) -> LiveStage:
        """Return the stage that was reached, with what the next one needs and what is there."""
        now = self._ground.now
        ready = self._now.stage < UNATTENDED and self._lacks_nothing(now)
        if self._now.stage == SUPERVISED:
            have = f"{min(len(self._successes(now)), TRADES)} of {TRADES}"
            return replace(self._now, needed=TO_STAGE_2, have=have, ready=ready)
        if self._now.stage == ON_TERMINAL:
            return replace(self._now, needed=TO_STAGE_3, have=self._best_week(now), ready=ready)
        return self._now

    def _best_week(self, now: int) -> str:
        weeks = sorted(self._weeks(now), key=lambda week: (week.ok, week.pnl))
        if weeks:
            return str(weeks[-1])
        return f"no week is over: the first ends on {iso(_monday(self._now.since) + WEEK_MS)[:10]}"

    # -- what counts -----------------------------------------------------------------------------------

    def _successes(self, now: int) -> list[TradeClosed]:
        """Return the successful trades of this stage: on a terminal, under a stop all the time, within the loss limit.

        A stop that was not in place within 5 s is an incident, and an incident begins the count anew.
        """
        stretches = [one for one in self._stretches(now) if all(row.terminal for row in one.rows)]
        return [
            trade
            for one in stretches
            for trade in self._trades_of(one)
            if trade.stop is not None and trade.pnl >= -self._trade_loss
            if trade.entry_time >= one.begun
        ]

    def _weeks(self, now: int) -> Iterator[Week]:
        """Yield each whole week in this stage; trades that do not count do not help, and what they lost does count."""
        counted = self._stretches(now)
        others = [one for one in self._live() if one not in counted and _had_money_at_stake(one)]
        begun = _monday(self._now.since)
        while begun + WEEK_MS <= now:
            mine = [t.pnl for one in counted for t in self._trades_of(one) if _is_in(t, begun)]
            lost = [t.pnl for one in others for t in self._trades_of(one) if _is_in(t, begun)]
            with exact():
                pnl = sum(mine, ZERO) + sum((one for one in lost if one < 0), ZERO)
            yield Week(begun, len(mine), pnl)
            begun += WEEK_MS

    def _stretches(self, now: int) -> list[Stretch]:
        """Return the live stretches that count: prices and orders on production, nothing left open to doubt."""
        demand = Demand(self._ground.evidence, now)
        return [
            one
            for one in self._live()
            if trades_on_production(one.rows) and not left_out(one, demand)
        ]

    def _live(self) -> list[Stretch]:
        return [one for one in self._book.stretches if one.mode == "live" and one.rows]

    def _trades_of(self, stretch: Stretch) -> Iterator[TradeClosed]:
        """Yield what was begun and closed in a stretch since the stage began."""
        seq, wall = self._begun
        for said in stretch.closes.values():
            trade = said.fact
            if isinstance(trade, TradeClosed) and said.seq > seq and trade.entry_time >= wall:
                yield trade


TO_STAGE_2 = f"{TRADES} successful trades: closed, their stop in place within 5 s, no incident, within the loss of a trade"
TO_STAGE_3 = (
    f"a whole week in stage 2, Monday to Monday UTC, with {WEEK_TRADES} trades and PnL > 0 after costs (of the gates"
    f" paper: {PAPER_TRADES_STAGE_3} profitable trades, more than {PAPER_WIN_RATE_PCT} % won, average win > average loss; ghost: {GHOST_SIGNALS_STAGE_3} signals)"
)


def demotes(fact: object) -> str:
    """Return why a row brings live down to stage 1, "" where it does not."""
    match fact:
        case IncidentOpened():
            return f"incident {fact.id}, {fact.what}"
        case Demoted():
            return f"{fact.why}: {fact.text}"
        case SignoffRevoked():
            return f"{fact.name} has revoked the sign-off"
        case Halted() if fact.reason == LOST:
            return "the approved loss was reached"
        case _:
            return ""


def _had_money_at_stake(stretch: Stretch) -> bool:
    return any(trades_on_production([row]) for row in stretch.rows)


def _monday(since: int) -> int:
    """Return the first Monday 00:00 UTC at or after a moment (UTC ms)."""
    return week_of(since + WEEK_MS - 1)


def _is_in(trade: TradeClosed, week: int) -> bool:
    return week <= trade.exit_time < week + WEEK_MS


def written_cap(text: str) -> Decimal:
    """Return the position value (USDT) that a stage-3 row holds live to: what was written down, else the plan's $50."""
    if not text:
        return ceilings.POSITION_VALUE
    try:
        cap = Decimal(text)
    except InvalidOperation:
        return ceilings.POSITION_VALUE
    known = cap.is_finite() and 0 < cap <= ceilings.POSITION_VALUE_STAGE_TWO
    return cap if known else ceilings.POSITION_VALUE


__all__ = ["MOST_UNREVIEWED_MS", "LiveStage", "Week", "demotes", "stage_of", "written_cap"]
