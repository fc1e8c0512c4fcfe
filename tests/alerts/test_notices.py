"""Which kind of alert a notice of the engine is."""

from __future__ import annotations

import pytest

from tradebot.alerts.notices import kind_of
from tradebot.core.model.effects import Notify


@pytest.mark.parametrize(
    ("level", "text", "kind"),
    [
        ("warning", "the exchange has banned this address for 120 s", "banned"),
        ("warning", "entries are barred: incidents: incident 1, ban: the exchange has banned this address", "notice"),
        ("warning", "entries are barred: review: day loss: $9.10 (91%)", "notice"),
        ("warning", "entries are barred: keys: API-key is not right", "key_refused"),
        ("warning", "day loss: $9.10 (91%)", "loss_near"),
        ("critical", "XRP/USDT: two reads did not show the stop", "no_stop"),
    ],
)  # fmt: skip
def test_what_bars_entries_is_told_as_that_and_not_as_what_it_names(
    level: str, text: str, kind: str
) -> None:
    assert kind_of(Notify(0, level, text)) == kind
