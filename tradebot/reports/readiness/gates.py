"""The gates between a strategy and real money: each a pure function from rows to a verdict.

Bounds are constants. Of several stretches the one that comes nearest is told of; nothing is added up across them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tradebot.core.ghost.quality import wilson
from tradebot.core.model.money import ZERO, exact, plain
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.journal.facts import BacktestRecorded, DrillPlayed
from tradebot.reports.readiness.drilled import DrillTerms
from tradebot.reports.readiness.incidents import WAY_OUT as CLOSING
from tradebot.reports.readiness.incidents import Incident
from tradebot.reports.readiness.stretches import MOST_AGE_MS, Stretch
from tradebot.reports.readiness.verdict import GateVerdict, LeftOut, Sorted

BACKTEST_DAYS = Decimal(30)
PAPER_MS = 4 * HOUR_MS
PAPER_TRADES, PAPER_TRADES_STAGE_3 = 5, 10
PAPER_WIN_RATE_PCT = 60
LATENCY_MS = 1000
GHOST_MS = 24 * HOUR_MS
GHOST_SIGNALS, GHOST_SIGNALS_STAGE_3 = 100, 200
ACCURACY_PCT = 55
TICK_MS = 1000
DRILL_MS = 7 * DAY_MS
DRILL_S = 600
"""Seconds that a whole drill takes, about."""
THESE = "this version, hash, limits, [execution] and journal"
PASSED = "ok"
"""What the row of a drill says of a scenario in which everything held."""
SIGNERS = 2
UNATTENDED = 3
"""The stage in which nobody looks on."""
STRICTER = ("paper", "ghost")
"""Gates that ask for more in that stage."""


@dataclass(frozen=True, slots=True)
class Results:
    """What some results (USDT, after costs) amount to."""

    count: int
    won: int
    total: Decimal
    average_win: Decimal | None
    average_loss: Decimal | None

    @property
    def pays(self) -> bool:
        """Whether an average win is larger than an average loss; without a loss one win is enough."""
        if self.average_win is None:
            return False
        return self.average_loss is None or self.average_win > self.average_loss

    def wins_more_than(self, percent: int) -> bool:
        """Whether the share of winners is above a bound, exactly."""
        return self.won * 100 > percent * self.count


def results_of(values: Iterable[Decimal]) -> Results:
    """Return what results amount to; one of exactly 0 is no win. The average loss is a positive figure."""
    found = list(values)
    wins = [value for value in found if value > 0]
    losses = [-value for value in found if value < 0]
    with exact():
        total = sum(found, ZERO)
    return Results(len(found), len(wins), total, _average(wins), _average(losses))


def _average(values: Sequence[Decimal]) -> Decimal | None:
    return sum(values, ZERO) / len(values) if values else None


Check = Callable[[Stretch], list[str]]


def _nearest(stretches: Sequence[Stretch], check: Check) -> tuple[Stretch | None, list[str]]:
    """Return the stretch with the fewest reasons against it, the newest of those, and the reasons."""
    judged = [(check(stretch), stretch) for stretch in reversed(stretches)]
    if not judged:
        return None, ["no run counts yet"]
    reasons, stretch = min(judged, key=lambda pair: len(pair[0]))
    return stretch, reasons


def backtest(
    recorded: Sequence[BacktestRecorded],
    evidence: str,
    symbols: Sequence[str],
    doubts: Sequence[str] = (),
    age_ms: int = 0,
) -> GateVerdict:
    """Judge the newest backtest on record with this hash: 30 days of each symbol, look-ahead check clean.

    ``doubts`` are why nothing of the record is believed; ``age_ms`` is how old that one is, where that matters.
    """
    mine = [] if doubts else [one for one in recorded if one.evidence == evidence]
    reasons = [*doubts] or ["none is on record with this evidence hash"]
    have = f"{len(recorded)} on record, {len(mine)} with this evidence hash"
    if mine:
        days = {symbol: Decimal(text) for symbol, text in mine[-1].spans}
        lacking = [one for one in symbols if days.get(one, ZERO) < BACKTEST_DAYS]
        reasons = [f"{one}: {plain(days.get(one, ZERO))} days" for one in lacking]
        reasons += [f"the look-ahead check says: {text}" for text in mine[-1].findings]
        if age_ms > MOST_AGE_MS:
            reasons.append(
                f"it is {age_ms / DAY_MS:.1f} days old (at most {MOST_AGE_MS // DAY_MS})"
            )
        shown = ", ".join(f"{symbol} {plain(count)} days" for symbol, count in days.items())
        have = f"{shown}; look-ahead check {'clean' if not mine[-1].findings else 'not clean'}"
    return GateVerdict(
        "backtest",
        not reasons,
        f"a recorded backtest with this hash over {plain(BACKTEST_DAYS)} days of each symbol, look-ahead check clean",
        have,
        tuple(reasons),
        todo="download the bars (tradebot download), then tradebot backtest FILE... --record",
        wait_s=0,
    )


def paper(found: Sorted, *, stage: int = 1) -> GateVerdict:
    """Judge paper: enough winners over one stretch of four hours, flat at its end, in profit, quick."""
    wanted = PAPER_TRADES_STAGE_3 if stage >= UNATTENDED else PAPER_TRADES

    def check(stretch: Stretch) -> list[str]:
        results = results_of(stretch.trades.values())
        reasons = _too_short(stretch, PAPER_MS)
        if results.won < wanted:
            reasons.append(f"{results.won} profitable trades")
        if stretch.open:
            reasons.append(f"{', '.join(stretch.open)} open at its end")
        if results.total <= 0:
            reasons.append(f"PnL {plain(results.total)} USDT")
        reasons += _too_slow(stretch)
        if stage >= UNATTENDED and not results.wins_more_than(PAPER_WIN_RATE_PCT):
            reasons.append(f"{results.won} of {results.count} trades won")
        if stage >= UNATTENDED and not results.pays:
            reasons.append("the average win is not larger than the average loss")
        return reasons

    more = (
        f", more than {PAPER_WIN_RATE_PCT} % won, average win > average loss"
        if stage >= UNATTENDED
        else ""
    )
    needed = (
        f"{wanted} profitable trades over {_span(PAPER_MS)} without a restart, flat at the end, PnL > 0,"
        f" decision to sending p99 < {LATENCY_MS} ms{more}"
    )
    stretch, reasons = _nearest(found.counted, check)
    have = "nothing that counts" if stretch is None else _paper_words(stretch)
    verdict = _verdict("paper", needed, have, stretch, reasons, found.left_out, PAPER_MS, PAPER)
    return replace(verdict, renewed=_renewed(stretch, reasons, "'s own closed trades"))


def _paper_words(stretch: Stretch) -> str:
    results = results_of(stretch.trades.values())
    late = stretch.rows[-1].latency_p99_ms
    return (
        f"{_span(stretch.length)}, {results.won} of {results.count} trades profitable,"
        f" PnL {plain(results.total)} USDT, p99 {'-' if late is None else late} ms"
    )


def stability(ghosts: Sorted, papers: Sorted) -> GateVerdict:
    """Judge stability: a ghost's day and four hours of paper without a crash or a late tick."""
    ghost, of_ghost = _nearest(ghosts.counted, lambda one: _unsteady(one, GHOST_MS))
    paper_, of_paper = _nearest(papers.counted, lambda one: _unsteady(one, PAPER_MS))
    reasons = [*(f"ghost: {text}" for text in of_ghost), *(f"paper: {text}" for text in of_paper)]
    shown = [
        f"{name} {'-' if one is None else _span(one.length)}"
        for name, one in (("ghost", ghost), ("paper", paper_))
    ]
    waits = [_wait(ghost, of_ghost, GHOST_MS), _wait(paper_, of_paper, PAPER_MS)]
    return GateVerdict(
        "stability",
        not reasons,
        f"one ghost stretch of {_span(GHOST_MS)} and one paper stretch of {_span(PAPER_MS)}, no crash, no tick"
        f" later than {TICK_MS} ms",
        ", ".join(shown) if ghost or paper_ else "nothing that counts",
        tuple(reasons),
        tuple(one.run for one in (ghost, paper_) if one is not None),
        (*ghosts.left_out, *papers.left_out),
        "" if not reasons else BOTH,
        max(waits),
        (*_renewed(ghost, reasons), *_renewed(paper_, reasons, " itself")),
    )


