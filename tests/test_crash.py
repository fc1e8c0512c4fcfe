"""kill -9 at named points of a paper run: whatever comes back is the run that was never killed."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradebot.core.model.errors import JournalError
from tradebot.core.model.events import Command, RunStarted
from tradebot.core.model.money import exact
from tradebot.core.state.portfolio import Portfolio
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.verify import Finding, verify
from tradebot.journal.view import as_json

ROOT = Path(__file__).resolve().parents[1]
HARNESS = Path(__file__).parent / "kits" / "crash_harness.py"

START = 1_736_143_200_000
"""2025-01-06T06:00Z, hours away from the blackout."""

BARS = 420
SWEEP = 12
"""Passings of one point that the full sweep kills at, spread evenly."""

Kill = tuple[str, int]

FULL = os.environ.get("TRADEBOT_FULL") == "1"


@dataclass(frozen=True)
class Scene:
    """An input: what to run, and how small its commits are."""

    words: tuple[str, ...]
    batch: int


@dataclass(frozen=True)
class Straight:
    """The run that nobody killed, and how often it passed each point."""

    scene: Scene
    evidence: dict[str, Any]
    passed: Counter[str]


def klines(path: Path, price: float, seed: int) -> Path:
    """Write minutes of a price that swings enough to trade often."""
    draw = random.Random(seed)
    lines = []
    for i in range(BARS):
        drift = 0.0012 if (i // 35) % 2 else -0.0012
        close = price * (1 + drift + draw.gauss(0, 0.0009))
        high = max(price, close) * (1 + abs(draw.gauss(0, 0.0005)))
        low = min(price, close) * (1 - abs(draw.gauss(0, 0.0005)))
        opened = START + i * 60_000
        volume = draw.uniform(5, 60)
        lines.append(f"{opened},{price:.2f},{high:.2f},{low:.2f},{close:.2f},{volume:.3f}")
        price = close
    path.write_text("\n".join(lines) + "\n")
    return path


FAST = ("--param", "fast=3", "--param", "slow=9")


@pytest.fixture(scope="module", params=["sim", "files", "resting"])
def straight(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Straight:
    folder = tmp_path_factory.mktemp(request.param)
    btc = klines(folder / "BTCUSDT-1m.csv", 98_000.0, 1)
    eth = klines(folder / "ETHUSDT-1m.csv", 3_600.0, 2)
    scene = {
        "sim": Scene(("--for", "150m", "--seed", "7", *FAST), 700),
        "files": Scene((str(btc), str(eth), *FAST), 60),
        "resting": Scene((str(btc), str(eth), *FAST, "--set", "execution.entry=limit"), 90),
    }[request.param]
    data_dir = folder / "straight"
    tally = folder / "tally.json"
    done = play(scene, data_dir, ("none", 0), tally)
    assert done.returncode == 0, done.stderr
    found = evidence(data_dir)
    assert found["summary"]["completed_trades"] >= 3
    return Straight(scene, found, Counter(json.loads(tally.read_text())))


def play(
    scene: Scene, data_dir: Path, kill: Kill, tally: Path = Path(os.devnull)
) -> subprocess.CompletedProcess[str]:
    """Run the real command, killed at the k-th passing of a point."""
    point, k = kill
    command = [sys.executable, str(HARNESS), point, str(k), str(scene.batch), str(tally), "--"]
    paper = ["paper", *scene.words, "--speed", "max", "--headless", "--json"]
    words = [*paper, "--set", "risk.profile=paper", "--data-dir", str(data_dir)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, *words], capture_output=True, text=True, env=env, check=False, timeout=120
    )


def survive(straight: Straight, data_dir: Path, kills: Sequence[Kill]) -> int:
    """Start again after each kill until the run has ended; return how many kills took place."""
    scene = straight.scene
    count = 0
    for kill in kills:
        done = play(scene, data_dir, kill)
        assert "Traceback" not in done.stderr
        if done.returncode == 0:
            break  # it ended before it came to that point
        if ended(data_dir):
            count += 1
            break  # killed after its end was written
        assert done.returncode == -signal.SIGKILL, done.stderr
        count += 1
        assert damage(data_dir) == []
    else:
        done = play(scene, data_dir, ("none", 0))
        assert done.returncode == 0, done.stderr
    differences = list(compare(evidence(data_dir), straight.evidence, ""))
    assert not differences, f"after {kills}: {differences[:5]}"
    return count


def ended(data_dir: Path) -> bool:
    """Whether the run has ended: what starts after that is another one."""
    try:
        with Reader(data_dir / "tradebot.db") as reader:
            return any(run.state == "ended" for run in reader.runs())
    except JournalError:  # killed before there was a journal
        return False


def damage(data_dir: Path) -> list[Finding]:
    """What ``db verify`` would find; nothing where there is no journal yet."""
    key = AuditKey.find(data_dir) if data_dir.exists() else None
    try:
        Reader(data_dir / "tradebot.db").close()
    except JournalError:
        return []
    assert key is not None
    return verify(data_dir / "tradebot.db", key)


TABLES = {
    "signals": {"wall"},
    "trades": {"wall"},
    "equity": {"seq", "wall"},
    "funding": {"seq", "wall"},
    "halts": {"seq", "wall"},
    "orders": {"wall"},
}


def evidence(data_dir: Path) -> dict[str, Any]:
    """Everything a run leaves behind that must not depend on kills."""
    path = data_dir / "tradebot.db"
    key = AuditKey.find(data_dir)
    assert key is not None
    assert verify(path, key) == []
    with Reader(path) as reader:
        (run,) = reader.runs()  # never a second one
        assert run.state == "ended"
        assert run.error is None
        logged = list(reader.events(run.id))
        assert [event.seq for event in logged] == list(range(1, len(logged) + 1))
        state = reader.state(run.id)
        assert state is not None
        session = state.body["session"]
        assert session["engine"]["portfolio"]["cash"] == session["exchange"]["cash"]
        agree_on_positions(session)
        events = [e for e in logged if not isinstance(e.event, RunStarted | Command)]
        session.pop("events", None)  # each start is one more
        used = session["exchange"]["used"]
        session["exchange"]["used"] = sorted(name for names in used.values() for name in names)
        assert run.summary is not None
        summary = {k: v for k, v in run.summary.items() if "latency" not in k}
        found = {
            "run": run.id,
            "summary": summary,
            "session": session,
            "cursor": state.body["cursor"],
            "first": state.body["first"],
            "events": [(e.at, e.exchange_time, repr(e.event)) for e in events],
        }
        for table, aside in TABLES.items():
            rows = getattr(reader, table)(run.id)
            found[table] = [
                {k: v for k, v in as_json(row).items() if k not in aside} for row in rows
            ]
    tidy = nameless(found)
    assert isinstance(tidy, dict)
    return tidy


def agree_on_positions(session: dict[str, Any]) -> None:
    """The engine's ledger and the simulated account hold the same quantities at the same entry."""
    stored = session["engine"]["portfolio"]
    portfolio = Portfolio(Decimal(stored["start"]), tuple(stored["accounts"]))
    with exact():
        portfolio.restore(stored)
    account = session["exchange"]["positions"]
    for symbol in stored["accounts"]:
        qty, entry = map(Decimal, account.get(symbol, ("0", "0")))
        holding = portfolio.holding(symbol)
        assert holding.qty == qty
        assert not qty or holding.entry == entry


