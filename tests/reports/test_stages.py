"""Live's stages by the rows of the chain: each condition at its bound, one below and one above; up by a person, down by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.effects import Halted, TradeClosed, TradeReopened
from tradebot.core.model.times import of_iso
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS
from tradebot.journal.facts import (
    Demoted,
    IncidentClosed,
    IncidentOpened,
    Provenance,
    Reviewed,
    SignoffRevoked,
    StageRaised,
)
from tradebot.journal.rows import RunBegun, RunEnded, RunResumed
from tradebot.journal.testimony import Said
from tradebot.reports.readiness.signoffs import Ground
from tradebot.reports.readiness.stages import LiveStage, stage_of, written_cap

MONDAY = of_iso("2026-11-02")
WEEK = 7 * DAY_MS
LOSS = D(5)
REST, STREAM = ("fapi.binance.com", "52.84.1.1"), ("fstream.binance.com", "52.84.1.2")
ROW = Provenance(
    nonce="n", why="start", environment="live", rest=(REST,), stream=(STREAM,), orders=(REST,),
    source="BINANCE USD-M", speed="1", profile="live", wall=0, market=0, skew_ms=0, up_ms=0, gap_ms=0,
    gaps=0, longest_gap_ms=0, version="0.1.0", evidence="e", terminal=True, stage=1,
)  # fmt: skip
BEGUN = RunBegun(
    num=1, mode="live", venue="live", market="BINANCE USD-M", seed=None, config="{}", config_hash="c",
    strategy="s", strategy_hash="h", nonce="n", instance="i", version="0.1.0",
)  # fmt: skip
TRADE = TradeClosed(
    id=0, at=0, symbol="XRP/USDT", side="long", qty=D(10), entry_time=0, entry_price=D(2), exit_time=0,
    exit_price=D(2), fees=D("0.02"), funding=D(0), pnl=D(1), exit_reason="target", stop=D("1.9"),
)  # fmt: skip


@dataclass
class Tale:
    """Rows as a journal would have them; ``now`` goes on by itself, a minute a row at least."""

    now: int = MONDAY - 3 * DAY_MS
    rows: list[Said] = field(default_factory=list)
    trades: int = 0
    row: dict[str, Any] = field(default_factory=dict)

    def say(self, fact: Any, run: str = "live-0001") -> Tale:
        self.now += MINUTE_MS
        self.rows.append(Said(len(self.rows) + 1, run, self.now, self.now, fact))
        return self

    def begin(self, **row: Any) -> Tale:
        self.row = row
        return self.say(BEGUN).seen("start")

    def seen(self, why: str = "hourly") -> Tale:
        return self.say(replace(ROW, **{"why": why, "wall": self.now, **self.row}))

    def trade(self, pnl: str = "1", at: int | None = None, **parts: Any) -> Tale:
        """Close a trade, a minute after it was opened, and see that the run goes on."""
        self.now = self.now if at is None else max(self.now, at - 2 * MINUTE_MS)
        self.trades += 1
        opened = self.now + MINUTE_MS if at is None else at - MINUTE_MS
        closed = opened + MINUTE_MS
        more: dict[str, Any] = {"entry_time": opened, "exit_time": closed, **parts}
        self.say(replace(TRADE, id=self.trades, pnl=D(pnl), **more))
        return self.seen()

    def raised(self, stage: int, **parts: Any) -> Tale:
        return self.say(StageRaised(**{"stage": stage, "name": "Ada", "words": "w", "evidence": "e", **parts}))  # fmt: skip

    def until(self, at: int) -> Tale:
        self.now = max(self.now, at)
        return self

    def standing(self, now: int | None = None, **ground: Any) -> LiveStage:
        known = {"evidence": "e", "limits": "", "now": self.now if now is None else now, **ground}
        return stage_of(self.rows, Ground(**known), LOSS)

    @property
    def stage(self) -> int:
        return self.standing().stage


def begun(**row: Any) -> Tale:
    return Tale().begin(**row)


def in_stage_2(since: int = MONDAY - 2 * DAY_MS) -> Tale:
    """A run that is in stage 2 since a moment, to the millisecond."""
    tale = Tale(since - 2 * DAY_MS).begin()
    for _ in range(3):
        tale.trade()
    return tale.until(since - MINUTE_MS).raised(2)


def week(tale: Tale, results: Sequence[str], monday: int = MONDAY) -> Tale:
    """Close trades on the days of a week."""
    for number, pnl in enumerate(results):
        tale.trade(pnl, at=monday + number * 20 * HOUR_MS + HOUR_MS)
    return tale.until(monday + WEEK)


def in_stage_3(**parts: Any) -> Tale:
    return week(in_stage_2(), ["1"] * 5).raised(3, **parts)


# -- to stage 2 -------------------------------------------------------------------------------------

LOSSES = {"a hundredth within": ("-4.99", 2), "at the loss": ("-5", 2), "over it": ("-5.01", 1)}


@pytest.mark.parametrize(("count", "stage"), [(0, 1), (2, 1), (3, 2), (4, 2)])
def test_three_successful_trades_and_a_word(count: int, stage: int) -> None:
    tale = begun()
    for _ in range(count):
        tale.trade()
    before = tale.standing()
    assert (before.stage, before.ready) == (1, stage == 2)
    assert before.have == f"{min(count, 3)} of 3"
    assert "3 successful trades" in before.needed
    assert tale.raised(2).stage == stage


@pytest.mark.parametrize("case", LOSSES)
def test_a_trade_may_lose_what_a_trade_may_lose(case: str) -> None:
    pnl, stage = LOSSES[case]
    assert begun().trade().trade().trade(pnl).raised(2).stage == stage


UNCOUNTED: dict[str, dict[str, Any]] = {
    "not on a terminal": {"terminal": False},
    "another hash": {"evidence": "f"},
    "orders to this machine": {"orders": (("", "127.0.0.1"),)},
    "orders to the demo": {"orders": (("demo-fapi.binance.com", "52.84.1.1"),)},
    "orders nowhere": {"orders": ()},
    "prices of this machine": {"stream": (("", "127.0.0.1"),)},
    "the real name on this machine": {"orders": (("fapi.binance.com", "127.0.0.1"),)},
    "profile paper": {"profile": "paper"},
    "speed 2": {"speed": "2"},
    "clock 2001 ms off": {"skew_ms": 2001},
    "a weak key": {"weak_key": True},
}


@pytest.mark.parametrize("case", UNCOUNTED)
def test_what_no_trade_counts_in(case: str) -> None:
    tale = begun(**UNCOUNTED[case]).trade().trade().trade().trade()
    assert tale.standing().have == "0 of 3"
    assert tale.raised(2).stage == 1


@pytest.mark.parametrize(
    "parts", [{"stop": None}, {"pnl": "-6"}, {"entry_time": 0}], ids=["no stop", "loss", "before"]
)
def test_a_trade_that_was_no_success(parts: dict[str, Any]) -> None:
    assert begun().trade().trade().trade(**parts).raised(2).stage == 1


def test_a_trade_that_was_not_over_does_not_count() -> None:
    tale = begun().trade().trade().trade()
    assert tale.say(TradeReopened(3, tale.now, "XRP/USDT")).raised(2).stage == 1


def test_a_paper_run_is_no_live_one() -> None:
    tale = Tale().say(replace(BEGUN, mode="paper")).seen("start")
    assert tale.trade().trade().trade().raised(2).stage == 1


def test_a_word_before_the_third_trade_stays_without_effect() -> None:
    tale = begun().trade().trade().raised(2).trade()
    assert tale.stage == 1
    assert tale.raised(2).stage == 2


@pytest.mark.parametrize("stage", [0, 1, 3, 4])
def test_no_stage_is_skipped(stage: int) -> None:
    assert begun().trade().trade().trade().raised(stage).stage == 1


def test_a_word_for_another_strategy_or_of_a_copy_raises_nothing() -> None:
    for parts in ({"evidence": "f"}, {"place": "/elsewhere"}):
        assert begun().trade().trade().trade().raised(2, **parts).stage == 1


def test_a_start_anew_goes_on_where_it_was() -> None:
    tale = begun().trade().say(RunEnded(state="interrupted", error=None, summary=None))
    tale.say(RunResumed("m")).seen("start").trade().trade()
    assert tale.raised(2).stage == 2


# -- to stage 3 -------------------------------------------------------------------------------------

RESULTS: dict[str, tuple[list[str], int]] = {
    "4 trades": (["1"] * 4, 2),
    "5 trades": (["1"] * 5, 3),
    "6 trades": (["1"] * 6, 3),
    "PnL 0": (["1", "1", "-1", "-1", "0"], 2),
    "PnL a hundredth above": (["1", "1", "-1", "-1", "0.01"], 3),
    "PnL a hundredth below": (["1", "1", "-1", "-1", "-0.01"], 2),
}


@pytest.mark.parametrize("case", RESULTS)
def test_a_whole_week_in_stage_2(case: str) -> None:
    results, stage = RESULTS[case]
    tale = week(in_stage_2(), results)
    found = tale.standing()
    assert (found.stage, found.ready) == (2, stage == 3)
    assert found.have.startswith(f"the week of 2026-11-02: {len(results)} trades")
    assert tale.raised(3).stage == stage


@pytest.mark.parametrize(("late", "stage"), [(-1, 3), (0, 3), (1, 2)])
def test_the_week_begins_on_a_monday(late: int, stage: int) -> None:
    tale = week(in_stage_2(MONDAY + late), ["1"] * 5)
    assert tale.raised(3).stage == stage


@pytest.mark.parametrize(("early", "stage"), [(-1, 2), (0, 3), (1, 3)])
def test_and_ends_on_one(early: int, stage: int) -> None:
    tale = in_stage_2()
    week(tale, ["1"] * 5)
    tale.now = MONDAY + WEEK - MINUTE_MS + early
    assert tale.raised(3).stage == stage


def test_what_does_not_count_cannot_help_and_what_it_lost_does_count() -> None:
    tale = in_stage_2()
    week(tale, ["1"] * 5)
    assert tale.standing().ready
    bad = in_stage_2()
    bad.trade("1", at=MONDAY + HOUR_MS)
    bad.say(RunEnded(state="interrupted", error=None, summary=None))
    bad.say(RunResumed("m"))
    bad.row = {"skew_ms": 5000}
    bad.seen("start").trade("-9", at=MONDAY + 2 * HOUR_MS)
    bad.say(RunEnded(state="interrupted", error=None, summary=None)).say(RunResumed("o"))
    bad.row = {}
    bad.seen("start")
    for hour in range(3, 8):
        bad.trade("1", at=MONDAY + hour * HOUR_MS)
    bad.until(MONDAY + WEEK)
    assert bad.standing().have == "the week of 2026-11-02: 6 trades, PnL -3 USDT"
    assert bad.raised(3).stage == 2


def test_before_the_first_week_is_over_it_says_when() -> None:
    found = in_stage_2().standing()
    assert found.have == "no week is over: the first ends on 2026-11-09"
    assert "Monday to Monday UTC, with 5 trades" in found.needed
    assert (
        "10 profitable trades, more than 60 % won, average win > average loss; ghost: 200 signals"
        in found.needed
    )


# -- down -------------------------------------------------------------------------------------------

DOWN: dict[str, Any] = {
    "incident": IncidentOpened(1, "unprotected", "no stop", 0),
    "drift": Demoted("drift", "a median of 6 bps"),
    "revoked": SignoffRevoked("Bob", "no"),
    "approved loss": Halted(0, "signoff_loss", "50 lost", 1),
}


@pytest.mark.parametrize("case", DOWN)
def test_down_goes_by_itself_and_the_count_begins_anew(case: str) -> None:
    for tale in (in_stage_2(), in_stage_3()):
        found = tale.say(DOWN[case]).standing()
        assert (found.stage, found.have, found.ready) == (1, "0 of 3", False)
        assert found.down
        assert tale.say(IncidentClosed(1, "Ada", "looked into")).stage == 1
        assert tale.raised(2).stage == 1
        assert tale.trade().trade().trade().stage == 1
        assert tale.raised(2).stage == 2


def test_other_halts_are_no_way_down() -> None:
    assert in_stage_2().say(Halted(0, "day_loss", "25 lost", 1)).stage == 2


@pytest.mark.parametrize(
    "ground",
    [{"broken": "cut"}, {"weak": True}, {"weak_until": 10_000}, {"evidence": "f"}, {"place": "p"}],
    ids=str,
)
def test_what_is_not_believed_carries_no_stage(ground: dict[str, Any]) -> None:
    assert in_stage_3().standing(**ground).stage == 1


def test_a_word_of_the_future_is_none() -> None:
    tale = in_stage_2()
    assert tale.standing(tale.now).stage == 2
    assert tale.standing(tale.now - 1).stage == 1


# -- stage 3: its cap, and the weekly review ----------------------------------------------------------


def test_a_cap_is_what_was_written_down() -> None:
    assert in_stage_3().standing().cap == 50
    assert in_stage_3(cap="80").standing().cap == 80
    assert in_stage_2().standing().cap is None


@pytest.mark.parametrize(
    ("text", "cap"),
    [("", "50"), ("0.01", "0.01"), ("100", "100"), ("100.01", "50"), ("0", "50"), ("-1", "50"), ("NaN", "50"), ("x", "50")],
)  # fmt: skip
def test_nothing_written_down_is_more_than_the_ceiling(text: str, cap: str) -> None:
    assert written_cap(text) == D(cap)


def test_eight_days_without_a_review_block() -> None:
    tale = in_stage_3()
    since = tale.now
    found = tale.standing()
    assert (found.since, found.reviewed) == (since, 0)
    for late, overdue in ((-1, False), (0, True), (1, True)):
        assert found.is_overdue(since + 8 * DAY_MS + late) is overdue
    assert "for 8.0 days" in found.review_words(since + 8 * DAY_MS)
    tale.until(since + 8 * DAY_MS).say(Reviewed("Bob", "w", "e"))
    found = tale.standing()
    assert (found.stage, found.reviewed) == (3, tale.now)
    assert not found.is_overdue(tale.now + 8 * DAY_MS - 1)
    assert found.is_overdue(tale.now + 8 * DAY_MS)


def test_a_review_is_due_on_monday() -> None:
    found = in_stage_3().standing()
    monday = MONDAY + 2 * WEEK
    assert found.review_words(monday - 1) == ""
    assert "this week's review is due" in found.review_words(monday)
    assert in_stage_2().standing().review_words(monday + WEEK) == ""
    assert not in_stage_2().standing().is_overdue(monday + 52 * WEEK)


@pytest.mark.parametrize("parts", [{"evidence": "f"}, {"place": "p"}])
def test_a_review_of_something_else_is_none(parts: dict[str, Any]) -> None:
    tale = in_stage_3()
    tale.until(tale.now + DAY_MS).say(replace(Reviewed("Bob", "w", "e"), **parts))
    assert tale.standing().reviewed == 0


# -- whatever the rows are ----------------------------------------------------------------------------

STEPS: dict[str, Any] = {
    "trade": lambda tale: tale.trade(),
    "loss": lambda tale: tale.trade("-6"),
    "small loss": lambda tale: tale.trade("-1"),
    "week": lambda tale: tale.until(tale.now + WEEK),
    "busy week": lambda tale: [tale.trade(at=tale.now + 30 * HOUR_MS) for _ in range(12)],
    "raise 2": lambda tale: tale.raised(2),
    "raise 3": lambda tale: tale.raised(3),
    "begin": lambda tale: tale.begin(),
    "headless": lambda tale: tale.begin(terminal=False),
    "review": lambda tale: tale.say(Reviewed("Bob", "w", "e")),
    **{name: lambda tale, fact=fact: tale.say(fact) for name, fact in DOWN.items()},
}


def told(steps: Sequence[str]) -> Tale:
    tale = begun()
    for step in steps:
        STEPS[step](tale)
    return tale


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=25))
def test_a_stage_is_never_above_what_the_rows_carry(steps: list[str]) -> None:
    tale = told(steps)
    found = tale.stage
    down = max((n for n, step in enumerate(steps) if step in DOWN), default=-1)
    since = steps[down + 1 :]
    words = [step for step in since if step.startswith("raise")]
    assert found <= 1 + len(words)
    assert found == 1 or ("raise 2" in words and since.count("trade") + since.count("small loss") + 12 * since.count("busy week") >= 3)  # fmt: skip
    if found == 3:
        assert "raise 3" in words
        assert "week" in since or "busy week" in since
    assert tale.say(next(iter(DOWN.values()))).stage == 1


@given(st.lists(st.sampled_from([s for s in sorted(STEPS) if not s.startswith("raise")]), max_size=25))  # fmt: skip
def test_nothing_but_a_word_raises(steps: list[str]) -> None:
    assert told(steps).stage == 1


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=20), st.sampled_from(sorted(DOWN)))
def test_a_demotion_always_wins(steps: list[str], down: str) -> None:
    tale = told(["trade", "trade", "trade", "raise 2", *steps])
    STEPS[down](tale)
    assert tale.stage == 1
    assert tale.raised(2).raised(3).stage == 1
