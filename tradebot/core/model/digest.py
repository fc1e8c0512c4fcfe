"""Fingerprints of what a run decided: signals, orders, fills.

Two runs that saw the same bars have the same three hashes, whatever mode they ran in. Ids, wall
clock and receive times are left out. Each hash is a chain, ``h = sha256(h + line)``, so its state
is its value and survives a restart. It is worked out when somebody asks: an order does not wait for it.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from hashlib import sha256

from tradebot.core.model.effects import Effect, FillBooked, Place, SignalJudged
from tradebot.core.model.money import plain
from tradebot.core.model.values import Fill, Order

MOST_WAITING = 512
"""Effects that wait to be added; a day of trading by people's limits has fewer."""

Saying = SignalJudged | Place | FillBooked
"""The effects that belong to a hash."""
_SAYING = (SignalJudged, Place, FillBooked)


class Digest:
    """The three hashes, as hex text; empty text before the first line."""

    __slots__ = ("_hashes", "_waiting")

    def __init__(self) -> None:
        self._hashes = {"signals": "", "orders": "", "fills": ""}
        self._waiting: deque[Saying] = deque()

    def take(self, effect: Effect) -> None:
        """Add what the effect says to the hash it belongs to, if any."""
        if isinstance(effect, _SAYING):
            self._waiting.append(effect)
            if len(self._waiting) >= MOST_WAITING:
                self._catch_up()

    def _catch_up(self) -> None:
        waiting = self._waiting
        while waiting:
            effect = waiting[0]
            if isinstance(effect, SignalJudged):
                self._chain("signals", signal_line(effect))
            elif isinstance(effect, Place):
                self._chain("orders", order_line(effect.approved.order))
            else:
                self._chain("fills", _fill_line(effect.fill))
            waiting.popleft()  # only now: what cannot be added is not left out at the next try

    def _chain(self, name: str, line: str) -> None:
        text = f"{self._hashes[name]}\n{line}"
        self._hashes[name] = sha256(text.encode()).hexdigest()

    def hashes(self) -> dict[str, str]:
        """Return the three hashes by name."""
        self._catch_up()
        return dict(self._hashes)

    def restore(self, hashes: dict[str, str]) -> None:
        """Go on from earlier hashes."""
        self._waiting.clear()
        self._hashes = {name: hashes[name] for name in self._hashes}


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
