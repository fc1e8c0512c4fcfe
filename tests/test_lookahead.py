"""The look-ahead check: what it lets pass and what it catches."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from textwrap import dedent

import pytest

from tradebot.app.backtest import Notebook, run_backtest
from tradebot.app.build import make_session
from tradebot.app.lookahead import LookaheadVerdict, check_lookahead
from tradebot.config import Config
from tradebot.core.model.effects import SignalJudged
from tradebot.core.model.errors import StrategyError
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.core.trading.snapshot import Heading
from tradebot.market.embedded.market import SimulatedMarket
from tradebot.market.files.feed import open_files
from tradebot.plugins.strategies import BUILT_IN, load_strategy

HEAD = """
    from pydantic import BaseModel
    from tradebot.core.strategy.protocol import Signal

"""


def write_market(file: Path, symbol: str, bars: int = 1500) -> Path:
    """Write the embedded market's history as a kline file."""
    steps = SimulatedMarket([symbol], 3).history(bars)
    rows = [(e.open_time, *e.text) for step in steps for e in step if isinstance(e, Bar)]
    file.write_text("".join(",".join(map(str, row)) + ",0,0,0,0,0,0\n" for row in rows))
    return file


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    names = ("BTC/USDT", "ETH/USDT")
    return [
        write_market(tmp_path / f"{s.replace('/', '')}-1m-2025-01.csv", s) for s in names
    ]  # fmt: skip


def check(
    spec: str, files: Sequence[Path], folder: Path = Path(), timeframe: int = MINUTE_MS
) -> LookaheadVerdict:
    feed = open_files(files)
    return check_lookahead(
        lambda: load_strategy(spec, folder), feed.steps(), feed.interval, timeframe, files
    )


def strategy(folder: Path, source: str) -> str:
    (folder / "mine.py").write_text(dedent(HEAD) + dedent(source))
    return "mine.py:Mine"


@pytest.mark.parametrize("timeframe", [MINUTE_MS, 5 * MINUTE_MS])
@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_strategies_do_not_look_ahead(
    name: str, timeframe: int, files: list[Path]
) -> None:
    verdict = check(name, files, timeframe=timeframe)
    assert verdict.findings == []
    assert verdict.notes == []
    assert verdict.signals > 0
    assert verdict.bars == 3000
    assert verdict.cuts >= 6


