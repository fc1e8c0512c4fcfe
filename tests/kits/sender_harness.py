"""Trades with a broker outside that outlives it, with a death wish: SIGKILL at the k-th passing of a point.

Called as ``sender_harness.py POINT K DATA_DIR WORLD MINUTES``. WORLD is a file with what is outside: the exchange
with its account, what reached it, and the time. POINT ``none`` kills nothing and prints how often each was passed.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from kits import live_kit as kit
from kits.crash_harness import Fate

XRP, ADA = "XRP/USDT", "ADA/USDT"
START = kit.EPOCH + 3 * 3_600_000
AWAY_S = 2.0
"""Seconds from a death to the next start."""

ASKED = ("send", "cancel", "look_up", "read_back", "read_account")
"""What the broker is asked: an order, its end, what became of it, and what was missed (a symbol's, or all)."""

POINTS = (
    "take",  # the session wants something of the broker
    "commit.before",
    "commit.after",  # it is on record, and has not left
    "leave.before",  # epoch and latch have yet to be looked at
    "leave.after",  # handed over: the request is under way
    *(f"{asked}.{when}" for asked in ASKED for when in ("before", "after")),
    "submit",  # it reached the exchange
    "answer",  # a word of the exchange came in
    "restored",  # a run that goes on has its state and its log
    "warm",  # while the strategies are fed
)


class World(kit.StubBroker):
    """The broker's side, kept in a file whenever something has happened to it."""

    def __init__(self, clock: kit.VirtualClock, path: Path, fate: Fate) -> None:
        super().__init__(clock, [XRP, ADA], 5)
        self.path, self.fate = path, fate
        self.naked: dict[str, int] = {}
        self.longest = 0
        self.reached: list[str] = []
        if path.exists():
            kept = pickle.loads(path.read_bytes())
            self.exchange, self.reached, self.longest = (
                kept["exchange"],
                kept["reached"],
                kept["longest"],
            )

    def keep(self) -> None:
        body = {
            "exchange": self.exchange, "reached": self.reached, "longest": self.longest,
            "virtual": self._clock._loop.virtual,
        }  # fmt: skip
        draft = self.path.with_suffix(".new")
        draft.write_bytes(pickle.dumps(body))
        os.replace(draft, self.path)

    def _submit(self, order: Any) -> Any:
        self.reached.append(order.id)
        words = super()._submit(order)
        self.look()
        self.keep()
        self.fate.pass_by("submit")
        return words

    def live_through(self, step: Any) -> None:
        super().live_through(step)
        self.look()
        self.keep()

    def look(self) -> None:
        """Note for how long a position has had no stop since it was opened, or since the start."""
        now = self._now()
        stops = {o.symbol for o, _ in self.exchange.open_orders() if o.trigger is not None}
        for symbol in (XRP, ADA):
            if symbol in self.exchange.positions and symbol not in stops:
                since = self.naked.setdefault(symbol, now)
                self.longest = max(self.longest, now - since)
            else:
                self.naked.pop(symbol, None)


async def main(loop: kit.VirtualLoop, fate: Fate, data_dir: Path, path: Path, minutes: int) -> int:
    from tradebot.app.host import opened

    if path.exists():
        loop.virtual = pickle.loads(path.read_bytes())["virtual"] + AWAY_S
    clock = kit.VirtualClock(loop, START)
    world = World(clock, path, fate)
    bars = [kit.swinging(XRP, 2.2, 1, minutes, START), kit.swinging(ADA, 0.7, 2, minutes, START)]
    feed = kit.LateFeed(clock, world, [XRP, ADA], [list(p) for p in zip(*bars, strict=True)])
    params = {"fast": 3, "slow": 9}
    setup = kit.late_setup(data_dir, feed, world, clock, params=params)
    async with opened(setup) as (runner, cursor):
        fate.pass_by("restored")
        ending = await runner.main(cursor)
        world.keep()
        cash = str(runner.session.engine.portfolio.cash)
        held = {
            symbol: str(book.holding.qty)
            for symbol, book in runner.session.engine.books.items()
            if book.holding.qty
        }
        print(  # noqa: T201 - the harness's answer
            json.dumps(
                {
                    "state": ending.state, "why": ending.why, "cash": cash, "held": held,
                    "halts": list(runner.session.engine.halts.reasons), "passed": dict(fate.passed),
                }
            )
        )  # fmt: skip
    return 0


def arm(fate: Fate) -> None:
    from tradebot.app import queued, sender
    from tradebot.core.trading import engine, session
    from tradebot.journal import store

    for name, seconds in (("POLL_S", 20.0), ("COMMIT_S", 2.0), ("IDLE_COMMIT_S", 20.0)):
        setattr(queued, name, seconds)
    fate.around(sender.Sender, "take", before="take")
    fate.around(store.Store, "commit", before="commit.before", after="commit.after")
    fate.around(session.Session, "hand_over", before="leave.before", after="leave.after")
    for name in ASKED:
        fate.around(kit.StubBroker, name, before=f"{name}.before", after=f"{name}.after")
    fate.around(queued.QueueRunner, "_on_answer", before="answer")
    fate.around(engine.Engine, "warm", before="warm")


if __name__ == "__main__":
    point, k, data_dir, path, minutes = sys.argv[1:]
    fate = Fate(point, int(k))
    arm(fate)
    sys.exit(kit.play(lambda loop: main(loop, fate, Path(data_dir), Path(path), int(minutes))))
