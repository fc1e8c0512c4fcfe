"""What a command starts a hosted run with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.app.runner import Observer, Pace
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.trading.broker import Broker
from tradebot.market.feed import Prices
from tradebot.plugins.strategies import StrategySpec
from tradebot.reports.readiness.stages import LiveStage

if TYPE_CHECKING:
    from tradebot.app.account import TradedAccount
    from tradebot.app.supervision import Supervision


@dataclass(frozen=True, slots=True)
class Setup:
    """What a paper run needs: configuration, prices, strategy, pace.

    ``modes`` are the runs hosted on one feed: paper, ghost, or both.
    ``new`` starts a run even where an interrupted one could go on. ``said`` is told in words what is about
    to happen, ``observe`` of every event with effects; both on the engine's thread. ``broker`` is one
    outside, for the first mode, and ``venue`` its name; without it orders go to the simulated exchange.
    ``account`` is the account that this broker trades, where it is one at an exchange. ``protect`` says why its run may
    only protect what is open, ``pending`` that this may change once its checklist was gone through, ``restarts`` that it was started again too often to trade; ``unproved`` that no stop could be
    rehearsed on the account. ``watchdog`` is told, in a thread of its own, of an engine that works and hangs (seconds);
    ``processed`` of every step of the market that was played. ``terminal`` says that a person has this start before them,
    ``supervision`` asks them, where that has to be, whether they are there; ``standing`` is live's stage where one binds.
    """

    config: Config
    source: Prices
    spec: StrategySpec
    pace: Pace
    seed: int | None = None
    new: bool = False
    observe: Observer | None = None
    said: Callable[[str], None] | None = None
    max_pages: int | None = None
    modes: tuple[str, ...] = ("paper",)
    broker: Broker | None = None
    venue: str = "local"
    account: TradedAccount | None = None
    protect: str = ""
    restarts: str = ""
    unproved: bool = False
    pending: bool = False
    watchdog: Callable[[float], None] | None = None
    processed: Callable[[], None] | None = None
    terminal: bool = False
    supervision: Supervision | None = None
    standing: LiveStage | None = None
    clock: Clock = SYSTEM

    @property
    def outside(self) -> bool:
        """Whether an account outside is traded: it must be protected whatever the journal is like."""
        return self.broker is not None and self.broker.outside

    def latches(self, mode: str) -> tuple[Path, ...]:
        """Return the directories whose HALT file stops a mode's entries: the data's, and the account's own."""
        data_dir = self.config.data_dir()
        if self.account is None or mode != self.modes[0]:
            return (data_dir,)
        return (data_dir, self.account.latch_dir)

    def venue_of(self, mode: str) -> str:
        """Return where the orders of a mode go."""
        if mode == "ghost":
            return "none"
        return self.venue if mode == self.modes[0] else "local"
