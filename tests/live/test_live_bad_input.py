"""What is wrong beside a live run, each in one line with the way out: files, locks, and an engine that cannot be ended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kits.demo_kit import demo_venue
from kits.disaster_kit import QUIET, XRP, scene, stop
from kits.live_run_kit import MORNING, check, failed, live_bot

from tradebot.app.rehearsal import HALTED, _hold
from tradebot.guard.latch import HALT_FILE, halt_present, read_halts
from tradebot.journal.snapshots import Links
from tradebot.journal.status import is_silent
from tradebot.wire import endpoints

UNKILLABLE = """
import os
def kill(pid, number):
    raise PermissionError("not yours")
os.kill = kill
from tradebot.__main__ import main
raise SystemExit(main())
"""


@pytest.mark.parametrize("content", ["", "no json", "{", '["row"]', "\x00\xff", '{"kind": 7}'])
def test_a_halt_that_cannot_be_read_is_one(tmp_path: Path, content: str) -> None:
    (tmp_path / HALT_FILE).write_bytes(content.encode("latin-1"))
    assert halt_present(tmp_path)
    read_halts(tmp_path)
    assert _hold((tmp_path,), endpoints.ORDER) == HALTED


def test_nor_need_it_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "a" / HALT_FILE).mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / HALT_FILE).symlink_to(tmp_path / "nowhere")
    (tmp_path / "c").write_text("where a directory should be")
    for place in ("a", "b", "c"):
        assert halt_present(tmp_path / place), place
        assert read_halts(tmp_path / place) == []
        assert _hold((tmp_path / place,), endpoints.ORDER) == HALTED


@pytest.mark.parametrize(
    ("ages", "silent"),
    [
        ({"mark": 400, "book": 9_000, "account": None}, False),
        ({"mark": 10_001, "book": 12_000, "account": 5}, True),
        ({"mark": None, "book": 10_000}, False),
        ({"mark": None, "book": None, "account": 5}, True),
        ({"account": 60_000}, False),
        (None, False),
    ],
)
def test_running_needs_prices(ages: dict[str, int | None] | None, silent: bool) -> None:
    shown: Any = SimpleNamespace(links=None if ages is None else Links(ages))
    assert is_silent(shown) is silent
    assert not is_silent(None)


@pytest.mark.slow
def test_one_engine_a_directory_and_no_key_in_what_is_said(tmp_path: Path) -> None:
    """Live where paper runs: 5. A HALT of nonsense beside the lock: FAIL. Nothing is sent, no secret shown."""
    with demo_venue(tmp_path, MORNING) as venue:
        bot = live_bot(tmp_path, venue)
        other = live_bot(tmp_path, venue, "other")
        try:
            bot.engine()
            done = bot.json("live", "--headless", code=5)
            assert "an engine already runs" in done.error["message"]
            assert done.error["hint"]
            other.data_dir.mkdir()
            (other.data_dir / HALT_FILE).write_text("nonsense")
            looked = check(other, code=4)
            assert "halt" in failed(looked)
            said = done.out + done.err + looked.out + looked.err
            assert venue.key not in said
            assert venue.secret not in said
            assert {row["method"] for row in venue.rows("request")} <= {"GET"}
        finally:
            bot.clean_up()


@pytest.mark.full
@pytest.mark.slow
def test_an_engine_that_cannot_be_ended_is_named(tmp_path: Path) -> None:
    """It hangs and is another user's: everything is closed all the same, and 6 says which process is left."""
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        stop(engine)
        words = ["close-all", "--json", "--data-dir", str(it.bot.data_dir)]
        done = subprocess.run(
            [sys.executable, "-c", UNKILLABLE, *words],
            env=it.bot._env(it.exchange),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 6, done.stderr + done.stdout
        error = json.loads(done.stdout)["error"]
        assert f"process {engine.pid} is another user's and could not be ended" in error["message"]
        assert "end that process" in error["hint"]
        assert it.flat()


@pytest.mark.full
@pytest.mark.slow
def test_a_wrong_key_cannot_tell_that_nothing_remains(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        for name in ("KEY", "SECRET"):
            planted = f"{name.lower()}Planted{'z' * 50}"
            data = it.close_all(code=6, **{f"TRADEBOT_BINANCE_DEMO_{name}": planted})
            assert "cannot be told" in data["error"]["message"]
            assert "nothing" not in data["error"]["message"]
            assert planted not in json.dumps(data)
        assert not it.flat()
