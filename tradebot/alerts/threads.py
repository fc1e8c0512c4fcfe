"""Work that may be held up for long, in threads of its own: whoever else needs one is not kept waiting for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from tradebot.core.model.errors import TradebotError

T = TypeVar("T")


class NoThreadError(TradebotError):
    """So much is held up that nothing more is begun."""


async def in_own_thread(work: Callable[[], T], free: threading.Semaphore | None = None) -> T:
    """Return what the work does, from a thread of its own; where ``free`` is given it bounds them, and NoThreadError says that none is,
    as where the machine gives none.

    What holds it up must hold up neither the threads that others share, nor this process' end; and what lets go of none
    must not be given threads without end.
    """
    if free is not None and not free.acquire(blocking=False):
        raise NoThreadError("too much is held up")
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def hand_over(result: T | None, error: BaseException | None) -> None:
        if future.done():  # nobody waits any more
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failed = None, None
        try:
            result = work()
        except BaseException as error:  # whoever waits has it
            failed = error
        finally:
            if free is not None:
                free.release()
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(hand_over, result, failed)

    try:
        threading.Thread(target=run, name="alerts-work", daemon=True).start()
    except RuntimeError as error:  # the machine has none
        if free is not None:
            free.release()
        raise NoThreadError("no thread can be started") from error
    return await future


__all__ = ["NoThreadError", "in_own_thread"]