def _renewed(stretch: Stretch | None, reasons: Sequence[str], own: str = "") -> tuple[str, ...]:
    """Return by what of live a gate passes: the ghost that it hosts, or what is its ``own``."""
    if stretch is None or reasons:
        return ()
    if stretch.host:
        return (f"{stretch.host}'s ghost",)
    return (f"{stretch.run}{own}",) if stretch.mode == "live" else ()


def ghost(found: Sorted, *, stage: int = 1) -> GateVerdict:
    """Judge signals: enough outcomes in one stretch of a day, right more often than not, worth more than they lose."""
    wanted = GHOST_SIGNALS_STAGE_3 if stage >= UNATTENDED else GHOST_SIGNALS

    def check(stretch: Stretch) -> list[str]:
        results = results_of(stretch.outcomes.values())
        reasons = _too_short(stretch, GHOST_MS)
        if results.count < wanted:
            reasons.append(f"{results.count} outcomes")
        if not results.wins_more_than(ACCURACY_PCT):
            reasons.append(f"{results.won} of {results.count} right")
        if not results.pays:
            reasons.append("the average win is not larger than the average loss")
        return reasons

    needed = (
        f"{wanted} signals with an outcome within one stretch of {_span(GHOST_MS)}, accuracy > {ACCURACY_PCT} %,"
        " average win > average loss"
    )
    stretch, reasons = _nearest(found.counted, check)
    have = "nothing that counts" if stretch is None else _ghost_words(stretch)
    verdict = _verdict("ghost", needed, have, stretch, reasons, found.left_out, GHOST_MS, GHOST)
    return replace(verdict, renewed=_renewed(stretch, reasons))


