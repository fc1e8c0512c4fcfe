"""Cash lines of the venue: each is booked once, and what is in a fill already is only held against it."""

from __future__ import annotations

from typing import Any

from tradebot.core.model.effects import CashBooked, FundingBooked, ReadBack
from tradebot.core.model.events import CashMoved, FundingPaid
from tradebot.core.state.exit_pace import FAR
from tradebot.core.state.order_table import ANSWER_MS, LEDGER_MS
from tradebot.core.trading.reactions import Reactions
from tradebot.core.trading.shared import Shared

TRANSFER = "transfer"


class CashLines:
    """Books funding and all other lines that no fill tells of.

    ``_missing`` are the trades that a line told of before their fill, with the symbol and since when; ``_asked_at`` is
    when their fills were last asked for (UTC ms).
    """

    def __init__(self, shared: Shared, reactions: Reactions) -> None:
        self._shared = shared
        self._reactions = reactions
        self._missing: dict[str, tuple[str, int, int]] = {}
        self._asked_at = 0

    def take_funding(self, event: FundingPaid) -> None:
        """Book funding once and hold the position to its limits."""
        shared = self._shared
        line = event.id or f"funding:{event.symbol}:{event.exchange_time}"
        if event.exchange_time <= shared.past:
            return
        if self._is_beyond_memory(line, event.exchange_time):
            return
        if not shared.portfolio.fund(event.symbol, event.exchange_time, event.amount, line):
            return
        shared.out.append(
            FundingBooked(
                *(shared.now, event.symbol, event.amount, event.rate, event.mark, event.qty),
                event.id,
            )
        )
        self._reactions.see_equity()
        book = shared.books.get(event.symbol)
        if book is not None and book.holding.qty:
            self._reactions.hold_to_limits(book)

    def take(self, event: CashMoved) -> None:
        """Book any other cash line once; one of a trade is in its fill."""
        shared = self._shared
        if event.exchange_time <= shared.past:
            return
        if event.trade_id:
            if not shared.portfolio.knows_trade(event.symbol, event.trade_id):
                self._expect(event)
            return
        if not self._is_beyond_memory(event.id, event.exchange_time):
            self.move(event)

    def move(self, line: CashMoved) -> None:
        """Book a line that belongs to no position, once."""
        shared = self._shared
        if not shared.portfolio.move(line.id, line.exchange_time, line.amount):
            return
        booked = (shared.now, line.id, line.kind, line.symbol, line.amount, line.exchange_time)
        shared.out.append(CashBooked(*booked))
        if line.kind == TRANSFER:
            self._reactions.shift(line.amount)
        self._reactions.see_equity()

    def _is_beyond_memory(self, line: str, time: int) -> bool:
        if not self._shared.portfolio.forgot_cash(line, time):
            return False
        text = f"cash line {line} is older than all that is remembered"
        self._shared.halt("ledger", f"{text}: nobody can say if it was booked")
        return True

    # -- fills that a line told of ---------------------------------------------------------------------

    def _expect(self, event: CashMoved) -> None:
        """A line of a trade we were not told of: its fill has been missed, or is on its way."""
        key = f"{event.symbol}:{event.trade_id}"
        if key not in self._missing:
            self._missing[key] = (event.symbol, event.trade_id, self._shared.now)
            self._ask(event.symbol, f"a commission tells of trade {event.trade_id}")

    def _ask(self, symbol: str, why: str) -> None:
        self._asked_at = self._shared.now
        self._shared.out.append(ReadBack(symbol, why))

    def wake(self) -> None:
        """Ask again for the fills that are missing; halt when one did not come in time."""
        shared, now = self._shared, self._shared.now
        for key, (symbol, trade_id, since) in tuple(self._missing.items()):
            if shared.portfolio.knows_trade(symbol, trade_id):
                del self._missing[key]
            elif now - since >= LEDGER_MS:
                del self._missing[key]
                text = f"trade {trade_id} on {symbol} was paid for and its fill not told"
                shared.halt("ledger", f"{text} in {LEDGER_MS // 1000} s")
        if now >= self._asked_at + ANSWER_MS:
            for symbol in dict.fromkeys(symbol for symbol, _, _ in self._missing.values()):
                self._ask(symbol, "a fill is missing")

    def due(self) -> int:
        """Return when ``wake`` next has something to do (UTC ms); ``FAR`` for never."""
        return self._asked_at + ANSWER_MS if self._missing else FAR

    def export_state(self) -> dict[str, Any]:
        """Return what is missing as JSON values."""
        missing = {key: list(values) for key, values in self._missing.items()}
        return {"missing": missing, "asked_at": self._asked_at}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over ``export_state``'s values."""
        self._missing = {key: (s, n, at) for key, (s, n, at) in state["missing"].items()}
        self._asked_at = state["asked_at"]
