"""How a close-all went: what every way of closing answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tradebot.core.model.errors import LeftoverError

Rows = Sequence[Mapping[str, Any]]
"""Rows of an answer (JSON values)."""


class EngineHereError(LeftoverError):
    """The engine that hangs runs in this very process: fencing it off would be suicide."""


@dataclass(frozen=True, slots=True)
class Closed:
    """What is ``left`` open (positions, orders), and ``how`` it was closed and what proves it.

    ``closes`` says at which prices, ``steps`` when what was done, ``proof`` which two reads show that nothing is left;
    ``unfenced`` are processes that may still send something, ``unclosed`` says what else was to be closed and was not: then
    it is not over.
    """

    left: Rows
    how: str
    closes: Rows = ()
    steps: Rows = ()
    proof: Mapping[str, Any] | None = None
    unfenced: Sequence[str] = ()
    unclosed: Sequence[str] = ()
