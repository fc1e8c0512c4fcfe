"""A broker that answers from elsewhere, late, twice and sometimes never: the ledger is its own account's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from kits import live_kit as kit

from tradebot.app.host import opened
from tradebot.core.model.values import Bar
from tradebot.market.files.feed import open_files

HOURS = 6


def agree(session: Any, broker: kit.StubBroker, symbols: Sequence[str]) -> None:
    """The engine's ledger is the exchange's own account, to the last digit."""
    engine = session.engine
    assert not engine.halts.reasons
    assert engine.portfolio.cash == broker.exchange.cash
    for symbol in symbols:
        held = broker.exchange.positions.get(symbol)
        assert engine.portfolio.holding(symbol).qty == (0 if held is None else held.qty)


async def trade(
    loop: kit.VirtualLoop, data_dir: Path, minutes: Any, symbols: list[str], seed: int, every: int
) -> Any:
    start = minutes[0][0].open_time
    clock = kit.VirtualClock(loop, start)
    broker = kit.StubBroker(clock, symbols, seed)
    feed = kit.LateFeed(clock, broker, symbols, minutes, seed, every)
    params = {"fast": 3, "slow": 9}
    setup = kit.late_setup(data_dir, feed, broker, clock, params=params)
    async with opened(setup) as (runner, cursor):
        ending = await runner.main(cursor)
        return ending, broker, runner.session


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.full)])
def test_the_ledger_is_the_exchanges_own_account(tmp_path: Path, seed: int) -> None:
    start = kit.EPOCH + 3 * 3_600_000  # behind the blackout
    bars = [
        kit.swinging("XRP/USDT", 2.2, seed, HOURS * 60, start),
        kit.swinging("ADA/USDT", 0.7, seed + 9, HOURS * 60, start),
    ]
    minutes = [list(pair) for pair in zip(*bars, strict=True)]
    symbols = ["XRP/USDT", "ADA/USDT"]
    ending, broker, session = kit.play(
        lambda loop: trade(loop, tmp_path, minutes, symbols, seed, 4)
    )
    assert ending.state == "ended", ending.why
    assert broker.asked["send"] > 20
    agree(session, broker, symbols)


UM = Path(__file__).resolve().parents[3] / "shared" / "data" / "um"
FIVE = ("BTC/USDT", "ETH/USDT", "ADA/USDT", "SOL/USDT", "XRP/USDT")


def may(hours: int) -> list[list[Any]]:
    """The recorded minutes of May 2025, five symbols side by side."""
    files = [UM / f"{s.replace('/', '')}-1m-2025-05.csv.gz" for s in FIVE]
    if not all(file.exists() for file in files):
        pytest.skip("needs ../shared/data: May 2025 of five symbols")
    steps = islice(open_files(files).steps(), hours * 60)
    return [[event for event in step if isinstance(event, Bar)] for step in steps]


@pytest.mark.parametrize(
    "hours", [2, pytest.param(31 * 24, marks=pytest.mark.full)], ids=["two hours", "the month"]
)
def test_recorded_minutes_are_traded_to_their_end(tmp_path: Path, hours: int) -> None:
    minutes = may(hours)
    ending, broker, session = kit.play(
        lambda loop: trade(loop, tmp_path, minutes, list(FIVE), 7, 4)
    )
    assert ending.state == "ended", ending.why
    assert ending.summary["completed_trades"] >= 3
    agree(session, broker, FIVE)
