"""Whether an alert is sent on a channel: on, silent or off, simulated, muted, quiet hours."""

from __future__ import annotations

from tradebot.alerts.model import LEVEL_SOUNDS, Alert, Decision, Wishes


def decide(
    alert: Alert,
    channel: str,  # noqa: ARG001
    wishes: Wishes,
    now: int,
    muted_until: int,
) -> Decision:
    """Return what becomes of an alert on a channel; times in UTC ms of the real clock.

    A critical one is sent, whatever else holds. ``muted_until`` is what ``alerts mute`` has set, 0 for nothing.
    """
    if alert.level == "critical":
        return Decision("send")
    if wishes.on.get(alert.kind, LEVEL_SOUNDS[alert.level]) == "off":
        return Decision("off", f"{alert.kind} is off")
    if now < muted_until:
        return Decision("muted", "muted by hand")
    return Decision("send")
