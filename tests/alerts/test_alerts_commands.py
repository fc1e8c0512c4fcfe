"""``alerts list``, ``retry``, ``mute``, ``set`` and ``unset`` as installed commands, and an alerter that is down for good."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kits.paper_kit import ROOT, Bot, Done
from kits.tui_kit import loaded, make_app, screen_text, status, tell_badly
from kits.webhook_kit import SECRET, WebhookReceiver

from tradebot.__main__ import main
from tradebot.alerts.store import OutboxStore
from tradebot.app.alerts_state import STARTING_MS, WANTED_FILE
from tradebot.clock import SYSTEM
from tradebot.guard.alerts_lock import AlertsLock, alerter_pid


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def bot(tmp_path: Path, hook: WebhookReceiver) -> Iterator[Bot]:
    bot = Bot(tmp_path, tmp_path / "data")
    bot.env = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TRADEBOT_SECRET_WEBHOOK_SECRET": SECRET,
    }
    (tmp_path / "bot.toml").write_text(
        f'[alerts]\nchannels = ["webhook"]\nsimulated = true\n[alerts.webhook]\nurl = "{hook.target}"\n'
    )
    yield bot
    bot.clean_up()
    pid = alerter_pid(bot.data_dir)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kinds(hook: WebhookReceiver) -> list[str]:
    return [body["kind"] for body in hook.bodies()]


def told(bot: Bot, *words: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = bot.json("alerts", "list", *words).data["alerts"]
    return found


def test_before_anything_was_told(bot: Bot) -> None:
    assert told(bot) == told(bot, "--failed") == []
    assert "nothing was told yet" in bot("alerts", "list").out
    assert bot.json("alerts", "retry").data == {"waiting": 0}
    status = bot.json("alerts", "status").data
    assert (status["alerter"], status["configured"]) == ("off", ["webhook"])
    error = bot.json("alerts", "retry", "telegramm", code=2).error
    assert "not configured" in error["message"]
    assert "configured: webhook" in error["hint"]
    assert "not configured" in bot.json("alerts", "list", "email", code=2).error["message"]
    assert told(bot, "webhook") == []
    error = bot.json("alerts", "mute", "soon", code=2).error
    assert "soon" in error["message"]
    for endless in ("366d", "99999999d", f"{'9' * 400}d"):
        error = bot.json("alerts", "mute", endless, code=2).error
        assert "too long" in error["message"]
    for words in (("mute", "2h"), ("retry",), ("test",)):
        error = bot.json("alerts", *words, code=2, TRADEBOT_ALERTS__CHANNELS="[]").error
        assert error["message"] == "no channel is configured"
    assert not bot.data_dir.exists()


def test_what_is_refused_is_listed_as_failed_and_arrives_after_a_retry(
    bot: Bot, hook: WebhookReceiver
) -> None:
    hook.always = "403"  # a wrong secret: that does not heal by itself
    bot.engine("--symbols", "BTC/USDT")
    bot.until(lambda: '"stopped"' in bot.json("alerts", "status").out)
    bot("halt", "--reason", "bed")
    bot.until(lambda: "halt" in [row["kind"] for row in told(bot)])
    failed = told(bot, "--failed")
    assert failed[0]["kind"] == "started"
    assert failed[0]["state"] == "waiting"
    assert "answered 403" in failed[0]["error"]
    assert "answered 403" in bot("alerts", "list", "--failed").out
    assert bot.status()["alerts"]["channels"][0]["state"] == "stopped"
    checks = bot.json("doctor", "--offline", code=None).data["doctor"]
    (row,) = [row for row in checks if row["check"] == "alerts" and row["status"] == "fail"]
    assert "answered 403" in row["detail"]
    assert "tradebot alerts retry webhook" in row["hint"]
    assert hook.bodies() == []
    hook.always = "ok"
    assert bot.json("alerts", "retry", "webhook").data["waiting"] >= 2
    hook.until(lambda: {"started", "halt"} <= set(kinds(hook)))
    bot.until(lambda: not told(bot, "--failed"))
    assert "nothing failed" in bot("alerts", "list", "--failed").out
    assert bot("alerts", "retry").out.strip() == "nothing waits"


def test_what_is_muted_is_told_nobody_but_a_halt_is(bot: Bot, hook: WebhookReceiver) -> None:
    until = bot.json("alerts", "mute", "2h").data["muted_until"]
    bot.engine("--symbols", "BTC/USDT")
    assert bot.json("alerts", "status").data["muted_until"] == until
    assert "critical alerts come all the same" in bot("alerts", "mute", "90m").out
    bot("halt", "--reason", "bed")
    hook.until(lambda: "halt" in kinds(hook))
    assert "started" not in kinds(hook)
    (row,) = [row for row in told(bot) if row["kind"] == "started"]
    assert (row["state"], row["error"]) == ("muted", "muted by `tradebot alerts mute`")
    assert bot.json("alerts", "mute", "0").data == {"muted_until": None}
    bot("resume", "--reason", "awake")
    hook.until(lambda: "resume" in kinds(hook))


def test_a_critical_alert_that_nobody_took_is_said_by_every_face(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bot.env |= {"INVOCATION_ID": "a-service"}
    bot.paper("--for", "5m", "--symbols", "BTC/USDT")
    tell_badly(bot.data_dir)
    with OutboxStore(bot.data_dir) as store, AlertsLock(bot.data_dir):
        store.put("pulse", {"wall": SYSTEM.wall_ms()})
        assert bot.status()["alerts"]["channels"][1]["expired_critical"] == 1
        assert "ALERTS EXPIRED (1)" in bot("alerts", "status").out
        checks = bot.json("doctor", "--offline", code=1).data["doctor"]
        assert any("1 critical alert expired" in row["detail"] for row in checks)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.delenv("NO_COLOR", raising=False)
        main(["status", "--data-dir", str(bot.data_dir)])
        shown = capsys.readouterr().out
        config = str(bot.folder / "bot.toml")
        main(["alerts", "status", "--data-dir", str(bot.data_dir), "--config", config])
        listed = capsys.readouterr().out
        main(["doctor", "--offline", "--data-dir", str(bot.data_dir), "--config", config])
        judged = capsys.readouterr().out
    assert re.search(r"\x1b\[1;31mALERTS EXPIRED \(1\)", shown), shown
    assert re.search(r"\x1b\[31m\x1b\[1mALERTS EXPIRED \(1\)", listed), listed
    assert re.search(r"telegram +\x1b\[31m\x1b\[1m.*1 critical EXPIRED", listed), listed
    assert re.search(r"\x1b\[31m\x1b\[1mfail\x1b\[0m +alerts +1 critical alert expired", judged), (
        judged
    )


def piped(bot: Bot, tmp_path: Path, *words: str, given: str = "") -> Done:
    env = {
        **os.environ,
        **bot.env,
        "PYTHON_KEYRING_BACKEND": "kits.file_keyring.FileKeyring",
        "TEST_KEYRING": str(tmp_path / "keyring.json"),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tradebot", *words, "--json"],
        input=given,
        env=env,
        cwd=bot.folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_set_and_unset_say_what_is_used_and_never_the_secret(bot: Bot, tmp_path: Path) -> None:
    done = piped(bot, tmp_path, "alerts", "set", "webhook", given="another-secret-than-that\n")
    assert done.data == {"channel": "webhook", "stored": True}
    assert done.document["warnings"] == [
        "TRADEBOT_SECRET_WEBHOOK_SECRET is used instead, while it is set"
    ]
    assert "another-secret" not in done.out + done.err
    del bot.env["TRADEBOT_SECRET_WEBHOOK_SECRET"]
    checks = piped(bot, tmp_path, "doctor", "--offline").data["doctor"]
    (row,) = [row for row in checks if row["check"] == "alerts"]
    assert (row["status"], "keyring" in row["detail"]) == ("ok", True)
    assert piped(bot, tmp_path, "alerts", "unset", "webhook").data["removed"] is True
    assert piped(bot, tmp_path, "alerts", "unset", "webhook").data["removed"] is False
    checks = piped(bot, tmp_path, "doctor", "--offline").data["doctor"]
    (row,) = [row for row in checks if row["check"] == "alerts"]
    assert row["status"] == "fail"
    assert "TRADEBOT_SECRET_WEBHOOK_SECRET" in row["hint"]
    for name, way_out in (("telegrm", "did you mean telegram?"), ("slack", "add it there")):
        done = piped(bot, tmp_path, "alerts", "set", name, given="json://a-secret-address\n")
        assert done.document["warnings"] == [f"[alerts.more] urls does not name {name}; {way_out}"]
    assert piped(bot, tmp_path, "alerts", "set", "Nobody").error["kind"] == "usage"
    assert piped(bot, tmp_path, "alerts", "set", "webhook", given="\n").code == 2


async def test_an_alerter_that_is_killed_for_good_is_shown_by_every_face(bot: Bot) -> None:
    """Under systemd the engine starts none in its place: the unit of its own would."""
    bot.env |= {"INVOCATION_ID": "a-service"}
    bot.env.pop("SYSTEMD_EXEC_PID", None)
    bot.engine("--symbols", "BTC/USDT")
    alerter = bot.start("alerts", "run")
    bot.until(lambda: bot.status()["alerts"]["alerter"] == "running")
    assert bot.status()["alerts"]["channels"][0]["channel"] == "webhook"
    os.kill(alerter.pid, signal.SIGKILL)
    alerter.wait(60)
    note = bot.data_dir / WANTED_FILE  # it may be starting for so long
    wanted = {**json.loads(note.read_text()), "wall": SYSTEM.wall_ms() - STARTING_MS}
    note.write_text(json.dumps(wanted))

    assert bot.status()["alerts"]["alerter"] == "down"
    assert bot.json("alerts", "status").data["alerter"] == "down"
    assert "alerts       ALERTS DOWN" in bot("status").out
    checks = bot.json("doctor", "--offline", code=1).data["doctor"]
    (row,) = [r for r in checks if r["check"] == "alerts" and r["status"] == "fail"]
    assert row["detail"] == "ALERTS DOWN"
    assert row["hint"] == "tradebot alerts run"
    app = make_app(bot.data_dir, clock=SYSTEM.wall_ms)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert "ALERTS DOWN" in status(app)
        await pilot.press("6")
        await pilot.pause()
        assert "ALERTS DOWN" in screen_text(app)

    again = bot.start("alerts", "run")
    bot.until(lambda: bot.status()["alerts"]["alerter"] == "running")
    assert "ALERTS" not in bot("status").out
    assert bot.end(again).code == 0
