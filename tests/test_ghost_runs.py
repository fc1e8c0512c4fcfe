"""Ghost runs whole: the same signals as every mode, nothing lost, nothing sent, figures that add up."""

from __future__ import annotations

import asyncio
import csv
import gc
import json
import math
import random
import signal
import socket
import subprocess
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tradebot.app.backtest import Notebook, run_backtest
from tradebot.app.build import make_session
from tradebot.app.host import PaperHost, Setup
from tradebot.app.runner import Ending, Pace
from tradebot.app.standing import act
from tradebot.app.target import Request
from tradebot.broker.ghost import GhostBroker
from tradebot.config import load_config
from tradebot.core.ghost.ghosts import Ghosts
from tradebot.core.ghost.quality import Dimension
from tradebot.core.ghost.trade import HypotheticalTrade
from tradebot.core.model.money import exact
from tradebot.core.simulated import SimExchange
from tradebot.core.state.order_table import OrderTable
from tradebot.core.trading.session import Session
from tradebot.core.trading.snapshot import Heading
from tradebot.guard.latch import write_halt
from tradebot.journal.audit import AuditKey
from tradebot.journal.reader import Reader
from tradebot.journal.verify import verify
from tradebot.journal.view import as_json
from tradebot.market.feed import FileSource, SimulatedSource, Source, Step, step_time
from tradebot.market.files.feed import open_files
from tradebot.plugins.strategies import list_strategies, load_strategy
from tradebot.reports.archive import write_csv
from tradebot.reports.quality_documents import FiguresDocument, GroupDocument, QualityDocument
from tradebot.reports.signal_quality import (
    SIGNAL_COLUMNS,
    Gauge,
    bootstrap,
    ghost_runs,
    quality_report,
    signal_rows,
)

START = 1_736_143_200_000
HOUR = 3_600_000
FAST = {"fast": 3, "slow": 9}
STRATEGIES = {"ema_cross": FAST, "rsi_reversion": {}, "breakout": {}}
ROOT = Path(__file__).resolve().parents[1]


