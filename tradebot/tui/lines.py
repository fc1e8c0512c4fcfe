"""Lines of painted text: the status row, banners, boards of figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from textual.geometry import Region, Size
from textual.strip import Strip

from tradebot.tui.painted import Line, Painted, Span


def wrap(lines: Iterable[Line], width: int) -> list[Line]:
    """Return the lines with those that are longer than ``width`` cells broken between words, else within one."""
    return [part for line in lines for part in _wrapped(line, width)]


def _wrapped(line: Line, width: int) -> Iterator[Line]:
    row: list[Span] = []
    used = 0
    for text, paint in line:
        for word in re.findall(r"\S+\s*|\s+", text):
            for piece in _pieces(word, width):
                if used and used + cell_len(piece.rstrip()) > width:
                    yield tuple(row)
                    row, used = [], 0
                if row and row[-1][1] == paint:
                    row[-1] = (row[-1][0] + piece, paint)
                else:
                    row.append((piece, paint))
                used += cell_len(piece)
    yield tuple(row)


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield a word whole, or in pieces of at most ``width`` cells."""
    while cell_len(word.rstrip()) > width > 0:
        part = set_cell_size(word, width).rstrip() or word[:1]
        yield part
        word = word[len(part) :]
    yield word


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


class Wrapped(Lines):
    """Lines that are broken to the width there is, whatever it becomes."""

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None) -> None:
        super().__init__(id=id, classes="auto")
        self._whole = list(lines)

    def on_mount(self) -> None:
        """Show what was given at the start."""
        self._fit()

    def on_resize(self) -> None:
        """Break the lines anew."""
        self._fit()

    def say(self, lines: Sequence[Line]) -> None:
        """Show these lines from now on."""
        if list(lines) != self._whole:
            self._whole = list(lines)
            self._fit()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Be as high as the broken lines are."""
        return len(wrap(self._whole, width))

    def _fit(self) -> None:
        if self.size.width:
            self.show(wrap(self._whole, self.size.width))
