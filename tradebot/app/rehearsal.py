"""After the word and before the first entry: leverage is set and read back, and the way of a stop is proved on the account.

A reduce-only stop far from the price is placed, seen by its id and in the list of open ones, cancelled, and seen gone. It can
open nothing. One that a crash leaves behind is ours by its note and by its name: the next start cancels it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from tradebot.app.account import Access
from tradebot.app.finding import Row
from tradebot.app.rehearsed import RehearsedStop, forget_stop, left_stop, note_stop
from tradebot.app.target import PROBE
from tradebot.broker import parameters, rows
from tradebot.broker.figures import MALFORMED
from tradebot.broker.outcomes import Fate, judge_order
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import ExchangeError, RefusedError
from tradebot.core.model.money import exact, floor_to, plain
from tradebot.core.model.values import Instrument, Order, OrderType, Purpose, Side
from tradebot.guard.latch import halt_present, read_halts
from tradebot.market.binance.rest import Rest
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import Endpoint
from tradebot.wire.places import ASTRAY_HINT
from tradebot.wire.public import venue_symbol
from tradebot.wire.sending import RECV_WINDOW_MS

FAR_AWAY = Decimal("0.5")
"""The trigger, as a part of the mark price: no price comes there while it is open."""

SEEN_S = 5.0
"""Seconds in which a stop must be seen, and then seen gone."""
LOOK_S = 0.5
ARRIVED_MS = 1_000
"""So long after its receive window a request that was sent can no longer arrive."""

HALTED = "trading was halted meanwhile (a HALT lies here or at the key's lock)"

SET_ALREADY = -4046
NEEDS_A_POSITION = (-2022, -4509)
"""The exchange's words for a reduce-only order where nothing can be reduced."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal found. ``proved``: stops work here; else the first entry has to prove it, at its smallest."""

    rows: tuple[Row, ...]
    proved: bool = False

    @property
    def failed(self) -> list[Row]:
        """The lines that forbid a start."""
        return [row for row in self.rows if row.for_live == "fail"]


def rehearse(
    access: Access,
    instruments: Mapping[str, Instrument],
    leverage: int,
    instance: str,
    latches: Sequence[Path],
    clock: Clock = SYSTEM,
) -> Rehearsed:
    """Set leverage and margin of the symbols, and try a stop on the first; a failure is a line.

    The stop's note is in the first of the ``latches``, the data directory. A HALT file in one of the ``latches`` keeps back what is not a cancel, and all of it where everything is to be closed.
    """

    async def play() -> Rehearsed:
        async with access.wire(clock) as wire:
            wire.hold = partial(_hold, latches)
            try:
                await wire.measure()
                if wire.astray:
                    return Rehearsed((Row("connection", "fail", wire.astray, ASTRAY_HINT),))
                found = [await _set(wire, symbol, leverage) for symbol in sorted(instruments)]
                first = instruments[min(instruments)]
                if any(row.status == "fail" for row in found):
                    return Rehearsed(tuple(found))
                row, proved = await _try_stop(wire, first, instance, latches[0])
            except ExchangeError as error:
                check = "halt" if _hold(latches, endpoints.TIME) else "exchange"
                return Rehearsed((Row(check, "fail", str(error), error.hint),))
            return Rehearsed((*found, row), proved)

    return asyncio.run(play())


def cancel_left_stop(access: Access, latches: Sequence[Path], clock: Clock = SYSTEM) -> str:
    """Cancel the stop that a rehearsal left behind, by its note in the first of ``latches``; return its id, "" if none was.

    Nothing is asked without a note, or while everything is to be closed. ExchangeError where it cannot be told that it is gone.
    """
    left = left_stop(latches[0], access.fingerprint)
    if left is None or _hold(latches, endpoints.CANCEL_ALGO):
        return ""

    async def play() -> None:
        async with access.wire(clock) as wire:
            wire.hold = partial(_hold, latches)
            await wire.measure()
            if wire.astray:
                raise RefusedError(wire.astray, hint=ASTRAY_HINT)
            await _cancel_left(wire, left, clock)

    asyncio.run(play())
    forget_stop(latches[0], access.fingerprint)
    return left.order_id


async def _cancel_left(wire: Wire, left: RehearsedStop, clock: Clock) -> None:
    """Cancel it when its request can no longer arrive, and see it gone."""
    arriving = left.at + RECV_WINDOW_MS + ARRIVED_MS - clock.wall_ms()
    if 0 < arriving <= RECV_WINDOW_MS + ARRIVED_MS:  # a clock that was set back says nothing
        await asyncio.sleep(arriving / 1000)
    cancel = endpoints.CANCEL_ALGO, {"clientAlgoId": left.order_id}
    await wire.repeat(*cancel, Need.PROTECTIVE)
    if not await _until(wire, left.symbol, left.order_id, there=False):
        raise ExchangeError(
            f"the stop of a rehearsal that broke off ({left.order_id} on {left.symbol}) is not seen gone",
            hint="start again, or cancel it on the exchange's page of open orders",
        )


def _hold(latches: Sequence[Path], endpoint: Endpoint) -> str:
    """Return why a request of the rehearsal may not leave any more, "" if it may."""
    if not any(map(halt_present, latches)):
        return ""
    closing = any(row.kind == "close-all" for latch in latches for row in read_halts(latch))
    return HALTED if closing or endpoint.method == "POST" else ""


# -- leverage ---------------------------------------------------------------------------------------


