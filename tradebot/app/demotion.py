"""Live against what was modelled: fills of the account, and the ghost beside it; what got worse demotes to stage 1.

Judged at each fill and at each outcome of a signal, and told once: anew only when it was well in between, or somebody has
raised the stage since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from tradebot.core.model.effects import Effect, GhostClosed
from tradebot.journal.facts import Demoted, FillModelled
from tradebot.reports.drift import LAST, LAST_SIGNALS, drift_verdict

DRIFT, ACCURACY = "drift", "accuracy"
"""Why live is demoted: its fills, or the signals beside it."""


class DriftGuard:
    """Judges one account's fills and the outcomes beside them, oldest first, those of earlier starts too.

    ``worst_bps`` and ``least_pct`` are the bounds, ``told`` is what a demotion on record says already; ``demote`` takes a new one.
    """

    def __init__(
        self,
        worst_bps: Decimal,
        least_pct: Decimal,
        bps: Iterable[Decimal] = (),
        outcomes: Iterable[bool] = (),
        told: Iterable[str] = (),
        demote: Callable[[Demoted], None] = lambda _: None,
    ) -> None:
        self.demote = demote
        self._worst_bps, self._least_pct = worst_bps, least_pct
        self._bps = deque(bps, LAST)
        self._outcomes = deque(outcomes, LAST_SIGNALS)
        self._told = set(told)

    def fill(self, row: FillModelled) -> None:
        """Take a fill as it was modelled; one that could not be says nothing."""
        if row.bps:
            self._bps.append(Decimal(row.bps))
            verdict = drift_verdict(tuple(self._bps), (), self._worst_bps)
            if verdict.median_bps is not None:
                self._judge(DRIFT, verdict.reasons)

    def outcomes(self, effects: Sequence[Effect]) -> None:
        """Take what became of the signals beside live; one that was never filled has no outcome."""
        for effect in effects:
            if isinstance(effect, GhostClosed) and effect.entry_time is not None:
                self._outcomes.append(effect.pnl > 0)
                signals = tuple(self._outcomes)
                verdict = drift_verdict((), signals, least_pct=self._least_pct)
                if verdict.profitable is not None:
                    self._judge(ACCURACY, verdict.reasons)

    def rearm(self) -> None:
        """Somebody has raised the stage: what is bad still demotes again."""
        self._told.clear()

    def _judge(self, why: str, reasons: Sequence[str]) -> None:
        if not reasons:
            self._told.discard(why)
        elif why not in self._told:
            self._told.add(why)
            self.demote(Demoted(why, "; ".join(reasons)))


__all__ = ["ACCURACY", "DRIFT", "DriftGuard"]
