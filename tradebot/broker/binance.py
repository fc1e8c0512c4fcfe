"""Binance USD-M behind the seam: orders out, the exchange's words in, through the runner's queue.

Everything that is asked for becomes a task and returns at once. An order is sent once, ever; what became of it is
judged by what was seen on the wire (``outcomes``), and what nobody saw is looked up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from tradebot.broker import parameters, rows
from tradebot.broker.account_reader import AccountReader, ReadSoFar
from tradebot.broker.account_view import account_document
from tradebot.broker.baseline_reader import BaselineReader
from tradebot.broker.countdowns import AskedCountdowns
from tradebot.broker.errands import Errands
from tradebot.broker.figures import MALFORMED
from tradebot.broker.late_lines import read_to_the_end
from tradebot.broker.order_look_up import NO_ORDER, OrderLookUp
from tradebot.broker.outcomes import Fate, Verdict, judge_order
from tradebot.broker.private_stream import PrivateStream
from tradebot.broker.rule_watch import RuleWatch
from tradebot.broker.user_events import UNEXPLAINED, Follow, UserEvents
from tradebot.core.model.approved import Approved
from tradebot.core.model.documents import LinksDocument
from tradebot.core.model.effects import LookUp
from tradebot.core.model.errors import ExchangeError, RefusedError
from tradebot.core.model.events import (
    AccountRead,
    ClockChecked,
    Event,
    Filled,
    MarketEvent,
    OrderUpdate,
    Reconnected,
    VenueNote,
)
from tradebot.core.model.values import Bar, Order, OrderStatus, Purpose, Quote
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import LATE, Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.peers import Kind
from tradebot.wire.places import ASTRAY_HINT
from tradebot.wire.public import venue_symbol
from tradebot.wire.venue_time import VenueTime

MOST_ERROR_MS = 1000
"""An entry needs the exchange's time to be known better than this."""
OLDEST_S = 300.0
"""And measured no longer ago than this."""
READ_S = 3.0
"""Seconds that an exit waits after a ban for the positions to be read."""
STOPS_FIRST_S = 0.25
"""Seconds by which missing stops leave before exits after a ban."""
SETTINGS_MS = 25_000
"""How the account is set is read with the account, no more often than this: it costs more weight than all the rest."""
SET_AS_WANTED = -4046
"""The exchange's word for a margin mode that is as wanted already."""

Answer = Callable[[Event], None]
Obstacle = Callable[[Approved], str]


