"""Market data as the venue knows it: touch, trades, mark, klines, funding, and the feed that moves it.

A feed yields ticks in order of time. ``Market`` takes one at a time, keeps what the public calls
answer from, and publishes it. Where a feed has quotes only, a trade is made from each of them; where it
has no mark, the mark is the mid and its label says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from tradebot.core.model.events import FundingRate
from tradebot.core.model.money import ZERO, floor_to
from tradebot.core.model.values import HOUR_MS, Bar, MarkBar, Quote
from tradebot.venue.bus import Bus, Depth, Tick, Trade
from tradebot.venue.candles import Candle, Candles
from tradebot.venue.clock import Timer, VenueClock
from tradebot.venue.listings import Listing, Listings

FUNDING_MS = 8 * HOUR_MS
FIRST_TRADE = 8_079_747_315
FIRST_UPDATE = 11_563_384_751_926
LATE_MS = 1000
"""How long a minute without a newer trade stays open for a trade that comes late."""
KEPT_TRADES = 3000
KEPT_FUNDING = 1000
MOST_AT_ONCE = 200
"""Ticks played in one go before requests and timers have their turn: a market that runs late is a late market,
not a venue that does not answer."""


class PriceFeed(Protocol):
    """Where prices come from. ``label`` says it to people; symbols are ours (``BTC/USDT``).

    ``trades``: it yields trades too; else one is made from each quote.
    """

    label: str
    symbols: tuple[str, ...]
    trades: bool

    def history(self) -> Iterable[Bar]:
        """Return minutes from before the start, oldest first; mark bars too, where there are any."""
        ...

    def ticks(self) -> Iterator[Tick]:
        """Yield the ticks in order of their time."""
        ...


@dataclass(slots=True)
class Board:
    """What is known of one symbol now. Prices in USDT."""

    listing: Listing
    quote: Quote | None = None
    last: Trade | None = None
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=KEPT_TRADES))
    candles: Candles = field(default_factory=Candles)
    marks: Candles = field(default_factory=Candles)
    funding: deque[FundingRate] = field(default_factory=lambda: deque(maxlen=KEPT_FUNDING))
    rate: Decimal = Decimal("0.0001")
    update: int = FIRST_UPDATE
    next_trade: int = FIRST_TRADE
    trades_given: bool = False
    mid: Decimal = ZERO
    bids: dict[str, str] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> Decimal:
        """The mark price, 0 before the first quote."""
        return ZERO if self.quote is None else self.quote.exact_mark

    def levels(self, limit: int) -> tuple[list[list[str]], list[list[str]]]:
        """Return bids and asks from the touch on: recorded, or the touch and an even book behind it."""
        if self.bids or self.asks:
            return (
                [
                    list(row)
                    for row in sorted(self.bids.items(), key=_by_price, reverse=True)[:limit]
                ],
                [list(row) for row in sorted(self.asks.items(), key=_by_price)[:limit]],
            )
        quote = self.quote
        if quote is None:
            return [], []
        bids = self._behind(quote.exact_bid, quote.exact_bid_qty, -1, limit)
        return bids, self._behind(quote.exact_ask, quote.exact_ask_qty, 1, limit)

    def _behind(self, touch: Decimal, size: Decimal, way: int, limit: int) -> list[list[str]]:
        listing, tick = self.listing, self.listing.instrument.tick
        prices = (touch + way * tick * level for level in range(limit))
        return [[listing.price(price), listing.qty(size)] for price in prices if price > 0]

    @property
    def price(self) -> Decimal:
        """The last traded price, else the mid's side, 0 before the first quote."""
        if self.last is not None:
            return Decimal(self.last.price)
        return ZERO if self.quote is None else self.quote.exact_bid


