"""Facts about the five symbols of Binance USD-M futures, written down as they were recorded.

Filters: ``GET /fapi/v1/exchangeInfo``. BTC literal of 2026-09-15; lot sizes, ticks and minimum
notionals of ETH, SOL and ADA confirmed on 2026-08-31; tick and step of XRP of 2025-11-05. Not
confirmed anywhere: XRP's largest quantities and minimum notional, and the outer price bounds of all
but BTC. Margin tiers: ``GET /fapi/v1/leverageBracket`` of September 2026 (a snapshot shipped on
2026-09-29). Fees: VIP 0 of ``GET /fapi/v1/commissionRate``, maker 0.02 %, taker 0.05 %.
Prices and notionals in USDT, quantities in base units, rates as fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tradebot.core.model.values import Fees, Instrument, Tier

FEES = Fees(maker=Decimal("0.0002"), taker=Decimal("0.0005"))
"""Commission rates of an account without any discount (VIP 0)."""


def _tiers(table: str) -> tuple[Tier, ...]:
    """Read rows of floor, cap, largest leverage, maintenance rate and cum (the deduction)."""
    return tuple(_tier(*line.split()) for line in table.strip().splitlines())


def _tier(floor: str, cap: str, leverage: str, rate: str, cum: str) -> Tier:
    return Tier(Decimal(floor), Decimal(cap), int(leverage), Decimal(rate), Decimal(cum))


_BTC_TIERS = _tiers(
    """
             0     300000 150  0.004         0
        300000     800000 100  0.005       300
        800000    3000000  75 0.0065      1500
       3000000   12000000  50   0.01     12000
      12000000   70000000  25   0.02    132000
      70000000  100000000  20  0.025    482000
     100000000  230000000  10   0.05   2982000
     230000000  480000000   5    0.1  14482000
     480000000  600000000   4  0.125  26482000
     600000000  800000000   3   0.15  41482000
     800000000 1200000000   2   0.25 121482000
    1200000000 1800000000   1    0.5 421482000
    """
)
_ETH_TIERS = _tiers(
    """
            0     300000 150  0.004         0
       300000     800000 100  0.005       300
       800000    3000000  75 0.0065      1500
      3000000   12000000  50   0.01     12000
     12000000   50000000  25   0.02    132000
     50000000   65000000  20  0.025    382000
     65000000  150000000  10   0.05   2007000
    150000000  320000000   5    0.1   9507000
    320000000  400000000   4  0.125  17507000
    400000000  530000000   3   0.15  27507000
    530000000  800000000   2   0.25  80507000
    800000000 1200000000   1    0.5 280507000
    """
)
_ADA_TIERS = _tiers(
    """
           0     10000 75 0.005        0
       10000     50000 50  0.01       50
       50000    200000 40 0.015      300
      200000   1000000 25  0.02     1300
     1000000   2000000 20 0.025     6300
     2000000  10000000 10  0.05    56300
    10000000  20000000  5   0.1   556300
    20000000  25000000  4 0.125  1056300
    25000000  50000000  2  0.25  4181300
    50000000 100000000  1   0.5 16681300
    """
)
_SOL_TIERS = _tiers(
    """
            0     50000 100  0.005        0
        50000    400000  75 0.0065       75
       400000   1000000  50   0.01     1475
      1000000   4000000  25   0.02    11475
      4000000   8000000  20  0.025    31475
      8000000  40000000  10   0.05   231475
     40000000  80000000   5    0.1  2231475
     80000000 100000000   4  0.125  4231475
    100000000 200000000   2   0.25 16731475
    200000000 400000000   1    0.5 66731475
    """
)
_XRP_TIERS = _tiers(
    """
           0     40000 100  0.005        0
       40000     80000  75  0.006       40
       80000    150000  50   0.01      360
      150000    400000  40 0.0125      735
      400000   1000000  25   0.02     3735
     1000000   2000000  20  0.025     8735
     2000000  10000000  10   0.05    58735
    10000000  20000000   5    0.1   558735
    20000000  25000000   4  0.125  1058735
    25000000  50000000   2   0.25  4183735
    50000000 100000000   1    0.5 16683735
    """
)

INSTRUMENTS: dict[str, Instrument] = {
    "BTC/USDT": Instrument(
        symbol="BTC/USDT",
        tick=Decimal("0.1"),
        step=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        max_qty=Decimal("1000"),
        market_max_qty=Decimal("120"),
        min_notional=Decimal("50"),
        min_price=Decimal("556.8"),
        max_price=Decimal("4529764"),
        percent_up=Decimal("1.05"),
        percent_down=Decimal("0.95"),
        max_orders=200,
        tiers=_BTC_TIERS,
    ),
    "ETH/USDT": Instrument(
        symbol="ETH/USDT",
        tick=Decimal("0.01"),
        step=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        max_qty=Decimal("10000"),
        market_max_qty=Decimal("2000"),
        min_notional=Decimal("20"),
        min_price=Decimal("39.86"),
        max_price=Decimal("306177"),
        percent_up=Decimal("1.05"),
        percent_down=Decimal("0.95"),
        max_orders=200,
        tiers=_ETH_TIERS,
    ),
    "ADA/USDT": Instrument(
        symbol="ADA/USDT",
        tick=Decimal("0.0001"),
        step=Decimal("1"),
        min_qty=Decimal("1"),
        max_qty=Decimal("30000000"),
        market_max_qty=Decimal("3000000"),
        min_notional=Decimal("5"),
        min_price=Decimal("0.0001"),
        max_price=Decimal("100000"),
        percent_up=Decimal("1.05"),
        percent_down=Decimal("0.95"),
        max_orders=200,
        tiers=_ADA_TIERS,
    ),
    "SOL/USDT": Instrument(
        symbol="SOL/USDT",
        tick=Decimal("0.01"),
        step=Decimal("0.01"),
        min_qty=Decimal("0.01"),
        max_qty=Decimal("1000000"),
        market_max_qty=Decimal("80000"),
        min_notional=Decimal("5"),
        min_price=Decimal("0.42"),
        max_price=Decimal("6857"),
        percent_up=Decimal("1.05"),
        percent_down=Decimal("0.95"),
        max_orders=200,
        tiers=_SOL_TIERS,
    ),
    "XRP/USDT": Instrument(
        symbol="XRP/USDT",
        tick=Decimal("0.0001"),
        step=Decimal("0.1"),
        min_qty=Decimal("0.1"),
        max_qty=Decimal("10000000"),
        market_max_qty=Decimal("2000000"),
        min_notional=Decimal("5"),
        min_price=Decimal("0.0001"),
        max_price=Decimal("100000"),
        percent_up=Decimal("1.05"),
        percent_down=Decimal("0.95"),
        max_orders=200,
        tiers=_XRP_TIERS,
    ),
}
"""The rules of every symbol the bot may trade, by its name for people (``BTC/USDT``)."""

PRICE_DECIMALS: Mapping[str, int] = {
    symbol: max(0, -int(one.tick.as_tuple().exponent)) for symbol, one in INSTRUMENTS.items()
}
"""The decimals a symbol's prices have: those of its tick."""

MOST_DECIMALS = 8
"""The decimals of an average entry, and of a price whose symbol is not known."""
