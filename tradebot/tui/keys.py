"""The keys, as the bindings have them: the Help view and the README take them from here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.binding import Binding, BindingType

NAMES = {
    "slash": "/",
    "question_mark": "?",
    "escape": "esc",
    "ctrl+p": "ctrl+p",
    "ctrl+c": "ctrl+c",
    "ctrl+q": "ctrl+q",
}

Group = tuple[str, list[tuple[str, str]]]
"""A heading, and under it each key with what it does."""


def described(bindings: Sequence[BindingType]) -> list[tuple[str, str]]:
    """Return the keys of bindings that are meant to be known, each with what it does."""
    known = [one for one in bindings if isinstance(one, Binding) and one.tooltip]
    return [(key_name(one.key), one.tooltip) for one in known]


def key_name(keys: str) -> str:
    """Return a binding's keys as they stand on a keyboard."""
    return " ".join(_one(key) for key in keys.split(","))


def markdown(groups: Iterable[Group]) -> str:
    """Return the keys as a table for the README."""
    rows = ["| key | does |", "|---|---|"]
    rows += [f"| `{key}` | {does} |" for _, keys in groups for key, does in keys]
    return "\n".join(rows)


def _one(key: str) -> str:
    if key.startswith("f") and key[1:].isdigit():
        return key.upper()
    return NAMES.get(key, key)
