"""Ctrl-c in a command: it interrupts what is being worked out, and nothing once the answer is decided.

What is left to do then (printing, the interpreter's own end) must not turn an exit code that somebody acts on into
that of a killed process.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType


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


@contextmanager
def outlasting() -> Iterator[Callable[[], None]]:
    """Have TERM do what ctrl-c does; what is yielded has a lost terminal (HUP) end nothing from then on.

    Once an answer is decided neither changes it. In a thread, and where there is no such signal, nothing happens.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGHUP"):
        yield lambda: None
        return
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]
    decided = (
        signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    )  # what it means once it is ignored
    signal.signal(signal.SIGTERM, partial(_as_ctrl_c, decided))
    try:
        yield lambda: _ignore(signal.SIGHUP)
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _as_ctrl_c(decided: bool, _: int, frame: FrameType | None) -> None:
    """Do what ctrl-c would; a shell has it ignored in what it starts in the background, and TERM ends that all the same."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.SIG_IGN and decided:
        return
    if not callable(handler):
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


def _ignore(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)


__all__ = ["heard_again", "outlasting", "settle", "settle_interrupted"]
