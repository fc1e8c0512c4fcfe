"""Journals made by the real engine, for the screens to show."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kits.tui_kit import NOW, START, fly, haunt

from tradebot.guard.lock import InstanceLock


@pytest.fixture(scope="session")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a seeded paper run, interrupted with a position open; its chance is frozen."""
    return _made(tmp_path_factory.mktemp("flown"), fly)


@pytest.fixture(scope="session")
def haunted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a seeded ghost run, interrupted with a hypothetical trade open."""
    return _made(tmp_path_factory.mktemp("haunted"), haunt)


def _made(path: Path, make: Callable[[Path], None]) -> Path:
    """Let a run be made in this directory without chance, and at the tests' own time."""
    (path / "instance").write_text("abc123\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secrets.token_hex", lambda size: "c0ffee00"[: 2 * size])
        make(path)
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
def ghost_dir(haunted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the ghost's: the directory ``ghosts`` of the current one."""
    shutil.copytree(haunted, tmp_path / "ghosts")
    monkeypatch.chdir(tmp_path)
    return Path("ghosts")


@pytest.fixture
def live_dir(data_dir: Path) -> Iterator[Path]:
    """The same as if its engine ran, and had just written: this process holds the lock."""
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
        db.execute("UPDATE runs SET state = 'running', ended = NULL")
    with InstanceLock(data_dir):
        yield data_dir
