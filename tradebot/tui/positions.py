"""The open positions as a table: of a simulated account, and of one at an exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tradebot.journal.snapshots import HeldThere, PositionRow, RiskView
from tradebot.tui.feed import View
from tradebot.tui.figures import brief_gain, duration, price, quantity, usd
from tradebot.tui.grid import GridColumn
from tradebot.tui.painted import Span
from tradebot.tui.tables import held, percent, priced, shown, side, text_of, tinted

OLD_STOP_S = 60
"""Seconds after which the evidence of a stop is old: it is asked for twice a minute."""


@dataclass(frozen=True, slots=True)
class HeldRow:
    """An open position with its margin (USDT), age (seconds) and liquidation price in words.

    ``seen_s`` is how many seconds ago the venue last said that it has the stop, None where it did not.
    """

    position: PositionRow
    margin: Decimal | None
    liquidation: str | None
    age_s: int
    seen_s: float | None = None


POSITIONS: tuple[GridColumn[HeldRow], ...] = (
    GridColumn("symbol", 9, text_of(lambda row: row.position.symbol, "word")),
    GridColumn("side", 7, lambda row: side(row.position)),
    GridColumn(
        "qty",
        8,
        shown(lambda row: row.position.qty, quantity),
        lambda row: row.position.qty,
        right=True,
    ),
    GridColumn(
        "entry",
        9,
        priced(lambda row: row.position.entry_price, lambda row: row.position.symbol),
        lambda row: row.position.entry_price,
        right=True,
    ),
    GridColumn(
        "mark",
        9,
        priced(lambda row: row.position.price, lambda row: row.position.symbol),
        lambda row: row.position.price,
        right=True,
    ),
    GridColumn(
        "PnL",
        9,
        tinted(lambda row: row.position.pnl, brief_gain),
        lambda row: row.position.pnl,
        right=True,
    ),
    GridColumn(
        "PnL %",
        7,
        tinted(lambda row: row.position.pnl_pct, percent),
        lambda row: row.position.pnl_pct,
        right=True,
        rank=1,
    ),
    GridColumn(
        "stop",
        9,
        priced(lambda row: row.position.stop, lambda row: row.position.symbol),
        lambda row: row.position.stop,
        right=True,
    ),
    GridColumn(
        "target",
        9,
        priced(lambda row: row.position.target, lambda row: row.position.symbol),
        lambda row: row.position.target,
        right=True,
        rank=5,
    ),
    GridColumn(
        "margin", 9, shown(lambda row: row.margin, usd), lambda row: row.margin, right=True, rank=4
    ),
    GridColumn("liquid.", 9, text_of(lambda row: row.liquidation), right=True, rank=3),
    GridColumn("age", 6, held(lambda row: row.age_s), lambda row: row.age_s, right=True, rank=2),
)


def _stop_seen(row: HeldRow) -> Span:
    """Return a cell of how old the evidence of a position's stop is; without any that is an alarm."""
    if row.position.stop is None:
        return ("NO STOP", "alarm")
    if row.seen_s is None:
        return ("UNSEEN", "alarm")
    return (duration(row.seen_s), "warn" if row.seen_s > OLD_STOP_S else "")


def _column(name: str, **other: Any) -> GridColumn[HeldRow]:
    """Return a column of the positions, with another rank or width."""
    return replace(next(one for one in POSITIONS if one.name == name), **other)


THERE: tuple[GridColumn[HeldRow], ...] = (
    _column("symbol"),
    _column("side"),
    _column("qty"),
    _column("entry", rank=4),
    _column("mark", rank=2),
    _column("PnL"),
    _column("PnL %", rank=5),
    _column("stop"),
    GridColumn("seen", 7, _stop_seen, lambda row: row.seen_s or 0, right=True),
    _column("target", rank=6),
    _column("margin", width=8, rank=1),
    _column("liquid.", rank=0),
    _column("age", rank=3),
)
"""Positions on an account: margin and liquidation price are the exchange's, and how old the evidence of the stop is."""


def position_rows(
    positions: Sequence[PositionRow], risk: RiskView | None, at: int | None
) -> list[HeldRow]:
    """Return the snapshot's positions with margin, liquidation price and age (seconds)."""
    risk = risk or RiskView()
    liquidation = {
        # without a price there is no liquidation: at 1x a long cannot lose more than it has
        row.symbol: "none"
        if row.liquidation_price is None
        else price(row.liquidation_price, row.symbol)
        for row in risk.positions
    }
    used = [row.used for row in risk.limits if row.rule == "leverage"]
    leverage = used[0] if used and used[0] else Decimal(1)
    return [_held(row, liquidation, leverage, at) for row in positions]


def _held(
    row: PositionRow, liquidation: Mapping[str, str], leverage: Decimal, at: int | None
) -> HeldRow:
    return HeldRow(
        position=row,
        margin=row.qty * row.entry_price / leverage,
        liquidation=liquidation.get(row.symbol),
        age_s=0 if at is None else max(0, (at - row.entry_time) // 1000),
    )


def there_rows(view: View) -> list[HeldRow]:
    """Return the positions of a run that trades an account, with the exchange's own margin and liquidation price."""
    seen = () if view.account is None else view.account.positions
    there = {(one.symbol, one.side): one for one in seen}
    return [_there(view, row, there.get((row.symbol, row.side))) for row in view.positions]


def _there(view: View, row: PositionRow, there: HeldThere | None) -> HeldRow:
    at = view.at or 0
    liquidation = None
    if there is not None:
        level = there.liquidation_price
        liquidation = "none" if level is None else price(level, row.symbol)
    written = 0 if view.snapshot is None else view.snapshot.wall
    since = at + max(
        0, view.wall - written
    )  # the market's time goes on also where nothing was written since
    return HeldRow(
        position=row,
        margin=None if there is None else there.margin,
        liquidation=liquidation,
        age_s=max(0, at - row.entry_time) // 1000,
        seen_s=None if row.stop_seen is None else max(0, since - row.stop_seen) / 1000,
    )
