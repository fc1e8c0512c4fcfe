"""The line of the configuration that makes a change, from what was configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradebot.core.model.money import plain


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What the newest run was told: the strategy's parameters, and the rules of its profile.

    ``caps`` are those that say how large a position may be (USDT), without those that are off.
    """

    params: Mapping[str, object]
    profile: str
    blackout_hours: Sequence[int]
    caps: Mapping[str, Decimal]


def hour_line(settings: RunSettings | None, hour: int) -> str:
    """Return the line that adds an hour without entries."""
    if settings is None or settings.profile == "bench":
        return f"{hour} added to blackout_hours in [risk.PROFILE]"
    hours = sorted({*settings.blackout_hours, hour})
    return f"blackout_hours = {hours} in [risk.{settings.profile}]"


def distance_line(settings: RunSettings | None, name: str, share: float) -> str:
    """Return the line that makes a stop's or a target's distance a multiple of itself; "" where the strategy has none."""
    if settings is None:
        return f"{name} x {share:g} in [strategy.params], if the strategy has it"
    value = settings.params.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value:
        return ""
    return f"{name} = {float(f'{value * share:.6g}')!r} in [strategy.params]"


def long_only_line(settings: RunSettings | None) -> str:
    """Return the line that ends shorts; "" where the strategy has none for it."""
    if settings is None or settings.params.get("short") is not True:
        return ""
    return "short = false in [strategy.params]"


def size_line(settings: RunSettings | None, share: float) -> str:
    """Return the line that makes positions a share (0..1) of their size: its caps, tighter."""
    if settings is None or not settings.caps or not 0 < share < 1:
        return ""
    tighter = (
        f"{name} = {plain(Decimal(f'{float(cap) * share:.2f}'))}"
        for name, cap in settings.caps.items()
    )
    return f"{', '.join(tighter)} in [risk.{settings.profile}]"


__all__ = ["RunSettings", "distance_line", "hour_line", "long_only_line", "size_line"]
