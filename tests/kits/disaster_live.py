"""Disasters of ``tradebot live``: the command as a user starts it, word and all, on a venue of this machine.

A scene holds the oracle to the venue's whole record when it ends: ``disaster_oracle`` says what must hold at every event.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import pytest

from kits.demo_kit import demo_venue
from kits.disaster_kit import Scene
from kits.disaster_oracle import Oracle, Rules
from kits.hour_kit import Party, compare
from kits.live_run_kit import live_bot, start_live
from kits.outbox_kit import Onlooker
from kits.paper_kit import Done
from kits.strategy_kit import LONG
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.times import of_iso
from tradebot.journal.reader import Reader

EARLY = "2026-11-26T09:30:30Z"
"""Time for a check and a start before a bar closes, hours away from the blackout and from funding."""

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
GO = " if __import__('pathlib').Path(__file__).with_name('go').exists() else None"
ALWAYS = LONG + GO
"""Signals at every bar once the run is ready to trade: a bar that came during a start would be refused."""
FIRST = LONG.replace("always", "once") + GO
"""Signals until the scene has seen the first entry leave."""
SHORT = 'return Signal("short", 0.9, stop=bar.close * 1.03, reason="always")' + GO
RECONCILE_S = 33.0
"""A reconcile comes every 30 s, and misses a stop for good after two reads a second apart."""


@dataclass
class LiveScene(Scene):
    """A live account on a venue and a bot that trades it; what the venue recorded is judged at the end."""

    rules: Rules = field(default_factory=Rules)
    absent: list[tuple[int, int | None]] = field(default_factory=list)

    @property
    def now(self) -> int:
        """The venue's time (UTC ms)."""
        found: int = self.venue.state()["time"]
        return found

    def engine(self, body: str = ALWAYS, *more: str) -> subprocess.Popen[str]:
        """Check, confirm with the check's token, and start; wait until it may enter, and let it."""
        process = start_live(self.bot, self.bot.strategy(body), *more)
        self.bot.until(lambda: self._serves(process))
        self.bot.until(lambda: "equity at the start of the day" in self.notices())
        (self.folder / "go").touch()
        return process

    def again(
        self, *more: str, signals: bool = False, protects: bool = False
    ) -> subprocess.Popen[str]:
        """Start with the words of before and no token, as a supervisor does; wait until its checklist is through.

        ``signals`` lets ``FIRST`` signal once more; one that ``protects`` only stays halted by its checklist. A journal that a busy machine kept waiting is no matter of a scene.
        """
        own = f"{self.folder / 'own.py'}:Own"
        process = self.bot.start("live", "--strategy", own, *more, "--headless", "--json")
        keys = self._keys()
        self.bot.until(lambda: process.poll() is not None or self._keys() > keys)
        self.bot.until(lambda: self._serves(process))
        if not protects and (signals or self.venue.held()):
            self.bot.until(lambda: "checklist" not in self.halted())
        if set(self.halted()) == {"journal"}:
            self.bot.json("resume", "--reason", "the machine was busy")
        if signals:
            (self.folder / "go").touch()
        self.absent[-1:] = [(since, self.now) for since, _ in self.absent[-1:]]
        return process

    def _keys(self) -> int:
        """How often a stream of the account was asked for."""
        return len(self.venue.asked("POST", "/fapi/v1/listenKey"))

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill it; what happens until ``again`` nobody of ours could have seen."""
        self.absent.append((self.now, None))
        process.kill()
        process.communicate()

    def entered(self) -> None:
        """Wait for an entry that has left; from then on ``FIRST`` says nothing more."""
        self.bot.until(lambda: set(self.order_states()) - {"pending", "rejected"})
        self.hush()

    def hush(self) -> None:
        """Let ``FIRST`` say nothing more."""
        (self.folder / "go").unlink(missing_ok=True)

    def let_pass_until(self, moment: str) -> None:
        """Let the venue's time pass to a moment while nothing of ours runs: all its prices come, one after the other."""
        due = of_iso(moment)
        self.faults({"do": "skew", "ms": due - self.now})
        self.bot.until(lambda: self._minute() >= due - due % 60_000, 400)

    def _minute(self) -> int:
        """When the minute of the venue's newest price began (venue ms)."""
        newest = f"{self.venue.url}/fapi/v1/klines?symbol=ETHUSDT&interval=1m&limit=1"
        with urlopen(newest, timeout=60) as answer:
            return int(json.load(answer)[-1][0])

    def lose(self, percent: str) -> None:
        """Let the price jump past the stop of a position as soon as it has one; wait until nothing is open."""
        self.opened()
        self.act("move_price", symbol="ETHUSDT", percent=percent)
        self.bot.until(self.flat)
        self.counts(0)

    def opened(self, symbol: str = "ETHUSDT") -> dict[str, Any]:
        """Wait for a position with its stop in place; return the venue's row of it."""
        self.bot.until(lambda: symbol in self.venue.held() and self.venue.stops())
        self.hush()
        return self.position(symbol)

    def position(self, symbol: str = "ETHUSDT") -> dict[str, Any]:
        """The venue's row of a position, empty without one."""
        rows = self.venue.state()["positions"]
        return next((row for row in rows if row["symbol"] == symbol), {})

    def stops(self) -> list[dict[str, Any]]:
        """The venue's open stops and targets."""
        found: list[dict[str, Any]] = self.venue.state()["algo_orders"]
        return found

    def signals(self) -> list[dict[str, Any]]:
        """The live run's signals so far, as ``tradebot signals`` tells them."""
        done = self.bot("signals", "--run", "live-0001", "--json", code=None)
        found: list[dict[str, Any]] = done.document["data"]["signals"]
        return found

    def counts(self, positions: int, seconds: float = 120.0) -> None:
        """Wait until the journal has so many open positions, and ``status`` says so."""
        self.bot.until(lambda: self._counted() == positions, seconds)
        self.bot.until(lambda: self.bot.status()["open_positions"] == positions)

    def _counted(self) -> int | None:
        with suppress(TradebotError), Reader(self.bot.data_dir / "tradebot.db") as reader:
            run = reader.newest_run("live")
            return None if run is None else len(reader.positions(run.id))
        return None

    def judged(self, symbol: str) -> int:
        """How many signals of a symbol the live run has judged, by its journal: cheaper than ``signals``."""
        with suppress(TradebotError), Reader(self.bot.data_dir / "tradebot.db") as reader:
            run = reader.newest_run("live")
            return 0 if run is None else len(reader.signals(run.id, symbol=symbol))
        return 0

    def order_states(self) -> list[str]:
        """The states of the live run's orders, as its journal has them."""
        with suppress(TradebotError), Reader(self.bot.data_dir / "tradebot.db") as reader:
            run = reader.newest_run("live")
            return [] if run is None else [row.status for row in reader.orders(run.id)]
        return []

    def agree(self) -> None:
        """Fills, fees, results and funding of the journal must be the venue's."""
        found = compare(Party("live", self.bot.data_dir, self.bot.started[-1]), self.venue)
        assert not found, "\n".join(found)

    def told(self, kind: str) -> list[str]:
        """Return the first lines of the alerts of a kind that an alerter would have sent of this run."""
        with TemporaryDirectory() as folder:
            onlooker = Onlooker(self.bot.data_dir, Path(folder), SYSTEM.wall_ms())
            said = onlooker.first_lines()
            onlooker.store.close()
        return [text for one, text in said if one == kind]

    def is_over(self) -> bool:
        """Whether everything that was opened is closed, and nothing rests."""
        return bool(self.venue.rows("fill")) and self.flat()

    def fills(self) -> list[dict[str, Any]]:
        """The venue's fills so far."""
        return self.venue.rows("fill")

    def purposes(self) -> str:
        """What our fills were for, in order: e(ntry), s(top), t(arget), x (exit); ``!`` is somebody else."""
        ids = [row["client"] for row in self.fills()]
        return "".join(name[-1] if name.startswith("tb") else "!" for name in ids)

    def halted(self) -> dict[str, str]:
        """The halts in force by reason, with what is said of each."""
        rows = self.bot.status().get("halts") or []
        return {row["reason"]: row["detail"] for row in rows}

    def wait_halt(self, reason: str) -> str:
        """Wait for a halt, for several bars; return what is said of it."""
        self.bot.until(lambda: any(r[1] is None and r[2] == reason for r in self.blocked()), 300)
        self.bot.until(lambda: reason in self.halted())
        return self.halted()[reason]

    def ended(self, process: subprocess.Popen[str], code: int = 0) -> Done:
        """Stop it in order; it must end with ``code`` and say nothing of Python."""
        done = self.bot.end(process)
        assert done.code == code, done.err
        return done

    def notices(self) -> str:
        """Everything the run told of, in one text."""
        with Reader(self.bot.data_dir / "tradebot.db") as reader:
            run = reader.newest_run("live")
            rows = [] if run is None else reader.notices(run.id, 500)
        return "\n".join(row.text for row in rows)

    def blocked(self) -> Iterator[tuple[int, int | None, str]]:
        """When entries were forbidden: from each halt to the resume that cleared the last reason."""
        try:
            with Reader(self.bot.data_dir / "tradebot.db") as reader:
                run = reader.newest_run("live")
                rows = [] if run is None else reader.halts(run.id)
        except TradebotError:
            return
        since: dict[str, int] = {}
        for row in rows:
            if row.event == "halted":
                since.setdefault(row.reason, row.ts)
            elif row.reason in since:
                yield since.pop(row.reason), row.ts, row.reason
        for reason, at in since.items():
            yield at, None, reason

    def judge(self) -> None:
        """Hold the venue's whole record to what must be at every event."""
        now = self.now
        rules = replace(
            self.rules,
            blocked=[*self.rules.blocked, *self.blocked()],
            absent=[*self.rules.absent, *self.absent],
        )
        broken = Oracle(rules).walk(self.venue.rows(), now)
        assert not broken, "\n".join(["the venue's record says:", *broken])


