"""A scenario by its name: what is done, how it is played, and how its account begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tradebot.app.drill.desk import DrillDesk, Opening


@dataclass(frozen=True, slots=True)
class Tale:
    """What the bot did, and the sentence that a person reads at three in the morning."""

    did: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A disaster. ``done`` says in words what is done to the bot; ``play`` does it and returns what the bot did.

    ``play`` raises MissedError where the bot did something else.
    """

    name: str
    done: str
    play: Callable[[DrillDesk], Tale]
    scene: Opening = field(default_factory=Opening)


__all__ = ["Scenario", "Tale"]
