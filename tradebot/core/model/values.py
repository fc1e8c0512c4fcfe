"""The values everything else speaks in: orders, fills, bars, quotes, instruments.

Prices and money are ``Decimal`` in USDT, quantities ``Decimal`` in base units, times ``int``
milliseconds UTC. Market events are the exception the hot path asks for: they keep the exact text
they arrived as, floats for strategies, and give a ``Decimal`` when money asks for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, NoReturn, Self, cast

from tradebot.core.model.frozen import frozen

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000


class Side(StrEnum):
    """Which way an order or fill trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """The order types the bot sends; every other type is refused by the simulated exchange."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"
    TAKE_PROFIT_MARKET = "take_profit_market"


class TimeInForce(StrEnum):
    """Good till cancelled, immediate or cancel, good till crossing (post-only)."""

    GTC = "gtc"
    IOC = "ioc"
    GTX = "gtx"


class Purpose(StrEnum):
    """Why the bot sent an order; the value is the last letter of its client order id."""

    ENTRY = "e"
    STOP = "s"
    TARGET = "t"
    EXIT = "x"


class OrderStatus(StrEnum):
    """States of an order as the bot knows them.

    UNKNOWN means that the venue's answer never came: it counts as live until looked up.
    """

    PENDING = "pending"  # sent, not acknowledged
    WORKING = "working"
    PARTIAL = "partial"  # working with part of it filled
    CANCELLING = "cancelling"  # cancel sent, not acknowledged
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def terminal(self) -> bool:
        """Whether nothing more can happen to the order (late fills aside)."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED}
)


@frozen
class Order:
    """What is sent to a venue. Already rounded to the instrument's filters.

    ``price`` is the limit price (LIMIT only), ``trigger`` the trigger price (STOP_MARKET and
    TAKE_PROFIT_MARKET only); both USDT. ``qty`` in base units, positive.
    """

    id: str
    symbol: str
    side: Side
    type: OrderType
    qty: Decimal
    price: Decimal | None = None
    trigger: Decimal | None = None
    tif: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    purpose: Purpose = Purpose.ENTRY


@frozen
class Fill:
    """One execution. ``fee`` in USDT, positive when paid. ``trade_id`` grows per symbol.

    ``liquidation`` marks the exchange's own closing fill, whose ``order_id`` is none of ours. ``order_id`` is
    the client's id of the order, empty where only ``venue_id``, the venue's own number of it, was told.
    """

    symbol: str
    trade_id: int
    order_id: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    maker: bool
    time: int
    liquidation: bool = False
    venue_id: str = ""


@frozen
class Tier:
    """A maintenance-margin bracket: applies to notionals above ``floor`` and up to ``cap`` (USDT)."""

    floor: Decimal
    cap: Decimal
    max_leverage: int
    rate: Decimal
    cum: Decimal


@frozen
class Instrument:
    """A symbol's trading rules. Prices in USDT, quantities in base units, notionals in USDT."""

    symbol: str
    tick: Decimal
    step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_max_qty: Decimal
    min_notional: Decimal
    min_price: Decimal
    max_price: Decimal
    percent_up: Decimal
    percent_down: Decimal
    max_orders: int
    tiers: tuple[Tier, ...]


@frozen
class Fees:
    """Commission rates as fractions of the notional (0.0005 is 0.05 %)."""

    maker: Decimal
    taker: Decimal


class BarDraft:
    """A bar that is being made: the only kind that can be changed.

    Reading files makes bars by the million, so they are filled in here and then become a ``Bar`` by
    ``draft.__class__ = Bar``: a sixth of what checking every assignment would cost.
    """

    __slots__ = (
        "at",
        "close",
        "high",
        "interval",
        "low",
        "open",
        "open_time",
        "symbol",
        "text",
        "volume",
    )

    symbol: str
    open_time: int
    interval: int
    at: int
    text: tuple[str, ...]
    open: float
    high: float
    low: float
    close: float
    volume: float


