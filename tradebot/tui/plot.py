"""Plots: price with entries, exits and stops marked, and equity."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from textual_plotext import PlotextPlot

from tradebot.core.model.money import plain
from tradebot.core.model.values import DAY_MS, Bar
from tradebot.journal.snapshots import PositionRow
from tradebot.journal.view import TradeRow
from tradebot.tui.feed import View
from tradebot.tui.figures import clock
from tradebot.tui.page import Page

Point = tuple[int, float]

GREEN, RED, BLUE, YELLOW, GREY = (
    (63, 185, 80),
    (255, 97, 97),
    (88, 166, 255),
    (227, 179, 65),
    (139, 148, 158),
)

LEFT = 12
"""Columns that the axis takes."""

STEPS = 4
"""Labels on the time axis."""


class PricePlot(PlotextPlot):
    """A symbol's closes with what was traded: ▲ entry, ▼ exit, × stopped out, lines for stop and target."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.symbol = ""
        self._drawn: object = None

    def on_resize(self) -> None:
        """Ask to be plotted for the new size."""
        self.post_message(Page.Shown())

    def tell(self, view: View, symbol: str) -> None:
        """Plot the symbol's newest bars, if there is anything new to plot."""
        bars = view.bars.get(symbol, [])
        width = max(20, self.size.width - LEFT)
        position = next((row for row in view.positions if row.symbol == symbol), None)
        state = (symbol, bars[-1].open_time if bars else 0, len(view.trades), self.size)
        held = None if position is None else (position.qty, position.stop)
        if (state, held) == self._drawn:
            return
        self.symbol, self._drawn = symbol, (state, held)
        self._draw(bars[-width:], view.trades, position)
        self.refresh()

    def _draw(
        self, bars: Sequence[Bar], trades: Sequence[TradeRow], position: PositionRow | None
    ) -> None:
        plt = self.plt
        plt.clear_figure()
        legend = "▲ entry  ▼ exit  × stopped out"
        self.border_title = f"{self.symbol}   {legend}"
        if len(bars) < 2:
            plt.title("no bars yet: they come with the first minutes of the run")
            return
        times = [bar.open_time for bar in bars]
        plt.plot(range(len(bars)), [float(bar.close) for bar in bars], marker="braille", color=BLUE)
        self._mark_trades(times, trades)
        if position is not None:
            self._mark_position(times, position)
        _label(plt, times)

    def _mark_trades(self, times: Sequence[int], trades: Sequence[TradeRow]) -> None:
        mine = [row for row in trades if row.symbol == self.symbol]
        entries = _places(times, [(r.entry_time, r.entry_price) for r in mine])
        stopped = _places(
            times, [(r.exit_time, r.exit_price) for r in mine if r.exit_reason == "stop"]
        )
        exits = _places(
            times, [(r.exit_time, r.exit_price) for r in mine if r.exit_reason != "stop"]
        )
        for points, marker, color in (
            (entries, "▲", GREEN),
            (exits, "▼", YELLOW),
            (stopped, "×", RED),
        ):
            if points:
                xs, ys = zip(*points, strict=True)
                self.plt.scatter(list(xs), list(ys), marker=marker, color=color)

    def _mark_position(self, times: Sequence[int], position: PositionRow) -> None:
        entered = [(position.entry_time, position.entry_price)]
        for x, y in _places(times, entered):
            self.plt.scatter([x], [y], marker="▲", color=GREEN)
        for level, color in ((position.stop, RED), (position.target, GREEN)):
            if level is not None:
                self.plt.hline(float(level), color)
        stop, target = (
            "-" if level is None else plain(level) for level in (position.stop, position.target)
        )
        self.border_title = f"{self.border_title}   open: stop {stop}, target {target}"


class EquityPlot(PlotextPlot):
    """The run's equity over market time, with where it began."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawn: object = None

    def on_resize(self) -> None:
        """Ask to be plotted for the new size."""
        self.post_message(Page.Shown())

    def tell(self, view: View) -> None:
        """Plot the equity points and the equity of now."""
        points = view.equity
        state = (points[-1].seq if points else 0, len(points), self.size, view.at)
        if state == self._drawn:
            return
        self._drawn = state
        curve = [(row.ts, float(row.equity)) for row in points]
        if view.snapshot is not None:
            curve.append((view.snapshot.at, float(view.snapshot.equity)))
        self._draw(curve, None if view.snapshot is None else view.snapshot.start_equity)
        self.refresh()

    def _draw(self, points: Sequence[Point], start: Decimal | None) -> None:
        plt = self.plt
        plt.clear_figure()
        self.border_title = "Equity (USDT)"
        if len(points) < 2:
            plt.title("no points yet: one comes with each closed trade, hour and day")
            return
        thinned = _thin(points, max(20, 2 * (self.size.width - LEFT)))
        times, values = [at for at, _ in thinned], [value for _, value in thinned]
        rises = values[-1] >= float(start or values[0])
        plt.plot(times, values, marker="braille", color=GREEN if rises else RED)
        if start is not None:
            plt.hline(float(start), GREY)
            word = "above" if rises else "below"
            self.border_title = f"Equity (USDT), {word} the start of {start:,.0f}"
        ticks = [times[0] + (times[-1] - times[0]) * n // STEPS for n in range(STEPS + 1)]
        plt.xticks([float(tick) for tick in ticks], _names(ticks))


def _places(times: Sequence[int], marks: Sequence[tuple[int, Decimal]]) -> list[Point]:
    """Return (number of the bar, price) of the marks that lie within the plotted bars."""
    found = []
    for time, price in marks:
        if times[0] <= time:
            place = min(len(times) - 1, max(0, bisect_left(times, time) - 1))
            found.append((place, float(price)))
    return found


def _thin(rows: Sequence[Point], most: int) -> list[Point]:
    """Return at most about ``most`` rows, evenly chosen, the newest always among them."""
    step = max(1, -(-len(rows) // most))
    kept = list(rows[::step])
    return kept if kept[-1] is rows[-1] else [*kept, rows[-1]]


def _label(plt: Any, times: Sequence[int]) -> None:
    last = len(times) - 1
    places = sorted({round(last * n / STEPS) for n in range(STEPS + 1)})
    plt.xticks(places, _names([times[place] for place in places]))


def _names(ticks: Sequence[int]) -> list[str]:
    """Return short labels: longer ones that come near each other the library moves about at random."""
    days = ticks[-1] - ticks[0] > 2 * DAY_MS
    return [clock(tick)[:5] if days else clock(tick)[6:11] for tick in ticks]
