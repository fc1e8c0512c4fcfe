"""An entry is carried out, and the answer is 200 with nothing in it that says so.

Holds: it counts as unknown, is looked up and never sent again, and has its stop within 5 s. End: one position with its
stop, exit 0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.disaster_live import ORDER, live_scene

pytestmark = pytest.mark.full


@pytest.mark.parametrize("form", ["empty", "cut", "html", "braces"])
def test_entry_200_garbage(tmp_path: Path, form: str) -> None:
    with live_scene(tmp_path) as it:
        engine = it.engine()
        fault = {"do": "accept_then_garbage", "form": form, "method": "POST", "path": ORDER}
        it.faults(fault | {"times": 1}, {"do": "drop", "stream": "private", "event": "*"})
        it.opened()
        it.counts(1)
        assert it.purposes() == "e"
        assert len(it.venue.asked("POST", ORDER)) == 1
        it.ended(engine)
