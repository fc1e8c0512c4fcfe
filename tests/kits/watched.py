"""Supervision that is watched by a clock moved by hand, with a run that only has to be started."""

from __future__ import annotations

from typing import Any

from kits.engine_kit import XRP, Bare, a_config
from tradebot.app.supervision import Supervision
from tradebot.core.model.events import Command


class Hand:
    """A clock that is moved by hand (seconds)."""

    def __init__(self) -> None:
        self.now = 1000.0

    def wall_ms(self) -> int:
        raise AssertionError("a clock that can be set has no say here")

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Watched:
    """A run that is looked after, second by second."""

    def __init__(self) -> None:
        self.clock = Hand()
        self.story = Bare(a_config((XRP,)))
        self.story.later(100)
        self.supervision = Supervision(self.clock)
        self.run: Any = _Run(self.story)

    def at(self, minute: float) -> None:
        """Let time pass until so long after the start, with a look every second."""
        while self.clock.now < 1000 + minute * 60:
            self.clock.now = min(self.clock.now + 1, 1000 + minute * 60)
            self.supervision.look(self.run)

    @property
    def halted(self) -> bool:
        return "unsupervised" in self.story.engine.halts.reasons


class _Run:
    """What a look needs of a hosted run, with the real engine behind it."""

    def __init__(self, story: Bare) -> None:
        self.session = self
        self.story = story

    @property
    def engine(self) -> Any:
        return self.story.engine

    def command(self, number: int, name: str, who: str, reason: str) -> None:
        self.story.tell(Command(self.story.now, number, name, who, reason))
