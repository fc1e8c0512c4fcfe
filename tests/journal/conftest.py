"""A journal in a fresh directory; and ``journal_samples`` importable (test folders are no packages)."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tradebot.journal.audit import AuditKey
from tradebot.journal.writer import Journal

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tradebot.db"


@pytest_asyncio.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(path, key=AuditKey(b"k" * 32, "file"))
    yield opened
    await opened.close()
