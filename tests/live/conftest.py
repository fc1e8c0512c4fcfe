"""Virtual time passes without looking at the commands four times a second."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at commands and commit a little less often: a virtual day has a lot of quarters of a second."""
    from tradebot.app import queued

    monkeypatch.setattr(queued, "POLL_S", 20.0)
    monkeypatch.setattr(queued, "COMMIT_S", 2.0)
    monkeypatch.setattr(queued, "IDLE_COMMIT_S", 20.0)
