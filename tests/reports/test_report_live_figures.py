"""What a report says of runs on an exchange: stops beside liquidation, latency, and the income's word on the ledger."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.report_kit import JUNE, MAY, a_history, a_trade

from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.core.state.margin import liquidation_price
from tradebot.journal.history import PricedFill
from tradebot.reports.monthly.made import report_of
from tradebot.reports.monthly.period import month_of
from tradebot.reports.monthly.record import Stay
from tradebot.reports.monthly.rows import caps_of, leverage_of, stays_of
from tradebot.reports.monthly.sections import risk_facts

D = Decimal
MONTH = month_of(MAY)


def test_stops_are_seen_beside_liquidation() -> None:
    entry, stop = D(100_000), D(103_000)
    short = replace(
        a_trade(1, MAY + HOUR_MS, "1"), side="short", qty=D("0.01"), entry_price=entry, stop=stop
    )
    long = replace(short, id=2, side="long", stop=D(97_000))
    bare = replace(short, id=3, stop=None)
    history = replace(a_history([short, long, bare], MAY, MAY + DAY_MS), leverage=1)
    found = report_of([history], MONTH).stops
    end = liquidation_price(INSTRUMENTS["BTC/USDT"], D("-0.01"), entry, 1)
    assert end is not None
    assert found.n == 2
    assert found.median_pct == 0.0  # a long at leverage 1 cannot be liquidated
    assert found.worst_pct == pytest.approx(float(D(3_000) / (end - entry)) * 100)
    risky = report_of([replace(history, leverage=20)], MONTH).stops
    assert risky.worst_pct is not None
    assert 60 < risky.worst_pct < 75  # 3 % of about 4.6 %


def test_latency_is_the_newest_runs() -> None:
    history = a_history([a_trade(1, MAY + HOUR_MS, "1", stop=None)], MAY, MAY + DAY_MS)
    told = replace(history, latency_ms=("0.410", "7.307"))
    facts = {fact.name: fact.cell.text for fact in risk_facts(report_of([told], MONTH))}
    assert facts["Price to order"] == "median 0.410 ms, p99 7.307 ms"
    facts = {fact.name: fact.cell.text for fact in risk_facts(report_of([history], MONTH))}
    assert facts["Price to order"] == "-"
    assert facts["Stops, of the way to liquidation"] == "-"


@pytest.mark.parametrize(
    ("income", "said"),
    [
        (None, ""),
        ({}, "agree to the cent on every day"),
        (
            {"2025-05-03": D("-0.02"), "2025-06-03": D(1)},
            "more than the ledger, USDT: 2025-05-03 -0.02.",
        ),
    ],
)
def test_what_the_income_says_beyond_the_ledger(
    income: dict[str, Decimal] | None, said: str
) -> None:
    history = a_history([a_trade(1, MAY + HOUR_MS, "1", stop=None)], MAY, MAY + DAY_MS)
    notes = report_of([replace(history, income=income)], MONTH).income
    assert len(notes) == (income is not None)
    assert said in "".join(notes)


def test_leverage_and_margin_are_used_at_entries() -> None:
    """Two positions of 1,000 that overlap, at an equity of 10,000: a tenth, then a fifth of it."""
    rows = [
        a_trade(1, MAY + 2 * HOUR_MS, "0", entry_time=MAY + HOUR_MS),
        a_trade(2, MAY + 3 * HOUR_MS, "0", entry_time=MAY + HOUR_MS + 60_000, symbol="ETH/USDT"),
    ]
    caps = {"leverage": D(2), "margin_utilisation_pct": D(50)}
    history = replace(a_history(rows, MAY, MAY + DAY_MS), caps=caps, leverage=2)
    found = {use.rule: use for use in report_of([history], MONTH).risk.limits}
    assert found.keys() == caps.keys()
    lever, margin = found["leverage"], found["margin_utilisation_pct"]
    assert (lever.average_pct, lever.highest_pct) == pytest.approx((7.5, 10.0))
    assert (margin.average_pct, margin.highest_pct) == pytest.approx((15.0, 20.0))
    assert lever.n == margin.n == 2


def a_fill(at: int, position: str, entry: str, symbol: str = "BTC/USDT") -> PricedFill:
    return PricedFill(at, symbol, D(entry), D(0), False, D(position), D(entry))


def test_positions_are_made_of_fills() -> None:
    """One that is enlarged is as large as it was at most; one that turns is two; later fills are not known yet."""
    fills = [
        *(a_fill(1, "2", "10"), a_fill(2, "3", "11"), a_fill(3, "1", "11"), a_fill(4, "0", "0")),
        *(a_fill(5, "-1", "9"), a_fill(6, "1", "5", "ETH/USDT"), a_fill(7, "2", "8")),
        a_fill(8, "0", "0"),
    ]
    stays = stays_of(fills, 8)
    assert stays == [
        Stay("BTC/USDT", 1, 4, D(33)),
        Stay("BTC/USDT", 5, 7, D(9)),
        Stay("ETH/USDT", 6, None, D(5)),
        Stay("BTC/USDT", 7, None, D(16)),
    ]
    assert stays_of(fills, 9)[-1].closed == 8


def test_a_position_that_is_held_for_a_month_is_in_the_market() -> None:
    """No trade closed in May: bought in April, still held at its end, beside another from the 11th to the 21st."""
    april, later = MAY - 10 * DAY_MS, MAY + 10 * DAY_MS
    stays = [
        Stay("BTC/USDT", april, None, D(1000)),
        Stay("ETH/USDT", later, later + 10 * DAY_MS, D(2000)),
    ]
    caps = {name: D(100) for name in ("max_positions", "leverage", "position_value")}
    history = replace(a_history([], april, JUNE - 1), stays=stays, caps=caps)
    report = report_of([history], MONTH)
    assert report.head.trades == 0
    assert report.risk.time_in_market_pct == pytest.approx(100)
    used = {use.rule: (use.average_pct, use.highest_pct, use.n) for use in report.risk.limits}
    assert used["max_positions"] == pytest.approx((1.5, 2, 2))
    assert used["position_value"] == pytest.approx((1500, 2000, 2))
    assert used["leverage"] == pytest.approx(
        (0.2, 0.3, 2)
    )  # a tenth, then three, of an equity of 10,000
    alone = replace(history, stays=stays[1:])
    assert report_of([alone], MONTH).risk.time_in_market_pct == pytest.approx(1000 / 31, rel=1e-6)
    gone = replace(alone, stays=[Stay("ETH/USDT", april, MAY, D(5))])
    assert report_of([gone], MONTH).risk.time_in_market_pct == 0


def test_how_near_liquidation_each_trade_came_is_a_use_of_its_limit() -> None:
    """At the worst price that was seen: there the margin that is left is compared with what must be kept."""
    fallen = a_trade(
        1, MAY + 2 * HOUR_MS, "-30", mae=D("-40")
    )  # 1,000 USDT at leverage 20: a margin of 50
    calm = replace(fallen, id=2, mae=D(0), signal=2)
    unknown = replace(fallen, id=3, mae=None, signal=3)
    history = a_history([fallen, calm, unknown], MAY, MAY + DAY_MS)
    caps = {"liquidation_close_pct": D(90)}
    report = report_of([replace(history, caps=caps, leverage=20)], MONTH)
    (use,) = report.risk.limits
    kept = D(960) * INSTRUMENTS["BTC/USDT"].tiers[0].rate / D(50 - 40) * 100
    assert use.n == 2
    assert use.highest_pct == pytest.approx(float(kept) / 90 * 100)
    assert 0 < use.average_pct < use.highest_pct
    short = replace(fallen, side="short")
    history = replace(a_history([short], MAY, MAY + DAY_MS), caps=caps, leverage=20)
    (other,) = report_of([history], MONTH).risk.limits
    assert (
        other.highest_pct > use.highest_pct
    )  # a price of 104,000 asks for more margin than one of 96,000
    assert caps_of({"risk": {"profile": "paper", "paper": {"liquidation_close_pct": "90"}}}) == caps


def test_the_leverage_is_the_profiles() -> None:
    assert leverage_of({"risk": {"profile": "paper", "paper": {"leverage": 3}}}) == 3
    assert leverage_of({"risk": {"profile": "paper", "paper": {"leverage": "off"}}}) == 1
    assert leverage_of({}) == 1
