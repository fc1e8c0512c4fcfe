"""An exchange that talks nonsense: whatever it answers and tells, nothing raises, nothing is opened, protection goes on.

The real broker is asked by the real engine; only the wire beneath it is one that hands out what was drawn.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kits.engine_kit import ADA, XRP, Bare, a_config, long

from tradebot.broker.binance import BinanceBroker
from tradebot.broker.private_stream import _parsed
from tradebot.core.model.approved import Approved
from tradebot.core.model.effects import Cancel, LookUp, Place, ReadBack, Reconcile
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.events import Event, VenueNote
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import MINUTE_MS, Order, OrderStatus, Purpose
from tradebot.market.binance import rows as market_rows
from tradebot.market.binance.messages import read_message
from tradebot.wire.api_key import ApiKey
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.hosts import find_hosts
from tradebot.wire.reply import Reply
from tradebot.wire.rules import read_rules

FULL = os.environ.get("TRADEBOT_FULL") == "1"
CASES = 5_000 if FULL else 150
STEADY = settings(
    max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
NAMES = {"XRPUSDT": XRP, "ADAUSDT": ADA}

JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6),
    st.sampled_from(["NaN", "-1", "1e999", "Infinity", "", "XRPUSDT", 10**40, [], {}, [[]], {"a": 1}]),
)  # fmt: skip
TEXTS = st.sampled_from(
    ["", "{", "null", "[]", "{}", "[{}]", "<html>502</html>", '{"code":-1003}', '{"code":"x","msg":7}',
     '{"code":-2013}', '{"e":NaN}', "[" * 2_000, "x" * 1_000_000, '{"listenKey":1}', "\x00"]
)  # fmt: skip
STATUSES = st.sampled_from([200, 200, 200, 400, 401, 403, 408, 418, 429, 451, 500, 502, 503, None])


def spoilt(body: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A body of which some fields are something else, or missing."""
    names = st.sampled_from(sorted(body))
    changed = st.dictionaries(names, JUNK, max_size=3)
    return st.builds(
        lambda new, gone: {k: v for k, v in {**body, **new}.items() if k not in gone},
        changed,
        st.sets(names, max_size=2),
    )


def order_row(order_id: str) -> dict[str, Any]:
    return {
        "symbol": "XRPUSDT", "clientOrderId": order_id, "clientAlgoId": order_id, "orderId": 7, "algoId": 8,
        "status": "NEW", "algoStatus": "NEW", "side": "SELL", "type": "MARKET", "orderType": "STOP_MARKET",
        "origQty": "5", "quantity": "5", "executedQty": "0", "actualQty": "0", "actualOrderId": "",
        "price": "0", "triggerPrice": "1.9", "reduceOnly": True, "updateTime": 1, "code": 200,
    }  # fmt: skip


def row_of_anything(order_id: str) -> dict[str, Any]:
    """What the account's lists hold, all in one: each reader takes its own fields."""
    return {
        **order_row(order_id),
        "id": 5, "qty": "5", "commission": "0.01", "commissionAsset": "USDT", "time": 1, "maker": False,
        "buyer": False, "realizedPnl": "0", "positionAmt": "25", "entryPrice": "2", "positionSide": "BOTH",
        "markPrice": "2", "isolatedMargin": "50", "liquidationPrice": "0.1", "isolatedWallet": "50",
        "incomeType": "FUNDING_FEE", "income": "-0.01", "asset": "USDT", "tranId": 9, "tradeId": "",
        "marginType": "ISOLATED", "isAutoAddMargin": False, "leverage": 1, "dualSidePosition": False,
        "multiAssetsMargin": False, "assets": [{"asset": "USDT", "walletBalance": "10000"}],
    }  # fmt: skip


FILLED = {
    "x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.1", "z": "0.1", "L": "1.9", "t": 51, "n": "0.01", "N": "USDT",
}  # fmt: skip


