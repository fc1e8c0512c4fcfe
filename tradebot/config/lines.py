"""On which line of a TOML text each key stands: the standard library's parser does not tell.

The text has been parsed before, so the scan need not judge it; it only steps over strings, comments
and brackets. Keys of an inline table or array are not told apart: they stand where it begins.
"""

from __future__ import annotations

import re
import tomllib

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}'  # multi-line strings
    r'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''  # strings
    r"|\#[^\n]*|\n|[\[\]{}=]|[^\"'\#\n\[\]{}=]+",
    re.DOTALL,
)


def key_lines(text: str) -> dict[str, int]:
    """Return the line (from 1) of every table header and key, by dotted name."""
    found: dict[str, int] = {}
    table = ""
    for line, statement in _statements(text):
        if statement.startswith("["):
            table = _dotted(statement.strip("[] \t"))
            found.setdefault(table, line)
        else:
            name = _dotted(statement)
            found.setdefault(f"{table}.{name}" if table else name, line)
    return found


def line_of(key: str, lines: dict[str, int]) -> int | None:
    """Return the line of a dotted key, or of the closest table above it."""
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key)


def _statements(text: str) -> list[tuple[int, str]]:
    """Return the head of every statement (a header, or a key before its ``=``) with its line."""
    out: list[tuple[int, str]] = []
    line, depth, head, in_value = 1, 0, "", False
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "=" and not in_value:
            out.append((line, head))
            in_value = True
        elif not in_value and not token.startswith(("\n", "#")):
            head += token
        elif in_value:
            depth += (token in "[{") - (token in "]}")
        if token == "\n" and depth == 0:
            if not in_value and head.strip().startswith("["):
                out.append((line, head.strip()))
            head, in_value = "", False
        line += token.count("\n")
    if not in_value and head.strip().startswith("["):
        out.append((line, head.strip()))
    return out


def _dotted(key: str) -> str:
    """Return a key as it was written without quotes and spaces around its dots."""
    try:
        table = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return key.strip()
    names = []
    while isinstance(table, dict):
        ((name, table),) = table.items()
        names.append(name)
    return ".".join(names)
