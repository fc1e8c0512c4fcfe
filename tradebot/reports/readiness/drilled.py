"""What a drill must have been played under to count: another start would meet the same disasters in another way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tradebot.journal.facts import DrillPlayed


@dataclass(frozen=True, slots=True)
class DrillTerms:
    """What holds now: evidence hash (the constants of all stages are in it), version, live limits, how orders are sent.

    ``limits`` and ``execution`` are JSON texts; ``place`` is where the journal lies.
    """

    evidence: str
    version: str
    limits: str
    execution: str
    place: str

    def against(self, fact: DrillPlayed) -> Iterator[str]:
        """Yield why a drill was of something else; nothing where it was of this."""
        if fact.evidence != self.evidence:
            yield f"its evidence hash is another one ({fact.evidence[:12] or 'none'})"
        if fact.version != self.version:
            yield f"it was played by version {fact.version}"
        if fact.limits != self.limits:
            yield "it was played with other limits than [risk.live] has now"
        if fact.execution != self.execution:
            yield "it was played with another [execution] than now"
        if fact.place != self.place:
            yield f"it was put on record in {fact.place or 'another place'}, and this is a copy"


__all__ = ["DrillTerms"]
