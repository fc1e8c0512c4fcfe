"""The room a strategy runs in: what it changes there, nobody else has.

A strategy lives in our process, so this is no prison: it keeps accidents apart. Its parameters are
a copy, its bars are read-only, and the decimal context it sets (``getcontext().prec = 6``) is its own:
the ledger of the engine that calls it stays exact, and its own divisions may round.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from decimal import getcontext, setcontext
from functools import partial
from types import MethodType
from typing import Any, TypeVar

from tradebot.core.model.values import Bar
from tradebot.core.strategy.protocol import Signal, Strategy

T = TypeVar("T")


class Room:
    """Where a strategy's file is executed; each instance gets a room of its own beside it."""

    __slots__ = ("_context",)

    def __init__(self) -> None:
        self._context = Context()

    def run(self, call: Callable[..., T], *args: Any) -> T:
        """Call in the room; whatever is raised passes through."""
        return self._context.run(call, *args)

    def door(self, call: Callable[[Bar], Signal | None]) -> Callable[[Bar], Signal | None]:
        """Return what calls in the room, without a step of Python's in between."""
        if isinstance(call, MethodType):  # a step less at every bar than calling what is bound
            return partial(self._context.run, call.__func__, call.__self__)
        return partial(self._context.run, call)  # type: ignore[call-arg]

    def beside(self) -> Room:
        """Return another room that looks the same now and goes its own way from here."""
        other = Room()
        other._context = self._context.copy()
        other.run(lambda: setcontext(getcontext().copy()))
        return other


class Housed:
    """A strategy that is always called in its own room.

    ``own`` is the strategy itself. ``on_bar`` is no method but what calls there: one call less at every bar.
    """

    __slots__ = ("on_bar", "own", "warmup")

    on_bar: Callable[[Bar], Signal | None]

    def __init__(self, own: Strategy, room: Room) -> None:
        self.own = own
        self.warmup = own.warmup
        self.on_bar = room.door(own.on_bar)


__all__ = ["Housed", "Room"]
