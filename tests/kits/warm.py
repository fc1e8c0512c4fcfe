"""Short commands without the half second that Python takes to import them: a process that has, forked for each.

What runs is the command as it is, ``tradebot.__main__.main``, in a process of its own with its own streams,
variables and folder. Only the imports are done beforehand, so a whole run of the sweeps
(``TRADEBOT_FULL=1``) does without, and so do tests of what is imported and of how a process starts.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

OURS = ("TRADEBOT_", "XDG_")
"""Variables that are read when they are needed; a command with others of its own gets a fresh process."""

FULL = os.environ.get("TRADEBOT_FULL") == "1"

NOT_WARM = ("tradebot.tui", "tradebot.__main__")
"""What is imported by the command itself: the screen's library looks at the terminal while it is imported."""


class Warm:
    """Runs commands one after another; its process is started with the first, and ends with this one."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def run(
        self, words: list[str], env: dict[str, str], folder: Path, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run ``tradebot words...`` to its end, as ``subprocess.run`` does; TimeoutExpired as there."""
        if self._socket is None:
            self._socket = self._begin()
        asked = json.dumps([words, env, str(folder)]).encode()
        with TemporaryFile() as out, TemporaryFile() as err:
            head = len(asked).to_bytes(4, "big")
            socket.send_fds(self._socket, [head], [out.fileno(), err.fileno()])
            self._socket.sendall(asked)
            pid = _number(self._socket)
            if not select.select([self._socket], [], [], timeout)[0]:
                os.kill(pid, signal.SIGKILL)
                _number(self._socket)
                raise subprocess.TimeoutExpired(words, timeout)
            code = _number(self._socket)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess(words, code, *texts)

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
                cwd=ROOT,
            )
        atexit.register(self._end)
        return ours

    def _end(self) -> None:
        """Close our end of the socket, which is what the process ends by."""
        if self._socket is not None and self._process is not None:
            self._socket.close()
            self._process.wait(30)


def is_for_warm(env: dict[str, str]) -> bool:
    """Whether a command with these variables of its own may run in a forked process."""
    return not FULL and all(name.startswith(OURS) for name in env)


def _number(source: socket.socket) -> int:
    """Read a number of eight bytes; EOFError where the other end has gone."""
    return int.from_bytes(_exactly(source, 8), "big", signed=True)


def _exactly(source: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        more = source.recv(count - len(read))
        if not more:
            raise EOFError("the warm process has ended")
        read += more
    return read


# -- the warm process ------------------------------------------------------------------------------


def _warm_up() -> None:
    import tradebot

    for found in pkgutil.walk_packages(tradebot.__path__, "tradebot."):
        if not found.name.startswith(NOT_WARM):
            import_module(found.name)
    for name in ("ccxt.pro", "aiosqlite", "pydantic", "typer"):
        import_module(name)
    gc.collect()
    gc.freeze()


def _serve(asker: socket.socket) -> int:
    """Answer until the asker has gone; in a forked process: the exit code of the command."""
    _warm_up()
    while True:
        head, files, _, _ = socket.recv_fds(asker, 4, 2)
        if not head:
            return 0
        asked = json.loads(_exactly(asker, int.from_bytes(head, "big")))
        pid = os.fork()
        if pid == 0:
            asker.close()
            return _command(asked, files)
        for file in files:
            os.close(file)
        asker.sendall(pid.to_bytes(8, "big", signed=True))
        _, state = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(state)
        asker.sendall(code.to_bytes(8, "big", signed=True))


def _command(asked: list[Any], files: list[int]) -> int:
    words, env, folder = asked
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for target, file in zip((1, 2), files, strict=True):
        os.dup2(file, target)
        os.close(file)
    sys.argv = [str(ROOT / "tradebot" / "__main__.py"), *words]
    sys.path[0] = folder  # as ``-m`` has it
    from tradebot.__main__ import main

    return main()


if __name__ == "__main__":
    with suppress(BrokenPipeError, ConnectionResetError):
        sys.exit(_serve(socket.socket(fileno=int(sys.argv[1]))))
