"""The last row of every screen: the views on their digits, and the kill keys, red, at the right."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from tradebot.tui.lines import Lines
from tradebot.tui.painted import Line, Span

KILLS = (("F8", "HALT", "halt"), ("F9", "CLOSE ALL", "close_all"))

Tab = tuple[str, str, str]
"""A view's key, its name and its mode."""


class KeyBar(Lines):
    """Names the keys; a click on one is the key."""

    def __init__(self, tabs: Sequence[Tab]) -> None:
        super().__init__(classes="row")
        self._tabs = tuple(tabs)
        self._mode = ""

    def tell(self, mode: str) -> None:
        """Show the bar with the view that is on screen marked."""
        self._mode = mode
        self.show([key_line(self._tabs, mode, self.size.width or 78)])

    def on_resize(self) -> None:
        """Move the kill keys to the right edge."""
        self.tell(self._mode)

    def on_click(self, event: events.Click) -> None:
        """Do what the key under the pointer does."""
        x = 0
        for text, _ in key_line(self._tabs, self._mode, self.size.width):
            if x <= event.x < x + len(text):
                self._press(text.strip())
                return
            x += len(text)

    def _press(self, text: str) -> None:
        for key, name, action in KILLS:
            if text == f"{key} {name}":
                self.app.call_later(self.app.run_action, action)
        for key, name, mode in self._tabs:
            if text.strip("[]") in {_label(key, name, short=short) for short in (False, True)}:
                self.app.call_later(self.app.run_action, f"view('{mode}')")


def key_line(tabs: Sequence[Tab], mode: str, width: int) -> Line:
    """Return the bar for ``width`` columns; where room is short keys stand close, help has its key alone."""
    kills: list[Span] = []
    for key, name, _ in KILLS:
        kills.append((f" {key} {name}" if not kills else f"  {key} {name} ", "alarm"))
    room = width - sum(len(text) for text, _ in kills)
    views = _views(tabs, mode, short=False)
    if sum(len(text) for text, _ in views) > room:
        views = _views(tabs, mode, short=True)
    used = sum(len(text) for text, _ in views)
    return (*views, (" " * max(1, room - used), ""), *kills)


def _views(tabs: Sequence[Tab], mode: str, *, short: bool) -> list[Span]:
    spans: list[Span] = []
    for key, name, of in tabs:
        text = _label(key, name, short=short)
        here = of == mode
        # brackets, not colour alone, say where one is
        spans.append((f"[{text}]" if here else text, "key" if here else "dim"))
        spans.append(("" if short and here else " ", ""))
    return spans


def _label(key: str, name: str, *, short: bool) -> str:
    """Return a key with its view's name; a sign says by itself what a digit does not."""
    if not short:
        return f"{key} {name}"
    return f"{key}{name}" if key.isdigit() else key
