"""Journals made by the real engine, for the screens to show (test folders are no packages)."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tui_kit import NOW, START, fly

from tradebot.lock import InstanceLock


@pytest.fixture(scope="session")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a seeded paper run, interrupted with a position open; its chance is frozen."""
    path = tmp_path_factory.mktemp("flown")
    (path / "instance").write_text("abc123\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_hex", lambda size: "c0ffee00"[: 2 * size])
        fly(path)
    with closing(sqlite3.connect(path / "tradebot.db")) as db, db:
        db.execute("UPDATE runs SET started = ?, ended = ?", (START, NOW))
        db.execute("UPDATE snapshot SET wall = ?", (NOW - 300,))
    return path


@pytest.fixture
def data_dir(flown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it: the directory ``data`` of the current one."""
    shutil.copytree(flown, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return Path("data")


@pytest.fixture
def live_dir(data_dir: Path) -> Iterator[Path]:
    """The same as if its engine ran, and had just written: this process holds the lock."""
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
        db.execute("UPDATE runs SET state = 'running', ended = NULL")
    with InstanceLock(data_dir):
        yield data_dir
