"""The two acts of a phone, as they are carried out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from kits.paper_kit import Bot

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


def answers(bot: Bot) -> list[tuple[str, str, int | None, str | None]]:
    with closing(sqlite3.connect(bot.data_dir / "tradebot.db")) as db:
        return db.execute(
            "SELECT c.name, c.who, a.ok, a.result FROM commands c LEFT JOIN acks a ON a.command = c.id"
        ).fetchall()


@pytest.mark.parametrize("resumed", [True, False])
def test_a_halt_while_nothing_runs_holds_until_somebody_resumes(
    tmp_path: Path, resumed: bool
) -> None:
    """The HALT file is what counts: its row in the journal is answered by the next engine, and halts nothing twice."""
    bot = Bot(tmp_path, tmp_path / "data")
    bot.paper("--for", "5m", "--symbols", "BTC/USDT")
    sets = {"data.dir": str(bot.data_dir)}
    phone = RemoteCommander(load_config(None, {"TRADEBOT_CONFIG": ""}, (), sets))
    assert "the next one starts halted" in phone.halt("bed", "telegram:42")
    assert answers(bot) == [("halt", "telegram:42", None, None)]
    if resumed:
        bot("resume", "--reason", "awake")
    done = bot.paper("--for", "5m", "--symbols", "BTC/USDT", "--new")
    assert done.data["summary"]["halts"] == (0 if resumed else 1)
    ((_, _, ok, result),) = answers(bot)
    assert (ok, result) == ((0, "somebody has resumed since") if resumed else (1, "halted"))
