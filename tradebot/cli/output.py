"""How a command answers: one ``Result``, shown as JSON for programs or as tables for people.

stdout carries data, stderr talk. Rich is loaded only where a table is drawn.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any

from tradebot.cli.interrupts import settle
from tradebot.cli.streams import give_up, is_lost, say
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.frozen import frozen
from tradebot.core.model.text import escaped

VERSION = 1
"""Version of the JSON envelope."""

WIDE = 200
"""Columns of a table that does not go to a terminal."""

answered: list[bool] = []
"""Not empty once this process has given its answer: a document comes once."""

_COLOUR = re.compile("(\x1b\\[[0-9;]*m)")
_RAW = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON may leave as it is and a terminal may obey."""


@frozen
class ListShape:
    """How one part of the data looks to people: which columns, under which title, what if empty."""

    columns: tuple[str, ...] = ()
    title: str = ""
    empty: str = "none"


@frozen
class Result:
    """A command's answer. ``data`` holds JSON values, Decimals, enums and paths.

    ``text`` replaces the tables for people, ``views`` shape them. With ``error`` the command
    failed and ``data`` says what there is to know anyway.
    """

    command: str
    data: Mapping[str, Any]
    warnings: Sequence[str] = ()
    text: str | None = None
    views: Mapping[str, ListShape] = field(default_factory=dict)
    error: TradebotError | None = None

    @property
    def exit_code(self) -> int:
        """The process's exit code."""
        return 0 if self.error is None else self.error.exit_code


def show(result: Result, *, as_json: bool) -> int:
    """Print a result and return the exit code; a failing one is the command's, whoever listens.

    1 where the command was well but its words could not be written (a full disk). From here on ctrl-c changes nothing.
    """
    settle()
    if as_json:
        return _written(
            result.exit_code,
            lambda: _print_json(result.command, result.data, result.warnings, result.error),
        )
    for warning in result.warnings:
        say(f"warning: {escaped(warning)}")
    word = "error" if result.error is None else "warning"  # one error is told, the command's first
    code = _written(result.exit_code, lambda: _print_result(result), word)
    if result.error is not None:
        _print_error(result.error)
    return code


def fail(command: str, error: TradebotError, *, as_json: bool, warnings: Sequence[str] = ()) -> int:
    """Print an error, as an envelope or in words, and return its exit code; ctrl-c changes that no more."""
    settle()
    if as_json:
        return _written(error.exit_code, lambda: _print_json(command, None, warnings, error))
    for warning in warnings:
        say(f"warning: {escaped(warning)}")
    _print_error(error)
    return error.exit_code


def _written(code: int, write: Callable[[], None], word: str = "error") -> int:
    """Write to stdout and return the exit code.

    ``word`` is what it is called where that fails.
    """
    from tradebot.plugins.aside import answering  # not for --help

    answered.append(True)
    try:
        with answering():
            write()
            sys.stdout.flush()
    except OSError as error:
        lost = is_lost(error, sys.stdout)  # whoever read it has gone, as ``| head`` does
        give_up(sys.stdout)
        if lost:
            return code
        say(f"{word}: the output cannot be written: {error.strerror or error}")
        return code or 1
    return code


def _print_result(result: Result) -> None:
    if result.text is None:
        _print_tables(result)
    elif result.text:
        print(harmless(result.text))  # noqa: T201


def harmless(text: str) -> str:
    """Return a composed text without what a terminal obeys, but for line breaks and colours.

    The last wall: what others wrote was escaped where it was put in.
    """
    parts = _COLOUR.split(text)
    return "".join(
        part if i % 2 else "\n".join(map(escaped, part.split("\n"))) for i, part in enumerate(parts)
    )


def envelope(
    command: str,
    data: Mapping[str, Any] | None,
    warnings: Sequence[str] = (),
    error: TradebotError | None = None,
) -> dict[str, Any]:
    """Return the versioned document that ``--json`` prints."""
    return {
        "version": VERSION,
        "command": command,
        "ok": error is None,
        "data": None if data is None else jsonable(data),
        "warnings": list(warnings),
        "error": None if error is None else _described(error),
    }


def _described(error: TradebotError) -> dict[str, Any]:
    names = ("kind", "message", "hint", "file", "line", "key")
    return {name: getattr(error, name) for name in names}


_AS_THEY_ARE = frozenset({str, int, bool, type(None)})
"""What JSON has as well."""


