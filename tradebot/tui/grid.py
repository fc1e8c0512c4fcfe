"""A table that is cheap to keep up to date: keyed rows, sorting, filtering, columns that fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from tradebot.tui.painted import Line, Painted, Span

Row = Any
"""Whatever a table's rows are; its columns know (``GridColumn[TradeRow]``)."""

R = TypeVar("R")

GAP = 1
"""Blanks between two columns."""


@dataclass(frozen=True, slots=True)
class GridColumn(Generic[R]):
    """A column: heading, cell, and the value it sorts by (the cell's text when None).

    ``rank`` 0 always stays; of the others the highest leaves first when the room is short. ``words``
    takes what room is left.
    """

    name: str
    width: int
    cell: Callable[[R], Span]
    order: Callable[[R], Any] | None = None
    right: bool = False
    rank: int = 0
    words: bool = False


class Grid(Painted, can_focus=True):
    """Rows of a table under fixed headings. ``key`` names a row, so that the cursor stays on it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("home", "move(-1000000)", "First", show=False),
        Binding("end", "move(1000000)", "Last", show=False),
        Binding("s", "sort", "Sort by next column", id="sort", tooltip="Sort by the next column"),
        Binding("S", "reverse", "Reverse order", id="reverse", tooltip="Turn the order around"),
        Binding("enter", "choose", "Details", id="details", tooltip="Show the row's details"),
    ]

    class Chosen(Message):
        """A row was chosen with enter or a second click."""

        def __init__(self, grid: Grid, row: Row) -> None:
            self.grid = grid
            self.row = row
            super().__init__()

        @property
        def control(self) -> Grid:
            """The grid it happened in."""
            return self.grid

    def __init__(
        self,
        title: str,
        columns: Sequence[GridColumn[Any]],
        key: Callable[[Row], Any],
        *,
        empty: str = "",
        newest_first: bool = False,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.title = title
        self.columns = tuple(columns)
        self.empty = empty
        self.needle = ""
        self.sorted_by: int | None = None
        self.descending = False
        self._key = key
        self._newest_first = newest_first
        self._all: Sequence[Row] = ()
        self._rows: list[Row] = []
        self._cells: dict[Any, tuple[Row, list[Span]]] = {}
        self._cursor: Any = None
        self._place = 0
        self._fitted: tuple[int, list[tuple[int, int]]] = (-1, [])
        self._shown: list[Line] = []

    # -- what is shown ---------------------------------------------------------------------------

    @property
    def rows(self) -> list[Row]:
        """The rows as they stand: filtered and sorted."""
        return self._rows

    @property
    def chosen(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self._place] if self._rows else None

    def show(self, rows: Sequence[Row], empty: str | None = None) -> None:
        """Show these rows (oldest first) from now on; ``empty`` is said when there are none."""
        if empty is not None and empty != self.empty:
            self.empty = empty
            self.refresh()
        if rows is not self._all:
            self._all = rows
            self._arrange()

    def filter(self, needle: str) -> None:
        """Show only rows in which some cell contains the text; "" shows all."""
        self.needle = needle.strip().lower()
        self._arrange()

    def _arrange(self) -> None:
        """Filter, sort and draw what has changed."""
        rows = [row for row in self._all if self._matches(row)]
        if self._newest_first:
            rows.reverse()
        if self.sorted_by is not None:
            rows.sort(key=self._order(self.columns[self.sorted_by]), reverse=self.descending)
        self._rows = rows
        keys = [self._key(row) for row in rows]
        self._place = keys.index(self._cursor) if self._cursor in keys else 0
        if len(self._cells) > 2 * len(keys) + 100:
            known = set(keys)
            self._cells = {key: cell for key, cell in self._cells.items() if key in known}
        self._head_line()
        size = Size(self.size.width, len(rows) + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self._draw()

    def _draw(self) -> None:
        """Refresh the lines on screen that are no longer what they were."""
        lines = [self._line(y) for y in range(self.size.height)]
        old, self._shown = self._shown, lines
        if len(old) != len(lines) or not self._rows:
            self.refresh()
            return
        changed = [y for y, line in enumerate(lines) if line != old[y]]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def _head_line(self) -> None:
        count = f" {len(self._all)}" if self._all else ""
        if self.needle:
            count = f" {len(self._rows)} of {len(self._all)} with “{self.needle}”"
        self.border_title = f"{self.title}{count}"

    def _matches(self, row: Row) -> bool:
        if not self.needle:
            return True
        return any(self.needle in text.lower() for text, _ in self._spans(row))

    def _order(self, column: GridColumn[Any]) -> Callable[[Row], tuple[bool, Any]]:
        """Return a sort key; what is unknown comes first, whatever its neighbours are."""
        value = column.order or (lambda row: column.cell(row)[0])

        def key(row: Row) -> tuple[bool, Any]:
            found = value(row)
            return (False, 0) if found is None else (True, found)

        return key

    def _spans(self, row: Row) -> list[Span]:
        """Return a row's cells; those of a row seen before are kept."""
        key = self._key(row)
        known = self._cells.get(key)
        if known is not None and known[0] == row:
            return known[1]
        cells = [column.cell(row) for column in self.columns]
        self._cells[key] = (row, cells)
        return cells

    # -- drawing ------------------------------------------------------------------------------------

    def _fit(self) -> list[tuple[int, int]]:
        """Return the numbers and widths of the columns that fit."""
        room = self.scrollable_content_region.width  # less than the size beside a scroll bar
        if self._fitted[0] != room:
            self._fitted = (room, self._choose_columns(room))
        return self._fitted[1]

    def _choose_columns(self, room: int) -> list[tuple[int, int]]:
        keep = list(range(len(self.columns)))
        while keep and sum(self.columns[n].width + GAP for n in keep) - GAP > room:
            least = max(keep, key=lambda n: (self.columns[n].rank, n))
            if not self.columns[least].rank:
                break
            keep.remove(least)
        spare = room - sum(self.columns[n].width + GAP for n in keep) + GAP
        wordy = [n for n in keep if self.columns[n].words]
        return [
            (n, self.columns[n].width + (max(0, spare) if wordy and n == wordy[-1] else 0))
            for n in keep
        ]

    def _line(self, y: int) -> Line:
        if y == 0:
            return self._headings()
        if not self._rows:
            return self._said(y)
        number = y - 1 + round(self.scroll_y)
        if number >= len(self._rows):
            return ()
        row = self._rows[number]
        spans = self._spans(row)
        under = "cursor" if self.has_focus and number == self._place else ""
        parts: list[Span] = [("", under)]
        for n, width in self._fit():
            text, paint = spans[n]
            parts.append((_pad(text, width, self.columns[n].right), paint))
            parts.append((" " * GAP, ""))
        return tuple(parts[:-1])

    def _said(self, y: int) -> Line:
        if self.needle and self._all:
            text = f"Nothing here contains “{self.needle}”. / changes the filter, esc clears it."
        else:
            text = self.empty
        wrapped = _wrap(text, self.size.width)
        return ((wrapped[y - 1], "dim"),) if y - 1 < len(wrapped) else ()

    def _headings(self) -> Line:
        parts: list[Span] = []
        for n, width in self._fit():
            column = self.columns[n]
            name = column.name
            if n == self.sorted_by:
                name += "↓" if self.descending else "↑"
            parts.append((_pad(name, width, column.right), "dim"))
            parts.append((" " * GAP, ""))
        return tuple(parts[:-1])

    def render_line(self, y: int) -> Strip:
        """Draw a row of the viewport: the headings stay on top."""
        line = self._line(y)
        under = line[0][1] if line and not line[0][0] else ""
        return self.strip(line, self.size.width, under)

    def on_resize(self) -> None:
        """Fit the columns again."""
        self._arrange()

    def on_focus(self) -> None:
        """Show the cursor."""
        self._draw()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self._draw()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw the rows that have come into view."""
        super().watch_scroll_y(old_value, new_value)
        self._shown = []

    # -- the cursor -------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Move the cursor, and the view with it."""
        if not self._rows:
            return
        place = min(len(self._rows) - 1, max(0, self._place + by))
        self._put(place)
        top, height = round(self.scroll_y), max(1, self.size.height - 1)
        if place < top:
            self.scroll_to(y=place, animate=False)
        elif place >= top + height:
            self.scroll_to(y=place - height + 1, animate=False)
        self._draw()

    def _put(self, place: int) -> None:
        self._place = place
        self._cursor = self._key(self._rows[place])

    def action_sort(self) -> None:
        """Sort by the next column, after the last by none."""
        following = 0 if self.sorted_by is None else self.sorted_by + 1
        self.sorted_by = following if following < len(self.columns) else None
        self.descending = False
        self._arrange()

    def action_reverse(self) -> None:
        """Turn the order around."""
        if self.sorted_by is None:
            self.sorted_by = 0
        self.descending = not self.descending
        self._arrange()

    def action_choose(self) -> None:
        """Tell of the row under the cursor."""
        row = self.chosen
        if row is not None:
            self.post_message(self.Chosen(self, row))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row; a double click chooses it, a click on a heading sorts."""
        if event.y == 0:
            self._sort_at(event.x)
            return
        number = event.y - 1 + round(self.scroll_y)
        if number < len(self._rows):
            self._put(number)
            self._draw()
            if event.chain == 2:
                self.action_choose()

    def _sort_at(self, x: int) -> None:
        begin = 0
        for n, width in self._fit():
            if begin <= x < begin + width + GAP:
                self.descending = n == self.sorted_by and not self.descending
                self.sorted_by = n
                self._arrange()
                return
            begin += width + GAP


def _pad(text: str, width: int, right: bool) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, max(0, width - 1)) + "…"
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


def _wrap(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines
