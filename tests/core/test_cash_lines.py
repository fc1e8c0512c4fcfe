"""Cash lines: each is booked once, what a fill tells of is held against it, and no type is dropped."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest
from kits.engine_kit import LIVE, XRP, Bare, Played, a_config

from tradebot.core.model.effects import CashBooked, Notify, ReadBack
from tradebot.core.model.events import CashAnnounced, CashMoved, FundingPaid
from tradebot.core.model.money import exact
from tradebot.core.model.values import Order
from tradebot.core.trading.cash_lines import REMEMBERED_FILLS
from tradebot.core.trading.snapshot import snapshot

D = Decimal


def line(
    story: Bare, kind: str, amount: str, trade: int = 0, symbol: str = "", number: int = 1
) -> CashMoved:
    return CashMoved(story.now, f"{kind}:{number}", kind, symbol, D(amount), story.now, trade)


def announced(story: Bare, amount: str, ago: int = 0) -> CashAnnounced:
    return CashAnnounced(story.now, "FUNDING_FEE", D(amount), story.now - ago)


def paid(story: Bare, amount: str, number: int = 1) -> FundingPaid:
    return FundingPaid(
        *(story.now, XRP, D(amount), D(0), D(0), D(0), story.now, f"FUNDING_FEE:{number}")
    )


# -- types -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "amount", "moved", "halts"),
    [
        ("transfer", "5", "5", []),
        ("transfer", "-5", "-5", []),
        ("rebate", "5", "5", []),  # it never loosens a limit
        ("rebate", "-5", "0", []),
        ("insurance", "5", "0", []),
        ("insurance", "-5", "0", []),
        ("welcome_bonus", "5", "5", ["ledger"]),
        ("auto_exchange", "-5", "0", ["ledger"]),
        ("commission", "-5", "0", ["ledger"]),  # of no trade: nobody knows what for
    ],
)
def test_what_a_line_does_to_money_and_to_what_results_are_measured_from(
    kind: str, amount: str, moved: str, halts: list[str]
) -> None:
    story = Bare(a_config())
    story.tell(line(story, kind, amount))
    assert story.engine.portfolio.cash == 10_000 + D(amount)
    assert story.engine.watch.day.base == 10_000 + D(moved)
    assert story.halted() == halts
    assert story.tell(line(story, kind, amount)) == []


def test_a_loss_nobody_knows_the_kind_of_counts_for_the_limits() -> None:
    story = Bare(a_config())
    story.tell(line(story, "auto_exchange", "-30"))
    assert set(story.halted()) == {"day_loss", "ledger"}


def test_a_result_on_a_symbol_that_is_not_traded_is_booked_from_its_line() -> None:
    story = Bare(a_config())
    story.tell(line(story, "realized", "-3", 7, "ETH/USDT"))
    story.tell(line(story, "commission", "-1", 7, "ETH/USDT"))
    assert story.engine.portfolio.cash == 9_996
    assert [booked.kind for booked in story.found(CashBooked)] == ["realized", "commission"]
    assert story.halted() == []


def test_a_rebate_for_a_trade_is_a_rebate() -> None:
    story = Bare(a_config())
    story.opened()
    cash = story.engine.portfolio.cash
    story.tell(line(story, "rebate", "0.01", 1, XRP))
    assert story.engine.portfolio.cash == cash + D("0.01")


# -- lines of fills -------------------------------------------------------------------------------------------


def test_a_line_that_agrees_with_its_fill_says_nothing_however_often_it_is_read() -> None:
    story = Bare(a_config())
    entry = story.opened()
    fee = entry.qty * 2 * D("0.0005")
    for _ in range(2):
        assert story.tell(line(story, "commission", f"-{fee}", 1, XRP)) == []
    assert story.found(Notify) == []


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("first", ["line", "fill"])
def test_the_fee_of_a_liquidation_is_paid_once_whatever_line_tells_of_it(
    first: str, restarts: bool
) -> None:
    story = Bare(a_config(limits=replace(LIVE, day_loss=None)))
    entry = story.opened()
    fee = entry.qty * D("1.9") * D("0.0005")
    told = line(story, "insurance", f"-{fee}", 2, XRP)
    story.tell(CashAnnounced(story.now, "INSURANCE_CLEAR", -fee, story.now))
    stop = story.placed()[1]
    before = story.engine.portfolio.cash
    for step in ("line", "fill") if first == "line" else ("fill", "line"):
        if step == "line":
            story.tell(replace(told, at=story.now))
        else:
            story.fill(stop, price="1.9")
        if restarts:
            story.restart()
        story.tell(replace(told, at=story.now))
    with exact():
        assert story.engine.portfolio.cash == before + entry.qty * D("1.9") - fee
        assert story.engine.equity() == story.engine.portfolio.cash
    assert story.found(CashBooked) == []
    assert story.halted() == []


def test_an_insurance_line_of_another_amount_is_no_fee() -> None:
    story = Bare(a_config())
    story.opened()
    cash = story.engine.portfolio.cash
    for _ in range(2):
        story.tell(line(story, "insurance", "-3", 1, XRP))
    assert story.engine.portfolio.cash == cash - 3


def at_the_stop() -> tuple[Bare, Order, Decimal, Decimal]:
    """A long that its stop is about to close at 1.9; the fill's fee, and what is in cash then without any line (USDT)."""
    story = Bare(a_config(limits=replace(LIVE, day_loss=None)))
    entry = story.opened()
    with exact():
        worth = entry.qty * D("1.9")
        fee = worth * D("0.0005")
        return story, story.placed()[1], fee, story.engine.portfolio.cash + worth - fee


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("is_announced", [False, True])
def test_an_insurance_line_that_came_before_its_fill_is_booked_when_that_shows_it_is_no_fee(
    is_announced: bool, restarts: bool
) -> None:
    story, stop, fee, after = at_the_stop()
    before = story.engine.equity()
    if is_announced:
        story.tell(CashAnnounced(story.now, "INSURANCE_CLEAR", D(-3), story.now))
    told = line(story, "insurance", "-3", 2, XRP)
    (asked,) = story.tell(told)
    assert isinstance(asked, ReadBack)
    story.later(29_000)
    if restarts:
        story.restart()
    # what was announced is forgotten then, and that the fill is missing has been told
    story.later(31_000 if restarts else 5_000)
    assert story.engine.equity() == before - 3
    assert story.halted() == ["ledger"]
    assert story.tell(replace(told, at=story.now)) == []
    story.fill(stop, price="1.9")
    for _ in range(2):
        assert story.engine.portfolio.cash == story.engine.equity() == after - 3
        assert [(b.id, b.amount) for b in story.found(CashBooked)] == [(told.id, D(-3))]
        story.tell(line(story, "commission", str(-fee), 2, XRP))
        story.tell(replace(told, at=story.now))
    assert "they differ" not in story.told()


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("order", permutations(("insurance", "commission", "fill")))
def test_a_line_beside_the_fee_is_booked_in_whatever_order_they_come(
    order: tuple[str, ...], restarts: bool
) -> None:
    story, stop, fee, after = at_the_stop()
    lines = [line(story, kind, str(-fee), 2, XRP) for kind in ("insurance", "commission")]
    for step in order:
        if step == "fill":
            story.fill(stop, price="1.9")
        else:
            told = next(told for told in lines if told.kind == step)
            story.tell(replace(told, at=story.now))
        if restarts:
            story.restart()
    for told in (*lines, *lines):
        story.tell(replace(told, at=story.now))
    with exact():
        assert story.engine.portfolio.cash == story.engine.equity() == after - fee
    assert [(b.kind, b.amount) for b in story.found(CashBooked)] == [("insurance", -fee)]
    assert "they differ" not in story.told()


