"""The installed command against receivers on the loopback: an alerter that outlives its engine, and keeps its secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kits.mail_kit import FakeMailServer
from kits.outbox_kit import Hands
from kits.paper_kit import ROOT, Bot
from kits.phone_kit import TOKEN, USER, FakeTelegram
from kits.webhook_kit import SECRET, WebhookReceiver, hooked

from tradebot.alerts.webhook import TIMEOUT_S
from tradebot.app import alerts_beside
from tradebot.app.alerts_beside import AlertsBeside, command, is_a_service
from tradebot.app.alerts_state import alerts_state, note_wanted
from tradebot.config import load_config
from tradebot.guard.alerts_lock import AlertsLock, alerter_pid


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(tmp_path, tmp_path / "data")
    bot.env = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TRADEBOT_SECRET_WEBHOOK_SECRET": SECRET,
        "TRADEBOT_SECRET_TELEGRAM_TOKEN": TOKEN,
        "TRADEBOT_SECRET_EMAIL_PASSWORD": "planted-password-1",
    }
    yield bot
    bot.clean_up()
    pid = alerter_pid(bot.data_dir)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_it_outlives_its_engine_and_tells_of_its_death_once(bot: Bot) -> None:
    with WebhookReceiver() as hook:
        hooked(bot, hook)
        engine = bot.engine("--symbols", "BTC/USDT")
        hook.until(lambda: "started" in [body["kind"] for body in hook.bodies()])
        first = alerter_pid(bot.data_dir)
        assert first
        assert os.getsid(first) == first != os.getsid(engine.pid)
        assert bot.status()["alerts"]["alerter"] == "running"
        second = bot("alerts", "run", code=5)
        assert "already sent" in second.err
        engine.kill()
        engine.wait(30)
        hook.until(lambda: "engine_dead" in [body["kind"] for body in hook.bodies()])
        bot.until(lambda: not bot.status()["alerts"]["channels"][0]["waiting"])  # it is noted too
        os.kill(first, signal.SIGKILL)
        bot.until(lambda: alerter_pid(bot.data_dir) is None)
        again = bot.start("alerts", "run")
        bot.until(lambda: bot.status()["alerts"]["alerter"] == "running")
        assert bot.end(again).code == 0
        kinds = [body["kind"] for body in hook.bodies()]
        assert kinds.count("engine_dead") == kinds.count("started") == 1
        assert not hook.refused
        listed = bot.json("alerts", "list").data["alerts"]
        assert {row["state"] for row in listed if row["level"] != "extra"} == {"sent"}
        assert all(body["text"].startswith("SIMULATED") for body in hook.bodies())


def test_a_halt_is_told_beside_a_send_that_hangs(bot: Bot) -> None:
    """And not only after that is given up, which is after ten seconds."""
    with WebhookReceiver() as hook:
        hooked(bot, hook)
        hook.then("hang")
        bot.engine("--symbols", "BTC/USDT")
        hook.until(lambda: not hook.fates)
        hung = hook.clock()
        bot("halt", "--reason", "now")
        asked = hook.clock()
        hook.until(lambda: "halt" in [body["kind"] for body in hook.bodies()])
        (taken,) = [one for one in hook.taken if one.body["kind"] == "halt"]
        assert taken.at - hung < TIMEOUT_S
        assert taken.at - asked < 5.0
        hook.until(lambda: "started" in [body["kind"] for body in hook.bodies()])


def test_a_channel_without_a_secret_keeps_the_others_from_nothing(bot: Bot) -> None:
    """A keyring may be locked after a reboot that nobody was there for."""
    del bot.env["TRADEBOT_SECRET_TELEGRAM_TOKEN"]
    with WebhookReceiver() as hook:
        hooked(bot, hook, f'[alerts.telegram]\nchat_id = "{USER}"\n')
        file = bot.folder / "bot.toml"
        file.write_text(file.read_text().replace('["webhook"]', '["telegram", "webhook"]'))
        bot.engine("--symbols", "BTC/USDT")
        hook.until(lambda: {"started", "channel"} <= {body["kind"] for body in hook.bodies()})
        (told,) = [body for body in hook.bodies() if body["kind"] == "channel"]
        assert "telegram" in told["text"]
        assert "tradebot alerts set telegram" in told["text"]


def test_commands_that_nobody_can_send_are_said_by_every_face(bot: Bot) -> None:
    with FakeTelegram() as phone, WebhookReceiver() as hook:
        chosen = f'[alerts.telegram]\nchat_id = "{USER}"\nuser_id = "{USER}"\ncommands = true\n'
        hooked(bot, hook, f'{chosen}api = "{phone.url}"\n')
        file = bot.folder / "bot.toml"
        file.write_text(file.read_text().replace('["webhook"]', '["telegram", "webhook"]'))
        phone.poll_always = "409"
        bot.paper("--for", "5m", "--symbols", "BTC/USDT")
        bot.until(lambda: alerter_pid(bot.data_dir))
        bot.until(lambda: bot.status()["alerts"]["phone"])
        assert "somebody else fetches" in bot.status()["alerts"]["phone"]
        assert "commands from the phone are off" in bot("status").out
        assert "phone      somebody else fetches" in bot("alerts", "status").out
        checks = bot.json("doctor", "--offline").data["doctor"]
        assert [row["status"] for row in checks if "somebody else" in row["detail"]] == ["warn"]
        hook.until(lambda: "commands" in [body["kind"] for body in hook.bodies()])

        pid = alerter_pid(bot.data_dir)
        assert pid
        os.kill(pid, signal.SIGKILL)
        bot.until(lambda: alerter_pid(bot.data_dir) is None)
        file.write_text(file.read_text().replace("commands = true", "commands = false"))
        again = bot.start("alerts", "run")
        bot.until(lambda: bot.status()["alerts"]["alerter"] == "running")
        bot.until(lambda: bot.status()["alerts"]["phone"] is None)
        assert bot.end(again).code == 0


def test_a_damaged_outbox_keeps_nobody_from_being_told(bot: Bot) -> None:
    with WebhookReceiver() as hook:
        hooked(bot, hook)
        bot.data_dir.mkdir(exist_ok=True)
        (bot.data_dir / "alerts.db").write_bytes(b"this is no database" * 1000)
        bot.engine("--symbols", "BTC/USDT")
        hook.until(lambda: {"started", "notice"} <= {body["kind"] for body in hook.bodies()})
        assert any("alerts.db.damaged" in body["text"] for body in hook.bodies())


def test_a_directory_that_was_begun_anew_has_one_alerter(bot: Bot) -> None:
    with WebhookReceiver() as hook:
        hooked(bot, hook)
        first = bot.start("alerts", "run")
        bot.until(lambda: alerter_pid(bot.data_dir))
        bot.data_dir.rename(bot.folder / "before")
        second = bot.start("alerts", "run")
        bot.until(lambda: first.poll() is not None)
        assert first.returncode == 0
        bot.until(lambda: alerter_pid(bot.data_dir) == second.pid)
        assert bot.end(second).code == 0


def test_a_run_that_is_told_of_loads_no_apprise(bot: Bot) -> None:
    """Under systemd the engine starts no alerter: its unit would take it along."""
    with WebhookReceiver() as hook:
        hooked(bot, hook)
        words = ["paper", "--headless", "--json", "--for", "5m", "--speed", "max", "--new"]
        words += ["--data-dir", str(bot.data_dir)]
        script = f"from tradebot.__main__ import main\nmain({words})"
        script += "\nimport sys\nprint(sorted(sys.modules), file=sys.stderr)"
        env = {**os.environ, **bot.env, "PYTHONPATH": str(ROOT), "INVOCATION_ID": "x"}
        env.pop("SYSTEMD_EXEC_PID", None)
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=bot.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        )
        loaded = done.stderr.strip().splitlines()[-1]
        assert "'tradebot.app.host'" in loaded
        assert not [name for name in ("apprise", "requests", "urllib3") if f"'{name}'" in loaded]
        assert alerter_pid(bot.data_dir) is None
        assert hook.bodies() == []


def test_the_engine_starts_it_again_at_most_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dead:
        def poll(self) -> int:
            return 1

    begun: list[float] = []
    clock = Hands()

    def start(*_: object) -> Dead:
        begun.append(clock.monotonic())
        return Dead()

    monkeypatch.setattr(alerts_beside, "started", start)
    file = tmp_path / "bot.toml"
    file.write_text('[alerts]\nchannels=["webhook"]\n[alerts.webhook]\nurl="https://example.org/"')
    config = load_config(file, {}, (), {"data.dir": str(tmp_path / "data")})
    beside = AlertsBeside(config, lambda: True, env={}, clock=clock)
    for _ in range(200):
        beside.look()
        clock.sleep(1)
    assert len(begun) == 4
    with AlertsLock(tmp_path / "data"):  # one that somebody else started is enough
        for _ in range(200):
            beside.look()
            clock.sleep(1)
    assert len(begun) == 4


def test_an_engine_that_never_worked_changes_nothing_of_who_is_to_be_told(tmp_path: Path) -> None:
    """A second one on the same directory, with another configuration, is refused before it works."""
    note_wanted(tmp_path, ["telegram"], 1)
    config = load_config(None, {"TRADEBOT_CONFIG": ""}, (), {"data.dir": str(tmp_path)})
    with AlertsBeside(config, lambda: False, env={}):
        pass
    assert alerts_state(tmp_path, 1).wanted == ("telegram",)
    with AlertsBeside(config, lambda: True, env={}):
        pass
    assert alerts_state(tmp_path, 1).wanted == ()


def test_a_run_that_is_over_at_once_is_told_of_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr(alerts_beside, "started", lambda *words: begun.append(words))
    file = tmp_path / "bot.toml"
    file.write_text('[alerts]\nchannels=["webhook"]\n[alerts.webhook]\nurl="https://example.org/"')
    config = load_config(file, {}, (), {"data.dir": str(tmp_path)})
    with AlertsBeside(config, lambda: True, env={}):
        pass
    assert len(begun) == 1


def test_what_was_set_by_hand_goes_along(tmp_path: Path) -> None:
    sets = (
        'alerts.channels=["webhook"]',
        "alerts.webhook.url=https://example.org/x",
        "market.seed=7",
    )
    config = load_config(None, {"TRADEBOT_CONFIG": ""}, sets, {"data.dir": str(tmp_path)})
    words = command(config)
    assert words[1:6] == ["-P", "-m", "tradebot", "alerts", "run"]
    again = load_config(None, {"TRADEBOT_CONFIG": ""}, words[words.index("--set") + 1 :: 2])
    assert again.alerts == config.alerts


@pytest.mark.parametrize(
    ("main", "service"), [(["sh", "-c", "sleep 60; :"], True), (["sleep", "60"], False)]
)
def test_an_engine_in_a_service_starts_none(main: list[str], service: bool) -> None:
    """Also where a shell of the unit has started it; a terminal's program is no such shell."""
    assert is_a_service({"INVOCATION_ID": "x"})
    assert is_a_service({"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": str(os.getpid())})
    assert not is_a_service({})
    assert not is_a_service({"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": "no number"})
    process = subprocess.Popen(main, start_new_session=True)
    try:
        env = {"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": str(process.pid)}
        while Path(f"/proc/{process.pid}/comm").read_text().strip() != main[0]:
            time.sleep(0.01)  # its name is the last thing that it gets
        assert is_a_service(env) is service
        assert not is_a_service({"SYSTEMD_EXEC_PID": str(process.pid)})
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