def _ghost_words(stretch: Stretch) -> str:
    results = results_of(stretch.outcomes.values())
    if not results.count:
        return f"{_span(stretch.length)}, no outcome"
    low, high = wilson(results.won, results.count)
    share = 100 * results.won / results.count
    wins, losses = (_money(results.average_win), _money(results.average_loss))
    return (
        f"{_span(stretch.length)}, {results.count} outcomes, accuracy {share:.1f} %"
        f" (Wilson {low:.1f} to {high:.1f}), average win {wins}, average loss {losses} USDT"
    )


def walls(halts: Sequence[str], incidents: Sequence[Incident] = ()) -> GateVerdict:
    """Judge the walls: no halt stands, and no incident is open."""
    reasons = (*halts, *map(str, incidents))
    todo = "" if not halts else "tradebot risk says why; tradebot resume --reason TEXT"
    return GateVerdict(
        "walls",
        not reasons,
        "no halt stands, no incident is open",
        f"{len(halts)} standing, {len(incidents)} open" if reasons else "none stands, none is open",
        reasons,
        todo=CLOSING if incidents else todo,
        wait_s=0,
    )


def drill(
    played: Sequence[tuple[int, DrillPlayed]],
    wanted: Sequence[str],
    terms: DrillTerms,
    now: int,
    doubts: Sequence[str] = (),
) -> GateVerdict:
    """Judge the drill: of every scenario the newest play under the same terms must be ok, and 7 days old at most.

    ``played`` are the rows with the time (UTC ms) at which each was played; ``wanted`` the scenarios' names.
    """
    mine = [] if doubts else [(at, one) for at, one in played if not [*terms.against(one)]]
    newest: dict[str, tuple[int, str]] = {}
    for at, one in sorted(mine, key=lambda pair: pair[0]):  # rows may come late, or once more
        newest |= {name: (at, said) for name, said in one.scenarios}
    passed = [name for name in wanted if name in newest and newest[name][1] == PASSED]
    fresh = [name for name in passed if now - newest[name][0] <= DRILL_MS]
    reasons = [*doubts]
    if not doubts and not mine:
        reasons = [f"none is on record with {THESE}"]
    elif not doubts:
        reasons += _of_drill(wanted, newest, passed, fresh)
    return GateVerdict(
        "drill",
        not reasons,
        f"each of {len(wanted)} disasters played and passed with {THESE}, at most {_span(DRILL_MS)} ago",
        f"{len(played)} on record, {len(mine)} with these; {len(fresh)} of {len(wanted)} passed lately",
        tuple(reasons),
        todo="tradebot drill" if reasons else "",
        wait_s=DRILL_S if reasons else 0,
    )


