"""The scenarios of the drill, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Sequence

from tradebot.app.drill import ends, entries, exchange, hands, prices, stops
from tradebot.app.drill.scenario import Scenario
from tradebot.core.model.errors import UsageError
from tradebot.core.model.spelling import nearest, question

SCENARIOS: tuple[Scenario, ...] = (
    *stops.SCENARIOS,
    *entries.SCENARIOS,
    *prices.SCENARIOS,
    *exchange.SCENARIOS,
    *hands.SCENARIOS,
    *ends.SCENARIOS,
)

NAMES = tuple(one.name for one in SCENARIOS)


def chosen(name: str | None) -> Sequence[Scenario]:
    """Return the scenario of a name, or all; UsageError where there is none of that name."""
    if name is None:
        return SCENARIOS
    found = [one for one in SCENARIOS if one.name == name]
    if not found:
        raise UsageError(
            f'there is no scenario "{name}"; there are: {", ".join(NAMES)}',
            key="--scenario",
            hint=question(close)
            if (close := nearest(name, NAMES))
            else "without it all are played",
        )
    return found


__all__ = ["NAMES", "SCENARIOS", "chosen"]
