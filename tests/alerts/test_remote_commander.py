"""The two acts of a phone, as they are carried out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradebot.app import control
from tradebot.app.alerter import RemoteCommander
from tradebot.config import load_config
from tradebot.core.model.errors import JournalError


def commander(tmp_path: Path) -> RemoteCommander:
    """Return one on a place where no file can be made."""
    place = tmp_path / "file"
    place.write_text("")
    return RemoteCommander(load_config(None, {"TRADEBOT_CONFIG": ""}, (), {"data.dir": str(place)}))


def test_where_no_latch_can_be_set_the_engines_own_word_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ask", lambda *_: "halted by telegram:42")
    assert "halted by telegram:42" in commander(tmp_path).halt("why", "telegram:42")


def test_where_nobody_can_be_told_it_is_not_called_halted(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        commander(tmp_path).halt("why", "telegram:42")
