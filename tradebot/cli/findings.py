"""Lines of checks as people read them: the text behind its head, broken at words, below its first word."""

from __future__ import annotations

import textwrap


def wrapped(head: str, text: str, columns: int) -> list[str]:
    """Return the text behind its head, broken at words, the next lines below its first word."""
    return textwrap.wrap(
        text,
        max(columns, len(head) + 30),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
