"""A day by hand: quick, and the same to the last byte for the same seed."""

from __future__ import annotations

import os
from pathlib import Path

from kits.venue_kit import BTC, START

from tradebot.app.venue import simulated_feed
from tradebot.core.model.values import HOUR_MS
from tradebot.venue.call import Call
from tradebot.venue.clock import HandClock
from tradebot.venue.core import Venue
from tradebot.venue.params import RequestParams
from tradebot.venue.routes import ROUTES
from tradebot.venue.settings import AccountScript, Settings

HOURS = 24 if os.environ.get("TRADEBOT_FULL") == "1" else 3


def ask(venue: Venue, method: str, path: str, text: str) -> None:
    call = Call(method, path, venue.clock.now(), 0.0, params=RequestParams(text, ""))
    call.route = ROUTES[method, path]
    call.route.handler(venue, call)


def lived(path: Path, seed: int) -> bytes:
    """The ledger of a day with an order and its reversal every half hour."""
    clock = HandClock(START - START % 60_000)
    account = AccountScript(margin_type="isolated", leverage=5)
    settings = Settings(seed=seed, account=account)
    venue = Venue(simulated_feed((BTC,), seed, clock.now()), clock, settings, ledger=path)
    venue.ledger.begin()
    venue.start()
    stop = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&closePosition=true"
    for _ in range(HOURS * 2):
        mark = venue.market.board(BTC).mark
        order = "symbol=BTCUSDT&type=MARKET&quantity=0.001"
        ask(venue, "POST", "/fapi/v1/order", f"{order}&side=BUY")
        ask(venue, "POST", "/fapi/v1/algoOrder", f"{stop}&triggerPrice={mark * 99 // 100:.1f}")
        clock.advance(HOUR_MS // 2)
        if venue.desk.exchange.positions:
            ask(venue, "POST", "/fapi/v1/order", f"{order}&side=SELL&reduceOnly=true")
    venue.stop()
    return path.read_bytes()


def test_equal_seeds_give_equal_ledgers(tmp_path: Path) -> None:
    one = lived(tmp_path / "one.jsonl", 1)
    assert one == lived(tmp_path / "two.jsonl", 1)
    assert one != lived(tmp_path / "three.jsonl", 2)
    kinds = [line.split(b'"kind":"')[1].split(b'"')[0] for line in one.splitlines()]
    assert kinds.count(b"fill") >= HOURS * 2
    assert b"algo" in kinds
