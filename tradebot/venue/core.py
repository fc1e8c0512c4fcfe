"""The venue put together: one clock, one market, one account, behind one pipeline."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Protocol

from tradebot.core.model.events import FundingRate
from tradebot.core.model.money import ONE, exact
from tradebot.core.model.values import Quote
from tradebot.venue.account import VenueAccount
from tradebot.venue.acts import Acts
from tradebot.venue.bus import Bus, ConfigChanged, Tick
from tradebot.venue.clock import VenueClock
from tradebot.venue.conditional import AlgoService
from tradebot.venue.errors import VenueError
from tradebot.venue.fates import Fates
from tradebot.venue.faults import Faults
from tradebot.venue.holdings import VenueHolding
from tradebot.venue.ledger import Ledger
from tradebot.venue.limits import RequestLimits
from tradebot.venue.listen_keys import ListenKeys
from tradebot.venue.listings import Listing, Listings
from tradebot.venue.margin_calls import MarginCalls
from tradebot.venue.matching import Desk
from tradebot.venue.orders import VenueOrder
from tradebot.venue.pipeline import Pipeline
from tradebot.venue.placing import Entry
from tradebot.venue.prices import Market, Player, PriceFeed
from tradebot.venue.reach import Reach
from tradebot.venue.routes import ROUTES
from tradebot.venue.security import Credentials
from tradebot.venue.settings import Settings, make_key
from tradebot.venue.shifts import Shifts, quote_at
from tradebot.venue.statement import Statement
from tradebot.venue.streams import Streams

_SETTLE_AFTER_MS = 1000
"""The venue's own funding waits this long for the feed's."""


class Door(Protocol):
    """The server, as faults see it."""

    async def refuse(self, everybody: bool = False) -> None:
        """Close the port to new connections, and end those that are open."""
        ...

    def listen_soon(self) -> None:
        """Open the port again."""
        ...


class Venue:
    """One running venue; prices move once ``start`` was called.

    ``ledger`` is the file of its record (see ``Ledger.begin``), ``keep`` keeps that in memory too, ``timed`` adds how long each
    request took (us) and writes the record after the answer: real time, and so not the same twice.
    """

    def __init__(
        self,
        feed: PriceFeed,
        clock: VenueClock,
        settings: Settings | None = None,
        *,
        ledger: Path | None = None,
        keep: bool = False,
        timed: bool = False,
    ) -> None:
        self.timed = timed
        self.settings = settings = settings or Settings()
        self.clock = clock
        self.feed = feed
        self.rng = Random(f"{settings.seed}/venue")
        self.ledger = Ledger(clock, ledger, keep=keep, later=timed)
        self.bus = Bus()
        self.listings = _listings(feed, settings)
        self.market = Market(self.listings, self.bus, feed.history, trades=feed.trades)
        self.account = VenueAccount(settings, self.listings, self.bus, self.ledger, clock)
        self.desk = Desk(settings, self.market, self.account, self.bus, self.ledger, clock)
        self.entry = Entry(self.market, self.account, self.desk, clock, self.rng)
        self.algos = AlgoService(
            settings,
            self.market,
            self.account,
            self.desk,
            self.entry,
            self.bus,
            self.ledger,
            clock,
        )
        self.margin_calls = MarginCalls(self.account, self.desk, self.bus, clock)
        self.limits = RequestLimits(
            clock, patience=settings.patience, retry_after=settings.retry_after
        )
        script = settings.account
        key, secret = make_key(self.rng), make_key(self.rng)
        self.credentials = Credentials(script.key or key, script.secret or secret)
        self.listen_keys = ListenKeys(self.bus, clock, self.rng)
        self.server: Door | None = None
        self.fates = Fates(self)
        self.streams = Streams(self)
        self.acts = Acts(self)
        self.faults = Faults(self)
        self.pipeline = Pipeline(self, ROUTES)
        self.shifts = Shifts()
        self._player = Player(feed, clock, self._play)
        self._settled: dict[str, int] = {}
        self._prepare()

    def _prepare(self) -> None:
        for listing in self.listings:
            self.account.holding(listing.symbol)
        self.desk.refresh()

    def start(self) -> None:
        """Let prices move, then put what the account's script has on it; VenueError if it cannot be."""
        self._player.start()
        script = self.settings.account
        for name, leverage in script.leverages.items():
            self.change_leverage(self.listings.by_name[name], leverage)
        for put in script.positions:
            listing = self.listings.by_name[put.name]
            self.desk.put(
                VenueHolding(
                    listing,
                    put.position_side,
                    put.qty,
                    put.entry,
                    put.margin_type,
                    put.leverage,
                    updated=self.clock.now(),
                )
            )
        for foreign in script.orders:
            now = self.clock.now()
            self.entry.place(
                VenueOrder(
                    id=0,
                    client_id=foreign.client_id,
                    listing=self.listings.by_name[foreign.name],
                    side=foreign.side,
                    type="LIMIT",
                    qty=foreign.qty,
                    price=foreign.price,
                    time=now,
                    updated=now,
                    orig_type="LIMIT",
                    reduce_only=foreign.reduce_only,
                    position_side=foreign.position_side,
                    foreign=True,
                )
            )
        self._await_funding()

    def stop(self) -> None:
        """Let nothing more happen, and finish the ledger."""
        self._player.stop()
        self.ledger.close()

    @property
    def played(self) -> bool:
        """Whether the feed has come to its end: prices move no more."""
        return self._player.ended

    def _play(self, tick: Tick) -> None:
        """Take in one tick of the feed, moved to where a script has put its symbol's prices."""
        board = self.market.boards.get(tick.symbol)
        if board is not None:
            self.take(self.shifts.shifted(tick, board.listing.instrument))

    def move_price(self, listing: Listing, percent: Decimal) -> None:
        """Move a symbol's prices by so many percent, at once and for good."""
        self.shifts.add(listing.symbol, percent)
        quote = self.market.board(listing.symbol).quote
        if quote is not None:
            factor = ONE + percent / 100
            self.take(quote_at(quote, factor, listing.instrument, self.clock.now()))

    def take(self, tick: Tick) -> None:
        """Take in one tick: the market first, then orders, then triggers."""
        if tick.symbol not in self.market.boards:
            return
        self.market.take(tick)
        if isinstance(tick, Quote):
            self.desk.on_quote(tick)
            self.margin_calls.look(tick.symbol)
            self.algos.on_quote(tick)
        elif isinstance(tick, FundingRate):
            self.settle(tick)

    def settle(self, due: FundingRate) -> None:
        """Pay funding on one symbol."""
        mark = self.market.board(due.symbol).mark if due.mark is None else due.mark
        self._settled[due.symbol] = due.at
        if mark:
            self.desk.on_funding(replace(due, mark=mark))

    def _await_funding(self) -> None:
        due = self.market.funding_due(self.clock.now() - _SETTLE_AFTER_MS)
        self.clock.call_at(due + _SETTLE_AFTER_MS, lambda: self._own_funding(due))

    def _own_funding(self, due: int) -> None:
        for symbol, board in self.market.boards.items():
            if board.quote is not None and self._settled.get(symbol, 0) < due:
                rate = FundingRate(due, symbol, board.rate, board.mark)
                board.funding.append(rate)
                self.bus.publish(rate)
                self.settle(rate)
        self._await_funding()

    def change_leverage(self, listing: Listing, leverage: int) -> None:
        """Set a symbol's leverage and tell it, or refuse with Binance's code."""
        refusal = self.desk.exchange.set_leverage(listing.symbol, leverage)
        if refusal is not None:
            raise VenueError(refusal.code, leverage=leverage)
        self.desk.refresh(listing.symbol)
        self.bus.publish(ConfigChanged(self.clock.now(), listing.name, leverage))

    def move_margin(self, listing: Listing, amount: Decimal) -> None:
        """Add to an isolated position's margin, or (negative) take from it."""
        held = self.desk.exchange.positions.get(listing.symbol)
        if held is None:
            raise VenueError(-4054)
        try:
            with exact():
                self.desk.exchange.force.add_margin(listing.symbol, amount)
        except ValueError:
            raise VenueError(-4051) from None
        self.tell_margin(listing)

    def tell_margin(self, listing: Listing) -> None:
        """Tell that a position's margin is another than before."""
        self.desk.refresh(listing.symbol)
        self.account.tell_margin(self.desk.holding(listing.symbol))

    @property
    def reach(self) -> Reach:
        """What fault rules can meet here."""
        return Reach(frozenset(ROUTES), frozenset(self.listings.by_name))

    def statement(self) -> Statement:
        """Return the account as it is now."""
        return Statement.of(self.account, self.desk)


def _listings(feed: PriceFeed, settings: Settings) -> Listings:
    made_up = settings.account.made_up
    invented = {listing.symbol for listing in made_up}
    return Listings.of([s for s in feed.symbols if s not in invented], made_up)
