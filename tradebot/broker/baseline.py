"""What the equity was when the day and the week began, worked out backwards from what the account is now.

The cash then is the wallet now, less the cost of what is held, with every fill since taken back at its price and every
other cash line taken off; the position then is the one now with the fills taken back, valued at the mark price kline's
open. Nothing of it needs to have been seen: it is how a start finds the baselines of a day it did not live through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradebot.broker import figures, rows
from tradebot.core.model.money import ZERO
from tradebot.wire.public import venue_symbol

RESULT = "REALIZED_PNL"
"""A line that is in the fills already, on a symbol whose fills are taken back."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Now:
    """The account at one moment: the wallet (USDT) and, by symbol, what is held and its average entry."""

    at: int
    wallet: Decimal
    positions: Mapping[str, tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class Since:
    """What happened since a time, up to the moment the account was read: rows of income, and of trades by symbol."""

    income: Sequence[Row]
    trades: Mapping[str, Sequence[Row]]

    def from_(self, start: int, until: int) -> Since:
        """Return what of it happened at or after a later start (UTC ms), and not after ``until``."""

        def within(found: Sequence[Row]) -> list[Row]:
            return [row for row in found if start <= figures.whole(row["time"]) <= until]

        return Since(within(self.income), {s: within(found) for s, found in self.trades.items()})


def positions_then(now: Now, since: Since) -> dict[str, Decimal]:
    """Return what was held at the start (signed base units): what is held now with the fills taken back."""
    return {
        symbol: held - sum((_signed(row) for row in since.trades.get(symbol, ())), ZERO)
        for symbol, (held, _) in now.positions.items()
    }


def baseline(now: Now, since: Since, marks: Mapping[str, Decimal]) -> Decimal:
    """Return the equity at the start (USDT), with what came in since that is no result added.

    ``marks`` are the mark prices then, of the symbols that were held.
    """
    cash = now.wallet - sum((held * entry for held, entry in now.positions.values()), ZERO)
    for found in since.trades.values():
        cash += sum((_signed(row) * figures.number(row["price"]) for row in found), ZERO)
    own = {venue_symbol(symbol) for symbol in now.positions}
    cash -= sum((_amount(row) for row in since.income if not _in_fills(row, own)), ZERO)
    held = positions_then(now, since)
    open_ = sum((qty * marks[symbol] for symbol, qty in held.items() if qty), ZERO)
    return cash + open_ + no_result(since.income)


def no_result(income: Sequence[Row]) -> Decimal:
    """Return what of income came in, less what went out, and is no result of trading (USDT)."""
    return sum((_amount(row) for row in income if _is_no_result(row)), ZERO)


def _signed(row: Row) -> Decimal:
    return figures.side(row["side"]).sign * figures.number(row["qty"])


def _amount(row: Row) -> Decimal:
    if row["asset"] != figures.QUOTE:
        raise ValueError(f"an amount of {row['incomeType']} is in {row['asset']}")
    return figures.number(row["income"])


def _in_fills(row: Row, own: set[str]) -> bool:
    return bool(row["incomeType"] == RESULT and row["symbol"] in own)


def _is_no_result(row: Row) -> bool:
    """Whether a line moves the baseline: transfers, and gains that are no result of trading."""
    kind, gain = rows.KINDS.get(row["incomeType"]), _amount(row) > 0
    if row["incomeType"] == rows.FUNDING:
        return False
    return kind == "transfer" or (gain and kind in (None, "rebate"))
