"""The account at one moment: what balances, account and position calls say, worked out once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradebot.core.model.money import ZERO, exact
from tradebot.venue.account import VenueAccount
from tradebot.venue.holdings import VenueHolding
from tradebot.venue.matching import Desk
from tradebot.venue.orders import VenueOrder
from tradebot.venue.payloads import (
    account_position,
    account_position_v2,
    money,
    position_risk,
    position_risk_v2,
)

ALIAS = "SgsRfWmYuXsR"


@dataclass(frozen=True, slots=True)
class Statement:
    """Wallets by asset and position rows; money in USDT."""

    account: VenueAccount
    rows: tuple[VenueHolding, ...]
    free: Decimal

    @classmethod
    def of(cls, account: VenueAccount, desk: Desk) -> Statement:
        """Look at the account now."""
        desk.refresh()
        legs = [leg.holding for leg in desk.legs.values()]
        rows = (*account.holdings(), *legs)
        _see_orders(rows, desk.records.open())
        return cls(account, rows, desk.free)

    @property
    def held(self) -> list[VenueHolding]:
        """Rows with a position or a working order that may open one."""
        return [row for row in self.rows if row.qty or row.bids or row.asks]

    def balances(self) -> list[dict[str, Any]]:
        """Return the rows of ``balance``."""
        return [self._balance(asset) for asset in self.account.wallets]

    def _balance(self, asset: str) -> dict[str, Any]:
        row = self._asset(asset)
        return {
            "accountAlias": ALIAS,
            "asset": asset,
            "balance": row["walletBalance"],
            "crossWalletBalance": row["crossWalletBalance"],
            "crossUnPnl": row["crossUnPnl"],
            "availableBalance": row["availableBalance"],
            "maxWithdrawAmount": row["maxWithdrawAmount"],
            "marginAvailable": True,
            "updateTime": row["updateTime"],
        }

    def _asset(self, asset: str) -> dict[str, Any]:
        wallet = self.account.wallets[asset]
        rows = self.held if asset == "USDT" else []
        with exact():
            isolated = sum((row.wallet for row in rows), ZERO)
            unrealised = sum((row.unrealised for row in rows), ZERO)
            crossed = sum((r.unrealised for r in rows if r.margin_type == "cross"), ZERO)
            maintenance = sum((row.maintenance for row in rows), ZERO)
            cross = wallet - isolated
        initial = sum((row.margin for row in rows), ZERO)
        locked = sum((row.order_margin for row in rows), ZERO)
        free = max(ZERO, self._free(asset, crossed) - locked)
        return {
            "asset": asset,
            "walletBalance": money(wallet),
            "unrealizedProfit": money(unrealised),
            "marginBalance": money(wallet + unrealised),
            "maintMargin": money(maintenance),
            "initialMargin": money(initial + locked),
            "positionInitialMargin": money(initial),
            "openOrderInitialMargin": money(locked),
            "crossWalletBalance": money(cross),
            "crossUnPnl": money(crossed),
            "availableBalance": money(free),
            "maxWithdrawAmount": money(free),
            "updateTime": self.account.updated,
        }

    def _free(self, asset: str, crossed: Decimal) -> Decimal:
        return self.free + crossed if asset == "USDT" else self.account.wallets[asset]

    def totals(self) -> dict[str, Any]:
        """Return the totals of ``account``, in USDT (other assets are not valued)."""
        row = self._asset("USDT")
        return {
            "totalInitialMargin": row["initialMargin"],
            "totalMaintMargin": row["maintMargin"],
            "totalWalletBalance": row["walletBalance"],
            "totalUnrealizedProfit": row["unrealizedProfit"],
            "totalMarginBalance": row["marginBalance"],
            "totalPositionInitialMargin": row["positionInitialMargin"],
            "totalOpenOrderInitialMargin": row["openOrderInitialMargin"],
            "totalCrossWalletBalance": row["crossWalletBalance"],
            "totalCrossUnPnl": row["crossUnPnl"],
            "availableBalance": row["availableBalance"],
            "maxWithdrawAmount": row["maxWithdrawAmount"],
        }

    def account_v3(self) -> dict[str, Any]:
        """Return the body of ``v3/account``: symbols with a position only."""
        return {
            **self.totals(),
            "assets": [self._asset(asset) for asset in self.account.wallets],
            "positions": [account_position(row) for row in self.held],
        }

    def account_v2(self) -> dict[str, Any]:
        """Return the body of ``v2/account``: every symbol."""
        assets = [{**self._asset(asset), "marginAvailable": True} for asset in self.account.wallets]
        return {
            "feeTier": 0,
            "feeBurn": self.account.fee_burn,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "updateTime": 0,
            "multiAssetsMargin": self.account.multi_assets,
            "tradeGroupId": -1,
            **self.totals(),
            "assets": assets,
            "positions": [account_position_v2(row) for row in self.rows],
        }

    def risks(self, name: str | None) -> list[dict[str, Any]]:
        """Return the rows of ``v3/positionRisk``: symbols with a position only."""
        return [position_risk(r) for r in self.held if name in (None, r.listing.name)]

    def risks_v2(self, name: str | None) -> list[dict[str, Any]]:
        """Return the rows of ``v2/positionRisk``: every symbol."""
        return [position_risk_v2(r) for r in self.rows if name in (None, r.listing.name)]


def _see_orders(rows: Iterable[VenueHolding], orders: Iterable[VenueOrder]) -> None:
    """Let every row know what its working orders are worth; those that only reduce lock nothing."""
    by_name: dict[str, VenueHolding] = {}
    for row in rows:
        row.bids = row.asks = ZERO
        if row.position_side == "BOTH":
            by_name.setdefault(row.listing.name, row)
    for order in orders:
        if order.reduce_only or order.position_side != "BOTH":
            continue
        held = by_name[order.listing.name]
        with exact():
            worth = order.left * (order.price or held.mark)
            if order.side == "BUY":
                held.bids += worth
            else:
                held.asks += worth
