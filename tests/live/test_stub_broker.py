"""A broker that answers from elsewhere, late, twice and sometimes never: the ledger is its own account's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import live_kit as kit
import pytest

from tradebot.app.host import opened

HOURS = 6


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


@pytest.mark.parametrize("seed", range(2))
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
    engine = session.engine
    assert engine.portfolio.cash == broker.exchange.cash
    for symbol in symbols:
        held = broker.exchange.positions.get(symbol)
        assert engine.portfolio.holding(symbol).qty == (0 if held is None else held.qty)