def _of_drill(
    wanted: Sequence[str],
    newest: Mapping[str, tuple[int, str]],
    passed: Sequence[str],
    fresh: Sequence[str],
) -> Iterator[str]:
    lacking = [name for name in wanted if name not in newest]
    if lacking:
        yield f"not played: {', '.join(lacking)}"
    yield from (
        f"{name}: {newest[name][1]}" for name in wanted if name in newest and name not in passed
    )
    old = [name for name in passed if name not in fresh]
    if old:
        yield f"played more than {_span(DRILL_MS)} ago: {', '.join(old)}"


def parity(problem: str = "nothing has been replayed", runs: tuple[str, ...] = ()) -> GateVerdict:
    """Judge parity: what counts, replayed, must come out the same; ``problem`` is why it did not, "" where it did."""
    todo = f"tradebot replay RUN says what differs; another run has to take its place: {BOTH}"
    if not runs:
        todo = "tradebot gates plays them"
    return GateVerdict(
        "parity",
        not problem,
        "the newest counted paper and ghost run replay to byte-equal effects, and their bars lead to the same decisions",
        problem or "byte-equal, the same decisions",
        (problem,) if problem else (),
        runs,
        todo=todo if problem else "",
        wait_s=GHOST_MS // 1000 if problem and runs else 0,
    )


def no_parity(runs: tuple[str, ...] = ()) -> GateVerdict:
    """Return the verdict where not both kinds of run count; ``runs`` is the one that does."""
    return replace(
        parity("no paper and ghost run that counts", runs), todo=BOTH, wait_s=GHOST_MS // 1000
    )


def checked(gate: str, needed: str, lines: Sequence[tuple[str, str]], todo: str) -> GateVerdict:
    """Judge lines of the checklist: ``lines`` are those that failed, by name and what was seen."""
    reasons = tuple(f"{name}: {text}" for name, text in lines)
    have = f"{len(lines)} of the checks failed" if lines else "in order"
    return GateVerdict(gate, not lines, needed, have, reasons, todo=todo if lines else "", wait_s=0)


PAPER = "tradebot paper --market binance --profile live"
GHOST = "tradebot ghost --market binance --profile live"
BOTH = "tradebot paper --ghost --market binance --profile live"


def _verdict(
    gate: str,
    needed: str,
    have: str,
    stretch: Stretch | None,
    reasons: Sequence[str],
    others: tuple[LeftOut, ...],
    length: int,
    todo: str,
) -> GateVerdict:
    runs = () if stretch is None else (stretch.run,)
    wait = _wait(stretch, reasons, length)
    next_ = todo if reasons else ""
    return GateVerdict(gate, not reasons, needed, have, tuple(reasons), runs, others, next_, wait)


def _wait(stretch: Stretch | None, reasons: Sequence[str], length: int) -> int:
    """Return how many seconds it takes at least: what a stretch that still runs lacks, else all of it."""
    if not reasons:
        return 0
    done = stretch.length if stretch is not None and stretch.running else 0
    return max(0, length - done) // 1000


def _unsteady(stretch: Stretch, length: int) -> list[str]:
    reasons = _too_short(stretch, length)
    if stretch.broke:
        reasons.append(f"it broke off: {stretch.broke}")
    tick = max(row.tick_ms for row in stretch.rows)
    if tick > TICK_MS:
        reasons.append(f"a tick was {tick} ms late")
    return reasons


def _too_short(stretch: Stretch, length: int) -> list[str]:
    return [] if stretch.length >= length else [f"it lasted {_span(stretch.length)}"]


def _too_slow(stretch: Stretch) -> list[str]:
    late = stretch.rows[-1].latency_p99_ms
    if late is None:
        return ["no order was sent"]
    return [] if late < LATENCY_MS else [f"decision to sending p99 {late} ms"]


def _span(ms: int) -> str:
    hours, minutes = divmod(ms // 60_000, 60)
    days, rest = divmod(hours, DAY_MS // HOUR_MS)
    if days and not rest and not minutes and days > 1:
        return f"{days} days"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _money(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:.2f}"
