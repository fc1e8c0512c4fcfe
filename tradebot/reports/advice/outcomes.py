"""A closed trade as statistics sees it: floats, its day, and what its signal had asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tradebot.core.ghost.quality import DAY_MS, tier_name
from tradebot.reports.advice.settings import RunSettings
from tradebot.reports.weekdays import weekday_of


@dataclass(frozen=True, slots=True)
class PastTrade:
    """One closed trade. Times in UTC ms, money in USDT; None where the journal does not know.

    ``pnl`` is net, ``gross`` before fees and funding, ``costs`` both of these. ``risk`` is the loss planned at the stop with all costs, ``stop_loss`` what
    the stop's distance alone is worth and ``reward`` the target's; ``mae`` is the deepest loss and ``mfe`` the highest gain on the
    way, before fees: all of them at least 0. ``slippage`` is negative where it was against us.
    """

    id: int
    time: int
    exit: int
    symbol: str
    side: str
    reason: str
    pnl: float
    gross: float
    costs: float
    turnover: float
    confidence: float | None = None
    slippage: float | None = None
    risk: float | None = None
    stop_loss: float | None = None
    reward: float | None = None
    mae: float | None = None
    mfe: float | None = None

    @property
    def day(self) -> int:
        """The UTC day it was entered on, counted from 1970."""
        return self.time // DAY_MS

    @property
    def hour(self) -> int:
        """The UTC hour it was entered in."""
        return self.time // 3_600_000 % 24

    @property
    def weekday(self) -> str:
        """The UTC weekday it was entered on, in three letters."""
        return weekday_of(self.time)

    @property
    def tier(self) -> str | None:
        """The size its confidence asked for."""
        return None if self.confidence is None else tier_name(self.confidence)

    @property
    def r(self) -> float | None:
        """The net result as a multiple of the planned loss."""
        return None if not self.risk else self.pnl / self.risk


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry that a limit refused, and what it would have earned hypothetically (USDT, after costs)."""

    time: int
    rule: str
    pnl: float

    @property
    def day(self) -> int:
        """The UTC day of the signal, counted from 1970."""
        return self.time // DAY_MS


class HeldOn(NamedTuple):
    """How much better (USDT) a stopped trade would have ended with a wider stop, and whether at its target."""

    gain: float
    met_target: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that rules may look at.

    ``held_on`` says of stopped trades, by id, what a stop half as far again would have made of them; only what bars
    could tell is in it. ``modelled`` is by id what the simulation would have charged for their fills (USDT), None where it made them
    itself. ``loss`` is what may be lost before trading has to end (USDT), None where nobody said. ``whole`` is how many trades on how
    many days there are in all, where some are kept out to try on what was chosen by the others.
    ``settings`` are what a line of the configuration can be made of, None where they cannot be read.
    """

    trades: Sequence[PastTrade]
    refused: Sequence[RefusedEntry] = ()
    held_on: Mapping[int, HeldOn] | None = None
    modelled: Mapping[int, float] | None = None
    loss: float | None = None
    whole: tuple[int, int] | None = None
    settings: RunSettings | None = None

    @property
    def days(self) -> int:
        """On how many UTC days trades were entered."""
        return len({trade.day for trade in self.trades})

    @property
    def middle(self) -> float:
        """Where the second half of the time begins, in days from 1970: halfway from the first to the last with a trade."""
        days = [trade.day for trade in self.trades]
        return (min(days) + max(days) + 1) / 2 if days else 0.0
