"""How the connections of a run stand, by whoever of its prices and its broker has any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from tradebot.core.model.documents import LinksDocument


@runtime_checkable
class Linked(Protocol):
    """Prices or a broker that can tell how their connections stand."""

    def links(self) -> LinksDocument:
        """Return ``ages`` of streams (ms; None: away), ``banned_until`` (real clock, UTC ms) and what else people may want to see."""
        ...


def links_of(*parts: object) -> Callable[[], LinksDocument] | None:
    """Return what tells how the connections of these parts stand; None where none has any."""
    linked = [part for part in parts if isinstance(part, Linked)]
    return partial(_joined, linked) if linked else None


def _joined(parts: Sequence[Linked]) -> LinksDocument:
    found = LinksDocument(ages={})
    for part in parts:
        told = part.links()
        found = {**found, **told, "ages": found["ages"] | told["ages"]}
    return found
