"""What ``doctor`` says of alerts: configuration, secrets and channels, without sending anything."""

from __future__ import annotations

from collections.abc import Iterator

from tradebot.app.alerts_state import alerts_state, channel_words
from tradebot.app.finding import Row
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError
from tradebot.guard.secrets import find_secret, variable_of

CHECK = "alerts"


def check_alerts(config: Config) -> Iterator[Row]:
    """Yield a row for each channel, and for the alerter where it should run."""
    channels = config.alerts.all_channels
    if not channels:
        yield Row(CHECK, "ok", "off: no channel is configured")
        return
    state = alerts_state(config.data_dir(), SYSTEM.wall_ms())
    stopped = {row.channel: row for row in state.stopped}
    for channel in channels:
        try:
            found = find_secret(channel)
        except TradebotError as error:
            yield Row(CHECK, "fail", f"{channel}: {error}", error.hint)
            continue
        needs = not (channel == "email" and not config.alerts.email.user)
        if found is None and needs:
            hint = f"tradebot alerts set {channel}, or set {variable_of(channel)}"
            yield Row(CHECK, "fail", f"{channel} has no secret", hint)
        elif channel in stopped:
            hint = f"mend it, then tradebot alerts retry {channel}"
            yield Row(CHECK, "fail", f"{channel}: {channel_words(stopped[channel])}", hint)
        else:
            source = "needs no secret" if found is None else f"its secret is from {found[1]}"
            rows = [row for row in state.channels if row.channel == channel]
            said = f"; {channel_words(rows[0])}" if rows else ""
            yield Row(
                CHECK, "warn" if rows and rows[0].failures else "ok", f"{channel}: {source}{said}"
            )
    if state.word in ("DOWN", "STUCK", "UNRECORDED"):
        why = f": {state.why}" if state.why else ""
        hints = {
            "DOWN": "tradebot alerts run",
            "STUCK": f"end its process ({state.pid}): an engine starts another within a minute",
            "UNRECORDED": f"make room on the disk of {config.data_dir()}",
        }
        yield Row(CHECK, "fail", f"ALERTS {state.word}{why}", hints[state.word])
    elif state.why:
        yield Row(
            CHECK, "warn", state.why, "tradebot alerts run begins it anew where it is damaged"
        )
    if state.phone:
        yield Row(
            CHECK, "warn", state.phone, "tradebot halt and tradebot close-all work all the same"
        )
    if state.expired_critical:
        plural = "" if state.expired_critical == 1 else "s"
        text = f"{state.expired_critical} critical alert{plural} expired: nobody took what was told"
        yield Row(CHECK, "fail", text, "tradebot alerts list --failed; tradebot alerts retry")


__all__ = ["check_alerts"]