class Market:
    """All boards, moved by ticks."""

    def __init__(
        self,
        listings: Listings,
        bus: Bus,
        history: Callable[[], Iterable[Bar]] | None = None,
        *,
        trades: bool = False,
    ) -> None:
        self._bus = bus
        self._history = history
        self.listings = listings
        self.boards = {listing.symbol: Board(listing, trades_given=trades) for listing in listings}

    @staticmethod
    def funding_due(now: int) -> int:
        """Return the next funding time: 00:00, 08:00 or 16:00 UTC."""
        return now - now % FUNDING_MS + FUNDING_MS

    def board(self, symbol: str) -> Board:
        """Return the board of a symbol (``BTC/USDT``)."""
        return self.boards[symbol]

    def past(self, symbol: str) -> Board:
        """Return the board of a symbol with the minutes from before the start.

        They are worked out when somebody asks for them first, so that the venue starts at once.
        """
        history, self._history = self._history, None
        if history is not None:
            self._remember(history())
        return self.boards[symbol]

    def _remember(self, bars: Iterable[Bar]) -> None:
        past: dict[tuple[str, bool], list[Candle]] = {}
        for bar in bars:
            if bar.symbol in self.boards:
                kept = past.setdefault((bar.symbol, isinstance(bar, MarkBar)), [])
                kept.append(Candle.of_bar(bar, bar.open_time))
        for (symbol, mark), candles in past.items():
            board = self.boards[symbol]
            (board.marks if mark else board.candles).remember(candles)

    def take(self, tick: Tick) -> None:
        """Take in one tick and publish it, with the trade made from it where the feed has none."""
        board = self.boards.get(tick.symbol)
        if board is None:
            return
        if isinstance(tick, Quote):
            self._take_quote(board, tick)
        elif isinstance(tick, Trade):
            self._take_trade(board, tick)
        elif isinstance(tick, Depth):
            _take_depth(board, tick)
            self._bus.publish(tick)
        else:
            board.funding.append(tick)
            board.rate = tick.rate
            self._bus.publish(tick)

    def _take_quote(self, board: Board, quote: Quote) -> None:
        before, mid = board.mid, quote.exact_bid + quote.exact_ask
        board.quote, board.mid = quote, mid
        board.update += 1
        mark = quote.exact_mark
        board.marks.begin(quote.at, mark)
        board.marks.roll(quote.at)
        if board.marks.current is not None:
            board.marks.current.trade(0, mark, ZERO, taker_buys=False)
        board.candles.begin(quote.at, quote.exact_bid)
        board.candles.roll(quote.at - LATE_MS if board.trades_given else quote.at)
        self._bus.publish(quote)
        if not board.trades_given:
            self._take_trade(board, _trade_of(board, quote, rises=mid > before > 0))

    def _take_trade(self, board: Board, trade: Trade) -> None:
        price, qty = Decimal(trade.price), Decimal(trade.qty)
        board.candles.begin(trade.at, price)
        board.candles.roll(trade.at)
        if board.candles.current is not None:
            taker_buys = not trade.maker_buys
            board.candles.current.trade(trade.id, price, qty, taker_buys=taker_buys)
        board.last = trade
        board.next_trade = trade.id + 1
        board.trades.append(trade)
        self._bus.publish(trade)


def _trade_of(board: Board, quote: Quote, *, rises: bool) -> Trade:
    """A trade of a tenth of the touch, at the side the mid moved to."""
    step = board.listing.instrument.step
    side = 1 if rises else 0
    size = floor_to(Decimal(quote.text[2 + side]) / 10, step) or step
    return Trade(quote.symbol, quote.at, board.next_trade, quote.text[side], f"{size}", not rises)


def _by_price(row: tuple[str, str]) -> float:
    return float(row[0])


def _take_depth(board: Board, change: Depth) -> None:
    if change.snapshot:
        board.bids, board.asks = {}, {}
    for side, rows in ((board.bids, change.bids), (board.asks, change.asks)):
        for price, size in rows:
            if float(size):
                side[price] = size
            else:
                side.pop(price, None)
    board.update = max(board.update, change.last)


class Player:
    """Plays a feed on the clock: each tick at its own time, those that are due by and by."""

    def __init__(self, feed: PriceFeed, clock: VenueClock, take: Callable[[Tick], None]) -> None:
        self._ticks = iter(feed.ticks())
        self._clock = clock
        self._take = take
        self._next: Tick | None = None
        self._timer: Timer | None = None
        self.ended = False

    def start(self) -> None:
        """Play all that is due now and ask to be woken for the next."""
        while self._advance():
            pass

    def stop(self) -> None:
        """Play nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _go_on(self) -> None:
        if self._advance():
            self._timer = self._clock.call_at(self._clock.now(), self._go_on)

    def _advance(self) -> bool:
        """Play what is due, up to ``MOST_AT_ONCE``; return whether more may be."""
        for _ in range(MOST_AT_ONCE):
            if self._next is None:
                self._next = next(self._ticks, None)
            tick = self._next
            if tick is None:
                self.ended = True
                return False
            if tick.at > self._clock.now():
                self._timer = self._clock.call_at(tick.at, self._go_on)
                return False
            self._next = None
            self._take(tick)
        return True
