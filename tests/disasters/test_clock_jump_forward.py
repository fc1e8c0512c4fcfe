"""The machine's clock is set forward by an hour while a position is held (a clock of the command's own stands in for it).

Holds: no request is refused for its time for long, the stop stays, and nothing is closed or entered for the clock's sake. End: the
exchange's time is measured anew and entries are taken again; exit 0; what is shown is the exchange's time.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.clock_jump import jump

pytestmark = pytest.mark.full


def test_clock_jump_forward(tmp_path: Path) -> None:
    jump(tmp_path, 3_600_000)
