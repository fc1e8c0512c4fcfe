"""Guarantee 14: what any configuration lets through, the ceilings would let through too.

``tests/config/test_config_limits.py`` has the property for every key and source; here it is followed to
the gate, where it matters.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import LIVE, XRP, Bare, Played, a_config

from tradebot.config import load_config
from tradebot.core.model.effects import Place
from tradebot.core.model.errors import ConfigError
from tradebot.core.strategy.protocol import Signal

RULES: dict[str, st.SearchStrategy[Any]] = {
    "position_value": st.sampled_from([10, 49, 50, 51, 1000, "off"]),
    "trade_loss": st.sampled_from([1, 5, 6, "off"]),
    "day_loss": st.sampled_from([5, 25, 26, "off"]),
    "max_positions": st.sampled_from([1, 2, 3, "off"]),
    "entry_interval_s": st.sampled_from([0, 59, 60, 300, "off"]),
    "leverage": st.sampled_from([1, 2, "off"]),
    "stop_required": st.booleans(),
    "blackout_hours": st.sampled_from([[0, 1, 22, 23], [0, 1, 12, 22, 23], [], "off"]),
}


@given(
    rules=st.fixed_dictionaries({}, optional=RULES),
    stop=st.sampled_from([None, 1.2, 1.85, 1.99]),
    confidence=st.sampled_from([0.1, 0.6, 1.0]),
)
def test_no_configuration_sends_what_the_ceilings_refuse(
    rules: dict[str, Any], stop: float | None, confidence: float
) -> None:
    flags = {f"risk.live.{key}": value for key, value in rules.items()}
    try:
        limits = load_config(
            None, {}, [], {"risk.profile": "live", "risk.live.symbols": [XRP], **flags}
        ).limits([XRP])
    except ConfigError:
        return  # a looser value: refused by name before anything runs
    assert limits.looser_than(LIVE) == ()
    signal = Signal("long", confidence, stop)
    sent = {}
    for name, held_to in (("configured", limits), ("ceilings", LIVE)):
        story = Played(a_config(limits=held_to))
        story.say(signal)
        story.bar()
        sent[name] = [e.approved.order.qty for e in story.found(Place)]
    if sent["configured"]:
        assert sent["ceilings"]
        assert sent["configured"][0] <= sent["ceilings"][0]


def test_the_kit_s_limits_are_the_ceilings() -> None:
    assert Bare(a_config()).config.limits == LIVE
