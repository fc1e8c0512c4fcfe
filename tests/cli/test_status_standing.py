"""``status`` says how a run stands with real money: its stage, who has signed and for how long, what incidents are open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import Bot

from tradebot.app.recording import put_on_record
from tradebot.core.model.values import DAY_MS
from tradebot.journal.facts import IncidentClosed, IncidentOpened, SignedOff, SignoffRevoked, Told
from tradebot.journal.reader import Reader
from tradebot.reports.readiness.on_record import OnRecord, on_record

KEY = {"TRADEBOT_AUDIT_KEY": "a key that does not lie beside the journal"}


def signed(name: str) -> SignedOff:
    return SignedOff(name, *("role", "words", (), "hash", "config", "{}", "50", 1, "", "", "key"))


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bot:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", KEY["TRADEBOT_AUDIT_KEY"])
    one = Bot(tmp_path, tmp_path / "data", env=dict(KEY))
    one("paper", "--headless", "--speed", "max", "--for", "10m")
    return one


def test_it_is_said_and_written(bot: Bot) -> None:
    def write(*rows: Told) -> None:
        put_on_record(bot.data_dir, lambda _: list(rows), "a test")

    def look(days: float = 0) -> OnRecord:
        with Reader(bot.data_dir / "tradebot.db") as reader:
            ((wall,),) = reader.select("SELECT max(wall) FROM audit")
            return on_record(reader, wall + round(days * DAY_MS))

    def status() -> dict[str, Any]:
        data = bot.json("status").data
        return {name: data[name] for name in ("stage", "signoff", "incidents")}

    assert status() == {
        "stage": None,
        "incidents": [],
        "signoff": {"signers": [], "needed": 2, "days_left": None},
    }
    write(signed("Ada"))
    assert "Ada: 2 have to sign" in bot("status").out
    write(IncidentOpened(1, "ban", "418 for 120 s", 5))
    assert look() == OnRecord(
        (), None, ("1 ban: 418 for 120 s",)
    )  # it voids what was signed before
    write(signed(" ADA "), signed("Grace"))
    assert look() == OnRecord(("Grace", " ADA "), 30, ("1 ban: 418 for 120 s",))
    assert look(28.5).days_left == 1
    assert look(30.5) == OnRecord((), None, ("1 ban: 418 for 120 s",))
    found = status()
    assert found["signoff"]["days_left"] == 29
    assert found["incidents"] == ["1 ban: 418 for 120 s"]
    assert "INCIDENT     1 ban: 418 for 120 s" in bot("status").out
    write(SignoffRevoked("Ada", "a word"), IncidentClosed(1, "Ada", "looked into"))
    assert look() == OnRecord()
