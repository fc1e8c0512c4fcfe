"""What is drilled: the user's own configuration, strategy and limits, put into a scenario's directory."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tradebot.clock import SYSTEM
from tradebot.config import Config, load_config
from tradebot.config.model import written
from tradebot.core.model.errors import ConfigError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS
from tradebot.core.risk.limits import Limits
from tradebot.core.strategy.resample import timeframe_ms

HOURS = (12, 16, 8, 4, 18, 6, 14, 10, 20, 2, 15, 9, 5, 11, 13, 17, 19, 7, 3, 21)
"""Hours of a day in the order in which they are taken for a drill: at 12 every bar but a day's closes."""
HALF_DAY_MS = DAY_MS // 2
LEFT_OUT = (
    *("strategy.", "alerts.", "report.", "data.", "exchange.", "live.", "risk.profile"),
    "market.source",
)
"""Keys that a scenario has of its own: who is told, where it is kept, which account."""
LEAD_S = 22.0
"""Seconds from a scenario's begin to the bar's close that it needs, as long as no start has been timed."""
SLACK = 1.4


@dataclass(slots=True)
class Lead:
    """How long before a bar a scenario begins: what starts of this machine took, and some more. ``slowest`` in s."""

    slowest: float = LEAD_S / SLACK

    @property
    def seconds(self) -> float:
        """Seconds from the venue's first moment to the bar."""
        return min(self.slowest * SLACK + 1.0, 55.0)

    def took(self, seconds: float) -> None:
        """Take note of a start; the newest counts, so that a machine that was busy once is not waited for again."""
        self.slowest = max(seconds, self.slowest * 0.8)


@dataclass(frozen=True, slots=True)
class DrillGround:
    """What a drill is of. ``strategy_hash`` is that of the drill's own strategy, which asks the user's.

    ``bar`` is the time (UTC ms) at which the bar closes that every scenario turns on.
    """

    config: Config
    limits: Limits
    symbols: tuple[str, ...]
    timeframe: str
    strategy_hash: str
    bar: int
    lead: Lead = field(default_factory=Lead)


def ground_of(config: Config, strategy_hash: str) -> DrillGround:
    """Return what is drilled; ConfigError where its limits leave nothing that could be."""
    limits = config.risk.live.limits()
    symbols = tuple(name for name in config.market.symbols if name in limits.symbols)
    if not symbols:
        raise ConfigError(
            f"none of {', '.join(config.market.symbols)} may be traded live",
            key="risk.live.symbols",
            hint="name one of them among risk.live.symbols, or another in market.symbols",
        )
    timeframe = config.strategy.timeframe
    if timeframe_ms(timeframe) >= HALF_DAY_MS:
        timeframe = "1h"  # a day's bar closes in an hour without entries, and half a day is no history of the venue
    return DrillGround(config, limits, symbols, timeframe, strategy_hash, _bar(limits, timeframe))


def most_warmup(timeframe: str) -> int:
    """Return how many bars of a timeframe the venue's history has for sure, behind those that begin or end with it."""
    from tradebot.app.venue import HISTORY_MINUTES  # it knows servers: only where one is started

    return max(0, HISTORY_MINUTES * MINUTE_MS // timeframe_ms(timeframe) - 2)


def _bar(limits: Limits, timeframe: str) -> int:
    """Return the close of a bar on the day after today, in an hour with entries."""
    step = max(timeframe_ms(timeframe), HOUR_MS) // HOUR_MS
    free = [hour for hour in HOURS if hour % step == 0 and hour not in limits.blackout_hours]
    if not free:
        raise ConfigError(
            f"its hours without entries leave no bar of {timeframe}",
            key="risk.live.blackout_hours",
            hint="leave one hour of the day in which it may trade",
        )
    today = datetime.fromtimestamp(SYSTEM.wall_ms() / 1000, UTC).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return round(today.timestamp() * 1000) + DAY_MS + free[0] * HOUR_MS


def write_config(
    ground: DrillGround, folder: Path, url: str, strategy: str, sets: Mapping[str, str]
) -> Config:
    """Write a scenario's bot.toml: everything as the user has it, but for account, directory and who is told.

    ``sets`` are numbers that the scenario tightens.
    """
    kept = {k: v for k, v in ground.config.items() if not k.startswith(LEFT_OUT) and k not in sets}
    lines = [f"{key} = {written(value)}" for key, value in kept.items()]
    lines += [f"{key} = {value}" for key, value in sets.items()]
    own = {
        "strategy.name": strategy,
        "strategy.timeframe": ground.timeframe,
        "market.source": "binance",
        "risk.profile": "live",
        "exchange.environment": "live",
        "exchange.url": url,
        "live.enabled": True,
        "data.dir": "data",
    }
    lines += [f"{key} = {written(value)}" for key, value in own.items()]
    file = folder / "bot.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_config(file, {})


def smallest(symbol: str, price: float) -> float:
    """Return the cost (USDT) of the smallest order of a symbol."""
    known = INSTRUMENTS[symbol]
    return max(float(known.min_qty) * price, float(known.min_notional))


def new_audit_key() -> str:
    """Return a key for a scenario's journal."""
    return secrets.token_hex(32)


__all__ = ["DrillGround", "ground_of", "most_warmup", "smallest", "write_config"]
