"""An exchange that answers late, twice, out of order or never: each way in which that once broke something."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from kits.engine_kit import (
    ADA,
    LIVE,
    NOON,
    OUT,
    PAPER,
    XRP,
    Bare,
    a_config,
    long,
    short,
)

from tradebot.core.model.account import OrderRead, SymbolConfig
from tradebot.core.model.effects import (
    AccountCompared,
    Cancel,
    CashBooked,
    CommandDone,
    Effect,
    FundingBooked,
    LookUp,
    Notify,
    OrderChanged,
    Place,
    ReadBack,
    Reconcile,
    TradeClosed,
)
from tradebot.core.model.events import (
    NOT_LEFT,
    UNREAD,
    AccountConfigRead,
    AccountRead,
    Baseline,
    CashMoved,
    ClockChecked,
    Command,
    Filled,
    FundingPaid,
    JournalBack,
    JournalFailed,
    OrderSeen,
    OrderUpdate,
    Reconnected,
    VenueNote,
)
from tradebot.core.model.money import exact
from tradebot.core.model.values import Fill, Order, OrderStatus, Purpose, Quote, Side
from tradebot.core.state.portfolio import CASH_LINES, WINDOW
from tradebot.core.trading.shared import Execution

D = Decimal
E, S, T, X = Purpose.ENTRY, Purpose.STOP, Purpose.TARGET, Purpose.EXIT
WORKING, PARTIAL, UNKNOWN = OrderStatus.WORKING, OrderStatus.PARTIAL, OrderStatus.UNKNOWN
FILLED, CANCELLED = OrderStatus.FILLED, OrderStatus.CANCELLED
EXPIRED, REJECTED = OrderStatus.EXPIRED, OrderStatus.REJECTED
RESTING = Execution("limit", D(20), 600)


def asked(effects: list[Effect]) -> list[str]:
    return [effect.order_id for effect in effects if isinstance(effect, LookUp)]


def sent(effects: list[Effect]) -> list[Order]:
    return [effect.approved.order for effect in effects if isinstance(effect, Place)]


def leaving() -> tuple[Bare, Order]:
    """A position that is being left, and the exit that was sent."""
    story = Bare(a_config())
    story.opened()
    story.say(OUT)
    story.bar()
    return story, story.placed(X)[0]


# -- ends that come before their fills -------------------------------------------------------------


def test_an_end_told_before_its_fills_frees_no_exposure() -> None:
    story = Bare(a_config(limits=replace(LIVE, entry_interval_s=0)))
    story.say(long(), long())
    story.bar()
    entry = story.placed(E)[0]
    story.works(entry)
    story.update(entry, EXPIRED, filled=str(entry.qty))
    story.bar()
    assert story.verdicts() == ["approved", "held"]
    assert len(story.placed(E)) == 1
    (stop,) = story.placed(S)  # what was announced is protected, booked or not
    assert (stop.qty, stop.trigger) == (entry.qty, D("1.9"))
    story.fill(entry)
    assert story.held == entry.qty
    assert story.placed(S) == [stop]
    assert story.engine.table.live.keys() == {stop.id}


def test_an_end_that_does_not_say_what_was_filled_is_asked_about() -> None:
    story = Bare(a_config(limits=replace(LIVE, entry_interval_s=0)))
    story.say(long(), long())
    story.bar()
    entry = story.placed(E)[0]
    story.works(entry)
    story.update(entry, EXPIRED, filled=None)
    assert asked(story.later(299)) == []
    assert asked(story.later(1)) == [entry.id]
    assert asked(story.later(999)) == []
    assert asked(story.later(1)) == [entry.id]
    story.bar()
    assert story.verdicts() == ["approved", "held"]
    story.fill(entry, "10")
    story.update(entry, CANCELLED, filled=None)  # says no more than before
    story.found_out(entry, EXPIRED, "10")
    assert entry.id not in story.engine.table.live


def test_missing_fills_halt_after_thirty_seconds_and_the_halt_stays_while_they_are_missing() -> (
    None
):
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, FILLED, filled=None)  # FILLED says how much: all of it
    story.works(story.placed(S)[0])
    story.later(29_000)
    assert story.halted() == []
    story.later(2_000)
    assert story.halted() == ["ledger"]
    assert f"{entry.qty} of order {entry.id}" in story.told()
    story.tell(Command(story.now, 1, "resume", "me", "go"))
    assert list(story.engine.halts.reasons) == ["ledger"]
    assert "executions are still missing" in story.found(CommandDone)[-1].result
    story.fill(entry)
    story.tell(Command(story.now, 2, "resume", "me", "go"))
    assert not story.engine.halts.reasons


def test_a_start_after_hours_waits_for_what_is_missing_before_it_halts() -> None:
    """Nobody could tell it anything while it was dead: it asks, and has the whole time anew."""
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, FILLED, filled=str(entry.qty))
    story.works(story.placed(S)[0])
    story.tell(Filled(story.now, stranger(story, venue_id="901")))
    line = CashMoved(story.now, "c1", "commission", XRP, D("-0.02"), story.now, trade_id=9)
    story.tell(line)
    story.later(100)
    story.read("20")
    story.time += 2 * 3_600_000
    effects = story.restart() + story.later(1)
    assert {entry.id, ""} <= set(asked(effects))
    assert LookUp(XRP, "", "901") in effects
    assert [e.trade_id for e in effects if isinstance(e, ReadBack) and e.trade_id] == [9]
    story.later(4_900)
    assert story.halted() == []
    story.later(31_000)
    assert {"ledger", "foreign", "account"} <= set(story.halted())


def test_an_exit_told_filled_before_its_fill_is_sent_once() -> None:
    story, exit_ = leaving()
    story.works(exit_)
    story.update(exit_, FILLED, filled=str(exit_.qty))
    story.bar()
    story.later(3_000)
    assert story.placed(X) == [exit_]
    assert "flat" in story.cancelled()  # nothing is held, says the venue
    story.fill(exit_)
    assert story.held == 0
    assert [trade.exit_reason for trade in story.found(TradeClosed)] == ["signal"]


@pytest.mark.parametrize("execution", [RESTING, Execution("ioc", D(20), 60)])
def test_an_entry_whose_fill_no_stream_tells_of_has_its_stop_within_five_seconds(
    execution: Execution,
) -> None:
    story = Bare(a_config(execution=execution))
    story.say(long(1.9, 2.2))
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    for _ in range(4):  # it rests, says the venue
        asked = story.later(3_000)
        assert [e.order_id for e in asked if isinstance(e, LookUp)] == [entry.id]
        story.found_out(entry, WORKING)
    filled_at = story.now  # just after it was looked at
    story.later(3_000)
    story.found_out(entry, PARTIAL, "10")
    (stop,) = story.placed(S)
    assert stop.qty == 10
    assert story.now - filled_at < 5_000


def test_an_entry_that_was_acknowledged_is_not_gone_because_two_look_ups_miss_it() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long(1.9, 2.2))
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    for _ in range(29):
        story.later(1_000)
        story.found_out(entry, None)
        assert entry.id in story.engine.table.live
    story.later(2_000)
    story.found_out(entry, None)
    assert entry.id not in story.engine.table.live


def test_a_part_that_was_announced_is_protected_at_once_and_once() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long(1.9, 2.2))
    story.bar()
    (entry,) = story.placed()
    story.update(entry, PARTIAL, filled="10")
    assert [o.qty for o in story.placed(S)] == [10]
    story.works(story.placed(S)[0])
    story.works(story.placed(T)[0])
    story.fill(entry, "10")
    assert len(story.placed(S)) == 1
    story.update(entry, PARTIAL, filled="4")  # an older word
    assert len(story.placed(S)) == 1


def test_more_executions_of_a_finished_order_bring_it_back_until_they_are_booked() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, EXPIRED, filled="0")
    assert entry.id in story.engine.table.finished
    story.update(entry, EXPIRED, filled="5")
    assert entry.id in story.engine.table.entries
    assert [(o.qty, o.trigger) for o in story.placed(S)] == [(D(5), D("1.9"))]
    story.fill(entry, "5")
    assert entry.id in story.engine.table.finished
    assert story.held == 5
    stop = story.placed(S)[0]
    story.works(stop)
    story.fill(stop)
    assert stop.id in story.engine.table.finished
    story.update(stop, FILLED, filled=str(stop.qty + 1))  # of a closing order too
    assert stop.id in story.engine.table.live
    assert stop.id not in story.engine.table.entries


# -- cancels ------------------------------------------------------------------------------------------


def test_a_cancel_is_wanted_until_the_order_has_ended() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, UNKNOWN)
    story.tell(Command(story.now, 1, "halt", "me", "enough"))
    assert story.cancelled() == ["halt: user"]
    story.works(entry)  # it lives: the cancel goes again
    story.works(entry)
    assert len(story.cancelled()) == 3
    story.fill(entry, "10")
    assert len(story.cancelled()) == 4
    story.later(1_000)  # nobody says anything
    assert len(story.cancelled()) == 5
    assert entry.id in asked(story.later(1_000))  # perhaps it has ended unheard
    story.update(entry, CANCELLED)
    count = len(story.cancelled())
    story.works(entry)
    story.later(10_000)
    assert story.cancelled()[count:] == []


def test_an_unknown_entry_that_turns_out_to_live_while_halted_does_not_stay() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.tell(Command(story.now, 1, "halt", "me", "enough"))
    story.update(entry, UNKNOWN)
    story.works(entry)
    assert len(story.cancelled()) == 2


# -- exits ---------------------------------------------------------------------------------------------


def test_twenty_words_that_an_exit_s_fate_is_unknown_make_one_more_try_a_second() -> None:
    story, exit_ = leaving()
    effects = [e for _ in range(20) for e in story.update(exit_, UNKNOWN)]
    assert asked(effects) == [exit_.id]  # at once, and once
    assert story.placed(X) == [exit_]
    story.later(999)
    assert story.placed(X) == [exit_]
    story.later(1)
    assert [o.id[-3:] for o in story.placed(X)] == ["-3x", "-4x"]
    story.later(900)
    assert len(story.placed(X)) == 2


def test_a_refused_exit_has_the_position_read_and_after_three_halts_and_goes_on_slowly() -> None:
    story, first = leaving()
    story.update(first, REJECTED, code=-2022)
    assert story.found(ReadBack) == [ReadBack(XRP, "an exit was refused (-2022)")]
    for n in range(9):
        quote = Quote(XRP, story.now, story.now + 10, ("2", "2", "9", "9", "2"), 2.0)
        story.tell(quote)
        assert story.placed(X) == [first], n
    story.read(str(first.qty))  # it is still there
    story.later(1_000)
    second = story.placed(X)[1]
    story.update(second, REJECTED, code=-2022)
    story.later(1_000)
    assert story.halted() == []
    story.update(story.placed(X)[2], REJECTED, code=-2022)
    assert story.halted() == ["exit"]
    story.later(4_900)
    assert len(story.placed(X)) == 3
    story.later(200)
    assert len(story.placed(X)) == 4
    story.tell(Command(story.now, 1, "resume", "me", "go"))
    assert "a position is still being closed: XRP/USDT" in story.found(CommandDone)[-1].result
    story.works(story.placed(X)[3])
    story.fill(story.placed(X)[3])
    story.tell(Command(story.now, 2, "resume", "me", "go"))
    assert not story.engine.halts.reasons


def test_exits_that_never_left_are_no_refusals_and_do_not_halt() -> None:
    story, first = leaving()
    story.update(first, REJECTED, code=NOT_LEFT)  # the exchange has banned us: nothing leaves
    for n in range(1, 3):
        story.later(1_000)
        story.update(story.placed(X)[n], REJECTED, code=NOT_LEFT)
    assert story.halted() == []
    assert not story.found(ReadBack)  # nobody has looked at it: there is nothing new to read
    story.later(4_900)
    assert len(story.placed(X)) == 3  # as long as nothing leaves it need not be tried each second
    story.restart()
    story.tell(Reconnected(story.now, "(the ban is over)"))
    story.later(1)
    assert len(story.placed(X)) == 4
    story.update(story.placed(X)[3], REJECTED, code=-2022)
    for n in range(4, 6):
        story.later(1_000)
        assert story.halted() == []
        story.update(story.placed(X)[n], REJECTED, code=-2022)
    assert story.halted() == ["exit"]


def test_a_stop_that_ends_while_its_position_is_being_left_is_no_news() -> None:
    story, exit_ = leaving()
    (stop,) = story.placed(S)
    story.update(stop, OrderStatus.EXPIRED)  # told before the fill that has closed the position
    assert "closing" not in story.told()
    assert story.placed(X) == [exit_]
    story.fill(exit_)
    assert story.held == 0
    assert not story.halted()


def test_an_exit_closes_what_the_venue_says_there_is() -> None:
    story, first = leaving()
    story.update(first, REJECTED, code=-2022)
    story.read("10")
    story.later(1_000)
    assert story.placed(X)[1].qty == 10
    story.update(story.placed(X)[1], REJECTED, code=-2022)
    story.read("0")  # it is gone: what closed it has yet to be told
    story.later(1_000)
    assert len(story.placed(X)) == 2
    assert "nothing to close, says the venue" in [r.why for r in story.found(ReadBack)]
    story.later(30_000)
    assert "account" in story.halted()
    assert len(story.placed(X)) == 2
    story.fill(story.placed(S)[0])  # the stop had been quicker
    assert story.held == 0


def test_resting_targets_that_block_an_exit_go() -> None:
    story = Bare(a_config())
    story.opened(long(1.9, 2.2))
    story.say(OUT)
    story.bar()
    story.update(story.placed(X)[0], REJECTED, code=-4118)
    assert [c.order_id for c in story.found(Cancel)] == [story.placed(T)[0].id]


def test_an_exit_without_any_answer_is_unknown_after_five_seconds_and_sent_again() -> None:
    story, first = leaving()
    story.later(4_999)
    assert story.placed(X) == [first]
    effects = story.later(1)
    assert asked(effects) == [first.id]
    assert [e.status for e in effects if isinstance(e, OrderChanged)] == [UNKNOWN]
    assert len(story.placed(X)) == 2
    story.found_out(first, FILLED, str(first.qty))  # it had been filled all along
    assert story.cancelled().count("flat") >= 2
    story.fill(first)
    assert story.held == 0


def test_the_pieces_of_one_split_are_one_try() -> None:
    config = a_config()
    small = replace(config.instruments[XRP], market_max_qty=D(10))
    story = Bare(
        replace(config, instruments={XRP: small}, limits=replace(PAPER, entry_interval_s=0))
    )
    story.opened()
    story.fill(story.placed(E)[0], "10")  # of an order that was smaller
    story.say(OUT)
    story.bar()
    assert [o.qty for o in story.placed(X)] == [10, 10]
    for order in story.placed(X):
        story.update(order, REJECTED, code=-2022)
    assert len(story.found(ReadBack)) == 1
    assert story.engine.table.pace(XRP).refused == 1
    story.later(1_000)
    assert len(story.placed(X)) == 4
    story.update(story.placed(X)[0], REJECTED, code=-2022)  # a word on an older try counts no more
    assert story.engine.table.pace(XRP).refused == 1


# -- stops and targets -----------------------------------------------------------------------------------


def test_an_entry_in_many_parts_has_one_stop_in_flight() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long(1.9, 2.2))
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    for _ in range(249):
        story.fill(entry, "0.1")
    assert len(story.placed(S)) == len(story.placed(T)) == 1
    story.works(story.placed(S)[0])
    story.works(story.placed(T)[0])
    assert [o.qty for o in story.placed(S)] == [D("0.1"), D("24.9")]
    assert story.cancelled() == []  # create, then cancel
    story.works(story.placed(S)[1])
    story.works(story.placed(T)[1])
    assert story.cancelled() == ["replaced", "replaced"]
    assert len(story.placed()) == 5


def test_look_ups_become_fewer_after_a_minute() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, UNKNOWN)
    assert len(asked(story.later(59_000))) == 59
    story.later(2_000)
    assert 12 <= len(asked(story.later(60_000))) <= 16  # a cancel was wanted meanwhile


def test_a_stop_of_unknown_fate_is_not_in_flight_and_is_sent_again_once_a_second() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry, "10")
    first = story.placed(S)[0]
    story.update(first, UNKNOWN)
    second = story.placed(S)[1]
    story.update(second, UNKNOWN)
    assert len(story.placed(S)) == 2
    story.later(1_000)
    third = story.placed(S)[2]
    story.works(third)
    assert {c.order_id for c in story.found(Cancel)} == {first.id, second.id}
    assert story.engine.books[XRP].closing == ""


@pytest.mark.parametrize("code", sorted(UNREAD))
def test_a_stop_that_nobody_has_looked_at_is_sent_again_within_its_five_seconds(code: int) -> None:
    """An overloaded exchange, a request that did not leave: the position is kept while there is time for another."""
    story = Bare(a_config())
    story.say(long())
    story.bar()
    story.fill(story.placed()[0])
    for count in range(1, 4):
        assert len(story.placed(S)) == count
        story.update(story.placed(S)[-1], REJECTED, code=code)
        story.later(1_000)
    story.works(story.placed(S)[-1])
    story.later(2_900)
    assert story.placed(X) == []
    assert len(story.placed(S)) == 4  # at once, then one a second
    assert "stop not taken (said so); sending it again" in story.told()


def test_a_stop_that_is_never_looked_at_costs_the_position_after_five_seconds() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    story.fill(story.placed()[0])
    waited = 0
    while not story.placed(X):
        story.update(story.placed(S)[-1], REJECTED, code=-1008)
        story.later(500)
        waited += 500
    assert waited == 5_000
    assert len(story.placed(S)) <= 7
    assert story.found(TradeClosed) == []
    story.fill(story.placed(X)[0])
    assert story.found(TradeClosed)[0].exit_reason == "stop_lost"


@pytest.mark.parametrize("code", [-2021, -4045, 0])
def test_a_stop_that_was_refused_costs_the_position_at_once(code: int) -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    story.fill(story.placed()[0])
    story.update(story.placed(S)[0], REJECTED, code=code)
    assert len(story.placed(X)) == 1


def test_a_larger_position_must_be_covered_in_five_seconds_too() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry, "10")
    story.works(story.placed(S)[0])
    story.later(3_000)
    story.fill(entry, "4")  # its stop is never answered for
    story.later(4_999)
    assert story.placed(X) == []
    story.later(1)
    assert [o.qty for o in story.placed(X)] == [14]


def test_a_stop_whose_acknowledgement_was_lost_is_asked_after_in_time_and_costs_nothing() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    story.fill(story.placed()[0])
    (stop,) = story.placed(S)
    assert asked(story.later(1_999)) == []
    assert asked(story.later(1)) == [stop.id]
    assert asked(story.later(1_000)) == [stop.id]  # that look-up was lost too
    story.found_out(stop, WORKING)
    story.later(30_000)
    assert story.placed(X) == []
    assert story.placed(S) == [stop]


def test_a_stop_is_looked_up_three_seconds_later_and_two_misses_a_second_apart_close() -> None:
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    assert asked(story.later(3_000)) == [stop.id]
    story.found_out(stop, None)
    assert story.placed(X) == []  # one read proves nothing
    assert asked(story.later(1_000)) == [stop.id]
    story.found_out(stop, WORKING)  # there it is
    story.found_out(stop, None)
    story.later(500)
    story.found_out(stop, None)
    assert story.placed(X) == []
    story.later(600)
    story.found_out(stop, None)
    assert len(story.placed(X)) == 1
    assert "two reads did not show the stop; closing" in story.told()
    story.later(500)
    assert story.found_out(stop, None) == []


@pytest.mark.parametrize("there", [True, False])
def test_after_a_restart_a_stop_is_asked_for_before_it_is_missed(there: bool) -> None:
    """The engine died before its stop was acknowledged: the time it was away says nothing of the stop."""
    story = Bare(a_config())
    story.say(long())
    story.bar()
    entry = story.placed(Purpose.ENTRY)[-1]
    story.works(entry)
    story.fill(entry)
    stop = story.placed(S)[0]
    story.time = story.now + 20_000
    assert stop.id in asked(story.restart())
    story.later(1_000)
    assert story.placed(X) == []
    if there:  # and so is the one that was sent beside it while nobody knew
        for order in story.placed(S):
            story.works(order)
            story.found_out(order, WORKING)
    story.later(2_000)
    assert story.placed(X) == []
    story.later(2_500)
    assert bool(story.placed(X)) is not there


def test_where_stops_are_known_to_be_dropped_one_is_placed_again_and_said_once_a_minute() -> None:
    """The new one stands before the old one is cancelled; one that is young is only shown late."""
    story = Bare(a_config(drops_stops=True))
    story.opened()

    def miss(stop: Order) -> list[Effect]:
        story.found_out(stop, None)
        story.later(1_100)
        return story.found_out(stop, None)

    first = story.placed(S)[0]
    story.works(first)
    story.later(3_000)
    assert miss(first) == []  # it may be shown late
    story.found_out(first, WORKING)
    story.later(30_000)
    assert [effect for effect in miss(first) if isinstance(effect, Cancel)] == []
    second = story.placed(S)[-1]
    assert second.id != first.id
    assert (second.qty, second.trigger) == (first.qty, first.trigger)
    gone = [effect.order_id for effect in story.works(second) if isinstance(effect, Cancel)]
    assert gone == [first.id]
    story.later(30_000)
    miss(second)
    third = story.placed(S)[-1]
    assert third.id != second.id
    story.works(third)
    assert story.told().count("the venue has dropped the stop") == 1
    story.restart()
    story.later(61_000)
    miss(third)  # by now it has ended, says the table
    assert len(story.placed(S)) == 4
    assert story.told().count("the venue has dropped the stop") == 2
    assert story.placed(X) == []


def test_a_stop_that_was_acknowledged_and_dropped_costs_the_position_four_seconds_later() -> None:
    """The word that took it on is no proof that it was kept: from three seconds on only reads count."""
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    story.later(1_000)
    story.found_out(stop, WORKING)  # a look-up so early tells no more than the word did
    assert asked(story.later(3_000)) == [stop.id]
    story.found_out(stop, None)
    assert asked(story.later(1_000)) == [stop.id]
    story.found_out(stop, None)
    assert [o.qty for o in story.placed(X)] == [story.held]


def test_a_stop_on_its_way_that_reads_do_not_show_is_sent_again_and_costs_nothing_yet() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    story.fill(story.placed()[0])
    (stop,) = story.placed(S)
    story.update(stop, UNKNOWN)
    for _ in range(2):
        story.found_out(stop, None)
        story.later(1_000)
    story.found_out(stop, None)
    assert story.placed(X) == []
    assert len(story.placed(S)) > 1


def test_a_late_answer_that_never_came_does_not_undo_what_the_venue_said() -> None:
    """The stream tells of an order before its request has run into its time limit."""
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    assert asked(story.update(stop, UNKNOWN)) == [stop.id]
    assert story.engine.table.live[stop.id].status is WORKING
    assert story.placed(S) == [stop]


def test_a_stop_that_no_read_shows_is_not_believed_gone_for_a_minute() -> None:
    """Its service was seen to know nothing of a new stop for tens of seconds: it may be there, and rest."""
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    story.later(4_500)
    story.found_out(stop, None)
    story.later(1_000)
    story.found_out(stop, None)
    story.fill(story.placed(X)[0])
    assert story.held == 0
    assert stop.id in {c.order_id for c in story.found(Cancel)}  # nothing may outlive the position
    story.later(40_000)
    story.found_out(stop, None)
    assert stop.id in story.engine.table.live
    story.say(long())
    story.bar()
    assert len(story.placed(E)) == 1  # no entry while it may rest there
    story.later(15_000)
    story.found_out(stop, None)
    assert stop.id not in story.engine.table.live


@pytest.mark.parametrize("heard_later", [False, True])
def test_an_order_given_up_as_absent_that_is_open_is_cancelled(heard_later: bool) -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.later(5_000)
    story.found_out(entry, None)
    story.later(1_000)
    story.found_out(entry, None)
    assert story.engine.table.finished[entry.id].status is REJECTED
    story.later(1_000)
    asked_at = story.now - 2_000 if heard_later else story.now
    if heard_later:
        story.update(entry, REJECTED)
    working = OrderStatus.WORKING
    read = OrderRead(XRP, entry.id, "7", entry.side, "LIMIT", working, entry.qty, D(0), entry.price)
    story.tell(AccountRead(story.now, XRP, story.now, asked_at, (), (read,)))
    ends = [c.why for c in story.found(Cancel) if c.order_id == entry.id]
    assert ends == ([] if heard_later else ["it is open all the same"])


def test_a_stop_that_ended_in_part_and_early_closes_only_the_rest() -> None:
    story = Bare(a_config())
    entry = story.opened()
    stop = story.placed(S)[0]
    story.update(stop, EXPIRED, filled="10")  # before the fill
    assert [o.qty for o in story.placed(X)] == [entry.qty - 10]
    story.fill(stop, "10", "1.9")
    story.fill(story.placed(X)[0])
    assert story.held == 0


# -- look-ups and restarts -----------------------------------------------------------------------------------


def test_an_entry_that_never_arrived_is_refused_after_two_misses() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.later(5_000)
    assert story.engine.table.live[entry.id].status is UNKNOWN
    story.found_out(entry, None)
    assert story.engine.table.live[entry.id].status is UNKNOWN
    story.later(1_000)
    story.found_out(entry, None)
    assert story.engine.table.finished[entry.id].status is REJECTED
    assert story.found(OrderChanged)[-1].reason == "the venue has no such order"


def test_a_start_asks_for_every_order_whose_state_may_have_changed() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    assert asked(story.restart()) == [entry.id]  # pending
    story.update(entry, UNKNOWN)
    assert asked(story.restart()) == [entry.id]
    story.works(entry)
    assert asked(story.restart()) == []  # works, and was heard of
    story.tell(Command(story.now, 1, "halt", "me", "enough"))
    assert asked(story.restart()) == [entry.id]  # to be cancelled
    story.update(entry, CANCELLED, filled="10")
    assert asked(story.restart()) == [entry.id, story.placed(S)[0].id]  # fills are missing; pending
    assert asked(story.tell(Reconnected(story.now, "after 3 s")))[0] == entry.id
    assert story.found(Reconcile)[-1].why == "reconnected after 3 s"


def test_what_a_restart_finds_is_taken_up() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.restart()
    story.found_out(entry, FILLED, str(entry.qty))
    assert [o.qty for o in story.placed(S)] == [entry.qty]
    story.restart()
    assert len(story.placed(S)) == 1
    story.fill(entry)
    assert story.held == entry.qty


# -- fills of nobody's orders ------------------------------------------------------------------------------------


def stranger(story: Bare, order_id: str = "", venue_id: str = "", qty: str = "5") -> Fill:
    return replace(story.lost(), order_id=order_id, venue_id=venue_id, qty=D(qty))


def test_a_fill_is_known_by_the_venue_s_number_and_by_its_child_s() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    word = OrderUpdate(story.now, XRP, entry.id, WORKING, story.now, venue_id="901")
    story.tell(word)
    story.tell(Filled(story.now, stranger(story, venue_id="901", qty=str(entry.qty))))
    assert story.found(LookUp) == []
    assert story.engine.table.finished[entry.id].filled == entry.qty
    stop = story.placed(S)[0]
    word = OrderUpdate(story.now, XRP, stop.id, WORKING, story.now, venue_id="77", child_id="902")
    story.tell(word)
    story.restart()
    out = replace(stranger(story, venue_id="902", qty=str(stop.qty)), side=Side.SELL)
    story.tell(Filled(story.now, out))
    assert story.held == 0
    assert [trade.exit_reason for trade in story.found(TradeClosed)] == ["stop"]
    assert story.halted() == []


def test_a_word_that_names_a_fill_s_order_resolves_it_too() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.tell(Filled(story.now, stranger(story, venue_id="901", qty="10")))
    word = OrderUpdate(story.now, XRP, entry.id, PARTIAL, story.now, filled=D(10), venue_id="901")
    story.tell(word)
    assert story.engine.table.live[entry.id].filled == 10
    assert story.engine.table.shorts == {}
    assert [o.qty for o in story.placed(S)] == [10]
    story.later(10_000)
    assert story.halted() == []


def test_a_fill_nobody_knows_is_resolved_before_it_halts() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.tell(Filled(story.now, stranger(story, venue_id="901", qty="10")))
    assert story.found(LookUp) == [LookUp(XRP, "", "901")]
    assert [o.qty for o in story.placed(S)] == [10]  # protected at once
    story.restart()
    at = story.now
    story.tell(OrderSeen(at, XRP, entry.id, PARTIAL, at, at, D(10), venue_id="901"))
    assert story.engine.table.live[entry.id].filled == 10
    story.later(10_000)
    assert story.halted() == []


@pytest.mark.parametrize(
    ("order_id", "found", "reason"),
    [
        ("web_5x", WORKING, "foreign"),
        ("", None, "foreign"),
        ("tbzzzzzz-n9-4e", WORKING, "instance"),
    ],
)
def test_a_fill_that_is_found_to_be_another_s_halts(
    order_id: str, found: OrderStatus | None, reason: str
) -> None:
    story = Bare(a_config())
    story.bar()
    story.tell(Filled(story.now, stranger(story, venue_id="901")))
    other = OrderSeen(story.now, XRP, "", WORKING, story.now, story.now, venue_id="5")
    story.tell(other)  # about something else
    assert story.halted() == []
    at = story.now
    story.tell(OrderSeen(at, XRP, order_id, found, at, at, venue_id="901"))
    assert story.halted() == [reason]
    story.later(6_000)
    assert story.halted() == [reason]


def test_another_tradebot_is_known_by_its_ids() -> None:
    story = Bare(a_config())
    story.bar()
    story.tell(Filled(story.now, stranger(story, "tbzzzzzz-n1-1e")))
    assert story.halted() == ["instance"]
    for order_id, halted in (("tbzzzzzz-n1-1e", ["instance"]), ("tb-x-1q", []), ("x", [])):
        story = Bare(a_config())
        story.tell(OrderUpdate(story.now, XRP, order_id, WORKING, story.now))
        assert story.halted() == halted


@pytest.mark.parametrize(
    ("order_id", "why", "halted"),
    [
        ("autoclose-123", "liquidation", ["liquidated"]),
        ("adl_autoclose", "adl", ["adl"]),
        ("settlement_autoclose-9", "settlement", ["settled"]),
        ("liquidation-1", "liquidation", []),
        ("close-1", "external", []),
        ("closeall-0a1b2c3d-4", "close_all", []),
    ],
)
def test_the_exchange_s_own_fills_are_booked_and_halt(
    order_id: str, why: str, halted: list[str]
) -> None:
    story = Bare(a_config())
    entry = story.opened()
    fill = replace(story.lost(), side=Side.SELL, qty=entry.qty, order_id=order_id)
    story.tell(Filled(story.now, fill))
    assert story.held == 0
    assert [trade.exit_reason for trade in story.found(TradeClosed)] == [why]
    assert story.halted() == halted
    story.later(6_000)
    assert story.halted() == halted


def test_a_liquidation_under_any_name_is_one() -> None:
    story = Bare(a_config())
    entry = story.opened()
    fill = replace(story.lost(), side=Side.SELL, qty=entry.qty, liquidation=True)
    story.tell(Filled(story.now, fill))
    assert story.halted() == ["liquidated"]


def test_a_fill_through_zero_by_somebody_else_is_protected_on_its_new_side() -> None:
    story = Bare(a_config())
    entry = story.opened()
    stop = story.placed(S)[0]
    story.tell(Filled(story.now, replace(story.lost(), side=Side.SELL, qty=entry.qty + 5)))
    assert story.held == -5
    assert "it protects nothing now" in story.cancelled()
    new = story.placed(S)[-1]
    assert (new.id != stop.id, new.side, new.qty) == (True, Side.BUY, D(5))


# -- money -------------------------------------------------------------------------------------------------------


def test_a_cash_line_told_twice_is_booked_once() -> None:
    story = Bare(a_config())
    paid = FundingPaid(story.now, XRP, D(-1), D("0.1"), D(2), D(5), story.now)
    story.tell(paid)
    story.restart()
    assert story.tell(paid) == []
    assert len(story.found(FundingBooked)) == 1
    story.tell(replace(paid, id="tran-7"))  # the venue names it: another one
    assert story.engine.portfolio.funding == -2
    for kind, amount in (("rebate", "0.5"), ("transfer", "100"), ("insurance", "0.25")):
        line = CashMoved(story.now, f"id-{kind}", kind, "", D(amount), story.now)
        story.tell(line)
        assert story.tell(line) == []
    assert [line.kind for line in story.found(CashBooked)] == ["rebate", "transfer", "insurance"]
    assert story.engine.portfolio.cash == D("10098.75")


def test_a_transfer_is_no_result() -> None:
    story = Bare(a_config())
    story.tell(CashMoved(story.now, "t1", "transfer", "", D(-500), story.now))
    assert story.halted() == []  # 500 went out, no limit of 25 is reached
    assert story.engine.watch.day.base == 9_500
    assert story.engine.drawdown.now == 0
    story.tell(CashMoved(story.now, "i1", "insurance", "", D(-30), story.now))
    assert story.halted() == ["day_loss"]


def test_a_commission_is_in_its_fill_or_says_that_a_fill_is_missing() -> None:
    story = Bare(a_config())
    entry = story.opened()
    cash = story.engine.portfolio.cash
    known = CashMoved(story.now, "c1", "commission", XRP, D("-0.02"), story.now, trade_id=1)
    assert story.tell(known) == []
    missing = replace(known, id="c2", trade_id=9)
    assert isinstance(story.tell(missing)[0], ReadBack)
    assert story.tell(missing) == []
    assert story.engine.portfolio.cash == cash
    effects = story.later(5_001)
    assert [e.trade_id for e in effects if isinstance(e, ReadBack)] == [9]
    story.fill(entry, "1", trade=9)
    story.later(60_000)
    assert story.halted() == []
    story.tell(replace(known, id="c3", trade_id=10, at=story.now))
    story.restart()
    story.later(31_000)
    assert story.halted() == ["ledger"]
    assert "trade 10 on XRP/USDT was paid for" in story.told()


def test_an_old_fill_that_was_never_seen_is_booked_and_one_told_again_is_not() -> None:
    story = Bare(a_config(limits=PAPER, execution=Execution("limit", D(20), 10**6)))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    for number in range(2, 3 * WINDOW):
        story.fill(entry, "0.1", trade=number)
    held = story.held
    first = Fill(XRP, 1, entry.id, Side.BUY, D(3), D(2), D("0.01"), False, NOON - 1)
    story.restart()
    story.tell(Filled(story.now, first))
    assert story.held == held + 3
    story.tell(Filled(story.now, first))
    story.fill(entry, "0.1", trade=2)
    assert story.held == held + 3
    with exact():
        fees = held * 2 * D("0.0005") + D("0.01")
        assert story.engine.portfolio.cash == 10_000 - story.held * 2 - fees


def test_a_fill_without_a_trade_id_is_booked_once() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    nameless = Fill(XRP, 0, entry.id, Side.BUY, D(5), D(2), D("0.01"), False, story.now)
    story.tell(Filled(story.now, nameless))
    story.tell(Filled(story.now, nameless))
    story.restart()
    story.tell(Filled(story.now, nameless))
    assert story.held == 5
    story.tell(Filled(story.now, replace(nameless, price=D("2.001"))))
    assert story.held == 10


def test_what_is_too_old_to_tell_halts_instead_of_being_dropped() -> None:
    story = Bare(a_config())
    account = story.engine.portfolio.accounts[XRP]
    account.seen.floor = 100
    assert not story.engine.portfolio.forgot(replace(story.lost(), trade_id=101))
    story.tell(Filled(story.now, replace(story.lost(), trade_id=7)))
    assert story.halted() == ["ledger"]
    assert story.held == 0
    for number in range(CASH_LINES + 1):
        line = CashMoved(story.now, f"n{number}", "rebate", "", D(1), NOON + number)
        story.tell(line)
    cash = story.engine.portfolio.cash
    story.tell(Command(story.now, 1, "resume", "me", "go"))
    story.tell(CashMoved(story.now, "n0", "rebate", "", D(1), NOON))
    story.tell(FundingPaid(story.now, XRP, D(1), D(0), D(2), D(0), NOON))
    assert story.engine.portfolio.cash == cash
    assert list(story.engine.halts.reasons) == ["ledger"]


# -- the account as it is read ---------------------------------------------------------------------------------------


def test_a_difference_is_asked_about_before_it_halts_and_keeps_the_halt_while_it_stands() -> None:
    story = Bare(a_config())
    story.opened()
    story.later(100)
    story.read("20")
    assert story.halted() == []
    assert "the venue holds 20" in story.found(ReadBack)[-1].why
    assert story.found(AccountCompared)[-1].differences != ()
    story.restart()
    for _ in range(2):
        assert story.halted() == []
        story.later(2_000)
        story.read("20")
    assert story.halted() == ["account"]
    story.tell(Command(story.now, 1, "resume", "me", "go"))
    assert "the account still differs: " in story.found(CommandDone)[-1].result
    assert "XRP/USDT: the venue holds 20" in story.found(CommandDone)[-1].result
    story.later(100)
    stop = story.placed(S)[-1]
    story.read(str(story.held), algo_orders=(replace(an_order(stop.id), qty=stop.qty),))
    story.tell(Command(story.now, 2, "resume", "me", "go"))
    assert "account" not in story.engine.halts.reasons


def test_a_difference_that_a_fill_explains_is_none() -> None:
    story = Bare(a_config())
    entry = story.opened()
    story.later(100)
    at = story.now
    story.read(str(entry.qty + 5))
    story.fill(entry, "5")
    story.read(str(entry.qty), asked=at)  # read before it moved: says nothing
    story.later(3_000)
    story.read(str(entry.qty + 5))
    story.later(60_000)
    assert story.halted() == []


def test_a_difference_nobody_answers_for_halts() -> None:
    story = Bare(a_config())
    story.opened()
    story.later(100)
    story.read("20")
    effects = story.later(5_000)
    assert ["holds 20" in e.why for e in effects if isinstance(e, ReadBack)] == [True]
    story.later(30_000)
    assert story.halted() == ["account"]


def test_the_whole_account_is_read_every_thirty_seconds() -> None:
    story = Bare(a_config())
    assert [r.why for r in story.found(Reconcile)] == ["start"]
    story.later(65_000)
    assert [r.why for r in story.found(Reconcile)] == ["start", "time to", "time to"]


def an_order(order_id: str, symbol: str = XRP, *, reduce_only: bool = True) -> OrderRead:
    trigger = D("1.9") if reduce_only else None
    price = None if reduce_only else D(2)
    return OrderRead(
        *(symbol, order_id, f"9{order_id}", Side.SELL, "STOP_MARKET", WORKING, D(5), D(0)),
        price=price,
        trigger=trigger,
        reduce_only=reduce_only,
    )


@pytest.mark.parametrize(
    ("order", "halted"),
    [
        (an_order("web-1"), ["foreign"]),
        (an_order("tbzzzzzz-n1-1s"), ["instance"]),
        (an_order("web-1", "ETH/USDT"), []),
        (an_order("tbzzzzzz-n1-1s", "ETH/USDT"), ["instance"]),
    ],
)
def test_orders_of_others_on_the_account_halt(order: OrderRead, halted: list[str]) -> None:
    story = Bare(a_config())
    story.later(100)
    story.read("0", algo_orders=(order,))
    assert story.halted() == halted


def test_an_order_of_ours_that_got_lost_is_taken_up_and_cancelled() -> None:
    story = Bare(a_config())
    story.later(100)
    story.read(
        "0",
        algo_orders=(an_order("tbabcdef-n0-4s"),),
        orders=(an_order("tbabcdef-n0-5e", reduce_only=False),),
    )
    assert [c.order_id for c in story.found(Cancel)] == ["tbabcdef-n0-4s", "tbabcdef-n0-5e"]
    assert story.halted() == []
    assert len(story.engine.table.live) == 2
    story.later(1_000)
    assert len(story.found(Cancel)) == 4


def test_an_order_that_was_not_read_is_looked_up() -> None:
    story = Bare(a_config())
    entry = story.opened(long(1.9, 2.2))
    stop, target = story.placed(S)[0], story.placed(T)[0]
    story.later(100)
    effects = story.read(str(entry.qty), algo_orders=(replace(an_order(stop.id), qty=stop.qty),))
    assert asked(effects) == [target.id]


def test_an_account_of_other_symbols_is_not_its_business() -> None:
    story = Bare(a_config())
    story.later(100)
    story.read("3", "ETH/USDT")
    story.tell(AccountRead(story.now, "", story.now, story.now, wallet=D(10_000)))
    assert story.halted() == []
    assert story.found(AccountCompared)[-1].ledger == 10_000


# -- how the account is set, baselines, clocks, the journal ------------------------------------------------------------


def test_an_account_that_is_set_otherwise_halts_until_it_is_set_right() -> None:
    story = Bare(a_config())
    wrong = AccountConfigRead(
        *(story.now, story.now, True, True),
        (SymbolConfig(XRP, 5, False), SymbolConfig("ETH/USDT", 9, False)),
        fee_burn=True,
    )
    story.tell(wrong)
    assert story.halted() == ["config"]
    for words in ("hedge mode", "multi-assets", "5x instead of 1x", "isolated margin", "in BNB"):
        assert words in story.told()
    story.tell(Command(story.now, 1, "resume", "me", "go"))
    assert list(story.engine.halts.reasons) == ["config"]
    right = AccountConfigRead(story.now, story.now, False, False, (SymbolConfig(XRP, 1, True),))
    story.tell(right)
    story.tell(Command(story.now, 2, "resume", "me", "go"))
    assert not story.engine.halts.reasons


def test_where_the_fees_asset_cannot_be_asked_it_is_said_once_and_entries_go_on() -> None:
    story = Bare(a_config())
    unasked = AccountConfigRead(
        *(story.now, story.now, False, False),
        (SymbolConfig(XRP, 1, True),),
        fee_burn=None,
    )
    story.tell(unasked)
    story.tell(unasked)
    assert story.told().count("whether fees are paid in BNB") == 1
    assert story.halted() == []
    story.say(long())
    story.bar()
    assert story.verdicts() == ["approved"]


def test_without_a_baseline_there_is_no_entry() -> None:
    story = Bare(a_config())
    watch = story.engine.watch
    story.tell(Baseline(story.now, watch.day_start, None, watch.week_start, None, "no klines"))
    story.say(long())
    story.bar()
    assert "the equity at the start of the day or week is not known. no klines" in story.refusals()
    story.restart()
    story.tell(Baseline(story.now, watch.day_start, D(10_020), watch.week_start, D(10_000)))
    story.say(long())
    story.bar()
    assert story.verdicts() == ["refused", "approved"]
    assert story.engine.watch.day.base == 10_020
    story.tell(Baseline(story.now, watch.day_start, D(10_030), watch.week_start, D(10_000)))
    assert story.halted() == ["day_loss"]


def test_clocks_that_differ_block_entries() -> None:
    story = Bare(a_config())
    story.tell(ClockChecked(story.now, -9_000_000, 1100))  # a large offset is corrected: no matter
    story.say(long())
    story.bar()
    assert "our clock and the exchange's may be 1100 ms apart" in story.refusals()


def test_clocks_that_begin_and_cease_to_differ_are_told_once_each() -> None:
    story = Bare(a_config())
    said = []
    for error in (400, 1000, 60_000, 999, 5):
        effects = story.tell(ClockChecked(story.now, 0, error))
        said.append([(e.level, e.text) for e in effects if isinstance(e, Notify)])
    assert said == [
        [],
        [("warning", "clock: the exchange's may be 1000 ms off ours; entries need under 1000 ms")],
        [],
        [("info", "clock: the exchange's is known to 999 ms again")],
        [],
    ]


def test_clocks_that_may_differ_are_nothing_to_tell_of() -> None:
    story = Bare(a_config(limits=replace(LIVE, max_skew_ms=None)))
    effects = story.tell(ClockChecked(story.now, 0, 60_000))
    assert not [effect for effect in effects if isinstance(effect, Notify)]


def test_an_entry_that_a_ban_leaves_without_a_word_counts_until_its_end_is_known() -> None:
    """Nothing can be asked meanwhile: however long that is, it may fill."""
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, OrderStatus.WORKING)
    story.tell(VenueNote(story.now, "banned", "for 120 s", "ban"))
    for _ in range(12):
        story.later(10_000)
    assert not story.engine.table.live[entry.id].status.terminal
    book = story.engine.books[XRP]
    with exact():
        assert story.engine.shared.exposure.working_value(book, D(2)) > 0
    story.fill(entry)
    assert story.placed(Purpose.STOP)[-1].qty == entry.qty


def test_a_note_of_the_venue_is_told_and_halts_where_it_says_so() -> None:
    story = Bare(a_config())
    effects = story.tell(VenueNote(story.now, "field", "o.zz is new"))
    assert [(e.level, e.text) for e in effects if isinstance(e, Notify)] == [
        ("warning", "field: o.zz is new")
    ]
    assert not story.halted()
    story.tell(VenueNote(story.now, "event", "'NEWS'", halt="unexplained"))
    assert story.halted() == ["unexplained"]
    story.tell(VenueNote(story.now, "ban", "for 120 s", halt="ban"))
    assert "ban" in story.engine.halts.reasons


def test_a_journal_that_takes_nothing_halts_until_it_does_again() -> None:
    story = Bare(a_config())
    story.opened()
    story.tell(JournalFailed(story.now, "the disk is full"))
    assert story.halted() == ["journal"]
    story.tell(Command(story.now, 1, "resume", "me", "go"))
    assert list(story.engine.halts.reasons) == ["journal"]
    story.say(OUT)
    story.bar()
    assert len(story.placed(X)) == 1  # protection goes on
    story.tell(JournalBack(story.now))
    story.tell(Command(story.now, 2, "resume", "me", "go"))
    assert not story.engine.halts.reasons


def test_short_positions_are_kept_the_same_way() -> None:
    story = Bare(a_config())
    story.say(short(2.1))
    story.bar()
    (entry,) = story.placed()
    story.update(entry, FILLED, filled=str(entry.qty))
    assert [(o.side, o.qty) for o in story.placed(S)] == [(Side.BUY, entry.qty)]


# -- small print -------------------------------------------------------------------------------------------------------


def test_a_cut_to_nothing_is_an_end() -> None:
    story = Bare(a_config())
    story.opened()
    story.update(story.placed(S)[0], EXPIRED, left="0")
    assert len(story.placed(X)) == 1


def test_announced_fills_may_come_in_parts() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, EXPIRED, filled="10")
    story.fill(entry, "4")
    assert entry.id in story.engine.table.live
    story.fill(entry, "6")
    assert entry.id in story.engine.table.finished


def test_a_wallet_read_before_the_last_fill_says_nothing() -> None:
    story = Bare(a_config())
    at = story.now
    story.opened()
    story.tell(AccountRead(story.now, "", story.now, at, wallet=D(10_000)))
    assert story.found(Reconcile)[1:] == []


def test_a_lost_order_that_closes_stays_while_there_is_a_position() -> None:
    story = Bare(a_config())
    entry = story.opened()
    story.later(100)
    effects = story.read(str(entry.qty), algo_orders=(an_order("tbabcdef-n0-4s"),))
    assert [e for e in effects if isinstance(e, Cancel)] == []
    assert "tbabcdef-n0-4s" in story.engine.table.live
    story.fill(story.placed(S)[0])
    assert "tbabcdef-n0-4s" in [c.order_id for c in story.found(Cancel)]


def test_closing_nothing_leaves_nothing() -> None:
    story = Bare(a_config())
    story.engine.exits.close(story.engine.books[XRP], "x")
    assert story.engine.books[XRP].closing == ""


def test_a_stop_that_fills_before_the_rest_of_its_entry_is_covered_closes_the_rest() -> None:
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.fill(entry, "10")
    story.fill(entry, "4")  # its stop waits for the first one's answer
    story.fill(story.placed(S)[0], price="1.9")
    assert "the stop is gone, 4 is left" in story.told()
    assert [o.qty for o in story.placed(X)] == [4]


def test_a_stop_that_becomes_unknown_when_nothing_is_held_is_not_sent_again() -> None:
    story = Bare(a_config())
    story.opened()
    story.say(OUT)
    story.bar()
    story.fill(story.placed(X)[0])
    story.update(story.placed(S)[0], UNKNOWN)
    assert len(story.placed(S)) == 1


def test_what_is_asked_once_is_not_asked_twice_while_an_exit_is_under_way() -> None:
    story, first = leaving()
    story.works(first)
    assert story.engine.table.pace(XRP).refused == 0
    story.later(4_000)
    assert asked(story.later(1_000))[-1] == first.id  # it should have ended long ago
    assert story.placed(X) == [first]


def test_a_word_that_an_order_works_does_not_undo_an_end_that_was_announced() -> None:
    story = Bare(a_config())
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.update(entry, EXPIRED, filled="10")
    story.works(entry)
    assert story.engine.table.live[entry.id].left == 10
    story.tell(Command(story.now, 1, "halt", "me", "enough"))
    assert story.cancelled() == []  # what has ended needs no cancel
    story.fill(entry, "10")
    assert entry.id in story.engine.table.finished


def test_an_exit_that_ended_in_part_is_followed_by_the_rest() -> None:
    story, first = leaving()
    story.works(first)
    story.fill(first, "10")
    story.later(1_000)
    story.update(first, EXPIRED)  # the exchange takes no worse price
    assert story.placed(X)[1].qty == first.qty - 10


def test_an_answer_about_another_symbol_tells_nothing_of_this_one() -> None:
    story = Bare(a_config((ADA, XRP)))
    story.bar()
    story.tell(Filled(story.now, stranger(story, venue_id="901")))
    at = story.now
    story.tell(OrderSeen(at, ADA, "web-1", WORKING, at, at, venue_id="901"))
    story.tell(OrderSeen(at, "ETH/USDT", "web-1", WORKING, at, at, venue_id="901"))
    assert story.halted() == []
    story.tell(OrderSeen(at, XRP, "web-1", WORKING, at, at, venue_id="901"))
    assert story.halted() == ["foreign"]


def test_a_cancelled_order_that_look_ups_still_show_is_cancelled_once_a_second() -> None:
    """Each cancel is followed by a look-up: the two must not go round as fast as the wire does."""
    story = Bare(a_config(execution=RESTING))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.tell(Command(story.now, 1, "halt", "me", "enough"))
    for _ in range(30):
        story.found_out(entry, WORKING)
        story.later(100)
    assert 3 <= len(story.cancelled()) <= 5


def test_reads_that_do_not_show_a_new_stop_count_from_three_seconds_on() -> None:
    """A look-up right after its first word, for whatever reason, costs no position."""
    story = Bare(a_config())
    story.opened()
    stop = story.placed(S)[0]
    for _ in range(3):
        story.found_out(stop, None)
        story.later(999)
    assert story.placed(X) == []
    story.later(3)
    story.found_out(stop, None)
    story.later(1_000)
    story.found_out(stop, None)
    assert len(story.placed(X)) == 1


def test_an_entry_found_on_the_account_that_fills_before_its_cancel_is_protected() -> None:
    """Nobody knows what it was to have: it gets the stop of a position that nobody planned."""
    story = Bare(a_config())
    story.bar()
    story.later(1_000)
    told = OrderRead(
        *(XRP, "tbabcdef-n1-77e", "977", Side.SELL, "LIMIT", WORKING, D(5), D(0), D(2))
    )
    story.read(orders=(told,))
    assert story.cancelled() == ["nobody here knew of it"]
    lost = story.engine.table.live[told.order_id].order
    story.fill(lost)
    (stop,) = story.placed(S)
    assert (stop.side, stop.qty, stop.reduce_only) == (Side.BUY, D(5), True)
    assert stop.trigger is not None
    assert stop.trigger > 2
