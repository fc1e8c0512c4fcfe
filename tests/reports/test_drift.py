"""Drift: when fills, or signals, are no longer what was modelled; every bound at and beside it."""

from __future__ import annotations

import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.money import exact
from tradebot.journal.facts import FillModelled
from tradebot.reports.drift import drift_verdict, slippage_rows

D = Decimal
GOOD, BAD = True, False


def verdict(bps: list[Decimal], outcomes: list[bool] | None = None, *bound: Decimal) -> str:
    with exact():
        found = drift_verdict(bps, outcomes or [], *bound)
    assert found.ok is (not found.reasons)
    return "; ".join(found.reasons) or "ok"


@pytest.mark.parametrize(
    ("bps", "said"),
    [
        ([], "ok"),
        ([D(50)] * 19, "ok"),  # too few to say
        ([D(5)] * 20, "ok"),  # at the bound
        ([D("5.00000001")] * 20, "median of 5.00000001 bps, more than 5"),
        ([D(-50)] * 20, "ok"),  # better than modelled is no drift
        ([D(5)] * 9 + [D(6)] * 11, "median of 6 bps"),
        ([D(5)] * 10 + [D(6)] * 10, "median of 5.5 bps"),
        ([D(5)] * 11 + [D(60)] * 9, "ok"),  # a few bad ones are no drift
        ([D(50)] * 100 + [D(1)] * 20, "ok"),  # only the newest count
        ([D(1)] * 100 + [D(8)] * 20, "median of 8 bps"),
    ],
)
def test_fills(bps: list[Decimal], said: str) -> None:
    assert said in verdict(bps)


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([BAD] * 99, "ok"),  # too few to say
        ([GOOD] * 49 + [BAD] * 51, "49 of the last 100 signals"),
        ([GOOD] * 50 + [BAD] * 50, "ok"),  # at the bound
        ([GOOD] * 51 + [BAD] * 49, "ok"),
        ([BAD] * 500 + [GOOD] * 50 + [BAD] * 50, "ok"),
        ([GOOD] * 500 + [BAD] * 51 + [GOOD] * 49, "49 of the last 100 signals"),
    ],
)
def test_signals_beside_it(outcomes: list[bool], said: str) -> None:
    assert said in verdict([], outcomes)


def test_both_reasons_are_told_and_a_bound_can_only_tighten() -> None:
    both = verdict([D(9)] * 20, [BAD] * 100)
    assert "9 bps" in both
    assert "0 of the last 100" in both
    assert "more than 2" in verdict([D(3)] * 20, None, D(2))
    assert "more than 5" in verdict([D(6)] * 20, None, D(100))


def fill(bps: str, **changes: object) -> FillModelled:
    values: dict[str, object] = {
        "symbol": "ETH/USDT",
        "trade_id": 1,
        "order_id": "tbx-y-1e",
        "side": "buy",
        "purpose": "entry",
        "qty": "1",
        "price": "1",
        "modelled": "1",
        "bps": bps,
        "time": 0,
        "quote_age_ms": 5,
    }
    return FillModelled(**{**values, **changes})  # type: ignore[arg-type]


def test_groups() -> None:
    hour = 3_600_000
    fills = [
        fill("1"),
        fill("3", side="sell", purpose="stop", time=5 * hour),
        fill("", symbol="BTC/USDT"),  # nobody knows
        fill("-2", symbol="ADA/USDT", purpose="", time=5 * hour + 1),
    ]
    with exact():
        rows = {(row["by"], row["group"]): row for row in slippage_rows(fills)}
    assert set(rows) == {
        *(("all", "all"), ("symbol", "ADA/USDT"), ("symbol", "ETH/USDT"), ("side", "buy")),
        *(("side", "sell"), ("purpose", "entry"), ("purpose", "stop"), ("purpose", "unknown")),
        *(("hour", "00"), ("hour", "05")),
    }
    whole = rows["all", "all"]
    assert (whole["fills"], whole["median_bps"], whole["worst_bps"]) == (3, D(1), D(3))
    assert rows["hour", "05"]["median_bps"] == D("0.5")


@given(st.lists(st.decimals(-50, 50, places=4), min_size=1, max_size=200))
def test_the_figures_are_those_of_the_sorted_list(values: list[Decimal]) -> None:
    with exact():
        row = slippage_rows([fill(str(value)) for value in values])[0]
    ranked = sorted(values)
    assert row["median_bps"] == statistics.median(ranked)
    assert row["worst_bps"] == ranked[-1]
    at_most = sum(value <= row["p95_bps"] for value in ranked)
    assert at_most >= 0.95 * len(ranked)
    assert sum(value < row["p95_bps"] for value in ranked) < 0.95 * len(ranked)