@pytest.mark.skipif(os.environ.get("TRADEBOT_FULL") != "1", reason="takes seconds: TRADEBOT_FULL=1")
def test_planted_secrets_are_nowhere(bot: Bot, tmp_path: Path) -> None:
    """Promise 28 extended: token, password, signing secret and a service's address, at log level DEBUG too."""
    bot.env["TRADEBOT_SECRET_OWN_URL"] = "json://user:planted-in-url@127.0.0.1:1/x"
    bot.env["TRADEBOT_LOG__LEVEL"] = "debug"
    with (
        FakeTelegram() as phone,
        WebhookReceiver() as hook,
        FakeMailServer(tmp_path, "starttls", "me@example.org", "another") as mail,
    ):
        (bot.folder / "bot.toml").write_text(
            '[alerts]\nchannels = ["telegram", "email", "webhook"]\n'
            f'[alerts.telegram]\nchat_id = "{USER}"\napi = "{phone.url}"\n'
            f'[alerts.email]\nhost = "127.0.0.1"\nport = {mail.port}\nfrom = "me@example.org"\n'
            'to = ["me@example.org"]\nuser = "me@example.org"\n'
            f'[alerts.webhook]\nurl = "{hook.target}"\n[alerts.more]\nurls = ["own"]\n'
        )
        phone.then("429", "401", "500")
        hook.then("403")
        done = bot.json("alerts", "test", code=1)
        rows = done.data["tests"]
        by = {
            name: [row for row in rows if row["channel"] == name]
            for name in ("telegram", "email", "webhook", "own")
        }
        assert [row["delivered"] for row in by["telegram"]] == [False, False, False, True]
        assert by["telegram"][0]["retry_after_s"] == 7
        assert "Unauthorized" in by["telegram"][1]["error"]
        assert "535" in by["email"][0]["error"]  # a wrong password
        assert not any(row["delivered"] for row in by["own"])
        said = [done.out, done.err]
        for words in (("doctor", "--offline"), ("alerts", "status"), ("alerts", "list")):
            found = bot(*words, code=None)
            said += [found.out, found.err]
        said += [
            path.read_text(errors="replace")
            for path in bot.folder.rglob("*")
            if path.is_file() and path.suffix != ".pem"
        ]
        for secret in (TOKEN, SECRET, "planted-password-1", "planted-in-url"):
            assert not any(secret in text for text in said), secret


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_one_that_is_ended_says_so(bot: Bot, number: signal.Signals, code: int) -> None:
    with WebhookReceiver() as hook:
        hooked(bot, hook)
        running = bot.start("alerts", "run")
        bot.until(lambda: alerter_pid(bot.data_dir))
        bot.until(lambda: (bot.data_dir / "alerts.db").exists())
        time.sleep(1.0)  # its loop has begun
        running.send_signal(number)
        out, _ = running.communicate(timeout=60)
        assert running.returncode == code
        assert "what waits is told by the next one" in out


