"""An engine as it is journalled, and back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradebot.core.trading.engine import Engine


def export_engine(engine: Engine) -> dict[str, Any]:
    """Return an engine as JSON values, all but the strategies' insides.

    ``restore_engine`` on a fresh engine plus ``warm`` with the same bars gives an equal engine.
    """
    engine.reactions.catch_up()
    return {
        "now": engine.now,
        "started": engine.started,
        "run": engine.run,
        "portfolio": engine.portfolio.export_state(),
        "halts": engine.halts.export_state(),
        **engine.trades.export_state(),
        "drawdown": engine.drawdown.export_state(),
        "lows": engine.reactions.export_lows(),
        "ended_at": engine.reactions.ended_at,
        "books": {symbol: book.export_state() for symbol, book in engine.books.items()},
        "orders": engine.table.export_state(),
        "entries": engine.entries.export_state(),
        "accounts": engine.accounts.export_state(),
        "cash_lines": engine.cash.export_state(),
        **({"rules": engine.rules.export_state()} if engine.config.outside else {}),
        **_countdowns(engine),
        "shared": engine.shared.export_state(),
        "watch": engine.watch.export_state(),
        "stops_lost": engine.protection.lost_at,
        "stop_dropped": engine.protection.said_at,
        "next_hour": engine.next_hour,
        "alarm": engine.deadlines.alarm,
        "equity": str(engine.reactions.equity),
    }


def restore_engine(engine: Engine, state: dict[str, Any]) -> None:
    """Take over ``export_engine``'s values; the strategies are warmed by the caller."""
    engine.now = engine.shared.now = engine.table.now = state["now"]
    engine.started = state["started"]
    engine.run = state["run"]
    engine.portfolio.restore(state["portfolio"])
    engine.halts.restore(state["halts"])
    engine.drawdown.restore(state["drawdown"])
    engine.reactions.restore_lows(state.get("lows", []))
    engine.reactions.ended_at = state.get("ended_at", 0)
    for symbol, book in engine.books.items():
        book.holding = engine.portfolio.holding(symbol)
        book.restore(state["books"][symbol], engine.config.limits.trade_loss)
    engine.watch.restore(state["watch"])
    engine.table.restore(state["orders"])
    engine.entries.restore(state["entries"])
    engine.accounts.restore(state["accounts"])
    engine.cash.restore(state["cash_lines"])
    engine.rules.restore(state.get("rules", {}))
    engine.countdowns.restore(state.get("countdowns", ()))
    engine.shared.restore(state["shared"])
    engine.trades.restore(state, engine.portfolio)
    engine.protection.lost_at = list(state.get("stops_lost", ()))
    engine.protection.said_at = state.get("stop_dropped", 0)
    engine.next_hour = state["next_hour"]
    engine.deadlines.alarm = state["alarm"]
    engine.reactions.equity = Decimal(state["equity"])


def _countdowns(engine: Engine) -> dict[str, list[str]]:
    """Return the countdowns where any are wanted, or one runs that an earlier configuration asked for."""
    countdowns = engine.countdowns
    return {"countdowns": countdowns.export_state()} if countdowns.wanted or countdowns.told else {}


__all__ = ["export_engine", "restore_engine"]
