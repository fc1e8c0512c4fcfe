"""What faces say of an alerter that lives: that it writes nothing down is another thing than that it hangs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tradebot.alerts.alerts_file import ALERTS_FILE, DAMAGED
from tradebot.alerts.store import OutboxStore
from tradebot.app.alerts_state import STUCK_MS, alerts_state, note_wanted, state_document
from tradebot.app.doctor_alerts import check_alerts
from tradebot.clock import SYSTEM
from tradebot.config import load_config
from tradebot.core.model.errors import JournalError
from tradebot.core.model.times import iso
from tradebot.guard.alerts_lock import ALERTS_PID, AlertsLock

SETS = ["alerts.channels=webhook", "alerts.webhook.url=http://127.0.0.1:9/"]


@pytest.mark.parametrize(
    ("pulse", "beat", "word", "alarm", "way_out"),
    [
        (0, 0, "running", "", ""),
        (0, 2, "running", "", ""),
        (2, 0, "UNRECORDED", "ALERTS UNRECORDED", "make room"),
        (2, 2, "STUCK", "ALERTS STUCK", "end its process"),
    ],
)
def test_one_that_works_and_cannot_write_is_not_stuck(
    tmp_path: Path, pulse: int, beat: int, word: str, alarm: str, way_out: str
) -> None:
    """``pulse`` and ``beat``: how old the signs of life are in its file and beside it, in ``STUCK_MS``."""
    now = SYSTEM.wall_ms()
    with AlertsLock(tmp_path) as lock, OutboxStore(tmp_path) as store:
        note_wanted(tmp_path, ["webhook"], now - 3 * STUCK_MS)
        store.put("pulse", {"wall": now - pulse * STUCK_MS})
        os.utime(tmp_path / ALERTS_PID, (0, (now - beat * STUCK_MS) / 1000))
        state = alerts_state(tmp_path, now)
        assert (state.word, state.alarm) == (word, alarm)
        config = load_config(None, {}, SETS, {"data.dir": str(tmp_path)})
        hints = [row.hint for row in check_alerts(config) if row.detail.startswith("ALERTS")]
        assert len(hints) == bool(way_out)
        assert all(hint and hint.startswith(way_out) for hint in hints)
        lock.beat()
        assert alerts_state(tmp_path, now).word != "STUCK"


def test_a_damaged_outbox_is_said_with_a_way_out(tmp_path: Path) -> None:
    note_wanted(tmp_path, ["webhook"], SYSTEM.wall_ms() - 3 * STUCK_MS)
    (tmp_path / ALERTS_FILE).write_bytes(b"this is no database at all" * 1000)
    state = alerts_state(tmp_path, SYSTEM.wall_ms())
    assert "alerts.db cannot be used" in state.words
    config = load_config(None, {}, SETS, {"data.dir": str(tmp_path)})
    assert [row.status for row in check_alerts(config) if row.detail == state.why] == ["warn"]
    with pytest.raises(JournalError) as found:
        OutboxStore(tmp_path)
    assert DAMAGED in str(found.value.hint)


def test_a_mute_is_seen_before_anything_runs_and_has_always_a_date(tmp_path: Path) -> None:
    now = SYSTEM.wall_ms()
    with OutboxStore(tmp_path) as store:
        store.put("muted_until", now + 60_000)
        assert state_document(alerts_state(tmp_path, now))["muted_until"] == iso(now + 60_000)
        store.put("muted_until", 10**20)
        said = state_document(alerts_state(tmp_path, now))["muted_until"]
        assert str(said).startswith("9999-12-31T")
        store.put("muted_until", now - 1)
        assert state_document(alerts_state(tmp_path, now))["muted_until"] is None
