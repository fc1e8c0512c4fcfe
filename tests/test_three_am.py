"""README's ten questions of 3 a.m.: every command in them is run, on a live run on the venue, and answers what is asked."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kits.demo_kit import DemoVenue, demo_venue
from kits.live_run_kit import live_bot, start_live
from kits.paper_kit import Bot, Done
from kits.strategy_kit import LONG

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## When something goes wrong at 3 a.m.")[1].split("\n## ")[0]

QUESTIONS = (
    *("What is open?", "Is it protected?", "Stop it.", "Why is it halted?", "It will not start."),
    *("Banned.", "The exchange is down.", "The server is lost.", "I closed it by hand.", "Resume."),
)

EARLY = "2026-11-26T09:30:30Z"

STRANGER = (
    '[leverages]\nXRPUSDT = 1\n[[positions]]\nsymbol = "XRPUSDT"\nqty = "-40"\nentry = "2.2"\n'
)


def commands() -> dict[str, list[str]]:
    """The commands of each question."""
    parts = re.split(r"^\*\*(.+?)\*\*", SECTION, flags=re.MULTILINE)[1:]
    return {
        name: re.findall(
            r"^tradebot (.+)$", "".join(re.findall(r"```sh\n(.*?)```", text, re.S)), re.M
        )
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_ten_questions_each_with_its_commands() -> None:
    assert tuple(commands()) == QUESTIONS
    assert all(commands().values())


@contextmanager
def trading(folder: Path) -> Iterator[tuple[Bot, DemoVenue]]:
    """A live run with a position, and somebody else's beside it."""
    with demo_venue(folder, EARLY, account=STRANGER) as venue:
        bot = live_bot(folder, venue)
        try:
            start_live(bot, bot.strategy(LONG))
            bot.until(lambda: "ETHUSDT" in venue.held() and venue.stops())
            bot.until(lambda: bot.status().get("open_positions"))
            yield bot, venue
        finally:
            bot.clean_up()


def ask(bot: Bot, question: str, *codes: int) -> list[Done]:
    """Run a question's commands as they are written; each ends with the code given, the last one for all that follow."""
    done = []
    for number, command in enumerate(commands()[question]):
        found = bot(*shlex.split(command), code=None)
        wanted = codes[min(number, len(codes) - 1)]
        assert found.code == wanted, (command, found)
        done.append(found)
    return done


@pytest.mark.slow
@pytest.mark.full
def test_the_commands_answer_the_questions(tmp_path: Path) -> None:
    with trading(tmp_path) as (bot, venue):
        positions, account = ask(bot, "What is open?", 0)
        assert positions.out.startswith("LIVE live-0001")
        assert "ETH/USDT" in account.out
        assert "XRP/USDT" in account.out
        told, orders = ask(bot, "Is it protected?", 0)
        (held,) = json.loads(told.out)["data"]["positions"]
        assert held["stop"]
        assert held["stop_seen"]
        assert "stop" in orders.out
        halted, plan, closed = ask(bot, "Stop it.", 0)
        assert "halted" in halted.out
        assert "ETH/USDT" in plan.out
        assert "nothing is left" in " ".join(closed.out.split())
        assert venue.held() == []
        assert venue.stops() == 0
        status, risk = ask(bot, "Why is it halted?", 0)
        assert "HALTED" in status.out
        assert "nothing is left" in " ".join(status.out.split())
        assert "user" in risk.out
        *_, check = ask(bot, "It will not start.", 0, 0, 4)
        assert "HALT" in check.out
        assert "HALTED" in ask(bot, "I closed it by hand.", 0)[0].out
        (tmp_path / "review.txt").write_text("it was a test")
        ask(bot, "Resume.", 0)
        bot.until(lambda: not bot.status()["halted"])


@pytest.mark.slow
@pytest.mark.full
def test_they_answer_without_the_engine_and_without_the_journal(tmp_path: Path) -> None:
    """Killed, with a position: a close-all that waits longer proves the same; so does another machine with the key."""
    with trading(tmp_path) as (bot, venue):
        for engine in bot.started:
            engine.kill()
            engine.wait(60)
        assert "DEAD" in bot("status").out
        other = live_bot(tmp_path, venue, "elsewhere")
        account, closed = ask(other, "The server is lost.", 0)
        assert "ETH/USDT" in account.out
        assert "no journal was read" in " ".join(closed.out.split())
        assert venue.held() == []
        doctor, again = ask(bot, "The exchange is down.", 0)
        assert "exchange" in doctor.out
        assert "closed  yes" in again.out
        assert "closed  yes" in ask(bot, "Banned.", 0)[1].out


@pytest.mark.slow
@pytest.mark.full
def test_with_the_exchange_away_they_say_so_and_never_that_nothing_is_left(tmp_path: Path) -> None:
    with trading(tmp_path) as (bot, _):
        pass
    for command in commands()["What is open?"][1:]:
        assert bot(*shlex.split(command), code=3).err
    closed = bot("close-all", "--wait", "5", code=6)
    assert "cannot be" in closed.err
    assert "nothing remains" not in closed.err + closed.out