class BinanceBroker:
    """One account on Binance. ``wire`` is open as long as the broker serves; ``seen`` is the account as it was last read, and when."""

    outside = True

    def __init__(self, wire: Wire, symbols: Sequence[str], leverage: int = 1) -> None:
        self._wire = wire
        self._symbols = tuple(sorted(symbols))
        self._leverage = leverage
        self._look_up = OrderLookUp(wire)
        self._reader = AccountReader(wire, self._symbols, self._look_up)
        self._events = UserEvents()
        self._stream = PrivateStream(wire, self._hear, self._listens, self._is_deaf)
        self._free = asyncio.Event()
        self._free.set()
        self._ends = asyncio.Event()
        self._rules = RuleWatch(wire, self._reader, self._tell)
        self._baselines = BaselineReader(wire, self._symbols, self._tell)
        self._answer: Answer = lambda _: None
        self._obstacle: Obstacle = lambda _: "nobody listens to the broker"
        self._is_set = False
        self._settings_at = 0
        self._banned_until = 0
        self.seen: tuple[int, AccountRead] | None = None
        self._sent: set[str] = set()
        self._errands = Errands(self._tell_fault, self._see_ban)
        self._spawn = self._errands.spawn
        self.countdowns = AskedCountdowns(wire)

    async def serve(self, answer: Answer, obstacle: Obstacle) -> None:
        """Hold the stream and the clock, and hand on every word that comes, until cancelled.

        ``obstacle`` says why an entry may not leave any more; it is asked right before the first byte does.
        """
        self._answer, self._obstacle = answer, obstacle
        try:
            await self._begin()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._wire.keep_time(self._tell_time, self._rest))
                group.create_task(self._stream.listen())
                group.create_task(self._rules.keep())
        finally:
            await self._end()

    async def _begin(self) -> None:
        """Know the time before anything is signed; a failure is made up for by ``keep_time``."""
        self._ends.clear()
        try:
            await self._wire.measure()
            self._tell_time(self._wire.time)
        except ExchangeError as error:
            self._answer(VenueNote(self._now, "clock", error.message))
        self._reader.begin()
        self._errands.ready.set()
        self._spawn("settings", self._set_up())

    async def _rest(self, seconds: float) -> None:
        """Wait, as long as what is sent goes where it is meant to; RefusedError where it does not."""
        if self._wire.astray:
            raise RefusedError(self._wire.astray, hint=ASTRAY_HINT)
        await asyncio.sleep(seconds)

    async def _end(self) -> None:
        self._ends.set()
        await self._errands.end()
        self.countdowns.drop()

    # -- what a session asks -----------------------------------------------------------------------------

    def on_market(self, step: Sequence[MarketEvent]) -> Iterable[Event]:
        """Hand on what the engine is to hear: quotes and bars."""
        return [event for event in step if isinstance(event, Quote) or type(event) is Bar]

    def send(self, approved: Approved, at: int) -> Sequence[Event]:
        """Send an order: once, whatever comes of it."""
        del at
        order = approved.order
        if order.id in self._sent:
            raise ExchangeError(f"order {order.id} has been sent already")
        self._sent.add(order.id)
        self._spawn(order.id, self._place(approved))
        return ()

    def cancel(self, order: Order, at: int) -> Sequence[Event]:
        """Ask for an order's cancel; while one is on its way another is none."""
        del at
        self._spawn(f"cancel {order.id}", self._cancel(order))
        return ()

    def look_up(self, asked: LookUp, at: int) -> Sequence[Event]:
        """Ask what has become of an order."""
        del at
        self._spawn(f"look up {asked.order_id} {asked.venue_id}", self._find(asked))
        return ()

    def read_back(self, symbol: str, at: int, trade_id: int = 0) -> Sequence[Event]:
        """Read a symbol's position, open orders and missed fills."""
        del at
        self._spawn(f"read {symbol} {trade_id or ''}".rstrip(), self._read(symbol, trade_id))
        return ()

    def read_account(self, at: int) -> Sequence[Event]:
        """Read the whole account, its missed fills and its cash lines, and how it is set."""
        del at
        self._spawn("read", self._read(""))
        if self._is_set and self._now >= self._settings_at + SETTINGS_MS:
            self._spawn("settings", self._read_settings())
        return ()

    def set_leverage(self, symbol: str, leverage: int, at: int) -> Sequence[Event]:
        """Set a symbol's leverage, and read how everything is set then."""
        del at
        params = {"symbol": venue_symbol(symbol), "leverage": str(leverage)}
        self._spawn(f"leverage {symbol}", self._change(endpoints.SET_LEVERAGE, params))
        return ()

    def set_margin(self, symbol: str, isolated: bool, at: int) -> Sequence[Event]:
        """Set a symbol's margin mode, and read how everything is set then."""
        del at
        kind = "ISOLATED" if isolated else "CROSSED"
        params = {"symbol": venue_symbol(symbol), "marginType": kind}
        self._spawn(f"margin {symbol}", self._change(endpoints.SET_MARGIN, params))
        return ()

    def countdown(self, symbol: str, ms: int, at: int) -> Sequence[Event]:
        """Have the symbol's regular orders cancelled unless told again within ``ms``; a resting entry waits for the answer."""
        del at
        self._spawn(*self.countdowns.ask(symbol, ms))
        return ()

    def hourly(self, at: int) -> Sequence[Event]:
        """Tell nothing: the account is read every 30 s."""
        del at
        return ()

    def peers(self, kind: Kind) -> tuple[tuple[str, str], ...]:
        """Return host and address of whom its connections were with, by the connections themselves."""
        return self._wire.peers.rows(kind)

    def links(self) -> LinksDocument:
        """Return how its connections stand, and the account as it was last read whole (JSON values)."""
        return {
            "ages": {"account": self._stream.age_ms},
            "banned_until": self._wire.banned_until,
            "weight": list(self._wire.weight),
            "account": None if self.seen is None else account_document(*self.seen),
        }

    def export_state(self) -> dict[str, Any]:
        """Return how far fills and cash lines were read, and of which key's account."""
        return {"read": self._reader.export_state(), "account": self._wire.fingerprint}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        if "read" in state:
            self._reader.restore(state["read"])

    # -- orders --------------------------------------------------------------------------------------------

    async def _place(self, approved: Approved) -> None:
        order = approved.order
        if order.purpose is Purpose.EXIT and not self._wire.budget.is_banned(self._now):
            await self._after_ban()
        if why := await self.countdowns.obstacle(order):
            now, rejected = self._now, OrderStatus.REJECTED
            self._tell(OrderUpdate(now, order.symbol, order.id, rejected, now, reason=why))
            return
        endpoint, params = parameters.place(order)
        need = Need.PROTECTIVE if order.reduce_only else Need.ENTRY
        check = None if order.reduce_only else lambda: self._entry_obstacle(approved)
        reply = await self._wire.ask(endpoint, params, need, check)
        verdict = judge_order(reply, order.id, algo=endpoint is endpoints.ALGO_ORDER)
        self._tell(self._told(order, verdict))
        if verdict.code == LATE:
            await self._wire.measure()

    def _told(self, order: Order, verdict: Verdict) -> OrderUpdate:
        """Return the verdict on an order as the engine hears it."""
        now = self._now
        if verdict.fate is Fate.ACCEPTED and verdict.body is not None:
            algo = order.type in parameters.CONDITIONAL
            try:
                return (rows.told_algo if algo else rows.told_order)(verdict.body, now)
            except MALFORMED as error:
                verdict = Verdict(Fate.UNKNOWN, f"the answer cannot be read: {error}")
        status = OrderStatus.UNKNOWN if verdict.fate is Fate.UNKNOWN else OrderStatus.REJECTED
        return OrderUpdate(
            *(now, order.symbol, order.id, status, now),
            code=verdict.code,
            reason=verdict.reason,
        )

    def _entry_obstacle(self, approved: Approved) -> str:
        """Return why an entry may not leave: what the engine says, and what is known of clock and account."""
        if not self._is_set:
            return "how the account is set has not been read"
        if not self._rules.known:
            return "the exchange's trading rules have not been read"
        if not self._baselines.known:
            return "the equity at the start of the day has not been worked out"
        if not self._stream.connected:
            return "the private stream is not connected: fills would not be heard of"
        if not self._wire.time.is_known(MOST_ERROR_MS, OLDEST_S):
            return "the exchange's time is not known well enough"
        return self._obstacle(approved)

    async def _cancel(self, order: Order) -> None:
        endpoint, params = parameters.cancel(order)
        reply = await self._wire.repeat(endpoint, params, Need.PROTECTIVE)
        if reply.ok and endpoint is endpoints.CANCEL:
            try:
                self._tell(rows.told_order(reply.body, self._now))
                return
            except MALFORMED:
                pass
        if reply.ok or reply.code in NO_ORDER:
            await self._find(LookUp(order.symbol, order.id))

    async def _find(self, asked: LookUp) -> None:
        for event in await self._look_up.find(asked):
            self._tell(event)

    async def _repeat(self, endpoint: Endpoint, params: dict[str, str]) -> None:
        await self._wire.repeat(endpoint, params, Need.PROTECTIVE)

    # -- the account -----------------------------------------------------------------------------------------

    async def _read(self, symbol: str, trade_id: int = 0) -> None:
        found = await self._reader.read(symbol, trade_id)
        self._hand_over(found)
        if not symbol:
            self._spawn("income", self._read_income(found))
            self._spawn("baselines", self._baselines.find())

    async def _read_income(self, before: ReadSoFar | None = None) -> None:
        await read_to_the_end(self._reader, self._hand_over, self._ends, before)

    def _hand_over(self, found: ReadSoFar) -> None:
        for event in found.events:
            self._tell(event)
        self._reader.handed_over(found)

    async def _read_settings(self) -> None:
        self._tell(await self._reader.settings())
        self._is_set = True
        self._settings_at = self._now

    async def _set_up(self) -> None:
        """Set leverage and margin where they are not as wanted, and tell what they are then; until it is done."""
        while True:
            await self._wire.sit_out()
            try:
                found = await self._reader.settings()
                for item in found.symbols:
                    name = venue_symbol(item.symbol)
                    if not item.isolated:
                        kind = {"symbol": name, "marginType": "ISOLATED"}
                        await self._repeat(endpoints.SET_MARGIN, kind)
                    if item.leverage != self._leverage:
                        times = {"symbol": name, "leverage": str(self._leverage)}
                        await self._repeat(endpoints.SET_LEVERAGE, times)
                await self._read_settings()
                return
            except ExchangeError as error:
                self._tell(VenueNote(self._now, "settings", error.message))
                await asyncio.sleep(5)

    async def _change(self, endpoint: Endpoint, params: dict[str, str]) -> None:
        reply = await self._wire.repeat(endpoint, params, Need.LOOK_UP)
        if not reply.ok and reply.code != SET_AS_WANTED:
            self._tell(VenueNote(self._now, endpoint.path, f"{params['symbol']}: {reply.message}"))
        await self._read_settings()

    # -- what is heard -----------------------------------------------------------------------------------------

    def _hear(self, message: Any) -> None:
        """Take a message of the private stream."""
        heard = self._events.read(message, self._now)
        for event in heard.events:
            self._tell(event)
        for follow in heard.follow:
            if follow is Follow.INCOME:
                self._spawn("income", self._read_income())
            elif follow is Follow.SETTINGS:
                self._spawn("settings", self._read_settings())
            elif follow is Follow.ACCOUNT:
                self.read_account(self._now)
            else:
                self._stream.renew("its key has expired")

    def _listens(self, why: str) -> None:
        """The stream is there (again): what it would have told meanwhile is read."""
        self._tell(Reconnected(self._now, f"({why})" if why else ""))
        if why:
            self._spawn("settings", self._read_settings())

    def _is_deaf(self, why: str) -> None:
        """The stream is away: no entry leaves until it is there again."""
        self._tell(VenueNote(self._now, "private stream", f"not connected: {why}"))

    def _tell_time(self, time: VenueTime) -> None:
        self._tell(ClockChecked(self._now, time.offset_ms, time.error_ms))

    def _tell(self, event: Event) -> None:
        if isinstance(event, OrderUpdate):
            self._look_up.learn(event.symbol, event.child_id or event.venue_id, event.order_id)
        elif isinstance(event, Filled):
            self._look_up.learn(event.fill.symbol, event.fill.venue_id, event.fill.order_id)
        elif isinstance(event, AccountRead) and not event.symbol:
            self.seen = self._wire.clock.wall_ms(), event
        self._answer(event)

    def _see_ban(self) -> None:
        until = self._wire.budget.banned_until
        if until > max(self._now, self._banned_until):
            self._banned_until = until
            self._free.clear()
            seconds = -(-(until - self._now) // 1000)
            self._tell(VenueNote(self._now, "banned", f"for {seconds} s", "ban"))
            self._spawn("ban", self._sit_out())

    async def _sit_out(self) -> None:
        """Wait for the ban's end; then positions are read, then missing stops leave, and only then exits."""
        try:
            while True:
                await self._wire.sit_out()
                with suppress(ExchangeError):
                    await self._read("")
                if not self._wire.banned_s:  # another may have begun meanwhile
                    break
            self._tell(Reconnected(self._now, "(the ban is over)"))
            await asyncio.sleep(STOPS_FIRST_S)
        finally:
            self._free.set()

    async def _after_ban(self) -> None:
        """Wait until what happened during a ban has been read, at most ``READ_S``: positions must be left in any case."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._free.wait(), READ_S)

    # -- tasks ----------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> int:
        return self._wire.time.now()

    def _tell_fault(self, detail: str) -> None:
        self._tell(VenueNote(self._now, "an answer", detail, UNEXPLAINED))
