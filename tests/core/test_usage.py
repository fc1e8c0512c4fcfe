"""What of each limit is used, as ``tradebot risk`` tells it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from kits.engine_kit import HOUR, LIVE, NOON, XRP, Bare, a_config, long

from tradebot.core.model.events import PriceSeen
from tradebot.core.model.money import exact
from tradebot.core.risk.limits import Limits
from tradebot.core.trading.usage import Use, exposures, next_entry, uses

D = Decimal


def table(story: Bare) -> dict[str, Use]:
    with exact():
        return {use.rule: use for use in uses(story.engine)}


def test_a_flat_account_uses_nothing() -> None:
    story = Bare(a_config())
    found = table(story)
    assert {use.word for use in found.values()} == {"ok"}
    assert all(use.used == 0 for use in found.values())
    assert found["day_loss"].cap == 25
    with exact():
        assert list(exposures(story.engine)) == []


def test_what_a_position_uses() -> None:
    limits = replace(LIVE, leverage=2, day_loss=D(3), since_signoff_loss=D(2))
    story = Bare(a_config(limits=limits, leverage=2, signoff_equity=D(10_000)))
    story.opened(long(1.97))
    qty = story.held
    story.tell(PriceSeen(story.now, XRP, D("1.9")))
    found = table(story)
    with exact():
        assert found["position_value"].used == qty * D("1.9")
        assert found["position_value"].word == "warning"
        assert found["trade_loss"].used == qty * D("0.1") + qty * (2 + D("1.9")) * D("0.0005")
        assert found["day_loss"].used == qty * D("0.1") + qty * 2 * D("0.0005")
        (shown,) = exposures(story.engine)
    assert found["day_loss"].word == "warning"
    assert found["signoff_loss"].word == "reached"
    assert found["positions"].used == 1
    assert found["positions"].pct == 50
    assert found["leverage"].used == 2
    assert found["leverage"].word == "reached"
    assert (shown.symbol, shown.qty, shown.price) == (XRP, qty, D("1.9"))
    assert shown.liquidation_price is not None
    assert found["liquidation_risk"].used == shown.risk_pct > 0


def test_alerts_begin_at_60_percent() -> None:
    story = Bare(a_config())
    story.opened()
    story.tell(PriceSeen(story.now, XRP, D("1.4")))  # 24.9 x 1.4 is 70 % of 50
    assert table(story)["position_value"].word == "alert"


def test_rules_that_are_off_say_so() -> None:
    off = dict.fromkeys(("position_value", "trade_loss", "day_loss", "max_positions", "leverage"))
    story = Bare(a_config(limits=replace(LIVE, **off), start_equity=D(0)))  # type: ignore[arg-type]
    found = table(story)
    assert "day_loss" not in found
    assert {found[r].word for r in ("position_value", "trade_loss", "positions", "leverage")} == {
        "off"
    }
    assert found["margin_utilisation"].used == 100  # no equity is no room


def test_when_the_next_entry_can_be() -> None:
    story = Bare(a_config())
    assert next_entry(story.engine) == NOON
    story.say(long())
    story.bar()
    assert next_entry(story.engine) == story.now + 60_000
    story.time = NOON + 10 * HOUR
    story.bar()
    assert next_entry(story.engine) == NOON + 14 * HOUR
    free = Bare(a_config(limits=Limits.bench((XRP,))))
    free.say(long())
    free.bar()
    assert next_entry(free.engine) == free.now
