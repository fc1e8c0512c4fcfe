"""A directory that has earned real money as far as its journal goes: every gate says yes, but *keys* and *account*, read now.

Each row of it comes from the real writer: a demo run of the engine on a venue, a few trades of the engine that claims to trade
real money, a day of paper and ghost on a feed that claims production, a backtest of the installed command, a drill that went well (what its row says is the drill's own form; the plays
are proved elsewhere), two people's words.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from kits.demo_run_kit import morning_before, play_demo, play_live
from kits.evidence_kit import PERIOD, SECRET, SYMBOL, bar_of, configure, play
from kits.paper_kit import Bot
from kits.signing_kit import sign
from tradebot.app.checklist import Checklist
from tradebot.app.drill.drill import ScenarioResult
from tradebot.app.drill.record import drill_row
from tradebot.app.drill.table import NAMES
from tradebot.app.ours import Ours
from tradebot.app.readiness import judge
from tradebot.app.recording import put_on_record
from tradebot.app.signing import Signer, questions
from tradebot.config import Config
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS
from tradebot.plugins.evidence import evidence_of
from tradebot.plugins.strategies import StrategySpec, load_strategy

WORDS = "I have read every line of its journal and accept the risk."
DAYS = 30
TRADED = 42
"""Minutes of trading with real money, as it claims: four successful trades, and nothing open at the end."""


def spec_of(config: Config) -> StrategySpec:
    return load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)


def earn(folder: Path) -> Config:
    """Have a directory show all that is asked before anybody may sign; the audit key must be in the environment."""
    now = time.time_ns() // 1_000_000
    play_demo(folder, morning_before(now))
    play_live(folder, morning_before(now) + 2 * HOUR_MS, minutes=TRADED)
    step = PERIOD * MINUTE_MS
    flat = (now - HOUR_MS) // step * step  # what a signal began is over
    ending = asyncio.run(play(folder, flat, 24.1))
    assert (ending.state, ending.error) == ("ended", None)
    config = configure(folder)
    _backtest(folder, now)
    _drill(config)
    return config


def _backtest(folder: Path, now: int) -> None:
    """Put a backtest of thirty days on record."""
    first = (now // DAY_MS - DAYS - 1) * DAY_MS
    bars = (bar_of(first + number * MINUTE_MS) for number in range(DAYS * 1440))
    file = folder / f"{SYMBOL.replace('/', '')}-1m.csv"
    lines = (f"{bar.open_time},{','.join(bar.text)}\n" for bar in bars)
    file.write_text("".join(lines), encoding="utf-8")
    bot = Bot(folder, folder / "data", env={"TRADEBOT_AUDIT_KEY": SECRET})
    bot("backtest", file, "--record", "--config", folder / "bot.toml")


def _drill(config: Config) -> None:
    """Put a drill on record in which everything held."""
    evidence = evidence_of(spec_of(config), config.strategy.timeframe, config.market.symbols).hash
    began = time.time_ns() // 1_000_000
    held = ("as it says", "as it should", 0.0, ZERO, "", "", "Nothing to do.", False, 30.0)
    passed = [ScenarioResult(name, *held) for name in NAMES]
    row = drill_row(config, evidence, passed, began)
    put_on_record(config.data_dir(), lambda _: [row], "drill")


def sign_off(config: Config, *names: str) -> None:
    """Have people sign for a directory that has earned it: by the gates as they are, where none of them helps."""
    answers = {one.key: one.right[0] for one in questions(config)}
    found = judge(config, spec_of(config), found=Checklist((), Ours()))
    for name in names or ("Ada", "Bob"):
        sign(config, found, Signer(name, "owner", WORDS, answers))
        found = judge(config, spec_of(config), found=Checklist((), Ours()))