def compare(have: Any, want: Any, where: str) -> Iterator[str]:
    """Name every place where two pieces of evidence differ."""
    if isinstance(have, dict) and isinstance(want, dict) and have.keys() == want.keys():
        for key in have:
            yield from compare(have[key], want[key], f"{where}/{key}")
    elif isinstance(have, list) and isinstance(want, list) and len(have) == len(want):
        for i, (one, other) in enumerate(zip(have, want, strict=True)):
            yield from compare(one, other, f"{where}/{i}")
    elif have != want:
        yield f"{where}: {str(have)[:200]} instead of {str(want)[:200]}"


def nameless(found: dict[str, Any]) -> Any:
    """Take instance and nonce out of order ids: each start has its own."""
    text = re.sub(r"tb[a-z0-9]{6}-[0-9a-f]{8}", "tb", json.dumps(found))
    return json.loads(re.sub(r'"instance": "[a-z0-9]{6}"', '"instance": ""', text))


def chances(straight: Straight, per_point: int) -> list[Kill]:
    """Kills spread evenly over the passings of each point, the first and the last included."""
    kills = []
    for point, total in sorted(straight.passed.items()):
        count = min(per_point, total)
        ks = {1 + i * (total - 1) // max(1, count - 1) for i in range(count)}
        kills += [(point, k) for k in sorted(ks)]
    return kills


@pytest.mark.parametrize("seed", range(2 if FULL else 1))
def test_a_chain_of_kills_changes_nothing(straight: Straight, tmp_path: Path, seed: int) -> None:
    draw = random.Random(f"{straight.scene.words[-1]} {seed}")
    # a run that goes on passes fewer points than a whole one: kill in its first part, again and again
    middle = [(point, max(1, k // 4)) for point, k in chances(straight, 6)]
    kills = [draw.choice(middle) for _ in range(2)] + [("warm", 20)]
    assert survive(straight, tmp_path / "data", kills) >= 1


BIRTH = ("lock", "migrate", "begin_run.before", "begin_run.after", "statement", "COMMIT")


def test_killed_before_its_first_commit_it_begins_again(straight: Straight, tmp_path: Path) -> None:
    kills = [(point, 1) for point in BIRTH]
    assert (
        survive(straight, tmp_path / "data", kills[: 6 if straight.scene.batch == 60 else 2]) >= 2
    )


def test_killed_while_it_ends(straight: Straight, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert survive(straight, data_dir, [("end_run.before", 1)]) == 1


@pytest.mark.full
def test_every_point(straight: Straight, tmp_path: Path) -> None:
    kills = chances(straight, SWEEP)
    total = 0
    for n, kill in enumerate(kills):
        again = ("resume_run.before", "resume_run.after", "warm")[n % 3]
        total += survive(straight, tmp_path / str(n), [kill, (again, 1)])
    print(f"{total} kills at {len(straight.passed)} points")  # noqa: T201 - the sweep's count
    assert total >= len(kills)