def test_the_fee_of_a_fill_that_is_forgotten_was_paid_all_the_same() -> None:
    story, stop, fee, after = at_the_stop()
    story.fill(stop, price="1.9")
    told = line(story, "insurance", str(-fee), 2, XRP)
    story.tell(told)
    for number in range(REMEMBERED_FILLS):
        story.engine.cash.note_fill(replace(story.lost(), trade_id=100 + number), D(0))
    assert story.tell(told) == []
    assert story.engine.portfolio.cash == after


@pytest.mark.parametrize("first", ["line", "fill"])
def test_a_rest_between_income_and_ledger_is_shown_once_from_a_cent_on(first: str) -> None:
    story = Bare(a_config(limits=replace(LIVE, day_loss=None)))
    entry = story.opened()
    fee = entry.qty * 2 * D("0.0005")
    small = line(story, "commission", str(-fee - D("0.004")), 1, XRP)
    assert story.tell(small) == []
    stop = story.placed()[1]
    told = line(story, "realized", "-2", 2, XRP)
    if first == "line":
        (asked,) = story.tell(told)
        assert isinstance(asked, ReadBack)
        assert asked.trade_id == 2
        story.restart()
    story.fill(stop, price="1.9")
    if first == "fill":
        story.restart()
        story.tell(replace(told, at=story.now))
    texts = [e.text for e in story.found(Notify) if "in all" in e.text]
    assert len(texts) == 1
    assert texts[0].startswith(
        "realized of trade XRP/USDT:2: the exchange says -2, the ledger -2.49 "
    )
    assert texts[0].endswith("on 2025-06-02 they differ by 0.486 in all")
    with exact():
        assert snapshot(story.engine, "", 1.0)["income_rests"] == {"2025-06-02": "0.486"}
    story.tell(replace(told, at=story.now))
    assert len([e for e in story.found(Notify) if "in all" in e.text]) == 1


