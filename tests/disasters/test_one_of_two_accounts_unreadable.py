"""Two runs stood on two accounts when their engines died, and one of the exchanges cannot be reached any more.

Holds: the account that can be reached is closed all the same. End: exit 6, and the other one is named.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from kits.demo_kit import demo_words
from kits.disaster_kit import ETH, QUIET, XRP, Scene, scene

pytestmark = pytest.mark.full


def test_the_account_that_can_be_reached_is_closed(tmp_path: Path) -> None:
    away, here = tmp_path / "away", tmp_path / "here"
    away.mkdir()
    here.mkdir()
    with scene(here, XRP) as it:
        _begin_and_kill(it)
        with scene(away, ETH) as gone:  # its run is the newest: it comes first
            gone.bot.data_dir = it.bot.data_dir
            _begin_and_kill(gone, "--new")
        assert it.venue.held() == ["XRPUSDT"]
        error = it.bot("close-all", "--wait", "1s", "--json", code=6).error
        assert "cannot" in error["message"]
        assert it.flat()


def _begin_and_kill(it: Scene, *more: str) -> None:
    process = it.bot.start(*demo_words(it.venue, it.bot.strategy(QUIET), *more))
    it.bot.until(lambda: it._serves(process))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
