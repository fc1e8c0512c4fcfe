"""Promise 4: kill -9 at any instant, and a restart: no order twice, no position that nobody knows of or without a stop.

With a broker outside that lives on meanwhile. The sweep of all points is tests/live/test_sender_kills.py, that of the
real client before the venue tests/live/test_wire_kills.py.
"""

from __future__ import annotations

from pathlib import Path

from kits.sender_kit import check_end, survive


def test_a_run_that_is_killed_twice_ends_with_the_exchanges_own_account(tmp_path: Path) -> None:
    count, ending = survive(tmp_path, [("submit", 3), ("answer", 9)])
    assert count == 2
    check_end(tmp_path, ending)
