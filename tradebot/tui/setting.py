"""What the screens are told once, and why they were left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tradebot.app.supervision import Supervision
from tradebot.clock import SYSTEM
from tradebot.config import Config

ANSWER_S = 5.0
"""Seconds for the engine to answer a command."""


@dataclass(frozen=True, slots=True)
class Exit:
    """Why the screen was left. ``direct``: the engine of this process hangs and its ``run`` must be closed without it.

    ``hung``: it hangs, and nobody did anything about it.
    """

    why: Literal["quit", "signal", "direct", "hung"]
    signal: int = 0
    run: str | None = None


@dataclass(frozen=True, slots=True)
class AtStake:
    """What a live start puts at stake: ``equity`` in USDT, the live ``limits`` as texts by their keys; ``stage`` is None where none binds.

    ``word`` has to be typed, and ``token`` then starts it; ``open`` is what is open of ours: that is protected without one.
    """

    account: str
    stage: int | None
    symbols: Sequence[str]
    strategy: str
    equity: Decimal
    limits: Mapping[str, str]
    token: str
    word: str
    open: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What the app is told once.

    ``who`` goes on record with every command. ``clock`` is the real time in UTC milliseconds, ``seconds``
    one that only goes forward. ``ended`` says in words how the engine of this process ended, None while it
    runs; it is itself None where the engine is another process, ``hung`` for how many seconds it has made no
    progress, and ``patience_s`` after how many of them the screen is left (None: never). ``start`` starts an engine beside this one, ``start_live`` one with real orders, by the token of
    ``check_live``, which goes through the checklist. ``listen`` takes who is to be told of signals. ``supervision`` asks whether
    somebody is there, where the engine of this process has to be watched.
    """

    config: Config
    who: str
    run: str | None = None
    clock: Callable[[], int] = SYSTEM.wall_ms
    seconds: Callable[[], float] = SYSTEM.monotonic
    ended: Callable[[], str | None] | None = None
    start: Callable[[], str] | None = None
    check_live: Callable[[], AtStake] | None = None
    start_live: Callable[[str], str] | None = None
    hung: Callable[[], float] | None = None
    patience_s: float | None = None
    listen: Callable[[Callable[[int], None]], None] | None = None
    supervision: Supervision | None = None
