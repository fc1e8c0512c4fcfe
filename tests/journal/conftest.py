"""A journal in a fresh directory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tradebot.journal.audit import AuditKey
from tradebot.journal.writer import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "tradebot.db"


@pytest_asyncio.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(path, key=AuditKey(b"k" * 32, "file"))
    yield opened
    await opened.close()
