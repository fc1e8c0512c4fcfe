"""Text that others wrote, made safe to show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.text import cleaned, escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("EMA20 crossed ▲ above — 60 °C", "EMA20 crossed ▲ above — 60 °C"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("one\ntwo\r\n\tthree", "one\\ntwo\\r\\n\\tthree"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("long \u202etrohs\u2066\u200f", "long \\u202etrohs\\u2066\\u200f"),
        ("\u2028\u061c", "\\u2028\\u061c"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text(st.characters(), max_size=20))
def test_what_comes_out_is_harmless_and_stays_as_it_is(text: str) -> None:
    shown = escaped(text)
    assert escaped(shown) == shown
    shown.encode()
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in shown)
    assert not any(unicodedata.bidirectional(char) in BIDI for char in shown)


BIDI = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")


def test_all_texts_of_a_document() -> None:
    document = {"a\n": ["\x1b", 1, None, {"b": "\x85"}], "c": 2.5}
    assert cleaned(document) == {"a\\n": ["\\x1b", 1, None, {"b": "\\x85"}], "c": 2.5}
