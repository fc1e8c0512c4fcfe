"""kill -9 of the engine, and of engine and alerter, at any moment: no critical row of the audit trail goes untold.

The installed command, halted and resumed all the time by somebody else; then one of the two or both are killed and the
engine is started again, on the same journal: at any moment, or right when an alert is taken and before that is answered.
A double has to be a lost answer: what was on record as taken before a kill never comes again. A sample normally; with
``TRADEBOT_FULL=1`` a hundred kills each, and the counts are printed.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web
from kits.paper_kit import Bot
from kits.webhook_kit import SECRET, WebhookReceiver

from tradebot.core.model.errors import TradebotError
from tradebot.guard.alerts_lock import alerter_pid
from tradebot.journal.commands import post_command

FULL = os.environ.get("TRADEBOT_FULL") == "1"
KILLS = 100 if FULL else 1

CRITICAL = (
    "SELECT seq FROM audit WHERE kind = 'Halted' OR (kind = 'Notify' AND"
    " json_extract(body, '$.level') = 'critical' AND json_extract(body, '$.text') NOT LIKE 'HALT %')"
)
"""A notice that begins with HALT repeats the row before it."""

WORDS = ("paper", "--headless", "--symbols", "BTC/USDT", "--speed", "60", "--json")


class Somebody(threading.Thread):
    """Halts and resumes whatever runs, several times a second."""

    def __init__(self, journal: Path) -> None:
        super().__init__(daemon=True)
        self.journal, self.rests = journal, threading.Event()

    def run(self) -> None:
        number = 0
        while not self.rests.wait(0.3):
            number += 1
            name = "halt" if number % 2 else "resume"
            with suppress(TradebotError):
                post_command(self.journal, name, "somebody", f"number {number}", busy_s=1.0)


class DeadlyReceiver(WebhookReceiver):
    """Does something once, between taking a critical alert that is new and answering that it was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.deed: Callable[[], object] | None = None

    async def _take(self, request: web.Request) -> web.StreamResponse:
        before = [one.body["id"] for one in self.taken]
        answer = await super()._take(request)
        new = [one.body for one in self.taken[len(before) :]]
        if self.deed and new and new[0]["level"] == "critical" and new[0]["id"] not in before:
            deed, self.deed = self.deed, None
            deed()
        return answer


@dataclass
class World:
    """A bot that is killed again and again; ``noted`` has what was on record as taken at each kill of its alerter."""

    bot: Bot
    hook: DeadlyReceiver
    noted: list[tuple[float, set[str]]] = field(default_factory=list)

    def rows(self, name: str, sql: str) -> list[tuple[object, ...]]:
        path = self.bot.data_dir / name
        if not path.exists():
            return []
        with (
            suppress(sqlite3.OperationalError),  # it has no tables yet
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db,
        ):
            return db.execute(sql).fetchall()
        return []

    def kill(self, engine: int, alerter: int | None, draw: random.Random) -> None:
        """Kill the engine, and the alerter a little before or after it."""
        pids = [engine, *([alerter] if alerter else [])]
        draw.shuffle(pids)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            time.sleep(draw.uniform(0, 0.05))

    def live_and_die(self, engine: int, alerter: bool, number: int, draw: random.Random) -> None:
        """Have the engine live until it is killed: by turns at any moment, and when a critical alert is taken."""

        def deed() -> None:
            pid = alerter_pid(self.bot.data_dir) if alerter else None
            self.kill(engine, pid, draw)
            dead.set()

        dead = threading.Event()
        if number % 2:
            if alerter:
                self.bot.until(lambda: alerter_pid(self.bot.data_dir))
            time.sleep(draw.uniform(0.0, 3.0))
            deed()
        else:
            self.hook.deed = deed
            assert dead.wait(120), "no critical alert came"
        if alerter:
            self.bot.until(lambda: alerter_pid(self.bot.data_dir) is None)
            taken = self.rows("alerts.db", "SELECT source FROM outbox WHERE state = 'sent'")
            self.noted.append((self.hook.clock(), {str(source) for (source,) in taken}))

    def told(self) -> bool:
        """Whether the alerter has read all there is and nothing waits."""
        read = self.rows("alerts.db", "SELECT value FROM meta WHERE key = 'cursor'")
        newest = self.rows("tradebot.db", "SELECT max(seq) FROM audit")
        waits = self.rows("alerts.db", "SELECT 1 FROM outbox WHERE state IN ('waiting', 'held')")
        return bool(read) and int(str(read[0][0])) >= int(str(newest[0][0])) and not waits

    def doubles(self) -> int:
        """Count what came more than once, each after a kill that lost the answer and with the same number."""
        times: dict[str, list[float]] = defaultdict(list)
        for one in self.hook.taken:
            name = str(one.body["id"])
            times[name].append(one.at)
            seq, colon, _ = name.partition(":")
            assert not (colon and seq.isdigit()) or f"#{seq}" in one.body["text"]
        for name, came in times.items():
            for before, after in pairwise(came):
                kills = [noted for at, noted in self.noted if before <= at <= after]
                assert kills, f"{name} came twice though nobody was killed"
                source = name.partition(":")[2] if name.partition(":")[0].isdigit() else name
                assert source not in kills[-1], f"{name} was on record as taken"
        return sum(len(came) > 1 for came in times.values())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    bot = Bot(tmp_path, tmp_path / "data")
    bot.env = {"XDG_STATE_HOME": str(tmp_path / "state"), "TRADEBOT_SECRET_WEBHOOK_SECRET": SECRET}
    with DeadlyReceiver() as hook:
        (tmp_path / "bot.toml").write_text(
            '[alerts]\nchannels = ["webhook"]\nsimulated = true\n'
            f'[alerts.webhook]\nurl = "{hook.target}"\n'
        )
        yield World(bot, hook)
        bot.clean_up()
        pid = alerter_pid(bot.data_dir)
        if pid:
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("who", ["engine", "both"])
def test_no_kill_loses_a_critical_row(world: World, who: str) -> None:
    draw = random.Random(who)
    bot = world.bot
    first = bot.engine("--symbols", "BTC/USDT")
    bot.until(lambda: alerter_pid(bot.data_dir))
    somebody = Somebody(bot.data_dir / "tradebot.db")
    somebody.start()
    engine = first
    for number in range(KILLS):
        world.live_and_die(engine.pid, who == "both", number, draw)
        engine.communicate(timeout=60)
        engine = bot.start(*WORDS)
    bot.until(lambda: len(world.rows("tradebot.db", CRITICAL)) > KILLS)
    somebody.rests.set()
    somebody.join(30)
    bot.until(lambda: alerter_pid(bot.data_dir))
    bot("alerts", "retry")  # what was tried before a kill waits longer each time
    bot.until(world.told, 900 if FULL else 120)  # a webhook is given 500 in a minute
    critical = {int(str(seq)) for (seq,) in world.rows("tradebot.db", CRITICAL)}
    heard = {
        int(name.partition(":")[0])
        for name in _ids(world)
        if ":" in name and name[0] in "123456789"
    }
    assert critical - heard == set()
    doubled = world.doubles()
    assert doubled >= KILLS // 2 if who == "both" else doubled == 0
    assert not world.hook.refused
    if FULL:
        text = (
            f"\n{KILLS} kills of {who}: {len(critical)} critical rows, none lost, {doubled} doubled"
        )
        print(text)  # noqa: T201


def _ids(world: World) -> list[str]:
    return [str(body["id"]) for body in world.hook.bodies() if body["level"] == "critical"]
