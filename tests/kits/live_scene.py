"""Some minutes of two symbols on a wall clock, played through the real host on virtual time."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from kits import live_kit as kit
from tradebot.app.host import opened
from tradebot.app.queued import QueueRunner
from tradebot.journal.reader import Reader

XRP, ADA = "XRP/USDT", "ADA/USDT"
START = kit.EPOCH + 3 * 3_600_000
"""Behind the blackout hours."""


class Scene:
    """Some minutes of two symbols on a wall clock, and what the run made of them."""

    def __init__(self, loop: kit.VirtualLoop, data_dir: Path, minutes: int, **named: Any) -> None:
        self.loop = loop
        self.data_dir = data_dir
        self.clock = kit.VirtualClock(loop, START)
        bars = [
            kit.swinging(XRP, 2.2, 1, minutes, START),
            kit.swinging(ADA, 0.7, 2, minutes, START),
        ]
        rows = [list(pair) for pair in zip(*bars, strict=True)]
        outside = named.pop("outside", True)
        self.broker = kit.StubBroker(self.clock, [XRP, ADA], 1) if outside else None
        self.feed = kit.LateFeed(self.clock, self.broker, [XRP, ADA], rows)
        self.said: list[str] = []
        params = {"fast": 3, "slow": 9}
        self.setup = kit.late_setup(
            data_dir,
            self.feed,
            self.broker,
            self.clock,
            params=params,
            said=self.said.append,
            **named,
        )

    async def run(self, *others: Any) -> Any:
        async with opened(self.setup) as (runner, cursor):
            assert isinstance(runner, QueueRunner)
            self.runner = runner
            tasks = [asyncio.ensure_future(other(self)) for other in others]
            self.ending = await runner.main(cursor)
            for task in tasks:
                await task
        return self.ending

    def wish(self, name: str) -> None:
        """Have a person's command come in."""
        wish = partial(self.runner.runs[0].command, 0, name, "me", "a test")
        self.runner._queue.put_nowait(wish)

    def events(self, *kinds: type) -> list[Any]:
        with Reader(self.data_dir / "tradebot.db") as reader:
            run = reader.resolve_run(None).id
            found = [logged.event for logged in reader.events(run)]
        return [event for event in found if not kinds or isinstance(event, kinds)]


def scene(data_dir: Path, minutes: int, *others: Any, prepare: Any = None, **named: Any) -> Scene:
    async def main(loop: kit.VirtualLoop) -> Scene:
        made = Scene(loop, data_dir, minutes, **named)
        if prepare is not None:
            prepare(made)
        await made.run(*others)
        return made

    found = kit.play(main)
    assert isinstance(found, Scene)
    return found
