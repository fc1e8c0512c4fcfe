"""Hypothetical trades against the simulated exchange's rules, by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from tradebot.core.ghost.ghosts import Ghosts
from tradebot.core.model.effects import GhostClosed, GhostOpened, SignalJudged
from tradebot.core.model.events import FundingRate, MarketEvent
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS, Bar, Fees, MarkBar, Quote
from tradebot.core.simulated import SimRules

T0 = 28_000_000 * MINUTE_MS
D = Decimal
SOL, XRP = "SOL/USDT", "XRP/USDT"
NOTIONAL = D(1000)
RULES = SimRules(
    start_equity=D(10_000),
    fees=Fees(D("0.0002"), D("0.0005")),
    spread_bps=D(2),
    impact=D(0),
    latency_ms=0,
    volume_share=D("0.1"),
)
"""Half a spread at 100 is 0.01: one tick of SOL."""


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    with exact():
        yield


@dataclass
class Town:
    """Ghosts, the minute it is in, and what they told."""

    notional: Decimal = NOTIONAL
    rules: SimRules = RULES
    minute: int = 0
    told: list[GhostOpened | GhostClosed] = field(default_factory=list)
    signals: int = 0

    def __post_init__(self) -> None:
        self.ghosts = Ghosts(self.notional, self.rules, INSTRUMENTS)

    @property
    def now(self) -> int:
        return T0 + self.minute * MINUTE_MS - 1

    def bars(self, *lines: str) -> None:
        """Play minutes of SOL: ``o h l c v``, or with ``| o h l c`` its mark bar."""
        for line in lines:
            text, _, mark = line.partition("|")
            open_time = T0 + self.minute * MINUTE_MS
            step: list[MarketEvent] = []
            if mark:
                step.append(MarkBar.of(SOL, open_time, MINUTE_MS, (*mark.split(), "0")))
            step.append(Bar.of(SOL, open_time, MINUTE_MS, text.split()))
            self.minute += 1
            self.step(step)

    def step(self, step: Sequence[MarketEvent]) -> None:
        self.told += self.ghosts.advance(step, self.now)

    def signal(
        self, side: str, stop: str = "", target: str = "", price: str = "100", **more: Any
    ) -> None:
        self.signals += 1
        number = more.pop("id", self.signals)
        symbol = more.pop("symbol", SOL)
        judged = SignalJudged(
            id=number,
            at=self.now,
            symbol=symbol,
            side=side,
            confidence=0.9,
            price=D(price),
            stop=D(stop) if stop else None,
            target=D(target) if target else None,
            reason="",
            verdict="refused",
            **more,
        )
        self.told += self.ghosts.judge(judged)

    @property
    def closed(self) -> list[GhostClosed]:
        return [effect for effect in self.told if isinstance(effect, GhostClosed)]

    @property
    def last(self) -> GhostClosed:
        return self.closed[-1]


FLAT = "100 100 100 100 10000"


def test_entered_at_the_next_open_and_left_by_the_exit_signal() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("long")
    assert town.told == [GhostOpened(1, town.now, SOL, "long", D(1000), D(10))]
    town.bars("100 102 99 101 10000")
    town.signal("exit")
    town.bars("103 110 90 103 10000")
    done = town.last
    # bought at 100.01, sold at 103 - 1.03 bps rounded down: 102.98; 5 bps of fee each way
    assert done.entry_price == D("100.01")
    assert done.exit_price == D("102.98")
    assert done.qty == 10
    assert done.fees == D("0.50005") + D("0.5149")
    assert done.pnl == D("29.7") - done.fees
    assert done.exit_reason == "signal"
    assert (done.entry_time, done.exit_time) == (T0 + MINUTE_MS, T0 + 2 * MINUTE_MS)
    # best and worst are of the bar that it lived through and of the fills, not of the bar after
    assert done.mfe == D("29.7")
    assert done.mae == D("-10.1")
    counts = (town.ghosts.signals, town.ghosts.closed, town.ghosts.profitable)
    assert counts == (1, 1, 1)
    assert town.ghosts.pnl == done.pnl


def test_stop_and_target() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("long", stop="98.001", target="104.009")
    town.bars("100 101 99 100 10000", "100 101 97 97.5 10000")
    assert town.last.exit_reason == "stop"
    # the stop went up to the tick, 98.01; base less half a spread and a quarter of the way to 97
    assert town.last.exit_price == D("97.74")
    assert town.last.mae == (D("97.74") - D("100.01")) * 10

    town.signal("long", stop="90", target="104.009", price="97.5")
    town.bars("97.5 98 97 98 10000", "98 105 97.9 105 10000")
    assert town.last.exit_reason == "target"
    assert town.last.exit_price == D("103.98")  # 104 less half a spread, at least a tick
    # in the bar it is left in the way is adverse first: 97.9 was seen, 105 was not
    assert town.last.mfe == (D("103.98") - D("97.51")) * town.last.qty
    assert town.last.mae == (D(97) - D("97.51")) * town.last.qty


def test_a_short_and_its_opposite_signal() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("short", stop="105", target="90")
    town.bars("100 101 99 100 10000", "100 100.5 99.5 100 10000")
    town.signal("long")  # opposite: out, and a trade of its own
    town.bars("99 99 99 99 10000")
    assert town.last.signal == 1
    assert town.last.exit_reason == "signal"
    assert town.last.entry_price == D("99.99")
    assert town.last.exit_price == D("99.01")
    assert town.last.mae == D("-10.1")
    assert town.ghosts.view()[0]["signal"] == 2


def test_every_signal_is_a_trade_of_its_own() -> None:
    """A held signal neither replaces nor moves an older one."""
    town = Town()
    town.bars(FLAT)
    town.signal("long", stop="95", target="110")
    town.bars(FLAT)
    town.signal("long", stop="99", target="110")
    town.bars(FLAT, "100 100 98.9 99 10000")
    assert [done.signal for done in town.closed] == [2]
    town.bars("99 111 99 111 10000")
    assert [(done.signal, done.exit_reason) for done in town.closed] == [(2, "stop"), (1, "target")]
    assert town.ghosts.signals == 2


def test_the_end_of_the_run_is_labelled() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("long", stop="95")
    town.bars("100 102 99 101 10000")
    town.signal("long")  # not filled yet
    town.told += town.ghosts.finish(town.now)
    first, second = town.closed
    assert (first.exit_reason, first.exit_price) == ("end", D("100.98"))
    assert second.exit_reason == "unfilled: nothing was filled before the end"
    assert second.entry_time is None
    assert (town.ghosts.closed, town.ghosts.unfilled) == (1, 1)
    assert town.ghosts.view() == []


def test_what_cannot_be_bought_is_told_as_unfilled() -> None:
    town = Town(notional=D(4))
    town.bars(FLAT)
    town.signal("long")  # 0.04 SOL is $4: below the minimum notional
    assert "below the minimum 5" in town.last.exit_reason
    town.signal("long", symbol=XRP, price="2")  # no price of it was ever seen
    assert "has shown no price yet" in town.last.exit_reason
    town.signal("long", price="0")
    assert town.last.exit_reason == "unfilled: quantity 0 is not above 0"
    assert (town.ghosts.signals, town.ghosts.unfilled) == (3, 3)


def test_an_entry_that_the_exit_overtakes() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("long")
    town.bars("100 100 100 100 0")  # nothing trades: the entry waits
    town.signal("exit")
    town.signal("exit")  # said twice is done once
    town.bars(FLAT)
    assert town.last.exit_reason == "unfilled: nothing was filled before the signal"


def test_an_entry_in_parts_is_protected_part_by_part() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("long", stop="95", target="104")
    town.bars("100 101 99 100 60", "100 101 99 100 60")  # a tenth of 60 each
    trade = town.ghosts.view()[0]
    assert trade["qty"] == "10"
    town.bars("100 101 94 94 10000")
    assert town.last.exit_reason == "stop"
    assert town.last.qty == 10


def test_a_part_stopped_out_ends_the_rest() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("long", stop="95")
    town.bars("100 101 94 94 60")
    assert (town.last.exit_reason, town.last.qty) == ("stop", D(6))
    assert town.ghosts.view() == []


def test_leaving_while_the_entry_is_still_filled() -> None:
    """With a latency of a bar the cancel comes after another part was filled: that goes too."""
    town = Town(rules=replace(RULES, latency_ms=MINUTE_MS))
    town.bars(FLAT)
    town.signal("long", stop="95", target="120")
    town.bars(FLAT, "100 100 100 100 30")  # 3 of 10
    town.signal("exit")
    town.bars("100 100 100 100 30", "100 100 100 100 10000")
    town.bars(FLAT, FLAT)
    assert town.last.exit_reason == "signal"
    assert town.last.qty == 6
    assert town.ghosts.view() == []


def test_a_stop_the_price_has_passed_means_out_at_once() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("long", stop="100.5")  # on the wrong side: the exchange refuses it
    town.bars(FLAT, FLAT)
    assert town.last.exit_reason == "stop_lost"


def test_liquidation() -> None:
    town = Town(rules=replace(RULES, leverage=10))
    town.bars(FLAT)
    town.signal("short")
    town.bars(FLAT, "100 115 100 115 10000")
    assert town.last.exit_reason == "liquidation"
    assert town.last.pnl < -90


def test_funding_is_part_of_the_result() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("long", stop="90")
    town.bars(FLAT, FLAT)
    town.step([FundingRate(town.now + 1, SOL, D("0.0001"), D(100))])
    town.step([FundingRate(town.now + 1, XRP, D("0.0001"), D(1))])
    town.signal("exit")
    town.bars(FLAT)
    assert town.last.funding == D("-0.1")
    assert town.last.pnl == D("-0.2") - town.last.fees + town.last.funding


def test_a_signal_judged_again_is_no_second_trade() -> None:
    town = Town()
    town.bars(FLAT)
    town.signal("long")
    town.signal("long", id=1)
    assert town.ghosts.signals == 1
    assert len(town.told) == 1


def test_the_mark_triggers_a_stop_though_no_trade_came_there() -> None:
    town = Town()
    town.bars("100 100 100 100 10000 | 100 100 100 100")
    town.signal("long", stop="95")
    town.bars("100 100 100 100 10000 | 100 100 100 100")
    town.bars("100 100 99 99 10000 | 100 100 94 94")
    assert town.last.exit_reason == "stop"


def quote(second: int, bid: str, ask: str, mark: str, size: str = "50") -> Quote:
    at = T0 + second * 1000
    return Quote(SOL, at, at, (bid, ask, size, size, mark), float(mark))


def test_on_quotes_the_touch_is_paid() -> None:
    town = Town(rules=replace(RULES, latency_ms=250))
    town.step([quote(0, "99.98", "100.02", "100")])
    town.ghosts.judge(
        SignalJudged(1, T0 + 100, SOL, "long", 0.6, D(100), D(95), D(110), "", "held")
    )
    town.step([quote(1, "99.98", "100.02", "100")])
    town.step([quote(2, "101.98", "102.02", "102")])
    state = json.loads(json.dumps(town.ghosts.export_state()))
    town.ghosts = Ghosts(town.notional, town.rules, INSTRUMENTS)
    town.ghosts.restore(state)
    town.step([quote(3, "98.98", "99.02", "99")])
    town.step([quote(4, "110.5", "110.6", "110.4")])
    assert town.last.entry_price == D("100.02")
    assert town.last.exit_reason == "target"
    assert town.last.exit_price == D(110)  # the trigger at best
    assert town.last.mfe == (D(110) - D("100.02")) * town.last.qty
    assert town.last.mae == (D(99) - D("100.02")) * town.last.qty


def test_on_quotes_the_volume_of_the_last_minute_prices_what_the_touch_does_not_show() -> None:
    town = Town(rules=replace(RULES, impact=D("0.1")))
    minute = Bar.of(SOL, T0 - MINUTE_MS, MINUTE_MS, ["100", "100", "100", "100", "40"])
    town.step([quote(0, "99.98", "100.02", "100", size="0")])
    town.step([minute])
    town.ghosts.judge(SignalJudged(1, T0, SOL, "long", 0.6, D(100), D(95), None, "", "held"))
    state = json.loads(json.dumps(town.ghosts.export_state()))
    town.ghosts = Ghosts(town.notional, town.rules, INSTRUMENTS)
    town.ghosts.restore(state)
    town.step([quote(1, "99.98", "100.02", "100", size="0")])
    # 100.02 + 0.010002 + 10.002 x 10/40 = 102.530502
    assert town.ghosts.view()[0]["entry_price"] == "102.54"
    town.step([Bar.of(SOL, T0, MINUTE_MS, ["100", "100", "100", "100", "20"])])
    town.signal("exit", id=2)
    town.step([quote(3, "99.98", "100.02", "100", size="0")])
    # 99.98 - 0.009998 - 9.998 x 10/20 = 94.971002
    assert town.last.exit_price == D("94.97")


def market(seed: int, minutes: int) -> Iterator[list[MarketEvent]]:
    """Yield minutes of two symbols with marks, funding and dead bars among them."""
    draw = random.Random(seed)
    prices = {SOL: 100.0, XRP: 2.0}
    for minute in range(minutes):
        open_time = T0 + minute * MINUTE_MS
        if minute % 60 == 0:
            yield [FundingRate(open_time, SOL, D("0.0001"), None if minute % 120 else D(100))]
        step: list[MarketEvent] = []
        for symbol, digits in ((SOL, 2), (XRP, 4)):
            price = prices[symbol]
            close = price * (1 + draw.gauss(0, 0.003))
            high, low = max(price, close) * 1.001, min(price, close) * 0.999
            text = [f"{value:.{digits}f}" for value in (price, high, low, close)]
            volume = "0" if draw.random() < 0.1 else f"{draw.uniform(10, 30000):.1f}"
            if symbol == SOL:
                step.append(MarkBar.of(symbol, open_time, MINUTE_MS, (*text, "0")))
            step.append(Bar.of(symbol, open_time, MINUTE_MS, (*text, volume)))
            prices[symbol] = close
        yield step


def play(seed: int, *, cut: bool = False, sleepless: bool = False) -> tuple[list[Any], Ghosts]:
    """Play random signals on a random market; ``cut`` goes through JSON after every step."""
    draw = random.Random(seed + 1)
    ghosts, number = Ghosts(NOTIONAL, RULES, INSTRUMENTS), 0
    told: list[Any] = []
    for minute, step in enumerate(market(seed, 300)):
        at = T0 + minute * MINUTE_MS + MINUTE_MS - 1
        told += ghosts.advance(step, at)
        for event in step:
            if type(event) is Bar and draw.random() < 0.1:
                number += 1
                side = draw.choice(["long", "short", "exit"])
                sign = 1 if side == "long" else -1
                close = event.exact_close
                stop = close * (1 - sign * D("0.01")) if draw.random() < 0.8 else None
                target = close * (1 + sign * D("0.015")) if draw.random() < 0.8 else None
                told += ghosts.judge(
                    SignalJudged(number, at, event.symbol, side, 0.5, close, stop, target, "", "x")
                )
        if sleepless:
            for trades in ghosts._open.values():
                for trade in trades:
                    trade._catch_up()
                    trade.asleep = False
        if cut:
            state = json.loads(json.dumps(ghosts.export_state()))
            ghosts = Ghosts(NOTIONAL, RULES, INSTRUMENTS)
            ghosts.restore(state)
    told += ghosts.finish(at)
    return told, ghosts


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_when_the_state_goes_through_json(seed: int) -> None:
    told, ghosts = play(seed)
    again, restored = play(seed, cut=True)
    assert told == again
    assert ghosts.export_state() == restored.export_state()
    reasons = {effect.exit_reason for effect in told if isinstance(effect, GhostClosed)}
    assert {"stop", "target", "signal"} <= reasons
    opened = [effect.signal for effect in told if isinstance(effect, GhostOpened)]
    assert sorted(e.signal for e in told if isinstance(e, GhostClosed)) == opened


@pytest.mark.parametrize("seed", range(4))
def test_sleeping_changes_nothing(seed: int) -> None:
    """A trade whose exchange is shown every bar comes to the same as one that sleeps in between."""
    assert play(seed)[0] == play(seed, sleepless=True)[0]


def test_the_money_adds_up() -> None:
    told, ghosts = play(7)
    closed = [e for e in told if isinstance(e, GhostClosed) and e.entry_price is not None]
    opened = {e.signal: e for e in told if isinstance(e, GhostOpened)}
    for done in closed:
        assert done.entry_price is not None
        assert done.exit_price is not None
        sign = 1 if opened[done.signal].side == "long" else -1
        gross = (done.exit_price - done.entry_price) * done.qty * sign
        # averages are rounded at 8 decimals, the cash is not
        assert abs(gross - done.fees + done.funding - done.pnl) <= done.qty * D("0.00000002")
        assert done.mae <= min(gross, D(0)) <= max(gross, D(0)) <= done.mfe
    assert sum(done.pnl for done in closed) == ghosts.pnl


def test_figures_of_a_summary() -> None:
    ghosts = Town().ghosts
    assert ghosts.figures()["accuracy_pct"] is None
    ghosts.signals, ghosts.closed, ghosts.profitable, ghosts.pnl = 4, 3, 1, D("-1.50")
    assert ghosts.figures() == {
        "signals": 4,
        "profitable": 1,
        "accuracy_pct": "33.33333333",
        "ghost_closed": 3,
        "ghost_unfilled": 0,
        "ghost_notional": "1000",
        "ghost_pnl": "-1.5",
    }


def test_a_bar_in_which_nobody_heard_quotes_is_played_with_its_mark_bar() -> None:
    town = Town()
    town.step([quote(0, "99.98", "100.02", "100")])
    town.ghosts.judge(SignalJudged(1, T0 + 100, SOL, "long", 0.6, D(100), D(95), None, "", "held"))
    town.step([quote(1, "99.98", "100.02", "100")])
    town.step([Bar.of(SOL, T0, MINUTE_MS, ["100", "100", "90", "100", "20"])])
    assert not [event for event in town.told if isinstance(event, GhostClosed)]  # it was heard
    missed = ["100", "100", "94", "100", "20"]
    mark = MarkBar.of(SOL, T0 + MINUTE_MS, MINUTE_MS, [*missed[:4], "0"])
    town.step([mark, Bar.of(SOL, T0 + MINUTE_MS, MINUTE_MS, missed)])
    assert town.last.exit_reason == "stop"
    assert town.last.exit_price is not None
    assert town.last.exit_price < D(95)
