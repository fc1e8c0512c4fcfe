"""``tradebot live`` on the loopback venue: what lets it start, what it sends, and how it goes on after it broke off."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kits.demo_kit import DemoVenue, demo_venue
from kits.live_run_kit import EARLY, Held, check, held_run, live_bot, start_live
from kits.paper_kit import Bot
from kits.strategy_kit import LONG

from tradebot.journal.reader import Reader

pytestmark = pytest.mark.slow

SENT = ("POST", "PUT", "DELETE")


def sent(venue: DemoVenue) -> list[str]:
    """What was sent that can change something, in order; the stream's key aside."""
    return [
        f"{row['method']} {row['path'].rpartition('/')[2]}"
        for row in venue.rows("request")
        if row["method"] in SENT and not row["path"].endswith("listenKey")
    ]


@pytest.mark.full  # in parts it is played always: the disasters begin with the word and go on without it
def test_a_live_run_from_its_word_to_its_last_stop(tmp_path: Path) -> None:
    """Checked, confirmed, rehearsed, entered at a protected price; killed, it goes on; stopped in order, it asks again."""
    with demo_venue(tmp_path, EARLY) as venue:
        bot, other = live_bot(tmp_path, venue), live_bot(tmp_path, venue, "other")
        words = ("live", "--strategy", bot.strategy(LONG), "--headless")
        try:
            first = start_live(bot, words[2])
            bot.until(lambda: venue.held() and venue.stops())
            (entry,) = venue.asked("POST", "/fapi/v1/order")
            assert (entry["params"]["type"], entry["params"]["timeInForce"]) == ("LIMIT", "IOC")
            assert float(entry["params"]["price"]) * float(entry["params"]["quantity"]) <= 50
            assert sent(venue)[:4] == [
                "POST leverage",
                "POST algoOrder",
                "DELETE algoOrder",
                "POST order",
            ]
            modes = [run["mode"] for run in bot.json("runs").data["runs"]]
            assert modes == ["live", "ghost"]
            assert bot("positions").out.startswith("LIVE live-0001")
            assert "LIVE" in bot("status").out

            assert "account of this key" in other.json("live", code=5).error["message"]
            paper = bot.json("paper", "--market", "sim", "--headless", "--for", "1m", code=5)
            assert "an engine already runs" in paper.error["message"]

            first.kill()
            first.communicate()
            orders = len(venue.asked("POST", "/fapi/v1/order"))
            again = bot.start(*words, "--json")
            bot.until(lambda: ("resumed", "checklist") in halts_of(bot))
            done = bot.end(again)
            assert done.code == 0
            assert "it goes on" in done.err
            assert len(venue.asked("POST", "/fapi/v1/order")) == orders
            assert "still holds ETH/USDT long" in str(done.document["warnings"])

            only = bot.start(*words, "--json")  # it ended in order: a word is wanted again
            bot.until(lambda: "word: real money needs a word" in str(bot.status().get("halts")))
            assert bot.json("close-all").data["closed"] is True
            _, said = only.communicate(timeout=90)
            assert only.returncode == 4, said
            assert "PROTECT ONLY" in said
            assert not venue.held()
        finally:
            bot.clean_up()
            other.clean_up()


def halts_of(bot: Bot) -> list[tuple[str, str]]:
    """What the newest live run's journal has of halts and resumes, in order."""
    with Reader(bot.data_dir / "tradebot.db") as reader:
        run = reader.newest_run("live")
        assert run is not None
        return [(row.event, row.reason) for row in reader.halts(run.id)]


def test_no_word_no_order(tmp_path: Path) -> None:
    """No token, a wrong one, one of another configuration, one used up, a wrong word: exit 4 and nothing is sent."""
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue)
        words = ("live", "--headless")
        assert "real money needs a word" in bot.json(*words, code=4).error["message"]
        none = bot.json(*words, "--confirm-live", "123456789abc", code=4).error
        assert "no token waits" in none["message"]
        token = check(bot).data["token"]
        assert token not in (bot.data_dir / "live.token").read_text()
        wrong = bot.json(*words, "--confirm-live", "123456789abc", code=4).error
        assert "not the token" in wrong["message"]
    with demo_venue(
        tmp_path, EARLY
    ) as venue:  # a check costs a good part of a minute's request weight
        bot = live_bot(tmp_path, venue)
        fewer = ("--set", "risk.live.max_positions=1")
        other = bot.json(*words, *fewer, "--confirm-live", token, code=4).error
        assert "for another start" in other["message"]
        used = bot.json(*words, "--confirm-live", token, code=4).error
        assert "no token waits" in used["message"]
        assert "in capitals" in typed(bot, "live", 4)
        assert sent(venue) == []