def test_the_rests_of_a_month_are_kept() -> None:
    story = Bare(a_config())
    story.opened()
    cash = story.engine.cash
    for day in range(32):
        cash._fills = {"x": {"realized": D(0)}}
        cash._hold_against("x", "realized", D("0.001"), day * 86_400_000)
    assert list(cash._rests) == list(range(1, 32))
    with exact():
        assert "income_rests" not in snapshot(story.engine, "", 1.0)  # less than a cent


def test_the_newest_fills_that_differ_by_more_than_rounding_are_shown() -> None:
    story = Bare(a_config())
    story.opened()
    cash = story.engine.cash
    for number in range(102):
        for kind, amount in (("realized", "-0.02"), ("commission", "0.0200001")):
            cash._fills = {f"XRP/USDT:{number}": {kind: D(0)}}
            cash._hold_against(f"XRP/USDT:{number}", kind, D(amount if number else "0.00001"), 0)
    story.restart()
    shown = story.engine.cash.fill_rests()
    assert list(shown) == [f"XRP/USDT:{number}" for number in range(2, 102)]
    assert set(shown.values()) == {D("1E-7")}
    with exact():
        assert snapshot(story.engine, "", 1.0)["fill_rests"]["XRP/USDT:7"] == "0.0000001"


def test_only_the_newest_fills_are_remembered() -> None:
    story = Bare(a_config())
    story.opened()
    for number in range(REMEMBERED_FILLS):
        fill = replace(story.lost(), trade_id=100 + number)
        story.engine.cash.note_fill(fill, D(0))
    assert story.tell(line(story, "commission", "-9", 1, XRP)) == []


def test_an_exchange_in_the_process_needs_no_lines() -> None:
    story = Played(a_config())
    story.engine.cash.note_fill(Bare(a_config()).lost(), D(0))
    assert story.engine.cash.export_state()["fills"] == {}


def test_a_fill_that_is_missing_is_asked_for_by_its_number_until_it_halts() -> None:
    story = Bare(a_config())
    story.tell(line(story, "commission", "-1", 9, XRP))
    effects = story.later(5_000)
    assert [e.trade_id for e in effects if isinstance(e, ReadBack)] == [9]
    story.later(26_000)
    assert story.halted() == ["ledger"]


# -- announced ---------------------------------------------------------------------------------------------------


def test_an_announced_loss_counts_for_the_limits_before_its_line_is_read() -> None:
    story = Bare(a_config())
    story.tell(announced(story, "-24"))
    story.time += 2 * 3_600_000
    story.restart()
    story.later(1)
    assert story.engine.equity() == 9_976  # nobody could book it while the run was dead
    assert story.engine.portfolio.cash == 10_000
    story.restart()
    assert story.engine.equity() == 9_976
    story.tell(paid(story, "-24"))
    assert story.engine.equity() == 9_976  # it is counted once
    story.tell(announced(story, "-1.5", ago=100))
    assert story.halted() == ["day_loss"]


def test_an_announcement_told_twice_or_after_its_line_counts_once() -> None:
    story = Bare(a_config())
    said = announced(story, "-3")
    story.tell(said)
    story.tell(said)
    assert story.engine.equity() == 9_997
    story.tell(paid(story, "-3"))
    story.tell(said)
    story.tell(line(story, "insurance", "-2"))
    story.tell(announced(story, "-2", ago=50))
    assert story.engine.equity() == 9_995
    story.tell(announced(story, "-2", ago=50_000))
    assert story.engine.equity() == 9_993


def test_the_same_loss_on_two_symbols_at_once_counts_twice() -> None:
    story = Bare(a_config())
    for symbol in ("XRP/USDT", "ADA/USDT", "ADA/USDT"):
        story.tell(replace(announced(story, "-3"), symbol=symbol))
    assert story.engine.equity() == 9_994


def test_a_gain_counts_when_it_is_booked() -> None:
    story = Bare(a_config())
    story.tell(announced(story, "3"))
    assert story.engine.equity() == 10_000
    story.engine.shared.past = story.now
    story.tell(announced(story, "-3"))  # of the time before the account was taken over
    assert story.engine.equity() == 10_000


def test_an_announcement_without_a_line_is_dropped_after_half_a_minute() -> None:
    story = Bare(a_config())
    story.tell(announced(story, "-3"))
    story.tell(announced(story, "-4", ago=1))
    story.tell(line(story, "insurance", "-9"))  # another one
    story.later(29_000)
    assert story.engine.equity() == 9_984
    story.later(2_000)
    assert story.engine.equity() == 9_991
