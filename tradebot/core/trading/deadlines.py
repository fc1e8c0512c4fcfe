"""One timer for everything that is to be asked or told again: unanswered orders, exits, stops, the account."""

from __future__ import annotations

from tradebot.core.trading.accounts import Accounts
from tradebot.core.trading.answers import Answers
from tradebot.core.trading.cash_lines import CashLines
from tradebot.core.trading.countdowns import Countdowns
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.protection import Protection
from tradebot.core.trading.shared import Shared

ORDERS = "orders"
"""The timer's key."""


class Deadlines:
    """Has the engine woken when something is due; ``alarm`` is for when (UTC ms), 0 for not yet."""

    def __init__(
        self,
        shared: Shared,
        exits: Exits,
        protection: Protection,
        answers: Answers,
        accounts: Accounts,
        cash: CashLines,
        countdowns: Countdowns,
    ) -> None:
        self._shared = shared
        self._exits = exits
        self._protection = protection
        self._answers = answers
        self._accounts = accounts
        self._cash = cash
        self._countdowns = countdowns
        self.alarm = 0

    def wake(self) -> None:
        """Ask and tell again what has waited long enough; give up waiting for what has waited too long."""
        self.alarm = 0
        for tracked in self._shared.table.wake():
            self._answers.react_to_unknown(tracked)
        self._answers.blame_strangers()
        self._answers.check_ledger()
        self._cash.wake()
        self._accounts.wake()
        for book in self._shared.books.values():
            self._protection.wake(book)
            self._exits.pursue(book)

    def set_alarm(self) -> None:
        """Ask for a wake-up at the next deadline, where it is another one than before."""
        shared = self._shared
        due = min(shared.table.due(), self._accounts.due(), self._cash.due())
        due = min(due, self._countdowns.due())
        for book in shared.books.values():
            if book.closing or book.holding.qty or book.bare_since or shared.table.shorts:
                due = min(due, self._protection.due(book), self._exits.due(book))
        due = max(due, shared.now + 1)
        if due != self.alarm:
            self.alarm = due
            shared.wake_at(ORDERS, due)
