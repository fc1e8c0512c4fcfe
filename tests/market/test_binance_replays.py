"""What was recorded, through the venue and the feed: the same bars, and with warm strategies the same signals."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kits.binance_kit import running, scene

from tradebot.app.backtest import Notebook, run_backtest
from tradebot.app.build import make_session
from tradebot.app.venue import FILE_HISTORY, file_feed
from tradebot.config import load_config
from tradebot.core.model.effects import SignalJudged
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.core.trading.snapshot import Heading
from tradebot.market.files.feed import open_files
from tradebot.plugins.strategies import load_strategy
from tradebot.venue.recording import RecordingFeed

BTC = "BTC/USDT"
DATA = Path(__file__).parents[2].parent / "shared" / "data" / "um"
STREAM = DATA / "BTCUSDT-ws-2024-08-08.jsonl.gz"
MAY = DATA / "BTCUSDT-1m-2025-05.csv.gz"
WHOLE = os.environ.get("TRADEBOT_FULL") == "1"
DAY = 1_746_691_200_000  # 2025-05-08T08:00Z
MINUTES = 1440 if WHOLE else 60
PARAMS = {"fast": 3, "slow": 8}


def numbers(bar: Bar) -> tuple[int, list[Decimal]]:
    return bar.open_time, [Decimal(text) for text in bar.text]


def recorded_bars() -> dict[int, list[Decimal]]:
    """The minutes of the trades in the recording: open, high, low, close, volume."""
    found: dict[int, list[Decimal]] = {}
    with gzip.open(STREAM, "rt", encoding="utf-8") as lines:
        for line in lines:
            if '@trade"' not in line:
                continue
            data = json.loads(line.split(" ", 1)[1])["data"]
            price, qty = Decimal(data["p"]), Decimal(data["q"])
            row = found.setdefault(data["T"] // MINUTE_MS * MINUTE_MS, [price] * 4 + [Decimal(0)])
            row[1], row[2], row[3] = max(row[1], price), min(row[2], price), price
            row[4] += qty
    return found


@pytest.mark.skipif(not STREAM.is_file(), reason="the recorded stream is not here")
async def test_the_recorded_stream_gives_the_bars_of_the_file() -> None:
    want = recorded_bars()
    first = RecordingFeed(STREAM, 0).first
    async with scene(lambda now: RecordingFeed(STREAM, now), first, (BTC,)) as made:
        await made.listen()
        await made.pass_time(330_000)
        await made.until(lambda: len(made.ear.bars) >= 5, pace=50)
        got = dict(map(numbers, made.ear.bars))
        assert list(got) == sorted(want)[: len(got)]
        assert got == {at: want[at] for at in got}
        assert not made.ear.said


def bars(paths: list[Path], first: int, last: int) -> Iterator[Bar]:
    for step in open_files(paths).steps():
        for event in step:
            if isinstance(event, Bar) and first <= event.open_time <= last:
                yield event


def told(signal: SignalJudged) -> tuple[Any, ...]:
    """What a strategy said, without when it was heard and what became of it."""
    return signal.symbol, signal.side, signal.confidence, signal.price, signal.stop, signal.reason


@pytest.mark.skipif(not MAY.is_file(), reason="the recorded minutes are not here")
async def test_a_recorded_day_gives_its_bars_and_the_signals_of_the_backtest(
    tmp_path: Path,
) -> None:
    before = DAY - FILE_HISTORY * MINUTE_MS
    async with (
        scene(lambda at: file_feed([MAY], None, at, aligned=True), DAY, (BTC,)) as made,
        running(made, tmp_path, "ema_cross", PARAMS) as run,
    ):
        await run.play(MINUTES)
    signals = run.effects(SignalJudged)
    seen = run.events(Bar)
    last = DAY + (MINUTES - 1) * MINUTE_MS
    want = list(bars([MAY], before, last))
    seen = [bar for bar in seen if bar.open_time <= last]  # time went on until the run had ended
    assert [numbers(bar) for bar in seen] == [numbers(bar) for bar in want]
    path = tmp_path / "BTCUSDT-1m-2025-05.csv"
    path.write_text("".join(f"{bar.open_time},{','.join(bar.text)}\n" for bar in want))
    expected = backtested(path, tmp_path)
    wanted = [told(signal) for signal in expected if signal.at >= DAY]
    assert [told(signal) for signal in signals][: len(wanted)] == wanted
    assert wanted


def backtested(path: Path, folder: Path) -> list[SignalJudged]:
    """The signals of a backtest over the same bars, the past included."""
    config = load_config(None, {}, (), {"data.dir": str(folder)})
    spec = load_strategy("ema_cross", config.base_dir, PARAMS)
    notebook = Notebook(signals=True)
    session = make_session(config, spec.build, (BTC,), MINUTE_MS, record=notebook.take)
    heading = partial(Heading, None, "backtest", "", spec.name)
    run_backtest(session, open_files([path]).steps(), heading, notebook, config.digest())
    return notebook.signals
