"""Why no entry may be made, said by several who watch a run from outside the engine: each speaks for itself alone.

What is in force is in the engine, and nowhere else: there it outlives a restart. A reason begins with who said it,
so that one who speaks anew replaces their own words and nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum


class Watcher(StrEnum):
    """Who may bar entries. At a start each says what it knows; what is heard of nobody stays as it was."""

    GATES = "gates"
    INCIDENTS = "incidents"
    REVIEW = "review"
    SIGNOFF = "signoff"
    SUPERVISION = "supervision"


def barred_by(
    in_force: Sequence[str], who: Watcher, reasons: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return what bars entries once a watcher has said its reasons, of what has barred them so far; in order of names."""
    others = (one for one in in_force if one.partition(": ")[0] != who)
    return tuple(sorted({*others, *(f"{who}: {reason}" for reason in reasons)}))
