"""The last row of every screen: the views on their digits, and the kill keys, red, at the right."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from tradebot.tui.lines import Lines
from tradebot.tui.painted import Line, Span

KILLS = (("F8", "HALT", "halt"), ("F9", "CLOSE ALL", "close_all"))

FORMS = ("long", "short", "keys")
"""How the views are named, the widest first; where not even their keys fit they leave, and the kill keys stay."""

BRIEF = {"Signals": "Sig", "Account": "Acc", "Ghost": "Gho", "Report": "Rep", "Ready": "Rea"}
"""What views are called where room is short."""

Tab = tuple[str, str, str]
"""A view's key, its name and its mode."""


class KeyBar(Lines):
    """Names the keys; a click on one is the key."""

    def __init__(self, tabs: Sequence[Tab]) -> None:
        super().__init__(classes="row")
        self._tabs = tuple(tabs)
        self._mode = ""

    def tell(self, mode: str, tabs: Sequence[Tab] | None = None) -> None:
        """Show the bar with the view that is on screen marked; ``tabs`` are the views from now on."""
        self._mode = mode
        self._tabs = self._tabs if tabs is None else tuple(tabs)
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
            labels = {_label(key, name, short=short) for short in (False, True)}
            if text.strip("[]") in {key, *labels}:
                self.app.call_later(self.app.run_action, f"view('{mode}')")


def key_line(tabs: Sequence[Tab], mode: str, width: int) -> Line:
    """Return the bar for ``width`` columns; where room is short keys stand close, then alone, then leave."""
    kills: list[Span] = []
    for key, name, _ in KILLS:
        kills.append((f" {key} {name}" if not kills else f"  {key} {name} ", "alarm"))
    room = width - _width(kills)
    forms = (_views(tabs, mode, form) for form in FORMS)
    views: Sequence[Span] = next((form for form in forms if _width(form) <= room), ())
    return (*views, (" " * (room - _width(views)), ""), *kills)


def _width(spans: Sequence[Span]) -> int:
    return sum(len(text) for text, _ in spans)


def _views(tabs: Sequence[Tab], mode: str, form: str) -> list[Span]:
    spans: list[Span] = []
    for key, name, of in tabs:
        text = key if form == "keys" else _label(key, name, short=form == "short")
        here = of == mode
        # brackets, not colour alone, say where one is
        spans.append((f"[{text}]" if here else text, "key" if here else "dim"))
        spans.append(("" if form == "keys" or (form == "short" and here) else " ", ""))
    return spans


def _label(key: str, name: str, *, short: bool) -> str:
    """Return a key with its view's name; a sign says by itself what a digit does not."""
    if not short:
        return f"{key} {name}"
    return f"{key}{BRIEF.get(name, name)}" if key.isdigit() else key
