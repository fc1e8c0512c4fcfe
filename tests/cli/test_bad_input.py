"""Bad input end to end: one clear line and the way out, the right exit code, nothing half-written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import ROOT, Bot
from kits.strategy_kit import LONG

FAST = ("--param", "fast=3", "--param", "slow=9")


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def complaint(bot: Bot, *words: object, code: int) -> dict[str, Any]:
    """The error as an envelope, and as words for people: one line and a hint."""
    error = bot.json(*words, code=code).error
    done = bot(*words, code=code)
    said = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(said) == 1, done.err
    assert str(error["message"]) in said[0]
    if error["hint"]:
        assert f"hint: {error['hint']}" in done.err
    return error


def nothing_written(bot: Bot) -> bool:
    return not (bot.data_dir / "tradebot.db").exists()


# -- configuration -------------------------------------------------------------------------------

CONFIGS = {
    "unknown key": ("[risk]\nprofil = 'paper'\n", "risk.profil", 2, "profile"),
    "unknown section": ("[rsik]\nprofile = 'paper'\n", "rsik", 1, "risk"),
    "wrong type": ("[sim]\nlatency_ms = 'soon'\n", "sim.latency_ms", 2, ""),
    "negative money": ("[sim]\nstart_equity = -5\n", "sim.start_equity", 2, ""),
    "a symbol off the list": ("[market]\nsymbols = ['DOGE/USDT']\n", "market.symbols", 2, ""),
    "no TOML": ("[market\n", None, 1, ""),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configuration(bot: Bot, case: str) -> None:
    text, key, line, near = CONFIGS[case]
    path = bot.folder / "bot.toml"
    path.write_text(text)
    error = complaint(bot, "paper", "--for", "10m", "--speed", "max", code=2)
    assert error["kind"] == "config"
    assert Path(error["file"]).name == "bot.toml"
    assert (error["key"], error["line"]) == (key, line)
    assert near in f"{error['message']} {error['hint']}"
    assert nothing_written(bot)


FLAGS: dict[str, tuple[str, ...]] = {
    "unknown key": ("--set", "sim.spred_bps=1"),
    "wrong type": ("--set", "sim.spread_bps=wide"),
    "negative money": ("--set", "sim.start_equity=-1"),
    "looser than a ceiling": ("--profile", "live", "--set", "risk.live.position_value=1000000"),
    "a symbol off the list": ("--symbols", "DOGE/USDT"),
    "no symbol": ("--symbols", "BTCUSDT/"),
    "no strategy": ("--strategy", "ema_crossing"),
    "no parameter": ("--param", "fats=3"),
    "parameter out of bounds": ("--param", "fast=0"),
    "no duration": ("--for", "soon"),
    "no speed": ("--speed", "-1"),
    "no timeframe": ("--timeframe", "7x"),
    "unknown option": ("--sped", "max"),
    "binance at a speed": ("--market", "binance", "--speed", "60"),
}


@pytest.mark.parametrize("case", FLAGS)
def test_flags(bot: Bot, case: str) -> None:
    words = ("paper", "--headless", *FLAGS[case])
    error = complaint(bot, *words, code=2)
    assert error["message"]
    assert error["hint"] or error["key"]
    assert nothing_written(bot)


# -- market data ---------------------------------------------------------------------------------


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def changed(line: int, text: Callable[[list[str]], str]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        lines = path.read_text().splitlines()
        lines[line - 1] = text(lines[line - 1].split(","))
        path.write_text("\n".join(lines) + "\n")

    return change


def joined(fields: list[str], index: int, value: str) -> str:
    return ",".join([*fields[:index], value, *fields[index + 1 :]])


AT_ONCE: dict[str, Callable[[Path], None]] = {
    "missing": missing,
    "empty": empty,
    "a directory": lambda path: (path.unlink(), path.mkdir())[1],  # type: ignore[func-returns-value]
    "no numbers": changed(1, lambda f: joined(f, 2, "much")),
}


@pytest.mark.parametrize("command", ["paper", "backtest"])
@pytest.mark.parametrize("case", AT_ONCE)
def test_files_that_cannot_be_used(bot: Bot, case: str, command: str) -> None:
    path = bot.klines()
    AT_ONCE[case](path)
    error = complaint(bot, command, path, code=1)
    assert error["kind"] == "data"
    assert error["file"] == str(path)


def test_overlapping_files(bot: Bot) -> None:
    one, two = bot.klines(), bot.klines(name="BTCUSDT-1m-b.csv")
    error = complaint(bot, "paper", one, two, code=1)
    assert "overlap" in error["message"]
    assert nothing_written(bot)


ON_THE_WAY: dict[str, tuple[int, Callable[[Path], None]]] = {
    "unsorted": (200, changed(200, lambda f: joined(f, 0, str(int(f[0]) - 3_600_000)))),
    "NaN": (200, changed(200, lambda f: joined(f, 4, "NaN"))),
    "infinite": (200, changed(200, lambda f: joined(f, 2, "inf"))),
    "negative": (200, changed(200, lambda f: joined(f, 3, "-1"))),
    "high below low": (200, changed(200, lambda f: joined(f, 2, "1.0"))),
    "a column too few": (200, changed(200, lambda f: ",".join(f[:4]))),
    "truncated": (300, cut),
}


@pytest.mark.parametrize("case", ON_THE_WAY)
def test_files_that_go_bad_on_the_way(bot: Bot, case: str) -> None:
    line, spoil = ON_THE_WAY[case]
    path = bot.klines()
    good = path.read_text()
    spoil(path)
    done = bot.json("paper", path, *FAST, "--speed", "max", "--headless", code=1)
    assert (done.error["kind"], done.error["line"], done.error["file"]) == ("data", line, str(path))
    if done.data is None:  # seen when the file was opened
        assert nothing_written(bot)
        return
    assert done.data["state"] == "interrupted"
    status = bot.json("status").data
    assert status["state"] == "interrupted"
    assert f"{path}:{line}" in status["error"]
    assert bot.json("db", "verify").data["verified"] is True
    # mended, the run goes on where it was: as if nothing had happened
    path.write_text(good)
    mended = bot.paper(path, *FAST)
    assert mended.data["summary"]["run"] == "paper-0001"
    straight = Bot(bot.folder, bot.folder / "straight").paper(path, *FAST)
    assert mended.data["hashes"]["signals"] == straight.data["hashes"]["signals"]


@pytest.mark.parametrize("case", ["NaN", "unsorted"])
def test_a_backtest_of_a_bad_file(bot: Bot, case: str) -> None:
    line, spoil = ON_THE_WAY[case]
    path = bot.klines()
    spoil(path)
    assert complaint(bot, "backtest", path, code=1)["line"] == line


# -- strategies ----------------------------------------------------------------------------------

UNUSABLE = {
    "does not parse": (1, "class Own(:\n"),
    "does not import": (1, "import no_such_module\n"),
    "no class": (2, "x = 1\n"),
    "no Params": (1, "class Own:\n    warmup = 0\n    def on_bar(self, bar): ...\n"),
    "wrong signature": (
        1,
        (
            "from pydantic import BaseModel\nclass Own:\n    class Params(BaseModel): ...\n"
            "    warmup = 0\n    def __init__(self, params, symbol): ...\n    def on_bar(self): ...\n"
        ),
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_strategies_that_do_not_load(bot: Bot, case: str) -> None:
    code, source = UNUSABLE[case]
    path = bot.folder / "own.py"
    path.write_text(source)
    error = complaint(bot, "paper", "--strategy", f"{path}:Own", "--for", "5m", code=code)
    assert "own.py" in f"{error['file']} {error['message']}"
    assert nothing_written(bot)


FAILING = {
    "raises": ("if self.seen == 350: raise RuntimeError('boom')", "RuntimeError: boom"),
    "nonsense": ("if self.seen == 350: return 'buy'", "returned 'buy', which is no Signal"),
    "no side": ('if self.seen == 350: return Signal("up", 0.5)', "which is no Signal"),
    "no number": ('if self.seen == 350: return Signal("long", "much")', "returned a signal with"),
}


@pytest.mark.parametrize("case", FAILING)
def test_strategies_that_fail_on_the_way(bot: Bot, case: str) -> None:
    body, words = FAILING[case]
    own = bot.strategy(body)
    done = bot.json("paper", "--strategy", own, "--for", "3h", "--speed", "max", code=1)
    assert done.error["kind"] == "strategy"
    assert words in done.error["message"]
    assert done.data["state"] == "interrupted"
    status = bot.json("status").data
    assert words in status["error"]
    assert status["halted"] is True
    assert bot.json("db", "verify").data["verified"] is True
    mended = bot.strategy("return None")  # another strategy is another run
    assert bot.paper("--strategy", mended, "--for", "10m").data["summary"]["run"] == "paper-0002"


def test_a_strategy_that_raises_again_says_so(bot: Bot) -> None:
    own = bot.strategy("if self.seen == 350: raise RuntimeError('boom')")
    bot.json("paper", "--strategy", own, "--for", "3h", "--speed", "max", code=1)
    error = complaint(bot, "paper", "--strategy", own, "--for", "3h", "--speed", "max", code=1)
    assert "boom" in error["message"]
    assert "--new" in error["hint"]
    assert [row["state"] for row in bot.json("runs").data["runs"]] == ["interrupted"]


REFUSED = {
    "NaN stop": 'return Signal("long", 0.9, stop=float("nan"))',
    "infinite target": 'return Signal("long", 0.9, stop=bar.close * 0.97, target=float("inf"))',
    "NaN confidence": 'return Signal("long", float("nan"), stop=bar.close * 0.97)',
    "confidence of 7": 'return Signal("long", 7, stop=bar.close * 0.97)',
    "stop on the wrong side": 'return Signal("long", 0.9, stop=bar.close * 1.03)',
}


@pytest.mark.parametrize("case", REFUSED)
def test_signals_that_are_refused(bot: Bot, case: str) -> None:
    own = bot.strategy(REFUSED[case])
    done = bot.paper("--strategy", own, "--for", "10m")
    assert done.data["state"] == "ended"
    signals = bot.json("signals").data["signals"]
    assert signals
    assert {row["verdict"] for row in signals} == {"refused"}
    assert all(row["refusals"] for row in signals)
    assert bot.json("orders").data["orders"] == []


# -- the journal and its directory ---------------------------------------------------------------


def newer(path: Path) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute("INSERT INTO migrations VALUES (99, 'later', 0)")
    db.close()


def foreign(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    with db:
        db.execute("CREATE TABLE songs (title TEXT)")
    db.close()


def corrupt(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(4096 * 3, len(data) - 4096, 4096):
        data[at : at + 200] = b"\xff" * 200
    path.write_bytes(data)


DATABASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "newer": (newer, "schema 99"),
    "another program's": (foreign, "another program"),
    "no database": (lambda path: path.write_bytes(b"just some text\n" * 900), "not a database"),
    "corrupt": (corrupt, "corrupt"),
}


@pytest.mark.parametrize("case", DATABASES)
def test_databases(bot: Bot, case: str) -> None:
    spoil, words = DATABASES[case]
    bot.paper("--for", "2h")
    path = bot.data_dir / "tradebot.db"
    for name in ("tradebot.db-wal", "tradebot.db-shm"):
        (bot.data_dir / name).unlink(missing_ok=True)
    spoil(path)
    before = path.read_bytes()
    error = complaint(bot, "paper", "--for", "10m", "--speed", "max", code=1)
    assert words in error["message"]
    assert error["hint"]
    assert error["file"] == str(path)
    if case != "corrupt":
        assert complaint(bot, "status", code=1)["file"] == str(path)
        assert path.read_bytes() == before
    bot("trades", code=None)  # whatever it says: no traceback


def test_a_directory_that_cannot_be_written(bot: Bot) -> None:
    (bot.folder / "file").write_text("in the way")
    for place in (bot.folder / "file" / "data", Path("/proc/tradebot")):
        there = Bot(bot.folder, place)
        error = complaint(there, "paper", "--for", "10m", "--speed", "max", code=1)
        assert str(place) in error["file"]
        assert "write" in error["hint"]
        for command in ("halt", "close-all", "status"):
            assert there.json(command, code=1).error["message"]


FULL_DISK = """
import sys
from tradebot.journal.writer import Journal
from tradebot.__main__ import main
opening = Journal.open
async def small(path, **named):
    return await opening(path, **{**named, "max_pages": int(sys.argv[1])})
