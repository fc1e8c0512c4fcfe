"""``close-all`` of an account as a person meets it: what it names, when it asks, what it leaves alone."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from kits.demo_kit import demo_words
from kits.disaster_kit import ETH, QUIET, XRP, Scene, scene
from kits.strategy_kit import LONG

from tradebot.app.closed import Closed
from tradebot.cli.close_all_command import _text
from tradebot.guard.latch import halt_present, read_halts

pytestmark = pytest.mark.slow


def on_terminal(it: Scene, answer: bytes, *words: str) -> tuple[int, str]:
    """Run close-all on a terminal and answer its question; return its exit code and what it said."""
    master, slave = os.openpty()
    command = [sys.executable, "-m", "tradebot", "close-all", *words]
    process = subprocess.Popen(
        [*command, "--data-dir", str(it.bot.data_dir)],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        env=it.bot._env(it.exchange),
        cwd=it.folder,
    )
    os.close(slave)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(master, 4096)
    kinds = [row.kind for row in read_halts(it.bot.data_dir)]
    assert kinds == ["halt"]  # it asks after the latch
    assert halt_present(it.account_dir)
    os.write(master, answer)
    out, _ = process.communicate(timeout=90)
    os.close(master)
    return process.returncode, said.decode() + out.decode()


def test_it_asks_after_the_latch_and_no_leaves_it(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        code, said = on_terminal(it, b"n\n")
        assert code == 130
        host = it.venue.url.removeprefix("http://")
        assert f"target: the demo account at {host}, key ...{it.venue.key[-4:]}" in said
        assert "XRP/USDT short 40" in said
        assert it.venue.held() == ["XRPUSDT"]
        assert it.changes() == []
        assert halt_present(it.bot.data_dir)
        assert halt_present(it.account_dir)
        for secret in (it.venue.key, it.venue.secret):
            assert secret not in said

        (it.bot.data_dir / "HALT").unlink()
        code, said = on_terminal(it, b"y\n")
        assert code == 0
        assert it.flat()
        assert {row.kind for row in read_halts(it.account_dir)} == {"halt", "close-all"}


def test_a_terminal_that_is_lost_ends_nothing(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        it.faults({"do": "error", "code": -1008, "method": "POST", "path": "/fapi/v1/order"})
        master, slave = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "tradebot", "close-all", "--data-dir", str(it.bot.data_dir)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=it.bot._env(it.exchange),
            cwd=it.folder,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            text=True,
        )
        it.bot.started.append(process)
        os.close(slave)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(master, 4096)
        os.write(master, b"y\n")
        it.bot.until(lambda: any(step.step == "answer" for step in it.steps()))
        os.close(master)
        time.sleep(1)
        it.faults()
        assert process.wait(60) == 0
        assert it.flat()
        (ended,) = [step for step in it.steps() if step.step == "result"]
        assert ended.more["code"] == 0


def test_a_dry_run_sends_nothing_and_latches_nothing(tmp_path: Path) -> None:
    with scene(tmp_path, XRP, ETH) as it:
        rows = it.close_all("--dry-run")["data"]["plan"]
        assert [(r["symbol"], r["side"], r["what"]) for r in rows] == [
            ("ETH/USDT", "long", "position"),
            ("XRP/USDT", "short", "position"),
        ]
        assert it.changes() == []
        assert not halt_present(it.bot.data_dir)
        assert not halt_present(it.account_dir)
        away = it.bot("close-all", "--dry-run", "--account", "demo", "--json", code=3,
                      TRADEBOT_EXCHANGE__URL="http://127.0.0.1:9")  # fmt: skip
        assert away.error["kind"] == "exchange"


def test_what_was_closed_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut or folded but words; what is not known is no zero."""
    monkeypatch.setenv("COLUMNS", "80")
    blank = dict.fromkeys(("qty", "close_price", "pnl", "fees", "slippage", "slippage_pct"))
    eth = {"symbol": "ETH/USDT", "side": "long", "qty": "0.274", "entry_price": "3637.37128",
           "close_price": "3637.96", "pnl": "0.16166", "fees": "0.49840052", "mark": "3637.6567",
           "slippage": "-0.0831042", "slippage_pct": "-0.00833779"}  # fmt: skip
    xrp = {"symbol": "XRP/USDT", "side": "short", "entry_price": "2.2", "mark": None, **blank}
    steps = [{"step": "first close", "at_s": 2.31}, {"step": "proved", "at_s": 6.4}]
    proof = {"reads": ["2026-11-27T22:14:07Z", "2026-11-27T22:14:11Z"], "quiet_s": 4.0}
    said = _text(Closed([], "no engine runs", [eth, xrp], steps, proof), done=True)
    lines = said.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "closed  yes"
    (row,) = [line.split() for line in lines if line.startswith("ETH/USDT")]
    assert row == [
        "ETH/USDT",
        "long",
        "0.274",
        "3637.37",
        "3637.96",
        "+0.16",
        "0.4984",
        "-0.0831",
        "-0.0083",
    ]
    (row,) = [line.split() for line in lines if line.startswith("XRP/USDT")]
    assert row == ["XRP/USDT", "short", "-", "2.2000", "-", "-", "-", "-", "-"]
    assert "steps   first close 2.3 s, proved 6.4 s" in lines
    assert "2026-11-27T22:14:07Z and 2026-11-27T22:14:11Z: both show nothing" in said
    nothing = _text(Closed([], "no engine runs", [], steps, proof), done=True)
    assert "Nothing had to be closed." in nothing