def jsonable(value: Any) -> Any:
    """Return the value in JSON's types: decimals as plain strings, NaN and infinity as null."""
    if type(value) in _AS_THEY_ARE:  # most values there are; asking for a Mapping is dear
        return value
    if type(value) is dict and _AS_THEY_ARE.issuperset(map(type, value.values())):
        return value
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, Enum):
        return jsonable(value.value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, PurePath) else value


def _decimal(value: Decimal) -> str | None:
    """Return a decimal without exponent, its zeros kept (``5.10`` stays); null when not finite."""
    return format(value, "f") if value.is_finite() else None


def _print_json(
    command: str,
    data: Mapping[str, Any] | None,
    warnings: Sequence[str],
    error: TradebotError | None,
) -> None:
    """Print the envelope row by row: what a year of trades looks like as text is never in memory at once."""
    document = envelope(command, None, warnings, error)
    for piece in _pieces({**document, "data": data}, depth=2):
        sys.stdout.write(piece)
    sys.stdout.write("\n")


def _pieces(values: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Give a document as text in pieces: each value of a mapping, ``depth`` mappings deep, each row of its lists."""
    mark = "{"
    for key, value in values.items():
        yield f"{mark}{_text(str(key))}: "
        mark = ", "
        if depth > 1 and isinstance(value, Mapping):
            yield from _pieces(value, depth - 1)
        elif isinstance(value, list | tuple):
            yield from _rows(value)
        else:
            yield _text(value)
    yield "{}" if mark == "{" else "}"


def _rows(rows: Sequence[Any]) -> Iterator[str]:
    yield "["
    for start in range(0, len(rows), _TOGETHER):
        yield (", " if start else "") + _text(rows[start : start + _TOGETHER])[1:-1]
    yield "]"


_TOGETHER = 100
"""Rows that are made text of at a time."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str).encode


def _text(value: Any) -> str:
    """Return a value as JSON that stdout can say and a terminal does not obey: the rest is escaped."""
    value = jsonable(value)
    text = _encode(value)
    if text.isascii() and "\x7f" not in text:  # nearly every row there is
        return text
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = json.dumps(value, allow_nan=False, default=str)
    return _RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _print_error(error: TradebotError) -> None:
    import typer

    coloured = sys.stderr.isatty()
    word = typer.style("error:", fg="red", bold=True) if coloured else "error:"
    say(f"{word} {escaped(str(error))}")
    if error.hint:
        say(f"hint: {escaped(error.hint)}")


def _print_tables(result: Result) -> None:
    """Print single values first, then one table for each list of rows."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDE)
    values = {k: v for k, v in result.data.items() if not isinstance(v, list | tuple | Mapping)}
    tables = {k: v for k, v in result.data.items() if k not in values}
    if values:
        console.print(_pairs(values, ListShape()))
    for name, part in tables.items():
        view = result.views.get(name, ListShape())
        if not part:
            console.print(view.empty, markup=False)
        elif isinstance(part, Mapping):
            console.print(_pairs(part, view))
        else:
            console.print(_table(part, view))


def _pairs(values: Mapping[str, Any], view: ListShape) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, title=view.title or None, title_justify="left")
    names = view.columns or tuple(values)
    for name in names:
        table.add_row(Text(_label(name), "dim"), Text(cell(values.get(name))))
    return table


def _table(rows: Sequence[Any], view: ListShape) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, title=view.title or None, title_justify="left")
    records = [row if isinstance(row, Mapping) else {"": row} for row in rows]
    names = view.columns or tuple(dict.fromkeys(key for row in records for key in row))
    for name in names:
        numeric = any(is_number(row.get(name)) for row in records)
        table.add_column(_label(name), justify="right" if numeric else "left", overflow="fold")
    for row in records:
        table.add_row(*(Text(cell(row.get(name))) for name in names))
    return table


def _label(name: str) -> str:
    """Return a key as a heading: ``pnl_pct`` -> ``pnl %``."""
    text = name.removesuffix("_pct")
    return text.replace("_", " ") + (" %" if text != name else "")


def is_number(value: Any) -> bool:
    """Return whether a cell holds a number, so that its column goes to the right."""
    if isinstance(value, str):
        return value.lstrip("+-").replace(".", "", 1).isdigit()
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def cell(value: Any) -> str:
    """Return a value for people: ``-`` for unknown, yes and no, lists with commas."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(cell(item) for item in value) or "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={cell(item)}" for key, item in value.items()) or "-"
    if isinstance(value, float):
        return f"{value:.8g}"
    return escaped(str(jsonable(value)))


__all__ = ["VERSION", "ListShape", "Result", "envelope", "fail", "show"]
