"""Why approved signals led to no fill: what became of a run's entry orders, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

SHOWN = 3
"""Reasons that are named; the rest is counted."""

WAITING = "still waiting when the run ended"


def unfilled_sentence(approved: int, ends: Iterable[str]) -> str:
    """Say that ``approved`` signals and no fill is what a run came to, and why.

    ``ends`` is how each entry order ended: status and reason, ``WAITING`` for one that did not.
    """
    counted = Counter(ends).most_common()
    reasons = [f"{count} x {text}" for text, count in counted[:SHOWN]]
    if len(counted) > SHOWN:
        reasons.append(f"and {sum(count for _, count in counted[SHOWN:])} other(s)")
    return (
        f"{approved} signal(s) approved and nothing filled: {'; '.join(reasons) or 'no order left'}"
    )


def ending(status: str, reason: str) -> str:
    """Return one order's end in words: ``expired (no volume)``."""
    return f"{status} ({reason})" if reason else status


__all__ = ["WAITING", "ending", "unfilled_sentence"]
