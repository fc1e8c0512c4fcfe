"""Guarantee 17: close-all works with the engine alive, hung, stopped or dead, and without a usable database.

It covers what the bot did not open, of an engine on another directory with the same key too.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from kits.demo_kit import demo_bot, demo_words
from kits.disaster_kit import QUIET, XRP, scene, stop

from tradebot.guard.lock import lock_owner

pytestmark = pytest.mark.slow


def leave(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def die(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(60)


@pytest.mark.parametrize(
    ("meets", "how"),
    [
        (lambda _: None, "closed by the engine"),
        (leave, "no engine runs"),
        (die, "no engine runs"),
    ],
    ids=["alive", "stopped", "dead"],
)
def test_whatever_state_the_engine_is_in(
    tmp_path: Path, meets: Callable[[subprocess.Popen[str]], None], how: str
) -> None:
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        meets(engine)
        data = it.close_all()["data"]
        assert data["closed"] is True
        assert data["how"].startswith(how)
        assert it.flat()
        closers = {step.role for step in it.steps() if step.step == "close"}
        assert closers == {"engine" if "by the engine" in how else "command"}


def test_a_hung_engine_of_another_directory_is_ended_by_its_key(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        other = demo_bot(tmp_path, it.venue, "other")
        engine = other.start(*demo_words(it.venue, it.bot.strategy(QUIET)))
        try:
            it.bot.until(lambda: it.venue.asked("POST", "/fapi/v1/listenKey"))
            stop(engine)
            data = it.close_all()["data"]
            assert f"process {engine.pid}" in data["how"]
            assert engine.wait(60) == -signal.SIGKILL
            assert it.flat()
        finally:
            other.clean_up()


def test_without_a_usable_database(tmp_path: Path) -> None:
    """The journal is nonsense while the engine runs: it is asked by the HALT file, and answers there."""
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        stop(engine)
        for name in ("tradebot.db", "tradebot.db-wal", "tradebot.db-shm"):
            (it.bot.data_dir / name).write_bytes(b"nonsense " * 500)
        os.kill(engine.pid, signal.SIGCONT)
        assert it.close_all()["data"]["closed"] is True
        assert it.flat()


def test_a_holder_that_cannot_be_seen_is_named(tmp_path: Path) -> None:
    """In another container, say: everything is closed, and it is not called over."""
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        stop(engine)
        owner = lock_owner(it.bot.data_dir)
        assert owner is not None
        notes = [*it.folder.rglob("tradebot.pid"), *it.folder.rglob("engines/*.json")]
        assert len(notes) >= 3
        for note in notes:
            note.write_text(note.read_text().replace(str(owner.pid), "4194304"))
        document = it.close_all(code=6)
        assert "cannot be seen from here" in document["error"]["message"]
        assert it.flat()
