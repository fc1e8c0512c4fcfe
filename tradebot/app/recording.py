"""Putting on record what no engine says: a backtest, a person's word. No engine may run meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

from tradebot import __version__
from tradebot.app.build import timeframe_of
from tradebot.app.lookahead import LookaheadVerdict, check_lookahead
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.errors import DataError, RefusedError
from tradebot.core.model.events import MarketEvent
from tradebot.core.model.money import plain
from tradebot.core.model.values import DAY_MS, Bar
from tradebot.guard.lock import InstanceLock
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import BacktestRecorded, Told
from tradebot.journal.paths import journal_path
from tradebot.journal.rows import Head
from tradebot.journal.writer import Journal
from tradebot.market.files.feed import FileFeed
from tradebot.plugins.evidence import evidence_of
from tradebot.plugins.strategies import StrategySpec

_CHUNK = 1 << 20


def put_on_record(
    data_dir: Path,
    make: Callable[[Head], Sequence[Told]],
    why: str,
    clock: Clock = SYSTEM,
) -> Head:
    """Write rows into a directory's journal and publish the chain's head, which is returned.

    ``make`` is given the head before them. Raises AlreadyRunningError while an engine holds the journal, JournalError where it cannot be written.
    """

    async def write() -> Head:
        key = AuditKey.load(data_dir)
        async with await Journal.open(journal_path(data_dir), key=key, clock=clock) as journal:
            facts = make(journal.head)
            return await journal.tell(facts, why, clock.wall_ms())

    with InstanceLock(data_dir, why):
        return asyncio.run(write())


def look_ahead(
    config: Config,
    load: Callable[[], StrategySpec],
    feed: FileFeed,
    steps: Iterator[Sequence[MarketEvent]],
    files: Sequence[Path],
) -> tuple[LookaheadVerdict, dict[str, Decimal]]:
    """Return what the look-ahead check says of a feed's steps, and by symbol how many days their bars cover."""
    bars: Counter[str] = Counter()

    def counted() -> Iterator[Sequence[MarketEvent]]:
        for step in steps:
            bars.update(event.symbol for event in step if isinstance(event, Bar))
            yield step

    interval = feed.interval
    verdict = check_lookahead(load, counted(), interval, timeframe_of(config, interval), files)
    return verdict, {symbol: Decimal(bars[symbol] * interval) / DAY_MS for symbol in sorted(bars)}


def backtest_row(
    config: Config,
    spec: StrategySpec,
    files: Sequence[Path],
    seen: tuple[LookaheadVerdict, Mapping[str, Decimal]],
    summary: Mapping[str, object],
    evidence: str,
    *,
    weak_key: bool = False,
) -> BacktestRecorded:
    """Return the row of a backtest: what it was of, over which data, how it came out, what the check found.

    ``evidence`` is the hash as it was loaded; RefusedError where it is another one by now.
    """
    verdict, days = seen
    if evidence_of(spec, config.strategy.timeframe, config.market.symbols).hash != evidence:
        raise RefusedError(
            "the strategy's files have changed while it ran: nothing was put on record",
            hint="leave them alone, and run it again",
        )
    return BacktestRecorded(
        evidence=evidence,
        strategy=spec.name,
        files=tuple((file.name, file_hash(file)) for file in sorted(files)),
        spans=tuple((symbol, plain(_down(count))) for symbol, count in days.items()),
        findings=tuple(finding.text for finding in verdict.findings),
        signals=verdict.signals,
        summary=json.dumps(summary, sort_keys=True, default=str),
        version=__version__,
        weak_key=weak_key,
    )


def _down(days: Decimal) -> Decimal:
    return days.quantize(Decimal("0.0001"), ROUND_DOWN)


def file_hash(file: Path) -> str:
    """Return the sha256 (hex) of a file; DataError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(file)) from None
    return digest.hexdigest()
