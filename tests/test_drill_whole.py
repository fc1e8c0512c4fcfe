"""The whole drill, as the installed command plays it with a user's strategy and limits: every scenario passes, and its row passes the gate.

Other tests put such a row on record without playing it; this one shows that the plays lead to it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kits.evidence_kit import SECRET, configure
from kits.paper_kit import Bot

from tradebot.app.drill.table import NAMES

LONGEST_S = 1800
"""A machine that does other things besides; on one of its own all take less than 15 minutes."""


@pytest.mark.full
@pytest.mark.slow
def test_every_disaster_passes_and_so_does_the_gate(tmp_path: Path) -> None:
    config = configure(tmp_path)
    room = tmp_path / "room"
    room.mkdir()
    bot = Bot(tmp_path, config.data_dir(), env={"TRADEBOT_AUDIT_KEY": SECRET, "TMPDIR": str(room)})
    try:
        playing = bot.start("drill", "--json", "--config", tmp_path / "bot.toml")
        out, err = playing.communicate(timeout=LONGEST_S)
        rows = json.loads(out)["data"]["drill"]
        assert [(r["scenario"], r["why"]) for r in rows if not r["ok"]] == [], err
        assert [row["scenario"] for row in rows] == list(NAMES)
        assert playing.returncode == 0
        assert all(row["sentence"] for row in rows)
        judged = bot("gates", "--json", "--config", tmp_path / "bot.toml", code=4).data["gates"]
        (drill,) = [one for one in judged if one["gate"] == "drill"]
        assert (drill["ok"], drill["reasons"]) == (True, [])
        assert list(room.iterdir()) == []
    finally:
        bot.clean_up()
