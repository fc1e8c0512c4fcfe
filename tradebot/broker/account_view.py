"""The whole account as it is read once, ours and others': positions, orders, stops, balances, and how it is set.

An account that cannot be read whole is no empty one: a row that is not understood is an error here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from tradebot.broker import figures, rows
from tradebot.broker.fee_burn import read_fee_burn
from tradebot.broker.figures import MALFORMED
from tradebot.core.model.account import OrderRead, PositionRead, SymbolConfig
from tradebot.core.model.documents import (
    AccountSeenDocument,
    HeldThereDocument,
    RestingThereDocument,
)
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.events import AccountRead
from tradebot.core.model.money import plain
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.public import venue_symbol
from tradebot.wire.reply import NOT_ITS_OWN

NO_PARAMS: Mapping[str, str] = {}

READ_WEIGHT = sum(
    one.cost({}) for one in (endpoints.OPEN_ALGOS, endpoints.OPEN_ORDERS, endpoints.POSITIONS)
)
"""What one complete read costs of a minute's request weight."""

MOST_TOLD = 40
"""Orders of an account that a snapshot names; a stranger may have hundreds on it."""

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class AccountHoldings:
    """What is open on an account, on every symbol: stops and targets (``algos``), orders, positions.

    ``strange`` says what of it could not be read; ``exposure_known`` that all orders and positions could; ``in_order``
    that stops were read before orders, and these before positions: only then nothing has moved from one to the next unseen.
    """

    algos: tuple[OrderRead, ...] = ()
    orders: tuple[OrderRead, ...] = ()
    positions: tuple[PositionRead, ...] = ()
    strange: tuple[str, ...] = ()
    exposure_known: bool = True
    in_order: bool = True

    @property
    def symbols(self) -> list[str]:
        """Where something is open, by name."""
        resting = [order.symbol for order in (*self.algos, *self.orders)]
        return sorted({*resting, *(position.symbol for position in self.positions)})

    @property
    def is_empty(self) -> bool:
        """Whether nothing rests and nothing is held; what could not be read is not nothing."""
        return not (self.algos or self.orders or self.positions or self.strange)


async def read_holdings(
    wire: Wire, need: Need = Need.RECONCILE, *, lenient: bool = False
) -> AccountHoldings:
    """Return one complete read: stops, then orders, then positions, one after the other.

    ExchangeError where any of it cannot be read; when ``lenient`` that is said in it instead, beside what can.
    """
    strange: list[str] | None = [] if lenient else None
    algos = await _listed(wire, endpoints.OPEN_ALGOS, rows.read_algo, need, strange)
    before = len(strange or ())
    orders = await _listed(wire, endpoints.OPEN_ORDERS, rows.read_order, need, strange)
    found = await _listed(wire, endpoints.POSITIONS, rows.read_position, need, strange)
    return AccountHoldings(
        *(algos, orders, tuple(position for position in found if position.qty)),
        *(tuple(strange or ()), len(strange or ()) == before),
    )


async def read_at_once(wire: Wire, need: Need) -> AccountHoldings:
    """Return the three reads made side by side: quick, and no proof of anything; what fails is said in it."""
    strange: list[str] = []
    algos, orders, found = await asyncio.gather(
        _listed(wire, endpoints.OPEN_ALGOS, rows.read_algo, need, strange),
        _listed(wire, endpoints.OPEN_ORDERS, rows.read_order, need, strange),
        _listed(wire, endpoints.POSITIONS, rows.read_position, need, strange),
    )
    held = tuple(position for position in found if position.qty)
    return AccountHoldings(
        *(algos, orders, held, tuple(strange)), exposure_known=not strange, in_order=False
    )


async def _listed(
    wire: Wire,
    endpoint: Endpoint,
    make: Callable[[Any], _Read],
    need: Need,
    strange: list[str] | None,
) -> tuple[_Read, ...]:
    """Return the rows of a list; into ``strange`` goes what cannot be read, where that is wanted."""
    if strange is None:
        return await _rows(wire, endpoint, make, need)
    try:
        found = await wire.read(endpoint, {}, need)
    except ExchangeError as error:
        strange.append(error.message)
        return ()
    if not isinstance(found, list):
        strange.append(_unreadable(wire, endpoint, ValueError("it is no list")).message)
        return ()
    taken = []
    for row in found:
        try:
            taken.append(make(row))
        except MALFORMED as error:
            strange.append(_unreadable(wire, endpoint, error).message)
    return tuple(taken)


async def read_wallet(wire: Wire) -> Decimal:
    """Return the wallet's USDT; ExchangeError where it cannot be read."""
    return (await read_balances(wire))[figures.QUOTE]


async def read_balances(wire: Wire) -> Mapping[str, Decimal]:
    """Return each asset's wallet, USDT always; ExchangeError where it cannot be read."""
    body = await wire.read(endpoints.ACCOUNT, {}, Need.RECONCILE)
    try:
        balances = rows.read_balances(body)
        balances[figures.QUOTE]
    except MALFORMED as error:
        raise _unreadable(wire, endpoints.ACCOUNT, error) from None
    return balances


