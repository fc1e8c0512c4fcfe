"""The Signals view: what the strategy wanted, what the gate said, and how it came out."""

from __future__ import annotations

from textual.app import ComposeResult

from tradebot.tui.detail import SignalDetail
from tradebot.tui.feed import View
from tradebot.tui.grid import Grid
from tradebot.tui.page import Page
from tradebot.tui.paper import START
from tradebot.tui.tables import SIGNALS


class SignalsPage(Page):
    """One row per signal, the newest first."""

    mode = "signals"

    def body(self) -> ComposeResult:
        """Yield the table."""
        yield Grid("Signals", SIGNALS, lambda row: row.id, newest_first=True, id="signals")

    def tell(self, view: View) -> None:
        """Fill the table."""
        empty = "No signals yet: the strategy gives one when its rule is met, at a bar's close."
        self.query_one(Grid).show(view.signals, START if view.run is None else empty)

    def on_grid_chosen(self, message: Grid.Chosen) -> None:
        """Show all there is to know of a signal."""
        self.app.push_screen(SignalDetail(message.row))
