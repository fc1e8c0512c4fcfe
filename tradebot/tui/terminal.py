"""The terminal under the screen: what comes from it may be anything, and it may go away.

The library's driver ends the whole screen on a byte that is not UTF-8, reads on from a terminal that is gone, and
stops for ever when it can write no more. A bot is left alone with its terminal for weeks: here strange bytes are
dropped, and a terminal that has gone is told, once.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import select
import selectors
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from tradebot.plugins.aside import answering

LOOK_S = 0.1
"""Seconds between two looks at whether the driver is to end."""

CHUNK = 4096

X10 = re.compile(rb"\x1b\[M.{3}", re.DOTALL)
"""A mouse report of the old kind: three raw bytes follow. Terminals send them after a re-attach."""

CUT_X10 = re.compile(rb"\x1b\[M.{0,2}\Z", re.DOTALL)


class Bytes:
    """Turns what a terminal sends into text: without old mouse reports and bytes that are no UTF-8."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="ignore").decode
        self._rest = b""

    def take(self, data: bytes) -> str:
        """Return the text of the next bytes; a report that was cut off waits for its end."""
        data = X10.sub(b"", self._rest + data)
        cut = CUT_X10.search(data)
        self._rest = data[cut.start() :] if cut else b""
        return self._decode(data[: cut.start()] if cut else data)

    def pause(self) -> None:
        """Nothing came for a while: what was cut off is not going on."""
        self._rest = b""


class Outlet:
    """The way to the terminal: never raises, and never blocks for good.

    A terminal can stop taking what is written (a connection that hangs, a full pty), so it is opened once
    more in a mode in which a write waits only as long as we want. After ``hurry`` what it does not take
    at once is dropped, and so is everything once it has gone; ``gone`` is told of that, once.
    """

    def __init__(self, file: TextIO) -> None:
        self.gone: Callable[[], None] = lambda: None
        self.encoding = file.encoding
        self._hurried = threading.Event()
        self._lost = False
        self._fd = _opened_again(file.fileno())

    def hurry(self) -> None:
        """Leave soon: what cannot be written at once is not worth waiting for."""
        self._hurried.set()

    def write(self, text: str) -> None:
        """Write a text, or drop it."""
        data = text.encode(self.encoding, "replace")
        while data and not self._lost:
            try:
                if self._ready():
                    data = data[os.write(self._fd, data[:CHUNK]) :]
                elif self._hurried.is_set():
                    return
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                self._lost = True
                self.gone()

    def flush(self) -> None:
        """Nothing waits here."""

    def fileno(self) -> int:
        """Return the descriptor that is written to."""
        return self._fd

    def isatty(self) -> bool:
        """Return True: it is one, or was."""
        return True

    def close(self) -> None:
        """Let go of it."""
        self._lost = True
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _ready(self) -> bool:
        return bool(select.select([], [self._fd], [], LOOK_S)[1])


def _opened_again(fd: int) -> int:
    """Return a descriptor of the same terminal with flags of its own, so that no other reader is touched."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return os.dup(fd)


@contextlib.contextmanager
def alone(log: Path) -> Iterator[Outlet]:
    """Give the terminal to the screen alone: all else that is written to stdout and stderr goes to a file.

    That is the strategy's code, past any redirection too, and what the library says when it fails. Where the
    file's folder is not there yet it goes nowhere.
    """
    assert sys.__stderr__ is not None
    outlet = Outlet(sys.__stderr__)
    target = log if log.parent.is_dir() else os.devnull
    into = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with answering():  # who leaves a block of its own later would bring the terminal back
        kept = [(fd, os.dup(fd)) for fd in (1, 2)]
        _flush()
        for fd, _ in kept:
            os.dup2(into, fd)
    os.close(into)
    try:
        yield outlet
    finally:
        with answering():
            _flush()
            for fd, old in kept:
                os.dup2(old, fd)
                os.close(old)
        outlet.close()


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


class TerminalDriver(LinuxDriver):
    """The library's driver with a hardened input and output.

    The app has an ``outlet`` and is told by ``terminal_gone``, in its own loop.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._told = threading.Event()
        outlet: Outlet = app.outlet
        outlet.gone = self._gone
        self._outlet = outlet
        self._file = outlet  # type: ignore[assignment]

    def _get_terminal_size(self) -> tuple[int, int]:
        """Ask the terminal itself: stdout, which the library asks, is a file meanwhile."""
        with contextlib.suppress(OSError, ValueError):
            width, height = os.get_terminal_size(self._outlet.fileno())
            if width and height:
                return width, height
        return super()._get_terminal_size()

    def run_input_thread(self) -> None:
        """Read until the driver ends or the terminal has gone."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            text, parser = Bytes(), XTermParser(self._debug)
            while not self.exit_event.is_set():
                try:
                    if not self._read(selector, text, parser):
                        self._gone()
                        return
                except (ParseError, EOFError):  # nonsense in a sequence: begin anew after it
                    parser = XTermParser(self._debug)

    def _read(self, selector: selectors.BaseSelector, text: Bytes, parser: XTermParser) -> bool:
        """Take what comes next; False when nothing ever will."""
        if not selector.select(LOOK_S):
            text.pause()
            self._pass_on(parser.tick())
            return True
        try:
            data = os.read(self.fileno, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if data and (said := text.take(data)):
            self._pass_on(parser.feed(said))
        return bool(data)

    def _pass_on(self, events: Any) -> None:
        for event in events:
            self.process_message(event)

    def _gone(self) -> None:
        """Tell the app, once and in its own loop, that there is no terminal any more."""
        if not self._told.is_set():
            self._told.set()
            app: Any = self._app
            with contextlib.suppress(RuntimeError):  # the loop has ended: it is leaving anyway
                self._loop.call_soon_threadsafe(app.terminal_gone)
