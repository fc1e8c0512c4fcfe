"""A recorded stream as a feed: lines of ``<local ns> <json>`` with depth, bookTicker and trade of a symbol.

Events keep the distances of their exchange times; the first one comes at the start. A recording has no
mark price: the mark is the mid, and the label says so.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO, cast

from tradebot.core.model.errors import DataError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.values import Bar, Quote
from tradebot.venue.bus import Depth, Tick, Trade

_HINT = "record it anew, or cut the file before this line"


class RecordingFeed:
    """Plays a recording from ``start`` (UTC ms). The file is looked through first: DataError when it is bad."""

    trades = True

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self.first, self.lines, name = _look_through(path)
        known = {symbol.replace("/", ""): symbol for symbol in INSTRUMENTS}
        if name not in known:
            raise DataError(
                f"records {name}, which is not listed here",
                file=str(path),
                hint=f"symbols are {', '.join(known)}",
            )
        self._symbol = known[name]
        self.symbols: tuple[str, ...] = (self._symbol,)
        self.label = f"recording {path.name} (mark = mid)"
        self._shift = start - self.first

    def history(self) -> Iterable[Bar]:
        """Return nothing: what was before the recording is not known."""
        return ()

    def ticks(self) -> Iterator[Tick]:
        """Yield the events in the order they were received."""
        with _opened(self._path) as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    tick = self._tick(json.loads(line.split(" ", 1)[1]))
                except (ValueError, KeyError, TypeError, ArithmeticError):
                    raise _bad(self._path, number, "is no message of a stream") from None
                if tick is not None:
                    yield tick

    def _tick(self, message: dict[str, Any]) -> Tick | None:
        stream, data = message.get("stream", ""), message.get("data", message)
        at = int(data["T"]) + self._shift
        if stream.endswith("@bookTicker"):
            return self._quote(data, at)
        if stream.endswith("@trade"):
            return Trade(self._symbol, at, int(data["t"]), data["p"], data["q"], bool(data["m"]))
        if "@depth" in stream:
            return self._depth(data, at)
        if "lastUpdateId" in data:
            last = int(data["lastUpdateId"])
            bids, asks = _rows(data["bids"]), _rows(data["asks"])
            return Depth(self._symbol, at, last, last, last, bids, asks, snapshot=True)
        return None

    def _quote(self, data: dict[str, Any], at: int) -> Quote:
        mark = (Decimal(data["b"]) + Decimal(data["a"])) / 2
        text = (data["b"], data["a"], data["B"], data["A"], f"{mark:f}")
        return Quote(self._symbol, at, at, text, float(mark))

    def _depth(self, data: dict[str, Any], at: int) -> Depth:
        return Depth(
            self._symbol,
            at,
            int(data["U"]),
            int(data["u"]),
            int(data["pu"]),
            _rows(data["b"]),
            _rows(data["a"]),
        )


def _rows(rows: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((price, size) for price, size in rows)


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8"))
    return path.open(encoding="utf-8")


def _look_through(path: Path) -> tuple[int, int, str]:
    """Return the first exchange time (UTC ms), the number of lines and the symbol's name."""
    number, last, first, name = 0, 0, 0, ""
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, start=1):
                received = _received(path, number, line)
                if received < last:
                    raise _bad(path, number, "is earlier than the line above it")
                last = received
                if not name and '"stream"' in line:
                    data = _message(path, number, line)["data"]
                    first, name = int(data["T"]), str(data["s"])
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise _bad(path, number + 1, f"the file is cut short ({error})") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=str(path)) from None
    if not name:
        raise _bad(path, 1, "holds no stream of a symbol")
    return first, number, name


def _received(path: Path, number: int, line: str) -> int:
    stamp, space, _ = line.partition(" ")
    if not space or not stamp.isdecimal():
        raise _bad(path, number, "does not begin with the time it was received at (ns)")
    if not line.rstrip("\n").endswith("}"):
        raise _bad(path, number, "is cut short")
    return int(stamp)


def _message(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        message: dict[str, Any] = json.loads(line.split(" ", 1)[1])
        message["data"]["T"], message["data"]["s"]
    except (ValueError, KeyError, TypeError):
        raise _bad(path, number, "is no message of a stream") from None
    return message


def _bad(path: Path, line: int, what: str) -> DataError:
    return DataError(what, file=str(path), line=line, hint=_HINT)
