"""What user code prints goes to stderr: stdout is for answers, and nothing else may be in them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

OUT, ERR = 1, 2
PATIENCE_S = 2.0
"""So long an answer waits for user code in other threads."""


class _Stdout:
    """Stdout, which is one for all threads: aside from the first block that is entered to the last that is left."""

    def __init__(self) -> None:
        self._blocks = 0
        self._changed = threading.Condition()
        self._back = contextlib.ExitStack()

    def enter(self) -> None:
        with self._changed:
            if not self._blocks:
                self._back.enter_context(contextlib.redirect_stdout(sys.stderr))
                self._back.enter_context(_descriptor_aside())
            self._blocks += 1

    def leave(self) -> None:
        with self._changed:
            self._blocks -= 1
            if not self._blocks:
                self._back.close()
                self._changed.notify_all()

    @contextlib.contextmanager
    def answer(self) -> Iterator[None]:
        with self._changed:
            if not self._changed.wait_for(lambda: not self._blocks, PATIENCE_S):
                self._back.close()  # better its words among ours than ours among its
            yield


_STDOUT = _Stdout()


@contextlib.contextmanager
def prints_aside() -> Iterator[None]:
    """Send everything written to stdout to stderr while the block runs, in whatever thread.

    Both what goes through ``sys.stdout`` and what goes past it, to the descriptor: compiled code,
    processes it starts. Without one of the two streams the rest still holds.
    """
    _STDOUT.enter()
    try:
        yield
    finally:
        _STDOUT.leave()


def answering() -> contextlib.AbstractContextManager[None]:
    """Have stdout for a command's answer while the block runs: no other thread sends it aside meanwhile.

    One that has is waited for, ``PATIENCE_S`` at most.
    """
    return _STDOUT.answer()


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


__all__ = ["answering", "prints_aside"]
