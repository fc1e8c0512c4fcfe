"""A position on the account without a journal and without a stop: whose it is, its fills tell."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.demo_kit import act, demo_venue, misbehave
from kits.live_run_kit import EARLY, check, failed, live_bot

from tradebot.broker.opened_by import opening_numbers
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Fill, Side
from tradebot.guard.instance import instance_id

MARKET = {"symbol": "ETH/USDT", "side": "BUY"}


@pytest.mark.full
@pytest.mark.slow
def test_what_our_orders_opened_is_protected_and_what_others_opened_forbids_a_start(
    tmp_path: Path,
) -> None:
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue)
        ours = f"tb{instance_id(bot.data_dir)}-5e1f0a2b-7e"
        act(venue.url, "foreign_order", **MARKET, qty="0.01", client_id="by-hand")
        hand = check(bot, code=4)
        assert hand.data["open"] == []
        assert "reconcile" in failed(hand)
        act(venue.url, "foreign_order", **MARKET, qty="0.01", client_id=ours)
        both = check(bot, code=4)
        assert both.data["open"] == [f"ETH/USDT 0.02 (account: opened by {ours})"]

        engine = bot.start("live", "--headless", "--json")
        bot.until(lambda: venue.stops() or not venue.held() or engine.poll() is not None)
        assert engine.poll() is None, engine.communicate()
        assert [row["quantity"] for row in venue.state()["algo_orders"]] == ["0.020"]
        assert bot.json("close-all").data["closed"] is True
        bot.until(lambda: engine.poll() is not None)
        assert engine.returncode == 4
        engine.communicate()


def test_where_a_position_cannot_be_told_what_is_surely_ours_is_still_known(tmp_path: Path) -> None:
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue, TRADEBOT_MARKET__SYMBOLS="BTC/USDT,ETH/USDT")
        ours = f"tb{instance_id(bot.data_dir)}-5e1f0a2b-7e"
        act(venue.url, "foreign_order", **MARKET, qty="0.01", client_id="by-hand")
        place = {"symbol": "BTC/USDT", "side": "BUY", "qty": "0.002"}
        act(venue.url, "foreign_order", **place, price="30000", client_id=ours)
        misbehave(venue.url, {"do": "error", "path": "/fapi/v1/userTrades", "code": -2015})
        found = check(bot, code=None)
        assert "account" in failed(found)
        assert found.data["open"] == [f"BTC/USDT {ours} (account)"]


# -- by the fills ---------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-5, 5).filter(bool)), max_size=30))
def test_a_position_is_of_the_orders_that_made_it_since_it_was_flat(
    trades: list[tuple[int, int]],
) -> None:
    fills: list[Fill] = []
    held, since = 0, dict[int, None]()
    for number, (order, qty) in enumerate(trades):
        side = Side.BUY if qty > 0 else Side.SELL
        fills.append(
            Fill(
                "ETH/USDT",
                number,
                "",
                side,
                Decimal(abs(qty)),
                Decimal(1),
                ZERO,
                False,
                number,
                venue_id=str(order),
            )
        )
        before, held = held, held + qty
        if before * held <= 0:
            since = {}
        if held and (held > 0) == (qty > 0):
            since.pop(order, None)
            since[order] = None
    assert opening_numbers(fills, Decimal(held)) == [str(one) for one in reversed(since)]
