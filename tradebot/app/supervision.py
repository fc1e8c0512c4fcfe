"""Supervision: whether somebody is there in the first half hour of a start, asked every five minutes.

The screen asks and takes the answer; an engine that hears of none halts entries until a person resumes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.clock import SYSTEM, Clock

if TYPE_CHECKING:
    from tradebot.app.run import Hosted

PERIOD_S = 1800.0
"""Seconds of a start that have to be watched."""
ASK_S = 300.0
"""Seconds after an answer at which it is asked again."""
PATIENCE_S = 360.0
"""Seconds without an answer after which entries are halted."""

UNSUPERVISED = "unsupervised"
"""The command, of nobody but the start, and the halt it leads to."""


class Supervision:
    """Knows when to ask and when nobody is there; by a clock that nobody can set.

    The engine's thread begins it and looks at it, the screen's answers: each only writes one number.
    """

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._begun: float | None = None
        self._answered = 0.0
        self._halted = False

    def answer(self) -> None:
        """Somebody is there."""
        self._answered = self._clock.monotonic()

    @property
    def asks_s(self) -> float | None:
        """Seconds that are left to answer, 0 where it is too late; None while nothing is asked."""
        silent = self._silent()
        if silent is None or silent < ASK_S:
            return None
        return max(0.0, PATIENCE_S - silent)

    def _silent(self) -> float | None:
        """Return for how long nobody has answered; None while nobody has to."""
        now = self._clock.monotonic()
        if self._begun is None or now - self._begun >= PERIOD_S:
            return None
        return now - self._answered

    def look(self, run: Hosted) -> None:
        """Begin with the run, and halt it where nobody has answered in time; to be called a few times a second."""
        engine = run.session.engine
        if not engine.started:
            return
        if self._begun is None:
            self._begun = self._answered = self._clock.monotonic()
        is_halted = UNSUPERVISED in engine.halts.reasons
        if self._halted and not is_halted:
            self.answer()  # whoever resumed is there
        self._halted = is_halted
        silent = self._silent()
        if silent is not None and silent >= PATIENCE_S and not is_halted:
            text = f"nobody has answered for {PATIENCE_S / 60:.0f} min"
            run.command(0, UNSUPERVISED, "tradebot", text)
            self._halted = True


__all__ = ["ASK_S", "PATIENCE_S", "PERIOD_S", "UNSUPERVISED", "Supervision"]
