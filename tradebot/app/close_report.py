"""At which prices a close-all closed, when it did what, what it saw last: from its rows and the exchange's fills."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradebot.broker import figures
from tradebot.broker.figures import MALFORMED
from tradebot.broker.parameters import query_regular
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.money import ZERO, exact, plain, quotient_at_8
from tradebot.core.model.times import iso
from tradebot.guard.diary import ENGINE, Step
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.public import venue_symbol

Row = dict[str, Any]

PRICES_S = 5.0
"""Seconds for which an exchange is asked at which prices it closed: who asked waits for it, and everything is over."""


@dataclass(slots=True)
class ClosedSide:
    """What was closed of one side of a symbol: the orders by our names, with the exchange's numbers where known.

    ``mark`` is the mark price when everything began, ``entry`` the average entry (USDT).
    """

    symbol: str
    side: str
    entry: Decimal | None
    mark: Decimal | None
    orders: dict[str, str] = field(default_factory=dict)


def sides_of(steps: Sequence[Step]) -> list[ClosedSide]:
    """Return what was asked to be closed, by symbol and side; marks are the first that were read.

    What was refused outright is left out: it has no fills, and there may be hundreds of it.
    """
    found: dict[tuple[str, str], ClosedSide] = {}
    for step in steps:
        if step.step == "close":
            _take_close(found, step.more)
        elif step.step == "answer":
            for side in found.values():
                _take_answer(side, step.more)
    return [found[key] for key in sorted(found)]


def _take_close(found: dict[tuple[str, str], ClosedSide], more: Mapping[str, Any]) -> None:
    symbol, side = str(more.get("symbol")), str(more.get("side"))
    entry, mark = (_decimal(more.get(name)) for name in ("entry", "mark"))
    closed = found.setdefault((symbol, side), ClosedSide(symbol, side, entry, mark))
    closed.mark = mark if closed.mark is None else closed.mark
    params = more.get("params")
    if isinstance(params, Mapping):
        closed.orders.setdefault(str(params.get("newClientOrderId")), "")


def _take_answer(side: ClosedSide, more: Mapping[str, Any]) -> None:
    name = str(more.get("id"))
    if more.get("void") is True:
        side.orders.pop(name, None)
    elif name in side.orders and more.get("order"):
        side.orders[name] = str(more["order"])


async def read_closes(wire: Wire, steps: Sequence[Step]) -> list[Row]:
    """Return a row for each side that was closed; a figure that cannot be read within ``PRICES_S`` is None.

    ``pnl`` is the exchange's realised one before ``fees`` (USDT), ``slippage`` what the close price was worse than the
    mark when everything began, times the quantity (USDT; negative: better).
    """
    rows = await asyncio.gather(*(_read_side(wire, side) for side in sides_of(steps)))
    return [row for row in rows if row is not None]


async def _read_side(wire: Wire, side: ClosedSide) -> Row | None:
    fills: list[Mapping[str, Any]] = []
    try:
        async with asyncio.timeout(PRICES_S):
            for name, number in side.orders.items():
                more = await _fills(wire, side.symbol, name, number)
                if more is None:  # nor can a sum be told
                    return _row(side, None)
                fills += more
    except TimeoutError:
        return _row(side, None)
    return _row(side, fills)


async def _fills(wire: Wire, symbol: str, name: str, number: str) -> list[Mapping[str, Any]] | None:
    """Return the fills of an order; None where they cannot be read, none of one that the exchange never had."""
    try:
        if not number:
            reply = await wire.repeat(*query_regular(symbol, name), Need.LOOK_UP)
            if not reply.ok:
                return [] if reply.code < 0 else None
            number = str(figures.whole(reply.body["orderId"]))
        params = {"symbol": venue_symbol(symbol), "orderId": number}
        found = await wire.read(endpoints.TRADES, params, Need.LOOK_UP)
        return [row for row in found if str(row["orderId"]) == number]
    except (ExchangeError, *MALFORMED):
        return None


def _row(side: ClosedSide, fills: Sequence[Mapping[str, Any]] | None) -> Row | None:
    """Return a side's row; None for one of which nothing was executed."""
    blank = dict.fromkeys(("qty", "close_price", "pnl", "fees", "slippage", "slippage_pct"))
    told = {
        "symbol": side.symbol,
        "side": side.side,
        "entry_price": _text(side.entry),
        "mark": _text(side.mark),
    }
    if fills is None:
        return {**told, **blank}
    if not fills:
        return None
    try:
        with exact():
            return {**told, **_figures(side, fills)}
    except MALFORMED:
        return {**told, **blank}


