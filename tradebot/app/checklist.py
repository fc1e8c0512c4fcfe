"""The checklist before real money: every line has a place and a name, is ok or FAIL, and says the way out.

It only reads. The lines are the doctor's where the doctor asks the same; how a start judges one is in the line itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradebot.app import live_checks
from tradebot.app.doctor import examine_here
from tradebot.app.doctor_exchange import ask_account
from tradebot.app.finding import Row, Status
from tradebot.app.ours import Ours, read_ours
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.errors import ExchangeError, TradebotError
from tradebot.core.model.money import plain
from tradebot.wire.reply import UNASKED

if TYPE_CHECKING:
    from tradebot.app.account import Access
    from tradebot.broker.account_view import AccountPicture
    from tradebot.plugins.strategies import StrategySpec
    from tradebot.wire.client import Wire

SECTIONS = ("here", "key", "account", "symbols", "state", "gates")
"""The places of the checklist, in the order in which they are told."""

GATES = (
    *(
        "backtest",
        "paper",
        "testnet",
        "stability",
        "ghost",
        "parity",
        "drill",
        "walls",
        "reviewers",
    ),
)
"""What a strategy has to have shown, as lines."""

_PLACES: Mapping[str, Sequence[str]] = {
    "here": (
        *(
            "enabled",
            "profile",
            "readiness",
            "python",
            "terminal",
            "data dir",
            "config",
            "database",
        ),
        *("lock", "key lock", "halt", "disk", "clock", "audit key", "strategy", "fsync"),
        *("exchange", "connection", "exchange clock"),
    ),
    "key": ("key", "key rights"),
    "account": (
        "account",
        "portfolio margin",
        "position mode",
        "assets mode",
        "credits",
        "fee burn",
        "equity",
        "free margin",
        "position limit",
        "elsewhere",
    ),
    "symbols": ("symbol", "symbols", "leverage", "auto margin", "foreign orders", "feed"),
    "state": ("journal", "reconcile", "unknown orders", "side file", "baselines"),
    "gates": ("gates", "stage", "supervision", "review", "approved loss", *GATES),
}
_PLACE_OF = {check: place for place, checks in _PLACES.items() for check in checks}
CHECKS = tuple(_PLACE_OF)
"""Every line there can be, by name."""

MINUTE_S = 60.0
"""The exchange counts requests by the minute of its clock."""
LAG_S = 2.0
MOST_WAITS = 1

AWAY = "exchange"
"""The line that says whether the exchange answers."""


@dataclass(frozen=True, slots=True)
class Checklist:
    """All lines of a check. ``ours`` is what is open by the journal, ``open`` what is open by whatever tells, in words.

    ``seen`` is the account as it was read; None where it could not be.
    """

    rows: tuple[Row, ...]
    ours: Ours
    open: tuple[str, ...] = ()
    seen: AccountPicture | None = None

    @property
    def failed(self) -> list[Row]:
        """The lines that forbid a start."""
        return [row for row in self.rows if row.for_live == "fail"]

    @property
    def is_away(self) -> bool:
        """Whether the exchange could not be asked: it was not reached, or the requests of this minute are used up."""
        unread = any(row.check in (AWAY, "account") for row in self.failed) and self.seen is None
        return unread or any(UNASKED in row.detail for row in self.failed)

    @property
    def is_used_up(self) -> bool:
        """Whether a line failed only because the requests of this minute are used up; a ban is longer."""
        return any(UNASKED in row.detail and "banned" not in row.detail for row in self.failed)

    def lines(self) -> Iterator[tuple[str, Row, Status]]:
        """Yield place, line and how a start judges it, in the order of the places."""
        for section in SECTIONS:
            for row in self.rows:
                if _PLACE_OF.get(row.check, "here") == section:
                    yield section, row, row.for_live

    def document(self) -> list[dict[str, Any]]:
        """Return the lines as JSON values."""
        return [
            {"place": place, **row.document(), "status": status}
            for place, row, status in self.lines()
        ]

    def why_not(self) -> str:
        """Name the lines that failed, with what was seen."""
        return "; ".join(f"{row.check}: {row.detail}" for row in self.failed)


def go_through(config: Config, spec: StrategySpec, begun: Ours | None = None) -> Checklist:
    """Return the checklist of a live start. Nothing is changed, here or at the exchange; raises nothing expected.

    ``begun`` is what was open when this process began to protect it: then the locks are its own.
    """
    data_dir = config.data_dir()
    ours = read_ours(data_dir, config.exchange.environment) if begun is None else begun
    rows = [*live_checks.switches(config), *examine_here(config), *live_checks.sync_time(data_dir)]
    asked = _asked(config, spec, ours, data_dir)
    rows += asked.rows
    rows.append(live_checks.side_file(ours))
    rows += live_checks.tradable(rows)
    if begun is not None:
        rows = [_own(row) for row in rows]
    return Checklist(tuple(rows), ours, (*ours.open_here(), *asked.open), asked.seen)


def go_through_patiently(
    config: Config, spec: StrategySpec, told: Callable[[str], None], clock: Clock = SYSTEM
) -> Checklist:
    """Return the checklist as ``go_through`` does; once more where the requests of a minute did not suffice for it.

    ``told`` hears for how long is waited.
    """
    found = go_through(config, spec)
    for _ in range(MOST_WAITS):
        if not found.is_used_up:
            break
        seconds = until_turn(config.exchange.url, clock)
        told(f"the requests of this minute are used up: the checklist goes on in {seconds:.0f} s")
        clock.sleep(seconds)
        found = go_through(config, spec)
    return found


def until_turn(url: str, clock: Clock) -> float:
    """Return the seconds until the exchange counts requests anew.

    A venue of this machine (it has a ``url``) may have a clock of its own, whose minute ends at any second of ours: a whole one is waited.
    """
    begun = 0.0 if url else clock.wall_ms() / 1000 % MINUTE_S
    return MINUTE_S - begun + LAG_S


def _own(row: Row) -> Row:
    """Return a lock's line where this process holds it."""
    return Row(row.check, "ok", "held by this start") if row.check in ("lock", "key lock") else row


