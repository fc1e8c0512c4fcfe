"""A resting entry is met by the price: whether the market comes to it by itself is chance, and no disaster waits for that."""

from __future__ import annotations

from decimal import Decimal

from tradebot.app.drill.local import LocalVenue, Row
from tradebot.app.drill.oracle import OURS
from tradebot.core.model.facts import INSTRUMENTS

PAST = 2
"""Ticks by which the other side passes an entry: one fills it, one is lost in rounding."""


def met(venue: LocalVenue, symbol: str) -> bool:
    """Whether an entry of ours on a symbol (``BTC/USDT``) has filled and none rests; the price comes to one that does.

    Prices move by no more than that takes, and the venue fills it as it fills any: what is ahead in the queue first.
    """
    rows = [row for row in venue.state()["orders"] if _is_entry(row, symbol)]
    for row in rows:
        bid, ask = venue.touch(row["symbol"])
        tick = INSTRUMENTS[symbol].tick
        venue.act("move_price", symbol=row["symbol"], percent=_percent(row, bid, ask, tick))
    return not rows and any(_is_ours(row["client"]) for row in venue.rows("fill"))


def _is_entry(row: Row, symbol: str) -> bool:
    ours = row["symbol"] == symbol.replace("/", "") and _is_ours(row["clientOrderId"])
    return ours and not row["reduceOnly"]


def _is_ours(client: str) -> bool:
    return client.startswith(OURS)


def _percent(row: Row, bid: Decimal, ask: Decimal, tick: Decimal) -> str:
    """Return by how many percent prices move until the other side's touch is past a limit; 0 where it is: it is told again."""
    level = Decimal(row["price"])
    if row["side"] == "BUY":
        share = min(level - PAST * tick, ask) / ask
    else:
        share = max(level + PAST * tick, bid) / bid
    return f"{(share - 1) * 100:.12f}"


__all__ = ["met"]
