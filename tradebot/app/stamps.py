"""Events as they are told now: what comes late is stamped with the engine's time when it is played."""

from __future__ import annotations

from dataclasses import replace

from tradebot.core.model.events import Event, MarketEvent
from tradebot.core.model.values import Bar, MarkBar, Quote


def stamped_now(event: MarketEvent, now: int) -> MarketEvent:
    """Return a market event as told now; funding keeps when it was due."""
    if isinstance(event, Bar | MarkBar | Quote):
        return event.stamped(now)
    return replace(event, at=now, due=event.due or event.at)


def told_now(event: Event, now: int) -> Event:
    """Return an event as told now."""
    if isinstance(event, Bar | Quote):
        return event.stamped(now)
    return replace(event, at=now)
