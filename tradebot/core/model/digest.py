"""Fingerprints of what a run decided: signals, orders, fills.

Two runs that saw the same bars have the same three hashes, whatever mode they ran in. Ids, wall
clock and receive times are left out. Each hash is a chain, ``h = sha256(h + line)``, so its state
is its value and survives a restart.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256

from tradebot.core.model.effects import Effect, FillBooked, Place, SignalJudged
from tradebot.core.model.money import plain
from tradebot.core.model.values import Fill, Order


class Digest:
    """The three hashes, as hex text; empty text before the first line."""

    __slots__ = ("fills", "orders", "signals")

    def __init__(self) -> None:
        self.signals = ""
        self.orders = ""
        self.fills = ""

    def take(self, effect: Effect) -> None:
        """Add what the effect says to the hash it belongs to, if any."""
        kind = type(effect)  # most effects belong to none: this is asked for each of them
        if kind is SignalJudged:
            self.signals = _chain(self.signals, signal_line(effect))  # type: ignore[arg-type]
        elif kind is Place:
            self.orders = _chain(self.orders, order_line(effect.approved.order))  # type: ignore[union-attr]
        elif kind is FillBooked:
            self.fills = _chain(self.fills, _fill_line(effect.fill))  # type: ignore[union-attr]

    def hashes(self) -> dict[str, str]:
        """Return the three hashes by name."""
        return {"signals": self.signals, "orders": self.orders, "fills": self.fills}

    def restore(self, hashes: dict[str, str]) -> None:
        """Go on from earlier hashes."""
        self.signals, self.orders, self.fills = (
            hashes["signals"],
            hashes["orders"],
            hashes["fills"],
        )


def signal_line(s: SignalJudged) -> str:
    """Return what a signal adds to the fingerprint."""
    line = f"{s.at}|{s.symbol}|{s.side}|{s.confidence!r}|{s.price}|{_text(s.stop)}|{_text(s.target)}|{s.verdict}"
    return f"{line}|{'|'.join(s.refusals)}" if s.refusals else line


def order_line(o: Order) -> str:
    """Return what an order adds to the fingerprint."""
    prices = f"{_text(o.price)}|{_text(o.trigger)}"
    return (
        f"{o.symbol}|{o.side}|{o.type}|{plain(o.qty)}|{prices}|{o.tif}|{o.reduce_only}|{o.purpose}"
    )


def _fill_line(f: Fill) -> str:
    amounts = f"{plain(f.qty)}|{plain(f.price)}|{plain(f.fee)}"
    return f"{f.symbol}|{f.side}|{amounts}|{f.maker}|{f.time}"


def _text(price: Decimal | None) -> str:
    return "" if price is None else str(price)


def _chain(before: str, line: str) -> str:
    return sha256(f"{before}\n{line}".encode()).hexdigest()
