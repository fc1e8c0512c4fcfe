"""The gates as pure functions: each at its bound, one below and one above; and what makes a stretch count."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
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
    Provenance,
    SignedOff,
    SignoffRevoked,
)
from tradebot.journal.rows import RunBegun
from tradebot.journal.testimony import Said
from tradebot.journal.testimony import Testimony as Told
from tradebot.reports.readiness import gates
from tradebot.reports.readiness.drilled import DrillTerms
from tradebot.reports.readiness.signoffs import Ground, reviewers, signatures
from tradebot.reports.readiness.spelled import folded
from tradebot.reports.readiness.stretches import (
    Demand,
    Stretch,
    left_out,
    standing_halts,
)
from tradebot.reports.readiness.verdict import GateVerdict, Sorted, sort_out

NOW = 1_795_000_000_000
REST, STREAM = ("fapi.binance.com", "52.84.1.1"), ("fstream.binance.com", "52.84.1.2")
ROW = Provenance(
    nonce="n", why="start", environment="live", rest=(REST,), stream=(STREAM,), orders=(),
    source="BINANCE USD-M", speed="1", profile="live", wall=NOW, market=NOW, skew_ms=0, up_ms=0, gap_ms=0,
    gaps=0, longest_gap_ms=0, version="0.1.0", evidence="e", tick_ms=0, latency_p99_ms=10,
)  # fmt: skip
DEMAND = Demand("e", NOW)


def stretch(
    mode: str = "paper", hours: float = 24, results: Sequence[str] = (), **row: Any
) -> Stretch:
    """Return a stretch that ends now; ``row`` is said in all its rows."""
    begun = NOW - round(hours * HOUR_MS)
    rows = [replace(ROW, **row, wall=begun), replace(ROW, why="end", **row)]
    values = {number: D(text) for number, text in enumerate(results)}
    one = Stretch("run-1", mode, "local", "n", rows, running=False)
    one.trades, one.outcomes = (values, {}) if mode == "paper" else ({}, values)
    return one


def counted(*stretches: Stretch) -> Sorted:
    return Sorted(stretches, ())


def won(count: int, lost: int = 0, win: str = "2", loss: str = "-1") -> list[str]:
    return [win] * count + [loss] * lost


# -- paper ------------------------------------------------------------------------------------------

PAPER: dict[str, tuple[Stretch, bool]] = {
    "4 trades": (stretch(results=won(4)), False),
    "5 trades": (stretch(results=won(5)), True),
    "6 trades": (stretch(results=won(6)), True),
    "5 of which one came to nothing": (stretch(results=[*won(4), "0"]), False),
    "a ms short of 4 h": (stretch(hours=4 - 1 / HOUR_MS, results=won(5)), False),
    "4 h": (stretch(hours=4, results=won(5)), True),
    "a ms over 4 h": (stretch(hours=4 + 1 / HOUR_MS, results=won(5)), True),
    "PnL 0": (stretch(results=won(5, 10)), False),
    "PnL a hundredth above": (stretch(results=[*won(5, 9), "-0.99"]), True),
    "PnL a hundredth below": (stretch(results=[*won(5, 9), "-1.01"]), False),
    "p99 999 ms": (stretch(results=won(5), latency_p99_ms=999), True),
    "p99 1000 ms": (stretch(results=won(5), latency_p99_ms=1000), False),
    "p99 1001 ms": (stretch(results=won(5), latency_p99_ms=1001), False),
    "p99 unknown": (stretch(results=won(5), latency_p99_ms=None), False),
}


@pytest.mark.parametrize("case", PAPER)
def test_paper(case: str) -> None:
    one, ok = PAPER[case]
    verdict = gates.paper(counted(one))
    assert (verdict.ok, not verdict.reasons) == (ok, ok), verdict
    assert verdict.runs == ("run-1",)


STAGE_3: dict[str, tuple[list[str], bool]] = {
    "9 profitable": (won(9), False),
    "10 profitable": (won(10), True),
    "11 profitable": (won(11), True),
    "60 % won": (won(12, 8), False),
    "just above 60 %": (won(61, 40, "2", "-1"), True),
    "59 % won": (won(59, 41), False),
    "average win equals average loss": (won(20, 5, "2", "-2"), False),
    "average win a hundredth above": (won(20, 5, "2.01", "-2"), True),
    "average win a hundredth below": (won(20, 5, "1.99", "-2"), False),
}


@pytest.mark.parametrize("case", STAGE_3)
def test_paper_in_stage_3(case: str) -> None:
    results, ok = STAGE_3[case]
    assert gates.paper(counted(stretch(results=results)), stage=3).ok is ok


def test_paper_wants_nothing_open_at_its_end() -> None:
    one = stretch(results=won(5))
    one.held = {"XRP/USDT": D("1"), "BTC/USDT": D(0)}
    verdict = gates.paper(counted(one))
    assert verdict.reasons == ("XRP/USDT open at its end",)
    one.held["XRP/USDT"] = D("0E-8")
    assert gates.paper(counted(one)).ok


def test_nothing_is_added_up_across_stretches() -> None:
    short = stretch(hours=2, results=won(5))
    few = stretch(hours=4, results=won(3))
    verdict = gates.paper(counted(short, few, short))
    assert not verdict.ok
    assert len(verdict.reasons) == 1
    assert gates.paper(counted(few, stretch(results=won(5)), short)).ok


def test_how_long_it_takes_at_least() -> None:
    assert gates.paper(counted()).wait_s == 4 * 3600
    running = stretch(hours=3, results=won(5))
    assert gates.paper(counted(running)).wait_s == 4 * 3600  # it has ended: another is needed
    running.running = True
    assert gates.paper(counted(running)).wait_s == 3600
    assert gates.paper(counted(stretch(results=won(5)))).wait_s == 0
    assert gates.stability(counted(), counted()).wait_s == 24 * 3600


# -- ghost ------------------------------------------------------------------------------------------

GHOST: dict[str, tuple[Stretch, bool]] = {
    "99 outcomes": (stretch("ghost", results=won(60, 39)), False),
    "100 outcomes": (stretch("ghost", results=won(60, 40)), True),
    "101 outcomes": (stretch("ghost", results=won(60, 41)), True),
    "54 % right": (stretch("ghost", results=won(54, 46)), False),
    "55 % right": (stretch("ghost", results=won(55, 45)), False),
    "56 % right": (stretch("ghost", results=won(56, 44)), True),
    "one that came to nothing is not right": (stretch("ghost", results=[*won(55, 44), "0"]), False),
    "a ms short of a day": (stretch("ghost", 24 - 1 / HOUR_MS, won(60, 40)), False),
    "a day": (stretch("ghost", 24, won(60, 40)), True),
    "a ms over a day": (stretch("ghost", 24 + 1 / HOUR_MS, won(60, 40)), True),
    "average win equals average loss": (stretch("ghost", results=won(60, 40, "1", "-1")), False),
    "average win a hundredth above": (stretch("ghost", results=won(60, 40, "1.01", "-1")), True),
    "average win a hundredth below": (stretch("ghost", results=won(60, 40, "0.99", "-1")), False),
    "all right": (stretch("ghost", results=won(100)), True),
    "none right": (stretch("ghost", results=won(0, 100)), False),
}


@pytest.mark.parametrize("case", GHOST)
def test_ghost(case: str) -> None:
    one, ok = GHOST[case]
    verdict = gates.ghost(counted(one))
    assert verdict.ok is ok, verdict
    assert "Wilson" in verdict.have


@pytest.mark.parametrize(("count", "ok"), [(199, False), (200, True), (201, True)])
def test_ghost_in_stage_3(count: int, ok: bool) -> None:
    one = stretch("ghost", results=won(120, count - 120))
    assert gates.ghost(counted(one), stage=3).ok is ok
    assert gates.ghost(counted(one)).ok


@given(st.lists(st.decimals(-5, 5, places=2), min_size=95, max_size=130))
def test_the_gate_agrees_with_ten_lines(values: list[D]) -> None:
    one = stretch("ghost")
    one.outcomes = dict(enumerate(values))
    wins, losses = [v for v in values if v > 0], [-v for v in values if v < 0]
    enough = len(values) >= 100 and len(wins) / len(values) > 0.55 + 1e-12
    pays = bool(wins) and (not losses or sum(wins) * len(losses) > sum(losses) * len(wins))
    assert gates.ghost(counted(one)).ok is (enough and pays)


# -- stability ----------------------------------------------------------------------------------------

STEADY: dict[str, tuple[Stretch, Stretch, bool]] = {
    "both": (stretch("ghost", 24), stretch(hours=4), True),
    "a ghost a ms short": (stretch("ghost", 24 - 1 / HOUR_MS), stretch(hours=4), False),
    "paper a ms short": (stretch("ghost", 24), stretch(hours=4 - 1 / HOUR_MS), False),
    "a tick of 999 ms": (stretch("ghost", tick_ms=999), stretch(), True),
    "a tick of 1000 ms": (stretch("ghost", tick_ms=1000), stretch(), True),
    "a tick of 1001 ms": (stretch("ghost", tick_ms=1001), stretch(), False),
    "a late tick of paper's": (stretch("ghost"), stretch(tick_ms=1001), False),
}


@pytest.mark.parametrize("case", STEADY)
def test_stability(case: str) -> None:
    ghost, paper, ok = STEADY[case]
    assert gates.stability(counted(ghost), counted(paper)).ok is ok


def test_stability_wants_no_crash() -> None:
    ghost, paper = stretch("ghost"), stretch()
    ghost.broke = "its process ended without a word"
    verdict = gates.stability(counted(ghost), counted(paper))
    assert verdict.reasons == ("ghost: it broke off: its process ended without a word",)
    assert gates.stability(counted(stretch("ghost"), ghost), counted(paper)).ok


# -- backtest, walls, checks ------------------------------------------------------------------------------

RECORDED = BacktestRecorded(
    "e", "own", (("BTCUSDT-1m.csv", "ab"),), (("BTC/USDT", "30"), ("ETH/USDT", "31")), (), 5, "{}", "0.1.0"
)  # fmt: skip


@pytest.mark.parametrize(
    ("days", "ok"), [("29", False), ("29.99", False), ("30", True), ("31", True)]
)
def test_backtest_wants_thirty_days_of_each_symbol(days: str, ok: bool) -> None:
    one = replace(RECORDED, spans=(("BTC/USDT", days), ("ETH/USDT", "31")))
    assert gates.backtest([one], "e", ["BTC/USDT", "ETH/USDT"]).ok is ok
    assert gates.backtest([one], "e", ["ETH/USDT"]).ok


def test_backtest_wants_this_hash_and_a_clean_check() -> None:
    both = ["BTC/USDT", "ETH/USDT"]
    assert not gates.backtest([], "e", both).ok
    assert not gates.backtest([RECORDED], "other", both).ok
    dirty = replace(RECORDED, findings=("it opens data.csv while it runs",))
    assert not gates.backtest([RECORDED, dirty], "e", both).ok  # the newest one counts
    assert gates.backtest([dirty, RECORDED, replace(dirty, evidence="x")], "e", both).ok
    assert gates.backtest([RECORDED], "e", [*both, "XRP/USDT"]).reasons == ("XRP/USDT: 0 days",)


@pytest.mark.parametrize(("more", "ok"), [(-1, True), (0, True), (1, False)])
def test_a_backtest_may_be_thirty_days_old(more: int, ok: bool) -> None:
    both = ["BTC/USDT", "ETH/USDT"]
    assert gates.backtest([RECORDED], "e", both, age_ms=30 * DAY_MS + more).ok is ok


WANTED = ("crash", "ban")
TERMS = DrillTerms("e", "1", "{}", "", "")
BOTH_OK = (("crash", "ok"), ("ban", "ok"))


def drilled(*rows: tuple[int, tuple[tuple[str, str], ...]], **parts: Any) -> GateVerdict:
    """Return what the gate says of drills: each when it was played, before now, and how each scenario went."""
    one = DrillPlayed("e", "s", "1", "c", "{}", (), (), 0, 0, "[]")
    played = [(NOW - ago, replace(one, scenarios=rest, **parts)) for ago, rest in rows]
    return gates.drill(played, WANTED, TERMS, NOW)


@pytest.mark.parametrize(("more", "ok"), [(-1, True), (0, True), (1, False)])
def test_a_drill_may_be_seven_days_old(more: int, ok: bool) -> None:
    found = drilled((7 * DAY_MS + more, BOTH_OK))
    assert found.ok is ok
    assert ok or found.reasons == ("played more than 7 days ago: crash, ban",)


def test_a_drill_wants_every_scenario_of_this_version_and_hash() -> None:
    assert drilled((0, BOTH_OK)).ok
    nothing = "none is on record with this version, hash, limits, [execution] and journal"
    assert drilled().reasons == (nothing,)
    for part in ("evidence", "version", "limits", "execution", "place"):
        assert drilled((0, BOTH_OK), **{part: "other"}).reasons == (nothing,), part
    assert drilled((0, BOTH_OK), config_hash="other").ok
    assert drilled((0, BOTH_OK[:1])).reasons == ("not played: ban",)
    assert drilled((0, (("crash", "ok"), ("ban", "naked for 9 s")))).reasons == (
        "ban: naked for 9 s",
    )
    doubted = gates.drill([], WANTED, TERMS, NOW, ("the journal does not verify: x",))
    assert doubted.reasons == ("the journal does not verify: x",)


def test_the_newest_play_of_each_scenario_counts() -> None:
    failed = (("ban", "it entered"),)
    assert drilled((9, (("crash", "ok"), ("ban", "it entered"))), (5, BOTH_OK[1:])).ok
    assert drilled((9, BOTH_OK), (5, failed)).reasons == ("ban: it entered",)
    assert not drilled((5, failed), (9, BOTH_OK)).ok  # a good one of before, posted once more
    old = drilled((8 * DAY_MS, BOTH_OK), (5, BOTH_OK[1:]))
    assert old.reasons == ("played more than 7 days ago: crash",)


def test_walls_and_checks() -> None:
    assert gates.walls([]).ok
    assert gates.walls(["live-0001 is halted: user"]).reasons == ("live-0001 is halted: user",)
    assert gates.checked("keys", "x", [], "y").ok
    failed = gates.checked("keys", "x", [("key rights", "it can withdraw")], "y")
    assert (failed.ok, failed.reasons) == (False, ("key rights: it can withdraw",))
    assert not gates.parity().ok
    assert gates.parity("").ok
    assert (gates.parity("").todo, gates.parity("").wait_s) == ("", 0)
    differs = gates.parity("paper-0001 comes out otherwise", ("paper-0001", "ghost-0001"))
    assert differs.todo.startswith("tradebot replay RUN says what differs; another run")
    assert differs.wait_s == 24 * 3600
    none = gates.no_parity(("paper-0001",))
    assert (none.ok, none.reasons) == (False, ("no paper and ghost run that counts",))
    assert (none.todo, none.wait_s) == (gates.BOTH, 24 * 3600)


def begun(venue: str, url: str = "") -> RunBegun:
    config = json.dumps({"exchange": {"url": url}})
    return RunBegun(1, "live", venue, "m", None, config, "c", "s", "h", "n", "i", "0.1.0")


@pytest.mark.parametrize(
    ("after", "stands"),
    [
        ([], True),
        ([begun("demo")], True),
        ([begun("live", "http://127.0.0.1:80")], True),
        ([begun("live")], False),
    ],
)
def test_a_run_elsewhere_clears_no_halt(after: list[RunBegun], stands: bool) -> None:
    facts: list[tuple[str, Any]] = [
        ("live-1", begun("live")),
        ("live-1", Halted(1, "day_loss", "", 1)),
    ]
    facts += [(f"live-{number}", fact) for number, fact in enumerate(after, 2)]
    told = Told([Said(seq, run, 0, NOW, fact) for seq, (run, fact) in enumerate(facts, 1)])
    assert standing_halts(told, "live", "live")[1] == (("day_loss",) if stands else ())
    assert standing_halts(told, "live", "demo")[1] == ()


# -- what counts ------------------------------------------------------------------------------------------

LEFT_OUT: dict[str, tuple[Stretch, str]] = {
    "embedded": (stretch(environment="embedded", rest=(), stream=()), "the embedded market's"),
    "files": (stretch(environment="files", rest=(), stream=()), "came from files"),
    "loopback": (stretch(rest=(("", "127.0.0.1"),)), "from this machine (127.0.0.1)"),
    "the real name at loopback": (stretch(stream=((STREAM[0], "::1"),)), "from this machine (::1)"),
    "a private network": (stretch(rest=((REST[0], "10.1.2.3"),)), "a private address"),
    "demo": (stretch(rest=(("demo-fapi.binance.com", "52.84.1.1"),)), "Binance's demo"),
    "nobody's host": (stretch(rest=(("", "52.84.1.1"),)), "not Binance's (no verified host"),
    "one of several": (stretch(rest=(REST, ("", "127.0.0.1"))), "from this machine"),
    "no stream": (stretch(stream=()), "not connected all the time"),
    "speed 2": (stretch(speed="2"), "ran at speed 2"),
    "speed max": (stretch(speed="max"), "ran at speed max"),
    "paper's profile": (stretch(profile="paper"), 'profile was "paper"'),
    "another hash": (stretch(evidence="f00d"), "another one (f00d)"),
    "no hash": (stretch(evidence=""), "another one (none)"),
    "a clock 2001 ms off": (stretch(skew_ms=2001), "2.0 s off"),
    "a gap above 10 %": (stretch(hours=10, gap_ms=HOUR_MS + 1), "silent for 10.0 %"),
    "a gap of 11 %": (stretch(hours=100, gap_ms=11 * HOUR_MS), "silent for 11.0 %"),
}
COUNT: dict[str, Stretch] = {
    "as it should be": stretch(),
    "a clock 2000 ms off": stretch(skew_ms=2000),
    "a gap of 10 %": stretch(hours=10, gap_ms=HOUR_MS),
    "several hosts of the exchange": stretch(rest=(REST, ("api.binance.com", "52.84.1.9"))),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_does_not_count(case: str) -> None:
    one, words = LEFT_OUT[case]
    (reason,) = left_out(one, DEMAND)
    assert words in reason


@pytest.mark.parametrize("case", COUNT)
def test_what_counts(case: str) -> None:
    assert left_out(COUNT[case], DEMAND) == ()


@pytest.mark.parametrize(
    ("later", "ok"), [(30 * DAY_MS - 1, True), (30 * DAY_MS, True), (30 * DAY_MS + 1, False)]
)
def test_what_is_too_old(later: int, ok: bool) -> None:
    assert (left_out(stretch(), Demand("e", NOW + later)) == ()) is ok


def test_what_ends_in_the_future_does_not_count() -> None:
    assert left_out(stretch(), Demand("e", NOW - 10_000)) == ("it ends in the future",)


def test_a_chain_that_proves_nothing_counts_for_nothing() -> None:
    (broken,) = left_out(stretch(), Demand("e", NOW, broken="its row 7 is not as it was written"))
    (weak,) = left_out(stretch(), Demand("e", NOW, weak=True))
    assert "row 7" in broken
    assert "beside the journal" in weak


def test_an_unexplained_difference_does_not_count() -> None:
    one = stretch()
    one.differs = "ledger"
    assert left_out(one, DEMAND) == ("account and ledger differed in it (ledger)",)


def test_each_run_is_told_once_with_all_its_reasons() -> None:
    found = sort_out([stretch(speed="2"), stretch(profile="paper"), stretch(), stretch("ghost")], "paper", DEMAND)  # fmt: skip
    assert len(found.counted) == 1
    (out,) = found.left_out
    assert len(out.reasons) == 2


# -- sign-offs ----------------------------------------------------------------------------------------------

SIGNED = SignedOff(
    "Ada", "owner", "w" * 20, (), "e", "c", "{}", "50", 1, "1:ab", "sha", "fp"
)  # fmt: skip
GROUND = Ground("e", "{}", NOW)


def said(fact: Any, seq: int, wall: int = NOW) -> Said:
    return Said(seq, "", 0, wall, fact)


def judged(*facts: Any, ground: Ground = GROUND) -> GateVerdict:
    rows = [said(fact, number) for number, fact in enumerate(facts, 1)]
    return reviewers(signatures(rows, ground))


def other(name: str = "Bob", **parts: Any) -> SignedOff:
    return replace(SIGNED, name=name, **parts)


@pytest.mark.parametrize(
    ("facts", "ok"),
    [
        ([], False),
        ([SIGNED], False),
        ([SIGNED, other()], True),
        ([SIGNED, other(), other("Eve")], True),
        ([SIGNED, other("ADA")], False),
        ([SIGNED, other(" a d a ")], False),
        ([SIGNED, other(evidence="x")], False),
        ([SIGNED, other(limits='{"a":1}')], False),
        ([SIGNED, other(), SignoffRevoked("Ada", "no")], False),
        ([SIGNED, SignoffRevoked("Ada", "no"), other()], False),
        ([SIGNED, other(), SignoffRevoked("Ada", "no"), SIGNED, other()], True),
    ],
)
def test_two_people_sign(facts: list[Any], ok: bool) -> None:
    assert judged(*facts).ok is ok


@pytest.mark.parametrize(
    ("later", "ok"), [(30 * DAY_MS - 1, True), (30 * DAY_MS, False), (-1, False)]
)
def test_a_sign_off_lapses_with_time(later: int, ok: bool) -> None:
    assert judged(SIGNED, other(), ground=Ground("e", "{}", NOW + later)).ok is ok


def test_a_sign_off_lapses_with_the_approved_loss_and_with_its_chain() -> None:
    from tradebot.core.model.effects import Halted

    assert judged(SIGNED, other(), Halted(1, "user", "", 1)).ok
    assert not judged(SIGNED, other(), Halted(1, "signoff_loss", "", 1)).ok
    assert judged(Halted(1, "signoff_loss", "", 1), SIGNED, other()).ok
    assert not judged(SIGNED, other(), ground=replace(GROUND, broken="cut")).ok
    assert not judged(SIGNED, other(), ground=replace(GROUND, weak=True)).ok


@given(st.text(max_size=12), st.text(alphabet=" \t\n\u2003", max_size=3))
def test_case_and_space_make_no_other_person(name: str, space: str) -> None:
    assert folded(space + name + space) == folded(name) == folded(folded(name))


@pytest.mark.parametrize(
    "name",
    ["Jose\u0301 Lo\u0301pez", "Jos\u00e9\u200bL\u00f3pez", "\u202eJos\u00e9 L\u00f3pez", "\uff2aos\u00e9 L\u00f3pez", "Jos\u00e9\u3164L\u00f3pez\ufe0f"],
)  # fmt: skip
def test_how_letters_are_composed_and_what_cannot_be_seen_make_no_other_person(name: str) -> None:
    assert folded(name) == folded("Jos\u00e9 L\u00f3pez")
    assert not judged(other("Jos\u00e9 L\u00f3pez"), other(name)).ok


def test_letters_do_make_another_person() -> None:
    assert (
        len(
            {
                folded(name)
                for name in ("\u0930\u093e\u092e", "\u0930\u094b\u092e", "Ren\u00e9", "Rene")
            }
        )
        == 4
    )
    assert folded("\u200b\u3164 \u2800") == ""


Gate = Callable[[Sorted], GateVerdict]


@pytest.mark.parametrize("gate", [gates.paper, gates.ghost])
def test_without_a_run_that_counts_nothing_passes(gate: Gate) -> None:
    verdict = gate(counted())
    assert (verdict.ok, verdict.reasons, verdict.runs) == (False, ("no run counts yet",), ())
    assert verdict.todo