def test_an_account_that_was_not_meant_is_named(tmp_path: Path) -> None:
    """Keys are there, the environment is local: paper is closed, in an empty directory too."""
    with scene(tmp_path, XRP) as it:
        document = it.bot.json("close-all").document
        assert document["data"]["closed"] is True
        (warning,) = document["warnings"]
        assert "the demo account" in warning
        assert f"...{it.venue.key[-4:]}" in warning
        assert "was not touched" in warning
        assert it.venue.held() == ["XRPUSDT"]
        assert it.bot.json("close-all", "--paper").document["warnings"] == []


def test_an_account_needs_no_journal_and_no_directory_is_too_broken(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        data_dir = it.bot.data_dir
        data_dir.mkdir()
        (data_dir / "tradebot.db").write_bytes(b"no database at all " * 500)
        data = it.close_all()["data"]
        assert data["closed"] is True
        assert "no journal was read; requests of this host ended" in data["how"]
        assert it.flat()


def test_nonsense_is_one_line(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        for words in (
            ("--wait", "soon"),
            ("--wait", "-3"),
            ("--account", "moon"),
            ("--account", "demo", "--paper"),
        ):
            done = it.bot("close-all", *words, "--json", code=2)
            assert done.error["hint"], words
        assert it.changes() == []
        it.bot.env.pop("TRADEBOT_BINANCE_DEMO_SECRET")
        half = it.close_all(code=6)
        assert "cannot be told" in half["error"]["message"]
        assert json.dumps(half).count(it.venue.key) == 0


def test_a_configuration_that_cannot_be_read_does_not_hide_the_account(tmp_path: Path) -> None:
    """The engine's own note says which account it trades, where, and with which key."""
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        (tmp_path / "bot.toml").write_text("[data\ndir = ")
        done = subprocess.run(
            [sys.executable, "-m", "tradebot", "close-all", "--json"],
            env=it.bot._env({}),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        assert json.loads(done.stdout)["data"]["how"].startswith("closed by the engine")
        assert "bot.toml" in json.loads(done.stdout)["warnings"][0]
        assert it.flat()
        assert engine.poll() is None


def test_ctrl_c_leaves_the_latch_and_says_what_is_open(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        it.faults({"do": "error", "code": -1008, "method": "POST", "path": "/fapi/v1/order"})
        closing = it.closing("--account", "demo", "--wait", "10m")
        it.bot.until(lambda: any(step.step == "answer" for step in it.steps()))
        closing.send_signal(signal.SIGINT)
        _, said = closing.communicate(timeout=60)
        assert closing.returncode == 130
        assert "trading stays halted" in said
        assert "XRP/USDT position" in said
        assert halt_present(it.bot.data_dir)
        it.faults()
        assert it.close_all()["data"]["closed"] is True


def test_paper_beside_the_account_is_closed_too(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        it.bot.engine("--strategy", it.bot.strategy(LONG), speed=300)
        it.bot.until(lambda: it.bot.status()["open_positions"])
        data = it.close_all()["data"]
        assert data["closed"] is True
        assert "closed by the engine" in data["how"]
        assert it.flat()
        assert it.bot.status()["open_positions"] == 0


def test_a_key_lock_that_cannot_be_made_keeps_an_engine_from_starting_and_nobody_from_closing(
    tmp_path: Path,
) -> None:
    with scene(tmp_path, XRP) as it:
        accounts = it.account_dir.parent
        accounts.parent.mkdir(parents=True)
        accounts.write_text("no directory")
        words = demo_words(it.venue, it.bot.strategy(QUIET))
        error = it.bot(*words, code=1).error
        assert "accounts" in error["file"]
        assert [row for row in it.requests() if "timestamp" in row["params"]] == []
        assert it.close_all()["data"]["closed"] is True
        assert it.flat()
