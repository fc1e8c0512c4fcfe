"""The first wall: limits in code that bind live trading.

bot.toml, environment, flags and strategies can only tighten them. Changing one is a change of this
file, and so of the version of the program.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

POSITION_VALUE: Final = Decimal(50)
"""USDT: position, working and unknown entries of a symbol, at the worst of mark, touch, limit."""

POSITION_VALUE_STAGE_TWO: Final = Decimal(100)
"""USDT: the same from the second live stage on."""

STAGES: Final = (1, 2, 3)
"""Live's stages: supervised, on a terminal, unattended."""

POSITIONS_BY_STAGE: Final = (1, 2, 2)
"""Symbols with a position or an entry on its way, stage by stage."""

DRIFT_BPS: Final = Decimal(5)
"""Basis points: a median of the last 20 live fills that much worse than modelled is drift; more demotes."""

GHOST_ACCURACY_PCT: Final = Decimal(50)
"""Percent: of the last 100 signals beside live so many must be profitable; fewer demotes."""

LEVERAGE: Final = 1
"""Times: isolated margin, one-way mode."""

TRADE_LOSS: Final = Decimal(5)
"""USDT one trade may lose: at its stop with fees and slippage, and while it is open."""

DAY_LOSS: Final = Decimal(25)
"""USDT equity may lose since 00:00 UTC, open PnL, fees and funding included."""

WEEK_LOSS: Final = Decimal(100)
"""USDT equity may lose since Monday 00:00 UTC."""

SINCE_SIGNOFF_LOSS: Final = Decimal(50)
"""USDT equity may lose since the sign-off: the loss a person approved."""

MARGIN_UTILISATION_PCT: Final = Decimal(50)
"""Percent: initial margin over equity after the order."""

LIQUIDATION_ALERT_PCT: Final = Decimal(80)
"""Percent: maintenance margin over margin balance at which the user is told."""

LIQUIDATION_CLOSE_PCT: Final = Decimal(90)
"""Percent: maintenance margin over margin balance at which the position is closed."""

MAX_POSITIONS: Final = 2
"""Symbols with a position or an entry on its way."""

ENTRY_INTERVAL_S: Final = 60
"""Seconds at least between two approved entries, on any symbol, across restarts."""

SYMBOLS: Final = ("ADA/USDT", "BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
"""The outer bound of every allow-list, by name."""

DEFAULT_SYMBOLS: Final = ("BTC/USDT", "ETH/USDT")
"""What is traded when nobody chose."""

BLACKOUT_HOURS: Final = (0, 1, 22, 23)
"""UTC hours without entries; exits always."""

STALE_S: Final = 5
"""Seconds after which a price is too old for an entry."""

MAX_SKEW_MS: Final = 1000
"""Milliseconds the clock may differ from the exchange's."""

STOP_REQUIRED: Final = True
"""Whether an entry without a stop is refused."""

PAPER_FACTOR: Final = 20
"""The paper profile's money rules are the ceilings times this."""
