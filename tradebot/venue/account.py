"""The account's money and modes: wallets, income, leverage and margin types, position rows.

The USDT wallet is what it was at the start plus every row of income; the simulated exchange keeps its own
and the two agree to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from tradebot.core.model.money import ZERO, ratio, to_eight
from tradebot.venue.bus import AccountChanged, BalanceChange, Bus
from tradebot.venue.clock import VenueClock
from tradebot.venue.holdings import VenueHolding
from tradebot.venue.income import Income, IncomeBook
from tradebot.venue.ledger import Ledger
from tradebot.venue.listings import Listings
from tradebot.venue.orders import FIRST_USER_TRADE, VenueTrade
from tradebot.venue.settings import Settings

_BNB_DISCOUNT = Decimal("0.9")
"""Commission in BNB is a tenth lower; the price of BNB is taken to be this many USDT."""
_BNB_PRICE = Decimal(600)


class VenueAccount:
    """Wallets by asset, one-way position rows by symbol, modes."""

    def __init__(
        self, settings: Settings, listings: Listings, bus: Bus, ledger: Ledger, clock: VenueClock
    ) -> None:
        script = settings.account
        self._settings = settings
        self._bus = bus
        self._ledger = ledger
        self._clock = clock
        self._listings = listings
        self._holdings: dict[str, VenueHolding] = {}
        self._types = {
            listing.symbol: script.margin_types.get(listing.name, script.margin_type)
            for listing in listings
        }
        self._trades = FIRST_USER_TRADE
        self.wallets: dict[str, Decimal] = {"USDT": script.wallet, **script.assets}
        self.updated = clock.now()
        self.income = IncomeBook(settings.income_delay_ms)
        self.hedge = script.hedge
        self.multi_assets = script.multi_assets
        self.fee_burn = script.fee_burn
        self.coin_m_busy = False
        self.auto_add_margin = False

    @property
    def wallet(self) -> Decimal:
        """The USDT wallet balance."""
        return self.wallets["USDT"]

    @property
    def fee_asset(self) -> str:
        """The asset fees are taken in: BNB while there is some and the user wants it burnt."""
        return "BNB" if self.fee_burn and self.wallets.get("BNB", ZERO) > 0 else "USDT"

    @staticmethod
    def fee_in(asset: str, fee: Decimal) -> Decimal:
        """Return a fee (USDT) in the asset it is taken in; BNB is cheaper."""
        if asset == "USDT":
            return fee
        return to_eight(ratio(fee * _BNB_DISCOUNT, _BNB_PRICE))

    def next_trade(self) -> int:
        """Return a new trade id."""
        self._trades += 1
        return self._trades

    # Modes

    def margin_type(self, symbol: str) -> str:
        """Return ``isolated`` or ``cross``."""
        return self._types[symbol]

    def set_margin_type(self, symbol: str, margin_type: str) -> None:
        """Change a symbol's margin type."""
        self._types[symbol] = margin_type

    # Positions

    def holding(self, symbol: str) -> VenueHolding:
        """Return the one-way row of a symbol; it is made when it is first asked for."""
        row = self._holdings.get(symbol)
        if row is None:
            listing = self._listings.by_symbol[symbol]
            row = VenueHolding(listing, leverage=self._settings.account.leverage)
            row.margin_type = self._types[symbol]
            self._holdings[symbol] = row
        return row

    def holdings(self) -> list[VenueHolding]:
        """Return the one-way rows made so far."""
        return list(self._holdings.values())

    # Money

    def book(
        self, kind: str, amount: Decimal, at: int, *, symbol: str = "", asset: str = "USDT"
    ) -> list[BalanceChange]:
        """Book an income row of its own transaction and return the changed wallet."""
        row = self.income.add(
            kind, amount, at, self.income.next_transaction(), symbol=symbol, asset=asset
        )
        moved = amount if kind in ("TRANSFER", "INSURANCE_CLEAR") else ZERO
        return [self._apply(row, moved)]

    def book_trade(self, trade: VenueTrade, *, liquidation: bool = False) -> list[BalanceChange]:
        """Book a trade's realised PnL and fee under one transaction id."""
        transaction = self.income.next_transaction()
        changes: dict[str, BalanceChange] = {}
        for kind, amount, asset in self._parts(trade, liquidation=liquidation):
            row = self.income.add(
                kind,
                amount,
                trade.time,
                transaction,
                symbol=trade.listing.name,
                asset=asset,
                info=str(trade.id),
                trade_id=str(trade.id),
            )
            changes[asset] = self._apply(row, ZERO)
        return list(changes.values()) or [self._change("USDT", ZERO)]

    def _parts(self, trade: VenueTrade, *, liquidation: bool) -> Iterable[tuple[str, Decimal, str]]:
        if trade.realised:
            yield "REALIZED_PNL", trade.realised, "USDT"
        if trade.fee:
            kind = "INSURANCE_CLEAR" if liquidation else "COMMISSION"
            yield kind, -trade.fee, trade.fee_asset
        kickback = self._settings.referral_kickback
        if trade.fee and kickback and not liquidation:
            yield "REFERRAL_KICKBACK", to_eight(trade.fee * kickback), trade.fee_asset

    def _apply(self, row: Income, moved: Decimal) -> BalanceChange:
        self.wallets[row.asset] = self.wallets.get(row.asset, ZERO) + row.amount
        self.updated = row.time
        self._ledger.write(
            "income",
            type=row.type,
            symbol=row.symbol,
            amount=row.amount,
            asset=row.asset,
            transaction=row.transaction,
            trade=row.trade_id,
            wallet=self.wallets[row.asset],
        )
        return self._change(row.asset, moved)

    def _change(self, asset: str, moved: Decimal) -> BalanceChange:
        wallet = self.wallets[asset]
        return BalanceChange(asset, wallet, wallet - self.isolated(asset), moved)

    def isolated(self, asset: str = "USDT") -> Decimal:
        """Return what isolated positions hold of a wallet."""
        if asset != "USDT":
            return ZERO
        return sum((row.wallet for row in self._holdings.values()), ZERO)

    def tell_margin(self, row: VenueHolding) -> None:
        """Publish that margin was moved to or from a position."""
        self.tell("MARGIN_TRANSFER", [self._change("USDT", ZERO)], [row])

    def tell(
        self,
        reason: str,
        changes: Sequence[BalanceChange],
        rows: Iterable[VenueHolding],
        *,
        symbol: str = "",
    ) -> None:
        """Publish an account update."""
        fresh = tuple(self._change(change.asset, change.change) for change in changes)
        shown = tuple(row.snapshot() for row in rows)
        self._ledger.write(
            "account",
            reason=reason,
            balances={change.asset: change.wallet for change in fresh},
            positions={row.listing.name: row.qty for row in shown},
        )
        self._bus.publish(AccountChanged(self._clock.now(), reason, fresh, shown, symbol))
