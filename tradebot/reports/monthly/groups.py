"""Where the result came from: the trades by what they are alike in, each group with its sample size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradebot.core.ghost.quality import SMALL, wilson
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import HOUR_MS
from tradebot.journal.view import TradeRow
from tradebot.reports.weekdays import WEEKDAYS, weekday_of

HOLDING = (
    *((300, "under 5m"), (900, "5m to 15m"), (3600, "15m to 1h"), (14_400, "1h to 4h")),
    *((86_400, "4h to 1d"), (1 << 60, "1d and more")),
)
"""Upper bounds of holding times in seconds, and their names."""


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """A closed trade with what its run and its signal say of it; ``tier`` is ``-`` where no signal is known, ``costs`` are ``costs_of`` it."""

    row: TradeRow
    strategy: str
    tier: str
    costs: Decimal

    @property
    def r(self) -> float | None:
        """Its result in multiples of the loss planned at the stop; None where none was."""
        return float(self.row.pnl) / float(self.row.risk) if self.row.risk else None


@dataclass(frozen=True, slots=True)
class Group:
    """Trades that are alike. Percent and USDT; ``small`` below 30 trades."""

    name: str
    trades: int
    small: bool
    wins: int
    win_rate_pct: float | None
    win_rate_low_pct: float | None
    win_rate_high_pct: float | None
    expectancy: float | None
    pnl: Decimal
    costs: Decimal
    share_of_costs_pct: float | None


def costs_of(row: TradeRow) -> Decimal:
    """Return a trade's fees, slippage and funding paid (USDT, positive when they cost)."""
    return row.fees - (row.slippage or ZERO) - row.funding


Key = Callable[[ClosedTrade], str]


def hour_of(time: int) -> str:
    """Return the UTC hour of a moment as two digits."""
    return f"{time // HOUR_MS % 24:02d}"


def holding_of(seconds: int) -> str:
    """Return the name of a holding time."""
    return next(name for bound, name in HOLDING if seconds < bound)


DIMENSIONS: Mapping[str, Key] = {
    "strategy": lambda trade: trade.strategy,
    "symbol": lambda trade: trade.row.symbol,
    "side": lambda trade: trade.row.side,
    "tier": lambda trade: trade.tier,
    "exit": lambda trade: trade.row.exit_reason,
    "hour": lambda trade: hour_of(trade.row.entry_time),
    "weekday": lambda trade: weekday_of(trade.row.entry_time),
    "holding": lambda trade: holding_of(trade.row.duration_s),
}
"""What trades are grouped by: hour and weekday are UTC, of the entry."""

_ORDERS: Mapping[str, Sequence[str]] = {
    "tier": ("high", "medium", "low"),
    "weekday": WEEKDAYS,
    "holding": tuple(name for _, name in HOLDING),
}


def groups_of(trades: Sequence[ClosedTrade]) -> dict[str, tuple[Group, ...]]:
    """Return the groups of every dimension, in an order that is always the same."""
    total = sum((trade.costs for trade in trades), ZERO)
    return {name: tuple(_groups(name, key, trades, total)) for name, key in DIMENSIONS.items()}


def _groups(name: str, key: Key, trades: Iterable[ClosedTrade], total: Decimal) -> Iterable[Group]:
    members: dict[str, list[ClosedTrade]] = {}
    for trade in trades:
        members.setdefault(key(trade), []).append(trade)
    order = {value: i for i, value in enumerate(_ORDERS.get(name, ()))}
    for value in sorted(members, key=lambda value: (order.get(value, len(order)), value)):
        yield group_of(value, members[value], total)


def group_of(name: str, trades: Sequence[ClosedTrade], total_costs: Decimal) -> Group:
    """Return a group's figures; ``total_costs`` are those of all trades (USDT)."""
    n, wins = len(trades), sum(1 for trade in trades if trade.row.pnl > 0)
    pnl = sum((trade.row.pnl for trade in trades), ZERO)
    costs = sum((trade.costs for trade in trades), ZERO)
    low, high = wilson(wins, n)
    return Group(
        name=name,
        trades=n,
        small=n < SMALL,
        wins=wins,
        win_rate_pct=100.0 * wins / n if n else None,
        win_rate_low_pct=low,
        win_rate_high_pct=high,
        expectancy=float(pnl) / n if n else None,
        pnl=pnl,
        costs=costs,
        share_of_costs_pct=100.0 * float(costs) / float(total_costs) if total_costs else None,
    )


__all__ = ["DIMENSIONS", "ClosedTrade", "Group", "costs_of", "group_of", "groups_of"]
