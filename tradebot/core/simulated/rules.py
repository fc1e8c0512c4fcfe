"""How the simulated exchange treats orders: costs, latency, leverage and the fill model."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tradebot.core.model.money import ONE, ZERO, to_eight
from tradebot.core.model.values import Fees


@dataclass(frozen=True, slots=True)
class SimRules:
    """The constants of one simulated account.

    ``start_equity`` in USDT. ``spread_bps``: whole spread in basis points of the base price.
    ``impact``: price impact as a fraction of the base price per (quantity / volume of the bar).
    ``latency_ms`` from a decision to the exchange. ``volume_share``: the part of a bar's volume our
    fills may take. ``model`` ``bars`` is the pessimistic one, ``next_open`` the textbook's: fills at
    the open, no spread, impact, latency, volume cap or liquidation.

    The rest is for a venue that stands on this exchange, and off by default. ``at_once``: a market or
    limit order and a cancel are answered on the last quote, without latency. ``isolated_funding``:
    funding moves the position's margin too, and with it the bankruptcy price. ``liquidation_fee``: a
    fraction of a liquidation's notional. ``rounded``: commission, funding and realised PnL are
    rounded to 8 decimals, half-even, and the wallet is the sum of exactly these. ``history``: orders
    and fills are remembered. ``reuse_ids``: an id is free again once its order is finished.

    Raises:
        ValueError: a number makes no sense.
    """

    start_equity: Decimal
    fees: Fees
    spread_bps: Decimal
    impact: Decimal
    latency_ms: int
    volume_share: Decimal
    leverage: int = 1
    model: Literal["bars", "next_open"] = "bars"
    at_once: bool = False
    isolated_funding: bool = False
    liquidation_fee: Decimal = ZERO
    rounded: bool = False
    history: bool = False
    reuse_ids: bool = False

    def __post_init__(self) -> None:
        if self.leverage < 1:
            raise ValueError(f"leverage {self.leverage} is below 1")
        if self.spread_bps < 0 or self.impact < 0 or self.latency_ms < 0:
            raise ValueError("spread_bps, impact and latency_ms cannot be negative")
        if not ZERO < self.volume_share <= ONE:
            raise ValueError(f"volume_share {self.volume_share} is not above 0 and at most 1")
        if not ZERO <= self.liquidation_fee < ONE:
            raise ValueError(f"liquidation_fee {self.liquidation_fee} is not from 0 to below 1")

    @property
    def next_open(self) -> bool:
        """Whether fills are the textbook's."""
        return self.model == "next_open"

    def money(self, amount: Decimal) -> Decimal:
        """An amount of USDT as this exchange books it: exact, or at 8 decimals."""
        return to_eight(amount) if self.rounded else amount
