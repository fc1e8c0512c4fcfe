"""Promise 35: days of market time leave the memory flat.

The hour with the TUI open is measured in ``tests/bench`` (``tui_cost.py``, ``live_screens.py``); that killing it changes
nothing is ``tests/disasters/test_tui_killed.py``.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest
from kits.paper_kit import Bot

from tradebot.journal.reader import Reader

SYMBOLS = "ADA/USDT,BTC/USDT,ETH/USDT,SOL/USDT,XRP/USDT"
HOUR_MS = 3_600_000
GROWTH_MB = 12.0
"""What the allocator may hold more of; a thousandth of the prices kept would be more."""


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def market_hour(bot: Bot) -> float:
    """Where the market is, in hours."""
    with Reader(bot.data_dir / "tradebot.db") as reader:
        run = reader.newest_run()
        told = None if run is None else reader.snapshot(run.id)
    return 0.0 if told is None else told.at / HOUR_MS


@pytest.mark.parametrize("hours", [6, pytest.param(72, marks=pytest.mark.full)])
def test_resident_memory_is_flat(tmp_path: Path, hours: int) -> None:
    bot = Bot(tmp_path, tmp_path / "data", env={"XDG_STATE_HOME": str(tmp_path / "state")})
    at = ("--symbols", SYMBOLS, "--speed", "max", "--for", f"{hours}h", "--headless")
    process = bot.start("paper", *at, "--json")
    seen: list[tuple[float, float]] = []
    try:
        bot.until(bot._beats)
        begun = market_hour(bot)
        while process.poll() is None:
            try:
                seen.append((market_hour(bot) - begun, resident_mb(process.pid)))
            except (FileNotFoundError, StopIteration):
                break  # it has just ended
            time.sleep(0.1)
        assert process.wait(90) == 0
    finally:
        bot.clean_up()
    early = [mb for hour, mb in seen if hours / 6 <= hour < hours / 2]
    late = [mb for hour, mb in seen if hour >= hours / 2]
    assert len(early) > 2
    assert len(late) > 2
    assert statistics.median(late) <= statistics.median(early) + GROWTH_MB, (early, late)
    assert max(late) < 130
