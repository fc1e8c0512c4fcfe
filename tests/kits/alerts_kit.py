"""Audit rows, runs and conditions to tell of."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tradebot.alerts.model import Alert, AuditRow, Condition, Held, Memory, Scene, Wishes
from tradebot.alerts.texts import told
from tradebot.core.model.effects import Effect
from tradebot.core.model.times import of_iso
from tradebot.journal.projection import Fact, fact_body, read_fact
from tradebot.journal.rows import RunBegun

D = Decimal
BTC = "BTC/USDT"
NOON = of_iso("2026-11-27T12:00:00Z")

LONG = Held(BTC, "long", D("0.001"), D(64000), D(63000), D("-1"), D(62000))
LIVE = Scene(
    *("live-0003", "live", "BINANCE", False, "running"),
    *(D("974.9"), D(1000), D("-25.1"), (LONG,)),
    beat=NOON - 4000,
)
PAPER = replace(LIVE, run="paper-0007", mode="paper", market="SIMULATED MARKET", simulated=True)
WISHES = Wishes(("telegram", "email"), simulated=True, silent_channels=("telegram",))


def row_of(fact: Fact, seq: int = 17, run: str = "live-0003", wall: int = NOON) -> AuditRow:
    """Return a fact as its audit row, through the journal's own text."""
    kind, body = type(fact).__name__, fact_body(fact)
    return AuditRow(seq, run, wall, wall, kind, json.loads(body), read_fact(kind, body))


def begun(**more: Any) -> RunBegun:
    """Return the beginning of a live run."""
    config = {"risk": {"profile": "live"}, "strategy": {"name": "ema_cross"}}
    whole: dict[str, Any] = {
        "num": 3,
        "mode": "live",
        "venue": "binance",
        "market": "BINANCE",
        "seed": None,
        "config": json.dumps(config),
        "config_hash": "c0",
        "strategy": "ema_cross",
        "strategy_hash": "a1b2c3d4e5",
        "nonce": "n",
        "instance": "abcdef",
        "version": "1.0",
    }
    return RunBegun(**{**whole, **more})


class Story:
    """Tells rows one after the other, as the alerter does."""

    def __init__(self, scene: Scene = LIVE, wishes: Wishes = WISHES) -> None:
        self.scene, self.wishes = scene, wishes
        self.memory: Memory = {}
        self.seq = 0
        self.alerts: list[Alert] = []

    def tell(self, fact: Effect | Fact, wall: int = NOON) -> list[Alert]:
        """Tell of a fact; returns the alerts. What is remembered has to survive as JSON."""
        self.seq += 1
        row = row_of(fact, self.seq, self.scene.run, wall)
        new, memory = told(row, self.scene, self.wishes, self.memory)
        self.memory = json.loads(json.dumps(memory))
        assert self.memory == memory
        self.alerts += new
        return new


def condition(kind: str, *, over: bool = False, since: int = NOON, **data: Any) -> Condition:
    """Return a condition with its numbers."""
    return Condition(kind, since, over, data)
