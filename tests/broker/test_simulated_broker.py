"""The simulated broker: what it is asked it answers from its own account, at once."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tradebot.broker.ghost import GhostBroker
from tradebot.broker.simulated import SimulatedBroker
from tradebot.core.model.approved import Approved
from tradebot.core.model.effects import LookUp
from tradebot.core.model.events import (
    AccountConfigRead,
    AccountRead,
    AccountSnapshot,
    Filled,
    OrderSeen,
    OrderUpdate,
)
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import exact
from tradebot.core.model.values import (
    MINUTE_MS,
    Bar,
    Fees,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
)
from tradebot.core.risk import gate
from tradebot.core.simulated import SimExchange, SimRules
from tradebot.core.trading.broker import Broker

D = Decimal
XRP, ADA = "XRP/USDT", "ADA/USDT"
NOON = 1_746_446_400_000


def rules() -> SimRules:
    return SimRules(D(10_000), Fees(D("0.0002"), D("0.0005")), D(1), D("0.1"), 0, D("0.1"), 1)


class Desk:
    """A broker with a position of 100 XRP that was opened through it, and its stop."""

    def __init__(self) -> None:
        self.broker = SimulatedBroker(SimExchange(rules(), INSTRUMENTS), 3)
        self.time = NOON
        self.step()
        order = Order("tb-1e", XRP, Side.BUY, OrderType.MARKET, D(100))
        self.broker.exchange.submit(order, self.time)
        self.step()
        self.stop = Order(
            "tb-2s", XRP, Side.SELL, OrderType.STOP_MARKET, D(100), None, D("1.9"),
            reduce_only=True, purpose=Purpose.STOP,
        )  # fmt: skip
        approved = gate.close(self.stop, D(100), INSTRUMENTS[XRP], 0)
        assert isinstance(approved, Approved)
        (word,) = self.broker.send(approved, self.time)
        assert isinstance(word, OrderUpdate)
        assert word.status is OrderStatus.WORKING

    def step(self) -> list[Any]:
        row = ("2", "2.01", "1.99", "2", "1000000")
        bar = Bar.of(XRP, self.time, MINUTE_MS, row)
        self.time += MINUTE_MS
        return list(self.broker.on_market([bar]))


@pytest.fixture
def desk() -> Any:
    with exact():
        yield Desk()


def test_it_is_a_broker_in_this_process() -> None:
    for kind in (SimulatedBroker, GhostBroker):
        broker: Broker = kind(SimExchange(rules(), INSTRUMENTS))
        assert not broker.outside
    assert not [name for name in vars(GhostBroker) if not name.startswith("__")]


def test_the_account_is_read_as_it_is(desk: Desk) -> None:
    (read,) = desk.broker.read_account(desk.time)
    assert isinstance(read, AccountRead)
    (position,) = read.positions
    assert (position.symbol, position.qty) == (XRP, D(100))
    assert position.entry == desk.broker.exchange.positions[XRP].entry
    assert read.wallet == desk.broker.exchange.wallet == read.balances["USDT"]
    assert read.orders == ()
    (stop,) = read.algo_orders
    assert (stop.order_id, stop.trigger, stop.qty, stop.filled) == ("tb-2s", D("1.9"), D(100), D(0))


def test_a_symbol_is_read_alone(desk: Desk) -> None:
    (xrp,) = desk.broker.read_back(XRP, desk.time)
    (ada,) = desk.broker.read_back(ADA, desk.time)
    assert isinstance(xrp, AccountRead)
    assert isinstance(ada, AccountRead)
    assert [p.symbol for p in xrp.positions] == [XRP]
    assert len(xrp.algo_orders) == 1
    assert xrp.wallet is None
    assert (ada.positions, ada.orders, ada.algo_orders) == ((), (), ())


def test_an_order_is_looked_up(desk: Desk) -> None:
    (seen,) = desk.broker.look_up(LookUp(XRP, "tb-2s"), desk.time)
    assert isinstance(seen, OrderSeen)
    # what is left may have been cut, so it does not say what was filled; fills were told
    assert (seen.status, seen.filled) == (OrderStatus.WORKING, None)
    (gone,) = desk.broker.look_up(LookUp(XRP, "tb-9e"), desk.time)
    assert isinstance(gone, OrderSeen)
    assert gone.status is None


def test_a_cancel_takes_effect_and_a_countdown_does_nothing(desk: Desk) -> None:
    assert desk.broker.countdown(XRP, 30_000, desk.time) == ()
    assert desk.broker.cancel(desk.stop, desk.time) == []
    told = [e for e in desk.step() if isinstance(e, OrderUpdate)]
    assert [e.status for e in told] == [OrderStatus.CANCELLED]


def test_leverage_and_margin_are_what_they_are(desk: Desk) -> None:
    for answers in (
        desk.broker.set_leverage(XRP, 20, desk.time),
        desk.broker.set_margin(XRP, False, desk.time),
    ):
        (read,) = answers
        assert isinstance(read, AccountConfigRead)
        assert [(s.symbol, s.leverage, s.isolated) for s in read.symbols] == [(XRP, 3, True)]
        assert not read.hedged


def test_the_hourly_word_comes_once_per_change(desk: Desk) -> None:
    (word,) = desk.broker.hourly(desk.time)
    assert isinstance(word, AccountSnapshot)
    assert word.wallet == desk.broker.exchange.wallet
    assert desk.broker.hourly(desk.time) == ()


def test_it_goes_on_from_its_state(desk: Desk) -> None:
    desk.broker.hourly(desk.time)
    state = json.loads(json.dumps(desk.broker.export_state()))
    other = SimulatedBroker(SimExchange(rules(), INSTRUMENTS), 3)
    other.restore(state)
    assert other.export_state() == state
    assert other.hourly(desk.time) == ()
    assert other.read_account(desk.time) == desk.broker.read_account(desk.time)
    (word,) = other.close_all_now(desk.time)[-1:]
    assert isinstance(word, Filled)