async def _set(wire: Wire, symbol: str, leverage: int) -> Row:
    name = venue_symbol(symbol)
    before = await _config(wire, name)
    told = []
    if not before.isolated:
        told.append(
            await wire.repeat(
                endpoints.SET_MARGIN, {"symbol": name, "marginType": "ISOLATED"}, Need.LOOK_UP
            )
        )
    if before.leverage != leverage:
        times = {"symbol": name, "leverage": str(leverage)}
        told.append(await wire.repeat(endpoints.SET_LEVERAGE, times, Need.LOOK_UP))
    now = await _config(wire, name) if told else before
    if now.isolated and now.leverage == leverage:
        return Row("leverage set", "ok", f"{symbol}: {leverage}x isolated, set and read back")
    said = "; ".join(reply.message for reply in told if not reply.ok and reply.code != SET_ALREADY)
    margin = "isolated" if now.isolated else "cross"
    text = f"{symbol}: it stays {now.leverage}x {margin}" + (f" ({said})" if said else "")
    return Row(
        "leverage set", "fail", text, "close what is open there, and set it on the exchange's page"
    )


async def _config(wire: Wire, name: str) -> Any:
    found = await wire.read(endpoints.SYMBOL_CONFIG, {"symbol": name}, Need.LOOK_UP)
    try:
        return rows.symbol_config(found[0])
    except (*MALFORMED, IndexError) as error:
        raise ExchangeError(f"how {name} is set cannot be read ({error})") from None


# -- the stop path ----------------------------------------------------------------------------------


async def _try_stop(
    wire: Wire, instrument: Instrument, instance: str, data_dir: Path
) -> tuple[Row, bool]:
    """Place a stop, see it, cancel it, see it gone; return the line, and whether stops are proved."""
    symbol = instrument.symbol
    await _clear(wire, instance)
    mark = Decimal((await Rest(wire, 60_000).mark(symbol)).price)
    order = _probe(
        instrument, mark, f"tb{instance}-{PROBE}-{secrets.randbelow(10**8)}{Purpose.STOP.value}"
    )
    note_stop(data_dir, wire.fingerprint, RehearsedStop(order.id, symbol, SYSTEM.wall_ms()))
    endpoint, params = parameters.place(order)
    verdict = judge_order(await wire.ask(endpoint, params, Need.PROTECTIVE), order.id, algo=True)
    if verdict.fate in (Fate.REJECTED, Fate.NOT_SENT):
        forget_stop(data_dir, wire.fingerprint)
    if verdict.fate is Fate.REJECTED and verdict.code in NEEDS_A_POSITION:
        text = f"{symbol}: no stop is taken without a position; the first entry is the smallest and proves it within 5 s"
        return Row("stop path", "warn", text), False
    if verdict.fate in (Fate.REJECTED, Fate.NOT_SENT):
        hint = "without stops nothing is entered: see what the exchange says of conditional orders"
        return Row("stop path", "fail", f"{symbol}: {verdict.reason}", hint), False
    seen = await _until(wire, symbol, order.id, there=True)
    await wire.repeat(*parameters.cancel(order), Need.PROTECTIVE)
    gone = await _until(wire, symbol, order.id, there=False)
    if seen and gone:
        forget_stop(data_dir, wire.fingerprint)
    at = f"{symbol} at {plain(order.trigger or mark)}"
    if seen and gone:
        return Row(
            "stop path", "ok", f"{at}: placed, seen by two sources, cancelled, seen gone"
        ), True
    what = (
        "was not seen by two sources within 5 s" if not seen else "is not gone 5 s after its cancel"
    )
    hint = f"see {order.id} on the exchange's page of open orders, and cancel it there"
    return Row("stop path", "fail", f"{at}: it {what}", hint), False


def _probe(instrument: Instrument, mark: Decimal, order_id: str) -> Order:
    with exact():
        trigger = floor_to(mark * FAR_AWAY, instrument.tick)
    return Order(
        id=order_id,
        symbol=instrument.symbol,
        side=Side.SELL,
        type=OrderType.STOP_MARKET,
        qty=instrument.min_qty,
        trigger=trigger,
        reduce_only=True,
        purpose=Purpose.STOP,
    )


async def _clear(wire: Wire, instance: str) -> None:
    """Cancel what a rehearsal that was killed has left."""
    for row in await wire.read(endpoints.OPEN_ALGOS, {}, Need.LOOK_UP):
        name = str(row.get("clientAlgoId", ""))
        if name.startswith(f"tb{instance}-{PROBE}-"):
            await wire.repeat(endpoints.CANCEL_ALGO, {"clientAlgoId": name}, Need.PROTECTIVE)


async def _until(wire: Wire, symbol: str, order_id: str, *, there: bool) -> bool:
    """Look by the id and in the list of open ones until both say that it is there, or gone."""
    until = SYSTEM.monotonic() + SEEN_S
    while True:
        query = await wire.ask(*parameters.query(symbol, order_id), Need.LOOK_UP)
        listed = await wire.ask(
            endpoints.OPEN_ALGOS, {"symbol": venue_symbol(symbol)}, Need.LOOK_UP
        )
        by_id = query.ok and isinstance(query.body, dict) and query.body.get("algoStatus") == "NEW"
        names = [row.get("clientAlgoId") for row in listed.body] if listed.ok else []
        answered = listed.ok and (query.ok or bool(query.code))
        if answered and by_id == there and (order_id in names) == there:
            return True
        if SYSTEM.monotonic() >= until:
            return False
        await asyncio.sleep(LOOK_S)
