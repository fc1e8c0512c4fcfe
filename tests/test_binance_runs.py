"""``paper`` and ``ghost`` on Binance's prices as a user has them: the installed command on the loopback venue."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kits.demo_kit import misbehave
from kits.paper_kit import Bot

TRADEBOT = Path(sys.executable).with_name("tradebot")


@dataclass
class Running:
    """A venue in a process of its own, and a bot that is told of it."""

    bot: Bot
    url: str
    words: tuple[str, ...]

    def start(self, mode: str, *more: str) -> subprocess.Popen[str]:
        return self.bot.start(mode, *self.words, "--headless", "--json", *more)


@contextmanager
def venue(*more: str, clock: str = "2026-11-26T09:10:20Z") -> Iterator[str]:
    command = [str(TRADEBOT), "venue", "--json", "--clock", clock, *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    bot = Bot(tmp_path, tmp_path / "data")
    try:
        with venue() as url:
            yield Running(bot, url, ("--market", "binance", "--set", f"exchange.url={url}"))
    finally:
        bot.clean_up()


def test_a_paper_run_survives_kill_9_and_stops_in_order(running: Running) -> None:
    bot = running.bot
    first = running.start("paper", "--ghost")
    bot.until(lambda: running.bot.log() > 20)
    status = bot.status()
    label = f"LOOPBACK {running.url.removeprefix('http://')} (BTC/USDT, ETH/USDT)"
    assert status["market"] == label
    assert running.bot.log("Bar") >= 600  # the past, for the strategies
    first.kill()
    first.communicate()
    before = running.bot.log()
    again = running.start("paper", "--ghost")
    bot.until(lambda: running.bot.log() > before + 20)
    done = bot.end(again, signal.SIGINT)
    assert done.code == 130, done.err
    assert "paper-0001 was interrupted and goes on" in done.err
    assert done.data["summary"]["market"] == label
    assert done.data["state"] == "interrupted"
    assert bot("db", "verify").code == 0


def test_a_ghost_on_binance_ends_with_its_time(running: Running) -> None:
    done = running.bot.json("ghost", *running.words, "--headless", "--for", "3s")
    assert done.data["summary"]["mode"] == "ghost"
    assert done.data["state"] == "ended"


def test_a_start_that_cannot_be_is_told_in_one_line(running: Running) -> None:
    def refused(code: int, *words: str) -> dict[str, Any]:
        return running.bot.json(*words, "--headless", code=code).error

    fast = refused(2, "paper", *running.words, "--speed", "5")
    assert fast["key"] == "market.speed"
    assert "their own speed" in fast["message"]
    away = ("--market", "binance", "--set", "exchange.url=http://127.0.0.1:9")
    gone = refused(3, "ghost", *away)
    assert "cannot reach 127.0.0.1:9" in gone["message"]
    assert gone["hint"]
    abroad = refused(2, "paper", "--market", "binance", "--set", "exchange.url=http://10.0.0.1")
    assert "loopback" in abroad["message"]
    assert not (running.bot.data_dir / "tradebot.db").exists()


def test_what_was_downloaded_is_backtested(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    day = ("--from", "2026-11-25", "--to", "2026-11-25", "--dir", str(tmp_path / "got"))
    with venue(clock="2026-11-26T03:00:00Z") as url:
        place = ("--set", f"exchange.url={url}")

        def download() -> Any:
            command = [str(TRADEBOT), "download", "BTCUSDT", *day, *place, "--json"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
            return json.loads(done.stdout)["data"]["download"]

        (new,) = download()
        (kept,) = download()
    assert (new["state"], kept["state"]) == ("new", "kept")
    assert new["rows"] == kept["rows"] > 200
    done = bot.json("backtest", new["file"])
    assert done.data["summary"]["market"].startswith("BTCUSDT-1m-2026-11-25")


PAGE = '[[fault]]\ndo = "answer"\nstatus = 200\nbody = "<html>hello</html>"\npath = "/fapi/v1/klines"\n'


@pytest.mark.parametrize("words", [("ghost",), ("paper", "--ghost")], ids=" ".join)
def test_a_run_that_gets_no_price_says_why_and_nothing_else(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    rules = tmp_path / "faults.toml"
    rules.write_text(PAGE)
    bot = Bot(tmp_path, tmp_path / "data")
    with venue("--faults", str(rules)) as url:
        run = (*words, "--market", "binance", "--set", f"exchange.url={url}", "--headless")
        done = bot(*run, "--json", code=3)
        assert "answered klines with something" in done.error["message"]
        said = subprocess.run(
            [str(TRADEBOT), *run, "--data-dir", str(tmp_path / "other")],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (said.returncode, said.stdout) == (3, "")
        assert "warning" not in said.stderr
        assert said.stderr.count("error: ") == 1


def test_a_run_that_goes_on_and_gets_no_price_does_not_repeat_what_it_was(running: Running) -> None:
    bot = running.bot
    first = running.start("paper")
    bot.until(lambda: running.bot.log() > 5)
    first.kill()
    first.communicate()
    # the rules are read with the first five of a start; what is read next has no clock
    late = [{"do": "answer", "status": 403, "path": "*/time", "nth": n} for n in range(6, 11)]
    misbehave(running.url, *late)
    told = bot("paper", *running.words, "--headless", code=3)
    assert told.out == ""
    assert "paper-0001 was interrupted and goes on" in told.err
    assert "HTTP 403" in told.err
    assert told.err.count("error: ") == 1
