"""An account whose journal cannot be believed: no entries, and protection from what the exchange says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from kits.engine_kit import ADA, XRP, Bare, a_config, long

from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.effects import Cancel, CashBooked, FillBooked, Place
from tradebot.core.model.events import (
    AccountRead,
    CashMoved,
    Command,
    Filled,
    FundingPaid,
    JournalBack,
    JournalFailed,
    RunStarted,
)
from tradebot.core.model.values import MINUTE_MS, Fill, OrderStatus, Purpose, Side
from tradebot.core.state.exit_pace import FAR
from tradebot.core.trading.answers import TAKEN_OVER

D = Decimal
FORGED = "the state of live-0001 was changed, or written without the key"
HELD = PositionRead(XRP, D(5), D("2.1"))


class Doubted(Bare):
    """A bare engine that starts on a journal it cannot believe."""

    doubt = FORGED
    resumed = False

    def start(self) -> Any:
        self.starts += 1
        at, name = max(self.time, self.engine.now), f"n{self.starts}"
        return self.tell(RunStarted(at, "run", "abcdef", name, "hash", self.resumed, self.doubt))


class Sure(Doubted):
    """One that starts on a journal as it should be."""

    doubt = ""


def doubted(*symbols: str) -> Doubted:
    story = Doubted(a_config(symbols or (XRP,)))
    story.later(100)
    return story


def whole(story: Bare, *positions: PositionRead, wallet: str = "10000", **known: Any) -> list[Any]:
    now = story.now
    return story.tell(AccountRead(now, "", now, now, positions, wallet=D(wallet), **known))


def an_order(order_id: str, **changes: Any) -> OrderRead:
    plain = OrderRead(
        *(XRP, order_id, f"9{order_id}", Side.SELL, "STOP_MARKET", OrderStatus.WORKING, D(5), D(0)),
        trigger=D("1.9"),
        reduce_only=True,
    )
    return replace(plain, **changes)


def test_no_entry_is_made_and_nobody_can_clear_that_while_it_stands() -> None:
    story = doubted()
    assert story.halted() == ["journal"]
    story.say(long())
    story.bar()
    assert story.placed() == []
    story.tell(JournalFailed(story.now, "the disk is full"))
    story.tell(JournalBack(story.now))
    story.tell(Command(story.now, 1, "resume", "me", "why not"))
    assert list(story.engine.halts.reasons) == ["journal"]
    assert story.engine.shared.unmet["journal"] == FORGED


def test_a_start_on_a_journal_that_is_as_signed_can_be_cleared() -> None:
    story = doubted()
    whole(story)
    story.doubt, story.resumed = "", True
    story.restart()
    assert list(story.engine.halts.reasons) == ["journal"]  # a person still has to say so
    story.tell(Command(story.now, 1, "resume", "me", "restored from the backup"))
    assert not story.engine.halts.reasons


def test_what_is_held_is_protected_as_soon_as_it_is_read() -> None:
    story = doubted()
    effects = whole(story, HELD)
    (stop,) = story.placed(Purpose.STOP)
    assert (stop.side, stop.qty, stop.reduce_only) == (Side.SELL, D(5), True)
    assert D(2) < stop.trigger < D("2.1")  # type: ignore[operator]
    (booked,) = [e.fill for e in effects if isinstance(e, FillBooked)]
    assert (booked.order_id, booked.qty, booked.price) == (TAKEN_OVER, D(5), D("2.1"))
    assert story.held == 5
    story.works(stop)
    whole(story, HELD, algo_orders=(an_order(stop.id),))
    story.later(40_000)
    assert story.halted() == ["journal"]  # nothing differs any more


def test_a_short_is_protected_as_well() -> None:
    story = doubted()
    whole(story, PositionRead(XRP, D(-5), D("2.1")))
    (stop,) = story.placed(Purpose.STOP)
    assert (stop.side, story.held) == (Side.BUY, D(-5))


def test_a_stop_that_stands_is_kept() -> None:
    story = doubted()
    orders = (
        an_order("tbabcdef-n0-3s", trigger=D("1.8"), qty=D(2)),
        an_order("tbabcdef-n0-4s"),
        an_order("tbabcdef-n0-5t", kind="TAKE_PROFIT_MARKET", trigger=D("2.4")),
    )
    whole(story, HELD, algo_orders=orders)
    assert story.placed() == []
    assert story.found(Cancel) == []
    book = story.engine.books[XRP]
    assert (book.stop, book.plan.stop) == ("tbabcdef-n0-4s", D("1.9"))  # type: ignore[union-attr]
    story.later(6_000)
    assert book.closing == ""


def test_a_stop_for_less_than_is_held_is_replaced_and_goes_when_the_new_one_stands() -> None:
    story = doubted()
    whole(story, HELD, algo_orders=(an_order("tbabcdef-n0-4s", qty=D(3)),))
    (stop,) = story.placed(Purpose.STOP)
    assert (stop.qty, stop.trigger, story.found(Cancel)) == (D(5), D("1.9"), [])
    story.works(stop)
    assert [cancel.order_id for cancel in story.found(Cancel)] == ["tbabcdef-n0-4s"]


def test_a_closing_order_of_another_kind_is_no_stop() -> None:
    story = doubted(XRP, ADA)
    whole(
        story,
        HELD,
        orders=(an_order("tbabcdef-n0-7x", kind="LIMIT", trigger=None, price=D(3)),),
        algo_orders=(an_order("tbabcdef-n0-8s", symbol=ADA),),
    )
    assert len(story.placed(Purpose.STOP)) == 1
    # nothing of ADA is held: what closes there is a left-over
    assert "tbabcdef-n0-8s" in [cancel.order_id for cancel in story.found(Cancel)]


def test_an_entry_that_rests_is_cancelled() -> None:
    story = doubted()
    entry = an_order("tbabcdef-n0-5e", kind="LIMIT", trigger=None, reduce_only=False)
    whole(story, HELD, orders=(entry,))
    assert [cancel.order_id for cancel in story.found(Cancel)] == ["tbabcdef-n0-5e"]


def test_the_past_is_in_what_was_read_and_is_not_booked_again() -> None:
    story = doubted()
    shared, now = story.engine.shared, story.now
    assert shared.past == FAR
    old = Fill(XRP, 7, "tbabcdef-n0-2e", Side.BUY, D(5), D("2.1"), D("0.01"), False, now - 5)
    story.tell(Filled(now, old))
    assert story.held == 0
    whole(story, HELD)
    story.tell(Filled(story.now, old))
    story.tell(FundingPaid(story.now, XRP, D(1), D(0), D(2), D(5), now - 9))
    story.tell(CashMoved(story.now, "c1", "rebate", "", D(1), now - 9))
    assert (story.held, story.engine.portfolio.funding) == (D(5), D(0))
    new = replace(old, trade_id=8, side=Side.SELL, order_id="", venue_id="", time=now + 50)
    story.later(100)
    story.tell(Filled(story.now, new))
    assert story.held == 0


def test_the_wallet_is_taken_over_as_no_result() -> None:
    story = doubted()
    whole(story, HELD, wallet="812.5")
    (line,) = story.found(CashBooked)
    assert (line.kind, line.amount) == ("transfer", D("812.5") - 10_000)
    assert story.engine.accounts.ledger_wallet() == D("812.5")
    story.later(70_000)
    assert "day_loss" not in story.halted()


def test_without_a_difference_no_line_is_booked() -> None:
    story = doubted()
    whole(story)
    assert story.found(CashBooked) == []
    assert story.engine.shared.past == story.now
    assert story.engine.portfolio.cash == 10_000


def test_a_read_of_one_symbol_or_of_others_takes_nothing_over() -> None:
    story = doubted()
    story.read("5")
    assert story.engine.shared.past == FAR
    now = story.now
    other = PositionRead("ETH/USDT", D(1), D(2_000))
    story.tell(AccountRead(now, "", now, now, (other,)))
    assert story.engine.shared.past == now
    assert story.held == 0


def test_a_close_all_before_the_first_read_closes_what_that_shows() -> None:
    story = doubted()
    story.tell(Command(story.now, 1, "close-all", "me", "get out"))
    whole(story, HELD)
    (leaving,) = story.placed(Purpose.EXIT)
    assert (leaving.side, leaving.qty, leaving.reduce_only) == (Side.SELL, D(5), True)


def test_it_is_taken_over_by_the_next_start_if_this_one_dies_before() -> None:
    story = doubted()
    story.doubt, story.resumed = "", True
    story.restart()
    story.later(100)
    whole(story, HELD)
    assert len(story.placed(Purpose.STOP)) == 1


def test_a_state_that_can_be_believed_is_kept_though_a_head_is_false() -> None:
    story = Sure(a_config())
    entry = story.opened()
    story.doubt, story.resumed = "its last published head was changed", True
    story.restart()
    assert story.held == entry.qty
    assert story.engine.shared.past != FAR


def test_a_stop_that_is_lost_twice_in_an_hour_halts() -> None:
    story = Bare(a_config())
    for round_ in range(2):
        story.opened()
        story.update(story.placed(Purpose.STOP)[-1], OrderStatus.EXPIRED)
        story.later(1_100)
        story.fill(story.placed(Purpose.EXIT)[-1])
        assert story.halted() == ["stop_path"] * round_
        story.later(MINUTE_MS)
    story.tell(Command(story.now, 1, "resume", "me", "looked at it"))
    assert not story.engine.halts.reasons


def test_a_stop_that_is_lost_once_in_an_hour_is_an_accident() -> None:
    story = Bare(a_config())
    for _ in range(2):
        story.opened()
        story.update(story.placed(Purpose.STOP)[-1], OrderStatus.EXPIRED)
        story.later(1_100)
        story.fill(story.placed(Purpose.EXIT)[-1])
        story.later(61 * MINUTE_MS)
        story.restart()
    assert story.halted() == []


def test_it_is_not_cleared_while_a_position_has_no_stop() -> None:
    story = Bare(a_config())
    story.opened()
    story.update(story.placed(Purpose.STOP)[-1], OrderStatus.EXPIRED)
    story.engine.shared.halt("stop_path", "again")
    story.tell(Command(story.now, 1, "resume", "me", "why not"))
    assert "stop_path" in story.engine.halts.reasons


def test_what_was_placed_is_all_reduce_only() -> None:
    story = doubted()
    whole(story, HELD)
    story.later(70_000)
    assert all(place.approved.order.reduce_only for place in story.found(Place))


@pytest.mark.parametrize("qty", ["0.1", "1000000"])
def test_any_quantity_is_taken_over(qty: str) -> None:
    story = doubted()
    whole(story, PositionRead(XRP, D(qty), D(2)))
    assert story.held == D(qty)
    story.later(30_000)
    assert story.placed()


def test_what_a_read_says_twice_is_taken_over_once() -> None:
    story = doubted()
    stop = an_order("tbabcdef-n0-4s")
    effects = whole(story, HELD, HELD, orders=(stop,), algo_orders=(stop,))
    assert len([e for e in effects if isinstance(e, FillBooked)]) == 1
    assert story.held == 5
    assert [tracked.order.id for tracked in story.engine.table.live.values()] == [stop.order_id]


def test_a_stop_that_ended_because_its_position_was_gone_is_not_lost() -> None:
    """A target that filled ends the stop; the venue tells that end first."""
    story = Bare(a_config())
    for _ in range(3):
        story.opened(long(1.9, 2.2))
        story.update(story.placed(Purpose.STOP)[-1], OrderStatus.EXPIRED)
        (target,) = [o for o in story.placed(Purpose.TARGET) if o.id in story.engine.table.live]
        story.fill(target, price="2.2")
        assert story.held == 0
        for order in list(story.engine.table.live.values()):
            story.update(order.order, OrderStatus.REJECTED, code=-2022)
        story.later(MINUTE_MS)
    assert story.halted() == []
