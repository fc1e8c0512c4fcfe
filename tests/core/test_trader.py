"""From signal to order to protection, with an exchange that may be late, lost or gone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.engine_kit import (
    ADA,
    DAY,
    HOUR,
    LIVE,
    NOON,
    OUT,
    PAPER,
    SOL,
    XRP,
    Bare,
    Played,
    a_config,
    long,
    short,
)

from tradebot.core.model.effects import Cancel, LookUp, Place, TradeClosed, WakeAt
from tradebot.core.model.events import Command, Filled, FundingPaid, PriceSeen
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS, OrderStatus, OrderType, Purpose, Side, TimeInForce
from tradebot.core.risk.limits import Limits
from tradebot.core.state.order_table import REMEMBERED
from tradebot.core.trading.shared import Execution

D = Decimal
E, S, T, X = Purpose.ENTRY, Purpose.STOP, Purpose.TARGET, Purpose.EXIT
WORKING, CANCELLED, EXPIRED = OrderStatus.WORKING, OrderStatus.CANCELLED, OrderStatus.EXPIRED
REJECTED, UNKNOWN, FILLED = OrderStatus.REJECTED, OrderStatus.UNKNOWN, OrderStatus.FILLED
RESTING = Execution("limit", D(20), 600)


# -- entries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "signal", "price", "tif"),
    [
        ("ioc", long(), "2.004", TimeInForce.IOC),
        ("ioc", short(), "1.996", TimeInForce.IOC),
        ("limit", long(), "2", TimeInForce.GTC),
        ("limit", short(), "2", TimeInForce.GTC),
        ("market", long(), None, TimeInForce.GTC),
        ("market", short(), None, TimeInForce.GTC),
    ],
)
def test_an_entry_goes_out_as_the_configuration_says(
    entry: str, signal: object, price: str | None, tif: TimeInForce
) -> None:
    story = Played(a_config(execution=Execution(entry, D(20), 60)))  # type: ignore[arg-type]
    story.say(signal)
    story.bar()
    (order,) = story.placed()
    assert (order.price, order.tif) == (None if price is None else D(price), tif)
    assert order.type is (OrderType.MARKET if price is None else OrderType.LIMIT)
    worst = D(price or "2")
    assert D("49") < order.qty * max(worst, D(2)) <= 50


def test_stop_and_target_go_in_with_the_fill_rounded_towards_the_entry() -> None:
    story = Played(a_config())
    story.say(long(1.90001, 2.20009))
    story.bars(2)
    _, stop, target = story.placed()
    assert (stop.type, stop.trigger) == (OrderType.STOP_MARKET, D("1.9001"))
    assert (target.type, target.trigger) == (OrderType.TAKE_PROFIT_MARKET, D("2.2000"))
    assert stop.qty == target.qty == story.held
    assert stop.reduce_only
    assert story.resting() == ["s", "t"]


def test_a_trade_too_small_for_the_exchange_says_all_that_is_wrong_with_numbers() -> None:
    story = Played(a_config(limits=replace(LIVE, position_value=D(4))))
    story.say(long(stop=None))
    story.bar()
    text = story.refusals()
    assert "smallest order 2.5 XRP = $5.01 exceeds the position cap of $4.00" in text
    assert "an entry needs a stop" in text
    assert "position value" not in text  # said once


def test_a_resting_entry_ends_when_its_time_is_up() -> None:
    story = Played(a_config(execution=Execution("limit", D(20), 90)))
    story.say(long())
    story.bar()
    story.bars(3)
    assert story.cancelled() == ["time to live is over"]
    assert story.resting() == []
    assert story.held == 0


def test_signals_while_an_entry_works() -> None:
    story = Played(a_config(execution=RESTING))
    story.say(long(), long(), short(), OUT, OUT)
    story.bars(3)
    assert story.verdicts() == ["approved", "held", "exit"]
    assert story.cancelled() == ["opposite signal"]
    story.bars(2)
    assert story.verdicts()[3:] == ["ignored", "ignored"]


def test_a_way_out_cancels_the_entry_and_what_it_still_fills_is_closed() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long(), OUT)
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.bar()
    assert story.cancelled() == ["signal"]
    story.fill(entry, "10")
    stop, exit_ = story.placed(S)[0], story.placed(X)[0]
    assert stop.qty == exit_.qty == 10
    story.fill(entry, "3")  # the exit is smaller now than the position
    story.fill(exit_)
    assert len(story.placed(X)) == 1  # one try a second
    story.later(1000)
    assert story.placed(X)[1].qty == 3
    story.fill(story.placed(X)[1])
    assert story.held == 0


def test_an_entry_that_ended_without_a_fill_leaves_nothing_to_close() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long(), OUT)
    story.bar()
    story.works(story.placed()[0])
    story.bar()
    story.update(story.placed()[0], CANCELLED)
    assert story.engine.books[XRP].closing == ""


def test_entries_are_a_minute_apart_on_any_symbol_and_across_restarts() -> None:
    config = a_config((ADA, SOL, XRP), interval=MINUTE_MS // 2, timeframe=MINUTE_MS // 2)
    story = Played(config)
    story.say(long())
    story.say(None, long(0.65), long(0.65), symbol=ADA)
    story.bar(ada="0.7 0.7 0.7 0.7")
    story.restart()
    story.bar(ada="0.7 0.7 0.7 0.7")
    assert "last entry was 30 s ago; entries are at least 60 s apart" in story.refusals()
    story.bar(ada="0.7 0.7 0.7 0.7")
    assert story.verdicts() == ["approved", "refused", "approved"]


def test_two_positions_at_most_with_working_and_unknown_entries_counted() -> None:
    story = Bare(a_config((ADA, SOL, XRP), execution=RESTING))
    story.opened()
    for symbol, row, stop in ((ADA, "0.7 0.7 0.7 0.7", 0.65), (SOL, "150 150 150 150", 140.0)):
        story.say(long(stop), symbol=symbol)
        story.bar(row, symbol)
    assert "2 positions or entries are open; the limit is 2" in story.refusals()
    entry = story.placed(E)[-1]
    assert entry.symbol == ADA
    story.update(entry, UNKNOWN)
    story.say(long(140.0), symbol=SOL)
    story.bar("150 150 150 150", SOL)
    assert story.refusals().count("2 positions or entries are open") == 2
    story.update(entry, CANCELLED)
    story.say(long(140.0), symbol=SOL)
    story.bar("150 150 150 150", SOL)
    assert story.verdicts()[-1] == "approved"


def test_a_late_fill_that_makes_two_positions_cancels_the_third_entry() -> None:
    story = Bare(a_config((ADA, SOL, XRP), execution=RESTING))
    story.say(long())
    story.bar()
    entry = story.placed()[0]
    story.update(entry, CANCELLED)
    for symbol, row, stop in ((ADA, "0.7 0.7 0.7 0.7", 0.65), (SOL, "150 150 150 150", 140.0)):
        story.say(long(stop), symbol=symbol)
        story.bar(row, symbol)
    story.fill(story.placed(E)[1], price="0.7")
    story.tell(Filled(story.now, replace(story.lost(), order_id=entry.id)))
    assert "as many positions as may be are open" in story.cancelled()


def test_an_off_limit_on_positions_never_cancels() -> None:
    story = Bare(a_config(limits=replace(PAPER, max_positions=None)))
    story.opened()
    assert story.cancelled() == []


# -- what blocks new entries cancels working ones ----------------------------------------------------------


def test_a_halt_cancels_the_rest_of_an_entry_and_keeps_what_was_filled_protected() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry, "10")
    story.works(story.placed(S)[0])
    story.tell(Command(story.now, 1, "halt", "person", "enough"))
    assert story.cancelled() == ["halt: user"]
    story.fill(entry, "4")  # in flight
    assert story.placed(S)[-1].qty == 14
    assert story.placed(X) == []


def test_close_all_during_a_pending_entry_leaves_nothing_open() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.tell(Command(story.now, 1, "close-all", "person", "enough"))
    story.update(entry, CANCELLED)
    story.tell(Filled(story.now, replace(story.lost(), order_id=entry.id)))  # later than its cancel
    (exit_,) = story.placed(X)
    assert story.engine.books[XRP].closing == "close_all"
    story.fill(exit_)
    assert story.held == 0
    story.tell(Command(story.now, 2, "resume", "person", "again"))
    assert story.engine.shared.flattening == ""


def test_an_entry_never_fills_in_a_blackout_hour() -> None:
    story = Played(a_config(execution=RESTING), NOON + 9 * HOUR + 55 * MINUTE_MS)
    story.say(long())
    story.bars(5)
    assert story.cancelled() == ["blackout"]  # in the last instant before 22:00
    story.bar("1.9 1.9 1.9 1.9")
    assert story.held == 0
    story.say(long(1.7))
    story.bar()
    assert "no entries in the hour 22:00 UTC" in story.refusals()


def test_a_bar_that_closes_at_the_brink_of_a_blackout_is_too_late() -> None:
    story = Played(a_config(), NOON + 9 * HOUR + 59 * MINUTE_MS)
    story.say(long())
    story.bar()
    assert "no entries in the hour 22:00 UTC" in story.refusals()


def test_a_start_within_a_blackout_hour_lets_nothing_stand() -> None:
    story = Bare(a_config(execution=RESTING), NOON + 9 * HOUR + 30 * MINUTE_MS)
    story.say(long())
    story.bar()
    assert [w.at for w in story.found(WakeAt) if w.key == "blackout"] == [NOON + 10 * HOUR - 1]
    story.wake("blackout", NOON + 10 * HOUR - 1)
    assert story.cancelled() == ["blackout"]


def test_an_entry_does_not_outlive_its_price() -> None:
    """The exchange is away for hours: what was sent before is cancelled before it comes back."""
    story = Played(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    story.time += 4 * HOUR
    story.bar("1.95 1.95 1.95 1.95")
    assert story.cancelled() == ["stale data"]
    assert story.held == 0


def test_an_entry_on_a_symbol_that_fell_silent_is_cancelled() -> None:
    story = Played(a_config((ADA, XRP), quotes=True, execution=RESTING))
    story.quote("1.9999", "2.0001", "2")
    story.say(long())
    story.closed()
    for _ in range(4):
        story.quote("1.9999", "2.0001", "2")
        story.quote("0.6999", "0.7001", "0.7", symbol=ADA)
    assert story.cancelled() == []
    for _ in range(7):
        story.quote("0.6999", "0.7001", "0.7", symbol=ADA)
    assert story.cancelled() == ["stale data"]


def test_a_quote_is_as_old_as_the_exchange_says_and_clocks_must_agree() -> None:
    story = Played(a_config(quotes=True))
    story.quote("1.9999", "2.0001", "2", late=6000)
    story.say(long(), long(), long())
    story.closed()
    assert "the price is 7 s old; entries need one under 5 s" in story.refusals()
    story.quote("1.9999", "2.0001", "2", late=-2000)
    story.closed()
    assert "our clock and the exchange's may be 1000 ms apart" in story.refusals()


def test_an_entry_is_reviewed_in_the_call_that_approves_another() -> None:
    story = Bare(a_config((ADA, XRP), execution=RESTING))
    story.say(long(0.65), symbol=ADA)
    story.bar("0.7 0.7 0.7 0.7", ADA)
    (resting,) = story.placed(Purpose.ENTRY)
    story.works(resting)
    story.bar()
    assert story.cancelled() == []
    story.say(long(1.9))
    effects = story.bar()  # two minutes on, the other symbol's price is too old for its entry
    assert [e.approved.order.symbol for e in effects if isinstance(e, Place)] == [XRP]
    assert [e.order_id for e in effects if isinstance(e, Cancel)] == [resting.id]


@pytest.mark.parametrize("stale_s", [None, 10**12])
def test_where_staleness_cannot_bind_nobody_is_woken(stale_s: int | None) -> None:
    story = Played(a_config(limits=replace(LIVE, stale_s=stale_s), execution=RESTING))
    story.say(long())
    story.bar()
    assert [w.key for w in story.found(WakeAt)] == ["ttl:tbabcdef-n1-1e"]
    story.time += 4 * HOUR
    story.bar()
    assert story.cancelled() == ["time to live is over"]


def test_an_entry_that_grew_beyond_the_cap_is_cancelled() -> None:
    story = Played(a_config(execution=RESTING))
    story.say(short(2.15))
    story.bar()
    story.bar("2.0 2.0 2.0 2.0 0")
    assert story.cancelled() == []
    story.bar("2.05 2.05 2.05 2.05 0")
    assert story.cancelled() == ["position value"]
    off = Played(a_config(execution=RESTING, limits=replace(LIVE, position_value=None)))
    off.say(short(2.2))
    off.bar()
    off.bar("2.05 2.05 2.05 2.05 0")
    assert off.cancelled() == []


def test_an_entry_whose_stop_was_passed_is_cancelled() -> None:
    for signal, row in (
        (long(1.99), "1.98 1.98 1.98 1.98 0"),
        (short(2.01), "2.02 2.02 2.02 2.02 0"),
    ):
        limits = replace(LIVE, position_value=D(60))
        story = Bare(a_config(execution=RESTING, limits=limits))
        story.say(signal)
        story.bar()
        story.bar(row)
        assert story.cancelled()[0] in ("its stop is reached", "position value")


def test_an_entry_without_a_stop_has_none_that_could_be_passed() -> None:
    story = Bare(a_config(execution=RESTING, limits=Limits.bench((XRP,))))
    story.say(long(None))
    story.bar()
    story.bar("1.5 1.5 1.5 1.5")
    assert story.cancelled() == []


def test_entries_go_when_the_account_has_no_room_for_them_any_more() -> None:
    limits = replace(PAPER, day_loss=D(60), trade_loss=D(50), position_value=D(300))
    story = Bare(a_config((ADA, XRP), limits=limits, execution=RESTING))
    story.opened(long(1.8))
    story.say(long(0.65), symbol=ADA)
    story.bar("0.7 0.7 0.7 0.7", ADA)
    assert story.cancelled() == []
    story.bar("1.97 1.97 1.97 1.97")
    story.tell(PriceSeen(story.now, XRP, D("1.81")))
    story.engine.watch.day.base += 25  # as if as much had been lost on other trades
    story.tell(PriceSeen(story.now, XRP, D("1.81")))
    assert story.cancelled() == ["day_loss"]


def test_entries_go_when_the_margin_is_used_up() -> None:
    story = Bare(a_config((ADA, XRP), start_equity=D(205), execution=RESTING))
    story.opened()
    story.say(long(0.65), symbol=ADA)
    story.bar("0.7 0.7 0.7 0.7", ADA)
    assert story.verdicts() == ["approved", "approved"]
    story.bar("1.91 1.91 1.91 1.91")
    assert story.cancelled() == []
    story.engine.portfolio.cash -= 20
    story.bar("1.91 1.91 1.91 1.91")
    assert story.cancelled() == ["margin"]


# -- protection ---------------------------------------------------------------------------------------------


def test_each_partial_fill_has_its_stop_and_the_old_one_goes_last() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry, "10")
    first = story.placed(S)[0]
    story.works(first)
    story.fill(entry, "4")
    second = story.placed(S)[1]
    assert [first.qty, second.qty] == [D(10), D(14)]
    assert story.cancelled() == []  # the first stands until the second does
    story.works(second)
    assert [(c.order_id, c.why) for c in story.found(Cancel)] == [(first.id, "replaced")]


def test_a_trailing_stop_is_replaced_create_then_cancel_and_only_comes_nearer() -> None:
    story = Bare(a_config())
    story.opened(long(1.9, 2.5))
    # nearer, farther away, at the price, nearer again without any answer yet, and no stop at all
    story.say(long(1.95), long(1.92), long(2.0), long(1.96), long(None))
    for _ in range(5):
        story.bar()
    stops = story.placed(S)
    assert [stop.trigger for stop in stops] == [D("1.9"), D("1.95")]  # one request in flight
    assert story.verdicts()[1:] == ["held"] * 5
    assert story.cancelled() == []
    story.works(stops[1])  # overtaken already: the next one goes out, the first goes
    assert [c.order_id for c in story.found(Cancel)] == [stops[0].id]
    assert story.placed(S)[2].trigger == D("1.96")
    story.works(story.placed(S)[2])
    assert [c.order_id for c in story.found(Cancel)] == [stops[0].id, stops[1].id]
    assert len(story.placed(T)) == 1


def test_a_short_s_stop_trails_downwards() -> None:
    story = Bare(a_config())
    story.opened(short(2.1))
    story.say(short(2.2), short(2.05), short(1.9))
    for _ in range(3):
        story.bar()
    assert [stop.trigger for stop in story.placed(S)] == [D("2.1"), D("2.05")]


def test_a_position_that_had_no_stop_gets_the_first_one_offered() -> None:
    story = Bare(a_config(limits=Limits.bench((XRP,))))
    story.opened(long(None))
    assert story.placed(S) == []
    story.say(long(1.9))
    story.bar()
    assert [stop.trigger for stop in story.placed(S)] == [D("1.9")]


def test_nothing_trails_while_it_is_being_closed() -> None:
    story = Bare(a_config())
    story.opened()
    story.say(OUT, long(1.95))
    story.bar()
    story.bar()
    assert len(story.placed(S)) == 1


@pytest.mark.parametrize("status", [REJECTED, EXPIRED, CANCELLED])
def test_a_stop_that_is_gone_while_its_position_is_open_means_close_now(
    status: OrderStatus,
) -> None:
    story = Bare(a_config())
    story.opened()
    story.update(story.placed(S)[0], status, code=-2021)
    assert [order.qty for order in story.placed(X)] == [story.held]
    assert f"stop {status.value} (said so); closing" in story.told()
    story.fill(story.placed(X)[0])
    assert story.found(TradeClosed)[0].exit_reason == "stop_lost"


def test_a_stop_refused_because_the_price_is_past_it_closes_through_the_exchange() -> None:
    story = Played(a_config(execution=Execution("ioc", D(20), 60)))
    story.say(long(1.999))
    story.bar()
    story.bar("2.003 2.003 1.99 1.99")  # filled at the open; the low triggers the stop at once
    assert story.held == 0
    assert story.found(TradeClosed)[0].exit_reason == "stop"


def test_a_stop_that_fills_short_closes_the_rest() -> None:
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    story.fill(stop, "10", "1.9")
    story.update(stop, EXPIRED)
    assert story.placed(X)[0].qty == story.held
    assert "stop expired" in story.told()
    story.fill(story.placed(X)[0])


def test_a_stop_that_the_exchange_cut_is_replaced_by_a_whole_one() -> None:
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    story.update(stop, EXPIRED, left="10")
    assert [order.qty for order in story.placed(S)] == [stop.qty, stop.qty]
    story.works(story.placed(S)[1])
    assert [c.order_id for c in story.found(Cancel)] == [stop.id]


def test_a_target_that_fills_in_part_leaves_the_stop_in_charge() -> None:
    story = Bare(a_config())
    story.opened(long(1.9, 2.2))
    story.fill(story.placed(T)[0], "10", "2.2")
    assert story.placed(X) == []
    story.fill(story.placed(T)[0], "14.9", "2.2")
    assert story.found(TradeClosed)[0].exit_reason == "target"
    assert {c.why for c in story.found(Cancel)} == {"flat"}


def test_a_refused_target_is_only_lost() -> None:
    story = Bare(a_config())
    story.opened(long(1.9, 2.2))
    story.update(story.placed(T)[0], REJECTED)
    assert story.placed(X) == []


def test_a_target_beyond_what_the_exchange_takes_is_said_and_left_out() -> None:
    story = Bare(a_config())
    story.opened(long(1.9, 200_000.0))
    assert story.placed(T) == []
    assert "target refused" in story.told()
    assert len(story.placed(S)) == 1


@pytest.mark.parametrize("answer", [None, UNKNOWN])
def test_a_stop_nobody_has_confirmed_within_five_seconds_closes_the_position(
    answer: OrderStatus | None,
) -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    story.fill(story.placed(E)[0])
    assert [w.at - story.now for w in story.found(WakeAt) if w.key == f"stop:{XRP}"] == [5000]
    if answer is not None:
        story.update(story.placed(S)[0], answer)
        assert len(story.placed(S)) == 2  # another one at once, under a new id
    story.wake(f"stop:{XRP}", story.now + 5000)
    assert "no stop in place after 5 s" in story.told()
    assert len(story.placed(X)) == 1
    assert story.wake(f"stop:{XRP}", story.now + 5000) == []


def test_a_stop_in_place_in_time_is_left_alone() -> None:
    story = Bare(a_config())
    story.opened()
    assert story.wake(f"stop:{XRP}", story.now + 5000) == []


def test_an_unknown_stop_keeps_the_old_one_in_place() -> None:
    story = Bare(a_config())
    story.opened()
    story.say(long(1.95))
    story.bar()
    story.update(story.placed(S)[1], UNKNOWN)
    assert story.cancelled() == []
    story.works(story.placed(S)[2])
    assert len(story.cancelled()) == 2


# -- ways out -------------------------------------------------------------------------------------------------


def test_an_exit_is_sent_again_until_the_position_is_closed() -> None:
    story = Bare(a_config())
    story.opened()
    story.say(OUT)
    story.bar()
    story.update(story.placed(X)[0], REJECTED, code=-1001)
    story.bar()
    assert [order.id[-3:] for order in story.placed(X)] == ["-3x", "-4x"]
    story.update(story.placed(X)[1], UNKNOWN)  # does not hold up the next, a second later
    assert len(story.placed(X)) == 2
    story.later(1000)
    assert len(story.placed(X)) == 3
    story.works(story.placed(X)[2])
    story.fill(story.placed(X)[2])
    assert story.held == 0
    assert "flat" in story.cancelled()


def test_a_position_larger_than_the_largest_order_is_left_in_pieces_at_once() -> None:
    config = a_config()
    small = replace(config.instruments[XRP], market_max_qty=D(20))
    story = Bare(replace(config, instruments={XRP: small}, limits=PAPER))
    story.say(long(confidence=1.0))
    story.bar()
    entry = story.placed(E)[0]
    assert entry.qty == 20
    story.fill(entry)
    story.tell(Filled(story.now, story.lost()))  # five more from elsewhere
    assert "stop refused" not in story.told()  # one is in flight for the first 20
    story.works(story.placed(S)[0])
    assert "stop refused" in story.told()
    story.say(OUT)
    story.bar()
    assert [order.qty for order in story.placed(X)] == [20, 5]
    story.fill(story.placed(X)[0])
    story.fill(story.placed(X)[1])
    assert story.held == 0


def test_dust_below_the_smallest_order_is_said_once_and_blocks_nothing() -> None:
    story = Bare(a_config())
    story.bar()
    story.tell(Filled(story.now, replace(story.lost(), qty=D("0.05"))))
    for _ in range(3):
        story.bar()
    assert story.told().count("exit refused") == 1


def test_a_position_nobody_planned_gets_a_stop_and_its_order_is_asked_for() -> None:
    for limits, side, trigger in (
        (LIVE, Side.BUY, "1.9600"),  # 2 %
        (LIVE, Side.SELL, "2.0400"),
        (replace(LIVE, trade_loss=D("0.05")), Side.BUY, "1.9900"),
        (replace(LIVE, trade_loss=None), Side.BUY, "1.9600"),
    ):
        story = Bare(a_config(limits=limits))
        story.bar()
        story.tell(Filled(story.now, replace(story.lost(), side=side)))
        (stop,) = story.placed()
        assert (stop.purpose, stop.qty, stop.side) == (S, D(5), side.opposite)
        assert str(stop.trigger) == trigger
        assert story.found(LookUp) == [LookUp(XRP, "web-1")]
        assert story.halted() == []
        story.works(stop)
        story.later(5000)
        assert story.halted() == ["foreign"]


def test_the_rest_of_an_entry_that_fills_after_its_stop_is_protected_as_planned() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long(1.9, 2.2))
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry, "10")
    story.works(story.placed(S)[0])
    story.works(story.placed(T)[0])
    story.fill(story.placed(S)[0], price="1.9")
    assert story.held == 0
    story.fill(entry, "3", "1.9")  # the cancel came too late
    again, target = story.placed()[-2:]
    assert (again.purpose, again.qty, again.trigger) == (S, D(3), D("1.9"))
    assert (target.purpose, target.qty, target.trigger) == (T, D(3), D("2.2"))
    assert story.placed(X) == []


def test_what_an_entry_still_fills_after_the_strategy_wanted_out_is_closed_with_it() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long(), OUT)
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry, "10")
    story.bar()
    story.fill(story.placed(X)[0])
    assert story.held == 0
    story.later(1000)
    story.fill(entry, "3")
    assert story.placed(X)[1].qty == 3
    story.fill(story.placed(X)[1])
    assert [trade.exit_reason for trade in story.found(TradeClosed)] == ["signal", "signal"]


def test_an_opposite_signal_turns_the_position_once_nothing_of_it_rests() -> None:
    story = Bare(a_config())
    story.opened(long(1.9, 2.2))
    story.say(None, short(2.1))
    story.bar()
    story.bar()
    assert story.verdicts() == ["approved", "exit"]
    story.fill(story.placed(X)[0])
    assert len(story.placed(E)) == 1  # stop and target have yet to go
    story.update(story.placed(S)[0], CANCELLED)
    story.update(story.placed(T)[0], CANCELLED)
    assert story.verdicts() == ["approved", "exit", "approved"]
    assert story.placed(E)[1].side is Side.SELL


def test_while_an_orphan_rests_there_is_no_entry_on_its_symbol() -> None:
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    story.say(OUT)
    story.bar()
    story.fill(story.placed(X)[0])
    story.say(long())
    story.bar()
    assert "1 closing order(s) of the last position still rest" in story.refusals()
    story.update(stop, CANCELLED)
    story.say(long())
    story.bar()
    assert story.verdicts()[-1] == "approved"


def test_turning_waits_for_an_entry_that_still_works() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry, "10")
    story.works(story.placed(S)[0])
    story.say(None, short(2.1))
    story.bar()
    story.bar()
    story.update(story.placed(S)[0], CANCELLED)
    story.fill(story.placed(X)[-1])
    assert len(story.placed(E)) == 1
    story.update(entry, CANCELLED)
    assert len(story.placed(E)) == 2, story.refusals()


def test_a_turn_is_forgotten_when_entries_are_cancelled_or_the_strategy_wants_out() -> None:
    for undo in (OUT, None):
        story = Bare(a_config())
        story.opened()
        story.say(None, short(2.1), undo)
        for _ in range(3):
            story.bar()
        if undo is None:
            story.tell(Command(story.now, 1, "halt", "person", "x"))
        story.fill(story.placed(X)[0])
        story.update(story.placed(S)[0], CANCELLED)
        assert len(story.placed(E)) == 1


def test_a_turn_goes_through_the_gate_like_every_entry() -> None:
    config = a_config(interval=MINUTE_MS // 4, timeframe=MINUTE_MS // 4)
    story = Played(config)
    story.say(long(), short(2.1))
    story.bars(4)
    assert story.verdicts() == ["approved", "exit", "refused"]
    assert "entries are at least 60 s apart" in story.refusals()
    assert story.held == 0


# -- sending ----------------------------------------------------------------------------------------------


def test_an_entry_approved_before_a_halt_is_dropped_by_its_sender() -> None:
    story = Played(a_config(), latched=lambda: True)
    story.say(long())
    story.bar()
    assert story.verdicts() == ["approved"]
    assert story.resting() == []
    assert story.engine.table.live == {}


def test_finished_orders_are_remembered_until_their_trade_is_closed_and_a_day_more() -> None:
    story = Bare(a_config(execution=RESTING, limits=replace(LIVE, entry_interval_s=0)))
    table = story.engine.table
    story.say(long())
    story.bar()
    lost = story.placed()[-1]
    story.update(lost, REJECTED)
    entry = story.opened()
    story.time += 3 * DAY
    story.bar()
    assert table.find(lost.id) is None  # it had no part in any trade
    assert table.find(entry.id) is not None  # its trade goes on
    story.say(OUT)
    story.bar()
    story.fill(story.placed(X)[-1])
    for stop in story.placed(S):
        story.update(stop, CANCELLED)
    story.time += DAY - HOUR
    story.bar()
    assert table.find(entry.id) is not None
    assert story.update(entry, WORKING) == []  # a late word changes nothing
    story.time += 2 * HOUR
    story.bar()
    assert table.find(entry.id) is None


@pytest.mark.parametrize("outside", [False, True])
def test_an_order_that_nothing_was_executed_of_is_forgotten_a_day_after_its_end(
    outside: bool,
) -> None:
    """Whether or not its symbol is ever traded, and whoever answers: what never fills must not add up."""
    config = a_config(limits=replace(LIVE, entry_interval_s=0))
    story = Bare(config) if outside else Played(config, latched=lambda: True)
    table = story.engine.table
    for _ in range(40):
        story.say(long())
        story.bar()
        for entry in list(table.live.values()):
            assert isinstance(story, Bare)  # the other one is answered at once
            story.update(entry.order, REJECTED)
    kept = 40 if outside else REMEMBERED  # an exchange in the process is never late
    assert (len(table.finished), table.live) == (kept, {})
    assert table.export_state()["trade"] == {XRP: []}
    story.time += DAY + HOUR
    story.bar()
    assert table.finished == {}


def test_what_ends_after_its_trade_was_closed_is_forgotten_as_well() -> None:
    story = Bare(a_config())
    table = story.engine.table
    story.opened()
    story.say(OUT)
    story.bar()
    story.fill(story.placed(X)[-1])
    assert table.live
    story.update(story.placed(S)[-1], CANCELLED)
    assert table.live == {}
    story.time += DAY + HOUR
    story.bar()
    assert table.finished == {}


def test_every_place_carries_the_epoch_it_was_approved_in() -> None:
    story = Bare(a_config())
    story.tell(Command(story.now, 1, "halt", "person", "x"))
    story.tell(Command(story.now, 2, "resume", "person", "x"))
    story.opened()
    assert {place.approved.epoch for place in story.found(Place)} == {2}


def test_the_risk_of_working_entries_counts_for_the_next_one() -> None:
    for entry in ("limit", "market"):
        for side in (long(0.65), short(0.75)):
            execution = Execution(entry, D(20), 600)
            story = Bare(a_config((ADA, XRP), execution=execution))
            story.say(side, symbol=ADA)
            story.bar("0.7 0.7 0.7 0.7", ADA)
            with exact():
                risk = story.engine.shared.exposure.open_risk()
            # quantity x (distance + fees + 0.2 %), at the worst price a market order is taken to get
            assert D("3.5") < risk <= D(5)


def test_what_becomes_unknown_after_the_end_is_not_sent_again() -> None:
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    story.say(OUT)
    story.bar()
    exit_ = story.placed(X)[0]
    story.works(exit_)
    story.fill(stop, price="1.9")  # the stop was quicker than the exit
    assert story.held == 0
    assert story.cancelled() == ["flat"]
    count = len(story.placed())
    story.update(exit_, UNKNOWN)
    assert len(story.placed()) == count


def test_an_old_stop_that_becomes_unknown_protects_nothing_new() -> None:
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    story.say(OUT)
    story.bar()
    story.fill(story.placed(X)[0])
    story.tell(Filled(story.now, story.lost()))  # a position nobody planned
    count = len(story.placed())
    story.update(stop, UNKNOWN)
    assert len(story.placed()) == count


def test_a_fill_before_any_price_is_valued_at_its_own() -> None:
    story = Bare(a_config())
    story.tell(Filled(story.now, story.lost()))
    with exact():
        assert story.engine.equity() == 10_000
    assert story.placed(S)[0].qty == 5


def test_a_new_stop_does_not_take_the_old_target_away_before_the_new_one_stands() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long(1.9, 2.2))
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry, "10")
    for order in (*story.placed(S), *story.placed(T)):
        story.works(order)
    story.fill(entry, "4")
    story.works(story.placed(S)[1])
    assert [c.order_id for c in story.found(Cancel)] == [story.placed(S)[0].id]
    story.works(story.placed(T)[1])
    assert [c.order_id for c in story.found(Cancel)][1:] == [story.placed(T)[0].id]


def test_a_turn_and_its_funding_survive_a_restart() -> None:
    story = Bare(a_config())
    story.opened()
    story.tell(FundingPaid(story.now, XRP, D("-0.01"), D("0.0002"), D(2), story.held, story.now))
    story.say(None, short(2.1, 1.8))
    story.bar()
    story.bar()
    again = Bare(a_config())
    again.engine.restore(story.engine.export_state())
    assert again.engine.export_state() == story.engine.export_state()
    again.fill(story.placed(X)[0], trade=2)
    again.update(story.placed(S)[0], CANCELLED)
    assert again.verdicts() == ["approved"]
    (trade,) = again.found(TradeClosed)
    assert trade.funding == D("-0.01")
