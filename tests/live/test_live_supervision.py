"""What keeps a live run up and ends one that hangs: the watchdog, systemd's words, and its unit."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest
from kits.demo_kit import demo_venue
from kits.live_run_kit import live_bot, start_live
from kits.paper_kit import Bot

from tradebot.app.settle import LONGEST_S
from tradebot.app.units import alerts_unit
from tradebot.app.watchdog import DUMP_FILE, ScreenWatch, Supervisor, end_hung
from tradebot.clock import SYSTEM
from tradebot.config import load_config
from tradebot.guard.notice import read_notice


class Left(Exception):
    """The process would have ended."""


def test_a_hung_engine_leaves_its_stacks_behind(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def leave(code: int) -> NoReturn:
        raise Left(code)

    with pytest.raises(Left, match="7"):
        end_hung(tmp_path, 12.4, leave)
    said = capfd.readouterr().err
    assert "no progress for 12 s" in said
    assert "test_live_supervision.py" in said
    assert "test_live_supervision.py" in (tmp_path / DUMP_FILE).read_text()
    notice = read_notice(tmp_path)
    assert notice is not None
    assert "exit 7" in notice.text
    with pytest.raises(Left):  # where nothing can be written it ends all the same
        end_hung(tmp_path / "nowhere", 12.4, leave)


def test_behind_a_screen_each_hang_is_noted_once_and_nothing_is_ended(tmp_path: Path) -> None:
    watch = ScreenWatch(tmp_path)
    for hung_s, noted in ((11.0, True), (12.0, False), (59.0, False), (11.5, True), (12.5, False)):
        (tmp_path / DUMP_FILE).unlink(missing_ok=True)
        watch(hung_s)
        assert (tmp_path / DUMP_FILE).exists() is noted
    watch(11.0)
    assert "test_live_supervision.py" in (tmp_path / DUMP_FILE).read_text()
    assert read_notice(tmp_path) is None


def test_systemd_hears_of_it(tmp_path: Path) -> None:
    place = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(place)
        heard.settimeout(30)
        told = Supervisor({"NOTIFY_SOCKET": place}, SYSTEM)
        told.ready()
        told.alive()
        told.alive()  # within the second: not said again
        told.stopping()
        words = [heard.recv(100) for _ in range(3)]
    assert words == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    told.ready()  # nobody there any more
    Supervisor({}, SYSTEM).alive()


def test_the_unit(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data", env={"XDG_STATE_HOME": str(tmp_path / "state")})
    unit = bot("live", "--print-unit").out
    for line in (
        "Restart=on-failure",
        "StartLimitIntervalSec=0",
        "RestartPreventExitStatus=2 4 5",
        "WatchdogSec=60",
        "LoadCredential=key:/etc/tradebot/live.key",
        "Environment=TRADEBOT_BINANCE_KEY_FILE=%d/key",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        f'ReadWritePaths="{bot.data_dir}" "{tmp_path / "state" / "tradebot"}"',
    ):
        assert line in unit.splitlines()
    (patience,) = [line for line in unit.splitlines() if line.startswith("TimeoutStopSec=")]
    assert int(patience.partition("=")[2]) > LONGEST_S
    demo = bot.json("live", "--print-unit", TRADEBOT_EXCHANGE__ENVIRONMENT="demo").data["unit"]
    assert "TRADEBOT_BINANCE_DEMO_KEY_FILE" in demo
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    file = tmp_path / "tradebot.service"
    file.write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "tradebot.service" in line]
    assert complaints == [], done.stderr


@pytest.mark.parametrize("commands", [True, False])
def test_the_unit_of_alerts_can_close_where_a_phone_may_ask_for_it(
    tmp_path: Path, commands: bool
) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(
        '[alerts]\nchannels = ["telegram"]\n[alerts.telegram]\nchat_id = "42"\nuser_id = "42"\n'
        f"commands = {str(commands).lower()}\n"
    )
    config = load_config(file, {"TRADEBOT_EXCHANGE__ENVIRONMENT": "demo"})
    lines = alerts_unit(config, tmp_path / "state" / "tradebot").splitlines()
    assert "Environment=TRADEBOT_SECRET_TELEGRAM_TOKEN_FILE=%d/telegram" in lines
    for line in (
        "LoadCredential=key:/etc/tradebot/demo.key",
        "LoadCredential=secret:/etc/tradebot/demo.secret",
        "Environment=TRADEBOT_BINANCE_DEMO_KEY_FILE=%d/key",
        "Environment=TRADEBOT_BINANCE_DEMO_SECRET_FILE=%d/secret",
    ):
        assert (line in lines) is commands
    assert "KillMode=process" in lines  # a close-all outlives it
    assert "RestartPreventExitStatus=2" in lines  # not 5: the one that works already may end


@pytest.mark.full
def test_a_live_engine_that_hangs_is_ended_with_seven(tmp_path: Path) -> None:
    with demo_venue(tmp_path, "2026-11-26T09:30:30Z") as venue:
        bot = live_bot(tmp_path, venue)
        try:
            # not in the past, which is fed before it starts: two bars of history and the next one
            process = start_live(bot, bot.strategy("while bar.open_time >= 1795685400000: pass"))
            _, said = process.communicate(timeout=200)
            assert process.returncode == 7
            assert "own.py" in said
            assert "own.py" in (bot.data_dir / DUMP_FILE).read_text()
        finally:
            bot.clean_up()
