"""ADA as it fell by a third within minutes on 2021-05-19, minute by minute as recorded, and a strategy that buys all the way.

Holds: exposure, stops and the pause between entries at every event of ten minutes. End: what is open is behind a stop, the
books agree with the exchange's, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import crash

pytestmark = pytest.mark.full


def test_ada_2021_05_19(tmp_path: Path, shared_data: Path) -> None:
    """The ten minutes around the low of 12:55."""
    prices = shared_data / "spot" / "ADAUSDT-1m-2021-05.csv.gz"
    crash(tmp_path, prices, "ADA/USDT", "2021-05-19T12:49:20Z", "2021-05-19T13:00:05Z")
