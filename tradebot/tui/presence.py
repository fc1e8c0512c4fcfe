"""Whether somebody is there: the question that a watched start asks, and the key that answers it."""

from __future__ import annotations

from textual.events import Key

from tradebot.app.supervision import Supervision

KILLING = ("f8", "f9", "ctrl+c", "ctrl+q")
"""Keys that do what they do, whatever is asked."""

LATE = "NOBODY ANSWERED: no entries. 6 r resumes."


class Presence:
    """Asks for a key, and takes it; ``supervision`` is None where nobody has to be there."""

    def __init__(self, supervision: Supervision | None) -> None:
        self._supervision = supervision

    def asks(self) -> str:
        """Return the question in words, "" while it is not asked."""
        left = None if self._supervision is None else self._supervision.asks_s
        if left is None:
            return ""
        return f"ARE YOU THERE? Press any key: else no entries in {left:.0f} s" if left else LATE

    def takes(self, key: Key, *, typing: bool) -> bool:
        """Take a key for an answer while it is asked; return whether it means nothing else.

        A kill key does what it does as well, and so does every key ``typing`` in a dialog.
        """
        if self._supervision is None or self._supervision.asks_s is None:
            return False
        self._supervision.answer()
        return key.key not in KILLING and not typing


__all__ = ["KILLING", "LATE", "Presence"]