def told(order_id: str) -> list[dict[str, Any]]:
    """Genuine messages about an order."""
    regular = {
        "s": "XRPUSDT", "c": order_id, "S": "SELL", "o": "MARKET", "f": "GTC", "q": "5", "p": "0", "ap": "0",
        "sp": "0", "x": "NEW", "X": "NEW", "i": 839, "l": "0", "z": "0", "L": "0", "T": 1, "t": 0, "m": False,
        "R": True, "ot": "MARKET", "ps": "BOTH", "rp": "0",
    }  # fmt: skip
    algo = {
        "caid": order_id, "aid": 8, "o": "STOP_MARKET", "s": "XRPUSDT", "S": "SELL", "ps": "BOTH", "q": "5",
        "X": "NEW", "ai": "", "ap": "0", "aq": "0", "tp": "1.9", "p": "0", "R": True,
    }  # fmt: skip
    account = {"m": "ORDER", "B": [{"a": "USDT", "wb": "1", "cw": "1", "bc": "0"}], "P": []}
    return [
        {"e": "ORDER_TRADE_UPDATE", "T": 1, "E": 1, "o": regular},
        {"e": "ORDER_TRADE_UPDATE", "T": 1, "E": 1, "o": {**regular, **FILLED}},
        {"e": "ALGO_UPDATE", "T": 1, "E": 1, "o": algo},
        {"e": "ACCOUNT_UPDATE", "T": 1, "E": 1, "a": account},
        {"e": "ACCOUNT_CONFIG_UPDATE", "T": 1, "E": 1, "ac": {"s": "XRPUSDT", "l": 5}},
        {"e": "listenKeyExpired", "E": 1, "listenKey": "x"},
        {"e": "MARGIN_CALL", "E": 1, "cw": "3", "p": []},
    ]


@st.composite
def messages(draw: st.DrawFn, order_id: str) -> str:
    """A message of the private stream: nonsense, or a genuine one that is spoilt outside or inside."""
    if draw(st.booleans()):
        return draw(TEXTS)
    message = draw(st.sampled_from(told(order_id)))
    inner = next((name for name in ("o", "a", "ac") if name in message), None)
    if inner is not None and draw(st.booleans()):
        return json.dumps({**message, inner: draw(spoilt(message[inner]))})
    return json.dumps(draw(spoilt(message)))


@st.composite
def replies(draw: st.DrawFn, order_id: str) -> Reply:
    """An answer to whatever was asked."""
    status = draw(STATUSES)
    if status is None:
        return Reply(draw(st.booleans()), error="the connection ended", sent_at=1)
    if draw(st.booleans()):
        return Reply(True, status, draw(TEXTS), sent_at=1)
    row = draw(spoilt(row_of_anything(order_id)))
    return Reply(True, status, json.dumps(draw(st.sampled_from([row, [row]]))), sent_at=1)


class DrawnWire(Wire):
    """Answers everything with what was drawn, in turn."""

    answers: Iterator[Reply]

    async def ask(self, endpoint: Endpoint, params: Any, *_: Any) -> Reply:
        del endpoint, params
        return next(self.answers, Reply(False, withheld="nothing more was drawn"))

    async def repeat(self, endpoint: Endpoint, params: Any, *_: Any) -> Reply:
        return await self.ask(endpoint, params)


class Desk:
    """An engine with a position that is protected, and a broker on a wire that talks nonsense."""

    def __init__(self) -> None:
        self.story = Bare(a_config((XRP, ADA)))
        self.story.opened(long(1.9))
        self.stop = self.story.placed(Purpose.STOP)[-1]
        self.wire = DrawnWire(find_hosts("demo", "http://127.0.0.1:9"), api_key=ApiKey("k", "s"))
        self.broker = BinanceBroker(self.wire, [XRP, ADA])
        self.halted = False
        self.before = len(self.story.placed(Purpose.ENTRY))

    def hear(self, event: Event) -> None:
        """Take the broker's word to the engine at the engine's own time."""
        if isinstance(event, VenueNote) and event.halt:
            self.halted = True
        self.story.tell(_at(event, self.story.now))

    async def rest(self) -> None:
        while self.broker._errands.tasks:
            await asyncio.gather(*tuple(self.broker._errands.tasks))

    async def carry_out(self, effects: list[Any]) -> None:
        """Ask the exchange what the engine wants asked."""
        at, broker, live = self.story.now, self.broker, self.story.engine.table.live
        for effect in effects:
            match effect:
                case Place(approved) if approved.order.id not in broker._sent:
                    broker.send(approved, at)
                case Cancel(order_id=name) if name in live:
                    broker.cancel(live[name].order, at)
                case LookUp():
                    broker.look_up(effect, at)
                case ReadBack(symbol=symbol):
                    broker.read_back(symbol, at)
                case Reconcile():
                    broker.read_account(at)
                case _:
                    pass
        await self.rest()

    async def listen(self, said: list[str], answers: list[Reply]) -> None:
        """Let it all come in, a second apart, with everything that it makes the engine ask for."""
        self.wire.answers = iter(answers)
        broker = self.broker
        broker._answer, broker._obstacle = self.hear, no_obstacle
        broker._errands.ready.set()
        broker._ends.set()
        broker._is_set = True
        broker.look_up(LookUp(XRP, self.stop.id), self.story.now)
        broker.read_back(XRP, self.story.now)
        broker.read_account(self.story.now)
        await self.rest()
        for text in said:
            known = len(self.story.effects)
            broker._hear(_parsed(text))
            self.story.later(1_000)
            await self.carry_out(self.story.effects[known:])


