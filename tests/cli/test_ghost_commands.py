"""``ghost``, ``quality``, ``compare`` and ``signals --csv`` as a user has them."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import Bot
from kits.strategy_kit import LONG

FAST = ("--param", "fast=3", "--param", "slow=9")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    """A data directory with a pair of runs, for commands that only look."""
    folder = tmp_path_factory.mktemp("bot")
    bot = Bot(folder, folder / "data")
    done = bot.json("paper", bot.klines(), "--ghost", *FAST, "--speed", "max", "--headless")
    assert done.data["summary"]["run"] == "paper-0001"
    assert done.data["ghost"]["summary"]["run"] == "ghost-0001"
    return bot


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def ghost(bot: Bot, *words: object, code: int = 0) -> Any:
    return bot.json("ghost", *words, "--speed", "max", "--headless", code=code)


def test_a_ghost_run(bot: Bot) -> None:
    done = ghost(bot, "--for", "90m", *FAST)
    summary = done.data["summary"]
    assert done.document["command"] == "ghost"
    assert (summary["mode"], summary["run"]) == ("ghost", "ghost-0001")
    assert summary["signals"] >= summary["profitable"] >= 0
    assert summary["accuracy_pct"] is not None
    assert done.data["quality"]["trades"] == summary["ghost_closed"]
    assert "would be " in done.err
    assert " fill " not in done.err  # nobody traded: the shadow account is not talked of
    assert bot.json("runs").data["runs"][0]["mode"] == "ghost"


def test_people_are_told_what_would_have_been(bot: Bot) -> None:
    text = bot("ghost", bot.klines(), *FAST, "--speed", "max", "--headless").out
    assert "Signal quality of ghost-0001" in text
    assert "would be +$" in text
    assert "No order was sent anywhere." in text


def test_a_ghost_without_a_signal(bot: Bot) -> None:
    done = ghost(bot, bot.klines(50), "--strategy", bot.strategy("return None"))
    assert done.data["summary"]["signals"] == 0
    assert done.data["summary"]["accuracy_pct"] is None
    report = bot.json("quality").data["quality"]
    assert report["overall"]["trades"] == 0
    assert report["overall"]["expectancy"] is None
    assert "small sample" in bot("quality").err


def test_a_failing_strategy(bot: Bot) -> None:
    broken = bot.strategy("raise ValueError('no idea')")
    done = ghost(bot, bot.klines(50), "--strategy", broken, code=1)
    assert "no idea" in done.error["message"]


def test_signals_that_never_stop(bot: Bot) -> None:
    """A signal a bar: each is a trade of its own, however many are open."""
    done = ghost(bot, bot.klines(200), "--strategy", bot.strategy(LONG))
    assert done.data["summary"]["signals"] == 200
    assert done.data["summary"]["ghost_closed"] + done.data["summary"]["ghost_unfilled"] == 200
    verdicts = {row["verdict"] for row in bot.json("signals").data["signals"]}
    assert {"approved", "held"} <= verdicts


def test_paper_with_a_ghost_beside_it(shared: Bot) -> None:
    runs = {row["id"]: row for row in shared.json("runs").data["runs"]}
    assert {"paper-0001", "ghost-0001"} == set(runs)
    hashes = [runs[name]["summary"]["hashes"] for name in sorted(runs)]
    assert hashes[0] == hashes[1]
    assert shared.json("status").data["run"] == "paper-0001"


def test_the_quality_report(shared: Bot, tmp_path: Path) -> None:
    page = tmp_path / "quality.html"
    done = shared.json("quality", "--html", page)
    report = done.data["quality"]
    assert report["runs"][0]["run"] == "ghost-0001"
    assert report["runs"][0]["notional"] == "1000"
    overall = report["overall"]
    assert overall["trades"] == report["closed"] == report["signals"] - report["unfilled"]
    assert float(overall["accuracy_low_pct"]) < float(overall["accuracy_pct"])
    assert "bootstrap" in overall["expectancy_interval"]
    assert set(report["by"]) == {"symbol", "side", "tier", "hour", "verdict", "strategy"}
    assert any("365" in note for note in report["notes"])
    text = shared("quality").out
    assert "Signal quality of ghost-0001" in text
    assert "By verdict" in text
    assert "x √365" in text
    html = page.read_text()
    parser = HTMLParser()
    parser.feed(html)
    parser.close()
    assert "http://" not in html
    assert "https://" not in html
    assert "Signal quality of ghost-0001" in html
    assert "refuses" not in html


def test_the_page_escapes_what_a_run_says(bot: Bot) -> None:
    folder = bot.folder / "<b>x"
    folder.mkdir()
    ghost(bot, bot.klines(name="<i>&BTCUSDT-1m.csv"), "--symbols", "BTC/USDT", *FAST)
    page = bot.folder / "page.html"
    bot("quality", "--html", page)
    assert "<i>" not in page.read_text()


def test_the_page_takes_the_place_of_files_only(shared: Bot, tmp_path: Path) -> None:
    """A pipe, a link to one and a device stay what they are; a link to a file is followed."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    bad = {"pipe": "a pipe", "link": "a pipe"}
    with contextlib.suppress(PermissionError):  # only root can make one
        os.mknod(tmp_path / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        bad["device"] = "a character device"

    def found() -> list[tuple[int, int, float]]:
        there = [os.lstat(tmp_path / name) for name in bad]
        return [(one.st_mode, one.st_ino, one.st_mtime) for one in there]

    before = found()
    for name, kind in bad.items():
        error = shared.json("quality", "--html", tmp_path / name, code=2).error
        assert f"is {kind}, not a file: it was left as it is" in error["message"]
        assert f"is {kind}" in shared("signals", "--csv", tmp_path / name, code=2).err
    assert found() == before
    (tmp_path / "page.html").write_text("old")
    (tmp_path / "other").symlink_to("page.html")
    shared("quality", "--html", tmp_path / "other")
    assert (tmp_path / "other").is_symlink()
    assert "Signal quality" in (tmp_path / "page.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*bad, "other", "page.html"])


def test_signals_as_csv(shared: Bot, tmp_path: Path) -> None:
    target = tmp_path / "signals.csv"
    done = shared.json("signals", "--run", "ghost-0001", "--csv", target)
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (
        done.data["count"]
        == len(rows)
        == len(shared.json("signals", "--run", "ghost-0001").data["signals"])
    )
    closed = [row for row in rows if row["ghost_state"] == "closed"]
    assert all(row["outcome_pnl"] == row["ghost_pnl"] for row in closed)
    piped = shared("signals", "--run", "ghost-0001", "--csv", "-", "--verdict", "refused").out
    assert piped == piped.strip("\n") + "\n"
    assert {row["verdict"] for row in csv.DictReader(io.StringIO(piped))} <= {"refused"}
    none = shared("signals", "--run", "paper-0001", "--csv", "-", "--since", "2030-01-01").out
    assert none.startswith("id,run,time,symbol,side")
    assert none.count("\n") == 1


def test_comparing(shared: Bot) -> None:
    done = shared.json("compare", "paper-0001", "ghost-0001")
    assert done.data["compare"] == []
    assert done.data["hashes"] == {"signals": "equal", "orders": "equal", "fills": "equal"}
    text = shared("compare", "paper-0001", f"{shared.data_dir}#ghost-0001").out
    assert "No decision and no outcome differs." in text


def test_comparing_what_differs(bot: Bot) -> None:
    file = bot.klines()
    ghost(bot, file, *FAST)
    ghost(bot, file, *FAST, "--set", "risk.paper.entry_interval_s=3600")
    rows = bot.json("compare", "ghost-0001", "ghost-0002").data["compare"]
    assert {"time", "symbol", "side", "what", "first", "second", "why"} == set(rows[0])
    assert len(bot.json("compare", "ghost-0001", "ghost-0002", "-n", "1").data["compare"]) == 1
    text = bot("compare", "ghost-0001", "ghost-0002").out
    assert "risk.paper.entry_interval_s" in text
    assert "verdict" in text


BAD: list[tuple[tuple[str, ...], int, str]] = [
    (("quality", "--run", "paper-0001"), 2, "paper-0001 is no ghost run"),
    (("quality", "--run", "ghost-0009"), 2, "there is no run ghost-0009"),
    (("quality", "--run", "ghost-0001", "--all"), 2, "--run names one run"),
    (("quality", "--html", "/nowhere/at/all.html"), 2, "does not exist"),
    (("signals", "--csv", "/nowhere/at/all.csv"), 2, "does not exist"),
    (("signals", "--csv", "-"), 2, "both want stdout"),
    (("compare", "paper-0001", "paper-0002"), 2, "there is no run paper-0002"),
    (("compare", "paper-0001", "nowhere#paper-0001"), 1, "no journal"),
    (("compare", "paper-0001"), 2, "missing argument"),
    (("ghost", "--set", "ghost.notional=0"), 2, "ghost.notional"),
    (("ghost", "--set", "ghost.notional=lots"), 2, "ghost.notional"),
    (("ghost", "nowhere.csv"), 1, "nowhere.csv"),
    (("ghost", "--market", "binance", "--speed", "60"), 2, "speed"),
]


@pytest.mark.parametrize(("words", "code", "said"), BAD)
def test_bad_input(shared: Bot, words: tuple[str, ...], code: int, said: str) -> None:
    error = shared.json(*words, code=code).error
    told = " ".join(str(value) for value in error.values())
    assert said.lower() in told.lower()


def test_nothing_there_yet(bot: Bot) -> None:
    for words in (("quality",), ("compare", "a", "b")):
        assert bot.json(*words, code=1).error["kind"] == "journal"
