"""Starts the loopback venue: market feeds, clock and account file wired to it, until somebody ends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from random import SystemRandom
from typing import Any, Literal

from tradebot.clock import SYSTEM
from tradebot.core.model.errors import DataError, TradebotError, UsageError
from tradebot.core.model.events import MarketEvent
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.times import iso
from tradebot.core.model.values import MINUTE_MS, Bar, Instrument
from tradebot.market.embedded.market import SimulatedMarket
from tradebot.market.files.feed import FileFeed, open_files
from tradebot.venue.account_file import load_account
from tradebot.venue.clock import WallClock
from tradebot.venue.core import Venue
from tradebot.venue.errors import VenueError
from tradebot.venue.path import BarFeed
from tradebot.venue.prices import PriceFeed
from tradebot.venue.recording import RecordingFeed
from tradebot.venue.rules import load_rules
from tradebot.venue.script import COLUMNS, ScriptFeed, read_script
from tradebot.venue.server import LOOPBACK, Server
from tradebot.venue.settings import AccountScript, Settings, make_key

HISTORY_MINUTES = 500
"""Minutes of the embedded market's past that ``klines`` can show at the start."""
FILE_HISTORY = 300
"""Bars of a file that become the past where the venue does not stand inside the file."""

Ending = Literal["time", "terminated", "interrupted"]
Tell = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class VenueSetup:
    """What ``tradebot venue`` was asked for. ``start`` is venue time (UTC ms) or None for now."""

    files: tuple[Path, ...] = ()
    market: str = "sim"
    recording: Path | None = None
    faults: Path | None = None
    account: Path | None = None
    ledger: Path | None = None
    symbols: tuple[str, ...] | None = None
    seed: int = 1
    host: str = LOOPBACK
    port: int = 0
    start: int | None = None
    duration_ms: int | None = None


def run_venue(setup: VenueSetup, tell: Tell) -> Ending:
    """Run a venue until its time is over or a signal ends it. UsageError before anything was opened."""
    try:
        return asyncio.run(_run(setup, tell))
    except DataError as error:
        raise _usage(error) from None


async def _run(setup: VenueSetup, tell: Tell) -> Ending:
    _check_host(setup.host)
    ended = _hear_signals()
    clock = WallClock(0 if setup.start is None else setup.start - SYSTEM.wall_ms())
    script = _account(setup.account)
    feed = open_feed(setup, clock.now(), _listed(script))
    _check_symbols(script, feed)
    settings = replace(Settings(seed=setup.seed, account=script), **script.options)
    venue = Venue(feed, clock, settings, ledger=setup.ledger, timed=True)
    rules = [] if setup.faults is None else load_rules(setup.faults, venue.reach)
    server = Server(venue, setup.port)
    try:
        _start(venue)
        await server.start()
        _begin_ledger(venue, setup.ledger)
        for rule in rules:
            venue.faults.add(rule)
        tell(_opening(venue, server))
        venue.ledger.listen(tell)
        _flush_often(venue)
        if setup.duration_ms is not None:
            due = venue.clock.now() + setup.duration_ms
            venue.clock.call_at(due, lambda: _end(ended, "time"))
        return await ended
    finally:
        await server.stop()
        venue.stop()


def _account(path: Path | None) -> AccountScript:
    """Return the account's start; key and secret are made anew at every start unless given."""
    script = AccountScript(margin_type="isolated") if path is None else load_account(path)
    rng = SystemRandom()
    return replace(script, key=script.key or make_key(rng), secret=script.secret or make_key(rng))


def _start(venue: Venue) -> None:
    """Let prices move and put on the account what its script has; UsageError for what cannot be there."""
    try:
        venue.start()
    except VenueError as refusal:
        raise UsageError(
            f"the account's script cannot be put on it: {refusal.code} {refusal.msg}",
            key="--account",
            hint="change the order or the leverage, or the prices it meets",
        ) from None


def _check_host(host: str) -> None:
    if host not in (LOOPBACK, "localhost"):
        raise UsageError(
            f"{host} is not this machine's loopback address",
            hint=f"the venue opens {LOOPBACK} only: give --port a number",
            key="--port",
        )


def _begin_ledger(venue: Venue, path: Path | None) -> None:
    """Begin the record's file, once nothing else can fail: an earlier record outlives a start that fails."""
    try:
        venue.ledger.begin()
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}",
            file=str(path),
            key="--ledger",
            hint="name a file in a directory that exists",
        ) from None


def _listed(script: AccountScript) -> dict[str, Instrument]:
    """All symbols that can have prices: the known ones and those the account makes up."""
    return INSTRUMENTS | {listing.symbol: listing.instrument for listing in script.made_up}


def _check_symbols(script: AccountScript, feed: PriceFeed) -> None:
    """Refuse account rows of symbols that have no prices, and a leverage that one of those has not."""
    shown = {symbol.replace("/", "") for symbol in feed.symbols}
    rows = [("positions", row.name) for row in script.positions]
    rows += [("orders", row.name) for row in script.orders]
    rows += [("leverages", name) for name in script.leverages]
    rows += [("margin_types", name) for name in script.margin_types]
    for key, name in rows:
        if name not in shown:
            raise UsageError(
                f"{name} has no prices here", key=key, hint=f"there are {', '.join(sorted(shown))}"
            )
    listed = _listed(script)
    for symbol in feed.symbols:
        most = listed[symbol].tiers[0].max_leverage
        if script.leverage > most:
            hint = f"{symbol} allows {most} at most: write [leverages] for the others"
            raise UsageError(f"{script.leverage} is too high", key="leverage", hint=hint)


def _usage(error: TradebotError) -> UsageError:
    return UsageError(
        error.message, hint=error.hint, file=error.file, line=error.line, key=error.key
    )