class Bar(BarDraft):
    """A closed candle. Nobody can change one: strategies, runs and the exchange look at the same.

    ``open`` … ``volume`` are floats for indicators and strategies; ``text`` holds the same five
    numbers (open, high, low, close, volume) exactly as they arrived, and the ``exact_*`` properties
    give them as Decimal. ``open_time`` and ``at`` in UTC milliseconds, ``interval`` in milliseconds.
    ``at`` is when the engine is told: None means the moment the bar closes, which is what a file's
    bars have; a bar that arrives live comes later.
    """

    __slots__ = ()

    def __new__(
        cls,
        symbol: str,
        open_time: int,
        interval: int,
        text: Sequence[str],
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        at: int | None = None,
    ) -> Self:
        """Make a bar; see the class for what its parts are."""
        draft: Any = BarDraft()
        draft.symbol = symbol
        draft.open_time = open_time
        draft.interval = interval
        draft.at = open_time + interval - 1 if at is None else at
        draft.text = tuple(text)
        draft.open = open
        draft.high = high
        draft.low = low
        draft.close = close
        draft.volume = volume
        draft.__class__ = cls
        return cast(Self, draft)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a bar cannot be changed: {name} is read-only")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a bar cannot be changed: {name} is read-only")

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by making it anew."""
        return type(self).of, (self.symbol, self.open_time, self.interval, self.text, self.at)

    @classmethod
    def of(
        cls, symbol: str, open_time: int, interval: int, text: Sequence[str], at: int | None = None
    ) -> Self:
        """Build a bar from its five numbers as text (open, high, low, close, volume)."""
        o, h, low, c, v = map(float, text)
        return cls(symbol, open_time, interval, text, o, h, low, c, v, at)

    @property
    def exchange_time(self) -> int:
        """When the bar closed (open + interval - 1 ms): 23:59 belongs to the old day."""
        return self.open_time + self.interval - 1

    def punctual(self) -> Self:
        """Return the bar as it is in a backtest: told when it closes."""
        return self if self.at == self.exchange_time else self.stamped(self.exchange_time)

    def stamped(self, at: int) -> Self:
        """Return the same bar as told at another moment (UTC ms)."""
        numbers = self.open, self.high, self.low, self.close, self.volume
        return type(self)(self.symbol, self.open_time, self.interval, self.text, *numbers, at)

    @property
    def exact_open(self) -> Decimal:
        """Open price, USDT."""
        return Decimal(self.text[0])

    @property
    def exact_high(self) -> Decimal:
        """Highest price, USDT."""
        return Decimal(self.text[1])

    @property
    def exact_low(self) -> Decimal:
        """Lowest price, USDT."""
        return Decimal(self.text[2])

    @property
    def exact_close(self) -> Decimal:
        """Last price, USDT."""
        return Decimal(self.text[3])

    @property
    def exact_volume(self) -> Decimal:
        """Traded quantity, base units."""
        return Decimal(self.text[4])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.symbol!r}, {self.open_time}, {list(self.text)!r})"


class MarkBar(Bar):
    """A closed candle of the mark price; volume means nothing. Travels just before its Bar."""

    __slots__ = ()


class Quote:
    """Best bid and ask, their sizes and the mark price of a symbol at one moment.

    ``text`` holds bid, ask, bid size, ask size, mark exactly; ``mark`` is the mark as a float for
    cheap comparisons. ``exchange_time`` and ``at`` in UTC milliseconds.
    """

    __slots__ = ("at", "exchange_time", "mark", "symbol", "text")

    def __init__(
        self, symbol: str, exchange_time: int, at: int, text: Sequence[str], mark: float
    ) -> None:
        self.symbol = symbol
        self.exchange_time = exchange_time
        self.at = at
        self.text = text
        self.mark = mark

    def stamped(self, at: int) -> Quote:
        """Return the same quote as told at another moment (UTC ms)."""
        return Quote(self.symbol, self.exchange_time, at, self.text, self.mark)

    @property
    def exact_bid(self) -> Decimal:
        """Best bid, USDT."""
        return Decimal(self.text[0])

    @property
    def exact_ask(self) -> Decimal:
        """Best ask, USDT."""
        return Decimal(self.text[1])

    @property
    def exact_bid_qty(self) -> Decimal:
        """Size at the best bid, base units."""
        return Decimal(self.text[2])

    @property
    def exact_ask_qty(self) -> Decimal:
        """Size at the best ask, base units."""
        return Decimal(self.text[3])

    @property
    def exact_mark(self) -> Decimal:
        """Mark price, USDT."""
        return Decimal(self.text[4])

    def __repr__(self) -> str:
        return f"Quote({self.symbol!r}, {self.at}, {list(self.text)!r})"