@contextmanager
def live_scene(
    folder: Path,
    *words: str,
    clock: str = EARLY,
    account: str = "",
    wallet: str = "10000",
    rules: Rules | None = None,
    demo: bool = False,
    **env: str,
) -> Iterator[LiveScene]:
    """Open a venue (``words`` are more of its command) and a bot that may trade it for real; judge at the end.

    ``account`` is more of the account's file, ``env`` are more variables of the bot; with ``demo`` the account is
    Demo Trading's. A scene that failed already is not judged on top.
    """
    with demo_venue(folder, clock, *words, wallet=wallet, account=account) as venue:
        if demo:
            env = {**venue.env, "TRADEBOT_EXCHANGE__ENVIRONMENT": "demo", **env}
        it = LiveScene(venue, live_bot(folder, venue, **env), folder, rules or Rules())
        try:
            yield it
            it.judge()
        finally:
            for process in it.bot.started:
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)
            it.bot.clean_up()


def crash(folder: Path, prices: Path, symbol: str, begin: str, end: str, account: str = "") -> str:
    """Trade through recorded minutes from ``begin`` to ``end`` (venue time) with a strategy that is always long.

    What is open at the end must be behind a stop, and the books must agree. Return what the run told of.
    """
    if not prices.is_file():
        pytest.skip(f"{prices.name} is not here")
    last = of_iso(end)
    with live_scene(
        folder,
        str(prices),
        clock=begin,
        account=account,
        TRADEBOT_MARKET__SYMBOLS=symbol,
        TRADEBOT_RISK__LIVE__SYMBOLS=symbol,
    ) as it:
        engine = it.engine()
        it.bot.until(lambda: it.now >= last, (last - it.now) / 1000 + 60)
        assert engine.poll() is None
        it.ended(engine)
        assert it.fills()
        name = symbol.replace("/", "")
        assert bool(it.position(name)) == bool(it.stops())
        it.agree()
        return it.notices()


__all__ = [
    "ALGO",
    "ALWAYS",
    "EARLY",
    "FIRST",
    "ORDER",
    "RECONCILE_S",
    "SHORT",
    "LiveScene",
    "Rules",
    "crash",
    "live_scene",
]