def test_a_channel_without_a_secret_keeps_the_others_from_no_test(bot: Bot) -> None:
    with WebhookReceiver() as hook:
        hooked(bot, hook)
        file = bot.folder / "bot.toml"
        chosen = f'[alerts.telegram]\nchat_id = "{USER}"\n'
        file.write_text(file.read_text().replace('["webhook"]', '["telegram", "webhook"]') + chosen)
        del bot.env["TRADEBOT_SECRET_TELEGRAM_TOKEN"]
        done = bot.json("alerts", "test", code=1)
        rows = done.data["tests"]
        assert [row["channel"] for row in rows] == ["telegram"] * 4 + ["webhook"] * 4
        assert [row["delivered"] for row in rows] == [False] * 4 + [True] * 4
        assert "tradebot alerts set telegram" in rows[0]["error"]
        assert [body["kind"] for body in hook.bodies()] == ["test"] * 4
        assert done.error["message"].startswith("not delivered by telegram: ")
        assert bot.json("alerts", "test", "telegram", code=2).error["kind"] == "config"


def test_a_secret_is_kept_by_the_keyring_from_stdin(bot: Bot, tmp_path: Path) -> None:
    bot.env |= {
        "PYTHON_KEYRING_BACKEND": "kits.file_keyring.FileKeyring",
        "TEST_KEYRING": str(tmp_path / "keyring.json"),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
    }
    bot.env.pop("TRADEBOT_SECRET_TELEGRAM_TOKEN")
    words = [sys.executable, "-m", "tradebot", "alerts", "set", "telegram", "--json"]
    env = {**os.environ, **bot.env}
    done = subprocess.run(
        words,
        input=f"{TOKEN}\n",
        env=env,
        cwd=bot.folder,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    kept = json.loads((tmp_path / "keyring.json").read_text())
    assert TOKEN in kept.values()
    gone = subprocess.run(
        [*words[:4], "unset", "telegram"], env=env, cwd=bot.folder, capture_output=True, timeout=90
    )
    assert gone.returncode == 0
    assert json.loads((tmp_path / "keyring.json").read_text()) == {}
