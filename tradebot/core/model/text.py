"""Text that others wrote, made safe to show.

A strategy's reason, a halt's reason, a file's name or a run's id may hold what a terminal obeys (ESC), what ends a
line of a log, or what turns the reading direction. Every face shows such text through ``escaped``.
"""

from __future__ import annotations

import re
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff]"  # half a character: what a name that is not UTF-8 is read as
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text: str) -> str:
    """Return the text with everything a terminal or a log could take for more than text written out.

    ESC becomes ``\\x1b``, a line break ``\\n``, a byte that was no UTF-8 ``\\xe9``.
    """
    if text.isprintable():  # nothing that is unsafe is
        return text
    return _UNSAFE.sub(_escape, text)


def cleaned(value: Any) -> Any:
    """Return JSON values with all their texts escaped, keys too."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dict):
        return {cleaned(key): cleaned(item) for key, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list) else value


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # one byte of a name, see PEP 383
        code -= 0xDC00
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