async def _rows(
    wire: Wire,
    endpoint: Endpoint,
    make: Callable[[Any], _Read],
    need: Need = Need.RECONCILE,
    params: Mapping[str, str] = NO_PARAMS,
) -> tuple[_Read, ...]:
    found = await wire.read(endpoint, params, need)
    try:
        if not isinstance(found, Sequence) or isinstance(found, str):
            raise ValueError("it is no list")
        return tuple(make(row) for row in found)
    except MALFORMED as error:
        raise _unreadable(wire, endpoint, error) from None


def _unreadable(wire: Wire, endpoint: Endpoint, error: Exception) -> ExchangeError:
    text = f"{wire.hosts.host} answered {endpoint.path} with what cannot be read"
    return ExchangeError(f"{text} ({figures.why(error)})", hint=NOT_ITS_OWN)


@dataclass(frozen=True, slots=True)
class Balance:
    """One asset's wallet, what open positions would add, and what is free of both (in the asset)."""

    asset: str
    wallet: Decimal
    unrealised: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class FeeRates:
    """What the account pays on a symbol, parts of one."""

    symbol: str
    maker: Decimal
    taker: Decimal


@dataclass(frozen=True, slots=True)
class AccountPicture:
    """An account with everything on it. ``weight`` is what is used of the request weight of this minute.

    ``fee_burn`` is None where the exchange cannot be asked for it.
    """

    balances: tuple[Balance, ...]
    holdings: AccountHoldings
    hedged: bool
    multi_assets: bool
    fee_burn: bool | None
    settings: tuple[SymbolConfig, ...]
    fees: tuple[FeeRates, ...]
    weight: int


async def read_picture(wire: Wire, symbols: Sequence[str]) -> AccountPicture:
    """Return the account as it is; settings and fees of ``symbols`` and of what is open. Nothing is changed.

    ExchangeError where any of it cannot be read.
    """
    holdings = await read_holdings(wire)
    balances = await _made(wire, endpoints.ACCOUNT, {}, _balances)
    hedged = await _made(wire, endpoints.POSITION_MODE, {}, _flag_of("dualSidePosition"))
    multi = await _made(wire, endpoints.MULTI_ASSETS, {}, _flag_of("multiAssetsMargin"))
    burn = await _fee_burn(wire)
    settings: list[SymbolConfig] = []
    fees: list[FeeRates] = []
    for name in sorted({*symbols, *holdings.symbols}):
        params = {"symbol": venue_symbol(name)}
        settings += await _rows(wire, endpoints.SYMBOL_CONFIG, rows.symbol_config, params=params)
        fees.append(await _made(wire, endpoints.COMMISSION, params, _fees))
    weight = wire.budget.weight.used
    return AccountPicture(
        balances, holdings, hedged, multi, burn, tuple(settings), tuple(fees), weight
    )


async def _made(
    wire: Wire, endpoint: Endpoint, params: Mapping[str, str], make: Callable[[Any], _Read]
) -> _Read:
    found = await wire.read(endpoint, params, Need.RECONCILE)
    try:
        return make(found)
    except MALFORMED as error:
        raise _unreadable(wire, endpoint, error) from None


async def _fee_burn(wire: Wire) -> bool | None:
    try:
        return await read_fee_burn(wire)
    except MALFORMED as error:
        raise _unreadable(wire, endpoints.FEE_BURN, error) from None


def _balances(body: Any) -> tuple[Balance, ...]:
    found = tuple(
        Balance(
            figures.text(row["asset"]),
            wallet=figures.number(row["walletBalance"]),
            unrealised=figures.number(row["unrealizedProfit"]),
            available=figures.number(row["availableBalance"]),
        )
        for row in body["assets"]
    )
    return tuple(one for one in found if one.wallet or one.asset == figures.QUOTE)


def _flag_of(name: str) -> Callable[[Any], bool]:
    return lambda body: figures.flag(body[name])


def _fees(row: Any) -> FeeRates:
    maker, taker = row["makerCommissionRate"], row["takerCommissionRate"]
    return FeeRates(figures.symbol(row["symbol"]), figures.number(maker), figures.number(taker))


def account_document(wall: int, read: AccountRead) -> AccountSeenDocument:
    """Return what a reading of the account says to people: ``wall`` is when it was read."""
    resting = [*read.algo_orders, *read.orders]
    return {
        "wall": wall,
        "balances": {asset: plain(amount) for asset, amount in read.balances.items()},
        "positions": [_held_there(one) for one in read.positions if one.qty],
        "orders": len(read.orders),
        "algo_orders": len(read.algo_orders),
        "resting": [_resting_there(one) for one in resting[:MOST_TOLD]],
    }


def _held_there(one: PositionRead) -> HeldThereDocument:
    return {
        "symbol": one.symbol,
        "qty": plain(one.qty),
        "hedge": one.hedge,
        "entry_price": plain(one.entry),
        "margin": None if one.margin is None else plain(one.margin),
        "liquidation_price": None
        if one.liquidation_price is None
        else plain(one.liquidation_price),
    }


def _resting_there(one: OrderRead) -> RestingThereDocument:
    return {
        "symbol": one.symbol,
        "id": one.order_id,
        "side": one.side.value,
        "qty": plain(one.qty),
        "trigger": None if one.trigger is None else plain(one.trigger),
    }
