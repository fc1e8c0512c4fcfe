"""BTC as it fell from 7,200 to 5,550 on 2020-03-12, as recorded, and a strategy that buys all the way.

Holds: exposure, stops and the pause between entries at every event of the ten minutes around the low, and of the five before.
End: what is open is behind a stop, the books agree with the exchange's, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import crash

pytestmark = pytest.mark.full

SMALL = '[[symbols]]\nsymbol = "BTC/USDT"\nmin_notional = "5"\n'
"""Such as it was then: with today's 50 USDT no order would fit the cap."""


def test_btc_2020_03_12(tmp_path: Path, shared_data: Path) -> None:
    prices = shared_data / "spot" / "BTCUSDT-5m-2020-03.csv.gz"
    times = ("2020-03-12T10:35:01Z", "2020-03-12T10:50:05Z")
    crash(tmp_path, prices, "BTC/USDT", *times, account=SMALL)
