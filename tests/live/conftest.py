"""Lets the tests of this folder import ``live_kit`` (test folders are no packages)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


import pytest


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at commands and commit a little less often: a day of virtual time has a lot of quarters of a second."""
    from tradebot.app import queued

    monkeypatch.setattr(queued, "POLL_S", 20.0)
    monkeypatch.setattr(queued, "COMMIT_S", 2.0)
    monkeypatch.setattr(queued, "IDLE_COMMIT_S", 20.0)
