"""The account at an exchange that a run trades: its key, the one wire for prices and orders, and the broker.

Prices and orders share the wire: a ban, the budget of requests and the exchange's clock are the same for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tradebot.app.connect import wire_to
from tradebot.broker.account_view import AccountPicture, read_picture, read_wallet
from tradebot.broker.baseline_reader import read_moved
from tradebot.broker.binance import BinanceBroker
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import ExchangeError, UsageError
from tradebot.guard.account_lock import AccountLock, account_dir
from tradebot.guard.keys import NAMES, Account, find_key
from tradebot.guard.lock import Traded
from tradebot.wire.api_key import ApiKey
from tradebot.wire.client import Wire
from tradebot.wire.hosts import Hosts, find_hosts

if TYPE_CHECKING:
    from tradebot.app.standstill import Standstill


@dataclass(frozen=True, slots=True)
class Access:
    """The way to an account: where it is, and the key that opens it. ``url`` as in ``Traded``."""

    hosts: Hosts
    api_key: ApiKey
    url: str = ""

    @property
    def environment(self) -> str:
        """Whether it is Demo Trading's, or one with real money: demo or live."""
        return self.hosts.environment

    @property
    def fingerprint(self) -> str:
        """What names the account on this machine: that of its key."""
        return self.api_key.fingerprint

    @property
    def traded(self) -> Traded:
        """The account as the note of who works on it has it."""
        hosts = self.hosts
        demo = (
            (hosts.rest, hosts.stream) if self.environment == "demo" and not self.url else ("", "")
        )
        return Traded(self.environment, hosts.host, self.fingerprint, self.url, *demo)

    def wire(self, clock: Clock = SYSTEM) -> Wire:
        """Return connections that sign with the key; nothing is connected yet."""
        return wire_to(self.hosts, clock, self.api_key)


def find_access(environment: str, url: str = "", demo: tuple[str, str] = ("", "")) -> Access:
    """Return the way to an account, at ``url`` (a venue on this machine) or at Binance; ``demo`` are Demo Trading's hosts.

    UsageError where there is no key to it.
    """
    account: Account = "demo" if environment == "demo" else "live"
    found = find_key(account)
    if found is None:
        key, secret = NAMES[account]
        option = " --demo" if environment == "demo" else ""
        raise UsageError(
            f"there is no key to the {environment} account",
            hint=f"tradebot keys set{option}, or set {key} and {secret} (or {key}_FILE and {secret}_FILE)",
            key=key,
        )
    return Access(find_hosts(account, url, *demo), found.api_key, url)


def look_at(access: Access, symbols: Sequence[str], clock: Clock = SYSTEM) -> AccountPicture:
    """Return an account as the exchange has it; settings and fees of ``symbols`` too. ExchangeError where it cannot be read."""

    async def ask() -> AccountPicture:
        async with access.wire(clock) as wire:
            await wire.measure()
            return await read_picture(wire, symbols)

    return asyncio.run(ask())


class TradedAccount:
    """An account at work: ``async with`` it as long as the run lives. ``standstill`` is its run's, once one is hosted.

    With ``countdown`` no entry rests without the exchange's countdown.
    """

    def __init__(
        self,
        access: Access,
        wire: Wire,
        symbols: Sequence[str],
        leverage: int = 1,
        *,
        countdown: bool = False,
    ) -> None:
        self.access = access
        self.wire = wire
        self.broker = BinanceBroker(wire, symbols, leverage)
        self.broker.countdowns.wanted = countdown
        self.standstill: Standstill | None = None

    @property
    def latch_dir(self) -> Path:
        """The directory of the account's own HALT file."""
        return account_dir(self.access.fingerprint)

    def lock(self) -> AccountLock:
        """Return the account's lock, for an engine."""
        return AccountLock(self.access.traded)

    async def __aenter__(self) -> Self:
        """Open the wire."""
        await self.wire.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the wire."""
        await self.wire.__aexit__(kind, error, trace)

    async def read_wallet(self) -> Decimal:
        """Return what the account's wallet holds (USDT): what a run that begins starts with.

        Raises ExchangeError where it cannot be read, or holds nothing.
        """
        await self.wire.measure()
        wallet = await read_wallet(self.wire)
        if wallet <= 0:
            raise ExchangeError(
                f"the wallet of the {self.access.environment} account holds no USDT",
                hint="a run needs some to start with: transfer it, or fund the demo account on its page",
            )
        return wallet

    async def read_moved(self, since: int, booked: Container[str] = ()) -> Decimal:
        """Return what came in from a time on (UTC ms) and is no result, less what went out (USDT); ExchangeError if unread.

        Lines that were ``booked`` are left out.
        """
        return await read_moved(self.wire, since, booked)
