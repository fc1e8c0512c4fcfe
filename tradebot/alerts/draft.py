"""An alert before its frame: what happened, and what tells it apart from others of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from tradebot.core.model.frozen import frozen


@frozen
class Draft:
    """What is to be told: kind, the first line, what distinguishes it from others of its kind, what to do.

    ``tag`` tells apart what comes from one row; ``data`` are further facts in JSON types.
    """

    kind: str
    head: str
    about: str = ""
    do: str = ""
    tag: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


__all__ = ["Draft"]
