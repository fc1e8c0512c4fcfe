"""What a gate says: whether it lets a strategy through to real money, and if not what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tradebot.reports.readiness.stretches import Demand, Stretch, left_out


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A run that does not count, with every reason."""

    run: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What a gate says. ``needed`` and ``have`` are words with figures, ``reasons`` why it does not pass.

    ``runs`` are what it rests on, ``renewed`` by what of live it passes where older evidence would not do; ``todo`` is the next step, ``wait_s`` how long it takes at least until it can pass (None: unknown).
    """

    gate: str
    ok: bool
    needed: str
    have: str
    reasons: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    todo: str = ""
    wait_s: int | None = None
    renewed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sorted:
    """Stretches that count, and runs that do not."""

    counted: tuple[Stretch, ...]
    left_out: tuple[LeftOut, ...]


def sort_out(
    stretches: Sequence[Stretch],
    mode: str,
    demand: Demand,
    more: Callable[[Stretch], Iterable[str]] = lambda _: (),
) -> Sorted:
    """Return the stretches of a mode that count for real money, and those that do not with their reasons.

    ``more`` says what else speaks against one.
    """
    counted: list[Stretch] = []
    refused: dict[str, dict[str, None]] = {}
    for stretch in stretches:
        if stretch.mode == mode:
            reasons = (*left_out(stretch, demand), *more(stretch))
            if reasons:
                refused.setdefault(stretch.run, {}).update(dict.fromkeys(reasons))
            else:
                counted.append(stretch)
    others = (LeftOut(run, tuple(reasons)) for run, reasons in refused.items())
    return Sorted(tuple(counted), tuple(others))
