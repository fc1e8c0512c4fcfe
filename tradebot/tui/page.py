"""What every view has: status row, banner, body, filter, key bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from tradebot.tui.banner import Banner
from tradebot.tui.feed import View
from tradebot.tui.grid import Grid
from tradebot.tui.keybar import KeyBar, Tab
from tradebot.tui.status import StatusRow

TABS: tuple[Tab, ...] = (
    ("1", "Paper", "paper"),
    ("2", "Plot", "plot"),
    ("3", "Signals", "signals"),
    ("4", "Risk", "risk"),
    ("5", "Account", "account"),
    ("6", "Bot", "bot"),
    ("7", "Log", "log"),
    ("8", "Ghost", "ghost"),
    ("9", "Report", "report"),
    ("0", "Ready", "readiness"),
    ("?", "Help", "help"),
)
"""The views: key, name, mode."""

PAPER, LIVE = TABS[0][2], "live"
"""The front view of a simulated run, and of one that trades an account."""


def front(view: View) -> str:
    """Return the mode of the front view that suits the run on screen."""
    return LIVE if view.traded else PAPER


def tabs_of(view: View) -> tuple[Tab, ...]:
    """Return the views as they are called for the run on screen."""
    if view.run is None or not view.traded:
        return TABS
    key, *_ = TABS[0]
    name = "Live" if view.run.mode == "live" else view.run.venue.capitalize()
    return ((key, name, LIVE), *TABS[1:])


class FilterBox(Input):
    """Where the filter is typed; it takes a row only while it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear the filter", show=False)
    ]

    class Cleared(Message):
        """The filter was given up."""

    def __init__(self) -> None:
        super().__init__(placeholder="filter: text in any column; enter keeps it, esc clears it")
        self.display = False

    def action_clear(self) -> None:
        """Give the filter up."""
        self.post_message(self.Cleared())


class Page(Screen[None]):
    """A view. Subclasses yield their widgets in ``body`` and fill them in ``tell``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="filter", tooltip="Show only rows with a text"),
        Binding("escape", "back", "Back", id="back", tooltip="Clear the filter; close a dialog"),
    ]

    mode = ""

    main = 0
    """The number of the table that gets the focus."""

    class Shown(Message):
        """The view has come to the front and wants to be told what there is."""

    def compose(self) -> ComposeResult:
        """Put the frame around the body."""
        yield StatusRow()
        yield Banner()
        with Vertical(id="body"):
            yield from self.body()
        yield FilterBox()
        yield KeyBar(TABS)

    def body(self) -> ComposeResult:
        """Yield the view's own widgets."""
        yield from ()

    def tell(self, view: View) -> None:
        """Fill the view's own widgets."""

    def update_page(self, view: View, wall: int, doing: str) -> None:
        """Fill frame and body; ``doing`` is what a kill key is doing."""
        self.query_one(StatusRow).tell(view, wall)
        self.query_one(Banner).tell(view, wall, doing)
        self.query_one(KeyBar).tell(self.mode, tabs_of(view))
        self.tell(view)

    def on_mount(self) -> None:
        """Put the focus on the view's main table."""
        grids = self.grids()
        if grids:
            grids[self.main].focus()

    def on_screen_resume(self) -> None:
        """Ask to be filled at once, not at the next look."""
        self.post_message(self.Shown())

    def on_resize(self) -> None:
        """Fit the frame's rows to the new width."""
        self.post_message(self.Shown())

    def grids(self) -> Sequence[Grid]:
        """Return the tables, in the order of the screen."""
        return list(self.query(Grid))

    # -- the filter -------------------------------------------------------------------------------

    def _target(self) -> Grid | None:
        """Return the table a filter means: the last one that had the focus."""
        focused = self.focused
        if isinstance(focused, Grid):
            self._last_grid = focused
        last: Grid | None = getattr(self, "_last_grid", None)
        grids = self.grids()
        return last or (grids[-1] if grids else None)

    def action_filter(self) -> None:
        """Open the filter."""
        grid = self._target()
        if grid is None:
            self.app.notify("There is no table to filter here.")
            return
        box = self.query_one(FilterBox)
        box.display = True
        box.value = grid.needle
        box.focus()

    def action_back(self) -> None:
        """Clear the filter, else go to the first view."""
        filtered = [grid for grid in self.grids() if grid.needle]
        for grid in filtered:
            grid.filter("")
        if not filtered and self.mode not in (PAPER, LIVE):
            self.app.call_later(self.app.run_action, f"view('{PAPER}')")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        grid = self._target()
        if isinstance(event.input, FilterBox) and event.input.display and grid is not None:
            grid.filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the table."""
        if isinstance(event.input, FilterBox):
            self._close_filter()

    def on_filter_box_cleared(self) -> None:
        """Show all rows again."""
        grid = self._target()
        if grid is not None:
            grid.filter("")
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one(FilterBox).display = False
        grid = self._target()
        if grid is not None:
            grid.focus()
