"""Gets market data from Binance into files of its archive's layout; what is there already is not asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tradebot.app.connect import wire_to
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import UsageError
from tradebot.core.model.times import EPOCH
from tradebot.core.strategy.resample import timeframe_ms
from tradebot.market.binance import archive
from tradebot.market.binance.archive import ArchiveFile, ArchiveKind
from tradebot.market.binance.rest import Rest
from tradebot.wire.hosts import Hosts

Progress = Callable[[float, str], None]
"""Told of the share that is done, 0 to 1, and of what is being read."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: days from ``first`` to ``last``, both included (UTC); ``folder`` is the archive's root."""

    symbols: tuple[str, ...]
    kind: ArchiveKind
    timeframe: str
    first: date
    last: date
    folder: Path


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What became of one file: ``state`` is new, kept (it was there, whole) or empty (nothing of it exists)."""

    file: Path
    rows: int
    state: str


def download(
    wanted: Wanted, hosts: Hosts, progress: Progress, clock: Clock = SYSTEM
) -> list[Downloaded]:
    """Bring every file that is missing or damaged; whole ones stay as they are.

    Raises ExchangeError where Binance cannot be asked or refuses, UsageError for days that are not over,
    DataError and TradebotError where a file cannot be written: what was complete stays, and need not be read again.
    """
    return asyncio.run(_download(wanted, hosts, progress, clock))


async def _download(
    wanted: Wanted, hosts: Hosts, progress: Progress, clock: Clock
) -> list[Downloaded]:
    async with wire_to(hosts, clock) as wire:
        await wire.measure()
        _check_days(wanted, wire.time.now())
        rest = Rest(wire, timeframe_ms(wanted.timeframe))
        files = [
            file
            for symbol in wanted.symbols
            for file in archive.files_of(
                symbol, wanted.kind, wanted.timeframe, wanted.first, wanted.last
            )
        ]
        done: list[Downloaded] = []
        for file in files:

            def tell(share: float, name: str = file.name) -> None:
                progress((len(done) + share) / len(files), name)

            done.append(await _bring(file, wanted.folder / file.path, rest, tell))
        return done


def _check_days(wanted: Wanted, now: int) -> None:
    today = (EPOCH + timedelta(milliseconds=now)).date()
    if wanted.last >= today:
        raise UsageError(
            f"{wanted.last} is not over on the exchange, where it is {today}",
            hint=f"ask for days up to {today - timedelta(days=1)}",
            key="--to",
        )
    if wanted.first > wanted.last:
        raise UsageError(
            f"{wanted.first} comes after {wanted.last}",
            hint="give the earlier day first",
            key="--from",
        )


async def _bring(
    file: ArchiveFile, path: Path, rest: Rest, progress: Callable[[float], None]
) -> Downloaded:
    progress(0.0)
    if archive.is_whole(path):
        return Downloaded(path, archive.count_rows(path), "kept")
    if file.kind == "funding":
        rates = await rest.raw_funding(file.symbol, file.start_ms, file.end_ms)
        rows: Sequence[Any] = rates
        csv = archive.funding_csv(rates)
    else:
        rows = await rest.raw_klines(
            file.symbol, file.start_ms, file.end_ms, mark=file.kind == "mark", progress=progress
        )
        csv = archive.kline_csv(rows)
    if not rows:
        return Downloaded(path, 0, "empty")
    archive.store(path, csv)
    return Downloaded(path, len(rows), "new")
