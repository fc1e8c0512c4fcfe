"""Fingerprints of what a run decided: signals, orders, fills.

Two runs that saw the same bars have the same three hashes, whatever mode they ran in. Ids, wall
clock and receive times are left out. Each hash is a chain, ``h = sha256(h + line)``, so its state
is its value and survives a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from tradebot.core.effects import Effect, FillBooked, Place, SignalJudged
from tradebot.core.money import plain


class Digest:
    """The three hashes, as hex text; empty text before the first line."""

    __slots__ = ("fills", "orders", "signals")

    def __init__(self) -> None:
        self.signals = ""
        self.orders = ""
        self.fills = ""

    def take(self, effect: Effect) -> None:
        """Add what the effect says to the hash it belongs to, if any."""
        match effect:
            case SignalJudged():
                self.signals = _chain(self.signals, _signal_parts(effect))
            case Place(approved):
                o = approved.order
                parts = (o.symbol, o.side, o.type, plain(o.qty), o.price, o.trigger, o.tif)
                self.orders = _chain(self.orders, (*parts, o.reduce_only, o.purpose))
            case FillBooked(fill=f):
                line = (
                    f.symbol,
                    f.side,
                    plain(f.qty),
                    plain(f.price),
                    plain(f.fee),
                    f.maker,
                    f.time,
                )
                self.fills = _chain(self.fills, line)
            case _:
                pass

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


def _signal_parts(s: SignalJudged) -> Sequence[object]:
    return (
        s.at,
        s.symbol,
        s.side,
        repr(s.confidence),
        s.price,
        s.stop,
        s.target,
        s.verdict,
        *s.refusals,
    )


def _chain(before: str, parts: Sequence[object]) -> str:
    line = "|".join("" if part is None else str(part) for part in parts)
    return sha256(f"{before}\n{line}".encode()).hexdigest()
