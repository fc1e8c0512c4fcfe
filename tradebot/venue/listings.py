"""What the venue lists: the five symbols' facts in Binance's own form, and symbols made up by script.

Numbers the simulated exchange needs come from ``core.model.facts``; what only ``exchangeInfo`` says
is here. Source: ``GET /fapi/v1/exchangeInfo`` of 2026-09-15 (BTC literal). For the other four the
on-board dates, sub-types, maintenance percentages and liquidation fees were not confirmed and are BTC's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import plain
from tradebot.core.model.values import Instrument

ORDER_TYPES = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")

WEIGHT_PER_MINUTE = 2400
ORDERS_PER_MINUTE = 1200
ORDERS_PER_10_S = 300

_PRECISION = {"BTCUSDT": 2, "ETHUSDT": 2, "SOLUSDT": 4, "ADAUSDT": 5, "XRPUSDT": 4}
"""``pricePrecision``, which is finer than the tick for some symbols."""

ONBOARD = 1567965300000
DELIVERY = 4133404800000


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol as Binance lists it. ``name`` is Binance's (``BTCUSDT``), ``symbol`` ours (``BTC/USDT``).

    ``market_take_bound``, ``trigger_protect`` and ``liquidation_fee`` are fractions.
    """

    name: str
    symbol: str
    base: str
    quote: str
    instrument: Instrument
    price_precision: int
    qty_precision: int
    status: str = "TRADING"
    market_take_bound: Decimal = Decimal("0.05")
    trigger_protect: Decimal = Decimal("0.0500")
    liquidation_fee: Decimal = Decimal("0.012500")

    def price(self, value: Decimal) -> str:
        """Return a price with the symbol's decimals."""
        return f"{value:.{self.price_precision}f}"

    def qty(self, value: Decimal) -> str:
        """Return a quantity with the symbol's decimals."""
        return f"{value:.{self.qty_precision}f}"

    def value(self, value: Decimal) -> str:
        """Return price x quantity with both decimals together."""
        return f"{value:.{self.price_precision + self.qty_precision}f}"

    @property
    def trading(self) -> bool:
        """Whether orders are taken."""
        return self.status == "TRADING"


def list_symbol(
    instrument: Instrument, *, status: str = "TRADING", price_precision: int | None = None
) -> Listing:
    """Return the listing of an instrument; precisions not known as facts follow tick and step."""
    base, _, quote = instrument.symbol.partition("/")
    name = base + quote
    if price_precision is None:
        price_precision = _PRECISION.get(name, _decimals(instrument.tick))
    return Listing(
        name=name,
        symbol=instrument.symbol,
        base=base,
        quote=quote,
        instrument=instrument,
        price_precision=price_precision,
        qty_precision=_decimals(instrument.step),
        status=status,
    )


def _decimals(step: Decimal) -> int:
    exponent = Decimal(plain(step)).as_tuple().exponent
    return max(0, -int(exponent))


class Listings:
    """All symbols, by Binance's name and by ours; a status may change while the venue runs."""

    def __init__(self, listings: Iterable[Listing]) -> None:
        self.by_name = {listing.name: listing for listing in listings}
        self.by_symbol = {listing.symbol: listing for listing in self.by_name.values()}

    @classmethod
    def of(cls, symbols: Iterable[str], made_up: Iterable[Listing] = ()) -> Listings:
        """Return the listings of known symbols (``BTC/USDT``) and made-up ones."""
        return cls([*(list_symbol(INSTRUMENTS[symbol]) for symbol in symbols), *made_up])

    @property
    def instruments(self) -> dict[str, Instrument]:
        """The instruments by our name, as the simulated exchange takes them."""
        return {symbol: listing.instrument for symbol, listing in self.by_symbol.items()}

    def replace(self, listing: Listing) -> None:
        """Put a changed listing in the place of the old one."""
        self.by_name[listing.name] = listing
        self.by_symbol[listing.symbol] = listing

    def __iter__(self) -> Any:
        return iter(self.by_name.values())


def exchange_info(listings: Iterable[Listing], now: int) -> dict[str, Any]:
    """Return the body of ``GET /fapi/v1/exchangeInfo``."""
    return {
        "timezone": "UTC",
        "serverTime": now,
        "futuresType": "U_MARGINED",
        "rateLimits": rate_limits(),
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [_symbol(listing) for listing in listings],
    }


def rate_limits() -> list[dict[str, Any]]:
    """Return the limits as ``exchangeInfo`` and ``rateLimit/order`` list them."""
    return [
        _limit("REQUEST_WEIGHT", "MINUTE", 1, WEIGHT_PER_MINUTE),
        _limit("ORDERS", "MINUTE", 1, ORDERS_PER_MINUTE),
        _limit("ORDERS", "SECOND", 10, ORDERS_PER_10_S),
    ]


def _limit(kind: str, interval: str, count: int, limit: int) -> dict[str, Any]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": count,
        "limit": limit,
    }


def _symbol(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.name,
        "pair": listing.name,
        "contractType": "PERPETUAL",
        "deliveryDate": DELIVERY,
        "onboardDate": ONBOARD,
        "status": listing.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base,
        "quoteAsset": listing.quote,
        "marginAsset": listing.quote,
        "pricePrecision": listing.price_precision,
        "quantityPrecision": listing.qty_precision,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW", "Crypto"],
        "triggerProtect": str(listing.trigger_protect),
        "liquidationFee": str(listing.liquidation_fee),
        "marketTakeBound": str(listing.market_take_bound),
        "maxMoveOrderLimit": 10000,
        "filters": _filters(listing),
        "orderTypes": list(ORDER_TYPES),
        "timeInForce": list(TIMES_IN_FORCE),
        "permissionSets": ["GRID", "COPY", "DCA", "PSB"],
    }


def _filters(listing: Listing) -> list[dict[str, Any]]:
    rules = listing.instrument
    step, least = listing.qty(rules.step), listing.qty(rules.min_qty)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": listing.price(rules.min_price),
            "maxPrice": plain(rules.max_price),
            "tickSize": listing.price(rules.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": least,
            "stepSize": step,
            "maxQty": plain(rules.max_qty),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": least,
            "stepSize": step,
            "maxQty": plain(rules.market_max_qty),
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": rules.max_orders},
        {"filterType": "MIN_NOTIONAL", "notional": plain(rules.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{rules.percent_up:.4f}",
            "multiplierDown": f"{rules.percent_down:.4f}",
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]


def leverage_bracket(listing: Listing) -> dict[str, Any]:
    """Return one symbol's row of ``GET /fapi/v1/leverageBracket``."""
    return {
        "symbol": listing.name,
        "brackets": [
            {
                "bracket": number,
                "initialLeverage": tier.max_leverage,
                "notionalCap": int(tier.cap),
                "notionalFloor": int(tier.floor),
                "maintMarginRatio": float(tier.rate),
                "cum": float(tier.cum),
            }
            for number, tier in enumerate(listing.instrument.tiers, start=1)
        ],
    }


def max_notional(listing: Listing, leverage: int) -> Decimal:
    """Return the largest position (USDT) a leverage allows: the cap of its bracket."""
    caps = [tier.cap for tier in listing.instrument.tiers if tier.max_leverage >= leverage]
    return caps[-1] if caps else Decimal(0)
