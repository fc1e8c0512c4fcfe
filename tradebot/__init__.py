"""tradebot: a crypto-futures trading bot that has to earn the right to trade real money.

For authors of strategies: ``from tradebot import Bar, Signal, Strategy``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradebot.core.model.values import Bar as Bar
    from tradebot.core.strategy.protocol import Signal as Signal
    from tradebot.core.strategy.protocol import Strategy as Strategy

__version__ = "0.1.0"

__all__ = ["Bar", "Signal", "Strategy", "__version__"]

_HOMES = {
    "Bar": "tradebot.core.model.values",
    "Signal": "tradebot.core.strategy.protocol",
    "Strategy": "tradebot.core.strategy.protocol",
}


def __getattr__(name: str) -> Any:
    """Import what a strategy needs when it is asked for: the command line's help must stay light."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tradebot' has no attribute {name!r}")
    return getattr(import_module(home), name)