def signals(files: Sequence[Path], name: str, steps: int | None = None) -> list[SignalJudged]:
    config = Config()
    spec = load_strategy(name, Path())
    feed, notebook = open_files(files), Notebook(signals=True)
    session = make_session(config, spec.build, feed.symbols, feed.interval, record=notebook.take)
    run_backtest(
        session,
        islice(feed.steps(), steps),
        lambda first, last: Heading(None, "backtest", "test", name, first, last),
        notebook,
        config.digest(),
    )
    return notebook.signals


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_backtest_of_truncated_files_judges_the_earlier_signals_the_same(
    name: str, files: list[Path], tmp_path: Path
) -> None:
    whole = signals(files, name)
    short = tmp_path / "short"
    short.mkdir()
    cut = whole[len(whole) // 2].at
    for file in files:
        rows = file.read_text().splitlines()
        kept = [row for row in rows if int(row.partition(",")[0]) + MINUTE_MS - 1 <= cut]
        assert 0 < len(kept) < len(rows)
        (short / file.name).write_text("\n".join(kept) + "\n")
    again = signals(sorted(short.iterdir()), name)
    assert again == [signal for signal in whole if signal.at <= cut]


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_strategies_on_recorded_bars(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    """Five days of two symbols."""
    files = []
    for symbol in ("BTCUSDT", "ETHUSDT"):
        with gzip.open(shared_data / "um" / f"{symbol}-1m-2025-05.csv.gz", "rt") as lines:
            part = list(islice(lines, 1 + 5 * 1440))
        file = tmp_path / f"{symbol}-1m-2025-05.csv"
        file.write_text("".join(part))
        files.append(file)
    verdict = check(name, files)
    assert verdict.findings == []
    assert verdict.signals > 20


def test_state_shared_between_instances_is_caught(tmp_path: Path, files: list[Path]) -> None:
    spec = strategy(
        tmp_path,
        """
        class Mine:
            class Params(BaseModel):
                pass
            closes: dict = {}
            warmup = 0
            def __init__(self, params, symbol):
                self.symbol = symbol
            def on_bar(self, bar):
                '''Buys when an earlier run has seen a higher close a minute later.'''
                self.closes[bar.symbol, bar.open_time] = bar.close
                later = self.closes.get((bar.symbol, bar.open_time + 60_000))
                return Signal("long", 1.0) if later and later > bar.close else None
        """,
    )
    (finding,) = check(spec, files, tmp_path).findings
    assert finding.kind == "unstable"
    assert finding.symbol in ("BTC/USDT", "ETH/USDT")
    assert "instances share state" in finding.text


def test_a_count_shared_within_one_run_is_caught(tmp_path: Path, files: list[Path]) -> None:
    spec = strategy(
        tmp_path,
        """
        class Mine:
            class Params(BaseModel):
                pass
            seen = [0]
            warmup = 0
            def __init__(self, params, symbol):
                self.seen[0] = 0
            def on_bar(self, bar):
                self.seen[0] += 1
                return Signal("long", 1.0) if self.seen[0] % 50 == 0 else None
        """,
    )
    (finding,) = check(spec, files, tmp_path).findings
    assert finding.kind == "unstable"


def reader(folder: Path, data: Path) -> str:
    return strategy(
        folder,
        f"""
        class Mine:
            class Params(BaseModel):
                pass
            warmup = 0
            def __init__(self, params, symbol):
                with open({str(data)!r}) as lines:
                    rows = [line.split(",") for line in lines]
                self.close = {{int(row[0]): float(row[4]) for row in rows}}
            def on_bar(self, bar):
                later = self.close.get(bar.open_time + 60_000, 0.0)
                return Signal("long", 1.0) if later > bar.close * 1.001 else None
        """,
    )


def test_reading_the_file_ahead_is_caught(tmp_path: Path, files: list[Path]) -> None:
    verdict = check(reader(tmp_path, files[0]), files[:1], tmp_path)
    assert verdict.signals > 0
    assert [finding.kind for finding in verdict.findings] == ["reads"]
    assert str(files[0]) in verdict.findings[0].text


def test_a_look_at_the_last_bar_of_the_data_is_caught(tmp_path: Path) -> None:
    data = write_market(tmp_path / "BTCUSDT-1m-2025-01.csv", "BTC/USDT", 400)
    spec = strategy(
        tmp_path,
        """
        import sys
        class Mine:
            class Params(BaseModel):
                pass
            warmup = 0
            def __init__(self, params, symbol):
                self.last = None
            def on_bar(self, bar):
                # the caller's frames hold the list of all bars
                frame = sys._getframe()
                while frame and "bars" not in frame.f_locals:
                    frame = frame.f_back
                last = frame.f_locals["bars"][-1].close
                return Signal("long", 1.0) if last > bar.close else None
        """,
    )
    (finding,) = check(spec, [data], tmp_path).findings
    assert finding.kind == "changed"
    assert "where the data ends at 2025-01-0" in finding.text
    assert finding.at is not None


def test_what_is_read_when_loaded_is_told(tmp_path: Path, files: list[Path]) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("1")
    spec = strategy(
        tmp_path,
        f"""
        from pathlib import Path
        EVERY = int(Path({str(notes)!r}).read_text())
        class Mine:
            class Params(BaseModel):
                pass
            warmup = 0
            def __init__(self, params, symbol):
                pass
            def on_bar(self, bar):
                return Signal("long", 1.0)
        """,
    )
    verdict = check(spec, files, tmp_path)
    assert verdict.findings == []
    (note,) = [note for note in verdict.notes if "notes.txt" in note]
    assert "must not hold later prices" in note


def test_a_silent_strategy_proves_nothing(tmp_path: Path, files: list[Path]) -> None:
    spec = strategy(
        tmp_path,
        """
        class Mine:
            class Params(BaseModel):
                pass
            warmup = 0
            def __init__(self, params, symbol):
                pass
            def on_bar(self, bar):
                return None
        """,
    )
    verdict = check(spec, files, tmp_path)
    assert verdict.findings == []
    assert any("gave no signal" in note for note in verdict.notes)


def test_one_that_raises_is_a_strategy_error(tmp_path: Path, files: list[Path]) -> None:
    spec = strategy(
        tmp_path,
        """
        class Mine:
            class Params(BaseModel):
                pass
            warmup = 0
            def __init__(self, params, symbol):
                pass
            def on_bar(self, bar):
                return 1 / 0
        """,
    )
    with pytest.raises(
        StrategyError,
        match=r"mine.py:13: ZeroDivisionError: division by zero .BTC/USDT, bar of 2025-01-0",
    ):
        check(spec, files, tmp_path)
