"""The tables' columns: what people expect to see of positions, orders, trades, signals and runs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradebot.core.model.times import of_iso
from tradebot.tui.figures import (
    UNKNOWN,
    arrow,
    brief_gain,
    clock,
    duration,
    price,
    quantity,
    signed,
    tint,
    usd,
)
from tradebot.tui.grid import Column, Row, number_of
from tradebot.tui.painted import Span

PURPOSES = {"e": "entry", "s": "stop", "t": "target", "x": "exit"}

SIDES = {"long": "long ▲", "short": "short ▼", "exit": "exit ■"}

VERDICTS = {"approved": ("✓ approved", "up"), "refused": ("✗ refused", "warn")}


def text_of(name: str, paint: str = "") -> Callable[[Row], Span]:
    """Return a cell of a row's text; what is missing shows as ``-``."""
    return lambda row: (str(row.get(name) or UNKNOWN), paint)


def shown(name: str, show: Callable[[Any], str]) -> Callable[[Row], Span]:
    """Return a cell whose value is shown by a function of ``figures``."""
    return lambda row: (show(row.get(name)), "")


def tinted(name: str, show: Callable[[Any], str]) -> Callable[[Row], Span]:
    """Return a cell of a gain or loss."""
    return lambda row: (show(row.get(name)), tint(row.get(name)))


def moment(name: str) -> Callable[[Row], Span]:
    """Return a cell of a time (UTC milliseconds)."""
    return lambda row: (clock(row.get(name)), "dim")


def side(row: Row) -> Span:
    """Return a cell of a side, in word and arrow."""
    return (SIDES.get(row["side"], str(row["side"] or UNKNOWN)), "")


def percent(value: str | None) -> str:
    """Return a percentage with its sign."""
    return signed(value, "%")


def _age(row: Row) -> Span:
    return (duration(row["age_s"]), "dim")


def _for(row: Row) -> Span:
    return (PURPOSES.get(row["purpose"] or "", UNKNOWN), "")


def _kind(row: Row) -> Span:
    return ((row["type"] or UNKNOWN).replace("_market", "").replace("_", " "), "dim")


def _at(row: Row) -> Span:
    return (price(row["price"] or row["trigger_price"]), "")


def _number(row: Row) -> Span:
    return (row["id"].rpartition("-")[2], "dim")


def _verdict(row: Row) -> Span:
    return VERDICTS.get(row["verdict"], (f"  {row['verdict']}", "dim"))


def _why(row: Row) -> Span:
    return ("; ".join(row["refusals"]) or row["reason"], "")


def _confidence(row: Row) -> Span:
    value = row["confidence"]
    return (UNKNOWN if value is None else f"{value:.2f}", "")


def outcome(row: Row) -> Span:
    """Return a cell of what a hypothetical trade came to, or stands at."""
    pnl = row["pnl"]
    if row["state"] == "unfilled":
        return ("never filled", "dim")
    if pnl is None:
        return ("open, not filled", "dim")
    word = "open" if row["state"] == "open" else "would be"
    number = Decimal(pnl)
    places = 0 if abs(number) >= 1000 else 2
    sign = "-" if number < 0 else "+"
    return (f"{word} {sign}{usd(abs(number), places)} {arrow(pnl)}", tint(pnl))


def _held(row: Row) -> Span:
    seconds = row["duration_s"]
    return (UNKNOWN if seconds is None else duration(seconds), "dim")


POSITIONS = (
    Column("symbol", 9, text_of("symbol", "word")),
    Column("side", 7, side),
    Column("qty", 8, shown("qty", quantity), number_of("qty"), right=True),
    Column("entry", 9, shown("entry_price", price), number_of("entry_price"), right=True),
    Column("mark", 9, shown("price", price), number_of("price"), right=True),
    Column("PnL", 9, tinted("pnl", brief_gain), number_of("pnl"), right=True),
    Column("PnL %", 7, tinted("pnl_pct", percent), number_of("pnl_pct"), right=True, rank=1),
    Column("stop", 9, shown("stop", price), number_of("stop"), right=True),
    Column("target", 9, shown("target", price), number_of("target"), right=True, rank=5),
    Column("margin", 9, shown("margin", usd), number_of("margin"), right=True, rank=4),
    Column("liquid.", 9, text_of("liquidation"), right=True, rank=3),
    Column("age", 6, _age, lambda row: row["age_s"], right=True, rank=2),
)

ORDERS = (
    Column("sent", 14, moment("ts"), lambda row: row["ts"]),
    Column("symbol", 9, text_of("symbol", "word")),
    Column("for", 6, _for),
    Column("side", 4, text_of("side")),
    Column("type", 11, _kind, rank=2),
    Column("qty", 8, shown("qty", quantity), number_of("qty"), right=True),
    Column("price", 9, _at, right=True),
    Column("filled", 7, shown("filled", quantity), number_of("filled"), right=True, rank=1),
    Column("status", 10, text_of("status")),
    Column("id", 6, _number, rank=3),
)

