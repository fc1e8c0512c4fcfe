"""The process's streams: one that is closed, full, or in an encoding that cannot say everything.

The exit code is the command's whatever becomes of its words: nobody listening is no reason to fail, a disk that
is full is one only for who asked for the words.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
import sys
from contextlib import suppress
from typing import TextIO

STREAMS = ("stdin", "stdout", "stderr")

_PLAIN = {
    "─": "-", "━": "-", "═": "=", "│": "|", "┃": "|", "║": "|", "╌": "-", "╴": "-", "╶": "-", "╸": "-", "╺": "-",
    "┄": "-", "┈": "-", "▲": "^", "▼": "v", "→": "->", "←": "<-", "·": ".", "•": "*", "…": "...", "—": "-",
    "–": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "×": "x", "≤": "<=", "≥": ">=", "±": "+-",
    "\N{NO-BREAK SPACE}": " ", "⠀": " ",
}  # fmt: skip
"""What stands in for the signs of tables and plots."""


def stand_in() -> None:
    """Give every closed stream a place, and let none fail at a sign its encoding does not have.

    A file opened later must not get the number of a closed stream: what is printed would go into it.
    """
    codecs.register_error("tradebot.plain", _degrade)
    for number, name in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY
            os.open(os.devnull, flags)  # the lowest free number: the closed one
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None and number:
            reconfigure(errors="tradebot.plain")


def say(text: str) -> None:
    """Print a line of talk; nobody listening any more is no reason to stop."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is where talk is made
    except OSError as error:
        if is_lost(
            error, sys.stderr
        ):  # what waits to be written would be missed at the process's end
            give_up(sys.stderr)
    except ValueError:
        return


def is_lost(error: OSError, stream: TextIO) -> bool:
    """Whether a stream cannot be written because whoever looked at it has gone: a reader, or a terminal."""
    if isinstance(error, BrokenPipeError):
        return True
    with suppress(OSError, ValueError):
        return error.errno == errno.EIO and stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    return False


def give_up(stream: TextIO) -> None:
    """Send what a stream still holds, and all that follows, nowhere: it cannot be written."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _degrade(error: UnicodeError) -> tuple[str, int]:
    """Answer an encoder that lacks a sign: a likeness, else its escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(map(_likeness, found)), error.end


def _likeness(char: str) -> str:
    if char in _PLAIN:
        return _PLAIN[char]
    code = ord(char)
    if 0x2500 <= code <= 0x257F:  # corners and crossings of boxes
        return "+"
    if 0x2580 <= code <= 0x259F or 0x2800 <= code <= 0x28FF:  # blocks and dots of plots
        return "#" if code < 0x2800 else "*"
    return char.encode("ascii", "backslashreplace").decode()
