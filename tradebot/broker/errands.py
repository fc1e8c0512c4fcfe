"""What a broker has under way: tasks by name, none begun twice, and each over when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from tradebot.core.model.errors import ExchangeError

LAST_S = 2.0
"""Seconds that requests on their way have when the run ends."""
READS = ("read", "settings", "income")
"""What is done once more where it is asked for again while it is being done."""

Work = Coroutine[Any, Any, None]


class Errands:
    """Does work in tasks, from ``ready`` on. ``fault`` hears of what nobody thought of, ``after`` is called in the last moment of each.

    ``busy`` are the names of what is being done. What a task leaves is seen to by its end and not by its own last lines: one
    that is cancelled before its first step has none.
    """

    def __init__(self, fault: Callable[[str], None], after: Callable[[], None]) -> None:
        self._fault = fault
        self._after = after
        self._again: dict[str, Work] = {}
        self.ready = asyncio.Event()
        self.busy: dict[str, asyncio.Task[None]] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def spawn(self, name: str, work: Work) -> None:
        """Have something done that is not being done already.

        What is being read may have changed since it was asked for: that is read once more afterwards.
        """
        if name in self.busy:
            if name.split()[0] in READS and name not in self._again:
                self._again[name] = work
            else:
                work.close()
            return
        self.busy[name] = task = asyncio.get_running_loop().create_task(self._guarded(name, work))
        self.tasks.add(task)
        task.add_done_callback(partial(self._over, name, work))

    async def _guarded(self, name: str, work: Work) -> None:
        try:
            if not self.ready.is_set():
                await self.ready.wait()
            await work
        except ExchangeError:
            pass  # whoever wants to know asks again
        except Exception as error:  # an answer of a shape nobody thought of: it must not vanish
            self._fault(f"{name}: {type(error).__name__}: {error}")
        finally:
            self._free(name, asyncio.current_task())  # now: whoever hears its answer may ask anew
            self._after()

    def _free(self, name: str, task: asyncio.Task[None] | None) -> None:
        if self.busy.get(name) is not task:
            return
        del self.busy[name]
        if (again := self._again.pop(name, None)) is not None:
            self.spawn(name, again)

    def _over(self, name: str, work: Work, task: asyncio.Task[None]) -> None:
        work.close()
        self.tasks.discard(task)
        self._free(name, task)

    async def end(self) -> None:
        """Give what is on its way its last seconds, and cancel the rest."""
        self.ready.set()
        for work in self._again.values():
            work.close()
        self._again.clear()
        if self.tasks:
            await asyncio.wait(set(self.tasks), timeout=LAST_S)
        for task in tuple(self.tasks):
            task.cancel()
