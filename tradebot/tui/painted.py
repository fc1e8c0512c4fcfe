"""What all painted widgets share: text in named paints, drawn line by line.

A widget that draws its own lines costs a tenth of a table of the library per refresh, and these are
refreshed twice a second for days.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tradebot.core.model.text import escaped

Span: TypeAlias = tuple[str, str]
"""A text and the name of its paint ("" for plain)."""

Line: TypeAlias = tuple[Span, ...]

PAINTS = ("up", "down", "dim", "head", "key", "alarm", "warn", "word", "cursor", "title")


class Painted(ScrollView):
    """A scrollable widget whose lines are spans of text in the paints of ``painted.tcss``."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"paint--{name}" for name in PAINTS}

    def paint(self, name: str) -> Style:
        """Return a paint on this widget's own background; unknown names and "" are plain."""
        base = self.rich_style
        if name not in PAINTS:
            return base
        return base + self.get_component_rich_style(f"paint--{name}", partial=True)

    def strip(self, line: Iterable[Span], width: int, under: str = "") -> Strip:
        """Return a line as a strip of exactly ``width`` cells; ``under`` is a paint below all of it."""
        ground = self.paint(under)
        segments, used = [], 0
        for words, name in line:
            if used >= width:
                break
            room = width - used
            text = escaped(words)  # the last wall: what others wrote was escaped where it was read
            shown = text if cell_len(text) <= room else set_cell_size(text, room)
            style = ground if not name else self._over(name, under)
            segments.append(Segment(shown, style))
            used += cell_len(shown)
        if used < width:
            segments.append(Segment(" " * (width - used), ground))
        return Strip(segments, width)

    def _over(self, name: str, under: str) -> Style:
        """Return a paint that keeps the background of the one below it."""
        style = self.paint(name)
        if not under or name in ("alarm",):
            return style
        return style + Style(bgcolor=self.paint(under).bgcolor)
