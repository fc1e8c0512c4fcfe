"""The commented bot.toml that comes with the package, and filling it in.

``bot.toml.example`` beside this file is the one place where every key is explained; in the repository's root
it is a link to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from tradebot.config.model import written

EXAMPLE = "bot.toml.example"

_HEAD = re.compile(r"\A# tradebot's configuration\..*?(?=\n#\n)", re.DOTALL)
_SECTION = re.compile(r"^\[(?P<name>.+)\]$", re.MULTILINE)


def example() -> str:
    """Return the commented configuration with every key at its default."""
    return (files("tradebot.config") / EXAMPLE).read_text(encoding="utf-8")


def filled(values: Mapping[str, Any], params: Iterable[str] = ()) -> str:
    """Return a bot.toml with these dotted keys set and everything else as comments.

    ``params`` are the lines of ``[strategy.params]``, for another strategy than the example's; none
    keeps the example's. KeyError for a key the example does not have.
    """
    text = _HEAD.sub(
        "# tradebot's configuration, made by `tradebot init`. A key behind a # shows its default;\n"
        "# remove the # to change it.",
        example(),
    )
    lines = list(params)
    if lines:
        text = _with_section(text, "strategy.params", "\n".join(lines))
    for key, value in values.items():
        text = _with_key(text, key, written(value))
    return text


def _span(text: str, section: str) -> tuple[int, int]:
    """Return where the body of a section begins and ends."""
    heads = list(_SECTION.finditer(text))
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        if head["name"] == section:
            return head.end(), following.start() if following else len(text)
    raise KeyError(section)


def _with_section(text: str, section: str, body: str) -> str:
    start, end = _span(text, section)
    return f"{text[:start]}\n{body}\n\n{text[end:]}"


def _with_key(text: str, key: str, value: str) -> str:
    section, _, name = key.rpartition(".")
    start, end = _span(text, section)
    line = re.compile(rf"^#?{re.escape(name)} = .*$", re.MULTILINE)
    body, found = line.subn(lambda _: f"{name} = {value}", text[start:end], count=1)
    if not found:
        raise KeyError(key)
    return text[:start] + body + text[end:]


__all__ = ["example", "filled"]