def _opening(venue: Venue, server: Server) -> dict[str, Any]:
    return {
        "at": venue.clock.now(),
        "kind": "started",
        "url": server.url,
        "key": venue.credentials.key,
        "secret": venue.credentials.secret,
        "market": venue.feed.label,
        "symbols": list(venue.feed.symbols),
        "time": iso(venue.clock.now()),
        "config": ["[exchange]", 'environment = "demo"', f'url = "{server.url}"'],
    }


def _hear_signals() -> asyncio.Future[Ending]:
    """Return what is told of the first signal that ends the venue."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Ending] = loop.create_future()
    loop.set_exception_handler(lambda loop, context: _hear_failure(loop, context, ended))
    loop.add_signal_handler(signal.SIGINT, _end, ended, "interrupted")
    loop.add_signal_handler(signal.SIGTERM, _end, ended, "terminated")
    loop.add_signal_handler(signal.SIGHUP, _end, ended, "terminated")
    return ended


def _hear_failure(
    loop: asyncio.AbstractEventLoop, context: dict[str, Any], ended: asyncio.Future[Ending]
) -> None:
    """End the venue where its prices end in bad data: the line that is wrong is said as at the start."""
    error = context.get("exception")
    if not isinstance(error, TradebotError):
        loop.default_exception_handler(context)
    elif not ended.done():
        ended.set_exception(error)


def _end(ended: asyncio.Future[Ending], how: Ending) -> None:
    if not ended.done():
        ended.set_result(how)


def _flush_often(venue: Venue) -> None:
    venue.ledger.flush()
    venue.clock.call_at(venue.clock.now() + 500, lambda: _flush_often(venue))


# Prices


def open_feed(
    setup: VenueSetup, now: int, listed: Mapping[str, Instrument] = INSTRUMENTS
) -> PriceFeed:
    """Return the price feed that was asked for, beginning at ``now`` (UTC ms)."""
    if setup.recording is not None:
        if setup.files:
            raise UsageError(
                "files and --recording at once", key="--recording", hint="give one of them"
            )
        return RecordingFeed(_existing(setup.recording), now)
    files = [_existing(path) for path in setup.files]
    if not files:
        return simulated_feed(setup.symbols or tuple(INSTRUMENTS), setup.seed, now)
    if len(files) == 1 and _is_script(files[0]):
        return ScriptFeed(read_script(files[0], listed), now, label=f"price script {files[0].name}")
    return file_feed(files, setup.symbols, now, aligned=setup.start is not None)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DataError("there is no such file", file=str(path), hint="check the path")
    return path


def _is_script(path: Path) -> bool:
    if path.suffix == ".gz":
        return False
    with path.open("rb") as file:
        return file.read(64).startswith(COLUMNS[0].encode())


def simulated_feed(symbols: Sequence[str], seed: int, now: int) -> BarFeed:
    """Return the embedded market, its clock set to ``now``, with its past behind it."""
    market = SimulatedMarket(symbols, seed, start=now - now % MINUTE_MS)

    def past() -> Iterator[Bar]:
        for step in market.history(HISTORY_MINUTES):
            yield from (event for event in step if isinstance(event, Bar))

    return BarFeed(market.label, _instruments(market.symbols), market.steps, history=past)


def file_feed(
    paths: Sequence[Path], symbols: Sequence[str] | None, now: int, *, aligned: bool
) -> BarFeed:
    """Return market data files as a feed that goes on from ``now``.

    ``aligned``: where ``now`` lies inside the files their times stay as they are, and what is before is
    the past. Else all times are shifted, and up to the first 300 bars are the past.
    """
    feed = open_files(paths, symbols)
    minute = now - now % MINUTE_MS
    steps = iter(feed.steps())
    if aligned and feed.first_time <= minute:
        past, rest = _before(steps, minute)
        if rest:
            return _bars(feed, past[-FILE_HISTORY:], lambda: chain([rest[0]], steps), 0)
        steps = iter(feed.steps())
    begun = list(islice(steps, 2 * FILE_HISTORY))
    count = FILE_HISTORY if len(begun) == 2 * FILE_HISTORY else len(begun) // 2
    shift = minute - _time(begun[count])
    return _bars(feed, begun[:count], lambda: chain(begun[count:], steps), shift)


def _bars(
    feed: FileFeed,
    past: Sequence[Sequence[MarketEvent]],
    steps: Callable[[], Iterable[Sequence[MarketEvent]]],
    shift: int,
) -> BarFeed:
    history = [event for step in past for event in step if isinstance(event, Bar)]
    instruments = _instruments(feed.symbols)
    return BarFeed(feed.label, instruments, steps, history=lambda: history, shift=shift)


def _before(
    steps: Iterator[Sequence[MarketEvent]], moment: int
) -> tuple[list[Sequence[MarketEvent]], list[Sequence[MarketEvent]]]:
    """Return the steps before a moment, and the first one that is not (none when there is none)."""
    past: list[Sequence[MarketEvent]] = []
    for step in steps:
        if _time(step) >= moment:
            return past, [step]
        past.append(step)
    return past, []


def _time(step: Sequence[MarketEvent]) -> int:
    first = step[0]
    return first.open_time if isinstance(first, Bar) else first.at


def _instruments(symbols: Sequence[str]) -> dict[str, Instrument]:
    unknown = [symbol for symbol in symbols if symbol not in INSTRUMENTS]
    if unknown:
        raise UsageError(
            f"{unknown[0]} is not listed here",
            key="--symbols",
            hint=f"symbols are {', '.join(INSTRUMENTS)}",
        )
    return {symbol: INSTRUMENTS[symbol] for symbol in symbols}
