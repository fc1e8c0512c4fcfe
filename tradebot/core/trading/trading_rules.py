"""The venue's trading rules, which can change while a run goes on: filters, margin tiers, fees, what trades at all."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

from tradebot.core.model.effects import Notify
from tradebot.core.model.events import RulesRead
from tradebot.core.model.values import Fees, Instrument, Tier
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.shared import Shared


class TradingRules:
    """Takes over what has changed: entries that work are cancelled, and exits keep to the new rules.

    While a position is open its symbol has no further entry anyhow.
    """

    def __init__(self, shared: Shared, exits: Exits) -> None:
        self._shared = shared
        self._exits = exits

    def take(self, event: RulesRead) -> None:
        """Hold every symbol to the rules that were read."""
        shared = self._shared
        for instrument in event.instruments:
            book = shared.books.get(instrument.symbol)
            if book is not None and instrument != book.instrument:
                self._change(book, instrument)
        idle = dict(event.idle)
        for book in shared.books.values():
            self._note_idle(book, idle.get(book.symbol, ""))
        if event.fees is not None:
            self._take_fees(event.fees)

    def _change(self, book: InstrumentState, instrument: Instrument) -> None:
        shared = self._shared
        names = ", ".join(
            name for name in _NAMES if getattr(instrument, name) != getattr(book.instrument, name)
        )
        book.instrument = instrument
        shared.cancel_entries("the trading rules have changed", (book.symbol,))
        text = f"the exchange has changed the rules of {book.symbol}: {names}"
        shared.out.append(Notify(shared.now, "warning", text))

    def _note_idle(self, book: InstrumentState, status: str) -> None:
        """Note that a symbol does not trade, or does again; what is held is closed while that is possible."""
        shared = self._shared
        if status and not book.idle:
            shared.warn(f"{book.symbol} does not trade any more ({status}): no entries; closing")
            shared.cancel_entries("it does not trade", (book.symbol,))
        book.idle = status
        if status:
            self._exits.close(book, "not_trading")

    def _take_fees(self, fees: Fees) -> None:
        """Reckon with the larger of the account's rates and the configured ones."""
        shared = self._shared
        told = Fees(max(fees.maker, shared.least.maker), max(fees.taker, shared.least.taker))
        if told != shared.fees:
            shared.set_fees(told)
            percent = " / ".join(f"{rate * 100:f} %" for rate in (told.maker, told.taker))
            text = f"fees are reckoned with at {percent} (maker / taker)"
            shared.out.append(Notify(shared.now, "info", text))

    def export_state(self) -> dict[str, Any]:
        """Return rules and fees as JSON values."""
        shared = self._shared
        return {
            "instruments": {name: _texts(b.instrument) for name, b in shared.books.items()},
            "fees": [str(shared.fees.maker), str(shared.fees.taker)],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        for name, texts in state.get("instruments", {}).items():
            self._shared.books[name].instrument = _instrument(name, texts)
        if "fees" in state:
            maker, taker = map(Decimal, state["fees"])
            self._shared.set_fees(Fees(maker, taker))


_TIERS, _ORDERS = "tiers", "max_orders"
_NAMES = [item.name for item in fields(Instrument)]
_NUMBERS = [n for n in _NAMES if n not in ("symbol", _TIERS, _ORDERS)]


def _texts(instrument: Instrument) -> dict[str, Any]:
    tiers = [
        [str(t.floor), str(t.cap), t.max_leverage, str(t.rate), str(t.cum)]
        for t in instrument.tiers
    ]
    numbers = {name: str(getattr(instrument, name)) for name in _NUMBERS}
    return {**numbers, _ORDERS: instrument.max_orders, _TIERS: tiers}


def _instrument(symbol: str, texts: dict[str, Any]) -> Instrument:
    tiers = tuple(
        Tier(Decimal(floor), Decimal(cap), leverage, Decimal(rate), Decimal(cum))
        for floor, cap, leverage, rate, cum in texts[_TIERS]
    )
    numbers = {name: Decimal(texts[name]) for name in _NUMBERS}
    return Instrument(symbol=symbol, max_orders=texts[_ORDERS], tiers=tiers, **numbers)
