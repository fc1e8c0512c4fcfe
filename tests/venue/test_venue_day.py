"""A day by hand: quick, and the same to the last byte for the same seed, whatever goes wrong in it."""

from __future__ import annotations

import hmac
import json
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from kits.venue_kit import BTC, START

from tradebot.app.venue import simulated_feed
from tradebot.core.model.values import HOUR_MS
from tradebot.venue.call import Call, Dropped
from tradebot.venue.clock import HandClock
from tradebot.venue.core import Venue
from tradebot.venue.settings import AccountScript, Settings

HOURS = 24 if os.environ.get("TRADEBOT_FULL") == "1" else 3
ORDER, ALGO, KEY = "/fapi/v1/order", "/fapi/v1/algoOrder", "/fapi/v1/listenKey"
BAD: list[dict[str, Any]] = [
    {"do": "accept_then_close", "method": "POST", "path": ORDER, "probability": 0.1},
    {"do": "error", "code": -1007, "path": ORDER, "probability": 0.1},
    {"do": "unavailable", "meaning": "overload", "path": ALGO, "probability": 0.1},
    {"do": "late", "stream": "private", "ms": 5, "to_ms": 5000, "probability": 0.2},
    {"do": "reorder", "stream": "private", "window_ms": 2000, "probability": 0.2},
    {"do": "drop", "stream": "private", "probability": 0.1},
    {"do": "stop_rejected_later", "probability": 0.1},
    {"do": "fill_in_parts", "parts": ["0.001", "0.001"], "at_s": [0, 30], "probability": 0.1},
]


class Day:
    """A venue whose hours are driven by hand, and requests as they come over the wire, signed."""

    def __init__(self, path: Path, seed: int) -> None:
        self.clock = HandClock(START - START % 60_000)
        settings = Settings(seed=seed, account=AccountScript(margin_type="isolated", leverage=5))
        feed = simulated_feed((BTC,), seed, self.clock.now())
        self.venue = Venue(feed, self.clock, settings, ledger=path)
        self.venue.ledger.begin()
        self.venue.start()

    def ask(self, method: str, path: str, text: str = "") -> None:
        secret, key = self.venue.credentials.secret, self.venue.credentials.key
        signed = f"{text}&timestamp={self.clock.now()}"
        body = (
            f"{signed}&signature={hmac.new(secret.encode(), signed.encode(), sha256).hexdigest()}"
        )

        async def read() -> bytes:
            return body.encode()

        call = Call(method, path, self.clock.now(), 0.0, api_key=key)
        with suppress(Dropped, StopIteration):
            self.venue.pipeline.run(call, "", read).send(None)

    def live(self, number: int) -> None:
        """Half an hour: an order and its stop, its reversal, and the key kept alive."""
        mark = self.venue.market.board(BTC).mark
        order = f"symbol=BTCUSDT&type=MARKET&quantity=0.002&newClientOrderId=o{number}"
        stop = "algoType=CONDITIONAL&symbol=BTCUSDT&side=SELL&type=STOP_MARKET&closePosition=true"
        self.ask("POST" if number % 3 == 0 else "PUT", KEY)
        self.ask("POST", ORDER, f"{order}&side=BUY")
        self.ask("POST", ALGO, f"{stop}&triggerPrice={mark * 99 // 100:.1f}")
        self.clock.advance(HOUR_MS // 2)
        self.ask("GET", "/fapi/v3/account")
        self.ask("POST", ORDER, f"{order}x&side=SELL&reduceOnly=true")


def lived(path: Path, seed: int) -> bytes:
    """The ledger of a day on which things go wrong."""
    day = Day(path, seed)
    day.venue.faults.set(BAD)
    for number in range(HOURS * 2):
        day.live(number)
    day.venue.stop()
    return path.read_bytes()


def test_equal_seeds_give_equal_ledgers(tmp_path: Path) -> None:
    one = lived(tmp_path / "one.jsonl", 1)
    assert one == lived(tmp_path / "two.jsonl", 1)
    assert one != lived(tmp_path / "three.jsonl", 2)
    rows = [json.loads(line) for line in one.splitlines()]
    kinds = [row["kind"] for row in rows]
    assert kinds.count("fill") >= HOURS * 2
    assert kinds.count("request") == HOURS * 2 * 5
    assert {row["status"] for row in rows if row["kind"] == "request"} >= {200, None}
    assert {"algo", "income", "account", "stream", "fault"} <= set(kinds)
    if HOURS == 24:
        assert {r["do"] for r in rows if r["kind"] == "fault"} == {rule["do"] for rule in BAD}
        assert sum(r["kind"] == "income" and r["type"] == "FUNDING_FEE" for r in rows) >= 1
        assert rows[-1]["at"] - rows[0]["at"] >= 23 * HOUR_MS
