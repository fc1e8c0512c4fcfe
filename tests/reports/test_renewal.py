"""What live shows of itself in place of evidence that has aged: only under a sign-off that stands, and never more than young evidence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.effects import Halted
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.journal.facts import (
    BacktestRecorded,
    DrillPlayed,
    IncidentOpened,
    Provenance,
    SignedOff,
    SignoffRevoked,
)
from tradebot.journal.rows import RunBegun, RunEnded
from tradebot.journal.testimony import Said
from tradebot.journal.testimony import Testimony as Told
from tradebot.reports.readiness import gates
from tradebot.reports.readiness.drilled import DrillTerms
from tradebot.reports.readiness.recorded import backtests_left_out, drills_left_out, runs_unseen
from tradebot.reports.readiness.renewal import (
    ghosts_of,
    joined,
    lives_of,
    standing_since,
    unless_they_lose,
    up_to_flat,
)
from tradebot.reports.readiness.signoffs import Ground
from tradebot.reports.readiness.stretches import WEAK, Demand, Stretch, stretches_of
from tradebot.reports.readiness.verdict import Sorted, sort_out

NOW = 1_795_000_000_000
AGE = 30 * DAY_MS
REST, STREAM = ("fapi.binance.com", "52.84.1.1"), ("fstream.binance.com", "52.84.1.2")
DEMO = ("demo-fapi.binance.com", "52.84.1.1")
ROW = Provenance(
    nonce="n", why="start", environment="live", rest=(REST,), stream=(STREAM,), orders=(),
    source="BINANCE USD-M", speed="1", profile="live", wall=NOW, market=NOW, skew_ms=0, up_ms=0, gap_ms=0,
    gaps=0, longest_gap_ms=0, version="0.1.0", evidence="e", tick_ms=0, latency_p99_ms=10,
)  # fmt: skip
DEMAND = Demand("e", NOW)
SIGNED = NOW - 29 * DAY_MS


def stretch(
    mode: str, results: Sequence[str] = (), *, hours: float = 25, ago: int = 0, **row: Any
) -> Stretch:
    """Return a stretch that ended ``ago`` ms before now; a live one trades on production."""
    if mode == "live":
        row = {"orders": (REST,), **row}
    end = NOW - ago
    rows = [replace(ROW, **row, wall=end - round(hours * HOUR_MS)), replace(ROW, **row, wall=end)]
    one = Stretch(f"{mode}-0003", mode, "live", mode, rows, running=False)
    values = {number: D(text) for number, text in enumerate(results)}
    one.trades, one.outcomes = ({}, values) if mode == "ghost" else (values, {})
    closed = (Said(seq, one.run, 0, end, Halted(1, "user", "", 1)) for seq in values)
    one.closes = {} if mode == "ghost" else dict(enumerate(closed))
    return one


def beside(live: Stretch, results: Sequence[str] = ()) -> Stretch:
    """Return the ghost that a live run hosts."""
    one = stretch("ghost", results)
    one.rows = [replace(row, orders=()) for row in live.rows]
    one.host = live.run
    return one


RIGHT = ["2"] * 60 + ["-1"] * 40
WON = ["2"] * 5


def ghost_ok(*found: Stretch, since: int | None = SIGNED) -> bool:
    return gates.ghost(ghosts_of(found, DEMAND, since)).ok


def paper_of(*found: Stretch, since: int | None = SIGNED, demand: Demand = DEMAND) -> Any:
    lives = unless_they_lose(lives_of(found, demand, since), found, demand)
    return gates.paper(joined(sort_out(found, "paper", demand), lives))


# -- the age of evidence, with a sign-off that stands and without --------------------------------------


@pytest.mark.parametrize("since", [SIGNED, None])
@pytest.mark.parametrize(("more", "ok"), [(-1, True), (0, True), (1, False)])
def test_evidence_of_its_own_is_thirty_days_old_at_most(
    more: int, ok: bool, since: int | None
) -> None:
    paper, ghost = stretch("paper", WON, ago=AGE + more), stretch("ghost", RIGHT, ago=AGE + more)
    assert paper_of(paper, since=since).ok is ok
    assert ghost_ok(ghost, since=since) is ok
    assert gates.stability(Sorted((ghost,), ()), Sorted((paper,), ())).ok


@pytest.mark.parametrize(("since", "ok"), [(SIGNED, True), (None, False), (NOW, False)])
def test_live_renews_what_has_aged_under_a_sign_off_that_stands(
    since: int | None, ok: bool
) -> None:
    live = stretch("live", WON)
    old = (stretch("paper", WON, ago=AGE + 1), stretch("ghost", RIGHT, ago=AGE + 1))
    found = (*old, live, beside(live, RIGHT))
    ghosts, lives = ghosts_of(found, DEMAND, since), lives_of(found, DEMAND, since)
    ghost, paper = gates.ghost(ghosts), paper_of(*found, since=since)
    stability = gates.stability(ghosts, joined(sort_out(found, "paper", DEMAND), lives))
    assert (ghost.ok, paper.ok, stability.ok) == (ok, ok, ok)
    assert ghost.renewed == (("live-0003's ghost",) if ok else ())
    assert paper.renewed == (("live-0003's own closed trades",) if ok else ())
    assert stability.renewed == (("live-0003's ghost", "live-0003 itself") if ok else ())
    if since is None:
        assert "no sign-off stands" in paper.left_out[-1].reasons[0]
        assert "no sign-off stands" in ghost.left_out[-1].reasons[-1]


@pytest.mark.parametrize(("more", "ok"), [(-1, True), (0, True), (1, False)])
def test_what_live_showed_is_thirty_days_old_at_most_too(more: int, ok: bool) -> None:
    live = stretch("live", WON, ago=AGE + more)
    assert paper_of(live, since=0).ok is ok
    assert ghost_ok(live, beside(live, RIGHT), since=0) is ok


@pytest.mark.parametrize(("late", "ok"), [(-1, False), (0, True), (1, True)])
def test_only_what_began_under_it_renews(late: int, ok: bool) -> None:
    live = stretch("live", WON)
    assert paper_of(live, since=live.begun - late).ok is ok
    assert ghost_ok(live, beside(live, RIGHT), since=live.begun - late) is ok


def test_what_has_not_aged_counts_as_it_did_and_is_renewed_by_nothing() -> None:
    found = (stretch("paper", WON), stretch("ghost", RIGHT))
    for since in (SIGNED, None):
        assert paper_of(*found, since=since).renewed == ()
        verdict = gates.ghost(ghosts_of(found, DEMAND, since))
        assert (verdict.ok, verdict.renewed) == (True, ())


ELSEWHERE: dict[str, dict[str, Any]] = {
    "demo": {"orders": (DEMO,)},
    "this machine": {"orders": (("", "127.0.0.1"),)},
    "the real name at loopback": {"orders": ((REST[0], "127.0.0.1"),)},
    "one of several": {"orders": (REST, DEMO)},
    "nothing connected": {"orders": ()},
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_a_host_that_is_not_on_production_renews_nothing(case: str) -> None:
    live = stretch("live", WON, **ELSEWHERE[case])
    verdict = gates.ghost(ghosts_of((live, beside(live, RIGHT)), DEMAND, SIGNED))
    assert not verdict.ok
    (left,) = verdict.left_out
    assert left.reasons == (
        "it ran beside live-0003, whose orders did not go to Binance's production, by the connections themselves",
    )
    assert not paper_of(live).ok


def test_nor_does_one_that_is_not_on_record() -> None:
    live = stretch("live", WON)
    assert not ghost_ok(beside(live, RIGHT))


@pytest.mark.parametrize(
    "row",
    [{"evidence": "x"}, {"speed": "2"}, {"profile": "paper"}, {"skew_ms": 2001}, {"gap_ms": 10 * HOUR_MS}],
)  # fmt: skip
def test_what_makes_a_stretch_count_is_asked_of_live_too(row: dict[str, Any]) -> None:
    live = stretch("live", WON, **row)
    assert not paper_of(live).ok
    assert not ghost_ok(live, beside(live, RIGHT))


# -- live's own trades -----------------------------------------------------------------------------------


def test_live_that_loses_renews_nothing() -> None:
    won = stretch("live", WON, ago=2 * DAY_MS)
    lost = replace(stretch("live", ["-10"]), nonce="second")
    assert paper_of(won).ok
    verdict = paper_of(won, lost)
    assert not verdict.ok
    assert verdict.left_out[0].reasons == (
        "live's closed trades of the last 30 days came to 0 USDT",
    )
    assert paper_of(won, replace(lost, trades={0: D("-9.99")})).ok
    assert paper_of(won, lost, stretch("paper", WON)).renewed == ()


def test_what_does_not_count_cannot_help_and_what_it_lost_does_count() -> None:
    won = stretch("live", WON, ago=2 * DAY_MS)
    cases: list[tuple[dict[str, Any], bool]] = [
        ({"speed": "2"}, False),
        ({"evidence": "other"}, True),
    ]
    for row, ok in cases:
        lost = replace(stretch("live", ["-30", "50"], **row), nonce="second")
        assert paper_of(won, lost).ok is ok  # another strategy's losses are its own
    elsewhere = replace(stretch("live", ["-30"], orders=(DEMO,)), nonce="second")
    assert paper_of(won, elsewhere).ok


@pytest.mark.parametrize(("more", "ok"), [(-1, False), (0, False), (1, True)])
def test_a_loss_counts_for_thirty_days(more: int, ok: bool) -> None:
    lost = replace(stretch("live", ["-30"], ago=AGE + more), nonce="second")
    assert paper_of(lost, stretch("live", WON), since=0).ok is ok


@pytest.mark.parametrize("results", [["2"] * 4, [*(["2"] * 5), "-10"], ["-1"] * 20, []])
def test_the_figures_are_papers(results: list[str]) -> None:
    assert not paper_of(stretch("live", results)).ok


# -- never more than young evidence of the same content ---------------------------------------------------


@given(
    st.lists(st.decimals(-5, 5, places=1), min_size=3, max_size=120),
    st.sampled_from([3.9, 4, 24, 25]),
    st.fixed_dictionaries(
        {},
        optional={
            "tick_ms": st.sampled_from([0, 1000, 1001]),
            "latency_p99_ms": st.sampled_from([None, 999, 1000]),
            "profile": st.sampled_from(["live", "paper"]),
            "evidence": st.sampled_from(["e", "x"]),
            "gap_ms": st.sampled_from([0, 8_640_000, 20_000_000]),
        },
    ),
    st.booleans(),
    st.sampled_from([None, SIGNED, NOW]),
    st.sampled_from([1, 3]),
)
def test_renewal_says_yes_only_where_young_evidence_of_the_same_content_would(
    values: list[D], hours: float, row: dict[str, Any], held: bool, since: int | None, stage: int
) -> None:
    texts = [str(one) for one in values]
    live = stretch("live", texts, hours=hours, **row)
    hosted = beside(live, texts)
    paper, ghost = stretch("paper", texts, hours=hours, **row), stretch("ghost", texts, hours=hours, **row)  # fmt: skip
    for one in (live, paper):
        one.held = {"XRP/USDT": D(int(held))}
    found = (live, hosted)
    ghosts, lives = ghosts_of(found, DEMAND, since), lives_of(found, DEMAND, since)
    plain = [sort_out((one,), one.mode, DEMAND) for one in (ghost, paper)]
    renewed = (
        gates.ghost(ghosts, stage=stage).ok,
        gates.paper(unless_they_lose(lives, found, DEMAND), stage=stage).ok,
        gates.stability(ghosts, lives).ok,
    )
    young = (
        gates.ghost(plain[0], stage=stage).ok,
        gates.paper(plain[1], stage=stage).ok,
        gates.stability(*plain).ok,
    )
    assert all(one <= other for one, other in zip(renewed, young, strict=True))
    if since == SIGNED and not held and row.get("evidence", "e") == "e":
        assert renewed == young


# -- while something is held -----------------------------------------------------------------------------


def test_a_live_run_that_holds_something_is_judged_up_to_when_it_was_flat() -> None:
    live = stretch("live", [*WON, "9"], hours=10)
    live.rows.insert(1, replace(live.rows[0], wall=live.begun + 5 * HOUR_MS))
    live.held, live.opened = {"XRP/USDT": D(1)}, (5, live.begun + 5 * HOUR_MS)
    cut = up_to_flat(live)
    assert (cut.length, list(cut.trades), cut.open) == (5 * HOUR_MS, [0, 1, 2, 3, 4], ())
    assert paper_of(live).ok
    live.opened = (5, live.begun + 5 * HOUR_MS - 1)  # an hour earlier was the last row: too short
    assert not paper_of(live).ok
    live.opened = (4, live.begun + 5 * HOUR_MS)
    assert paper_of(live).reasons == ("4 profitable trades",)


def test_one_that_never_was_flat_has_something_open_at_its_end() -> None:
    live = stretch("live", WON)
    live.held = {"XRP/USDT": D(1)}
    assert up_to_flat(live) is live
    assert paper_of(live).reasons == ("XRP/USDT open at its end",)


# -- since when a sign-off has stood -----------------------------------------------------------------------

SIGN = SignedOff(
    "Ada", "owner", "w" * 20, (), "e", "c", "{}", "50", 1, "1:ab", "sha", "fp"
)  # fmt: skip
GROUND = Ground("e", "{}", NOW)


def since_of(*facts: tuple[int, Any], **ground: Any) -> int | None:
    """Return since when a sign-off stands, of facts each so many days before now, in days before now."""
    rows = [
        Said(seq, "", 0, NOW - days * DAY_MS, fact) for seq, (days, fact) in enumerate(facts, 1)
    ]
    found = standing_since(rows, replace(GROUND, **ground))
    return None if found is None else (NOW - found) // DAY_MS


BOB, EVE, DAN = (replace(SIGN, name=name) for name in ("Bob", "Eve", "Dan"))
LOST = Halted(1, "signoff_loss", "", 1)
INCIDENT = IncidentOpened(1, "ban", "", NOW)


@pytest.mark.parametrize(
    ("facts", "since"),
    [
        ([], None),
        ([(9, SIGN)], None),
        ([(9, SIGN), (8, BOB)], 8),
        ([(9, SIGN), (8, BOB), (2, EVE)], 8),
        ([(29, SIGN), (29, BOB)], 29),
        ([(30, SIGN), (30, BOB)], None),
        ([(45, SIGN), (45, BOB), (9, SIGN), (8, BOB)], 8),  # nothing stood for a week
        ([(40, SIGN), (40, BOB), (12, EVE), (12, DAN)], 40),  # without a break
        ([(40, SIGN), (38, BOB), (12, EVE), (3, DAN)], 3),
        ([(9, SIGN), (9, BOB), (5, SignoffRevoked("Ada", "no"))], None),
        ([(9, SIGN), (9, BOB), (5, SignoffRevoked("Ada", "no")), (4, SIGN), (4, BOB)], 4),
        ([(9, SIGN), (9, BOB), (4, SignoffRevoked("Ada", "no")), (4, SIGN), (4, BOB)], 4),
        ([(9, SIGN), (9, BOB), (5, LOST), (4, SIGN), (3, BOB)], 3),
        ([(9, SIGN), (9, BOB), (5, INCIDENT)], None),
        ([(9, SIGN), (9, BOB), (5, Halted(1, "user", "", 1))], 9),
        ([(9, SIGN), (9, replace(BOB, evidence="x"))], None),
        ([(9, SIGN), (9, replace(BOB, limits='{"a":1}'))], None),
        ([(9, SIGN), (9, replace(SIGN, name="ADA"))], None),
    ],
)  # fmt: skip
def test_since_when_a_sign_off_stands(facts: list[tuple[int, Any]], since: int | None) -> None:
    assert since_of(*facts) == since


@pytest.mark.parametrize(
    "ground",
    [{"broken": "cut"}, {"weak": True}, {"weak_until": 1}, {"place": "x"}, {"evidence": "x"}, {"limits": "x"}],
)  # fmt: skip
def test_a_sign_off_for_something_else_is_none(ground: dict[str, Any]) -> None:
    assert since_of((9, SIGN), (9, BOB)) == 9
    assert since_of((9, SIGN), (9, BOB), **ground) is None


@pytest.mark.parametrize(("more", "stands"), [(-1, True), (0, False), (1, False)])
def test_it_lapses_after_thirty_days_to_the_millisecond(more: int, stands: bool) -> None:
    rows = [Said(seq, "", 0, NOW - AGE - more, fact) for seq, fact in enumerate((SIGN, BOB), 1)]
    assert (standing_since(rows, GROUND) is not None) is stands


# -- whom a ghost ran beside -----------------------------------------------------------------------------


def begun(mode: str, wall: int, *facts: Any, number: int = 1) -> list[tuple[str, Any]]:
    run = f"{mode}-{number:04d}"
    first = RunBegun(
        number, mode, "live", "m", None, json.dumps({"sim": {}}), "c", "s", "h", "n", "i", "1"
    )
    return [(run, first), *((run, replace(ROW, wall=wall)) for _ in range(1)), *((run, one) for one in facts)]  # fmt: skip


def test_a_ghost_is_known_to_have_run_beside_the_live_run_of_its_start() -> None:
    told = [
        *begun("ghost", NOW, RunEnded("ended", None, None)),
        *begun("ghost", NOW + 5, number=2),
        *begun("live", NOW + 5),
        *begun("paper", NOW + 9),
        *begun("ghost", NOW + 9, number=3),
    ]
    rows = [Said(seq, run, 0, NOW, fact) for seq, (run, fact) in enumerate(told, 1)]
    hosts = {one.run: one.host for one in stretches_of(Told(rows), alive=True)}
    assert hosts == {
        "ghost-0001": "",
        "ghost-0002": "live-0001",
        "ghost-0003": "",
        "live-0001": "",
        "paper-0001": "",
    }


# -- what is left out of what is recorded ------------------------------------------------------------------

RECORDED = BacktestRecorded("e", "own", (), (), (), 5, "{}", "0.1.0")
PLAYED = DrillPlayed("e", "s", "1", "c", "{}", (), (), 0, 0, "[]")


def test_backtests_and_drills_that_do_not_count_say_why() -> None:
    facts: list[BacktestRecorded | DrillPlayed] = [
        replace(RECORDED, weak_key=True), replace(RECORDED, evidence="f00d"), RECORDED,
        replace(PLAYED, weak_key=True), replace(PLAYED, evidence="f00d"), replace(PLAYED, version="0"), PLAYED,
    ]  # fmt: skip
    rows = [Said(seq, "", 0, NOW, fact) for seq, fact in enumerate(facts, 1)]
    weak, other = backtests_left_out(rows, DEMAND, 0)
    assert weak.run == "backtest of 2026-11-18T11:06:40Z"
    assert (weak.reasons, other.reasons) == ((WEAK,), ("its evidence hash is another one (f00d)",))
    found = [one.reasons for one in drills_left_out(rows, DrillTerms("e", "1", "{}", "", ""), 0)]
    assert found == [(WEAK,), other.reasons, ("it was played by version 0",)]
    assert len(backtests_left_out(rows, DEMAND, 7)) == 3


def test_a_run_that_never_said_where_its_prices_came_from_is_told() -> None:
    told = [(run, fact) for run, fact in begun("paper", NOW) if not isinstance(fact, Provenance)]
    rows = [Said(seq, run, 0, NOW, fact) for seq, (run, fact) in enumerate([*told, *begun("ghost", NOW)], 1)]  # fmt: skip
    (left,) = runs_unseen(rows, "paper", DEMAND)
    assert left.run == "paper-0001"
    assert left.reasons == ("it ended before it was known where its prices came from",)
    assert runs_unseen(rows, "ghost", DEMAND) == ()
