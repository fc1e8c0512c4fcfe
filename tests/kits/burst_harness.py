"""Runs the real command line, which tells of ten thousand things at once, and notes how late its loop was.

Called as ``burst_harness.py FOLDER COUNT words...``. When the file FOLDER/burst is there the engine says COUNT warnings, in steps of a thousand
with each event, and one critical thing at the end of the first. FOLDER/told.json has, at the end, by how
much a hundredth of a second was overslept in the engine's loop (ms), from then on.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

STEP_S = 0.01
SLICE = 1_000


class Burst:
    """What is said, and how late the loop was meanwhile."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.left, self.count = folder, count, count
        self.late: list[float] = []

    @property
    def begun(self) -> bool:
        """Whether it has been asked for."""
        return self.left < self.count or (self.folder / "burst").exists()

    def said(self, at: int) -> list[Any]:
        """Return what the engine says beside what it does."""
        from tradebot.core.model.effects import Notify

        if not self.left or not self.begun:
            return []
        first = self.left == self.count
        numbers = range(self.left, max(0, self.left - SLICE), -1)
        self.left -= len(numbers)
        grave = [Notify(at, "critical", "the one thing that matters")] if first else []
        return [*(Notify(at, "warning", f"thing {number} of many") for number in numbers), *grave]

    async def watch(self) -> None:
        """Note by how much each short sleep was too long."""
        while True:
            due = time.monotonic() + STEP_S
            await asyncio.sleep(STEP_S)
            if self.begun:
                self.late.append((time.monotonic() - due) * 1000)


def arm(burst: Burst) -> None:
    """Put the burst into the running program."""
    from tradebot.app.host import PaperHost
    from tradebot.core.trading.engine import Engine

    process, main = Engine.process, PaperHost._main

    def processed(self: Any, event: Any) -> Any:
        found = process(self, event)
        more = burst.said(event.at)
        return [*found, *more] if more else found

    async def watched(self: Any) -> Any:
        task = asyncio.get_running_loop().create_task(burst.watch())
        try:
            return await main(self)
        finally:
            task.cancel()

    Engine.process, PaperHost._main = processed, watched  # type: ignore[method-assign]


def run() -> int:
    """Arm the program and run its command line."""
    folder, count, *words = sys.argv[1:]
    burst = Burst(Path(folder), int(count))
    arm(burst)
    from tradebot.__main__ import main

    code = main(words)
    (Path(folder) / "told.json").write_text(json.dumps({"late": burst.late, "left": burst.left}))
    return code


if __name__ == "__main__":
    sys.exit(run())
