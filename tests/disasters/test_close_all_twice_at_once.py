"""Two people close everything at the same time, from two terminals.

Holds: nothing opens. End: flat, both end with 0 and the proof; a third time is harmless.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kits.disaster_kit import ETH, QUIET, XRP, scene

pytestmark = pytest.mark.slow


def test_both_end_with_the_truth(tmp_path: Path) -> None:
    with scene(tmp_path, XRP, ETH) as it:
        both = [it.closing(), it.closing()]
        for one in both:
            out, err = one.communicate(timeout=90)
            assert one.returncode == 0, out + err
            assert json.loads(out)["data"]["proof"]["quiet_s"] >= 4
        assert it.flat()
        fills = it.venue.rows("fill")
        assert sum(1 for row in fills if row["symbol"] == "XRPUSDT") == 1
        assert it.close_all()["data"]["closed"] is True


@pytest.mark.full
def test_an_engine_that_sits_a_ban_out_is_not_ended_by_the_second(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        ban = {"do": "ban", "seconds": 20, "method": "POST", "path": "/fapi/v1/order", "times": 1}
        it.faults(ban)
        first = it.closing()
        it.bot.until(lambda: any(step.step == "banned" for step in it.steps()))
        second = it.closing()
        for one in (first, second):
            out, err = one.communicate(timeout=120)
            assert one.returncode == 0, out + err
            assert "fencing" not in err
        assert engine.poll() is None
        assert it.flat()
        assert {step.role for step in it.steps() if step.step == "close"} == {"engine"}
