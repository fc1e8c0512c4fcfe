"""The calls that are made, with what they cost of the exchange's weight limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call: ccxt's section, method and path; ``weight`` with a symbol, ``whole`` without one.

    ``orders`` is what it counts against the order limits.
    """

    section: str
    method: str
    path: str
    weight: int = 1
    whole: int = 0
    orders: int = 0

    def cost(self, params: Params) -> int:
        """Return the request's weight."""
        if self.path in _BY_LIMIT:
            return _kline_weight(int(params.get("limit", 500)))
        return self.weight if "symbol" in params or not self.whole else self.whole


_BY_LIMIT = ("klines", "markPriceKlines")


def _kline_weight(limit: int) -> int:
    steps = ((100, 1), (500, 2), (1001, 5))
    return next((weight for below, weight in steps if limit < below), 10)


TIME = Endpoint("fapiPublic", "GET", "time")
EXCHANGE_INFO = Endpoint("fapiPublic", "GET", "exchangeInfo")
KLINES = Endpoint("fapiPublic", "GET", "klines")
MARK_KLINES = Endpoint("fapiPublic", "GET", "markPriceKlines")
FUNDING_RATE = Endpoint("fapiPublic", "GET", "fundingRate")
PREMIUM_INDEX = Endpoint("fapiPublic", "GET", "premiumIndex", 1, 10)
BOOK_TICKER = Endpoint("fapiPublic", "GET", "ticker/bookTicker", 2, 5)

ORDER = Endpoint("fapiPrivate", "POST", "order", 0, orders=1)
ALGO_ORDER = Endpoint("fapiPrivate", "POST", "algoOrder", 0, orders=1)
CANCEL = Endpoint("fapiPrivate", "DELETE", "order")
CANCEL_OPEN = Endpoint("fapiPrivate", "DELETE", "allOpenOrders")
"""All regular orders of a symbol; stops and targets stay."""
CANCEL_ALGO = Endpoint("fapiPrivate", "DELETE", "algoOrder")
QUERY = Endpoint("fapiPrivate", "GET", "order")
QUERY_ALGO = Endpoint("fapiPrivate", "GET", "algoOrder")
OPEN_ORDERS = Endpoint("fapiPrivate", "GET", "openOrders", 1, 40)
OPEN_ALGOS = Endpoint("fapiPrivate", "GET", "openAlgoOrders", 1, 40)
ALL_ALGOS = Endpoint("fapiPrivate", "GET", "allAlgoOrders", 5)
TRADES = Endpoint("fapiPrivate", "GET", "userTrades", 5)
INCOME = Endpoint("fapiPrivate", "GET", "income", 30)
POSITIONS = Endpoint("fapiPrivateV3", "GET", "positionRisk", 5)
ACCOUNT = Endpoint("fapiPrivateV3", "GET", "account", 5)
SYMBOL_CONFIG = Endpoint("fapiPrivate", "GET", "symbolConfig", 5)
POSITION_MODE = Endpoint("fapiPrivate", "GET", "positionSide/dual", 30)
MULTI_ASSETS = Endpoint("fapiPrivate", "GET", "multiAssetsMargin", 30)
BRACKETS = Endpoint("fapiPrivate", "GET", "leverageBracket")
COMMISSION = Endpoint("fapiPrivate", "GET", "commissionRate", 20)
FEE_BURN = Endpoint("fapiPrivate", "GET", "feeBurn", 30)
RESTRICTIONS = Endpoint("sapi", "GET", "account/apiRestrictions")
"""What the key may do: asked of the account's own address, which Demo Trading has not."""
SET_LEVERAGE = Endpoint("fapiPrivate", "POST", "leverage")
SET_MARGIN = Endpoint("fapiPrivate", "POST", "marginType")
COUNTDOWN = Endpoint("fapiPrivate", "POST", "countdownCancelAll", 10)
NEW_KEY = Endpoint("fapiPrivate", "POST", "listenKey")
KEEP_KEY = Endpoint("fapiPrivate", "PUT", "listenKey")
