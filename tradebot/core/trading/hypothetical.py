"""What a session asks of whoever books signals as hypothetical trades, beside the account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tradebot.core.model.documents import GhostFigures, OpenGhostDocument
from tradebot.core.model.effects import GhostClosed, GhostOpened, SignalJudged
from tradebot.core.model.events import MarketEvent


class Hypothetical(Protocol):
    """Takes signals and prices, and tells what would have come of them; no order leaves it."""

    def advance(self, step: Sequence[MarketEvent], at: int) -> Sequence[GhostClosed]:
        """Take the market events of one moment; ``at`` is the engine's clock after it (UTC ms)."""
        ...

    def judge(self, signal: SignalJudged) -> Sequence[GhostOpened | GhostClosed]:
        """Take a signal that the gate has judged, whatever it said."""
        ...

    def finish(self, at: int) -> Sequence[GhostClosed]:
        """Close what is open: the run is over."""
        ...

    def view(self) -> list[OpenGhostDocument]:
        """Return what is open, as readers see it."""
        ...

    def figures(self) -> GhostFigures:
        """Return what a run's summary says of it (JSON values)."""
        ...

    def export_state(self) -> dict[str, Any]:
        """Return everything as JSON values; only between steps."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        ...
