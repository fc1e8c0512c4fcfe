"""A run's summary for people: what the account did, what is open, what was traded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from tradebot.cli.labels import label_of, labelled
from tradebot.cli.tables import (
    POSITIONS,
    TRADES,
    console_of,
    figure,
    listing,
    moment,
    rendered,
    signed,
    tint,
    usd,
)
from tradebot.core.model.documents import SummaryDocument

NEWEST_TRADES = 20
"""Rows of the trade history that a summary shows."""


def render(
    summary: SummaryDocument,
    positions: Sequence[Mapping[str, Any]],
    trades: Sequence[Mapping[str, Any]],
    hashes: Mapping[str, str],
) -> str:
    """Return summary, open positions, the newest trades and the fingerprints as text for the terminal."""
    width = console_of().width
    name = labelled(summary["run"] or summary["mode"])
    title = f"{name} · {summary['strategy']} · {summary['market']}"
    return rendered(
        Text(title, "bold"),
        _figures(summary),
        *_rejections(summary),
        "",
        _positions(positions, summary["run"], width),
        "",
        _trades(trades, summary["run"], width),
        "",
        *(Text(f"{name:<8} {hashes[name] or '-'}", "dim") for name in hashes),
    )


def _figures(summary: SummaryDocument) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_column(justify="right")
    pnl = Text.assemble(
        signed(summary["pnl"]),
        " (",
        signed(summary["pnl_pct"], "%"),
        ")",
        style=tint(summary["pnl"]),
    )
    rows: list[tuple[str, Any, str, Any]] = [
        ("Starting capital", usd(summary["start_equity"]), "From", moment(summary["from"])),
        ("Current value", usd(summary["equity"]), "To", moment(summary["to"])),
        ("Gross", signed(summary["gross"]), "Fees", usd(summary["fees"])),
        ("Net (PnL)", pnl, "Funding", signed(summary["funding"])),
        (
            "Completed trades",
            str(summary["completed_trades"]),
            "Rejected orders",
            str(summary["rejections"]),
        ),
        ("Win rate", figure(summary["win_rate_pct"], "%"), "Max drawdown", _drawdown(summary)),
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
            figure(summary["profit_factor"]),
        ),
        ("Refusals", str(summary["refusals"]), "Halts", str(summary["halts"])),
    ]
    for row in rows:
        table.add_row(*row)
    return table


def _rejections(summary: SummaryDocument) -> list[Text]:
    """Say what the exchange rejected, and why: a line for each of its codes."""
    return [
        Text(f"Rejected by the exchange {row['count']} time(s) ({row['code']}): {row['reason']}")
        for row in summary["rejected"]
    ]


def _drawdown(summary: SummaryDocument) -> str:
    return f"{usd(summary['max_drawdown'])} ({figure(summary['max_drawdown_pct'], '%')})"


def _positions(positions: Sequence[Mapping[str, Any]], run: str | None, width: int) -> Table | Text:
    if not positions:
        return Text("No open positions.", "dim")
    return listing(f"{label_of(run)}Open positions", POSITIONS, positions, width)


def _trades(trades: Sequence[Mapping[str, Any]], run: str | None, width: int) -> Table | Text:
    if not trades:
        return Text("No completed trades.", "dim")
    newest = trades[-NEWEST_TRADES:]
    title = f"{label_of(run)}Trade history"
    if len(newest) < len(trades):
        # of a backtest nothing is journalled: `tradebot trades` would show another run
        rest = "--json or --html FILE has all" if run is None else "`tradebot trades` shows all"
        title += f" (newest {len(newest)} of {len(trades)}; {rest})"
    return listing(title, TRADES, newest, width)
