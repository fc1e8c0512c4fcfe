"""Whatever happens in whatever order: the venue's books agree with each other and with what it told."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from kits.venue_kit import BTC, ETH, START, make_venue, row

from tradebot.core.model.errors import UsageError
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Quote
from tradebot.venue.bus import AccountChanged, AlgoChanged, Happening, OrderNews
from tradebot.venue.call import Answer, Call, Dropped
from tradebot.venue.clock import HandClock
from tradebot.venue.errors import VenueError
from tradebot.venue.params import RequestParams
from tradebot.venue.routes import ROUTES
from tradebot.venue.settings import AccountScript, Settings

FULL = os.environ.get("TRADEBOT_FULL") == "1"
EXAMPLES, STEPS = (1000, 60) if FULL else (40, 40)

PRICES = {"BTCUSDT": (BTC, 76900, Decimal("0.1")), "ETHUSDT": (ETH, 2500, Decimal("0.01"))}
FINAL = ("FILLED", "CANCELED", "EXPIRED")
ENDED = ("CANCELED", "FINISHED", "REJECTED", "EXPIRED")
LAST_DIGIT = Decimal("0.0001")
"""Messages cut entry prices to fewer decimals than REST."""
names = st.sampled_from(sorted(PRICES))
sides = st.sampled_from(["BUY", "SELL"])
lots = st.integers(1, 40)
offsets = st.integers(-300, 300)


class Heard:
    """What a listener knows of the account from the messages of the user stream alone."""

    def __init__(self) -> None:
        self.wallet = Decimal(5000)
        self.positions: dict[str, tuple[Decimal, Decimal]] = {}
        self.orders: dict[int, tuple[str, Decimal]] = {}
        self.algos: dict[int, str] = {}

    def row(self, row_: dict[str, Any]) -> None:
        if row_["kind"] != "stream" or row_["stream"] != "private" or row_.get("withheld"):
            return
        body = row_["body"]
        if row_["event"] == "ORDER_TRADE_UPDATE":
            order = body["o"]
            self.orders[order["i"]] = (order["X"], Decimal(order["z"]))
        elif row_["event"] == "ALGO_UPDATE":
            self.algos[body["o"]["aid"]] = body["o"]["X"]
        elif row_["event"] == "ACCOUNT_UPDATE":
            for balance in body["a"]["B"]:
                if balance["a"] == "USDT":
                    self.wallet = Decimal(balance["wb"])
            for held in body["a"]["P"]:
                self.positions[held["s"]] = (Decimal(held["pa"]), Decimal(held["ep"]))


class Books(RuleBasedStateMachine):
    """Orders, prices, funding, acts; the books are looked at after every step."""

    def __init__(self) -> None:
        super().__init__()
        account = AccountScript(margin_type="isolated", wallet=Decimal(5000), leverage=5)
        self.clock = HandClock(START)
        rows = (row(0), row(0, "2500.00", "2500.01", symbol=ETH, qty="100"))
        self.venue = make_venue(rows, settings=Settings(account=account), clock=self.clock)
        self.told: dict[int, list[str]] = {}
        self.wallet = Decimal(5000)
        self.positions: dict[str, Decimal] = {}
        self.algos: dict[int, str] = {}
        self.count = 0
        self.heard = Heard()
        self.venue.bus.subscribe(self.hear)
        self.venue.ledger.listen(self.heard.row)
        self.venue.start()

    def hear(self, event: Happening) -> None:
        if isinstance(event, OrderNews):
            self.told.setdefault(event.order.id, []).append(event.order.status)
        elif isinstance(event, AccountChanged):
            for change in event.balances:
                if change.asset == "USDT":
                    self.wallet = change.wallet
            for held in event.holdings:
                self.positions[held.listing.name] = held.qty
        elif isinstance(event, AlgoChanged):
            self.algos[event.algo.id] = event.algo.status

    def ask(self, method: str, path: str, **values: object) -> Any:
        """What a signed request answers; a refusal answers None."""
        params = RequestParams.of({name: str(value) for name, value in values.items()})
        call = Call(method, path, self.clock.now(), 0.0, params=params)
        try:
            return ROUTES[method, path].handler(self.venue, call)
        except VenueError:
            return None

    def qty(self, name: str, count: int) -> str:
        return str(Decimal(count) * Decimal("0.001" if name == "BTCUSDT" else "0.05"))

    def price(self, name: str, offset: int) -> Decimal:
        symbol, _, tick = PRICES[name]
        quote = self.venue.market.board(symbol).quote
        assert quote is not None
        return max(tick, quote.exact_bid + offset * tick * 5)

    # What happens

    @rule(name=names, side=sides, count=lots, reduce=st.booleans())
    def market(self, name: str, side: str, count: int, reduce: bool) -> None:
        self.ask(
            "POST",
            "/fapi/v1/order",
            symbol=name,
            side=side,
            type="MARKET",
            quantity=self.qty(name, count),
            reduceOnly=reduce,
        )

    @rule(
        name=names,
        side=sides,
        count=lots,
        offset=offsets,
        reduce=st.booleans(),
        tif=st.sampled_from(["GTC", "IOC", "GTX", "FOK"]),
    )
    def limit(self, name: str, side: str, count: int, offset: int, reduce: bool, tif: str) -> None:
        self.ask(
            "POST",
            "/fapi/v1/order",
            symbol=name,
            side=side,
            type="LIMIT",
            quantity=self.qty(name, count),
            price=self.price(name, offset),
            timeInForce=tif,
            reduceOnly=reduce,
        )

    @rule(
        name=names,
        side=sides,
        count=lots,
        offset=offsets,
        kind=st.sampled_from(["STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP", "TAKE_PROFIT"]),
        reduce=st.booleans(),
        closes=st.booleans(),
    )
    def conditional(
        self, name: str, side: str, count: int, offset: int, kind: str, reduce: bool, closes: bool
    ) -> None:
        values: dict[str, object] = {
            "algoType": "CONDITIONAL",
            "symbol": name,
            "side": side,
            "type": kind,
            "triggerPrice": self.price(name, offset),
            "workingType": "MARK_PRICE",
        }
        if kind in ("STOP", "TAKE_PROFIT"):
            values["price"] = self.price(name, offset)
        if closes and kind.endswith("MARKET"):
            values["closePosition"] = "true"
        else:
            values |= {"quantity": self.qty(name, count), "reduceOnly": reduce}
        self.ask("POST", "/fapi/v1/algoOrder", **values)

    @rule(name=names, steps=st.integers(-400, 400), size=st.integers(0, 60))
    def quote(self, name: str, steps: int, size: int) -> None:
        self.clock.advance(1000)
        symbol, start, tick = PRICES[name]
        bid = max(tick * 100, self.price(name, 0) + steps * tick * 5)
        bid = min(max(bid, Decimal(start) / 2), Decimal(start) * 2) // tick * tick
        text = (f"{bid}", f"{bid + tick}", self.qty(name, size), self.qty(name, size), f"{bid}")
        now = self.clock.now()
        self.venue.take(Quote(symbol, now, now, text, float(bid)))

    @rule(pick=st.integers(0, 10))
    def cancel(self, pick: int) -> None:
        orders = self.venue.desk.records.open()
        if orders:
            order = orders[pick % len(orders)]
            self.ask("DELETE", "/fapi/v1/order", symbol=order.listing.name, orderId=order.id)

    @rule(pick=st.integers(0, 10), count=lots, offset=offsets)
    def amend(self, pick: int, count: int, offset: int) -> None:
        orders = self.venue.desk.records.open()
        if orders:
            order = orders[pick % len(orders)]
            name = order.listing.name
            self.ask(
                "PUT",
                "/fapi/v1/order",
                symbol=name,
                orderId=order.id,
                side=order.side,
                quantity=self.qty(name, count),
                price=self.price(name, offset),
            )

    @rule(name=names)
    def cancel_everything(self, name: str) -> None:
        self.ask("DELETE", "/fapi/v1/allOpenOrders", symbol=name)
        self.ask("DELETE", "/fapi/v1/algoOpenOrders", symbol=name)

    @rule(hours=st.sampled_from([1, 8, 24]))
    def wait(self, hours: int) -> None:
        self.clock.advance(hours * 3_600_000)

    @rule(
        name=names,
        act=st.sampled_from(["liquidate", "deleverage", "fund", "add_margin"]),
        amount=st.integers(1, 50),
    )
    def act(self, name: str, act: str, amount: int) -> None:
        words: dict[str, object] = {"symbol": name}
        if act == "deleverage":
            words["qty"] = self.qty(name, amount)
        elif act == "fund":
            words["rate"] = Decimal(amount - 25) / 10_000
        elif act == "add_margin":
            words["amount"] = amount
        self.try_act(act, **words)

    @rule(amount=st.integers(-500, 500))
    def transfer(self, amount: int) -> None:
        self.try_act("transfer", amount=amount)

    @rule(name=names, side=sides, count=lots, offset=offsets)
    def foreign(self, name: str, side: str, count: int, offset: int) -> None:
        self.count += 1
        self.try_act(
            "foreign_order",
            symbol=name,
            side=side,
            qty=self.qty(name, count),
            price=self.price(name, offset),
            client_id=f"web_{self.count}",
        )

    @rule(pick=st.integers(0, 50), count=lots)
    def late_or_early_fill(self, pick: int, count: int) -> None:
        orders = list(self.venue.desk.records.by_id.values())
        if orders:
            order = orders[pick % len(orders)]
            name = order.listing.name
            self.try_act(
                "fill_order",
                symbol=name,
                client_id=order.client_id,
                qty=self.qty(name, count),
            )

    def try_act(self, act: str, **words: object) -> None:
        with suppress(UsageError):  # there was nothing it could happen to
            self.venue.acts.do(act, **words)

    # What has to hold

    @invariant()
    def wallets_are_start_and_income(self) -> None:
        account = self.venue.account
        income = sum((r.amount for r in account.income.rows), ZERO)
        assert account.wallet == Decimal(5000) + income
        assert account.wallet == self.venue.desk.exchange.wallet
        assert account.wallet == self.wallet

    @invariant()
    def positions_are_the_sum_of_fills(self) -> None:
        held: dict[str, Decimal] = {}
        for trade in self.venue.desk.records.trades:
            signed = trade.qty if trade.side == "BUY" else -trade.qty
            held[trade.listing.name] = held.get(trade.listing.name, ZERO) + signed
        for name, (symbol, *_) in PRICES.items():
            position = self.venue.desk.exchange.positions.get(symbol)
            row_ = self.venue.desk.holding(symbol)
            assert row_.qty == held.get(name, ZERO) == self.positions.get(name, ZERO)
            assert row_.qty == (ZERO if position is None else position.qty)
            assert position is None or row_.entry == position.entry

    @invariant()
    def orders_have_one_end(self) -> None:
        for order in self.venue.desk.records.by_id.values():
            states = self.told[order.id]
            assert states[-1] == order.status
            ends = [state for state in states if state in FINAL]
            late = states.count("FILLED") and len(ends) > 1
            assert len(ends) <= 1 or late or order.executed > 0
            executed = sum(
                (t.qty for t in self.venue.desk.records.trades if t.order_id == order.id), ZERO
            )
            assert executed == order.executed <= order.qty
        working = {order.key for order, _ in self._exchange_orders()}
        assert working == {order.key for order in self.venue.desk.records.open()}

    def _exchange_orders(self) -> list[tuple[Any, Any]]:
        found = self.venue.desk.exchange.open_orders()
        by_key = {o.key: o for o in self.venue.desk.records.by_id.values()}
        for order, left in found:
            assert by_key[order.id].left == left
        return [(by_key[order.id], left) for order, left in found]

    @invariant()
    def streams_and_rest_tell_the_same(self) -> None:
        shown = {row_["orderId"]: row_["status"] for row_ in self.ask("GET", "/fapi/v1/openOrders")}
        assert shown == {
            order_id: states[-1]
            for order_id, states in self.told.items()
            if states[-1] in ("NEW", "PARTIALLY_FILLED")
        }
        algos = {
            row_["algoId"]: row_["algoStatus"]
            for row_ in self.ask("GET", "/fapi/v1/openAlgoOrders")
        }
        assert algos == {i: state for i, state in self.algos.items() if state not in ENDED}
        assert self.held_by_rest() == {name: qty for name, qty in self.positions.items() if qty}

    def held_by_rest(self) -> dict[str, Decimal]:
        """Positions as REST shows them; a row without one is there for a working order that may open one."""
        rows = {row_["symbol"]: row_ for row_ in self.ask("GET", "/fapi/v3/positionRisk")}
        held = {name: Decimal(row_["positionAmt"]) for name, row_ in rows.items()}
        opening = {o.listing.name for o in self.venue.desk.records.open() if not o.reduce_only}
        assert set(rows) == {name for name, qty in held.items() if qty} | opening
        return {name: qty for name, qty in held.items() if qty}

    def teardown(self) -> None:
        """With faults off, whoever heard every message knows what REST shows."""
        heard = self.heard
        account = self.ask("GET", "/fapi/v3/account")
        assert Decimal(account["totalWalletBalance"]) == heard.wallet
        risk = [r for r in self.ask("GET", "/fapi/v3/positionRisk") if Decimal(r["positionAmt"])]
        held = {name: told for name, told in heard.positions.items() if told[0]}
        assert {r["symbol"] for r in risk} == set(held)
        for shown in risk:
            qty, entry = held[shown["symbol"]]
            assert Decimal(shown["positionAmt"]) == qty
            assert abs(Decimal(shown["entryPrice"]) - entry) < LAST_DIGIT
        assert {
            r["orderId"]: (r["status"], Decimal(r["executedQty"]))
            for r in self.ask("GET", "/fapi/v1/openOrders")
        } == {i: told for i, told in heard.orders.items() if told[0] not in FINAL}
        for order in self.venue.desk.records.by_id.values():
            assert heard.orders[order.id] == (order.status, order.executed)
        assert {
            r["algoId"]: r["algoStatus"] for r in self.ask("GET", "/fapi/v1/openAlgoOrders")
        } == {i: told for i, told in heard.algos.items() if told not in ENDED}


FAULTS: list[dict[str, Any]] = [
    {"do": "accept_then_close", "method": "POST"},
    {"do": "accept_then_garbage"},
    {"do": "error", "code": -1007},
    {"do": "error", "code": -1008},
    {"do": "unavailable"},
    {"do": "rate_limited", "method": "DELETE"},
    {"do": "fields_left_out", "fields": ["orderId", "status"]},
    {"do": "drop", "event": "ORDER_TRADE_UPDATE"},
    {"do": "duplicate", "stream": "private"},
    {"do": "late", "stream": "private", "ms": 10, "to_ms": 5000},
    {"do": "reorder", "stream": "private", "window_ms": 2000},
    {"do": "freeze", "stream": "private", "seconds": 30},
    {"do": "fill_in_parts", "parts": ["0.001", "0.05", "0.002"], "at_s": [0, 1, 30]},
    {"do": "fill_nothing"},
    {"do": "late_fill"},
    {"do": "stop_rejected_later"},
    {"do": "stop_rejected_later", "told": False},
    {"do": "stop_vanishes", "seconds": 2},
    {"do": "algo_blind", "seconds": 5},
    {"do": "stop_filled_short"},
    {"do": "stop_child_expires"},
    {"do": "stop_rejected_on_trigger"},
    {"do": "stops_need_position"},
    {"do": "algo_take_blocks"},
]


def at_once(steps: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that waits for nothing."""
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class FaultyBooks(Books):
    """The same walk under faults: what is answered and told may be wrong, the books may not."""

    @rule(rows=st.lists(st.sampled_from(FAULTS), max_size=5), chance=st.sampled_from([0.2, 0.6, 1]))
    def break_things(self, rows: list[dict[str, Any]], chance: float) -> None:
        moments = ("stops_need_position", "algo_take_blocks")
        self.venue.faults.set(
            [r if r["do"] in moments else {**r, "probability": chance} for r in rows]
        )

    def ask(self, method: str, path: str, **values: object) -> Any:
        """A look is the plain one; what changes something goes by way of the faults."""
        if method == "GET":
            return super().ask(method, path, **values)
        params = RequestParams.of({name: str(value) for name, value in values.items()})
        call = Call(method, path, self.clock.now(), 0.0, params=params)
        faults = self.venue.faults
        with suppress(Dropped):
            answer = at_once(faults.before_handling(call))
            if answer is None:
                answer = Answer(200, super().ask(method, path, **values))
            return at_once(faults.after_handling(call, answer)).body
        return None

    @invariant()
    def orders_have_one_end(self) -> None:
        trades = self.venue.desk.records.trades
        for order in self.venue.desk.records.by_id.values():
            executed = sum((t.qty for t in trades if t.order_id == order.id), ZERO)
            assert executed == order.executed <= order.qty
            assert self.told[order.id][-1] == order.status
            assert (order.executed == order.qty) == (order.status == "FILLED")

    @invariant()
    def streams_and_rest_tell_the_same(self) -> None:
        """What is hidden aside, lists show what the venue has."""
        shown = {row_["orderId"] for row_ in self.ask("GET", "/fapi/v1/openOrders")}
        assert shown == {order.id for order in self.venue.desk.records.open()}
        stops = {row_["algoId"] for row_ in self.ask("GET", "/fapi/v1/openAlgoOrders")}
        assert stops == {a.id for a in self.venue.algos.records.open() if not a.hidden}
        assert self.held_by_rest() == {name: qty for name, qty in self.positions.items() if qty}

    def teardown(self) -> None:
        """Who listens knows nothing for certain here."""


Books.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=not FULL,
    phases=[Phase.generate],  # a failing walk is long to shrink, and says enough as it is
    print_blob=False,
    suppress_health_check=list(HealthCheck),
)
FaultyBooks.TestCase.settings = settings(
    Books.TestCase.settings, max_examples=EXAMPLES if FULL else 20
)
TestBooks = Books.TestCase
TestFaultyBooks = FaultyBooks.TestCase
