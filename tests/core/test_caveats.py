"""What a run is told of: rejections by the exchange, and targets that cannot pay their fees."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kits.engine_kit import NOON, XRP, Bare, Played, a_config, long, short

from tradebot.core.model.effects import Notify
from tradebot.core.model.events import NOT_LEFT
from tradebot.core.model.values import OrderStatus, Purpose
from tradebot.core.trading.snapshot import Heading, position_rows, run_warnings, summarise

D = Decimal
HEADING = Heading(None, "backtest", "files", "scripted", NOON, NOON)


def warnings(story: Bare | Played) -> list[str]:
    return [note.text for note in story.found(Notify) if note.level == "warning"]


def test_rejections_are_counted_by_code_and_warned_of_once() -> None:
    b = Bare(a_config())
    for _ in range(3):
        b.say(long())
        b.bar()
        b.update(b.placed(Purpose.ENTRY)[-1], OrderStatus.REJECTED, code=-2019)
    b.say(long())
    b.bar()
    b.update(b.placed(Purpose.ENTRY)[-1], OrderStatus.REJECTED, code=-1008)
    sent = len(b.placed(Purpose.ENTRY))
    summary = summarise(HEADING, b.engine)
    assert summary["rejections"] == sent == 4
    assert summary["rejected"] == [
        {"code": -2019, "count": 3, "reason": "said so"},
        {"code": -1008, "count": 1, "reason": "said so"},
    ]
    assert warnings(b) == [
        f"{XRP}: the exchange rejected an order (-2019): said so",
        f"{XRP}: the exchange rejected an order (-1008): said so",
    ]
    assert run_warnings(b.engine) == [
        "the exchange rejected 3 order(s) (-2019): said so",
        "the exchange rejected 1 order(s) (-1008): said so",
    ]


def test_what_did_not_leave_is_not_the_exchange_s_doing() -> None:
    b = Bare(a_config())
    b.say(long())
    b.bar()
    b.update(b.placed(Purpose.ENTRY)[-1], OrderStatus.REJECTED, code=NOT_LEFT)
    assert warnings(b) == [f"{XRP}: an order did not leave: said so"]
    assert run_warnings(b.engine) == ["1 order(s) did not leave: said so"]


def test_what_never_left_is_no_rejection() -> None:
    b = Bare(a_config())
    b.say(long())
    b.bar()
    b.update(b.placed(Purpose.ENTRY)[-1], OrderStatus.REJECTED)
    assert summarise(HEADING, b.engine)["rejections"] == 0


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        # in and out at 2: 4 x 0.0005 is 0.002 of fees
        (long(1.9, 2.0019), "gains 0.0019 and costs 0.0020"),
        (long(1.9, 2.0021), ""),
        (short(2.1, 1.9981), "gains 0.0019 and costs 0.0019"),
        (short(2.1, 1.9979), ""),
    ],
)
def test_a_target_that_cannot_pay_is_warned_of_and_taken(signal: object, said: str) -> None:
    story = Played(a_config())
    story.say(signal)
    story.bar()
    assert story.verdicts() == ["approved"]
    assert len(warnings(story)) == bool(said)
    assert said in "".join(warnings(story))
    assert run_warnings(story.engine) == warnings(story)


def test_it_is_warned_of_once_a_run_also_across_a_restart() -> None:
    story = Played(a_config())
    story.say(long(1.9, 2.001))
    story.bars(2)
    story.bar("2 2.1 2 2")
    story.restart()
    story.say(long(1.9, 2.001))
    story.bars(3)
    assert story.verdicts().count("approved") == 2
    assert len(warnings(story)) == 1
    assert run_warnings(story.engine) == warnings(story)


def test_rejections_survive_a_restart() -> None:
    b = Bare(a_config())
    b.say(long())
    b.bar()
    b.update(b.placed(Purpose.ENTRY)[-1], OrderStatus.REJECTED, code=-2019)
    again = Bare(a_config())
    again.engine.restore(b.engine.export_state())
    assert summarise(HEADING, again.engine)["rejections"] == 1


@pytest.mark.parametrize(
    ("signal", "word"), [(long(1.9, 1.95), "above"), (short(2.1, 2.05), "below")]
)
def test_a_target_on_the_wrong_side_is_refused_like_a_stop(signal: object, word: str) -> None:
    story = Played(a_config())
    story.say(signal)
    story.bars(2)
    assert story.verdicts() == ["refused"]
    assert f"is not {word} the price 2" in story.refusals()
    assert not story.placed()


def test_nothing_is_shown_as_stop_or_target_that_no_order_stands_for() -> None:
    b = Bare(a_config())
    b.say(long(1.9, 2.2))
    b.bar()
    b.fill(b.placed(Purpose.ENTRY)[-1])
    stop, target = b.placed(Purpose.STOP)[-1], b.placed(Purpose.TARGET)[-1]
    b.works(stop)
    (row,) = position_rows(b.engine)
    assert (row["stop"], row["target"]) == ("1.9", "2.2")
    b.update(target, OrderStatus.REJECTED, code=-2021)
    (row,) = position_rows(b.engine)
    assert (row["stop"], row["target"]) == ("1.9", None)


def test_gross_less_fees_and_funding_is_net() -> None:
    story = Played(a_config())
    story.say(long(1.9, 2.2))
    story.bars(2)
    story.bar("2 2.3 2 2.1")
    summary = {
        name: D(summarise(HEADING, story.engine)[name])
        for name in ("gross", "fees", "funding", "net", "pnl")
    }
    assert summary["fees"] > 0
    assert summary["gross"] - summary["fees"] + summary["funding"] == summary["net"]
    assert summary["net"] == summary["pnl"] > 0
