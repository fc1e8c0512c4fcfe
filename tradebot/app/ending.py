"""How a run of this process ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tradebot.app.run import Hosted
from tradebot.core.model.documents import PositionDocument, SummaryDocument
from tradebot.core.model.errors import JournalError, TradebotError
from tradebot.journal.rows import EXIT_CODE, RunEnd

State = Literal["ended", "interrupted"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run stopped: ``ended`` for good, or ``interrupted`` and to be continued.

    ``began`` says whether this start played anything at all, ``warnings`` is what its strategies lacked, ``beside`` are the
    endings of the runs that were hosted beside it.
    """

    state: State
    why: str
    error: TradebotError | None
    summary: SummaryDocument
    positions: list[PositionDocument]
    hashes: dict[str, str]
    began: bool = True
    warnings: Sequence[str] = ()
    beside: tuple[Ending, ...] = ()


def end_of(run: Hosted, ending: Ending, written: bool) -> RunEnd:
    """Return what the journal keeps of how a run ended; of one that could not be ``written`` no summary."""
    stored: dict[str, Any] | None = {**ending.summary, "hashes": ending.hashes} if written else None
    if stored is not None and run.account is not None:
        stored[EXIT_CODE] = 0 if ending.error is None else ending.error.exit_code
    text = None if ending.error is None else str(ending.error)
    return RunEnd(run.identity.run, ending.state, text, stored)


def as_failed(ending: Ending, failure: JournalError) -> Ending:
    """Return the ending of a run whose journal could not be written; the first error counts."""
    if ending.error is not None:
        return ending
    return replace(ending, state="interrupted", why=failure.message, error=failure)


__all__ = ["Ending", "State", "as_failed", "end_of"]
