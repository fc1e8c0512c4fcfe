"""Output at the edges: other encodings, closed and full streams, readers that leave, ctrl-c."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

T0 = 1_746_518_400_000  # 2025-05-06T08:00Z


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return bars(tmp_path / "BTCUSDT-1m-a.csv", 400)


def bars(path: Path, count: int) -> Path:
    lines = []
    for i in range(count):
        price = 100_000 + (i * 37) % 1001
        time_ = T0 + i * 60_000
        lines.append(f"{time_},{price},{price + 10},{price - 10},{price},100,0,0,0,0,0,0")
    path.write_text("\n".join(lines) + "\n")
    return path


def shell(line: str, tmp_path: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which ``tradebot`` is this tree's; the exit code is the first command's."""
    command = f"{shlex.quote(sys.executable)} -m tradebot"
    script = f'set -o pipefail; tradebot() {{ {command} "$@"; }}; {line}'
    place = {**os.environ, "TRADEBOT_DATA_DIR": str(tmp_path / "data"), **env}
    return subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=place, capture_output=True, timeout=60
    )


def test_an_encoding_that_lacks_signs_gets_likenesses(prices: Path, tmp_path: Path) -> None:
    for encoding in ("ascii", "cp1252"):
        done = shell(f"tradebot backtest {prices} --plot", tmp_path, PYTHONIOENCODING=encoding)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
        text = done.stdout.decode(encoding)
        assert "Equity, USDT" in text
        assert "+---" in text
    done = shell(f"tradebot backtest {prices} --json", tmp_path, PYTHONIOENCODING="ascii")
    assert json.loads(done.stdout)["ok"]
    done = shell("tradebot --help", tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert b"Usage: tradebot" in done.stdout


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("tradebot backtest {} >&-", 0),
        ("tradebot backtest {} --json >&-", 0),
        ("tradebot backtest {} 2>&-", 0),
        ("tradebot backtest {} <&- >&- 2>&-", 0),
        ("tradebot backtest nothing.csv >&- 2>&-", 1),
        ("tradebot backtest {} --json <&-", 0),
        ("tradebot backtest {} 2>&1 | head -1", 0),
        ("tradebot backtest {} --json | head -c 9", 0),
        ("tradebot --help | true", 0),
        ("tradebot trades --json | true", 1),
    ],
)
def test_nobody_listens(line: str, code: int, prices: Path, tmp_path: Path) -> None:
    done = shell(line.format(prices), tmp_path)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr + done.stdout
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("words", ["backtest {}", "backtest {} --json", "--help", "strategies"])
def test_a_full_disk_is_one_line(words: str, prices: Path, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    done = shell(f"tradebot {words.format(prices)} >/dev/full", tmp_path)
    lines = [line for line in done.stderr.decode().splitlines() if not line.startswith("warning")]
    assert lines == ["error: the output cannot be written: No space left on device"]
    assert done.returncode == 1


@pytest.mark.parametrize("words", [["backtest"], ["lookahead"], ["paper", "--speed", "max"]])
def test_ctrl_c_gives_the_document(words: list[str], tmp_path: Path) -> None:
    file = bars(tmp_path / "BTCUSDT-1m-long.csv", 600_000)
    engine = subprocess.Popen(
        [sys.executable, "-m", "tradebot", *words, str(file), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TRADEBOT_DATA_DIR": str(tmp_path / "data")},
    )
    time.sleep(2.5)
    assert engine.poll() is None, engine.communicate()
    engine.send_signal(signal.SIGINT)
    out, err = engine.communicate(timeout=90)
    document = json.loads(out)
    assert (engine.returncode, b"Traceback" in err) == (130, False)
    if words[0] != "paper":  # that one stops in order, and has something to say
        assert document["error"]["kind"] == "interrupted"
    assert document["command"] == words[0]


def test_arguments_and_names_that_are_not_utf_8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    bars(folder / "BTCUSDT-1m-\x1b[31ma.csv", 90)
    line = "tradebot paper $'caf\\xe9/BTCUSDT-1m-\\e[31ma.csv' --headless --speed max"
    done = shell(line, tmp_path)
    assert done.returncode == 0
    assert b"\x1b" not in done.stdout + done.stderr
    for words, code, says in (
        ("halt --reason $'caf\\xe9 \\e[31m\\nred'", 0, b"halted"),
        ("status", 0, b"caf\\xe9 \\x1b[31m\\nred"),
        ("resume --reason $'caf\\xe9'", 0, b""),
        ("status --run $'caf\\xe9\\e[31m'", 2, b"there is no run caf\\xe9\\x1b[31m"),
        ("runs", 0, b"BTCUSDT-1m-\\x1b[31ma.csv"),
        ("compare $'\\xe9' b", 2, b"\\xe9"),
        ("config show --set $'\\xe9=\\xe9'", 2, b"\\xe9"),
        ("backtest x --strategy $'\\xe9.py:A'", 2, b"\\xe9.py:A"),
        ("backtest $'\\xe9.csv'", 1, b"\\xe9.csv: no such file"),
        ("$'\\xe9\\e[31m'", 2, b"no such command"),
    ):
        done = shell(
            f"tradebot {words} --json" if words == "runs" else f"tradebot {words}", tmp_path
        )
        said = done.stdout + done.stderr
        assert (done.returncode, b"Traceback" in said, b"\x1b" in said) == (code, False, False), (
            said
        )
        assert says in said.replace(b"\\\\", b"\\").replace(b"\\u001b", b"\\x1b"), (words, said)


def test_a_full_disk_beside_an_error_is_no_second_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    (tmp_path / "bot.toml").write_bytes(b"\xff\xfe")
    done = shell("tradebot doctor > /dev/full", tmp_path)
    said = done.stderr.decode().splitlines()
    assert done.returncode not in (0, 70)
    assert len([line for line in said if line.startswith("error:")]) == 1
    assert any(line.startswith("warning: the output cannot be written") for line in said)
