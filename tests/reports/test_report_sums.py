"""What must hold of any report: the bridge, the equity, time-weighted returns, and that parts add up."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from kits.report_kit import JULY, JUNE, MAY, START, a_history, a_trade

from tradebot.core.model.money import exact
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.journal.view import TradeRow
from tradebot.reports.monthly.bridge import Bridge
from tradebot.reports.monthly.curve import days_of, linked, spells
from tradebot.reports.monthly.made import report_of
from tradebot.reports.monthly.period import Period, month_of
from tradebot.reports.monthly.ratios import ratios_of
from tradebot.reports.monthly.record import Flow, Judgement, Point, RunHistory
from tradebot.reports.monthly.usage import refusal_counts
from tradebot.reports.monthly.value import RefusalCount, Report

D = Decimal
MONTH = month_of(MAY)
END = MAY + 5 * DAY_MS
WEEK = Period(MAY, END)
"""Long enough for all that may happen, and quick."""
CENTS = st.decimals("-80", "80", places=8)
FEES = st.decimals("0", "2", places=8)


@st.composite
def trades(draw: st.DrawFn) -> list[TradeRow]:
    moments = sorted(draw(st.sets(st.integers(MAY + HOUR_MS, END - 1), max_size=15)))
    return [
        a_trade(
            i,
            at,
            str(draw(CENTS)),
            fees=draw(FEES),
            funding=draw(CENTS) / 100,
            slippage=draw(st.none() | CENTS.map(lambda x: x / 10)),
        )
        for i, at in enumerate(moments, 1)
    ]


FLOWS = st.lists(
    st.builds(Flow, st.integers(MAY, END - 1), st.decimals("-500", "5000", places=2)), max_size=3
)
OPEN = st.dictionaries(st.integers(MAY, END - 1), CENTS.map(str), max_size=5)


@st.composite
def histories(draw: st.DrawFn) -> RunHistory:
    rows = draw(trades())
    maker = {t.id: min(t.fees, draw(FEES)) for t in rows if draw(st.booleans())}
    other = draw(st.lists(st.builds(Flow, st.integers(MAY, END - 1), CENTS), max_size=2))
    history = a_history(
        rows, MAY, END - 1, flows=sorted(draw(FLOWS)), opened=draw(OPEN), maker=maker
    )
    points = [p._replace(equity=p.equity + _passed(other, p)) for p in history.points]
    return replace(history, points=points, other=sorted(other))


def _passed(flows: list[Flow], point: Point) -> Decimal:
    early = point.why in ("start", "hour", "day")
    return sum(
        (f.amount for f in flows if f.at < point.at or (f.at == point.at and not early)), D(0)
    )


def adds_up(report: Report) -> Bridge:
    with exact():  # the digits of a sum are no matter of the test's
        return _adds_up(report)


def _adds_up(report: Report) -> Bridge:
    b = report.bridge
    assert (
        b.gross + b.slippage - b.maker_fees - b.taker_fees + b.funding + b.other + b.open_change
        == b.net
    )
    assert b.start_equity + b.net + b.transfers + b.restarts == b.end_equity
    assert b.trades_net + b.open_change + b.other == b.net
    assert sum((day.pnl for day in report.days), D(0)) == b.net
    for groups in report.groups.values():
        assert sum((group.pnl for group in groups), D(0)) == b.trades_net
        assert sum(group.trades for group in groups) == report.head.trades
    return b


@settings(max_examples=30, deadline=None)
@given(histories(), st.integers(MAY, END - 1))
def test_the_bridge_and_the_equity_agree_and_parts_add_up(history: RunHistory, cut: int) -> None:
    whole = adds_up(report_of([history], WEEK))
    cut = cut - cut % DAY_MS
    if not MAY < cut < END:
        return
    first = adds_up(report_of([history], Period(MAY, cut)))
    second = adds_up(report_of([history], Period(cut, END)))
    assert first.end_equity == second.start_equity
    for name in (
        *(
            "gross",
            "slippage",
            "maker_fees",
            "taker_fees",
            "funding",
            "other",
            "open_change",
            "net",
        ),
        *("trades_net", "transfers", "unpriced"),
    ):
        assert getattr(first, name) + getattr(second, name) == getattr(whole, name), name


RETURNS = st.lists(st.integers(-300, 300), min_size=4, max_size=28)


def grown(returns: list[int], flows: dict[int, Decimal]) -> RunHistory:
    """A run that grows by a share a day, whatever comes in and goes out at the noons of days."""
    equity, points = START, [Point(MAY, START, "start")]
    moved = []
    for i, share in enumerate(returns):
        at = MAY + i * DAY_MS
        if i in flows:
            equity += flows[i]
            moved.append(Flow(at + DAY_MS // 2, flows[i]))
            points.append(Point(at + DAY_MS // 2, equity, "transfer"))
        equity *= 1 + D(share) / 10_000
        points.append(Point(at + DAY_MS - 1, equity, "trade"))
        points.append(Point(at + DAY_MS, equity, "day"))
    points.append(Point(MAY + len(returns) * DAY_MS + 1, equity, "end"))
    return replace(a_history([]), points=points, flows=moved)


def near(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and abs(a - b) < 1e-9


@settings(max_examples=40, deadline=None)
@given(
    RETURNS,
    st.dictionaries(st.integers(0, 27), st.decimals("-9000", "90000", places=2), max_size=4),
)
def test_a_transfer_leaves_the_time_weighted_return_as_it_is(
    returns: list[int], flows: dict[int, Decimal]
) -> None:
    last = Period(MAY, MAY + len(returns) * DAY_MS + 2)
    equity = START  # what goes out must be there
    kept = {}
    for i, share in enumerate(returns):
        if i in flows and equity + flows[i] > 100:
            kept[i] = flows[i]
            equity += flows[i]
        equity *= 1 + D(share) / 10_000
    plain = report_of([grown(returns, {})], last)
    moved = report_of([grown(returns, kept)], last)
    assert near(plain.head.return_pct, moved.head.return_pct)
    assert near(plain.head.drawdown_pct, moved.head.drawdown_pct)
    for a, b in zip(plain.days, moved.days, strict=True):
        assert near(a.growth, b.growth)
    assert moved.bridge.transfers == sum(kept.values(), D(0))
    adds_up(moved)


@settings(max_examples=40, deadline=None)
@given(RETURNS, st.integers(0, 2**32))
def test_the_order_of_days_changes_no_ratio_but_the_drawdowns(
    returns: list[int], seed: int
) -> None:
    values = [x / 10_000 for x in returns]
    mixed = list(values)
    random.Random(seed).shuffle(mixed)
    one, other = ratios_of(values), ratios_of(mixed)
    for name in (
        "mean_pct",
        "volatility_pct",
        "sharpe",
        "sortino",
        "skew",
        "worst_day_pct",
        "best_day_pct",
    ):
        assert getattr(one, name) == getattr(other, name), name


def test_the_order_of_days_may_change_the_drawdown() -> None:
    assert (
        ratios_of([0.01, -0.02, -0.02, 0.03]).ulcer_pct
        != ratios_of([-0.02, 0.01, 0.03, -0.02]).ulcer_pct
    )


@settings(max_examples=30, deadline=None)
@given(histories(), st.integers(1, 4))
def test_stopping_and_going_on_changes_no_figure(history: RunHistory, day: int) -> None:
    """An engine that goes on with the next event leaves at most a point more, of what is known already."""
    at = MAY + day * DAY_MS + 5
    early = [p for p in history.points if p.at <= at]
    late = [p for p in history.points if p.at > at]
    extra = Point(at, early[-1].equity, "trade")
    stopped = replace(history, points=[*early, extra, *late])
    one, other = report_of([history], WEEK), report_of([stopped], WEEK)
    assert one.bridge == other.bridge
    assert one.head == other.head
    assert [d._replace(growth=0) for d in one.days] == [d._replace(growth=0) for d in other.days]
    assert one.groups == other.groups


def test_a_gap_is_in_the_money_and_in_no_return() -> None:
    points = [
        Point(MAY, START, "start"),
        Point(MAY + DAY_MS, D(10_100), "day"),
        Point(MAY + 5 * DAY_MS, D(9_090), "gap"),
        Point(MAY + 6 * DAY_MS, D(9_999), "day"),
        Point(MAY + 7 * DAY_MS - 1, D(9_999), "end"),
    ]
    report = report_of([replace(a_history([]), points=points)], MONTH)
    assert report.bridge.net == -1
    assert near(report.head.return_pct, 100 * (1.01 * 1.1 - 1))
    assert [round(day.growth, 9) for day in report.days] == [0.01, 0.0, 0.1, 0.0]
    assert any("off for 96.0 hours" in note and "-1,010.00" in note for note in report.notes)
    assert report.partial
    adds_up(report)


def test_runs_that_follow_one_another_are_linked_each_with_its_own_start() -> None:
    first = a_history([a_trade(1, MAY + DAY_MS, "100")], MAY, MAY + 10 * DAY_MS)
    second = a_history(
        [a_trade(1, MAY + 12 * DAY_MS, "-50")], MAY + 11 * DAY_MS, JUNE - 1, run="paper-0002"
    )
    report = report_of([first, second], MONTH)
    assert report.bridge.net == 50
    assert report.bridge.restarts == -100
    assert near(report.head.return_pct, 100 * (1.01 * 0.995 - 1))
    assert [run.net for run in report.runs] == [100, -50]
    assert not report.partial
    adds_up(report)


def test_an_old_journal_without_a_start_begins_with_its_equity() -> None:
    history = a_history([a_trade(1, MAY + DAY_MS, "100")])
    old = replace(history, points=[p for p in history.points if p.why not in ("start", "end")])
    report = report_of([old], MONTH)
    assert report.bridge.start_equity == START
    assert report.bridge.net == 100
    assert near(report.head.return_pct, 1.0)


def test_falls_have_peak_trough_and_recovery() -> None:
    values = [(0, 10_000), (1, 10_500), (2, 10_200), (3, 9_975), (4, 10_600), (5, 10_494)]
    points = [Point(MAY + d * DAY_MS, D(v), "start" if not d else "day") for d, v in values]
    first, second = spells(linked([replace(a_history([]), points=points)]))
    assert (first.peak, first.trough, first.recovery) == (
        MAY + DAY_MS,
        MAY + 3 * DAY_MS,
        MAY + 4 * DAY_MS,
    )
    assert first.depth == 525
    assert near(first.depth_pct, 5.0)
    assert first.days == 3.0
    assert (second.recovery, second.depth, second.days) == (None, D(106), 1.0)


def test_days_without_a_trade_count_as_nothing_and_days_without_an_engine_do_not_count() -> None:
    knots = linked([a_history([], MAY, MAY + 3 * DAY_MS - 1)])
    assert [(d.pnl, d.growth) for d in days_of(knots, MONTH, ())] == [(D(0), 0.0)] * 3


def test_what_refused_entries_came_to_counts_where_it_closed() -> None:
    """As of trades: else a month that is over would change with what closes after it."""
    why = ("2 positions or entries are open; the limit is 2",)
    refused = [
        Judgement(JUNE - 60_000, 1, "high", "refused", why, D(5), JUNE + 60_000),
        Judgement(JUNE - 90_000, 2, "high", "refused", why, D("-2.5"), JUNE - 1),
        Judgement(JUNE - 90_000, 3, "high", "refused", why, None, None),
        Judgement(JUNE + 90_000, 4, "high", "refused", why, D(1), JUNE + 99_000),
        Judgement(JUNE - 90_000, 5, "high", "approved", (), D(7), JUNE - 1),
    ]
    parts = [refusal_counts(refused, month_of(at)) for at in (MAY, JUNE)]
    assert parts == [
        [RefusalCount("positions", 3, 1, D("-2.5"))],
        [RefusalCount("positions", 1, 2, D(6))],
    ]
    assert refusal_counts(refused, Period(MAY, JULY)) == [RefusalCount("positions", 4, 3, D("3.5"))]
    assert refusal_counts(refused[:1], month_of(JUNE)) == [RefusalCount("positions", 0, 1, D(5))]
    assert refusal_counts(refused, month_of(JULY)) == []


def test_a_month_without_funding_says_so() -> None:
    said = "Funding counts as 0: none was booked."
    rows = [a_trade(i, MAY + i * DAY_MS, funding=D(0)) for i in range(1, 5)]
    assert any(said in note for note in report_of([a_history(rows)], month_of(MAY)).notes)
    rows[2] = a_trade(3, MAY + 3 * DAY_MS)
    assert not any(said in note for note in report_of([a_history(rows)], month_of(MAY)).notes)
    assert not report_of([a_history([])], month_of(MAY)).notes
