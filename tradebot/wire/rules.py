"""An instrument's trading rules from ``exchangeInfo``, and its margin tiers from ``leverageBracket``.

Margin tiers are not public (that call wants a key): without one those of the package stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.values import Instrument, Tier
from tradebot.wire.public import venue_symbol

_WANTED: Final = {
    "tick": ("PRICE_FILTER", "tickSize"),
    "min_price": ("PRICE_FILTER", "minPrice"),
    "max_price": ("PRICE_FILTER", "maxPrice"),
    "step": ("LOT_SIZE", "stepSize"),
    "min_qty": ("LOT_SIZE", "minQty"),
    "max_qty": ("LOT_SIZE", "maxQty"),
    "market_max_qty": ("MARKET_LOT_SIZE", "maxQty"),
    "min_notional": ("MIN_NOTIONAL", "notional"),
    "percent_up": ("PERCENT_PRICE", "multiplierUp"),
    "percent_down": ("PERCENT_PRICE", "multiplierDown"),
}
"""Where each rule is: the filter's type and its key."""

TRADING = "TRADING"
ASK_OTHERS = "leave it out with --symbols, or wait until it trades again"


def read_rules(
    info: Any, symbols: Sequence[str], known: Mapping[str, Instrument]
) -> dict[str, Instrument]:
    """Return the rules of symbols as ``exchangeInfo`` has them; ``known`` gives their margin tiers.

    Raises ExchangeError for a symbol that is not listed or does not trade, and for a filter that is missing or none.
    """
    rows = info.get("symbols") if isinstance(info, dict) else None
    if not isinstance(rows, list):
        raise ExchangeError(
            "exchangeInfo lists no symbols", hint="check what answers at that address"
        )
    listed = {str(row.get("symbol")): row for row in rows if isinstance(row, dict)}
    return {symbol: _rules(symbol, listed.get(venue_symbol(symbol)), known) for symbol in symbols}


def read_status(info: Any, symbol: str) -> str:
    """Return why a symbol does not trade, as ``exchangeInfo`` has it; "" if it does."""
    for row in info["symbols"]:
        if row["symbol"] == venue_symbol(symbol):
            return "" if row["status"] == TRADING else str(row["status"])
    return "not listed"


def read_tiers(brackets: Any) -> tuple[Tier, ...]:
    """Return a symbol's margin tiers as ``leverageBracket`` has them (USDT), the lowest first."""
    (row,) = brackets
    tiers = [
        Tier(
            Decimal(str(tier["notionalFloor"])),
            Decimal(str(tier["notionalCap"])),
            int(tier["initialLeverage"]),
            Decimal(str(tier["maintMarginRatio"])),
            Decimal(str(tier["cum"])),
        )
        for tier in row["brackets"]
    ]
    return tuple(sorted(tiers, key=lambda tier: tier.floor))


def _rules(symbol: str, row: dict[str, Any] | None, known: Mapping[str, Instrument]) -> Instrument:
    if row is None:
        raise ExchangeError(f"{symbol} is not listed on Binance USD-M", hint=ASK_OTHERS)
    if row.get("status") != TRADING:
        raise ExchangeError(f"{symbol} does not trade: it is {row.get('status')}", hint=ASK_OTHERS)
    parts = row.get("filters")
    if not isinstance(parts, list):
        raise ExchangeError(f"exchangeInfo lists no filters of {symbol}", hint=ASK_OTHERS)
    filters = {str(part.get("filterType")): part for part in parts if isinstance(part, dict)}
    numbers: dict[str, Any] = {
        name: _number(symbol, filters, kind, key) for name, (kind, key) in _WANTED.items()
    }
    orders = _number(symbol, filters, "MAX_NUM_ORDERS", "limit")
    return replace(known[symbol], **numbers, max_orders=int(orders))


def _number(symbol: str, filters: Mapping[str, Any], kind: str, key: str) -> Decimal:
    told = filters.get(kind, {}).get(key)
    if told is None:
        raise ExchangeError(
            f"exchangeInfo lacks {kind} ({key}) of {symbol}: no order could be made to fit",
            hint=ASK_OTHERS,
        )
    try:
        number = Decimal(str(told))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number <= 0:
        raise ExchangeError(
            f"exchangeInfo: {kind} ({key}) of {symbol} is {told!r}", hint=ASK_OTHERS
        )
    return number
