"""``halt``, ``resume`` and ``close-all`` from another process: engine running, stopped, hung, dead, none."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import Bot
from kits.strategy_kit import LONG


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def latched(bot: Bot) -> bool:
    return (bot.data_dir / "HALT").exists()


def positions(bot: Bot) -> list[dict[str, Any]]:
    rows = bot.json("positions").data["positions"]
    assert isinstance(rows, list)
    return rows


def holding(bot: Bot, speed: int = 300) -> Any:
    """An engine that holds a position in each symbol."""
    engine = bot.engine("--strategy", bot.strategy(LONG), speed=speed)
    bot.until(lambda: len(positions(bot)) == 2)
    return engine


def verified(bot: Bot) -> bool:
    return bot.json("db", "verify").data["verified"] is True


def test_halt_and_resume_a_running_engine(bot: Bot) -> None:
    engine = bot.engine(speed=60)
    done = bot.json("halt", "--reason", "lunch")
    assert done.data["halted"] is True
    assert latched(bot)
    status = bot.status()
    assert status["halted"] is True
    assert "lunch" in status["halts"][0]["detail"]
    assert bot.json("resume", code=2).error["hint"] == "tradebot resume --reason TEXT"
    assert latched(bot)
    assert bot.json("resume", "--reason", "back").data["halted"] is False
    assert not latched(bot)
    assert bot.status()["halted"] is False
    assert bot.status()["engine"] == "running"
    assert bot.end(engine).code == 0
    assert verified(bot)


def test_no_entry_leaves_while_halted(bot: Bot) -> None:
    bot("halt", "--reason", "wait")
    engine = bot.engine("--strategy", bot.strategy(LONG), speed=600)
    bot.until(lambda: len(bot.json("signals").data["signals"]) >= 4)
    assert bot.json("orders").data["orders"] == []
    assert {row["verdict"] for row in bot.json("signals").data["signals"]} == {"refused"}
    assert latched(bot)  # neither the engine nor its end removes it
    bot.end(engine)
    assert latched(bot)
    engine = bot.engine("--strategy", bot.strategy(LONG), speed=600)
    bot("resume", "--reason", "go")
    bot.until(lambda: bot.json("orders").data["orders"])
    assert bot.end(engine).code == 0


def test_the_file_alone_halts(bot: Bot) -> None:
    engine = bot.engine(speed=60)
    (bot.data_dir / "HALT").touch()
    bot.until(lambda: bot.status()["halts"])
    assert "HALT file" in bot.status()["halts"][0]["detail"]
    bot.end(engine)


def test_halt_before_any_run(bot: Bot) -> None:
    done = bot.json("halt", "--reason", "not yet")
    assert done.data["halted"] is True
    assert "starts halted" in done.data["result"]
    assert latched(bot)
    done = bot.paper("--strategy", bot.strategy(LONG), "--for", "20m")
    assert done.data["summary"]["halts"] == 1
    assert bot.json("orders").data["orders"] == []


def test_resume_before_any_run(bot: Bot) -> None:
    bot("halt")
    assert bot.json("resume", "--reason", "oops").data["halted"] is False
    assert not latched(bot)
    assert not (bot.data_dir / "tradebot.db").exists()


def test_close_all_before_any_run(bot: Bot) -> None:
    done = bot.json("close-all")
    assert done.data["closed"] is True
    assert latched(bot)


def test_close_all_by_the_engine(bot: Bot) -> None:
    engine = holding(bot)
    done = bot.json("close-all", "--reason", "enough")
    assert done.data == {"closed": True, "how": "closed by the engine", "remaining": []}
    assert positions(bot) == []
    assert bot.json("orders", "--open").data["orders"] == []
    assert engine.poll() is None  # it goes on, halted
    assert bot.status()["halted"] is True
    trades = bot.json("trades").data["trades"]
    assert {row["exit_reason"] for row in trades} == {"close_all"}
    assert bot.json("close-all").data["closed"] is True  # twice is harmless
    assert bot.end(engine).code == 0
    assert verified(bot)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "dead"])
def test_close_all_without_an_engine(bot: Bot, number: int) -> None:
    bot.end(holding(bot), number)
    assert len(positions(bot)) == 2
    done = bot.json("close-all")
    assert done.data["closed"] is True
    assert "no engine runs" in done.data["how"]
    assert positions(bot) == []
    assert bot.json("orders", "--open").data["orders"] == []
    assert len(bot.json("trades").data["trades"]) == 2
    assert verified(bot)
    assert bot.json("close-all").data["closed"] is True
    goes_on_flat(bot)


def goes_on_flat(bot: Bot) -> None:
    """The run goes on halted, and after a resume it trades again."""
    done = bot.paper("--strategy", f"{bot.folder}/own.py:Own", "--for", "200m")
    assert done.data["summary"]["run"] == "paper-0001"
    assert done.data["positions"] == []
    assert latched(bot)
    assert verified(bot)


def test_close_all_of_a_hung_engine_fences_it_off(bot: Bot) -> None:
    engine = holding(bot)
    os.kill(engine.pid, signal.SIGSTOP)
    done = bot.json("close-all")
    assert done.data["closed"] is True
    assert engine.wait(90) == -signal.SIGKILL
    assert positions(bot) == []
    assert verified(bot)
    # what the dead engine was asked is answered: the next one does not do it again
    bot("resume", "--reason", "again")
    engine = bot.engine("--strategy", f"{bot.folder}/own.py:Own", speed=600)
    time.sleep(1)
    assert bot.status()["halted"] is False
    bot.end(engine)


def test_halt_of_a_hung_engine_latches(bot: Bot) -> None:
    engine = bot.engine(speed=60)
    os.kill(engine.pid, signal.SIGSTOP)
    done = bot.json("halt", "--wait", "0.5")
    assert done.data["halted"] is True
    assert "not answered" in done.data["result"]
    assert latched(bot)
    assert bot.json("resume", "--reason", "x", "--wait", "0.5", code=4).error["kind"] == "refused"
    os.kill(engine.pid, signal.SIGCONT)
    bot.end(engine)


def test_what_is_left_is_exit_code_6(bot: Bot) -> None:
    """A market that has nothing to say does not fill: the answer is 6 and the list of what remains."""
    engine = bot.engine(bot.klines(), "--strategy", bot.strategy(LONG), speed=300)
    bot.until(lambda: positions(bot))
    bot.end(engine)
    seen = bot.log("Bar")
    engine = bot.engine(bot.klines(), "--strategy", bot.strategy(LONG), speed=0.1)
    bot.until(
        lambda: bot.log("Bar") > seen
    )  # the first price comes at once, and the next one not for minutes
    done = bot.json("close-all", "--wait", "0.2", code=6)
    assert done.data["closed"] is False
    assert done.data["remaining"][0]["symbol"] == "BTC/USDT"
    assert "still open: BTC/USDT" in done.error["message"]
    bot.end(engine)
    assert bot.json("close-all").data["closed"] is True


def test_what_cannot_be_read_is_never_nothing(bot: Bot) -> None:
    bot.paper("--for", "5m")
    (bot.data_dir / "tradebot.db").write_bytes(b"no database at all " * 500)
    for name in ("tradebot.db-wal", "tradebot.db-shm"):
        (bot.data_dir / name).unlink(missing_ok=True)
    error = bot.json("close-all", code=6).error
    assert "cannot be told" in error["message"]
    assert latched(bot)
    assert bot.json("halt").data["halted"] is True


def test_all_interrupted_runs_are_closed(bot: Bot) -> None:
    bot.end(holding(bot))
    bot.end(bot.engine("--strategy", bot.strategy(LONG), "--new", speed=600))
    assert len(bot.json("positions", "--run", "paper-0001").data["positions"]) == 2
    assert bot.json("close-all").data["closed"] is True
    for run in ("paper-0001", "paper-0002"):
        assert bot.json("positions", "--run", run).data["positions"] == []
    assert bot.status()["run"] == "paper-0002"


def test_a_stale_stop_does_not_stop_the_next_engine(bot: Bot) -> None:
    bot.end(bot.engine(speed=600), signal.SIGKILL)
    with sqlite3.connect(bot.data_dir / "tradebot.db") as db:
        db.execute(
            "INSERT INTO commands (run, name, who, reason, wall) VALUES (NULL, 'stop', 'x', 'y', 1)"
        )
    db.close()
    done = bot.paper("--for", "2h")
    assert done.data["state"] == "ended"
    assert verified(bot)
