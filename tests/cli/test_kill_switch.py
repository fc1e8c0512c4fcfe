"""The kill switch works when everything else is broken: configuration, environment, streams, notes, journal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import ROOT, Bot, Done
from kits.strategy_kit import LONG

from tradebot.app import control
from tradebot.app.patience import ACCOUNT_S, SIMULATED_S
from tradebot.app.target import Request, SimulatedRuns
from tradebot.core.model.errors import LeftoverError
from tradebot.guard.lock import InstanceLock, Traded
from tradebot.guard.registry import state_dir

TRADEBOT = f"{sys.executable} -m tradebot"


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


@pytest.fixture
def engine(bot: Bot) -> subprocess.Popen[str]:
    """An engine on the directory that bot.toml names."""
    (bot.folder / "bot.toml").write_text('[data]\ndir = "data"\n')
    return bot.engine(speed=60)


def shell(bot: Bot, line: str, **env: str) -> Done:
    """Run a line of shell in the bot's folder; TRADEBOT stands for the command."""
    done = subprocess.run(
        ["sh", "-c", line.replace("TRADEBOT ", f"{TRADEBOT} ")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        cwd=bot.folder,
        timeout=90,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def rows(bot: Bot) -> list[dict[str, Any]]:
    """The HALT file's rows; the file is gone afterwards."""
    path = bot.data_dir / "HALT"
    if not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    path.unlink()
    return found


def test_a_mistake_in_the_configuration_does_not_disarm_a_kill(
    bot: Bot, engine: subprocess.Popen[str]
) -> None:
    toml = bot.folder / "bot.toml"
    good = toml.read_text()
    pipe = bot.folder / "pipe"
    os.mkfifo(pipe)

    # what is wrong does not hide which engine is meant: done, with a warning
    toml.write_text(good + "[risk.live]\nposition_value = 60\n")
    done = shell(bot, "TRADEBOT halt --json --reason fear")
    assert (done.code, done.data["halted"]) == (0, True)
    assert "position_value" in done.document["warnings"][0]
    assert [(row["kind"], row["reason"]) for row in rows(bot)] == [("halt", "fear")]
    toml.write_text(good)
    done = shell(bot, "TRADEBOT halt", TRADEBOT_X__Y="1")
    assert done.code == 0
    assert "x.y: unknown key" in done.err
    assert len(rows(bot)) == 1

    # what is wrong may hide it: every engine that runs is latched and named, and the answer is not ok
    default = Path(os.environ["XDG_DATA_HOME"]) / "tradebot"
    for text, env in (
        (good.replace('data"', "data"), {}),
        (good, {"TRADEBOT_CONFIG": str(bot.folder / "moved.toml")}),
        ("[data]\ndir = 7\n", {}),
        ("", {"TRADEBOT_CONFIG": str(pipe)}),  # reading it would never end
    ):
        toml.write_text(text)
        done = shell(bot, "TRADEBOT halt --json", **env)
        assert done.code == 2
        assert str(bot.data_dir) in done.error["message"]
        assert str(default) in done.error["message"]
        assert done.document["data"]["halted"] is True
        assert len(rows(bot)) == 1
        (default / "HALT").unlink()

    # no configuration at all, and the engine runs elsewhere
    toml.unlink()
    assert shell(bot, "TRADEBOT halt").code == 2
    assert len(rows(bot)) == 1
    assert shell(bot, "TRADEBOT halt", TRADEBOT_DATA_DIR="data").code == 0
    assert len(rows(bot)) == 1
    bot.end(engine)
    # a note that an engine left behind is none
    (default / "HALT").unlink()
    assert shell(bot, "TRADEBOT halt").code == 0
    assert rows(bot) == []
    assert (default / "HALT").exists()


def test_closed_streams_do_not_disarm_a_kill(bot: Bot, engine: subprocess.Popen[str]) -> None:
    for line in (
        "TRADEBOT halt 2>&-",
        "TRADEBOT halt >&-",
        "TRADEBOT halt <&- >&- 2>&-",
        "LC_ALL=C PYTHONIOENCODING=ascii TRADEBOT halt --reason caf\u00e9",
        "TRADEBOT halt --reason $(printf 'caf\\351')",
    ):
        assert shell(bot, line).code == 0
        assert [row["kind"] for row in rows(bot)] == ["halt"], line
    for line in ("TRADEBOT close-all 2>&-", "TRADEBOT close-all <&- >&-"):
        assert shell(bot, line).code == 0
        assert [row["kind"] for row in rows(bot)] == ["close-all"], line
    assert engine.poll() is None  # it answered all of them


def test_closed_streams_are_not_lent_to_files(bot: Bot) -> None:
    """A file that is opened later must not become what a stream was: the journal least of all."""
    done = shell(bot, "TRADEBOT paper --headless --speed max --for 2h --data-dir data <&- >&- 2>&-")
    assert done.code == 0
    assert bot.json("db", "verify").data["verified"] is True


def holding(bot: Bot, *words: object) -> subprocess.Popen[str]:
    engine = bot.engine("--strategy", bot.strategy(LONG), *words, speed=300)
    bot.until(lambda: len(bot.json("positions").data["positions"]) == 2)
    return engine


def test_the_halt_file_alone_closes(bot: Bot) -> None:
    """Where the journal cannot carry the wish, the file does."""
    engine = holding(bot)
    row = {"reason": "enough", "who": "me", "wall": 1, "kind": "close-all", "run": "paper-0009"}
    (bot.data_dir / "HALT").write_text(json.dumps(row) + "\n")
    bot.until(lambda: bot.status()["halted"])
    assert len(bot.json("positions").data["positions"]) == 2  # another run is meant
    with (bot.data_dir / "HALT").open("a") as file:
        file.write(json.dumps({**row, "run": None}) + "\n")
    bot.until(lambda: not bot.json("positions").data["positions"])
    trades = bot.json("trades").data["trades"]
    assert {trade["exit_reason"] for trade in trades} == {"close_all"}
    assert engine.poll() is None
    bot.end(engine)


def test_what_does_not_run_here_is_not_closed_here(bot: Bot) -> None:
    bot.end(holding(bot))
    engine = holding(bot, "--new")
    done = bot.json("close-all", "--run", "paper-0001", code=6)
    assert "does not run here" in done.data["how"]
    assert len(done.data["remaining"]) >= 2
    assert engine.poll() is None  # it answered: it is not fenced off for that
    assert len(bot.json("positions", "--run", "paper-0002").data["positions"]) == 2
    assert bot.status()["halted"] is True
    bot.end(engine)
    assert bot.json("close-all", "--run", "paper-0001").data["closed"] is True
    assert len(bot.json("positions", "--run", "paper-0002").data["positions"]) == 2


def test_two_at_once_end_with_the_same_truth(bot: Bot) -> None:
    bot.end(holding(bot), signal.SIGKILL)
    both = [bot.start("close-all", "--json", "--wait", "60") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=90)
        assert process.returncode == 0, (out, err)
        assert json.loads(out)["data"]["closed"] is True
    assert bot.json("db", "verify").data["verified"] is True


def test_two_at_once_on_a_hung_engine(bot: Bot) -> None:
    engine = holding(bot)
    os.kill(engine.pid, signal.SIGSTOP)
    both = [bot.start("close-all", "--json", "--wait", "60") for _ in range(2)]
    codes = [process.wait(90) for process in both]
    assert codes == [0, 0]
    assert engine.wait(90) == -signal.SIGKILL
    assert bot.json("positions").data["positions"] == []


def test_simulated_runs_are_not_waited_for_as_long_as_an_account_is(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command has the directory and keeps it: nothing outside of this machine can be waited for."""
    monkeypatch.setattr(control, "SIMULATED_S", 0.5)
    monkeypatch.setattr(control, "KILLED_S", 0.1)
    bot.end(holding(bot))
    request = Request("close-all", "me", "test", SimulatedRuns(strictly=True))
    with InstanceLock(bot.data_dir, "db restore"):
        with pytest.raises(LeftoverError, match="db restore"):
            control.see_closed(bot.data_dir, request, None)
        begun = time.monotonic()
        with pytest.raises(LeftoverError, match="db restore"):
            control.see_closed(bot.data_dir, request, 3)
        assert time.monotonic() - begun >= 3
    assert (ACCOUNT_S, SIMULATED_S) == (600, 30)


def test_a_forged_note_kills_nobody(bot: Bot) -> None:
    """The note names a bystander as the engine; another process holds the lock, or none does."""
    from tradebot.guard.process import process_start

    bot.end(holding(bot))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as victim:
        note = {"pid": victim.pid, "started": process_start(victim.pid), "role": "engine"}
        (bot.data_dir / "tradebot.pid").write_text(json.dumps(note))
        assert bot.json("close-all").data["closed"] is True
        assert victim.poll() is None
        bot("resume", "--reason", "again")
        engine = holding(bot, "--new")
        (bot.data_dir / "tradebot.pid").write_text(json.dumps(note))
        os.kill(engine.pid, signal.SIGSTOP)
        assert bot.json("close-all").data["closed"] is True
        assert engine.wait(90) == -signal.SIGKILL  # the second witness names the one that hangs
        assert victim.poll() is None


def test_a_halt_overtaken_by_a_close_all_holds(bot: Bot) -> None:
    engine = holding(bot)
    os.kill(engine.pid, signal.SIGSTOP)
    waits = bot.start("halt", "--json", "--wait", "60")
    bot.until(lambda: (bot.data_dir / "HALT").exists())
    time.sleep(1)
    assert bot.json("close-all").data["closed"] is True
    out, _ = waits.communicate(timeout=90)
    assert waits.returncode == 0
    assert json.loads(out)["data"]["halted"] is True


def test_an_account_is_never_proved_flat_by_a_journal(bot: Bot) -> None:
    for words in (("--account", "live"), ("--account", "demo")):
        error = bot.json("close-all", *words, code=6).error
        assert "cannot be told" in error["message"]
        assert words[1] in error["message"]
    assert [(row["kind"], row["account"]) for row in rows(bot)] == [
        ("close-all", "live"),
        ("close-all", "demo"),
    ]
    bot.json("close-all", "--account", "other", code=2)
    bot.json("close-all", "--account", "live", "--paper", code=2)
    assert rows(bot) == []
    (bot.folder / "bot.toml").write_text('[exchange]\nenvironment = "live"\n')
    assert bot.json("close-all").data["closed"] is True  # there is no key: paper is meant
    done = bot("close-all", "--json", code=6, TRADEBOT_BINANCE_KEY="k")
    assert "live account" in done.error["message"]
    assert bot("close-all", "--json", "--paper", TRADEBOT_BINANCE_KEY="k").data["closed"] is True


def test_a_run_without_its_journal_is_never_called_closed(bot: Bot) -> None:
    """It may be another directory's, or the journal is lost: an account may hold what it opened."""
    for run in ("live-0001", "paper-0001"):
        error = bot.json("close-all", "--run", run, code=6).error
        assert f"what {run} holds cannot be told" in error["message"]
        assert "--account" in error["hint"]
    assert [row["kind"] for row in rows(bot)] == ["close-all"] * 2
    assert (
        bot.json("close-all").data["closed"] is True
    )  # of an empty directory nothing is asked by name


def test_waiting_takes_durations(bot: Bot) -> None:
    for text in ("0", "2.5", "10m"):
        bot("halt", "--wait", text)
    for text in ("soon", "-1", "nan", "inf"):
        bot.json("halt", "--wait", text, code=2)


def test_a_halt_beside_an_engine_that_does_not_name_its_key_lies_in_no_key_s_place(
    bot: Bot,
) -> None:
    traded = Traded("demo", "127.0.0.1", "")
    with InstanceLock(bot.data_dir, traded=traded):
        bot("halt", "--reason", "fear", "--wait", "0", code=None)
    assert [row["kind"] for row in rows(bot)] == ["halt"]
    assert not (state_dir() / "accounts").exists()
