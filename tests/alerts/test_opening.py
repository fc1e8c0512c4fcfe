"""A file that cannot be opened, or written any more: what is critical goes out from memory, and nothing is lost or doubled."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kits.outbox_kit import Desk, ScriptedWay

from tradebot.alerts.alerter import Alerter
from tradebot.alerts.alerts_file import ALERTS_FILE, is_there
from tradebot.alerts.model import Sighting
from tradebot.alerts.opening import StandIn, open_or_stand_in
from tradebot.alerts.outbox import Rate
from tradebot.alerts.store import OutboxStore
from tradebot.app import alerter as app_alerter
from tradebot.app.alerter import run_alerter
from tradebot.config import load_config
from tradebot.core.model.errors import JournalError


def stood_in(desk: Desk, blocked: bool = True) -> list[bool]:
    """Have another alerter begin, whose file cannot be opened: another thing is in its place."""
    desk.store.close()
    heard: list[bool] = []
    file = desk.folder / ALERTS_FILE
    if blocked:
        file.rename(desk.folder / "kept")
        file.mkdir()

    def opened(anew: bool) -> None:
        heard.append(anew)
        for way in desk.ways:
            desk.store.resettle(way.name, "settings")
        desk.alerter.take_up()

    desk.store, anew = open_or_stand_in(desk.folder, opened)
    assert (anew is None) is blocked
    desk.alerter = desk._alerter()
    return heard


def give_back(desk: Desk) -> None:
    (desk.folder / ALERTS_FILE).rmdir()
    (desk.folder / "kept").rename(desk.folder / ALERTS_FILE)


def unrecorded(way: ScriptedWay) -> list[str]:
    return [one.text for one in way.taken() if one.text.endswith("#unrecorded")]


@pytest.mark.parametrize("known", [True, False], ids=["read before", "new"])
def test_one_that_begins_without_a_file_tells_from_memory_and_enters_it(
    tmp_path: Path, known: bool
) -> None:
    desk = Desk(tmp_path / "data")
    way = desk.ways[0]
    if known:
        desk.readings.notify("critical", "told before")
        desk.run(5)
    heard = stood_in(desk)
    assert isinstance(desk.store, StandIn)
    with pytest.raises(JournalError):
        desk.store.put("x", 1)
    way.always = "down"
    alarm = desk.readings.notify("critical", "alarm")
    news = desk.readings.notify("warning", "news")
    desk.run(45 * 60, step=5)
    tries = [at for at, message, _ in way.tries if f"#{alarm} #unrecorded" in message.text]
    assert len(tries) == 5
    assert min(b - a for a, b in itertools.pairwise(tries)) >= 600_000
    way.always = "ok"
    desk.run(11 * 60, step=5)
    assert heard == []
    assert "alarm" in unrecorded(way)[-1]
    give_back(desk)
    desk.run(60)
    assert heard == [False]
    assert way.seqs().count(alarm) == 1
    assert news in way.seqs()
    rows = {row.seq: row.state for row in desk.store.listed()}
    assert rows[alarm] == "sent"
    assert desk.store.cursor == news
    desk.restart()
    desk.run(60)
    assert way.seqs().count(alarm) == 1


def test_what_is_seen_without_a_file_is_entered_once_there_is_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    stood_in(desk)
    desk.readings.seen = Sighting(0, desk.readings.owner, (), free_bytes=0)
    desk.run(5)
    assert "disk" in unrecorded(desk.ways[0])[0].lower()
    desk.readings.seen = None
    give_back(desk)
    desk.run(5)
    kinds = [row.kind for row in desk.store.listed() if row.state == "sent"]
    assert kinds == ["disk_full", "recovered"]


def test_what_waited_when_the_file_failed_goes_out_from_memory_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = [ScriptedWay(name, None, Rate(1, 20, 12)) for name in ("telegram", "email")]  # type: ignore[arg-type]
    desk = Desk(tmp_path / "data", None, *ways)
    telegram, email = ways
    telegram.always = "down"
    seq = desk.readings.notify("critical", "alarm")
    desk.run(3)
    assert email.seqs() == [seq]
    real = desk.store.db

    class Full:
        in_transaction = False
        total_changes = 0

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith(("BEGIN", "INSERT", "UPDATE", "DELETE")):
                raise sqlite3.OperationalError("database or disk is full")
            return real.execute(sql, *values)

    monkeypatch.setattr(desk.store, "db", Full())
    telegram.always = "ok"
    desk.run(30)
    assert unrecorded(telegram)
    assert email.seqs() == [seq]
    monkeypatch.setattr(desk.store, "db", real)
    desk.run(30)
    assert telegram.seqs() == [seq]
    assert {row.state for row in desk.store.listed()} == {"sent"}


def test_what_can_be_read_of_a_file_is_gone_on_from(tmp_path: Path) -> None:
    """Without its log, where that cannot be read: then what is told again bears the same number."""
    desk = Desk(tmp_path / "data")
    desk.readings.notify("critical", "alarm")
    desk.run(5)
    desk.store.close()
    copy = StandIn(desk.folder, lambda _: None)
    assert copy.cursor == 1
    assert [row.state for row in copy.listed()] == ["sent"]
    copy.ready()
    copy.put("x", 1)
    copy.close()
    with OutboxStore(desk.folder) as store:
        assert store.get("x") == 1


def test_one_without_tables_is_none_yet(tmp_path: Path) -> None:
    """A full disk leaves it like that: there is nothing to list, and no mistake of the user's."""
    assert not is_there(tmp_path)
    (tmp_path / ALERTS_FILE).touch()
    assert not is_there(tmp_path)
    with closing(sqlite3.connect(tmp_path / ALERTS_FILE)) as db:
        db.execute("PRAGMA journal_mode = WAL")
    assert not is_there(tmp_path)
    OutboxStore(tmp_path).close()
    assert is_there(tmp_path)
    (tmp_path / ALERTS_FILE).write_bytes(b"nonsense " * 100)
    assert is_there(tmp_path)  # and why it cannot be read is told


