"""The gate testnet: a demo run that passes, each bound at -1, 0 and +1, and what is left out."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any, get_args

import pytest

from tradebot.core.model.approved import SEAL, Approved
from tradebot.core.model.effects import (
    AccountCompared,
    FillBooked,
    OrderChanged,
    Place,
    TradeClosed,
)
from tradebot.core.model.values import (
    DAY_MS,
    HOUR_MS,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
)
from tradebot.journal.facts import ClosedAll, Provenance
from tradebot.journal.projection import Fact
from tradebot.journal.rows import RunBegun, RunEnded
from tradebot.journal.testimony import KINDS, OF_LIVE, Said
from tradebot.journal.testimony import Testimony as Told
from tradebot.reports import readiness
from tradebot.reports.readiness.stretches import Demand, stretches_of
from tradebot.reports.readiness.testnet import demo_runs, judge_testnet
from tradebot.reports.readiness.verdict import GateVerdict

NOW = 1_795_000_000_000
BEGUN = NOW - 2 * HOUR_MS
ROW = Provenance(
    nonce="n", why="start", environment="demo", rest=(), stream=(), orders=(("demo-fapi.binance.com", "52.84.1.1"),),
    source="demo", speed="1", profile="live", wall=BEGUN, market=BEGUN, skew_ms=0, up_ms=0, gap_ms=0,
    gaps=0, longest_gap_ms=0, version="0.1.0", evidence="e",
)  # fmt: skip


@dataclass
class Story:
    """A demo run in rows: by itself it shows exactly what is asked for; each part can be told otherwise."""

    length: int = HOUR_MS
    trades: int = 3
    seen_ms: int = 5000
    answered_ms: int = 999
    wallet: D = D("1000.00")
    ledger: D = D("1000.00")
    differences: tuple[str, ...] = ()
    compared: bool = True
    code: int = 0
    sealed: bool = True
    closed_at: int = BEGUN + HOUR_MS
    row: dict[str, Any] = field(default_factory=dict)
    venue: str = "demo"
    rows: list[Said] = field(default_factory=list)

    def told(self) -> Told:
        """Return its rows in order."""
        config = '{"sim": {}}'
        self.say(
            RunBegun(BEGUN, "live", self.venue, "m", None, config, "c", "s", "h", "n", "i", "0"), 0
        )
        self.say(replace(ROW, **self.row), 0)
        for number in range(self.trades):
            self.trade(number, 60_000 + number * 300_000)
        if self.compared:
            whole = AccountCompared(
                BEGUN + self.length, "", self.wallet, self.ledger, self.differences
            )
            self.say(whole, self.length)
        self.say(replace(ROW, why="end", wall=BEGUN + self.length, **self.row), self.length)
        self.say(ClosedAll("demo", self.code, (), self.closed_at, self.sealed), self.length)
        self.say(RunEnded("ended", None, None), self.length)
        return Told(self.rows)

    def trade(self, number: int, after: int) -> None:
        """Open a position, have its stop seen, and close it by the stop."""
        opens, stop = f"tb-{number}e", f"tb-{number}s"
        self.order(opens, Purpose.ENTRY, after)
        at = after + self.answered_ms
        self.say(
            OrderChanged(BEGUN + at, "XRP/USDT", opens, OrderStatus.FILLED, D(10), D(2), D(10)), at
        )
        self.fill(number * 2, opens, Side.BUY, "10", at)
        self.order(stop, Purpose.STOP, at + self.seen_ms - min(self.seen_ms, self.answered_ms))
        seen = at + self.seen_ms
        self.say(
            OrderChanged(BEGUN + seen, "XRP/USDT", stop, OrderStatus.WORKING, D(0), None, D(10)),
            seen,
        )
        out = at + 60_000
        self.fill(number * 2 + 1, stop, Side.SELL, "0", out)
        self.say(
            TradeClosed(
                *(
                    number,
                    BEGUN + out,
                    "XRP/USDT",
                    "long",
                    D(10),
                    BEGUN + at,
                    D(2),
                    BEGUN + out,
                    D("1.9"),
                ),
                *(D(0), D(0), D(-1), "stop"),
            ),
            out,
        )

    def order(self, order_id: str, purpose: Purpose, at: int) -> None:
        order = Order(
            *(order_id, "XRP/USDT", Side.BUY if purpose is Purpose.ENTRY else Side.SELL),
            *(OrderType.LIMIT, D(10), D(2)),
            purpose=purpose,
        )
        self.say(Place(Approved(order, 0, SEAL)), at)

    def fill(self, number: int, order_id: str, side: Side, position: str, at: int) -> None:
        made = Fill("XRP/USDT", number, order_id, side, D(10), D(2), D(0), False, BEGUN + at)
        self.say(FillBooked(BEGUN + at, made, D(position), D(2), D(0)), at)

    def say(self, fact: Fact, at: int) -> None:
        self.rows.append(Said(len(self.rows) + 1, "live-0001", BEGUN + at, BEGUN + at, fact))


def test_every_row_that_a_judgement_rests_on_is_read_of_the_chain() -> None:
    folder = Path(readiness.__file__).parent
    kinds = {one.__name__ for one in get_args(Fact)}
    named = {
        name.name
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert {"AccountCompared", "Place", "GhostClosed"} <= named & kinds
    assert named & kinds <= KINDS | OF_LIVE


def judged(story: Story, now: int = NOW, **demand: Any) -> GateVerdict:
    """Return what the gate says of a story."""
    told = story.told()
    stretches = stretches_of(told, alive=False)
    return judge_testnet(demo_runs(told.rows, stretches), Demand("e", now, **demand))


def test_a_run_that_shows_just_enough_passes() -> None:
    found = judged(Story())
    assert found.ok, found
    assert (found.runs, found.left_out, found.wait_s) == (("live-0001",), (), 0)
    assert (
        found.have
        == "60 min, 3 closed trades, the latest stop seen after 5.0 s, p99 999 ms, 1 close-alls with 0"
    )


BOUNDS: dict[str, tuple[Callable[[int], Story], tuple[bool, bool, bool], str]] = {
    "an hour": (lambda by: Story(length=HOUR_MS + by), (False, True, True), "it lasted 59 min"),
    "three trades": (lambda by: Story(trades=3 + by), (False, True, True), "2 closed trades"),
    "five seconds": (
        lambda by: Story(seen_ms=5000 + by),
        (True, True, False),
        "3 trades whose stop was seen late, the latest after 5.001 s",
    ),
    "a second": (
        lambda by: Story(answered_ms=1000 + by),
        (True, False, False),
        "decision to acknowledgement p99 1000 ms",
    ),
    "a cent": (
        lambda by: Story(wallet=D("1000.01") + D(by) / 1000),
        (True, False, False),
        "wallet and ledger differ by 0.01 USDT",
    ),
    "the exit code": (
        lambda by: Story(code=abs(by)),
        (False, True, False),
        "no close-all that ended with 0",
    ),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_each_bound(name: str) -> None:
    make, wanted, reason = BOUNDS[name]
    found = [judged(make(by)) for by in (-1, 0, 1)]
    assert tuple(one.ok for one in found) == wanted
    assert reason in [text for one in found for text in one.reasons]


@pytest.mark.parametrize(("more", "ok"), [(-1, True), (0, True), (1, False)])
def test_it_may_be_thirty_days_old(more: int, ok: bool) -> None:
    found = judged(Story(), BEGUN + HOUR_MS + 30 * DAY_MS + more)
    assert found.ok is ok
    assert ok or found.left_out[0].reasons == ("it ended 30.0 days ago (at most 30)",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"orders": (("", "127.0.0.1"),)}, "its orders did not go to Binance's Demo Trading"),
        (
            {"orders": (("fapi.binance.com", "52.84.1.1"),)},
            "its orders did not go to Binance's Demo",
        ),
        ({"orders": ()}, "its orders did not go to Binance's Demo Trading"),
        ({"evidence": "x"}, "its evidence hash is another one (x)"),
        ({"profile": "paper"}, 'its profile was "paper", not "live"'),
        ({"weak_key": True}, "it was first signed with a key that lay beside the journal"),
    ],
)
def test_a_run_is_left_out_for_its_reason(row: dict[str, Any], reason: str) -> None:
    found = judged(Story(row=row))
    assert not found.ok
    assert found.reasons == ("no run counts yet",)
    assert reason in found.left_out[0].reasons[0]


def test_what_else_is_missing_is_said() -> None:
    assert judged(Story(compared=False)).reasons == (
        "its account was never compared with its ledger",
    )
    assert judged(Story(differences=("a position more",))).reasons == (
        "its account differs: a position more",
    )
    assert judged(Story(closed_at=BEGUN - 1)).reasons == ("no close-all that ended with 0",)
    late = Story(closed_at=BEGUN + 2 * HOUR_MS)
    assert judged(late).ok
    assert not judged(Story(closed_at=BEGUN + 2 * HOUR_MS + 1)).ok
    assert not judged(Story(venue="live")).ok
    assert judged(Story(sealed=False)).reasons == (
        "no close-all that ended with 0 and was sealed with the chain's key",
    )
    assert judged(Story(), broken="its row 7 is not as it was written").left_out[0].reasons == (
        "the journal does not verify: its row 7 is not as it was written",
    )
    unseen = Story()
    rows = unseen.told().rows
    without = [one for one in rows if getattr(one.fact, "status", None) is not OrderStatus.WORKING]
    stretches = stretches_of(Told(without), alive=False)
    found = judge_testnet(demo_runs(without, stretches), Demand("e", NOW))
    assert found.reasons == ("3 trades whose stop was never seen",)