def klines(path: Path, price: float, seed: int, bars: int = 400) -> Path:
    """Write minutes of a price that swings."""
    draw, lines = random.Random(seed), []
    for i in range(bars):
        close = price * (1 + (0.0009 if (i // 20) % 2 else -0.0009) + draw.gauss(0, 0.002))
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


def setup_of(
    data_dir: Path, source: Source, *sets: str, modes: tuple[str, ...] = ("ghost",), **named: Any
) -> Setup:
    config = load_config(None, {}, sets, {"data.dir": str(data_dir)})
    name = named.pop("strategy", "ema_cross")
    spec = load_strategy(name, config.base_dir, named.pop("params", STRATEGIES[name]))
    pace = Pace(named.pop("speed", None), named.pop("for_ms", None))
    return Setup(config, source, spec, pace, modes=modes, **named)


def from_files(files: Sequence[Path]) -> FileSource:
    return FileSource(open_files(files))


def run(setup: Setup, stop: str = "") -> Ending:
    host = PaperHost(setup)
    if stop:
        host.stop(stop)
    host.start()
    assert host.wait(120)
    return host.result()


def journal(data_dir: Path) -> Reader:
    return Reader(data_dir / "tradebot.db")


# -- the same signals -------------------------------------------------------------------------------


def backtest_hashes(files: Sequence[Path], strategy: str, for_ms: int | None = None) -> Any:
    config = load_config(None, {}, (), {})
    spec = load_strategy(strategy, config.base_dir, STRATEGIES[strategy])
    feed, notebook = open_files(files), Notebook()
    session = make_session(config, spec.build, feed.symbols, feed.interval, record=notebook.take)
    steps = first(feed.steps(), for_ms)

    def heading(begin: int | None, end: int | None) -> Heading:
        return Heading(None, "backtest", "", spec.name, begin, end)

    return run_backtest(session, steps, heading, notebook, config.digest()).hashes


def first(steps: Iterator[Step], for_ms: int | None) -> Iterator[Step]:
    """Yield the steps of the first so many milliseconds, all of them for None."""
    end = None
    for step in steps:
        time = step_time(step)
        end = time + (for_ms or 1 << 60) if end is None else end
        if time >= end:
            return
        yield step


def test_the_built_in_strategies_are_all_covered() -> None:
    assert {info.name for info in list_strategies()} == set(STRATEGIES)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_bars_give_the_same_signals(
    tmp_path: Path, files: list[Path], strategy: str
) -> None:
    alone = run(setup_of(tmp_path / "ghost", from_files(files), strategy=strategy))
    paper = run(
        setup_of(tmp_path / "pair", from_files(files), strategy=strategy, modes=("paper", "ghost"))
    )
    (beside,) = paper.beside
    assert (paper.summary["run"], beside.summary["run"]) == ("paper-0001", "ghost-0001")
    assert alone.hashes == paper.hashes == beside.hashes == backtest_hashes(files, strategy)
    assert alone.hashes["signals"]
    assert alone.summary["signals"] > 0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_signals_on_recorded_prices(
    tmp_path: Path, shared_data: Path, strategy: str
) -> None:
    recorded = sorted((shared_data / "um").glob("*USDT-1m-2025-05.csv.gz"))
    assert len(recorded) == 5
    named: dict[str, Any] = {"strategy": strategy, "for_ms": 8 * HOUR}
    pair = run(setup_of(tmp_path, from_files(recorded), modes=("paper", "ghost"), **named))
    assert pair.hashes == pair.beside[0].hashes == backtest_hashes(recorded, strategy, 8 * HOUR)
    assert verify(tmp_path / "tradebot.db", AuditKey.load(tmp_path)) == []


def test_the_same_signals_on_the_embedded_market(tmp_path: Path) -> None:
    market = ["BTC/USDT", "ETH/USDT"]
    named: dict[str, Any] = {"for_ms": 3 * HOUR}
    endings = [
        run(setup_of(tmp_path / mode, SimulatedSource(market, 7), modes=(mode,), **named))
        for mode in ("paper", "ghost")
    ]
    assert endings[0].hashes == endings[1].hashes
    assert endings[1].summary["signals"] > 5


# -- every signal is a trade ------------------------------------------------------------------------


def test_every_entry_signal_becomes_a_trade(tmp_path: Path, files: list[Path]) -> None:
    ending = run(setup_of(tmp_path, from_files(files), "risk.paper.entry_interval_s=1800"))
    summary = ending.summary
    with journal(tmp_path) as reader:
        signals = [s for s in reader.signals("ghost-0001") if s.side != "exit"]
        ghosts = reader.ghosts("ghost-0001")
        (row,) = reader.runs()
        assert (row.mode, row.venue, row.state) == ("ghost", "none", "ended")
    assert [g.signal for g in ghosts] == [s.id for s in signals]
    assert {"approved", "refused"} <= {g.verdict for g in ghosts}
    assert [g.pnl for g in ghosts] == [s.outcome_pnl for s in signals]
    assert {g.state for g in ghosts} == {"closed"}
    assert {g.exit_reason for g in ghosts} <= {"stop", "target", "signal", "end", "stop_lost"}
    wins = sum((g.pnl or 0) >= 0 for g in ghosts)
    assert (summary["signals"], summary["profitable"]) == (len(ghosts), wins)
    assert float(summary["accuracy_pct"] or 0) == pytest.approx(100 * wins / len(ghosts), abs=1e-7)


@pytest.mark.parametrize("market", ["files", "quotes"])
def test_of_one_size_it_is_what_the_account_did(
    tmp_path: Path, files: list[Path], market: str
) -> None:
    """Of the same size, an approved signal's trade is the shadow account's to the last digit."""
    rules = ("trade_loss", "day_loss", "week_loss", "entry_interval_s", "blackout_hours")
    sets = ["execution.entry=market", "risk.paper.position_value=500", "ghost.notional=500"]
    sets += [f"risk.paper.{rule}=off" for rule in rules]
    source: Source = from_files(files)
    if market == "quotes":
        source = SimulatedSource(["BTC/USDT", "ETH/USDT"], 3)
    params = {**FAST, "conviction": 1.0, "stop_atr": 0.7, "target_atr": 1.5}
    run(setup_of(tmp_path, source, *sets, params=params, for_ms=6 * HOUR))
    with journal(tmp_path) as reader:
        trades = {row.signal: row for row in reader.trades("ghost-0001")}
        ghosts = {row.signal: row for row in reader.ghosts("ghost-0001")}
    # the account sizes at the touch, the ghost at the mark: a step more or less now and then
    equal = [(t, ghosts[n]) for n, t in trades.items() if t.qty == ghosts[n].qty]
    assert len(equal) > 15
    for trade, ghost in equal:
        for name in SAME:
            assert getattr(trade, name) == getattr(ghost, name), (name, trade, ghost)
    assert {trade.exit_reason for trade, _ in equal} >= {"stop", "target"}


SAME = (
    *("symbol", "side", "entry_time", "entry_price", "exit_time", "exit_price", "exit_reason"),
    *("fees", "funding", "pnl", "duration_s"),
)


def test_a_halted_ghost_goes_on_judging(tmp_path: Path, files: list[Path]) -> None:
    """Halted means no entry of the shadow account; what would have been is what one wants to know."""
    tmp_path.mkdir(exist_ok=True)
    write_halt(tmp_path, "just looking", "me")
    summary = run(setup_of(tmp_path, from_files(files))).summary
    assert summary["completed_trades"] == 0
    assert summary["signals"] == summary["refusals"] > 10
    with journal(tmp_path) as reader:
        report = quality_report(reader, ghost_runs(reader, None))
    assert report["rules"]["refused_trades"] == summary["signals"]


# -- nothing is lost --------------------------------------------------------------------------------


def facts(data_dir: Path, name: str = "ghost-0001") -> Any:
    """What must not depend on interruptions: signals, hypothetical trades, trades."""
    with journal(data_dir) as reader:
        tables = (reader.signals(name), reader.ghosts(name), reader.trades(name))
        return [[as_json(row, "closed", "run") for row in t] for t in tables]


@pytest.mark.parametrize(
    ("mode", "point"),
    [
        (("ghost",), "COMMIT"),
        (("paper", "--ghost"), "advance.after"),
        *(
            pytest.param(mode, point, marks=pytest.mark.full)
            for mode, point in product(
                [("ghost",), ("paper", "--ghost")],
                ["COMMIT", "commit.after", "advance.after", "end_run.before"],
            )
        ),
    ],
)
def test_kill_9_loses_no_open_hypothetical_trade(
    tmp_path: Path, files: list[Path], mode: tuple[str, ...], point: str
) -> None:
    words = [*mode, *map(str, files[:2]), "--speed", "max", "--headless"]
    words += ["--param", "fast=3", "--param", "slow=9"]
    harness = [sys.executable, str(ROOT / "tests" / "kits" / "crash_harness.py")]

    def go(data_dir: Path, point: str, k: int) -> int:
        command = [*harness, point, str(k), "50", str(tmp_path / "tally"), "--", *words]
        done = subprocess.run(
            [*command, "--data-dir", str(data_dir)], capture_output=True, timeout=90, cwd=ROOT
        )
        return done.returncode

    assert go(tmp_path / "straight", "none", 0) == 0
    killed = tmp_path / "killed"
    times = (1,) if point == "end_run.before" else (3, 5, 4)
    for k in times:
        assert go(killed, point, k) == -signal.SIGKILL
    assert go(killed, "none", 0) == 0
    for name in ("ghost-0001", "paper-0001")[: len(mode)]:
        assert facts(killed, name) == facts(tmp_path / "straight", name)
    assert verify(killed / "tradebot.db", AuditKey.load(killed)) == []


def test_two_runs_go_on_together(tmp_path: Path) -> None:
    def begin(folder: str, **named: Any) -> Setup:
        source = SimulatedSource(["BTC/USDT"], 5)
        modes = ("paper", "ghost")
        return setup_of(tmp_path / folder, source, modes=modes, for_ms=2 * HOUR, **named)

    straight = run(begin("one"))
    host = PaperHost(begin("two", speed=3000.0))
    host.start()
    while not host.wait(0.2):
        if host.progress and host.progress > 0.3:
            host.stop("enough")
    assert host.result().state == "interrupted"
    said: list[str] = []
    went_on = run(begin("two", said=said.append))
    assert [line.split(" ")[:3] for line in said] == [
        ["paper-0001", "was", "interrupted"],
        ["ghost-0001", "was", "interrupted"],
    ]
    assert went_on.hashes == straight.hashes
    assert went_on.beside[0].hashes == straight.beside[0].hashes
    assert facts(tmp_path / "two") == facts(tmp_path / "one")
    with journal(tmp_path / "two") as reader:
        assert reader.resolve_run(None).id == "paper-0001"


def test_runs_at_different_places_begin_anew(tmp_path: Path) -> None:
    def source() -> Source:
        return SimulatedSource(["BTC/USDT"], 5)

    run(setup_of(tmp_path, source(), modes=("paper",), speed=60.0), stop="at once")
    host = PaperHost(
        setup_of(tmp_path, source(), modes=("ghost",), speed=3000.0, for_ms=1000 * HOUR)
    )
    host.start()
    while not host.progress:  # it has to come to another place than the paper run
        assert not host.wait(0.05)
    host.stop("enough")
    assert host.wait(90)
    said: list[str] = []
    pair = setup_of(
        tmp_path, source(), modes=("paper", "ghost"), said=said.append, for_ms=HOUR // 6
    )
    ending = run(pair)
    assert said[0].startswith("paper-0001, ghost-0001 cannot go on together")
    assert ending.summary["run"] == "paper-0002"
    assert ending.beside[0].summary["run"] == "ghost-0002"


async def test_a_ghost_that_stands_still_takes_commands(tmp_path: Path) -> None:
    source = SimulatedSource(["BTC/USDT", "ETH/USDT"], 7)
    setup = setup_of(tmp_path, source, speed=6000.0)
    host = PaperHost(setup)
    host.start()
    while not await asyncio.to_thread(host.wait, 0.5):
        host.stop("enough")
    before = facts(tmp_path)
    assert await act(setup.config.data_dir(), Request("close-all", "me", "done")) == []
    with journal(tmp_path) as reader:
        state = reader.state("ghost-0001")
        assert state is not None
        assert state.body["session"]["ghosts"]["counts"][0] == len(before[1])
        assert reader.run("ghost-0001").summary["signals"] == len(before[1])  # type: ignore[index]
    assert facts(tmp_path)[1] == before[1]  # hypothetical trades are nobody's to close
    assert verify(tmp_path / "tradebot.db", AuditKey.load(tmp_path)) == []


# -- nothing is sent --------------------------------------------------------------------------------


def ghost_session(files: Sequence[Path]) -> Session:
    config = load_config(None, {}, (), {})
    spec = load_strategy("ema_cross", config.base_dir, FAST)
    feed = open_files(files)
    return make_session(config, spec.build, feed.symbols, feed.interval, ghost=True)


def reachable(root: object) -> list[object]:
    """Return every object of tradebot's own classes that can be reached from one."""
    seen: dict[int, object] = {}
    queue = [root]
    while queue:
        thing = queue.pop()
        if id(thing) in seen or isinstance(thing, type):
            continue
        own = type(thing).__module__.startswith("tradebot.")
        if own or isinstance(thing, dict | list | tuple | set) or callable(thing):
            seen[id(thing)] = thing
            module = getattr(thing, "__module__", "") or ""
            if own or not callable(thing) or module.startswith("tradebot."):
                queue += [x for x in gc.get_referents(thing) if not _is_module(x)]
    return [thing for thing in seen.values() if type(thing).__module__.startswith("tradebot.")]


def _is_module(thing: object) -> bool:
    # a function refers to its module's globals; the walk is about objects, not about imports
    return isinstance(thing, dict) and "__builtins__" in thing


def test_by_type_orders_go_to_the_simulated_exchange_only(files: list[Path]) -> None:
    """The core imports no network (a contract of the import linter), and what takes orders is of it."""
    assert typing.get_type_hints(GhostBroker.__init__)["exchange"] is SimExchange
    assert SimExchange.__module__.startswith("tradebot.core.")
    session = ghost_session(files)
    assert type(session.broker) is GhostBroker
    with exact():
        for step in open_files(files).steps():
            session.advance(step)
    found = reachable(session)
    assert any(isinstance(thing, HypotheticalTrade | Ghosts) for thing in found)
    senders = {
        type(thing)
        for thing in found
        if any(hasattr(thing, name) for name in ("submit", "send", "place_order", "create_order"))
    }
    # the order table's ``send`` asks for an order to be sent: an effect
    assert senders == {SimExchange, GhostBroker, OrderTable}


def test_by_running_it_no_connection_is_opened(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    def refuse(self: socket.socket, address: object) -> None:
        opened.append(address)
        raise OSError("no connections here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: refuse(None, a))  # type: ignore[arg-type]
    assert run(setup_of(tmp_path, from_files(files))).summary["signals"] > 0
    assert opened == []


def test_a_ghost_loads_no_client_of_a_venue(tmp_path: Path, files: list[Path]) -> None:
    code = (
        "import sys; from tradebot.__main__ import main; code = main(sys.argv[1:]);"
        "bad = {'ccxt', 'aiohttp', 'requests', 'httpx', 'websockets'} & set(sys.modules);"
        "sys.exit(f'loaded {bad}' if bad else code)"
    )
    words = ["ghost", str(files[0]), "--speed", "max", "--headless", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=90, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


# -- the figures ------------------------------------------------------------------------------------


def test_the_report_has_the_keys_that_its_documents_name(tmp_path: Path, files: list[Path]) -> None:
    run(setup_of(tmp_path, from_files(files)))
    with journal(tmp_path) as reader:
        report = quality_report(reader, ghost_runs(reader, None))
    assert report.keys() == QualityDocument.__annotations__.keys()
    assert report["overall"].keys() == FiguresDocument.__annotations__.keys()
    for dimension, groups in report["by"].items():
        for group in groups:
            assert group.keys() == FiguresDocument.__annotations__.keys() | {dimension}
    assert {dimension for dimension, groups in report["by"].items() if groups} == {
        *GroupDocument.__annotations__.keys() - FiguresDocument.__annotations__.keys()
    }


def test_the_report_is_recomputed_from_the_csv(tmp_path: Path, files: list[Path]) -> None:
    run(setup_of(tmp_path, from_files(files)))
    target = tmp_path / "signals.csv"
    with journal(tmp_path) as reader:
        report = quality_report(reader, ghost_runs(reader, None))
        count = write_csv(SIGNAL_COLUMNS, signal_rows(reader, "ghost-0001"), target)
        assert count == len(reader.signals("ghost-0001"))

    done = subprocess.run(
        [sys.executable, "-c", TEN_LINES, str(target)], capture_output=True, text=True, check=True
    )
    assert TEN_LINES.strip().count("\n") == 9
    overall: Mapping[str, Any] = report["overall"]
    for name, value in json.loads(done.stdout).items():
        assert float(overall[name]) == pytest.approx(value, rel=1e-7, abs=2e-8), name
    with target.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["ghost_state"] == "closed"]
    assert len(rows) > 20
    shown: tuple[Dimension, ...] = ("symbol", "tier", "verdict", "side")
    for dimension in shown:
        for group in report["by"][dimension]:
            mine = [float(r["ghost_pnl"]) for r in rows if r[dimension] == group[dimension]]
            assert group["trades"] == len(mine)
            assert float(group["pnl"]) == pytest.approx(sum(mine), abs=1e-6)


TEN_LINES = """
import csv, itertools as it, json, math, statistics as st, sys
rows = [r for r in csv.DictReader(open(sys.argv[1])) if r["ghost_state"] == "closed"]
pnl = [float(r["ghost_pnl"]) for r in sorted(rows, key=lambda r: int(r["ghost_closed"]))]
n, mean, win, loss = len(pnl), st.mean(pnl), [p for p in pnl if p > 0], [p for p in pnl if p < 0]
sums = list(it.accumulate(pnl)); peaks = list(it.accumulate([0] + sums, max))[1:]
one = {"trades": n, "profitable": len(win), "accuracy_pct": 100 * len(win) / n, "pnl": sum(pnl), "best": max(pnl), "worst": min(pnl)}
two = {"average_win": st.mean(win), "average_loss": st.mean(loss), "payoff_ratio": st.mean(win) / -st.mean(loss), "expectancy": mean, "profit_factor": sum(win) / -sum(loss)}
three = {"max_drawdown": max(p - s for p, s in zip(peaks, sums)), "sharpe_trade": mean / st.stdev(pnl), "sortino_trade": mean / math.sqrt(sum(p * p for p in loss) / n)}
four = {f"average_{k}": st.mean(float(r["ghost_" + k]) for r in rows) for k in ("duration_s", "mfe", "mae")}
print(json.dumps(one | two | three | four))
"""


def test_a_gauge_follows_a_running_journal(tmp_path: Path, files: list[Path]) -> None:
    run(setup_of(tmp_path, from_files(files)))
    run(setup_of(tmp_path, from_files(files), params={"fast": 5, "slow": 11}))
    with journal(tmp_path) as reader:
        gauge = Gauge(reader, reader.run("ghost-0001"))
        counted = gauge.refresh()
        assert counted == reader.ghost_counts("ghost-0001")["closed"] > 20
        assert gauge.refresh() == 0
        view = gauge.view()
        assert view["overall"]["trades"] == view["closed"] == counted
        assert json.loads(json.dumps(view)) == view
        both = quality_report(reader, ghost_runs(reader, None, every=True))
        assert [row["run"] for row in both["runs"]] == ["ghost-0002", "ghost-0001"]
        parts = [quality_report(reader, ghost_runs(reader, row["run"])) for row in both["runs"]]
    assert both["overall"]["trades"] == sum(part["overall"]["trades"] for part in parts)
    for name in ("signals", "closed", "open", "unfilled"):
        assert both[name] == sum(part[name] for part in parts)


def test_the_bootstrap() -> None:
    """Seeded; and for many normal results it comes to the normal interval."""
    draw = random.Random(1)
    samples = [draw.gauss(2, 10) for _ in range(2000)]
    low, high, count = bootstrap(samples)
    assert (low, high, count) == bootstrap(samples)
    mean, half = sum(samples) / 2000, 1.96 * 10 / math.sqrt(2000)
    assert low == pytest.approx(mean - half, abs=half / 5)
    assert high == pytest.approx(mean + half, abs=half / 5)
    assert bootstrap([1.0, 1.0])[:2] == (1.0, 1.0)
