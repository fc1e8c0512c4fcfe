"""Dialogs: a frame in the middle of the screen; the harmless button has the focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button

from tradebot.tui.lines import Lines
from tradebot.tui.painted import Line

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """A frame with lines of text and what the subclass adds; esc dismisses it with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]

    hint = ""

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self.heading = title
        self.lines = list(lines)

    def compose(self) -> ComposeResult:
        """Put the frame around it."""
        with Vertical(id="frame") as frame:
            frame.border_title = self.heading
            frame.border_subtitle = self.hint
            yield Lines(self.lines, id="text", classes="auto")
            yield from self.below()

    def below(self) -> ComposeResult:
        """Yield what stands below the text."""
        yield from ()


class Question(Dialog[bool]):
    """Asks yes or no. ``again`` is the key that asked: pressed once more it means yes."""

    AUTO_FOCUS = "#cancel"

    def __init__(self, title: str, lines: Sequence[Line], yes: str, again: str = "") -> None:
        super().__init__(title, lines)
        self.yes = yes
        self.again = again

    def below(self) -> ComposeResult:
        """Yield the two buttons, the harmless one first."""
        with Horizontal(id="buttons"):
            yield Button("Cancel", id="cancel")
            yield Button(self.yes, id="yes", variant="error")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "yes")

    def key_y(self) -> None:
        """Answer yes."""
        self.dismiss(True)

    def key_n(self) -> None:
        """Answer no."""
        self.dismiss(False)

    def on_key(self, event: object) -> None:
        """Take the key that asked for a yes."""
        if self.again and getattr(event, "key", "") == self.again:
            self.dismiss(True)
