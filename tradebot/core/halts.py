"""Armed or halted: a set of reasons with an epoch.

Trading is armed when the set is empty. Every change moves the epoch on, so that an entry approved before
a halt can be recognised and dropped by its sender.
"""

from __future__ import annotations

from typing import Any


class Halts:
    """The halt reasons in force, in the order in which they came; each with a detail in words."""

    __slots__ = ("epoch", "reasons")

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}
        self.epoch = 0

    def add(self, reason: str, detail: str) -> bool:
        """Add a reason; False if it was in force already."""
        if reason in self.reasons:
            return False
        self.reasons[reason] = detail
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
        return {"reasons": dict(self.reasons), "epoch": self.epoch}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.reasons = dict(state["reasons"])
        self.epoch = state["epoch"]