def _figures(side: ClosedSide, fills: Sequence[Mapping[str, Any]]) -> Row:
    qty = sum((figures.number(row["qty"]) for row in fills), ZERO)
    value = sum((figures.number(row["qty"]) * figures.number(row["price"]) for row in fills), ZERO)
    price = quotient_at_8(value, qty, "ROUND_HALF_EVEN")
    worse = None
    if side.mark is not None:
        worse = side.mark * qty - value if side.side == "long" else value - side.mark * qty
    pct = None
    if worse is not None and side.mark:
        pct = quotient_at_8(worse * 100, side.mark * qty, "ROUND_HALF_EVEN")
    return {
        "qty": plain(qty),
        "close_price": plain(price),
        "pnl": plain(sum((figures.number(row["realizedPnl"]) for row in fills), ZERO)),
        "fees": plain(sum((figures.number(row["commission"]) for row in fills), ZERO)),
        "slippage": _text(worse),
        "slippage_pct": _text(pct),
    }


def going_on(steps: Sequence[Step], since: int) -> list[Step]:
    """Return the rows of a close-all that began then (real clock, UTC ms), with those of an engine that was at it already."""
    asked = {step.pid for step in steps if step.wall >= since and step.role == ENGINE}
    before: list[Step] = []
    for step in steps:
        if step.wall >= since or step.role != ENGINE or step.pid not in asked:
            continue
        before = [] if step.step in ("done", "failed") else [*before, step]
    return [*before, *(step for step in steps if step.wall >= since)]


def seen_in(steps: Sequence[Step]) -> str:
    """Say what was read whole last, by whomever, and which closes since are not known to be taken; "" where no row tells."""
    words, closes = "", dict[tuple[str, str], tuple[str, str]]()
    for step in steps:
        more = step.more
        if step.step == "read" and not more.get("strange"):
            names = ", ".join(str(name) for name in more.get("open") or ())
            words = f"read whole last at {iso(int(more.get('begun') or step.wall))}: {names or 'nothing'}"
            closes.clear()
        elif step.step == "close":
            params = more.get("params")
            asked = params if isinstance(params, Mapping) else {}
            symbol, side = str(more.get("symbol")), str(more.get("side"))
            text = f"{symbol} {side} {asked.get('quantity', '')}"
            closes[symbol, side] = (str(asked.get("newClientOrderId")), text)
        elif step.step == "answer" and more.get("ok") is True:
            closes = {key: one for key, one in closes.items() if one[0] != more.get("id")}
    undone = ", ".join(text for _, text in closes.values())
    said = [words, f"closes not known to be taken: {undone}" if undone else ""]
    return "; ".join(filter(None, said))


FIRSTS = ("taken", "fence", "read", "cancel", "close")


def times_of(steps: Sequence[Step], begun: int) -> list[Row]:
    """Return when what was done: seconds after ``begun`` (real clock, UTC ms) of the first or last row of each kind.

    The end is called proved only where it is.
    """
    at: dict[str, int] = {}
    for step in steps:
        if step.step in FIRSTS:
            at.setdefault(
                f"first {step.step}" if step.step in ("read", "cancel", "close") else step.step,
                step.wall,
            )
        elif step.step == "answer":
            at["last close accepted"] = step.wall
        elif step.step == "result":
            end, other = ("proved", "ended") if step.more.get("code") == 0 else ("ended", "proved")
            at.pop(other, None)  # of another close-all at the same time
            at[end] = step.wall
    ordered = sorted(at.items(), key=lambda item: item[1])
    return [{"step": name, "at_s": round((wall - begun) / 1000, 3)} for name, wall in ordered]


def _decimal(value: object) -> Decimal | None:
    try:
        return None if value is None else figures.number(str(value))
    except MALFORMED:
        return None


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
