"""A broker outside this process as a runner holds it: its connections, and what the end of these means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from tradebot.core.model.approved import Approved
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.events import Event


@runtime_checkable
class OutsideBroker(Protocol):
    """What a broker outside has beside ``Broker``: connections that live as long as the run."""

    async def serve(
        self, answer: Callable[[Event], None], obstacle: Callable[[Approved], str]
    ) -> None:
        """Hold the connections and hand on every word that comes, until cancelled.

        ``obstacle`` says why an approved order may not leave any more: to be asked right before its first byte.
        """
        ...


def meant_error(error: Exception) -> TradebotError | None:
    """Return the error that a failure stands for, where all of it is meant for people."""
    if not isinstance(error, ExceptionGroup):
        return error if isinstance(error, TradebotError) else None
    found = [meant_error(one) for one in error.exceptions]
    return None if None in found else found[0]
