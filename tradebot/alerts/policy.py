"""Whether an alert is sent on a channel: on, silent or off, simulated, muted, quiet hours. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from tradebot.alerts.model import LEVEL_SOUNDS, Alert, Decision, Sound, Wishes
from tradebot.core.model.times import EPOCH


def decide(alert: Alert, channel: str, wishes: Wishes, now: int, muted_until: int) -> Decision:
    """Return what becomes of an alert on a channel; times in UTC ms of the real clock.

    A critical one of a real market is sent, whatever else holds. ``muted_until`` is what ``alerts mute`` has set, 0 for
    nothing.
    """
    if alert.simulated and not wishes.simulated:
        return Decision("off", "simulated markets are off ([alerts] simulated)")
    sound = sound_of(alert, channel, wishes)
    if alert.level == "critical":
        return Decision("silent" if sound == "silent" else "send")
    if sound == "off":
        return Decision("off", f"{alert.kind} is off ([alerts.on])")
    if now < muted_until:
        return Decision("muted", "muted by `tradebot alerts mute`")
    end = quiet_until(wishes, now)
    if end is not None:
        return Decision("held", f"quiet hours {wishes.zone}", end)
    return Decision("silent" if sound == "silent" else "send")


def sound_of(alert: Alert, channel: str, wishes: Wishes) -> Sound:
    """Return what ``[alerts.on]`` wants: of the kind, else of its level, else by default.

    Off is none for a critical one; silent is none where the channel cannot, or where no other would make a sound.
    """
    default = LEVEL_SOUNDS[alert.level]
    sound = wishes.on.get(alert.kind) or wishes.on.get(alert.level) or default
    if alert.level == "critical" and sound == "off":
        return "on"
    if sound == "silent" and channel not in wishes.silent_channels:
        return "on"
    loud = any(name not in wishes.silent_channels for name in wishes.channels)
    if sound == "silent" and alert.level == "critical" and not loud:
        return "on"
    return sound


def quiet_until(wishes: Wishes, now: int) -> int | None:
    """Return when the quiet hours end (UTC ms) in which ``now`` lies; None outside of them.

    They are those of the user's wall clock: on the day that it is set forward or back they are an hour shorter or longer.
    A minute that is left out ends with the gap; of one that comes twice the first counts as the beginning and the second
    as the end, so nothing sounds too early.
    """
    if wishes.quiet is None or wishes.quiet[0] == wishes.quiet[1]:
        return None
    zone = _zone(wishes.zone)
    today = (EPOCH + timedelta(milliseconds=now)).astimezone(zone).date()
    begin, end = wishes.quiet
    over = 1 if end <= begin else 0
    for day in (today - timedelta(days=1), today):
        last = day + timedelta(days=over)
        since = _utc(datetime.combine(day, _minute(begin)), zone, fold=0)
        until = _utc(datetime.combine(last, _minute(end)), zone, fold=1)
        if since <= now < until:
            return until
    return None


def _minute(count: int) -> time:
    return time(count // 60, count % 60)


def _utc(moment: datetime, zone: ZoneInfo, fold: int) -> int:
    """Return a moment of the wall clock as UTC ms; one that is left out counts from where the clock went on."""
    local = moment.replace(tzinfo=zone, fold=fold)
    other = moment.replace(tzinfo=zone, fold=1 - fold)
    if _is_left_out(
        local
    ):  # both readings are an hour off, to either side: the gap is between them
        return _gap_end(min(local, other, key=_ms), max(local, other, key=_ms), zone)
    return _ms(local)


def _is_left_out(local: datetime) -> bool:
    there = local.astimezone(UTC).astimezone(local.tzinfo)
    return there.replace(tzinfo=None, fold=0) != local.replace(tzinfo=None, fold=0)


def _gap_end(before: datetime, after: datetime, zone: ZoneInfo) -> int:
    """Return the first minute (UTC ms) with the new offset: the clock was set forward there."""
    low, high = _ms(before) // 60_000, _ms(after) // 60_000
    new = _offset(high, zone)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(middle, zone) == new else (middle + 1, high)
    return low * 60_000


def _offset(minute: int, zone: ZoneInfo) -> timedelta | None:
    return (EPOCH + timedelta(minutes=minute)).astimezone(zone).utcoffset()


def _ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
