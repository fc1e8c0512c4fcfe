"""What a running engine says to people: one readable line per thing worth knowing.

A line has columns: time (UTC), symbol, what happened, then the particulars. What changes nothing, such as
a signal to leave where nothing is held, is left to ``tradebot signals``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tradebot.core.model.effects import Effect
from tradebot.core.model.spoken import said
from tradebot.core.model.text import escaped
from tradebot.core.model.times import iso


def lines_of(at: int, effects: Sequence[Effect]) -> Iterator[str]:
    """Yield a line for each effect that people want to see; ``at`` in UTC milliseconds."""
    for effect in effects:
        told = said(effect)
        if told is not None:
            where, what, particulars = told
            time = iso(at)[:19].replace("T", " ")
            yield escaped(f"{time}  {where:<8}  {what:<7}  {particulars}".rstrip())
