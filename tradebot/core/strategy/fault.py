"""What went wrong in a strategy, in words and with its place.

A strategy is somebody else's code: even asking its exception for a text may raise.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from tradebot.core.model.frozen import frozen
from tradebot.core.model.text import escaped
from tradebot.core.model.times import iso
from tradebot.core.model.values import Bar

LONGEST = 300
"""Characters of a fault that are told: an exception may carry a whole table."""


@frozen
class Fault:
    """``text`` in one line, with the symbol and the bar; ``file`` and ``line`` where they are known."""

    text: str
    file: str | None = None
    line: int | None = None

    def of(self, strategy: object) -> Fault:
        """Return the fault with the place of the strategy's ``on_bar`` where it has none yet."""
        own = getattr(strategy, "own", strategy)
        code = getattr(getattr(type(own), "on_bar", None), "__code__", None)
        if self.file is not None or code is None:
            return self
        return Fault(self.text, code.co_filename, code.co_firstlineno)

    def __str__(self) -> str:
        """Return ``FILE:LINE: text`` with the file's name alone."""
        if self.file is None:
            return self.text
        name = self.file.replace("\\", "/").rpartition("/")[2]
        return f"{name}:{self.line}: {self.text}"


def raised(error: BaseException, bar: Bar) -> Fault:
    """Return what a strategy raised on a bar. To be called where it was caught."""
    words = spoken(error)
    text = f"{type(error).__name__}: {words}" if words else type(error).__name__
    # the first frame is the caller's own
    file, line = _place(None if error.__traceback__ is None else error.__traceback__.tb_next)
    return Fault(f"{text} ({_on(bar)})", file, line)


def returned(value: object, bar: Bar) -> Fault:
    """Return what is wrong with an answer that is no Signal."""
    return Fault(f"returned {spoken(value, repr)}, which is no Signal ({_on(bar)})")


def misread(error: BaseException, bar: Bar) -> Fault:
    """Return what is wrong with a Signal whose parts cannot be read."""
    return Fault(f"returned a signal with {spoken(error)} ({_on(bar)})")


def too_early(symbol: str, warmup: int) -> str:
    """Return the words for a signal before the warm-up (bars) is over."""
    return f"{symbol}: a signal before the strategy's warm-up of {warmup} bars is not judged"


def spoken(value: object, say: Callable[[object], str] = str) -> str:
    """Return a value of somebody else's as one line: its own text may raise, or have no end."""
    try:
        words = escaped(" ".join(str.split(say(value))))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return f"a {type(value).__name__} that has no words"
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def _on(bar: Bar) -> str:
    return f"{bar.symbol}, bar of {iso(bar.open_time)}"


def _place(trace: TracebackType | None) -> tuple[str | None, int | None]:
    """Return the innermost line of the file that was called first: the strategy's own."""
    if trace is None:
        return None, None
    file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
    while (trace := trace.tb_next) is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
    return file, line
