"""Who sits at the terminal: the name that goes on record with a command."""

from __future__ import annotations

import getpass


def user_name() -> str:
    """Return the user's name, ``unknown`` where the system has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user id without a name, as in containers
        return "unknown"


def legible(text: str) -> str:
    """Return an argument without the bytes that are no text in this locale: no database takes them."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
