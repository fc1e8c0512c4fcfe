"""Armed or halted: a set of reasons with an epoch.

Trading is armed when the set is empty. Every change moves the epoch on, so that an entry approved before
a halt can be recognised and dropped by its sender.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a halt is in force, in words, and since when (engine time, UTC milliseconds)."""

    detail: str
    at: int


class Halts:
    """The halt reasons in force, in the order in which they came."""

    __slots__ = ("epoch", "reasons")

    def __init__(self) -> None:
        self.reasons: dict[str, Halt] = {}
        self.epoch = 0

    def add(self, reason: str, detail: str, at: int) -> bool:
        """Add a reason; False if it was in force already."""
        if reason in self.reasons:
            return False
        self.reasons[reason] = Halt(detail, at)
        self.epoch += 1
        return True

    def clear(self, reason: str) -> bool:
        """Clear a reason; False if it was not in force."""
        if self.reasons.pop(reason, None) is None:
            return False
        self.epoch += 1
        return True

    def export_state(self) -> dict[str, Any]:
        """Return reasons and epoch as JSON values."""
        return {
            "reasons": {name: [halt.detail, halt.at] for name, halt in self.reasons.items()},
            "epoch": self.epoch,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.reasons = {name: Halt(*halt) for name, halt in state["reasons"].items()}
        self.epoch = state["epoch"]
