"""What a reading of the account says to people goes through the journal and comes back as it was."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tradebot.broker.account_view import MOST_TOLD, account_document
from tradebot.core.model.account import OrderRead, PositionRead
from tradebot.core.model.events import AccountRead
from tradebot.core.model.values import OrderStatus, Side
from tradebot.journal.snapshots import HeldThere, Links, RestingThere, snapshot_of

D = Decimal
BODY = {
    "at": 7,
    "market": "a market",
    "speed": 1.0,
    "completed_trades": 0,
    "win_rate_pct": None,
    **dict.fromkeys(("start_equity", "equity", "cash", "fees", "funding", "drawdown"), "1"),
}


def an_order(name: str, trigger: Decimal | None) -> OrderRead:
    return OrderRead(
        *("ETH/USDT", name, "7", Side.SELL, "STOP_MARKET", OrderStatus.WORKING, D(2), D(0)),
        trigger=trigger,
    )


def read_back(links: dict[str, Any]) -> Links:
    body = json.loads(json.dumps({**BODY, "links": links}))
    links_read = snapshot_of("live-0001", 9, body).links
    assert links_read is not None
    return links_read


def test_margin_and_liquidation_are_the_exchanges_own() -> None:
    held = PositionRead("ETH/USDT", D("-2"), D("3000.10"), D(3001), D("6000.2"), D("5900.5"))
    long = PositionRead("XRP/USDT", D(40), D("2.2"), hedge="long")
    flat = PositionRead("BTC/USDT", D(0), D(0))
    read = AccountRead(
        *(5, "", 5, 5, (held, long, flat)),
        (an_order("somebody's", None),),
        (an_order("ours-1s", D("3100.5")),),
        D(10),
        {"USDT": D(10)},
    )
    links = read_back(
        {"ages": {"account": 3}, "weight": [7, 2400], "account": account_document(6, read)}
    )
    seen = links.account
    assert seen is not None
    assert links.weight == (7, 2400)
    assert (seen.wall, seen.orders, seen.algo_orders, seen.balances) == (6, 1, 1, {"USDT": D(10)})
    assert seen.positions == (
        HeldThere("ETH/USDT", D(-2), "", D("3000.10"), D("6000.2"), D("5900.5")),
        HeldThere("XRP/USDT", D(40), "long", D("2.2")),
    )
    assert [(one.name, one.side) for one in seen.positions] == [
        ("ETH/USDT", "short"),
        ("XRP/USDT long", "long"),
    ]
    assert seen.resting == (
        RestingThere("ETH/USDT", "ours-1s", "sell", D(2), D("3100.5")),
        RestingThere("ETH/USDT", "somebody's", "sell", D(2)),
    )


def test_hundreds_of_orders_are_counted_and_some_are_named() -> None:
    orders = tuple(an_order(str(n), None) for n in range(300))
    told = account_document(6, AccountRead(5, "", 5, 5, (), orders, ()))
    assert told["orders"] == 300
    assert len(told["resting"]) == MOST_TOLD


@pytest.mark.parametrize("links", [{"ages": {}}, {"ages": {"account": None}, "account": None}])
def test_what_older_engines_wrote_is_read(links: dict[str, Any]) -> None:
    assert read_back(links).weight is None
    old = {"wall": 1, "balances": {}, "orders": 0, "algo_orders": 0}
    held = {"symbol": "ETH/USDT", "hedge": "", "qty": "-1"}
    seen = read_back({**links, "account": {**old, "positions": [held]}}).account
    assert seen is not None
    assert seen.positions == (HeldThere("ETH/USDT", D(-1)),)
    assert seen.resting == ()
