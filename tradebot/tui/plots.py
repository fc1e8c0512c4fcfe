"""The Plot view: a symbol's price with its trades, and the equity."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tradebot.tui.feed import View
from tradebot.tui.page import Page
from tradebot.tui.paper import busiest
from tradebot.tui.plot import EquityPlot, PricePlot


class PlotPage(Page):
    """Price above, equity below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x,right", "symbol(1)", "Next symbol", id="symbol", tooltip="Plot the next symbol"),
        Binding("left", "symbol(-1)", "Previous symbol", show=False),
    ]

    mode = "plot"

    def body(self) -> ComposeResult:
        """Yield the two plots."""
        yield PricePlot(id="price")
        yield EquityPlot(id="equity")

    def on_mount(self) -> None:
        """Begin with the symbol that is worth looking at."""
        self._symbol = ""
        self._symbols: list[str] = []

    def tell(self, view: View) -> None:
        """Draw what is new."""
        self._symbols = sorted(view.bars) or view.symbols
        if self._symbol not in self._symbols:
            self._symbol = busiest(view)
        self.query_one(PricePlot).tell(view, self._symbol)
        self.query_one(EquityPlot).tell(view)

    def action_symbol(self, by: int) -> None:
        """Plot the next or the previous symbol."""
        if self._symbol in self._symbols:
            place = self._symbols.index(self._symbol) + by
            self._symbol = self._symbols[place % len(self._symbols)]
            self.post_message(self.Shown())
