"""What the drift of a live fill costs: its model, and the judgement of it, beside the same events without.

CPU microseconds a fill, with a minute of quotes before it, the least of several rounds in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

from measure import answer, options

from tradebot.app.demotion import DriftGuard
from tradebot.app.drift import DriftWatch
from tradebot.core.model.effects import Effect, FillBooked
from tradebot.core.model.events import Event, Filled
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import exact
from tradebot.core.model.values import Bar, Fees, Fill, Quote, Side
from tradebot.core.simulated import SimRules
from tradebot.journal.facts import FillModelled
from tradebot.journal.projection import fact_body

D = Decimal
ETH = "ETH/USDT"
T0 = 1_746_057_600_000
RULES = SimRules(D(10**6), Fees(D("0.0002"), D("0.0005")), D(1), D("0.1"), 0, D("0.1"))
QUOTES = 60
"""Quotes between two fills: one a second."""

Told = tuple[Event | Quote | Bar, list[Effect]]


def story(fills: int) -> list[Told]:
    """Return a minute of quotes and its bar, and a fill, so many times."""
    told: list[Told] = []
    for n in range(fills):
        at = T0 + n * 60_000
        for second in range(QUOTES):
            bid = D("3600.00") + D("0.01") * ((n + second) % 90)
            text = (str(bid), str(bid + D("0.01")), "3", "3", str(bid))
            told.append((Quote(ETH, at + second * 1000, at + second * 1000, text, float(bid)), []))
        told.append((Bar.of(ETH, at, 60_000, ("3600", "3601", "3599", "3600", "900")), []))
        side = Side.BUY if n % 2 else Side.SELL
        fill = Fill(ETH, n, f"tba-b-{n}e", side, D("0.5"), D("3600.50"), D(0), False, at + 59_500)
        told.append((Filled(at + 59_600, fill), [FillBooked(at, fill, fill.qty, fill.price, D(0))]))
    return told


def without(told: list[Told]) -> None:
    """Take the events, and do nothing about fills but write them down as the journal does."""
    for event, effects in told:
        if isinstance(event, Filled):
            for effect in effects:
                fact_body(effect)


def with_drift(told: list[Told]) -> None:
    """Model and judge each fill as a live run does, and write both rows down."""
    watch = DriftWatch(RULES, INSTRUMENTS.__getitem__, lambda _: None)
    guard = DriftGuard(D(5), D(50))
    for event, effects in told:
        rows: list[FillModelled] = watch.take(event, effects)
        for row in rows:
            guard.fill(row)
            fact_body(row)
        if isinstance(event, Filled):
            for effect in effects:
                fact_body(effect)


def least(rounds: int, works: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the least CPU seconds of each, run in turn."""
    found = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            begun = time.process_time()
            work()
            found[name] = min(found[name], time.process_time() - begun)
    return found


def main() -> None:
    """Print what a fill costs with and without."""
    parser = options(__doc__ or "")
    parser.add_argument("--fills", type=int, default=2000, help="fills to be modelled")
    args = parser.parse_args()
    told = story(args.fills)
    with exact():
        took = least(
            args.runs, {"without": lambda: without(told), "with": lambda: with_drift(told)}
        )
    each = {name: round(seconds / args.fills * 1e6, 1) for name, seconds in took.items()}
    cost = round(each["with"] - each["without"], 1)
    data = {"fills": args.fills, "us_per_fill": each, "drift_us": cost, "bound_us": 1000}
    rows = [("a live fill", "us"), *each.items(), ("its drift (at most 1000)", cost)]
    answer(args, data, rows)


if __name__ == "__main__":
    main()
