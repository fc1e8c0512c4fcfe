"""A backtest's curves in the terminal: equity with its trades, drawdown, and each trade's PnL."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from tradebot.core.model.documents import SummaryDocument, TradeDocument
from tradebot.core.model.effects import EquityPoint
from tradebot.core.model.times import iso, of_iso
from tradebot.reports.charts import MOST_MARKS, Points, thinned

PIPE_WIDTH = 100
HEIGHTS = {"equity": 14, "drawdown": 8, "trades": 8}
LEAST_WIDTH = 40
TICKS = 4
NEWEST_TRADES = 400
"""Trades the last chart can tell apart; of more the newest are shown."""


def plot(
    summary: SummaryDocument,
    equity: Sequence[EquityPoint],
    trades: Sequence[TradeDocument],
    width: int | None = None,
    coloured: bool | None = None,
) -> str:
    """Return the charts as text; ``summary`` and ``trades`` are CONTRACT's JSON.

    ``width`` in columns, None for the terminal's; ``coloured`` None: where stdout is a terminal.
    """
    points, falls = curves(summary, equity)
    if len(points) < 2:
        return "Too short for a plot."
    columns = max(LEAST_WIDTH, width or _terminal_width())
    charts = [_equity(points, trades, columns), _drawdown(falls, columns)]
    if trades:
        charts.append(_pnl(trades, columns))
    text = "\n".join(charts)
    if coloured is None:
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return text if coloured else _plain(text)


def curves(summary: SummaryDocument, equity: Sequence[EquityPoint]) -> tuple[Points, Points]:
    """Return equity and drawdown (0 or less) over time, from the run's first moment to its last.

    Points of both are (UTC ms, USDT); empty for a run without a moment.
    """
    if summary["from"] is None or summary["to"] is None:
        return [], []
    first, last = of_iso(summary["from"]), of_iso(summary["to"])
    start, end = float(summary["start_equity"]), float(summary["equity"])
    between = [(p.at, float(p.equity), -float(p.drawdown)) for p in equity if first < p.at < last]
    points = [(first, start), *((at, value) for at, value, _ in between), (last, end)]
    fall = min(0.0, end - max(value for _, value in points))
    return points, [(first, 0.0), *((at, value) for at, _, value in between), (last, fall)]


def _terminal_width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH


def _canvas(title: str, name: str, columns: int) -> Any:
    """Return plotext's one figure, emptied."""
    import plotext  # only where a plot is asked for

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(columns, HEIGHTS[name])
    plotext.title(title)
    return plotext


def _equity(points: Points, trades: Sequence[TradeDocument], columns: int) -> str:
    figure = _canvas("Equity, USDT", "equity", columns)
    shown = thinned(points, 2 * columns)
    figure.plot([at for at, _ in shown], [value for _, value in shown], marker="braille")
    many = len(trades) > MOST_MARKS  # so many would hide the curve: a rug below it
    for won, marker, color in ((True, "▲", "green"), (False, "▼", "red")):
        ends = sorted(of_iso(t["exit_time"]) for t in trades if (float(t["pnl"]) > 0) == won)
        if ends:
            levels = [_rug(points, won)] * len(ends) if many else _levels(points, ends)
            figure.scatter(ends, levels, marker=marker, color=color)
    _times(figure, points)
    return str(figure.build())


def _rug(points: Points, won: bool) -> float:
    """Return the level of the rug below a curve: wins above losses."""
    values = [value for _, value in points]
    room = (max(values) - min(values) or 1.0) / (HEIGHTS["equity"] - 5)
    return min(values) - room * (1.0 if won else 2.0)


def _drawdown(falls: Points, columns: int) -> str:
    figure = _canvas("Drawdown, USDT", "drawdown", columns)
    shown = thinned(falls, 2 * columns)
    times, values = [at for at, _ in shown], [value for _, value in shown]
    figure.plot(times, values, marker="braille", color="red")
    _times(figure, falls)
    return str(figure.build())


def _pnl(trades: Sequence[TradeDocument], columns: int) -> str:
    newest = trades[-NEWEST_TRADES:]
    which = "" if len(newest) == len(trades) else f" (newest {len(newest)} of {len(trades)})"
    figure = _canvas(f"PnL of each trade, USDT{which}", "trades", columns)
    first = len(trades) - len(newest) + 1
    for won, color in ((True, "green"), (False, "red")):
        bars = [
            (first + i, float(trade["pnl"]))
            for i, trade in enumerate(newest)
            if (float(trade["pnl"]) > 0) == won
        ]
        if bars:
            numbers, values = zip(*bars, strict=True)
            figure.bar(numbers, values, color=color, width=0.5)
    ticks = sorted({first + (len(newest) - 1) * part // TICKS for part in range(TICKS + 1)})
    figure.xticks(ticks, [str(tick) for tick in ticks])
    return str(figure.build())


def _levels(points: Points, times: Sequence[int]) -> list[float]:
    """Return the equity at each of the ordered times: that of the last point not after it."""
    levels, index = [], 0
    for at in times:
        while index + 1 < len(points) and points[index + 1][0] <= at:
            index += 1
        levels.append(points[index][1])
    return levels


def _times(figure: Any, points: Points) -> None:
    first, last = points[0][0], points[-1][0]
    ticks = [first + (last - first) * part // TICKS for part in range(TICKS + 1)]
    figure.xticks(ticks, [iso(tick)[5:16].replace("T", " ") for tick in ticks])


def _plain(text: str) -> str:
    import plotext

    return str(plotext.uncolorize(text))


__all__ = ["curves", "plot"]
