"""Somebody closes the position by hand just before the close-all's own order arrives.

Holds: the close-all's order cannot open the other side. End: flat, exit 0, nothing doubled.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_kit import ETH, scene

pytestmark = pytest.mark.slow


def test_a_close_that_comes_too_late_opens_nothing(tmp_path: Path) -> None:
    with scene(tmp_path, ETH) as it:
        it.faults(
            {"do": "delay", "ms": 2000, "method": "POST", "path": "/fapi/v1/order", "times": 1}
        )
        closing = it.closing("--account", "demo")
        it.bot.until(lambda: any(step.step == "close" for step in it.steps()))
        it.act("foreign_order", symbol="ETHUSDT", side="SELL", qty="0.02", reduce_only=True)
        out, err = closing.communicate(timeout=90)
        assert closing.returncode == 0, out + err
        assert it.flat()
        (answer,) = [step for step in it.steps() if step.step == "answer"]
        assert answer.more["code"] == -2022
