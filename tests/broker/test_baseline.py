"""Baselines worked out backwards: whatever was traded, paid and moved since, the equity then comes out exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.broker_kit import BTC, serving
from kits.venue_kit import QUIET, row

from tradebot.broker import baseline_reader
from tradebot.broker.baseline import Now, Since, baseline, positions_then
from tradebot.core.model.events import Baseline
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS, Fill, Side
from tradebot.core.state.loss_limit import week_of
from tradebot.core.state.portfolio import Portfolio

D = Decimal
START = 1_000
AMOUNTS = st.integers(-500, 500).map(lambda n: D(n) / 100)
PRICES = st.integers(100, 300).map(D)
FILLS = st.tuples(
    st.just("fill"), st.sampled_from([Side.BUY, Side.SELL]), st.integers(1, 9), PRICES
)
LINES = st.tuples(
    st.sampled_from(["FUNDING_FEE", "TRANSFER", "API_REBATE", "INSURANCE_CLEAR", "WELCOME_BONUS"]),
    AMOUNTS,
)


def line(kind: str, amount: Decimal, number: int, symbol: str = "BTCUSDT") -> dict[str, Any]:
    return {
        "incomeType": kind, "income": str(amount), "asset": "USDT", "symbol": symbol, "time": START,
        "tranId": number,
    }  # fmt: skip


class Account:
    """A ledger beside which the exchange's rows are written."""

    def __init__(self) -> None:
        self.book = Portfolio(D(1000), (BTC,))
        self.income: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.number = 0

    def live(self, steps: list[Any]) -> None:
        for kind, *what in steps:
            self.number += 1
            if kind == "fill":
                self._fill(*what)
            else:
                self.book.move(f"{kind}:{self.number}", START, what[0])
                self.income.append(line(kind, what[0], self.number))

    def _fill(self, side: Side, qty: int, price: Decimal) -> None:
        fee = price * qty * D("0.0005")
        fill = Fill(BTC, self.number, "x", side, D(qty), price, fee, False, START)
        booked = self.book.book(fill, "", 0)
        assert booked is not None
        self.trades.append(
            {
                "side": side.name,
                "qty": str(qty),
                "price": str(price),
                "time": START,
                "id": self.number,
            }
        )
        self.income.append(line("COMMISSION", -fee, self.number))
        self.income.append(line("REALIZED_PNL", booked.realised, self.number))

    def now(self) -> Now:
        held = self.book.holding(BTC)
        wallet = self.book.cash + held.qty * held.entry
        return Now(START + 1, wallet, {BTC: (held.qty, held.entry)})


def no_result(rows: list[dict[str, Any]]) -> Decimal:
    moved = D(0)
    for told in rows:
        amount, kind = D(told["income"]), told["incomeType"]
        if kind == "TRANSFER" or (kind in ("API_REBATE", "WELCOME_BONUS") and amount > 0):
            moved += amount
    return moved


@given(st.lists(FILLS | LINES, max_size=6), st.lists(FILLS | LINES, max_size=8), PRICES)
def test_the_equity_then_comes_out_whatever_happened_since(
    before: list[Any], after: list[Any], mark: Decimal
) -> None:
    with exact():
        account = Account()
        account.live(before)
        held = account.book.holding(BTC).qty
        then = account.book.equity({BTC: mark})
        account.income, account.trades = [], []
        account.live(after)
        since = Since(account.income, {BTC: account.trades})
        assert positions_then(account.now(), since) == {BTC: held}
        found = baseline(account.now(), since, {BTC: mark})
        assert abs(found - then - no_result(account.income)) < D(
            "0.000001"
        )  # entries have 8 decimals


def test_a_result_elsewhere_is_a_cash_line_like_others() -> None:
    now = Now(1, D(90), {BTC: (D(0), D(0))})
    since = Since([line("REALIZED_PNL", D(-10), 1, "ETHUSDT")], {})
    assert baseline(now, since, {}) == 100


def test_money_of_another_asset_is_not_understood() -> None:
    now = Now(1, D(90), {BTC: (D(0), D(0))})
    with pytest.raises(ValueError, match="BNB"):
        baseline(now, Since([{**line("COMMISSION", D(1), 1), "asset": "BNB"}], {}), {})


def test_only_what_happened_in_time_counts() -> None:
    rows = [{**line("TRANSFER", D(1), n), "time": n} for n in (9, 10, 20, 21)]
    assert [r["time"] for r in Since(rows, {BTC: rows}).from_(10, 20).income] == [10, 20]


async def test_a_start_finds_the_equity_of_a_midnight_it_did_not_live_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(baseline_reader, "AGREE_S", 0.01)
    monkeypatch.setattr(baseline_reader, "AGAIN_S", 0.01)
    prices = [*QUIET, *(row(second) for second in range(1, 200))]
    async with serving(prices) as counter:
        clock, venue = counter.line.venue_clock, counter.line.venue
        await counter.word(counter.send(counter.order()))
        midnight = clock.now() - clock.now() % MINUTE_MS + 2 * MINUTE_MS  # one that is near
        monkeypatch.setattr(baseline_reader, "day_of", lambda at: midnight)
        clock.advance(midnight - clock.now() - 1)
        then = venue.desk.exchange.equity()
        clock.advance(MINUTE_MS)
        await counter.word(counter.send(counter.order("x")))
        clock.advance(5_000)
        counter.broker._baselines.known = False
        await counter.broker._baselines.find()
        told = counter.of(Baseline)[-1]
        assert told.detail == ""
        assert (told.day_start, told.week_start) == (midnight, week_of(midnight))
        assert told.day is not None
        assert abs(told.day - then) < D("0.0001")


async def test_what_cannot_be_worked_out_is_said_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(baseline_reader, "AGREE_S", 0.01)
    monkeypatch.setattr(baseline_reader, "AGAIN_S", 0.01)
    async with serving() as counter:
        counter.broker._baselines.known = False
        odd = {"do": "answer", "status": 200, "body": "[5]", "times": 9}
        odd |= {"method": "GET", "path": "/fapi/v1/income"}
        counter.line.venue.faults.set([odd])
        word = await counter.word(counter.send(counter.order()))
        assert "equity at the start of the day" in word.reason
        counter.broker.read_account(0)
        first = (await counter.until(lambda: counter.of(Baseline)))[0]
        assert (first.day, first.week) == (None, None)
        assert first.detail
        counter.line.venue.faults.set([])
        await counter.until(lambda: counter.broker._baselines.known)
        assert counter.of(Baseline)[-1].day == counter.line.venue.desk.exchange.equity()
