"""What a script can make happen to the account, now: each act by its name, with words as parameters.

Acts are how faults of the account, tests and ``POST /_venue/act`` reach in. Every one leaves the books in
order: wallets, income, positions and the simulated exchange agree afterwards.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tradebot.core.model.errors import UsageError
from tradebot.core.model.events import Event, FundingRate
from tradebot.core.model.money import ZERO, exact
from tradebot.core.model.spelling import meant
from tradebot.venue.bus import ConfigChanged, MarginCalled
from tradebot.venue.errors import VenueError
from tradebot.venue.holdings import VenueHolding
from tradebot.venue.income import TYPES
from tradebot.venue.listings import Listing
from tradebot.venue.orders import VenueOrder

if TYPE_CHECKING:
    from tradebot.venue.core import Venue
_LARGEST = Decimal("1e15")


class Acts:
    """The acts of one venue. Symbols are Binance's names, numbers may be text; UsageError on nonsense."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of all acts."""
        return sorted(
            name
            for name, member in vars(cls).items()
            if inspect.isfunction(member) and not name.startswith("_") and name != "do"
        )

    @classmethod
    def check(cls, name: str, words: Mapping[str, Any]) -> None:
        """Refuse an act or a parameter that does not exist, with the nearest that does."""
        names = cls.names()
        if name not in names:
            raise UsageError(f"there is no act {name!r}", hint=meant(name, names), key="act")
        parameters = dict(list(inspect.signature(getattr(cls, name)).parameters.items())[1:])
        for word, value in words.items():
            if word not in parameters:
                raise UsageError(
                    f"{name} takes no {word!r}", hint=meant(word, parameters), key=word
                )
            _check_value(word, value, str(parameters[word].annotation))
        for parameter in parameters.values():
            if parameter.default is inspect.Parameter.empty and parameter.name not in words:
                raise UsageError(f"{name} needs {parameter.name}", key=parameter.name)

    def do(self, name: str, /, **words: Any) -> None:
        """Carry an act out by its name and write it down."""
        self.check(name, words)
        act: Callable[..., None] = getattr(self, name)
        self._venue.ledger.write("act", act=name, words=dict(words))
        try:
            act(**words)
        except (ValueError, InvalidOperation) as error:
            raise UsageError(f"{name}: {error}", key="act") from None
        except VenueError as error:
            raise UsageError(f"{name}: {error.code} {error.msg}", key="act") from None

    # Forced closes

    def liquidate(self, symbol: str, price: Any = None) -> None:
        """Liquidate the position, at its bankruptcy price unless another is given."""
        listing = self._listing(symbol)
        number = self._venue.desk.next_forced()
        at = self._venue.clock.now()
        self._forced(
            lambda: self._venue.desk.exchange.force.liquidate(
                listing.symbol,
                at,
                price=None if price is None else Decimal(str(price)),
                order_id=f"autoclose-{at}{number:03d}",
            )
        )

    def deleverage(self, symbol: str, qty: Any, price: Any = None) -> None:
        """Let ADL close a part of the position, at the mark unless a price is given."""
        listing = self._listing(symbol)
        mark = self._venue.market.board(listing.symbol).mark
        at = self._venue.clock.now()
        self._forced(
            lambda: self._venue.desk.exchange.force.deleverage(
                listing.symbol,
                Decimal(str(qty)),
                mark if price is None else Decimal(str(price)),
                at,
            )
        )

    def announce_delisting(self, symbol: str) -> None:
        """Put a symbol's status to SETTLING: no new orders; what is there stays."""
        listing = self._listing(symbol)
        self._venue.listings.replace(replace(listing, status="SETTLING"))

    def delist(self, symbol: str, price: Any = None) -> None:
        """End a symbol: orders expire, the position is settled, the status is CLOSE."""
        listing = self._listing(symbol)
        at = self._venue.clock.now()
        name = f"settlement_autoclose-{at}"
        self._forced(
            lambda: self._venue.desk.exchange.force.delist(
                listing.symbol,
                at,
                price=None if price is None else Decimal(str(price)),
                order_id=name,
            )
        )
        self._venue.listings.replace(replace(listing, status="CLOSE"))

    def set_status(self, symbol: str, status: str) -> None:
        """Change a symbol's status, such as to TRADING_HALT and back to TRADING."""
        self._venue.listings.replace(replace(self._listing(symbol), status=status))

    def _forced(self, happen: Callable[[], list[Event]]) -> None:
        with exact():
            events = happen()
        self._venue.desk.book_forced(events)

    # Prices

    def move_price(self, symbol: str, percent: Any) -> None:
        """Let a symbol's prices jump by so many percent, and go on from there: a crash, a spike, a gap."""
        self._venue.move_price(self._listing(symbol), Decimal(str(percent)))

    # Money

    def fund(self, symbol: str, rate: Any, mark: Any = None) -> None:
        """Settle funding now at a rate (a fraction)."""
        listing = self._listing(symbol)
        board = self._venue.market.board(listing.symbol)
        price = board.mark if mark is None else Decimal(str(mark))
        due = FundingRate(self._venue.clock.now(), listing.symbol, Decimal(str(rate)), price)
        self._venue.take(due)

    def transfer(self, amount: Any, asset: str = "USDT") -> None:
        """Bring money in (or, negative, take it away)."""
        moved = Decimal(str(amount))
        if asset == "USDT":
            with exact():
                self._venue.desk.exchange.force.transfer(moved)
        changes = self._venue.account.book("TRANSFER", moved, self._venue.clock.now(), asset=asset)
        self._venue.account.tell("DEPOSIT" if moved > 0 else "WITHDRAW", changes, [])

    def book_income(self, kind: str, amount: Any, symbol: str = "") -> None:
        """Book another row of income in USDT: REFERRAL_KICKBACK, INSURANCE_CLEAR and the like."""
        if kind not in TYPES:
            raise UsageError(
                f"there is no income {kind}", hint=meant(kind, list(TYPES)), key="kind"
            )
        moved = Decimal(str(amount))
        with exact():
            self._venue.desk.exchange.force.transfer(moved)
        now = self._venue.clock.now()
        changes = self._venue.account.book(kind, moved, now, symbol=symbol)
        self._venue.account.tell("ADJUSTMENT", changes, [])

    def set_wallet(self, asset: str, amount: Any) -> None:
        """Let a wallet of another asset (BNFCR, BNB) hold an amount."""
        held = self._venue.account.wallets.get(asset, ZERO)
        self.transfer(Decimal(str(amount)) - held, asset)

    def add_margin(self, symbol: str, amount: Any) -> None:
        """Add margin to the position, or (negative) take it away."""
        self._venue.move_margin(self._listing(symbol), Decimal(str(amount)))

    def take_margin(self, symbol: str, amount: Any) -> None:
        """Take margin away from the position, that of its opening too, so that liquidation comes near."""
        listing = self._listing(symbol)
        with exact():
            self._venue.desk.exchange.force.take_margin(listing.symbol, Decimal(str(amount)))
        self._venue.tell_margin(listing)

    def delay_income(self, seconds: Any) -> None:
        """Show income that is booked from now on so much later."""
        self._venue.account.income.delay_ms = round(float(seconds) * 1000)

    # Modes

    def set_leverage(self, symbol: str, leverage: Any) -> None:
        """Change a symbol's leverage from outside."""
        self._venue.change_leverage(self._listing(symbol), int(leverage))

    def set_margin_type(self, symbol: str, margin_type: str) -> None:
        """Change a symbol's margin type from outside: ``isolated`` or ``cross``."""
        if margin_type not in ("isolated", "cross"):
            raise ValueError(f"{margin_type!r} is neither isolated nor cross")
        listing = self._listing(symbol)
        self._venue.account.set_margin_type(listing.symbol, margin_type)
        self._venue.desk.refresh(listing.symbol)

    def set_hedge(self, on: bool = True) -> None:
        """Switch hedge mode from outside."""
        self._venue.account.hedge = bool(on)

    def set_multi_assets(self, on: bool = True) -> None:
        """Switch the multi-assets mode from outside."""
        self._venue.account.multi_assets = bool(on)
        self._venue.bus.publish(ConfigChanged(self._venue.clock.now(), multi_assets=bool(on)))

    def set_fee_burn(self, on: bool = True) -> None:
        """Let fees be taken in BNB (while there is some), or no more."""
        self._venue.account.fee_burn = bool(on)

    def set_auto_add_margin(self, on: bool = True) -> None:
        """Switch the automatic adding of margin, which symbolConfig shows."""
        self._venue.account.auto_add_margin = bool(on)

    def set_coin_m_busy(self, on: bool = True) -> None:
        """Let the COIN-M side have orders or positions: the position mode cannot be changed."""
        self._venue.account.coin_m_busy = bool(on)

    def put_position(
        self,
        symbol: str,
        qty: Any,
        entry: Any,
        side: str = "BOTH",
        margin_type: str = "cross",
        leverage: Any = 20,
    ) -> None:
        """Put a hedge leg or a cross position on the account; it can only be closed."""
        row = VenueHolding(
            self._listing(symbol),
            side,
            Decimal(str(qty)),
            Decimal(str(entry)),
            margin_type,
            int(leverage),
            updated=self._venue.clock.now(),
        )
        self._venue.desk.put(row)
        self._venue.account.tell("ORDER", [], [row])

    def call_margin(self, symbol: str) -> None:
        """Send a margin call for the position."""
        listing = self._listing(symbol)
        self._venue.desk.refresh(listing.symbol)
        row = self._venue.desk.holding(listing.symbol)
        account = self._venue.account
        cross = account.wallet - account.isolated()
        self._venue.bus.publish(MarginCalled(self._venue.clock.now(), cross, (row.snapshot(),)))

    # Somebody else's hands

    def foreign_order(
        self,
        symbol: str,
        side: str,
        qty: Any,
        price: Any = None,
        client_id: str = "web_foreign",
        reduce_only: bool = False,
        position_side: str = "BOTH",
    ) -> None:
        """Let somebody else place an order on the account: a market order without a price."""
        now = self._venue.clock.now()
        kind = "MARKET" if price is None else "LIMIT"
        order = VenueOrder(
            id=0,
            client_id=client_id,
            listing=self._listing(symbol),
            side=side.upper(),
            type=kind,
            qty=Decimal(str(qty)),
            price=ZERO if price is None else Decimal(str(price)),
            time=now,
            updated=now,
            orig_type=kind,
            reduce_only=bool(reduce_only),
            position_side=position_side,
            foreign=True,
        )
        self._venue.entry.place(order)

    def cancel_order(self, symbol: str, client_id: str) -> None:
        """Let somebody else cancel a working order."""
        order = self._order(symbol, client_id)
        if not order.open:
            raise ValueError(f"{client_id} works no more")
        self._venue.desk.cancel(order)

    def fill_order(
        self, symbol: str, client_id: str, qty: Any = None, price: Any = None, maker: bool = False
    ) -> None:
        """Fill a part of an order, also of one that has ended: the late fill."""
        order = self._order(symbol, client_id)
        board = self._venue.market.board(order.listing.symbol)
        at = order.price or board.price
        amount = order.left if qty is None else Decimal(str(qty))
        if not ZERO < amount <= order.left:
            raise ValueError(f"{client_id} has {order.left} left to fill")
        price_ = at if price is None else Decimal(str(price))
        now = self._venue.clock.now()
        self._forced(
            lambda: self._venue.desk.exchange.force.fill(
                order.listing.symbol, order.key, amount, price_, now, maker=bool(maker)
            )
        )

    def expire_order(self, symbol: str, client_id: str) -> None:
        """Let the venue expire a working order."""
        order = self._order(symbol, client_id)
        if not order.open:
            raise ValueError(f"{client_id} works no more")
        self._venue.desk.cancel(order, status="EXPIRED", reason="expired by the venue")

    def cut_order(self, symbol: str, client_id: str, left: Any) -> None:
        """Cut what is left of a working order."""
        order = self._order(symbol, client_id)
        now = self._venue.clock.now()
        self._forced(
            lambda: self._venue.desk.exchange.force.cut(
                order.listing.symbol, order.key, Decimal(str(left)), now
            )
        )

    # Finding things

    def _listing(self, symbol: str) -> Listing:
        name = symbol.replace("/", "")
        listing = self._venue.listings.by_name.get(name)
        if listing is None:
            known = list(self._venue.listings.by_name)
            raise UsageError(f"{symbol} is not listed", hint=meant(name, known), key="symbol")
        return listing

    def _order(self, symbol: str, client_id: str) -> VenueOrder:
        listing = self._listing(symbol)
        now = self._venue.clock.now()
        order = self._venue.desk.records.find(listing.name, None, client_id, now)
        if order is None:
            raise ValueError(f"there is no order {client_id}")
        return order


def _check_value(name: str, value: Any, kind: str) -> None:
    """Refuse what an act cannot be told; parameters that are neither text nor a flag are numbers."""
    if kind == "str":
        if not isinstance(value, str):
            raise UsageError(f"{value!r} is no text", hint=f'write {name} = "..."', key=name)
    elif kind == "bool":
        if not isinstance(value, bool):
            raise UsageError(f"{value!r} is no flag", hint="write true or false", key=name)
    elif not _is_number(value):
        raise UsageError(f"{value!r} is no number", hint='write it as "0.01"', key=name)


def _is_number(value: Any) -> bool:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return False
    return not isinstance(value, bool) and number.is_finite() and abs(number) < _LARGEST
