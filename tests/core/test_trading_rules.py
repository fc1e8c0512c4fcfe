"""The venue's rules change while a run goes on: taken over when flat, for exits only while something is open."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from kits.engine_kit import ADA, LIVE, XRP, Bare, a_config, long

from tradebot.core.model.effects import Cancel, Notify
from tradebot.core.model.events import RulesRead
from tradebot.core.model.facts import FEES, INSTRUMENTS
from tradebot.core.model.values import Fees, Instrument, OrderStatus, Purpose
from tradebot.core.trading.shared import Execution

D = Decimal
OLD = INSTRUMENTS[XRP]


def told(story: Bare, *instruments: Instrument, **known: object) -> RulesRead:
    return RulesRead(story.now, story.now, instruments, **known)  # type: ignore[arg-type]


def eager() -> Bare:
    return Bare(a_config(limits=replace(LIVE, entry_interval_s=0)))


def test_rules_that_are_as_known_change_nothing() -> None:
    story = eager()
    assert story.tell(told(story, OLD, INSTRUMENTS[ADA])) == []


def test_what_changes_while_nothing_is_open_is_taken_over() -> None:
    story = eager()
    story.tell(told(story, replace(OLD, step=D(5), min_qty=D(5))))
    assert "changed the rules of XRP/USDT: step, min_qty" in story.told()
    story.restart()
    entry = story.opened()
    assert entry.qty == 20  # a multiple of 5


def test_what_changes_under_a_position_holds_for_its_exits_and_stops_entries_until_it_is_gone() -> (
    None
):
    story = eager()
    story.opened(long(1.9, 2.2))
    story.tell(told(story, replace(OLD, market_max_qty=D(10), tiers=OLD.tiers[1:])))
    story.say(long(1.95))
    story.bar()
    assert len(story.placed(Purpose.ENTRY)) == 1
    story.restart()
    story.engine.exits.close(story.engine.books[XRP], "because")
    story.later(1)
    exits = story.placed(Purpose.EXIT)
    assert [o.qty for o in exits] == [10, 10, D("4.9")]
    for order in exits:
        story.fill(order)
    for order in story.placed(Purpose.STOP) + story.placed(Purpose.TARGET):
        story.update(order, OrderStatus.CANCELLED)
    story.say(long())
    story.bar()
    assert story.verdicts()[-1] == "approved"


def test_a_working_entry_goes_when_the_rules_change() -> None:
    story = Bare(a_config(execution=Execution("limit", D(20), 600)))
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.works(entry)
    story.tell(told(story, replace(OLD, tick=D("0.01"))))
    assert [c.order_id for c in story.found(Cancel)] == [entry.id]


def test_a_price_below_the_tick_is_refused_and_ends_nothing() -> None:
    for kind in ("limit", "ioc", "market"):
        story = Bare(a_config(execution=Execution(kind, D(20), 600)))
        story.say(long(0.00001))
        story.bar("0.00005 0.00005 0.00005 0.00005")
        assert story.verdicts() == ["refused"], kind
        assert story.placed() == []


def test_what_does_not_trade_any_more_is_closed_and_not_entered() -> None:
    story = eager()
    story.opened()
    story.tell(told(story, idle=((XRP, "BREAK"),)))
    story.tell(told(story, idle=((XRP, "BREAK"),)))
    (out,) = story.placed(Purpose.EXIT)
    assert out.reduce_only
    assert story.told().count("XRP/USDT does not trade any more (BREAK)") == 1
    story.restart()
    story.fill(out)
    story.update(story.placed(Purpose.STOP)[0], OrderStatus.CANCELLED)
    story.say(long())
    story.bar()
    assert "it does not trade (BREAK)" in story.refusals()
    story.tell(told(story, OLD))
    assert story.engine.books[XRP].idle == ""


def test_the_larger_of_the_account_s_fees_and_the_configured_ones_is_reckoned_with() -> None:
    story = eager()
    assert story.tell(told(story, fees=Fees(D(0), D("0.0001")))) == []
    story.tell(told(story, fees=Fees(D("0.0001"), D("0.001"))))
    (said,) = story.found(Notify)
    assert said.text == "fees are reckoned with at 0.0200 % / 0.100 % (maker / taker)"
    story.restart()
    assert story.engine.shared.fees == Fees(FEES.maker, D("0.001"))
    story.tell(told(story, fees=FEES))  # a larger one does not stay
    assert story.engine.shared.fees == FEES
