"""The screens are killed (SIGKILL): those that only look, and those in whose process the engine lives.

Holds: a viewer's end changes nothing. The engine's end leaves the stop at the exchange and no entry resting. End: a start
afterwards needs no word, goes on with the run and the position, and takes entries again; exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_blocked import IN_TURN, SYMBOLS, end, held_scene
from kits.disaster_live import live_scene
from kits.live_terminal import on_terminal

pytestmark = pytest.mark.full


def test_a_viewer_is_killed(tmp_path: Path) -> None:
    with held_scene(tmp_path) as it, on_terminal(it.bot, "tui") as viewer:
        viewer.shows("live-0001")
        before = it.changes()
        viewer.kill()
        it.bot.until(lambda: it.bot.status()["engine"] == "running")
        assert it.changes() == before
        assert it.venue.stops() == 1
        end(it)


def test_the_engines_own_screen_is_killed(tmp_path: Path) -> None:
    with live_scene(tmp_path, **SYMBOLS) as it:
        (tmp_path / "go").touch()
        words = ("live", "--strategy", it.bot.strategy(IN_TURN))
        with on_terminal(it.bot, *words) as screen:
            screen.answers("Type LIVE to trade:", "LIVE")
            it.opened()
            it.absent.append((it.now, None))
            screen.kill()
        assert it.venue.stops() == 1
        assert it.venue.state()["orders"] == []
        process = it.again()
        it.counts(1)
        assert it.venue.stops() == 1
        it.ended(process)
        it.agree()
