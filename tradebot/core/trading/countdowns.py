"""The venue's own clock on entries that rest: it cancels them should this process fall silent.

A countdown cancels all regular orders of its symbol, whoever sent them. So it runs only while an entry of ours rests,
and never while an order of somebody else is known to be there.
"""

from __future__ import annotations

from collections.abc import Sequence

from tradebot.core.model.effects import Countdown
from tradebot.core.state.exit_pace import FAR
from tradebot.core.trading.shared import Shared

COUNTDOWN_MS = 30_000
"""So long after the last word of this process the venue cancels what rests."""
RENEW_MS = 10_000

OTHERS = ("foreign", "instance")
"""Halts that say that somebody else trades on the account."""


class Countdowns:
    """Starts, renews and calls off; ``told`` is when each symbol's was last asked for (UTC ms).

    Where they are not ``wanted`` (any more), those that an earlier process asked for are called off.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        execution = shared.execution
        self.wanted = shared.outside and execution.countdown and execution.entry == "limit"
        self.told: dict[str, int] = {}

    def heed(self) -> None:
        """Ask for what is due, now that an event has been dealt with."""
        shared, now = self._shared, self._shared.now
        resting = self._resting()
        for symbol in resting:
            if now >= self.told.get(symbol, -RENEW_MS) + RENEW_MS:
                self.told[symbol] = now
                shared.out.append(Countdown(symbol, COUNTDOWN_MS))
        for symbol in [name for name in self.told if name not in resting]:
            del self.told[symbol]
            shared.out.append(Countdown(symbol, 0))

    def _resting(self) -> dict[str, None]:
        """Return the symbols with an entry that may rest; none while somebody else trades, nor where none is wanted."""
        shared = self._shared
        if not self.wanted or any(reason in shared.halts.reasons for reason in OTHERS):
            return {}
        return dict.fromkeys(each.order.symbol for each in shared.table.entries.values())

    def due(self) -> int:
        """Return when the next is to be renewed (UTC ms); ``FAR`` for never."""
        return min(self.told.values(), default=FAR - RENEW_MS) + RENEW_MS

    def export_state(self) -> list[str]:
        """Return the symbols whose countdown runs as JSON values."""
        return list(self.told)

    def restore(self, state: Sequence[str]) -> None:
        """Take over ``export_state``'s values; what runs was not asked for by this process, and is asked for anew."""
        self.told = dict.fromkeys(state, 0)
