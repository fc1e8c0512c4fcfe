"""The income history: every change of a wallet, by type, shown only after a while."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradebot.core.model.values import DAY_MS

FIRST_TRANSACTION = 9_689_322_392
KEPT_MS = 90 * DAY_MS

TYPES = (
    "TRANSFER",
    "WELCOME_BONUS",
    "REALIZED_PNL",
    "FUNDING_FEE",
    "COMMISSION",
    "INSURANCE_CLEAR",
    "REFERRAL_KICKBACK",
    "COMMISSION_REBATE",
    "API_REBATE",
    "CONTEST_REWARD",
    "CROSS_COLLATERAL_TRANSFER",
    "OPTIONS_PREMIUM_FEE",
    "OPTIONS_SETTLE_PROFIT",
    "INTERNAL_TRANSFER",
    "AUTO_EXCHANGE",
    "DELIVERED_SETTELMENT",
    "COIN_SWAP_DEPOSIT",
    "COIN_SWAP_WITHDRAW",
    "POSITION_LIMIT_INCREASE_FEE",
    "STRATEGY_UMFUTURES_TRANSFER",
    "FEE_RETURN",
    "BFUSD_REWARD",
)
"""Types Binance knows; the first ones and a few others are ever booked here."""


@dataclass(frozen=True, slots=True)
class Income:
    """One row. ``amount`` of ``asset``, negative when paid; ``shown_at``: from when on it is served.

    ``transaction`` is unique within one type only: REALIZED_PNL and COMMISSION of a trade share it.
    """

    symbol: str
    type: str
    amount: Decimal
    asset: str
    info: str
    time: int
    transaction: int
    trade_id: str
    shown_at: int


class IncomeBook:
    """All rows by time. ``delay_ms``: how long a new row stays unseen; a fault may make it longer."""

    def __init__(self, delay_ms: int = 2000) -> None:
        self.delay_ms = delay_ms
        self.rows: list[Income] = []
        self._last = FIRST_TRANSACTION

    def next_transaction(self) -> int:
        """Return a new transaction id."""
        self._last += 1
        return self._last

    def add(
        self,
        kind: str,
        amount: Decimal,
        at: int,
        transaction: int,
        *,
        symbol: str = "",
        asset: str = "USDT",
        info: str = "",
        trade_id: str = "",
    ) -> Income:
        """Book a row."""
        row = Income(
            symbol, kind, amount, asset, info or kind, at, transaction, trade_id, at + self.delay_ms
        )
        self.rows.append(row)
        return row

    def shown(
        self,
        now: int,
        *,
        symbol: str | None = None,
        kind: str | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> list[Income]:
        """Return the rows served now, oldest first: three months, those whose delay has passed."""
        since = max(start or 0, now - KEPT_MS)
        return [
            row
            for row in self.rows
            if row.shown_at <= now
            and row.time >= since
            and (end is None or row.time <= end)
            and (symbol is None or row.symbol == symbol)
            and (kind is None or row.type == kind)
        ]
