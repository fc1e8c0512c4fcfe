"""A run's summary for people: what the account did, what is open, what was traded."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

NEWEST_TRADES = 20
"""Rows of the trade history that a summary shows; ``tradebot trades`` shows them all."""

PIPE_WIDTH = 110


def render(
    summary: Mapping[str, Any],
    positions: Sequence[Mapping[str, Any]],
    trades: Sequence[Mapping[str, Any]],
) -> str:
    """Return summary, open positions and the newest trades as text for the terminal."""
    terminal = sys.stdout.isatty()
    console = Console(file=io.StringIO(), force_terminal=terminal, highlight=False)
    if not terminal:
        console = Console(file=io.StringIO(), width=PIPE_WIDTH, highlight=False)
    console.print(Group(_figures(summary), _positions(positions), _trades(trades)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().rstrip("\n")


def _figures(summary: Mapping[str, Any]) -> Table:
    run = summary["run"] or summary["mode"]
    title = f"{run} · {summary['market']} · {summary['strategy']}"
    table = Table(
        title=title, title_justify="left", title_style="bold", show_header=False, box=None
    )
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_column(justify="right")
    pnl = Text.assemble(
        signed(summary["pnl"]),
        " (",
        signed(summary["pnl_pct"], "%"),
        ")",
        style=_tint(summary["pnl"]),
    )
    rows: list[tuple[str, Any, str, Any]] = [
        ("Starting capital", usd(summary["start_equity"]), "From", _time(summary["from"])),
        ("Current value", usd(summary["equity"]), "To", _time(summary["to"])),
        ("PnL", pnl, "Fees", usd(summary["fees"])),
        (
            "Completed trades",
            str(summary["completed_trades"]),
            "Funding",
            signed(summary["funding"]),
        ),
        ("Win rate", _figure(summary["win_rate_pct"], "%"), "Max drawdown", _drawdown(summary)),
        (
            "Average win",
            signed(summary["average_win"]),
            "Expectancy",
            signed(summary["expectancy"]),
        ),
        (
            "Average loss",
            signed(summary["average_loss"]),
            "Profit factor",
            _figure(summary["profit_factor"]),
        ),
        ("Refusals", str(summary["refusals"]), "Halts", str(summary["halts"])),
    ]
    for row in rows:
        table.add_row(*row)
    return table


def _drawdown(summary: Mapping[str, Any]) -> str:
    return f"{usd(summary['max_drawdown'])} ({_figure(summary['max_drawdown_pct'], '%')})"


def _positions(positions: Sequence[Mapping[str, Any]]) -> Table | Text:
    if not positions:
        return Text("\nNo open positions.", "dim")
    table = _list(
        "Open positions", "symbol", "side", "qty>", "entry>", "current>", "PnL>", "PnL %>"
    )
    for row in positions:
        table.add_row(
            row["symbol"],
            row["side"],
            row["qty"],
            row["entry_price"],
            row["price"],
            Text(signed(row["pnl"]), _tint(row["pnl"])),
            signed(row["pnl_pct"], "%"),
        )
    return table


def _trades(trades: Sequence[Mapping[str, Any]]) -> Table | Text:
    if not trades:
        return Text("\nNo completed trades.", "dim")
    newest = trades[-NEWEST_TRADES:]
    title = "Trade history"
    if len(newest) < len(trades):
        title += f" (newest {len(newest)} of {len(trades)})"
    table = _list(
        title, "closed", "symbol", "side", "qty>", "entry>", "exit>", "duration>", "PnL>", "why"
    )
    for row in newest:
        table.add_row(
            _time(row["exit_time"]),
            row["symbol"],
            row["side"],
            row["qty"],
            _short(row["entry_price"]),
            _short(row["exit_price"]),
            duration(row["duration_s"]),
            Text(signed(row["pnl"]), _tint(row["pnl"])),
            row["exit_reason"],
        )
    return table


def _list(title: str, *columns: str) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        name = column.rstrip(">")
        table.add_column(name, justify="right" if name != column else "left", no_wrap=True)
    return table


def usd(value: str | None) -> str:
    """Return an amount of USDT with two decimals, ``-`` for unknown."""
    return "-" if value is None else f"${Decimal(value):,.2f}"


def signed(value: str | None, unit: str = "") -> str:
    """Return a figure with its sign and two decimals; ``-`` for unknown."""
    if value is None:
        return "-"
    return f"{Decimal(value):+,.2f}{unit}"


def duration(seconds: int) -> str:
    """Return a duration in its two largest units: ``2h05m``, ``3d04h``, ``45s``."""
    if seconds < 60:
        return f"{seconds}s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02d}h"


def _figure(value: str | None, unit: str = "") -> str:
    return "-" if value is None else f"{Decimal(value):,.2f}{unit}"


def _short(price: str) -> str:
    """Return a price with at most six decimals: averages carry eight."""
    return f"{Decimal(price):.6f}".rstrip("0").rstrip(".")


def _time(text: str | None) -> str:
    return "-" if text is None else text[:16].replace("T", " ")


def _tint(value: str) -> str:
    return "green" if Decimal(value) > 0 else "red" if Decimal(value) < 0 else ""
