"""``keys set``, ``show`` and ``remove`` on the real command, typed on a terminal of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from kits.paper_kit import ROOT, Bot

KEY, SECRET = "K" * 60 + "abcd", "S" * 60 + "wxyz"


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bot:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "kits.file_keyring.FileKeyring")
    monkeypatch.setenv("TEST_KEYRING", str(tmp_path / "ring.json"))
    return Bot(tmp_path, tmp_path / "data")


def run(
    *words: str, typed: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run a command of ``keys`` on a terminal where something is typed; return its code and all it showed."""
    place = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", **(env or {})}
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tradebot", "keys", *words],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=place,
        start_new_session=True,
    ) as process:
        os.close(slave)
        assert process.stdout is not None
        said = ""
        for line in typed:
            while not said.endswith(
                "shown): "
            ):  # what is typed before it is asked for is thrown away
                letter = process.stdout.read(1)
                assert letter, said
                said += letter.decode()
            said += "\n"
            os.write(master, f"{line}\n".encode())
        said += process.stdout.read().decode()
        code = process.wait(90)
    os.close(master)
    assert "Traceback" not in said
    assert SECRET not in said
    assert KEY not in said
    return code, said


@pytest.mark.usefixtures("bot")
def test_a_key_is_typed_kept_shown_by_its_end_and_removed() -> None:
    code, said = run("set", "--demo", typed=(KEY, SECRET))
    assert code == 0, said
    assert "the demo key that ends in abcd is in the OS keyring" in said
    code, said = run("show")
    assert code == 0
    assert "demo  key ends in abcd, from the OS keyring" in said
    assert "live  none: `tradebot keys set`" in said
    other = {"TRADEBOT_BINANCE_DEMO_KEY": "J" * 64, "TRADEBOT_BINANCE_DEMO_SECRET": SECRET}
    code, said = run("remove", "--demo", env=other)
    assert code == 0
    assert "the demo key is out of the OS keyring" in said
    assert "warning: the environment still gives one that ends in JJJJ" in said
    assert "there was no demo key" in run("remove", "--demo")[1]


@pytest.mark.usefixtures("bot")
def test_half_a_key_beside_it_undoes_nothing() -> None:
    """What was done is said, and what keeps it from counting."""
    half = {"TRADEBOT_BINANCE_KEY": "J" * 64}
    code, said = run("set", typed=(KEY, SECRET), env=half)
    assert code == 0, said
    assert "the live key that ends in abcd is in the OS keyring" in said
    assert "TRADEBOT_BINANCE_SECRET: half a key" in said
    code, said = run("remove", env=half)
    assert code == 0, said
    assert "the live key is out of the OS keyring" in said
    assert "TRADEBOT_BINANCE_SECRET: half a key" in said


@pytest.mark.usefixtures("bot")
def test_what_is_typed_wrong_keeps_nothing() -> None:
    code, said = run("set", typed=("two words",))
    assert code == 2
    assert "error: key: can be no key" in said
    assert "none" in run("show")[1]


@pytest.mark.usefixtures("bot")
def test_without_a_keyring_it_says_where_a_key_can_be() -> None:
    null = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    code, said = run("set", typed=(KEY, SECRET), env=null)
    assert code == 1
    assert "nothing was stored" in said
    assert "TRADEBOT_BINANCE_KEY_FILE" in said


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tradebot", "keys", "set", "--json"],
        input=f"{KEY}\n{SECRET}\n",
        capture_output=True,
        text=True,
        timeout=90,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert '"kind": "usage"' in done.stdout
    assert KEY not in done.stdout + done.stderr
