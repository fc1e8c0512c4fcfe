"""Two JSON values compared by shape: names, types, the form of numbers in strings, orders of magnitude."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def form(value: Any) -> str:
    """The form of one scalar: its JSON type, for a number in a string its decimals."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        _, _, decimals = value.partition(".")
        return f"number.{len(decimals)}"
    return type(value).__name__


def differences(recorded: Any, made: Any, path: str = "") -> Iterator[str]:
    """Yield ``path: what differs``; lists are compared by their first elements."""
    if isinstance(recorded, dict) and isinstance(made, dict):
        for name in recorded.keys() | made.keys():
            inner = f"{path}.{name}" if path else name
            if name not in made:
                yield f"{inner}: missing"
            elif name not in recorded:
                yield f"{inner}: not in the recording"
            else:
                yield from differences(recorded[name], made[name], inner)
    elif isinstance(recorded, list) and isinstance(made, list):
        if recorded and made:
            if all(not isinstance(item, dict | list) for item in recorded) and len(recorded) > 2:
                for index, (one, other) in enumerate(zip(recorded, made, strict=False)):
                    yield from differences(one, other, f"{path}[{index}]")
                if len(recorded) != len(made):
                    yield f"{path}: {len(made)} columns, recorded {len(recorded)}"
            else:
                yield from differences(recorded[0], made[0], f"{path}[]")
    elif form(recorded) != form(made):
        yield f"{path}: {form(made)}, recorded {form(recorded)}"
    elif isinstance(recorded, int) and not isinstance(recorded, bool):
        yield from _magnitude(recorded, made, path)


def _magnitude(recorded: int, made: int, path: str) -> Iterator[str]:
    """A time must look like one, an id like an id: within three digits of the recorded length."""
    if abs(len(str(recorded)) - len(str(made))) > 3 and min(recorded, made) > 0:
        yield f"{path}: {made}, recorded {recorded}"
