"""The only ticket a broker takes.

``Approved`` has two makers, both in ``gate``: ``check`` for entries and ``close`` for protection. The seal
below keeps everyone else from making one by accident; an architecture test keeps them from trying.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Final

from tradebot.core.model.frozen import frozen
from tradebot.core.model.values import Order


class Seal:
    """Held by the gate alone."""


SEAL: Final = Seal()


@dataclass(frozen=True, slots=True)
class Approved:
    """An order the gate let through, with the epoch it was approved in.

    The sender drops an entry whose epoch is no longer the engine's: a halt came in between.
    """

    order: Order
    epoch: int
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        if seal is not SEAL:
            raise TypeError("only gate.check and gate.close make an Approved")


@frozen
class Refusal:
    """One rule's no: ``rule`` is its short name, ``text`` says it with the numbers."""

    rule: str
    text: str


@frozen
class Refused:
    """All the reasons why an order may not leave."""

    reasons: tuple[Refusal, ...]
