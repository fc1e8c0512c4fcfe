"""Guarantee 12: no stop outlives its position, and none waits for the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits import binance_scene as scene
from kits import disaster_kit
from kits import live_kit as kit
from kits.engine_kit import OUT, XRP, Bare, Played, a_config, long, short

from tradebot.core.model.values import OrderStatus, Purpose


def test_after_a_position_nothing_of_it_rests() -> None:
    for script, rows in (
        ([long(1.9, 2.2), OUT], ["2 2 2 2"] * 4),
        ([long(1.9, 2.2)], ["2 2 2 2", "2 2 2 2", "2 2 1.8 1.8", "1.8 1.8 1.8 1.8"]),
        ([long(1.9, 2.2)], ["2 2 2 2", "2 2 2 2", "2 2.3 2 2.3", "2.3 2.3 2.3 2.3"]),
        ([long(1.9, 2.2), long(1.95), OUT], ["2 2 2 2"] * 5),
    ):
        story = Played(a_config())
        story.say(*script)
        for row in rows:
            story.bar(row)
        assert story.held == 0
        assert story.resting() == []


def test_turning_round_leaves_no_stop_of_the_old_side() -> None:
    story = Played(a_config())
    story.say(long(1.9, 2.2), short(2.1))
    for _ in range(5):
        story.bar()
    assert story.held < 0
    (stop,) = [order for order, _ in story.exchange.open_orders()]
    assert stop.side.value == "buy"


def test_while_an_orphan_rests_the_gate_refuses_its_symbol() -> None:
    story = Bare(a_config())
    story.opened()
    story.say(OUT)
    story.bar()
    story.fill(story.placed(Purpose.EXIT)[0])
    story.say(long())
    story.bar()
    assert story.engine.entries.refused["orphan"] == 1
    story.update(story.placed(Purpose.STOP)[0], OrderStatus.CANCELLED)
    assert story.engine.shared.exposure.orphans(story.engine.books[XRP]) == 0


# -- the real client on the venue ---------------------------------------------------------------------

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
CYCLE_S = 31
"""A reconcile cycle, and the time a cancel takes."""
ALGO = "/fapi/v1/algoOrder"
DEAF = [{"do": "drop", "event": "*", "stream": "private"}]


@pytest.mark.parametrize("deaf", [False, True], ids=["heard", "by REST alone"])
def test_a_stop_whose_position_is_gone_is_cancelled_within_a_cycle(
    tmp_path: Path, deaf: bool
) -> None:
    """Somebody else has closed the position; while the stop rests nothing is entered."""

    async def meddle(live: scene.Live) -> None:
        book = await live.opened(XRP)
        live.venue.faults.set(DEAF if deaf else [])
        live.venue.acts.do(
            "foreign_order", symbol="XRPUSDT", side="SELL", qty=str(book.holding.qty)
        )
        stops = live.venue.algos.records
        assert await live.until(lambda: not stops.open(None)) <= CYCLE_S
        assert len(live.venue.ledger.of("fill")) == 2

    found = scene.meddled(tmp_path, START, meddle)
    found.agree()


@pytest.mark.full
@pytest.mark.slow
def test_killed_with_a_position_that_somebody_closes_it_takes_the_stop_away(tmp_path: Path) -> None:
    """The installed command, kill -9: what it left behind is an orphan when it comes back."""
    with disaster_kit.scene(tmp_path) as found:
        venue, bot = found.venue, found.bot
        first = found.engine()
        bot.until(lambda: venue.held() and venue.stops())
        first.kill()
        first.communicate()
        (held,) = venue.state()["positions"]
        found.act("foreign_order", symbol="ETHUSDT", side="SELL", qty=held["positionAmt"])
        assert venue.stops()
        back = len(venue.rows("request"))
        again = found.engine()
        bot.until(lambda: not venue.stops())
        rows = venue.rows("request")[back:]
        gone = [r["at"] for r in rows if (r["method"], r["path"]) == ("DELETE", ALGO)]
        assert gone[-1] - rows[0]["at"] <= CYCLE_S * 1000
        assert not venue.held()
        assert not [r for r in rows if (r["method"], r["path"]) == ("POST", "/fapi/v1/order")]
        assert bot.end(again).code == 0
