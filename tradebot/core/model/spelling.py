"""What somebody meant who wrote a word that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIKE = 0.6
"""How alike two words have to be, from 0 to 1, for one to be taken for the other misspelt."""


def nearest(word: str, known: Iterable[str], like: float = LIKE) -> str | None:
    """Return the known word most like ``word``, None if none is like enough."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=like)
    return found[0] if found else None


def question(near: str) -> str:
    """Return how the user is asked whether that was meant."""
    return f"did you mean {near}?"


def meant(word: str, known: Iterable[str], otherwise: str | None = None, like: float = LIKE) -> str:
    """Return the hint for a word that does not exist: the one that was meant.

    Where no known word is like it: ``otherwise``, or without that the list of the known ones.
    """
    words = list(known)
    near = nearest(word, words, like)
    if near is not None:
        return question(near)
    return f"known: {', '.join(words) or 'none'}" if otherwise is None else otherwise