def test_what_comes_first_is_done_as_soon_as_the_file_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be opened again, but a full disk does not take its channels yet: that is tried again, and not passed over."""
    desk = Desk(tmp_path / "data")
    heard = stood_in(desk)
    give_back(desk)

    def full(*_: object) -> None:
        raise JournalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "resettle", full)
        alarm = desk.readings.notify("critical", "alarm")
        desk.run(5)
        assert unrecorded(desk.ways[0])
        assert heard == [False] * 5
    desk.run(5)
    assert heard == [False] * 6
    assert desk.ways[0].seqs() == [alarm]
    assert [row.state for row in desk.store.listed()] == ["sent"]


def test_an_alerter_begins_whose_new_settings_cannot_be_kept_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk that opens the file and takes no other settings: it tells from memory, and ends for nothing."""
    (tmp_path / "bot.toml").write_text(
        '[alerts]\nchannels = ["webhook"]\n[alerts.webhook]\nurl = "http://127.0.0.1:9/"\n'
    )
    monkeypatch.setenv("TRADEBOT_SECRET_WEBHOOK_SECRET", "s" * 40)
    config = load_config(tmp_path / "bot.toml", {}, (), {"data.dir": str(tmp_path / "data")})
    with OutboxStore(tmp_path / "data") as store:
        store.resettle("webhook", "other settings")
        store.note_stopped("webhook", "answered 401", 1)
    real = OutboxStore.resettle
    done: list[list[str]] = []

    def full(*_: object) -> None:
        raise JournalError("the disk is full")

    async def live_through(alerter: Alerter) -> None:
        alerter.look()
        assert alerter._loose is not None
        monkeypatch.setattr(OutboxStore, "resettle", real)
        alerter.look()
        assert alerter._loose is None
        done.append([row.stopped for row in alerter._store.channels()])

    monkeypatch.setattr(OutboxStore, "resettle", full)
    monkeypatch.setattr(app_alerter, "_until_stopped", live_through)
    run_alerter(config)
    assert done == [[""]]
