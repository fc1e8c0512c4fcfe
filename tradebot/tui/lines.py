"""Lines of painted text: the status row, banners, boards of figures."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.geometry import Region, Size
from textual.strip import Strip

from tradebot.tui.painted import Line, Painted


class Lines(Painted):
    """Shows lines; only those that changed are drawn again. Scrolls when there are more than fit."""

    def __init__(
        self, lines: Sequence[Line] = (), *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []
        self._begin = list(lines)

    def on_mount(self) -> None:
        """Show what was given at the start."""
        if self._begin:
            self.show(self._begin)

    @property
    def text(self) -> str:
        """What is shown, without paint."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._lines)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines from now on."""
        before, self._lines = self._lines, list(lines)
        if len(before) != len(self._lines):
            width = max((sum(cell_len(text) for text, _ in line) for line in lines), default=0)
            self.virtual_size = Size(width, len(self._lines))
            self.refresh(layout=True)
            return
        changed = [y for y, line in enumerate(self._lines) if line != before[y]]
        if changed:
            top = round(self.scroll_y)
            self.refresh(*(Region(0, y - top, self.size.width, 1) for y in changed))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Be as high as there are lines, where the style says ``auto``."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """Draw the line that is scrolled to row ``y``."""
        number = y + round(self.scroll_y)
        line = self._lines[number] if number < len(self._lines) else ()
        return self.strip(line, self.size.width)
