"""Dialogs: a frame in the middle of the screen; the harmless button has the focus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Button

from tradebot.tui.keybar import KeyBar
from tradebot.tui.lines import Wrapped
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
            yield Wrapped(self.lines, id="text")
            yield from self.below()
        yield KeyBar(())  # the kill keys of the view below are dimmed with it; these are not

    def say(self, lines: Sequence[Line]) -> None:
        """Say something else from now on: what it is about has changed."""
        self.lines = list(lines)
        for text in self.query(Wrapped):  # none while it is being built, or taken down
            text.say(self.lines)

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

    def on_key(self, event: Key) -> None:
        """Take the key that asked for a yes; the view below must not take it once more."""
        if self.again and event.key == self.again:
            event.stop()
            event.prevent_default()
            self.dismiss(True)
