"""kill -9 in the middle of commits: nothing half, and the next start goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kits.journal_samples import KEY, T0, WALL, ask, new_run, quote, story

import tradebot
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Batch, RunResumed
from tradebot.journal.verify import verify
from tradebot.journal.writer import Journal

ROOT = Path(tradebot.__file__).parents[1]

# Commits number i carries 1 + i % 7 quotes, one story, and i as its state; every commit is told.
VICTIM = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from kits.journal_samples import KEY, T0, WALL, new_run, quote, story
from tradebot.journal.rows import Batch
from tradebot.journal.writer import Journal

async def main():
    journal = await Journal.open(Path(sys.argv[1]), key=KEY)
    run = await journal.begin_run(new_run(sys.argv[3]))
    i = 0
    while True:
        i += 1
        at = T0 + i * 600_000
        quotes = [quote(at)] * (1 + i % 7)
        await journal.commit(Batch(run, WALL, quotes, story(at), {"n": i}), full=i % 5 == 0)
        print(i, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.05, 0.11, 0.3])
async def test_kill_9_leaves_nothing_half(path: Path, delay: float) -> None:
    told = murder(path, delay)
    assert verify(path, KEY) == []
    with Reader(path) as reader:
        (run,) = reader.runs()
        assert run.state == "running"
        state = reader.state(run.id)
        assert state is not None
        done = state.body["n"]
        assert done >= told  # what was told stands; one more may
        assert len(list(reader.effects(run.id))) == done * len(story())
        assert len(reader.equity(run.id)) == done
        seqs = [event.seq for event in reader.events(run.id)]
        assert seqs == list(range(1, sum(1 + i % 7 for i in range(1, done + 1)) + 1))
        assert state.log_seq == len(seqs)
        assert state.audit_seq == ask(path, "SELECT max(seq) FROM audit")[0][0]
    async with await Journal.open(path, key=KEY) as journal:
        await journal.resume_run(run.id, RunResumed("again"), WALL)
        await journal.commit(Batch(run.id, WALL, [quote(T0 + 10**9)], story(), {"n": done + 1}))
        with Reader(path) as reader:
            assert reader.run(run.id).state == "running"
            assert list(reader.events(run.id))[-1].seq == len(seqs) + 1
        assert await journal.begin_run(new_run("other")) == "paper-0002"
    assert verify(path, KEY) == []


def murder(path: Path, delay: float) -> int:
    """Start a writer, kill it a moment after its first commit; return the last commit it told."""
    command = [sys.executable, "-c", VICTIM, str(path), str(Path(__file__).parents[1]), "n1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        first = victim.stdout.readline()
        time.sleep(delay)
        os.kill(victim.pid, signal.SIGKILL)
        lines = [first, *victim.stdout.readlines()]
    return int([line for line in lines if line.endswith("\n")][-1])
