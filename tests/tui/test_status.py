"""The first row and the Bot view say how alerts do, at any width."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kits.tui_kit import NOW

from tradebot.alerts.stored import ChannelRow
from tradebot.app.alerts_state import AlertsState
from tradebot.tui.bot import engine_lines
from tradebot.tui.feed import Feed, View
from tradebot.tui.painted import Line
from tradebot.tui.status import status_line

OK = ChannelRow("telegram", delivered=NOW, waiting=2)
BROKEN = ChannelRow("email", 3, "answered 401", "answered 401", NOW)


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


@pytest.fixture
def view(data_dir: Path) -> View:
    with closing(Feed(data_dir, lambda: NOW)) as feed:
        return feed.read()


@pytest.mark.parametrize("width", [78, 160])
@pytest.mark.parametrize(
    ("state", "said"),
    [
        (AlertsState("DOWN", ("telegram",)), "ALERTS DOWN"),
        (AlertsState("running", ("email",), 1, (BROKEN,)), "ALERTS STOPPED"),
        (
            AlertsState("running", ("telegram",), 1, (replace(OK, expired_critical=1),)),
            "ALERTS EXPIRED (1)",
        ),
        (
            AlertsState("DOWN", ("telegram",), None, (replace(OK, expired_critical=2),)),
            "ALERTS DOWN, EXPIRED",
        ),
    ],
)
def test_what_is_wrong_with_alerts_is_in_the_first_row(
    view: View, width: int, state: AlertsState, said: str
) -> None:
    line = status_line(replace(view, alerts=state), NOW, width)
    assert said in text_of(line)[:width]
    assert (said, "alarm") in line
    assert "ALERTS" not in text_of(status_line(view, NOW, width))


def test_the_bot_view_lists_the_channels(view: View) -> None:
    state = AlertsState("running", ("telegram", "email"), 1, (OK, BROKEN))
    lines = [text_of(line) for line in engine_lines(replace(view, alerts=state), 78)]
    assert any(line.startswith("alerts") and "ALERTS STOPPED" in line for line in lines)
    assert any("telegram" in line and "last delivery" in line for line in lines)
    assert any("2 waiting" in line for line in lines)
    assert any("STOPPED: answered 401" in line for line in lines)


def test_the_bot_view_says_why_no_commands_come_from_the_phone(view: View) -> None:
    state = AlertsState("running", ("telegram",), 1, (OK,), phone="commands do not come")
    lines = [text_of(line) for line in engine_lines(replace(view, alerts=state), 78)]
    assert any(line.startswith("phone") and "commands do not come" in line for line in lines)
