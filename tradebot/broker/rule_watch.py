"""Keeps the exchange's trading rules: read at the start and hourly, the account's fees daily."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradebot.broker.account_reader import AccountReader
from tradebot.broker.figures import MALFORMED
from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.events import Event, VenueNote
from tradebot.wire.client import Wire

EACH_S = 3600.0
"""Seconds between two readings."""
A_DAY = 24
"""Readings from one of the fees to the next."""
AGAIN_S = 30.0
"""Seconds until what failed is read again."""


class RuleWatch:
    """Tells the rules again and again; ``known`` says that they were read once: before that no entry leaves."""

    def __init__(self, wire: Wire, reader: AccountReader, tell: Callable[[Event], None]) -> None:
        self.known = False
        self._wire = wire
        self._reader = reader
        self._tell = tell
        self._reads = 0

    async def keep(self) -> None:
        """Read until cancelled; what goes wrong is told and read again."""
        while True:
            await self._wire.sit_out()
            try:
                await self._read()
                await asyncio.sleep(EACH_S)
            except (ExchangeError, *MALFORMED) as error:
                said = error.message if isinstance(error, ExchangeError) else repr(error)
                self._tell(VenueNote(self._reader.now, "trading rules", said))
                await asyncio.sleep(AGAIN_S)

    async def _read(self) -> None:
        self._tell(await self._reader.rules(fees=self._reads % A_DAY == 0))
        self.known = True
        self._reads += 1
