"""When market messages are due: touches and trades at once, klines every 250 ms, marks every second.

Nothing is made that nobody listens to, and timers run only while somebody does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradebot.core.model.values import DAY_MS, MINUTE_MS, Quote
from tradebot.venue import market_frames as frames
from tradebot.venue.bus import Depth, Liquidated, Trade
from tradebot.venue.candles import INTERVALS, Candle, open_of
from tradebot.venue.listings import Listing
from tradebot.venue.market_frames import stream_of
from tradebot.venue.payloads import day_ticker
from tradebot.venue.prices import Board

if TYPE_CHECKING:
    from tradebot.venue.core import Venue
    from tradebot.venue.streams import Streams

KLINE_MS = 250
DEPTH_MS = 250
"""Pace of a depth stream that names none."""
LEVELS = 20
"""Levels of a made-up book that a depth stream follows."""

_DEPTH = re.compile(r"^depth(5|10|20)?(?:@(0|100|250|500)ms)?$")
_EACH_SECOND = ("markPrice@1s", "markPrice", "miniTicker")


@dataclass(slots=True)
class _DepthStream:
    """One depth stream of a symbol: what has changed since it last told. ``levels`` 0: changes only."""

    kind: str
    levels: int
    pace: int
    first: int = 0
    last: int = 0
    told: int = 0
    bids: dict[str, str] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)
    timed: bool = False


@dataclass(slots=True)
class _Followed:
    """What is listened to of one symbol, and where its streams are."""

    listing: Listing
    intervals: tuple[str, ...] = ()
    depths: dict[str, _DepthStream] = field(default_factory=dict)
    minute: int = 0
    told: int = 0
    timed: bool = False
    book: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))


class Cadence:
    """Makes the market messages of one venue."""

    def __init__(self, venue: Venue, streams: Streams) -> None:
        self._venue = venue
        self._streams = streams
        self._followed = {
            listing.symbol: _Followed(listing) for listing in venue.listings.by_name.values()
        }
        self._ticking = False

    def follow(self, names: Iterable[str]) -> None:
        """Take note of all streams that are listened to now."""
        by_symbol: dict[str, list[str]] = {}
        for name in names:
            symbol, _, kind = name.partition("@")
            by_symbol.setdefault(symbol, []).append(kind)
        for followed in self._followed.values():
            self._set(followed, by_symbol.get(followed.listing.name.lower(), []))
        if not self._ticking and any(
            kind in _EACH_SECOND for kinds in by_symbol.values() for kind in kinds
        ):
            self._ticking = True
            self._wake_at_second()

    def _set(self, followed: _Followed, kinds: list[str]) -> None:
        intervals = [kind[6:] for kind in kinds if kind.startswith("kline_")]
        followed.intervals = tuple(i for i in INTERVALS if i in intervals)
        if any(interval != "1m" for interval in followed.intervals):
            self._venue.market.past(followed.listing.symbol)
        depths = {kind: found for kind in kinds if (found := _DEPTH.match(kind))}
        for kind in [kind for kind in followed.depths if kind not in depths]:
            del followed.depths[kind]
        for kind, found in depths.items():
            levels, pace = found.groups()
            followed.depths.setdefault(
                kind, _DepthStream(kind, int(levels or 0), int(pace or DEPTH_MS))
            )

    # What happens

    def hear(self, event: Quote | Trade | Depth | Liquidated) -> None:
        """Tell a market event on the streams it belongs to."""
        if isinstance(event, Liquidated):
            self._streams.send(frames.force_order(event, self._venue.clock.now()))
            return
        followed = self._followed[event.symbol]
        match event:
            case Quote():
                self._roll(followed)
                self._touch(followed)
            case Trade():
                self._roll(followed)
                self._trade(followed, event)
            case Depth():
                self._change(followed, event)

    def _touch(self, followed: _Followed) -> None:
        listing = followed.listing
        board = self._board(followed)
        if self._streams.wanted(stream_of(listing, "bookTicker")):
            self._streams.send(frames.book_ticker(board, self._venue.clock.now()))
        if followed.depths and not (board.bids or board.asks):
            self._follow_book(followed, board)

    def _trade(self, followed: _Followed, trade: Trade) -> None:
        listing, now = followed.listing, self._venue.clock.now()
        if self._streams.wanted(stream_of(listing, "trade")):
            self._streams.send(frames.trade(listing, trade, now))
        if self._streams.wanted(stream_of(listing, "aggTrade")):
            self._streams.send(frames.aggregate(listing, trade, now))
        if followed.intervals:
            self._klines_due(followed, now)

    def _board(self, followed: _Followed) -> Board:
        return self._venue.market.board(followed.listing.symbol)

    # Klines

    def _roll(self, followed: _Followed) -> None:
        """Tell the candles that have closed since the last look, each once."""
        current = self._board(followed).candles.current
        if current is None or current.opened == followed.minute:
            return
        before, followed.minute = followed.minute, current.opened
        if before and followed.intervals:
            for interval in followed.intervals:
                self._tell_closed(followed, interval, before, current.opened)

    def _tell_closed(self, followed: _Followed, interval: str, before: int, opened: int) -> None:
        last, now = open_of(interval, opened), self._venue.clock.now()
        at = open_of(interval, before)
        while at < last:
            candle = self._candle(followed, interval, at)
            if candle is not None:
                told = frames.kline(followed.listing, interval, candle, closed=True, now=now)
                self._streams.send(told)
            at = open_of(interval, max(at + MINUTE_MS, at + INTERVALS[interval]))

    def _candle(self, followed: _Followed, interval: str, opened: int) -> Candle | None:
        return self._board(followed).candles.one(interval, opened)

    def _klines_due(self, followed: _Followed, now: int) -> None:
        due = followed.told + KLINE_MS
        if now >= due:
            self._tell_open(followed)
        elif not followed.timed:
            followed.timed = True
            self._venue.clock.call_at(due, lambda: self._tell_open(followed))

    def _tell_open(self, followed: _Followed) -> None:
        followed.timed = False
        followed.told = now = self._venue.clock.now()
        for interval in followed.intervals:
            candle = self._candle(followed, interval, open_of(interval, followed.minute))
            if candle is not None:
                told = frames.kline(followed.listing, interval, candle, closed=False, now=now)
                self._streams.send(told)

    # Depth

    def _change(self, followed: _Followed, change: Depth) -> None:
        if change.snapshot:
            return
        for stream in followed.depths.values():
            if not stream.pace and not stream.levels:
                now = self._venue.clock.now()
                self._streams.send(frames.raw_depth(followed.listing, stream.kind, change, now))
            else:
                self._gather(followed, stream, change)

    def _follow_book(self, followed: _Followed, board: Board) -> None:
        """Make a change of the book from what a touch moved in the made-up one."""
        rows = board.levels(LEVELS)
        before, followed.book = followed.book, (_side(rows[0]), _side(rows[1]))
        moved = [_moved(old, new) for old, new in zip(before, followed.book, strict=True)]
        self._change(
            followed,
            Depth(
                followed.listing.symbol,
                self._venue.clock.now(),
                board.update,
                board.update,
                board.update - 1,
                tuple(moved[0].items()),
                tuple(moved[1].items()),
            ),
        )

    def _gather(self, followed: _Followed, stream: _DepthStream, change: Depth) -> None:
        stream.first = stream.first or change.first
        stream.told = stream.told or change.previous
        stream.last = change.last
        stream.bids.update(change.bids)
        stream.asks.update(change.asks)
        if not stream.timed:
            stream.timed = True
            due = self._venue.clock.now() + stream.pace
            self._venue.clock.call_at(due, lambda: self._tell_depth(followed, stream))

    def _tell_depth(self, followed: _Followed, stream: _DepthStream) -> None:
        stream.timed = False
        if stream.kind not in followed.depths:
            return
        now, ids = self._venue.clock.now(), (stream.first, stream.last, stream.told)
        bids = [list(row) for row in stream.bids.items()]
        asks = [list(row) for row in stream.asks.items()]
        if stream.levels:
            bids, asks = self._board(followed).levels(stream.levels)
        stream.first, stream.told = 0, stream.last
        stream.bids, stream.asks = {}, {}
        self._streams.send(frames.depth(followed.listing, stream.kind, ids, bids, asks, now))

    # Every second

    def _wake_at_second(self) -> None:
        now = self._venue.clock.now()
        self._venue.clock.call_at(now - now % 1000 + 1000, self._second)

    def _second(self) -> None:
        now = self._venue.clock.now()
        wanted = False
        for followed in self._followed.values():
            for kind in _EACH_SECOND:
                if self._streams.wanted(stream_of(followed.listing, kind)):
                    wanted = True
                    if kind != "markPrice" or now // 1000 % 3 == 0:
                        self._tell_each_second(followed, kind, now)
        self._ticking = wanted
        if wanted:
            self._wake_at_second()

    def _tell_each_second(self, followed: _Followed, kind: str, now: int) -> None:
        board = self._board(followed)
        if board.quote is None:
            return
        if kind == "miniTicker":
            board = self._venue.market.past(followed.listing.symbol)
            minutes = [c for c in board.candles.minutes() if c.opened > now - DAY_MS]
            day = day_ticker(board, minutes, now)
            if day:
                self._streams.send(frames.mini_ticker(board, day, now))
            return
        due = self._venue.market.funding_due(now)
        self._streams.send(frames.mark_price(board, kind, due, now - now % 1000))


def _side(rows: list[list[str]]) -> dict[str, str]:
    return {row[0]: row[1] for row in rows}


def _moved(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """What turns one side of a book into another: new sizes, and 0 for what is gone."""
    gone = {price: "0" for price in old if price not in new}
    return gone | {price: size for price, size in new.items() if old.get(price) != size}
