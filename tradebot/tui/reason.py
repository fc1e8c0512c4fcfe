"""Resuming goes on record: it asks for the reason, and after a week's loss for the written review."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.widgets import Input

from tradebot.tui.dialog import Dialog
from tradebot.tui.painted import Line


@dataclass(frozen=True, slots=True)
class Reason:
    """What was said: the reason, and the review ("" where none was asked for)."""

    text: str
    review: str = ""


class AskReason(Dialog[Reason]):
    """Asks for a reason, and with ``review`` for a review too."""

    AUTO_FOCUS = "#reason"

    def __init__(self, lines: list[Line], *, review: bool) -> None:
        super().__init__("RESUME", lines)
        self._review = review

    def below(self) -> ComposeResult:
        """Yield the fields."""
        yield Input(placeholder="reason, then enter; esc cancels", id="reason")
        if self._review:
            yield Input(placeholder="review: what happened, and what changes", id="review")

    def on_input_submitted(self) -> None:
        """Answer when everything is said; else go where something is missing."""
        for field in self.query(Input):
            if not field.value.strip():
                field.focus()
                return
        review = self.query_one("#review", Input).value.strip() if self._review else ""
        self.dismiss(Reason(self.query_one("#reason", Input).value.strip(), review))
