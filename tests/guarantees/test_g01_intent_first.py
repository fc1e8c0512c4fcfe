"""Promise 1: what can open something is committed before it leaves; what protects is on record or in the side file.

Killed at points of the send path, with a broker outside that lives on: every order it has is on record. The sweep of all
points is tests/live/test_sender_kills.py, that of the real client before the venue tests/live/test_wire_kills.py.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from kits.sender_kit import check_death, play, world


@pytest.mark.parametrize("k", [1, 6])
def test_every_order_on_the_exchange_has_its_record(tmp_path: Path, k: int) -> None:
    """It dies in the moment in which the k-th order has reached the exchange."""
    done = play("submit", k, tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    check_death(tmp_path)
    assert len(world(tmp_path)["reached"]) == k