Journal.open = small
from tradebot.app import runner
runner.BATCH_EVENTS = 500
runner.PATIENCE_S = 2.0  # a minute, for people
sys.exit(main(sys.argv[2:]))
"""


def test_a_full_disk(bot: Bot) -> None:
    words = ["paper", "--for", "2h", "--speed", "max", "--json", "--data-dir", str(bot.data_dir)]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, "80", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=90,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "the disk is full" in done.stdout
    assert bot.json("db", "verify").data["verified"] is True
    assert bot.status()["state"] == "interrupted"
    went_on = bot.paper("--for", "2h")
    assert went_on.data["summary"]["run"] == "paper-0001"
    straight = Bot(bot.folder, bot.folder / "straight").paper("--for", "2h")
    assert went_on.data["hashes"] == straight.data["hashes"]


def test_a_reader_that_goes_away_does_not_stop_the_engine(bot: Bot) -> None:
    engine = bot.start(
        "paper", "--strategy", bot.strategy(LONG), "--for", "2h", "--speed", "max", "--headless"
    )
    assert engine.stderr is not None
    engine.stderr.readline()
    engine.stderr.close()
    assert engine.stdout is not None
    assert "Starting capital" in engine.stdout.read()
    assert engine.wait(90) == 0
    assert bot.json("runs").data["runs"][0]["state"] == "ended"
