"""How a person's name and words are compared and counted: by what can be read of them."""

from __future__ import annotations

import unicodedata

UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters without a picture that are of no category of such: joiners, fillers, the empty Braille cell."""


def folded(name: str) -> str:
    """Return a name as it is compared: case, space, how letters are composed and what cannot be seen make no other person."""
    once = unicodedata.normalize("NFKD", name).casefold()
    return unicodedata.normalize("NFKC", "".join(filter(_is_seen, once)))


def seen(text: str) -> str:
    """Return what can be read of a text, its words one space apart."""
    return " ".join("".join(filter(_is_seen, word)) for word in text.split()).strip()


def _is_seen(letter: str) -> bool:
    marker = 0xFE00 <= ord(letter) <= 0xFE0F or 0x180B <= ord(letter) <= 0x180F
    marker = marker or 0xE0100 <= ord(letter) <= 0xE01EF
    return unicodedata.category(letter)[0] not in "CZ" and letter not in UNSEEN and not marker
