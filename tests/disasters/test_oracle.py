"""The oracle of the scenes finds what must not be, and nothing in a record that is in order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from kits.disaster_oracle import Oracle, Rules

T = 1_795_685_460_000
"""2026-11-26T09:31Z."""

Rows = list[dict[str, Any]]


def entry(at: int, qty: str = "0.01", price: str = "3600", side: str = "BUY", n: int = 1) -> Rows:
    client = f"tbx-{n}e"
    base = {"at": at, "symbol": "ETHUSDT", "client": client, "side": side}
    order = {**base, "kind": "order", "qty": qty, "price": price, "reduce_only": False, "algo": 0}
    params = {"newClientOrderId": client, "timestamp": str(at), "symbol": "ETHUSDT"}
    request = {"at": at, "kind": "request", "method": "POST", "params": params}
    return [
        {**order, "event": "NEW", "status": "NEW", "executed": "0"},
        *fill(at, client, qty, side, price),
        {**order, "event": "TRADE", "status": "FILLED", "executed": qty},
        request,
    ]


def fill(at: int, client: str, qty: str, side: str, price: str = "3600") -> Rows:
    row = {"at": at, "kind": "fill", "symbol": "ETHUSDT", "client": client, "price": price}
    return [{**row, "qty": qty, "side": side, "position_side": "BOTH"}]


def stop(at: int, qty: str = "0.01", status: str = "NEW") -> Rows:
    row = {"at": at, "kind": "algo", "symbol": "ETHUSDT", "client": "tbx-2s", "algo": 7}
    return [
        {**row, "type": "STOP_MARKET", "side": "SELL", "qty": qty, "filled": "0", "status": status}
    ]


def income(at: int, amount: str) -> Rows:
    return [{"at": at, "kind": "income", "type": "REALIZED_PNL", "asset": "USDT", "amount": amount}]


OUT = fill(T + 9_000, "tbx-3x", "0.01", "SELL")
GOOD = [*entry(T), *stop(T + 500), *OUT, *stop(T + 9_500, status="CANCELED")]
LATER = 61_000


@pytest.mark.parametrize(
    ("rows", "rules", "said"),
    [
        (GOOD, Rules(), ""),
        ([*GOOD, *entry(T + LATER, n=4), *stop(T + LATER)], Rules(), ""),
        (entry(T), Rules(absent=[(T + 1_000, T + 50_000)]), ""),
        (entry(T), Rules(), "0.01 is without a whole stop since"),
        (entry(T), Rules(absent=[(T + 1_000, T + 20_000)]), "without a whole stop"),
        ([*entry(T), *stop(T, "0.009")], Rules(), "without a whole stop"),
        ([*entry(T), *stop(T), *stop(T + 5_000, status="EXPIRED")], Rules(), "without a whole stop"),
        (entry(T, qty="0.014"), Rules(), "50.4"),
        (GOOD, Rules(blocked=[(T - 5_000, None, "user")]), "blocked since"),
        (GOOD, Rules(blocked=[(T - 5_000, T - 1_000, "user")]), ""),
        ([*GOOD, *entry(T + 20_000, n=4), *stop(T + 20_000)], Rules(), "20.0 s after the entry"),
        ([*income(T - 1, "-25"), *GOOD], Rules(), "-25 USDT were lost in the day"),
        ([*income(T - 86_400_000, "-25"), *GOOD], Rules(), ""),
        ([*GOOD, *OUT], Rules(), "enlarges 0.00"),
        ([*entry(T), *stop(T), *fill(T + 1, "tbx-3x", "0.02", "SELL")], Rules(), "flips 0.01"),
        ([*entry(T), *stop(T), *entry(T + LATER, side="SELL", n=4)], Rules(), "it would flip it"),
        ([*entry(T + 13 * 3_600_000), *stop(T + 13 * 3_600_000)], Rules(), "blackout hour 22"),
    ],
)  # fmt: skip
def test_what_is_broken_is_said(rows: Rows, rules: Rules, said: str) -> None:
    now = max(row["at"] for row in rows) + 30_000
    broken = Oracle(replace(rules)).walk(rows, now)
    assert any(said in line for line in broken) if said else broken == []


def parts(gap_ms: int, lag_ms: int) -> Rows:
    """Ten parts of an entry, each behind a stop ``lag_ms`` after it."""
    rows = [fill(T + n * gap_ms, "tbx-1e", "0.001", "BUY") for n in range(10)]
    stops = [stop(T + n * gap_ms + lag_ms, f"0.{n + 1:03d}") for n in range(10)]
    return sorted((row for some in (*rows, *stops) for row in some), key=lambda row: row["at"])


@pytest.mark.parametrize(("lag_ms", "broken"), [(1_500, 0), (5_900, 0), (6_500, 10)])
def test_each_part_has_its_own_time_for_a_stop(lag_ms: int, broken: int) -> None:
    rows = parts(1_000, lag_ms)
    said = Oracle().walk(rows, T + 30_000)
    assert bool(said) == bool(broken), said


def test_an_exit_that_is_not_reduce_only_is_found() -> None:
    params = {"newClientOrderId": "tbx-3x", "timestamp": str(T), "symbol": "ETHUSDT"}
    request = {"at": T, "kind": "request", "method": "POST", "params": params}
    (line,) = Oracle().walk([request], T)
    assert "is not reduce-only" in line


def test_it_says_for_how_long_a_position_was_bare_while_we_ran() -> None:
    oracle = Oracle()
    oracle.walk(GOOD, T + 30_000)
    assert oracle.naked_s == 0.5
    oracle = Oracle(Rules(absent=[(T + 100, T + 20_000)]))
    oracle.walk([*entry(T), *stop(T + 21_500)], T + 30_000)
    assert oracle.naked_s == 1.5  # who was away has his time anew
    assert Oracle(Rules(blackout=(9,))).walk(GOOD, T + 30_000)[0].endswith("blackout hour 9")