@dataclass(slots=True)
class _Asked:
    """What was asked by the key: lines, what is open of ours on the account, and the account."""

    rows: list[Row]
    open: list[str] = field(default_factory=list)
    seen: AccountPicture | None = None


def _asked(config: Config, spec: StrategySpec, ours: Ours, data_dir: Path) -> _Asked:
    from tradebot.app.account import find_access

    exchange = config.exchange
    if exchange.environment == "local":  # which account is meant is a line of its own
        return _Asked([])
    try:
        access = find_access(exchange.environment, exchange.url, exchange.demo)
    except TradebotError as error:
        return _Asked([Row("key", "fail", str(error), error.hint)])
    asked = _Asked([])
    rows = list(live_checks.locks(data_dir, access))

    async def more(wire: Wire, picture: AccountPicture) -> list[Row]:
        asked.open = ours.open_there(picture.holdings)  # whatever cannot be told of the rest
        try:
            asked.open += await _opened_by_us(wire, picture, ours, config.market.symbols)
        except ExchangeError as error:
            return [Row("account", "fail", str(error), error.hint)]
        asked.seen = picture
        return await _further(wire, picture, config, spec, ours)

    asked.rows = rows + ask_account(config, access, more)
    return asked


async def _opened_by_us(
    wire: Wire, picture: AccountPicture, ours: Ours, symbols: Sequence[str]
) -> list[str]:
    """Say which positions that nothing else tells of came from orders of ours: no journal, and no stop."""
    from tradebot.broker.opened_by import opened_by

    said = []
    for position in ours.naked(picture.holdings, symbols):
        if name := await opened_by(wire, position, ours.named):
            said.append(f"{position.symbol} {plain(position.qty)} (account: opened by {name})")
    return said


def real_money(config: Config) -> bool:
    """Whether an account with real money is meant: then every gate binds."""
    return config.exchange.environment == "live" and not config.exchange.url


async def _further(
    wire: Wire, picture: AccountPicture, config: Config, spec: StrategySpec, ours: Ours
) -> list[Row]:
    symbols = config.market.symbols
    return [
        *live_checks.margin(config, picture),
        *live_checks.others(ours, picture, symbols),
        *await live_checks.feed(wire, config, spec),
        *live_checks.agreement(ours, picture, symbols),
        await live_checks.unknown_orders(wire, ours),
        await live_checks.baselines(wire, symbols),
    ]


def need_access(config: Config) -> Access:
    """Return the way to the account to be traded; ConfigError where none is configured, UsageError without its key."""
    from tradebot.app.account import find_access
    from tradebot.core.model.errors import ConfigError

    exchange = config.exchange
    if exchange.environment == "local":
        raise ConfigError(
            'live trades an account, and environment is "local"',
            key="exchange.environment",
            hint='set it to "demo", or to "live" with the url of a venue on this machine',
        )
    return find_access(exchange.environment, exchange.url, exchange.demo)
