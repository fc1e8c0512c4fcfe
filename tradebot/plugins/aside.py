"""What user code prints goes to stderr: stdout is for answers, and nothing else may be in them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

OUT, ERR = 1, 2


@contextlib.contextmanager
def prints_aside() -> Iterator[None]:
    """Send everything written to stdout to stderr while the block runs.

    Both what goes through ``sys.stdout`` and what goes past it, to the descriptor: compiled code,
    processes it starts. Without one of the two streams the rest still holds.
    """
    with contextlib.redirect_stdout(sys.stderr), _descriptor_aside():
        yield


@contextlib.contextmanager
def _descriptor_aside() -> Iterator[None]:
    try:
        kept = os.dup(OUT)
    except OSError:  # closed: nobody reads it, and it is not ours to open
        yield
        return
    try:
        with contextlib.suppress(OSError):
            _flush()
            os.dup2(ERR, OUT)
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            _flush()  # what was printed past the redirection and waits: it belongs to stderr too
        os.dup2(kept, OUT)
        os.close(kept)


def _flush() -> None:
    if sys.__stdout__ is not None:
        sys.__stdout__.flush()


__all__ = ["prints_aside"]
