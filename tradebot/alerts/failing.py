"""Which channels fail, for the others to tell: pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tradebot.alerts.model import Condition
from tradebot.alerts.outbox import MINUTE, SECOND
from tradebot.alerts.stored import ChannelRow

FAILING_MS = 10 * MINUTE
"""After so long without a delivery the other channels are told."""


def failing_channels(
    rows: Iterable[ChannelRow], names: Collection[str], before: Mapping[str, int], now: int
) -> tuple[list[tuple[str, Condition]], dict[str, int]]:
    """Return what to tell of which channel, and since when (UTC ms) each fails that was told of.

    A channel that is stopped is told of at once, one that fails after ``FAILING_MS``; both once, and when they are well:
    when something was delivered, not when somebody only has it tried again.
    """
    told: list[tuple[str, Condition]] = []
    failing: dict[str, int] = {}
    for row in rows:
        since = row.failing_since
        if row.channel not in names or since is None:
            continue
        if row.stopped or row.channel in before or now - since > FAILING_MS:
            failing[row.channel] = since
            if row.channel not in before:
                why = row.stopped or row.error
                data = {"channel": row.channel, "why": why, "stopped": bool(row.stopped)}
                told.append((row.channel, Condition("channel", since, data=data)))
    for name, since in before.items():
        if name not in failing:
            over = {"channel": name, "seconds": (now - since) // SECOND}
            told.append((name, Condition("channel", since, over=True, data=over)))
    return told, failing


__all__ = ["failing_channels"]
