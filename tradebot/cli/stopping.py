"""Ending a hosted run: signals from the first line to the last, and an engine that does not answer.

The first signal asks for an orderly stop. An engine whose strategy never returns cannot give one: then a second
ctrl-c, or five seconds after a TERM, ends the process without it; what is journalled stays. Where nobody asks and
nobody looks on, a watchdog ends it, so that a supervisor can start it again.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from tradebot.app.host import PaperHost
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import TradebotError

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")

LOOK_S = 0.1
"""Seconds between two looks at whether the engine has ended."""

PATIENCE_S = 5.0
"""Seconds without progress, after somebody wants it to stop, in which an engine is given up."""

AGAIN_S = 1.0
"""The same where ctrl-c was pressed twice: an engine that is just writing its last batch finishes that."""

TWICE_S = 3.0
"""Seconds within which a second press of ctrl-c means that all is to stay as it is, at once."""

INSISTS = 3
"""Presses of ctrl-c that end it whatever it does."""

INTERRUPTED = 130

WATCHDOG = 7
"""The exit code of a process whose watchdog ended its engine."""

WATCHDOG_S = 60.0
"""Seconds without progress after which an engine without a screen is ended (promise 24)."""


class HungError(TradebotError):
    """The engine did not answer the wish to stop; the process ends without it."""

    def __init__(self, still_s: float, code: int) -> None:
        super().__init__(
            f"the engine has not answered for {still_s:.0f} s and was ended without an orderly stop",
            hint="a strategy that does not return? The journal is whole: mend it and go on, or"
            " `tradebot close-all` closes what is open",
        )
        self.exit_code = code


class Signals:
    """INT, TERM and HUP while it is entered; ``caught`` are the numbers so far.

    ``insists`` says whether ctrl-c was pressed twice within ``TWICE_S``. ``listener`` is told of each. Without one nothing runs yet and they do what they always do. Once the process
    is stopping a HUP means nothing more.
    """

    def __init__(self) -> None:
        self.caught: list[int] = []
        self.since = 0.0
        self.insists = False
        self._pressed = -TWICE_S
        self._listener: Callable[[int], None] | None = None
        self._before: list[tuple[int, signal.Handlers | int | Callable[..., object] | None]] = []

    def __enter__(self) -> Signals:
        numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
        self._before = [(number, signal.signal(number, self._take)) for number in numbers]
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before:
            if (
                signal.getsignal(number) == self._take
            ):  # else the answer is out, and nothing is heard any more
                signal.signal(number, signal.SIG_DFL if before is None else before)

    def listen(self, listener: Callable[[int], None]) -> None:
        """Tell somebody else from now on, of what has come before too."""
        self._listener = listener
        if self.caught:
            listener(self.caught[0])

    def over(self) -> None:
        """The run has ended: ctrl-c interrupts what is still printed, and nothing else matters.

        One that was stopped with ctrl-c has an answer to give: a second press is still about the run, the third
        about the answer.
        """
        stopped = self.presses > 0
        self._listener = lambda number: _interrupt(number, not stopped or self.presses >= INSISTS)

    @property
    def presses(self) -> int:
        """How often ctrl-c was pressed."""
        return self.caught.count(signal.SIGINT)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._listener is None:
            _as_always(number)
        if self.caught and number == getattr(signal, "SIGHUP", None):
            return
        self.caught.append(number)
        now = SYSTEM.monotonic()
        self.since = self.since or now
        if number == signal.SIGINT:
            self.insists = self.insists or now - self._pressed <= TWICE_S
            self._pressed = now
        if self._listener is not None:
            self._listener(number)


def _interrupt(number: int, meant: bool) -> None:
    if number == signal.SIGINT and meant:
        raise KeyboardInterrupt


def _as_always(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def stop_or_keep(host: PaperHost, signals: Signals, number: int) -> None:
    """Ask for an orderly stop; one who presses ctrl-c twice will not wait for what is still to be settled or closed."""
    host.stop(f"signal {signal.Signals(number).name}")
    if signals.insists:
        host.keep()


def until_ended(
    host: PaperHost,
    signals: Signals,
    each: Callable[[], object] = lambda: None,
    since: float | None = None,
) -> None:
    """Wait until the engine's run has ended, or ``each``, called at every look, returns something true.

    ``since`` says when it was asked to stop (monotonic seconds), where that was no signal. Raises HungError when
    it makes no progress although it was asked, or for ``WATCHDOG_S``.
    """
    told = False
    while not host.wait(LOOK_S) and not each():
        asked = signals.since if signals.caught else since
        if asked is None:
            if host.hung >= WATCHDOG_S and host.working:
                raise HungError(host.hung, WATCHDOG)
            continue
        still = min(host.still, SYSTEM.monotonic() - asked)
        if _given_up(signals, still):
            raise HungError(host.still, INTERRUPTED if signals.presses else 1)
        if signals.caught == [signal.SIGINT] and still >= AGAIN_S * 2 and not told:
            told = True
            _say("the engine does not answer; ctrl-c again ends it without an orderly stop")


def _given_up(signals: Signals, still: float) -> bool:
    """Whether an engine that has not moved for so long (seconds) since it was asked is to be waited for no more."""
    if signals.caught == [signal.SIGINT]:
        return False  # a person at the keyboard decides
    if signals.presses > 1 and still >= AGAIN_S:
        return True
    return still >= PATIENCE_S or signals.presses >= INSISTS


def leave_at_once(code: int) -> NoReturn:
    """End the process with a thread in it that never returns: an ordinary exit would wait for it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # closed, or its reader has gone
            continue
    os._exit(code)


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - talk goes to stderr
    except (OSError, ValueError):
        return


__all__ = ["HungError", "Signals", "leave_at_once", "stop_or_keep", "until_ended"]
