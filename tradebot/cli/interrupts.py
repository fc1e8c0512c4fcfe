"""Ctrl-c in a command: it interrupts what is being worked out, and nothing once the answer is decided.

What is left to do then (printing, the interpreter's own end) must not turn an exit code that somebody acts on into
that of a killed process.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

_NUMBERS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def settle() -> None:
    """The answer is decided: ignore ctrl-c from now on, to the last moment of the process, and TERM where it does the same.

    Ignored for good and not by a handler of ours: the interpreter's end takes handlers away before it is over.
    KeyboardInterrupt where one came before.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        term = signal.getsignal(signal.SIGTERM)
        if isinstance(term, partial) and term.func is _as_ctrl_c:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def settle_interrupted() -> None:
    """The answer is that it was interrupted; another press, on its way to here, adds nothing to that."""
    while True:
        try:
            return settle()
        except KeyboardInterrupt:
            continue


@contextmanager
def heard_again() -> Iterator[None]:
    """Give the signals back on leaving: to a caller that goes on after the command."""
    before = [(number, signal.getsignal(number)) for number in _NUMBERS]
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before:
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


def hear_term() -> None:
    """Have TERM do what ctrl-c does, to the last moment of the process; in a thread nothing happens."""
    if threading.current_thread() is threading.main_thread():
        decided = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN  # what it means once it is
        signal.signal(signal.SIGTERM, partial(_as_ctrl_c, decided))


def outlast() -> None:
    """Have a lost terminal (HUP) end nothing from now on; nothing happens in a thread, or where there is no such signal."""
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _as_ctrl_c(decided: bool, _: int, frame: FrameType | None) -> None:
    """Do what ctrl-c would; a shell has it ignored in what it starts in the background, and TERM ends that all the same."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.SIG_IGN and decided:
        return
    if not callable(handler):
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


__all__ = ["hear_term", "heard_again", "outlast", "settle", "settle_interrupted"]