TRADES = (
    Column("closed", 14, moment("exit_time"), lambda row: row["exit_time"]),
    Column("symbol", 9, text_of("symbol", "word")),
    Column("side", 7, side),
    Column("qty", 8, shown("qty", quantity), number_of("qty"), right=True, rank=2),
    Column("entry", 9, shown("entry_price", price), number_of("entry_price"), right=True),
    Column("exit", 9, shown("exit_price", price), number_of("exit_price"), right=True),
    Column("PnL", 9, tinted("pnl", brief_gain), number_of("pnl"), right=True),
    Column("PnL %", 7, tinted("pnl_pct", percent), number_of("pnl_pct"), right=True, rank=3),
    Column(
        "held", 6, shown("duration_s", duration), lambda row: row["duration_s"], right=True, rank=1
    ),
    Column("why", 7, text_of("exit_reason"), words=True),
)

SIGNALS = (
    Column("time", 14, moment("time"), lambda row: row["time"]),
    Column("symbol", 9, text_of("symbol", "word")),
    Column("side", 7, side),
    Column("conf.", 5, _confidence, lambda row: row["confidence"], right=True, rank=2),
    Column("price", 9, shown("price", price), number_of("price"), right=True, rank=1),
    Column("verdict", 10, _verdict),
    Column("outcome", 9, tinted("outcome_pnl", brief_gain), number_of("outcome_pnl"), right=True),
    Column("why", 22, _why, words=True),
)

GHOSTS = (
    Column("time", 14, moment("time"), lambda row: row["time"]),
    Column("symbol", 9, text_of("symbol", "word")),
    Column("side", 7, side),
    Column("conf.", 5, _confidence, lambda row: row["confidence"], right=True, rank=1),
    Column("verdict", 10, _verdict),
    Column("entry", 9, shown("entry_price", price), number_of("entry_price"), right=True, rank=3),
    Column("exit", 9, shown("exit_price", price), number_of("exit_price"), right=True, rank=4),
    Column("held", 6, _held, lambda row: row["duration_s"], right=True, rank=5),
    Column("outcome", 18, outcome, number_of("pnl"), right=True),
    Column("why", 6, text_of("exit_reason", "dim"), rank=2, words=True),
)

SYMBOLS = (
    Column("symbol", 9, text_of("symbol", "word")),
    Column("price", 9, shown("price", price), number_of("price"), right=True),
    Column("trades", 6, text_of("trades"), lambda row: row["trades"], right=True),
    Column("won", 7, text_of("won"), right=True),
    Column("PnL", 10, tinted("pnl", brief_gain), number_of("pnl"), right=True),
    Column("fees", 9, shown("fees", usd), number_of("fees"), right=True, rank=1),
    Column("funding", 9, shown("funding", signed), number_of("funding"), right=True, rank=2),
)

RUNS = (
    Column("run", 11, text_of("id", "word")),
    Column("state", 12, text_of("state")),
    Column("started (UTC)", 14, moment("started"), lambda row: row["started"]),
    Column("trades", 6, text_of("trades"), right=True),
    Column("PnL", 10, tinted("pnl", brief_gain), number_of("pnl"), right=True),
    Column("strategy", 14, text_of("strategy"), rank=1),
    Column("market", 14, text_of("market"), words=True),
)

LOG = (
    Column("time", 14, moment("ts"), lambda row: row["ts"]),
    Column("what", 9, lambda row: (row["what"], row["paint"])),
    Column("text", 20, lambda row: (row["text"], ""), words=True),
)


def position_rows(view_positions: list[Row], risk: Row, at: int | None) -> list[Row]:
    """Return the snapshot's positions with margin, liquidation price and age (seconds)."""
    liquidation = {
        # without a price there is no liquidation: at 1x a long cannot lose more than it has
        row["symbol"]: "none"
        if row["liquidation_price"] is None
        else price(row["liquidation_price"])
        for row in risk.get("positions", ())
    }
    leverage = next(
        (Decimal(row["used"]) for row in risk.get("limits", ()) if row["rule"] == "leverage"),
        Decimal(1),
    )
    return [_position(row, liquidation, leverage, at) for row in view_positions]


def _position(row: Row, liquidation: Row, leverage: Decimal, at: int | None) -> Row:
    begun = of_iso(row["entry_time"])
    margin = Decimal(row["qty"]) * Decimal(row["entry_price"]) / (leverage or Decimal(1))
    return {
        **row,
        "liquidation": liquidation.get(row["symbol"]),
        "margin": str(margin),
        "age_s": 0 if at is None else max(0, (at - begun) // 1000),
    }