def typed(bot: Bot, word: str, code: int) -> str:
    """Start live on a terminal and type a word; return what was shown."""
    master, slave = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "tradebot",
        "live",
        "--headless",
        "--data-dir",
        str(bot.data_dir),
    ]
    process = subprocess.Popen(
        command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=bot.folder,
        env={**os.environ, **bot.env},
    )
    os.close(slave)
    shown = ""
    try:
        while "Type LIVE to trade:" not in shown:
            shown += _more(master)
        os.write(master, f"{word}\n".encode())
        while process.poll() is None:
            shown += _more(master)
        assert process.returncode == code, shown
    finally:
        process.kill()
        process.wait(30)
        os.close(master)
    assert "equity at risk" in shown
    for limit in (
        *("day_loss", "liquidation_close_pct  90", "entry_interval_s       60"),
        "0, 1, 22, 23",
    ):
        assert limit in shown
    return shown


def _more(master: int) -> str:
    ready, _, _ = select.select([master], [], [], 60)
    try:
        return os.read(master, 65_536).decode(errors="replace") if ready else ""
    except OSError:  # its other end has closed
        return ""


def test_what_keeps_it_from_the_account(tmp_path: Path) -> None:
    """No key, no account, and a place for the key's lock where nothing can be made: one line each, and nothing is asked."""
    with demo_venue(tmp_path, EARLY) as venue:
        bot = live_bot(tmp_path, venue)
        (tmp_path / "file").touch()
        lock = bot.json("live", "--headless", code=1, XDG_STATE_HOME=str(tmp_path / "file"))
        assert str(tmp_path / "file") in f"{lock.error['file']}{lock.error['message']}"
        local = bot.json("live", "--headless", code=2, TRADEBOT_EXCHANGE__ENVIRONMENT="local")
        assert local.error["key"] == "exchange.environment"
        del bot.env["TRADEBOT_BINANCE_KEY"]
        assert "half a key" in bot.json("live", "--headless", code=2).error["message"]
        del bot.env["TRADEBOT_BINANCE_SECRET"]
        assert "no key to the live account" in bot.json("live", code=2).error["message"]
        assert venue.rows("request") == []


@pytest.mark.full
def test_where_no_stop_can_be_rehearsed_the_first_entry_is_the_smallest(tmp_path: Path) -> None:
    with demo_venue(tmp_path, EARLY, account="[options]\nstop_needs_position = true\n") as venue:
        bot = live_bot(tmp_path, venue)
        try:
            start_live(bot, bot.strategy(LONG))
            bot.until(lambda: venue.held() and venue.stops())
            (entry,) = venue.asked("POST", "/fapi/v1/order")
            assert float(entry["params"]["quantity"]) < 0.01  # 0.013 would fit the cap
        finally:
            bot.clean_up()


# -- a position, and something that forbids a start -------------------------------------------------


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    with held_run(tmp_path_factory.mktemp("held")) as found:
        yield found


FAILS = {
    "enabled": {"TRADEBOT_LIVE__ENABLED": "false"},
    "word": {"TRADEBOT_RISK__LIVE__DAY_LOSS": "20"},
}


@pytest.mark.full
@pytest.mark.parametrize("name", list(FAILS))
def test_a_position_is_protected_whatever_forbids_a_start(held: Held, name: str) -> None:
    """It starts, says which line failed, sends no entry, and keeps the stop where it is."""
    bot, venue = held.bot, held.venue
    before = dict(bot.env)
    bot.env.update(FAILS[name])
    orders = len(venue.asked("POST", "/fapi/v1/order"))
    process = bot.start(*held.words)
    try:
        bot.until(lambda: f"{name}:" in str(checklist_halt(bot)) or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        assert venue.held()
        assert venue.stops() == 1
        assert len(venue.asked("POST", "/fapi/v1/order")) == orders
    finally:
        process.kill()
        process.communicate()
        bot.env.clear()
        bot.env.update(before)


def checklist_halt(bot: Bot) -> list[str]:
    halts = json.loads(bot("status", "--json", code=None).out)["data"]["halts"]
    return [halt["detail"] for halt in halts if halt["reason"] == "checklist"]


def test_a_choice_of_symbols_that_leaves_out_what_is_open_is_refused(held: Held) -> None:
    """With another strategy, too, which begins a run of its own: it would say that nothing is open, and end."""
    bot, venue = held.bot, held.venue
    before = len(sent(venue))
    other = bot.strategy(LONG, "other.py")
    words = ("live", "--strategy", other, "--headless", "--json", "--symbols", "XRP/USDT")
    error = bot(*words, code=2).error
    assert "ETH/USDT of the last live run is open" in error["message"]
    assert error["key"] == "market.symbols"
    assert venue.stops() == 1
    assert sent(venue)[before:] == []
