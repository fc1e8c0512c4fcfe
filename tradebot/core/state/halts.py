"""Armed or halted: a set of reasons with an epoch, and the table of what clears each of them.

Trading is armed when the set is empty. Every change moves the epoch on, so that an entry approved before
a halt can be recognised and dropped by its sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from tradebot.core.model.frozen import frozen


class Clears(StrEnum):
    """Who may clear a halt once nothing stands in its way."""

    PERSON = "a person"
    PERSON_OR_POLICY = "a person, or auto_resume"
    SIGN_OFF = "a new sign-off"


@frozen
class HaltReason:
    """A halt reason: what it means, who may clear it, and what must be over before (in words).

    ``review`` says that clearing it needs a written review.
    """

    name: str
    meaning: str
    clears: Clears = Clears.PERSON
    until: str = ""
    review: bool = False


HALTS: Mapping[str, HaltReason] = {
    reason.name: reason
    for reason in (
        HaltReason("user", "somebody halted it"),
        HaltReason("strategy", "a strategy cannot be trusted"),
        HaltReason(
            "day_loss",
            "the day's loss limit is reached",
            Clears.PERSON_OR_POLICY,
            "not before the next UTC day",
        ),
        HaltReason(
            "week_loss",
            "the week's loss limit is reached",
            Clears.PERSON_OR_POLICY,
            "not before the next UTC week",
            review=True,
        ),
        HaltReason(
            "signoff_loss",
            "the approved loss is reached",
            Clears.SIGN_OFF,
            "the approved loss is used up; it needs a new sign-off",
        ),
        HaltReason("account", "account and ledger differ", until="the account still differs"),
        HaltReason("ledger", "executions are missing", until="executions are still missing"),
        HaltReason("exit", "exits are refused", until="a position is still being closed"),
        HaltReason("config", "the account is set otherwise", until="the account is set otherwise"),
        HaltReason(
            "stop_path",
            "two positions were closed within an hour for want of a stop",
            until="a position still has no stop in place",
        ),
        HaltReason(
            "journal",
            "the journal takes no commits, or is not as it was signed",
            until="the journal is not in order",
        ),
        HaltReason(
            "foreign",
            "somebody else trades on the account",
            until="what somebody else did is still there",
        ),
        HaltReason(
            "instance",
            "another tradebot trades on the account",
            until="the other's orders are still there",
        ),
        HaltReason(
            "checklist",
            "it was started to protect what is open",
            until="this start may only protect: mend what is named, and start again",
        ),
        HaltReason("unsupervised", "nobody answered while a start had to be watched"),
        HaltReason("restarts", "it broke off and was started again three times within an hour"),
        HaltReason("unexplained", "the exchange said something that nobody here understands"),
        HaltReason("ban", "the exchange has banned this address for a time"),
        HaltReason("liquidated", "the exchange liquidated a position"),
        HaltReason("adl", "the exchange reduced a position (auto-deleveraging)"),
        HaltReason("settled", "the exchange settled a position (delisting)"),
    )
}
"""Every halt reason by name. What ``until`` says is found out by whoever clears it (``Standing``)."""


@frozen
class Standing:
    """What stands in the way of clearing: the reasons whose own condition does not hold now, with details.

    ``review`` is the written review that was given.
    """

    unmet: Mapping[str, str] = field(default_factory=dict)
    review: str = ""


def obstacle(reason: str, standing: Standing) -> str:
    """Return why a person cannot clear a halt now, "" if they can."""
    rule = HALTS.get(reason)
    if rule is None:
        return ""
    if reason in standing.unmet or rule.clears is Clears.SIGN_OFF:
        detail = standing.unmet.get(reason, "")
        return f"{rule.until}: {detail}" if detail else rule.until
    if rule.review and not standing.review.strip():
        return "it needs a written review (--review FILE)"
    return ""


@frozen
class Halt:
    """Why a halt is in force, in words, and since when (engine time, UTC milliseconds)."""

    detail: str
    at: int


class Halts:
    """The halt reasons in force, in the order in which they came; ``seen`` counts them for the run."""

    __slots__ = ("epoch", "reasons", "seen")

    def __init__(self) -> None:
        self.reasons: dict[str, Halt] = {}
        self.epoch = 0
        self.seen = 0

    def add(self, reason: str, detail: str, at: int) -> bool:
        """Add a reason; False if it was in force already."""
        if reason in self.reasons:
            return False
        self.reasons[reason] = Halt(detail, at)
        self.epoch += 1
        self.seen += 1
        return True

    def clear(self, reason: str) -> bool:
        """Clear a reason; False if it was not in force."""
        if self.reasons.pop(reason, None) is None:
            return False
        self.epoch += 1
        return True

    def export_state(self) -> dict[str, Any]:
        """Return reasons, epoch and count as JSON values."""
        return {
            "reasons": {name: [halt.detail, halt.at] for name, halt in self.reasons.items()},
            "epoch": self.epoch,
            "seen": self.seen,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self.reasons = {name: Halt(*halt) for name, halt in state["reasons"].items()}
        self.epoch = state["epoch"]
        self.seen = state["seen"]
