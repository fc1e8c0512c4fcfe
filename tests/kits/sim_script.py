"""Little scripts for the simulated exchange: what happens on the left, what it told on the right.

One line each: ``o h l c v`` is a bar (``| o h l c`` its mark bar), ``bid ask bidsize asksize mark``
after ``q`` a quote, ``a buy 1 limit 99 gtx ro`` an order with id ``a``, ``cancel a`` a cancel, ``on a: ...``
something done when ``a`` fills (``on seen: ...`` at a price event, ``on gone a: ...`` when it is
cancelled or expires), ``funding 0.0001 [mark]`` a funding rate. A leading ``U`` speaks of ``U/USDT``
instead of ``T/USDT``; bars joined by ``&`` share a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from tradebot.core.model.events import (
    Event,
    Filled,
    FundingPaid,
    FundingRate,
    OrderUpdate,
    PriceSeen,
)
from tradebot.core.model.money import exact, plain
from tradebot.core.model.values import (
    MINUTE_MS,
    Bar,
    Fees,
    Instrument,
    MarkBar,
    Order,
    OrderStatus,
    OrderType,
    Quote,
    Side,
    Tier,
    TimeInForce,
)
from tradebot.core.simulated import SimExchange, SimRules

T0 = 28_000_000 * MINUTE_MS
D = Decimal
TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop": OrderType.STOP_MARKET,
    "tp": OrderType.TAKE_PROFIT_MARKET,
}


def instrument(name: str = "T", **changes: Any) -> Instrument:
    """Tick 0.01, step 0.001, wide price bounds, two margin tiers."""
    made = Instrument(
        symbol=f"{name}/USDT",
        tick=D("0.01"),
        step=D("0.001"),
        min_qty=D("0.001"),
        max_qty=D(1000),
        market_max_qty=D(500),
        min_notional=D(5),
        min_price=D("0.01"),
        max_price=D(100000),
        percent_up=D(10),
        percent_down=D("0.1"),
        max_orders=3,
        tiers=(
            Tier(D(0), D(50_000), 50, D("0.01"), D(0)),
            Tier(D(50_000), D(1_000_000), 20, D("0.05"), D(2_000)),
        ),
    )
    return replace(made, **changes)


RULES = SimRules(
    start_equity=D(10_000),
    fees=Fees(D("0.0002"), D("0.0005")),
    spread_bps=D(2),
    impact=D("0.1"),
    latency_ms=0,
    volume_share=D("0.1"),
)
"""Half a spread at 100 is 0.01, one tick; impact at 100 is 10 x quantity / volume."""


@dataclass
class Script:
    """An exchange, the minute it is in, and what it has told."""

    rules: SimRules = RULES
    instruments: dict[str, Instrument] = field(
        default_factory=lambda: {"T/USDT": instrument("T"), "U/USDT": instrument("U")}
    )
    minute: int = 0
    second: int = 0

    def __post_init__(self) -> None:
        self.exchange = SimExchange(self.rules, self.instruments)
        self.now = T0 - 1
        self.told: list[str] = []
        self.events: list[Event] = []
        self.reactions: dict[str, list[str]] = {}

    def run(self, text: str) -> list[str]:
        """Play lines; return what was told since the last call."""
        start = len(self.told)
        with exact():
            for line in text.strip().splitlines():
                self._line(line.strip())
        return self.told[start:]

    def _line(self, line: str) -> None:
        if line.startswith("on "):
            key, _, action = line[3:].partition(":")
            self.reactions.setdefault(key.strip(), []).append(action.strip())
        elif line.startswith("funding "):
            _, rate, *mark = line.split()
            due = FundingRate(self.now + 1 + 7, "T/USDT", D(rate), D(mark[0]) if mark else None)
            self.consume(self.exchange.step([due]))
        elif line.startswith("q "):
            self._quotes(line[2:])
        elif line[0].isdigit() or (line[0] == "U" and line[2].isdigit()):
            self._bars(line)
        else:
            self._act(line, self.now)

    def _bars(self, line: str) -> None:
        marks: list[MarkBar] = []
        told: list[Bar] = []
        open_time = T0 + self.minute * MINUTE_MS
        for row in line.split("&"):
            symbol, numbers = named(row)
            bar, _, mark = numbers.partition("|")
            told.append(Bar.of(symbol, open_time, MINUTE_MS, bar.split()))
            if mark:
                made = MarkBar.of(symbol, open_time, MINUTE_MS, [*mark.split(), "0"])
                assert isinstance(made, MarkBar)
                marks.append(made)
        self.minute += 1
        self.now = open_time + MINUTE_MS - 1
        self.consume(self.exchange.step([*marks, *told]))

    def _quotes(self, line: str) -> None:
        quotes = []
        self.now = T0 + self.second * 1000
        self.second += 1
        for row in line.split("&"):
            symbol, numbers = named(row)
            text = numbers.split()
            quotes.append(Quote(symbol, self.now, self.now, text, float(text[4])))
        self.consume(self.exchange.step(quotes))

    def consume(self, events: Iterable[Event]) -> None:
        """Take events one by one, reacting to each before the next."""
        for event in events:
            self.events.append(event)
            text = tell(event, T0 + (self.minute - 1) * MINUTE_MS)
            if text:
                self.told.append(text)
            for action in self.reactions.pop(trigger_of(event), ()):
                self._act(action, event.at)

    def close_all(self) -> list[str]:
        """End the data now; return what that told."""
        start = len(self.told)
        with exact():
            self.consume(self.exchange.close_all_now(self.now))
        return self.told[start:]

    def _act(self, line: str, at: int) -> None:
        symbol, action = named(line)
        if action.startswith("cancel "):
            updates = self.exchange.cancel(symbol, action.split()[1], at)
        else:
            updates = self.exchange.submit(order_of(action, symbol), at)
        for update in updates:
            self.events.append(update)
            if isinstance(update, Filled) or update.status.terminal:
                self._answer(update)
            elif update.qty is not None:
                self.told.append(f"{update.order_id} working {plain(update.qty)}")

    def _answer(self, event: Filled | OrderUpdate) -> None:
        if isinstance(event, OrderUpdate) and event.status is OrderStatus.REJECTED:
            self.told.append(f"{event.order_id} rejected {event.code}")
        else:
            self.told.append(tell(event, T0 + (self.minute - 1) * MINUTE_MS))


def named(row: str) -> tuple[str, str]:
    """Split a leading ``U `` off a row; ``T`` is meant without it."""
    row = row.strip()
    return ("U/USDT", row[2:]) if row.startswith("U ") else ("T/USDT", row)


def order_of(line: str, symbol: str = "T/USDT") -> Order:
    """Read ``id side qty type [level] [tif] [ro]``."""
    order_id, side, qty, kind, *rest = line.split()
    order = Order(order_id, symbol, Side(side), TYPES[kind], D(qty))
    for word in rest:
        if word == "ro":
            order = replace(order, reduce_only=True)
        elif word in ("gtc", "ioc", "gtx"):
            order = replace(order, tif=TimeInForce(word))
        elif kind == "limit":
            order = replace(order, price=D(word))
        else:
            order = replace(order, trigger=D(word))
    return order


def trigger_of(event: Event) -> str:
    """The name a reaction waits for."""
    if isinstance(event, Filled):
        return event.fill.order_id
    if isinstance(event, PriceSeen):
        return "seen"
    if isinstance(event, OrderUpdate):
        return f"gone {event.order_id}"
    if isinstance(event, Bar):
        return "bar"
    return ""


def tell(event: Event, open_time: int) -> str:
    """Say an event in a few words; bars and quotes are not said."""
    if isinstance(event, Filled):
        fill = event.fill
        where = " open" if fill.time == open_time else ""
        kind = " maker" if fill.maker else ""
        return f"{fill.order_id} {fill.side} {plain(fill.qty)} @ {plain(fill.price)}{kind}{where}"
    if isinstance(event, PriceSeen):
        return f"seen {plain(event.price)}"
    if isinstance(event, FundingPaid):
        return f"funding {plain(event.amount)}"
    if isinstance(event, OrderUpdate):
        left = "" if event.qty is None else f" {plain(event.qty)}"
        return f"{event.order_id} {event.status}{left}"
    return ""


def played(text: str, **rules: Any) -> list[str]:
    """Play a script on a fresh exchange under changed rules and return all it told."""
    return Script(rules=replace(RULES, **rules)).run(text)


FLAT = "100 100 100 100 1000"
"""A bar that stands still at 100 with a volume of 1000."""
LONG = f"{FLAT}\n a buy 1 market\n {FLAT}"
"""Leaves a long of 1 at 100.02."""
SHORT = f"{FLAT}\n a sell 1 market\n {FLAT}"
"""Leaves a short of 1 at 99.98."""


def then(before: str, text: str, **rules: Any) -> list[str]:
    """Play two scripts on one exchange and return what the second told."""
    script = Script(rules=replace(RULES, **rules))
    script.run(before)
    return script.run(text)


def lines(text: str) -> list[str]:
    """Non-empty stripped lines."""
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


def table(*rows: tuple[str, str, str]) -> Sequence[Any]:
    """Rows of id, script and expectation for ``parametrize``."""
    return [pytest.param(script, lines(expected), id=name) for name, script, expected in rows]
