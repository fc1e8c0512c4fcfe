"""The runner in process: commands, the HALT file, pace, and any sequence of kills between steps."""

from __future__ import annotations

import asyncio
import json
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradebot.app import runner as runner_module
from tradebot.app.build import make_session
from tradebot.app.host import PaperHost, Setup, opened
from tradebot.app.runner import Pace, Runner
from tradebot.config import load_config
from tradebot.core.model.effects import WakeAt
from tradebot.core.model.events import Event
from tradebot.core.model.money import exact
from tradebot.guard.latch import halt_present, write_halt
from tradebot.journal.audit import AuditKey
from tradebot.journal.commands import post_command, wait_command
from tradebot.journal.reader import Reader
from tradebot.journal.snapshots import Snapshot
from tradebot.journal.verify import verify
from tradebot.journal.view import as_json
from tradebot.market.feed import FileSource, SimulatedSource, Source, Step, step_time
from tradebot.market.files.feed import open_files
from tradebot.plugins.strategies import load_strategy

START = 1_736_143_200_000
BARS = 160
PARAMS = {"fast": 3, "slow": 9}


def klines(path: Path, price: float, seed: int, bars: int = BARS) -> Path:
    """Write minutes of a price that swings."""
    draw, lines = random.Random(seed), []
    for i in range(bars):
        close = price * (1 + (0.0015 if (i // 20) % 2 else -0.0015) + draw.gauss(0, 0.0008))
        high, low = max(price, close) * 1.0004, min(price, close) * 0.9996
        at = START + i * 60_000
        lines.append(f"{at},{price:.2f},{high:.2f},{low:.2f},{close:.2f},{draw.uniform(5, 50):.3f}")
        price = close
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    funding = folder / "BTCUSDT-fundingRate-2025-01.csv"
    funding.write_text(
        "calc_time,funding_interval_hours,last_funding_rate\n"
        f"{START + 7_200_000 + 4},8,0.00012000\n"
    )
    return [
        klines(folder / "BTCUSDT-1m.csv", 98_000, 3),
        klines(folder / "ETHUSDT-1m.csv", 3_600, 4),
        funding,
    ]


def make_setup(data_dir: Path, source: Source, **named: Any) -> Setup:
    flags = {"data.dir": str(data_dir)}
    config = load_config(None, {}, (), flags)
    spec = load_strategy("ema_cross", config.base_dir, PARAMS)
    return Setup(
        config, source, spec, Pace(named.pop("speed", None), named.pop("for_ms", None)), **named
    )


def file_source(files: Sequence[Path]) -> FileSource:
    return FileSource(open_files(files))


class Killed(BaseException):
    """What a kill between two steps is in process: nothing after it runs."""


async def play(setup: Setup, kill_after: int | None, batch: int) -> dict[str, Any] | None:
    """Run until the end or until so many steps are played; None if it was killed."""
    async with opened(setup) as (run, cursor):
        arm(run, kill_after, batch)
        try:
            ending = await run.main(cursor)
        except Killed:
            return None
    assert ending.state == "ended"
    summary = {k: v for k, v in ending.summary.items() if "latency" not in k}
    return {"hashes": ending.hashes, "summary": summary, "positions": ending.positions}


def arm(run: Runner, kill_after: int | None, batch: int) -> None:
    """Commit after every ``batch`` steps; die after the given number of them."""
    advance, attend = run.session.advance, run._attend
    count = 0

    def step(events: Step) -> None:
        nonlocal count
        if count == kill_after:
            raise Killed
        advance(events)
        count += 1

    async def look() -> bool:
        if count % batch == 0:
            await run._commit()
        return await attend()

    run.session.advance = step  # type: ignore[method-assign, assignment]
    run._attend = look  # type: ignore[method-assign]


async def survive(
    data_dir: Path, source: Callable[[], Source], kills: Sequence[int], batch: int, **named: Any
) -> dict[str, Any]:
    """Play a run to its end, killed again and again; return what it came to."""
    for kill in kills:
        found = await play(make_setup(data_dir, source(), **named), kill, batch)
        if found is not None:
            return found
    found = await play(make_setup(data_dir, source(), **named), None, batch)
    assert found is not None
    return found


def evidence(data_dir: Path) -> Any:
    """What is in the journal, without what each start has of its own."""
    key = AuditKey.find(data_dir)
    assert key is not None
    path = data_dir / "tradebot.db"
    assert verify(path, key) == []
    with Reader(path) as reader:
        (run,) = reader.runs()
        seqs = [event.seq for event in reader.events(run.id)]
        assert seqs == list(range(1, len(seqs) + 1))
        events = [repr(e.event) for e in reader.events(run.id)]
        events = [text for text in events if not text.startswith("RunStarted(")]
        tables = [
            [as_json(row) for row in reader.trades(run.id)],
            [as_json(row, "seq") for row in reader.equity(run.id)],
            [as_json(row) for row in reader.orders(run.id)],
        ]
    text = json.dumps([events, tables], default=str)
    return re.sub(r"tb[a-z0-9]{6}-[0-9a-f]{8}-", "tb-", text)


@settings(max_examples=5)
@given(
    kills=st.lists(st.integers(0, 200), max_size=6),
    batch=st.integers(1, 40),
)
def test_any_kills_between_steps_change_nothing(
    files: list[Path], kills: list[int], batch: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "one", Path(folder) / "other"
        straight = asyncio.run(survive(one, lambda: file_source(files), [], 1_000))
        assert straight["summary"]["completed_trades"] > 2
        killed = asyncio.run(survive(other, lambda: file_source(files), kills, batch))
        assert killed == straight
        assert evidence(other) == evidence(one)


@settings(max_examples=3)
@given(kills=st.lists(st.integers(0, 1_500), max_size=4), batch=st.integers(50, 700))
def test_any_kills_on_the_embedded_market(kills: list[int], batch: int) -> None:
    def source() -> Source:
        return SimulatedSource(["BTC/USDT", "ETH/USDT"], 11)

    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "one", Path(folder) / "other"
        straight = asyncio.run(survive(one, source, [], 10_000, for_ms=3_000_000))
        killed = asyncio.run(survive(other, source, kills, batch, for_ms=3_000_000))
        assert killed == straight
        assert evidence(other) == evidence(one)


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, BARS + 1), max_size=5))
def test_a_file_source_goes_on_exactly(files: list[Path], cuts: list[int]) -> None:
    whole = [repr(step) for step in file_source(files).steps()]
    seen: list[str] = []
    cursor: dict[str, Any] | None = None
    for cut in [*cuts, 10_000]:
        source = file_source(files)
        for taken, step in enumerate(source.steps(cursor)):
            if taken == cut:
                break
            seen.append(repr(step))
            cursor = json.loads(json.dumps(source.cursor()))
    assert seen == whole


async def test_a_step_in_hand_is_not_yet_past(files: list[Path], tmp_path: Path) -> None:
    """While the runner waits for a step's time, the journal must say that it is still to come."""
    setup = make_setup(tmp_path, file_source(files), speed=600.0)
    async with opened(setup) as (run, cursor):
        waits = 0

        async def no_longer(at: int) -> bool:
            nonlocal waits
            waits += 1
            if waits == 5:
                await run._commit()
                raise Killed
            return True

        run._wait_for = no_longer  # type: ignore[method-assign]
        with pytest.raises(Killed):
            await run.main(cursor)
    with Reader(tmp_path / "tradebot.db") as reader:
        state = reader.state("paper-0001")
        assert state is not None
        seen = [bar.open_time for bar in reader.bars("paper-0001", "BTC/USDT")]
    rest = file_source(files).steps(state.body["cursor"])
    assert step_time(next(rest)) == seen[-1] + 60_000


class Watch:
    """Stops a host's run when an event of the market has come."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event, effects: Sequence[object]) -> None:
        self.events.append(event)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[PaperHost]:
    source = SimulatedSource(["BTC/USDT"], 1)
    made = PaperHost(make_setup(tmp_path, source, speed=60.0, observe=Watch()))
    made.start()
    until(lambda: (tmp_path / "tradebot.db").exists() and snapshot(tmp_path) is not None)
    yield made
    made.stop("the test is over")
    assert made.wait(90)


def until(what: Callable[[], object]) -> None:
    for _ in range(200):
        try:
            if what():
                return
        except Exception:  # not there yet
            pass
        asyncio.run(asyncio.sleep(0.05))
    raise AssertionError("it never came")


def snapshot(data_dir: Path) -> Snapshot | None:
    with Reader(data_dir / "tradebot.db") as reader:
        run = reader.newest_run()
        return None if run is None else reader.snapshot(run.id)


def ask(data_dir: Path, name: str, run: str | None = None) -> str | None:
    number = post_command(data_dir / "tradebot.db", name, "tester", "a reason", run)
    row = wait_command(data_dir / "tradebot.db", number, 5.0)
    return None if row is None else row.result


def test_commands_are_answered(host: PaperHost, tmp_path: Path) -> None:
    assert ask(tmp_path, "halt") == "halted"
    shown = snapshot(tmp_path)
    assert shown is not None
    assert "user" in shown.halts
    assert "user" in (ask(tmp_path, "resume") or "")
    assert ask(tmp_path, "close-all") == "nothing to close"
    assert ask(tmp_path, "stop", "paper-0001") == "stopping"
    assert host.wait(90)
    ending = host.result()
    assert ending.state == "interrupted"
    assert "tester" in ending.why


def test_the_halt_file_and_its_removal(host: PaperHost, tmp_path: Path) -> None:
    write_halt(tmp_path, "a look around", "ada")
    until(lambda: (shown := snapshot(tmp_path)) is not None and "user" in shown.halts)
    shown = snapshot(tmp_path)
    assert shown is not None
    assert "ada: a look around" in shown.halts["user"]
    assert halt_present(tmp_path)
    assert "user" in (ask(tmp_path, "resume") or "")
    assert not halt_present(tmp_path)


def test_stopping_before_it_has_begun(tmp_path: Path) -> None:
    host = PaperHost(make_setup(tmp_path, SimulatedSource(["BTC/USDT"], 1), speed=60.0))
    host.stop("changed my mind")
    host.start()
    assert host.wait(90)
    assert host.result().state == "interrupted"
    assert host.result().why == "changed my mind"


def test_pace(tmp_path: Path) -> None:
    """At 600 market minutes a minute, 20 minutes of the market take 2 seconds."""
    loop_time = asyncio.run(
        timed(make_setup(tmp_path, SimulatedSource(["BTC/USDT"], 1), speed=600.0, for_ms=1_200_000))
    )
    assert 1.9 <= loop_time <= 4.0


async def timed(setup: Setup) -> float:
    loop = asyncio.get_running_loop()
    async with opened(setup) as (run, cursor):
        began = loop.time()
        ending = await run.main(cursor)
        assert ending.state == "ended"
        return loop.time() - began


def test_a_timer_that_was_put_off_does_not_ring_early(tmp_path: Path) -> None:
    setup = make_setup(tmp_path, SimulatedSource(["BTC/USDT"], 1))
    session = make_session(setup.config, setup.spec.build, setup.source.symbols, 60_000)
    session._do(WakeAt("stale:BTC/USDT", START + 1_000))
    session._do(WakeAt("stale:BTC/USDT", START + 65_000))
    with exact():
        session.wake(START + 60_000)
        assert session.engine.now == 0
        session.wake(START + 65_001)
    assert session.engine.now == START + 65_000


def test_the_batches_are_bounded() -> None:
    assert runner_module.BATCH_EVENTS <= 10_000
    assert runner_module.IDLE_COMMIT_S <= 1.0
