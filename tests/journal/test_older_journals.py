"""A journal that an older version wrote is brought up to date, and stays what it was."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from pathlib import Path

from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.schema import MIGRATIONS
from tradebot.journal.verify import verify
from tradebot.journal.writer import Journal

KEY = AuditKey(hashlib.sha256(b"6b" * 32).digest(), "test")
SCHEMA_4 = Path(__file__).parent / "schema-4.db.gz"
"""A paper run over 900 bars of the embedded market, seven trades; written by schema 4."""


def restored(folder: Path) -> Path:
    path = folder / "tradebot.db"
    path.write_bytes(gzip.decompress(SCHEMA_4.read_bytes()))
    return path


async def reopened(path: Path) -> None:
    async with await Journal.open(path, key=KEY):
        pass


def test_old_trades_say_that_nobody_knows(tmp_path: Path) -> None:
    path = restored(tmp_path)
    asyncio.run(reopened(path))
    assert verify(path, KEY) == []
    with Reader(path) as reader:
        (run,) = reader.runs()
        trades = reader.trades(run.id)
        assert len(trades) == 7
        for trade in trades:
            told = (trade.mae, trade.mfe, trade.decision_price, trade.slippage)
            assert (*told, trade.stop, trade.target, trade.risk) == (None,) * 7
            assert trade.strategy_hash == run.strategy_hash
    assert MIGRATIONS[-1].version > 4