def no_obstacle(approved: Approved) -> str:
    del approved
    return ""


def _at(event: Event, at: int) -> Event:
    return replace(event, at=at)  # type: ignore[type-var]


ORDER = Bare(a_config((XRP, ADA)))
ORDER.opened(long(1.9))
STOP_ID = ORDER.placed(Purpose.STOP)[-1].id


@STEADY
@given(
    said=st.lists(messages(STOP_ID), min_size=1, max_size=4),
    answers=st.lists(replies(STOP_ID), min_size=4, max_size=12),
)
def test_an_exchange_that_talks_nonsense(said: list[str], answers: list[Reply]) -> None:
    desk = Desk()
    assert desk.stop.id == STOP_ID
    asyncio.run(desk.listen(said, answers))
    story = desk.story
    story.say(long(0.65), symbol=ADA)
    story.bar(symbol=ADA)
    if desk.halted:
        assert story.engine.halts.reasons
        assert len(story.placed(Purpose.ENTRY)) == desk.before, "opened in the midst of nonsense"
    protects_again(desk)


def protects_again(desk: Desk) -> None:
    """The exchange is itself again, and says that no closing order rests: what is held is protected or closed."""
    story = desk.story
    known = len(story.placed())
    for tracked in list(story.engine.table.live.values()):
        if tracked.order.symbol == XRP:
            story.update(tracked.order, OrderStatus.CANCELLED)
    story.later(15_000)
    if story.held:
        new: list[Order] = story.placed()[known:]
        assert any(order.reduce_only and order.symbol == XRP for order in new)


KLINE = {
    "t": 1_748_865_600_000, "T": 1_748_865_659_999, "s": "XRPUSDT", "i": "1m", "o": "2", "c": "2", "h": "2",
    "l": "2", "v": "9", "x": True,
}  # fmt: skip
MARKET = [
    {"e": "kline", "E": 1, "s": "XRPUSDT", "k": KLINE},
    {"e": "markPriceUpdate", "E": 1, "s": "XRPUSDT", "p": "2", "T": 1},
    {"e": "bookTicker", "E": 1, "u": 1, "s": "XRPUSDT", "b": "2", "B": "1", "a": "2.1", "A": "1"},
]
ROWS = st.lists(
    st.lists(JUNK, max_size=12)
    | st.builds(
        lambda at, junk: [*(row := [0, "2", "2", "2", "2", "9", 59_999, "0", 1, "0", "0", "0"])[:at], junk, *row[at + 1 :]],
        st.integers(0, 11),
        JUNK,
    ),
    max_size=3,
)  # fmt: skip


@STEADY
@given(
    message=st.one_of(TEXTS, *(spoilt(body).map(json.dumps) for body in MARKET), spoilt(KLINE).map(
        lambda k: json.dumps({**MARKET[0], "k": k})
    )),
    rows=ROWS | JUNK,
)  # fmt: skip
def test_prices_that_make_no_sense(message: str, rows: Any) -> None:
    """They are prices, finite and above zero, or they are said to be none."""
    said = [complaint(lambda: read_message(message, NAMES, MINUTE_MS))]
    said.append(complaint(lambda: check_bars(rows)))
    assert all(len(text) < 700 for text in said)


def check_bars(rows: Any) -> None:
    for bar in market_rows.read_klines(XRP, rows, MINUTE_MS, 2**50).bars:
        assert 0 < bar.low <= bar.high < float("inf")


def complaint(ask: Callable[[], object]) -> str:
    """Return the error it is refused with; nothing else may be raised."""
    try:
        ask()
    except ExchangeError as error:
        return f"{error.message} {error.hint}"
    return ""


@STEADY
@given(
    st.dictionaries(st.sampled_from(["filterType", "tickSize", "stepSize", "minQty"]), JUNK) | JUNK,
    spoilt({"symbol": "XRPUSDT", "status": "TRADING", "filters": []}),
)
def test_rules_that_are_none(part: Any, row: dict[str, Any]) -> None:
    for info in (part, {"symbols": part}, {"symbols": [part]}, {"symbols": [{**row, "filters": [part]}]},
                 {"symbols": [row]}):  # fmt: skip
        said = complaint(lambda info=info: read_rules(info, [XRP], INSTRUMENTS))  # type: ignore[misc]
        assert said, "rules were made of nothing"
