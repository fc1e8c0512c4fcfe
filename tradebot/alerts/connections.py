"""The connections of one send, to be ended from outside.

Who waits for a byte has patience anew with each that comes: a server that answers one now and then would have a thread for
ever. Libraries connect as they like, so what a thread connects is heard of where Python itself does it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

_THREAD = threading.local()


class Connections:
    """What one thread has connected to while it works. Ended, they say nothing more, and none is opened any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._ended = False

    @contextmanager
    def of_this_thread(self) -> Iterator[None]:
        """Keep what this thread connects while the block runs."""
        _listen()
        _THREAD.connections = self
        try:
            yield
        finally:
            del _THREAD.connections
            with self._lock:
                for one in self._open:
                    one.close()
                self._open.clear()

    def add(self, connecting: socket.socket) -> None:
        """Keep a handle of one that is about to be made; TimeoutError where they were ended."""
        with self._lock:
            if self._ended:
                raise TimeoutError("the whole of it took too long")
            # of its own, since a layer of TLS takes the other one over
            self._open.append(socket.socket(fileno=os.dup(connecting.fileno())))

    def end(self) -> None:
        """End them: whoever waits for one goes on at once."""
        with self._lock:
            self._ended = True
            for one in self._open:
                with suppress(OSError):  # it has ended already
                    one.shutdown(socket.SHUT_RDWR)


@cache
def _listen() -> None:
    """Hear of what is connected, from now on: it cannot be taken back."""
    sys.addaudithook(_hear)


def _hear(event: str, values: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        connections = getattr(_THREAD, "connections", None)
        if connections is not None:
            connections.add(values[0])


__all__ = ["Connections"]
