"""Ctrl-c in a command: it interrupts what is being worked out, and nothing once the answer is decided.

What is left to do then (printing, the interpreter's own end) must not turn an exit code that somebody acts on into
that of a killed process.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def settle() -> None:
    """The answer is decided: ignore ctrl-c from now on, to the last moment of the process.

    Ignored for good and not by a handler of ours: the interpreter's end takes handlers away before it is over.
    KeyboardInterrupt where one came before.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def settle_interrupted() -> None:
    """The answer is that it was interrupted; another press, on its way to here, adds nothing to that."""
    while True:
        try:
            return settle()
        except KeyboardInterrupt:
            continue


@contextmanager
def heard_again() -> Iterator[None]:
    """Give ctrl-c back on leaving: to a caller that goes on after the command."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


__all__ = ["heard_again", "settle", "settle_interrupted"]
