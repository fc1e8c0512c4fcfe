"""``alerts``: run the alerter, try its channels, see how they do, and keep their secrets."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tradebot.alerts.alerts_file import is_there
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.stored import OutboxRow
from tradebot.app.alerts_state import (
    AlertsState,
    alerts_state,
    channel_words,
    note_wanted,
    state_document,
)
from tradebot.cli.options import Common, parse_duration
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.config.alerts import CHANNELS, is_service_name
from tradebot.core.model.errors import JournalError, TradebotError, UsageError
from tradebot.core.model.spelling import meant
from tradebot.core.model.times import iso
from tradebot.core.model.values import DAY_MS
from tradebot.guard.secrets import (
    checked_secret,
    find_secret,
    remove_secret,
    store_secret,
    variable_of,
)

INTERRUPTED = 130

MOST_MUTED_MS = 365 * DAY_MS

WHAT = {
    "telegram": "the bot's token, from @BotFather",
    "email": "the password of the mailbox",
    "webhook": "the secret that requests are signed with",
}


def run(common: Common) -> int:
    """Send alerts until there is nothing left to wait for; 130 after ctrl-c."""
    from tradebot.app.alerter import run_alerter

    config = read_config(common)
    note_wanted(config.data_dir(), config.alerts.all_channels, SYSTEM.wall_ms())
    ended_by = run_alerter(config)
    text = "nothing is left to tell, and no engine runs"
    if ended_by is not None:
        text = "ended: what waits is told by the next one"
    code = show(Result("alerts run", {"ended": True}, text=text), as_json=common.json)
    return INTERRUPTED if ended_by == signal.SIGINT else code


def test(common: Common, channel: str | None) -> int:
    """Send one alert of each level on each channel, or on one."""
    from tradebot.app.alerts_test import tried

    config = read_config(common)
    rows = asyncio.run(tried(config, _channels(config, channel)))
    bad = list(dict.fromkeys(row["channel"] for row in rows if not row["delivered"]))
    error = None
    if bad:
        why = next(row["error"] for row in rows if not row["delivered"])
        error = TradebotError(
            f"not delivered by {', '.join(bad)}: {why}", hint="mend it, try again"
        )
    lines = [
        f"{row['channel']:<10} {row['level']:<9}"
        f" {'delivered' if row['delivered'] else row['error']} ({row['latency_ms']} ms)"
        for row in rows
    ]
    result = Result("alerts test", {"tests": rows}, text="\n".join(lines), error=error)
    return show(result, as_json=common.json)


def status(common: Common) -> int:
    """Show the alerter and its channels."""
    config = read_config(common)
    state = alerts_state(config.data_dir(), SYSTEM.wall_ms())
    data = state_document(state)
    configured = list(config.alerts.all_channels)
    text = "\n".join(_status_lines(state, configured))
    result = Result("alerts status", {**data, "configured": configured}, text=text)
    return show(result, as_json=common.json)


def _status_lines(state: AlertsState, configured: list[str]) -> Iterator[str]:
    if state.word == "off":
        named = ", ".join(configured)
        yield (
            f"not running; {named} configured: an engine starts it"
            if named
            else 'off: no channel is configured ([alerts] channels = ["telegram"])'
        )
        yield from _muted_lines(state)
        return
    process = f", process {state.pid}" if state.pid else ""
    why = f": {state.why}" if state.why else ""
    said = f"{state.alarm or state.word}{process}{why}"
    yield f"alerter    {_red(said) if state.alarm else said}"
    yield from _muted_lines(state)
    if state.phone:
        yield f"phone      {state.phone}"
    for row in state.channels:
        words = channel_words(row)
        yield f"{row.channel:<10} {_red(words) if row.stopped or row.expired_critical else words}"


def _muted_lines(state: AlertsState) -> Iterator[str]:
    if state.muted_until:
        yield f"muted      warnings and info until {iso(state.muted_until)}"


def _red(text: str) -> str:
    """Return what is wrong in red, where that is a terminal that shows colours."""
    import typer

    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return typer.style(text, fg="red", bold=True) if coloured else text


def listed(common: Common, channel: str | None, *, failed: bool, limit: int) -> int:
    """List what was told, newest last."""
    config = read_config(common)
    rows: list[OutboxRow] = []
    known = set(config.alerts.all_channels)
    if is_there(config.data_dir()):
        with OutboxStore(config.data_dir(), readonly=True) as store:
            known |= {row.channel for row in store.channels()}  # what was told stays to be seen
            rows = store.listed(failed=failed, channel=channel, limit=limit)
    if channel is not None and channel not in known:
        _channels(config, channel)
    data = [_document(row) for row in rows]
    none = "nothing failed" if failed else "nothing was told yet"
    text = "\n".join(_line(row) for row in rows) or none
    return show(Result("alerts list", {"alerts": data}, text=text), as_json=common.json)


def _document(row: OutboxRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "channel": row.channel,
        "seq": row.seq,
        "source": row.source,
        "time": iso(row.created),
        "level": row.level,
        "kind": row.kind,
        "state": row.state,
        "attempts": row.attempts,
        "sent": None if row.sent is None else iso(row.sent),
        "error": row.last_error or None,
        "text": row.text,
    }


def _line(row: OutboxRow) -> str:
    head = row.text.partition("\n")[0]
    why = f" ({row.last_error})" if row.last_error else ""
    time = iso(row.created - row.created % 1000)
    return f"{time}  {row.channel:<9} {row.level:<8} {row.state:<9} {head}{why}"


def retry(common: Common, channel: str | None) -> int:
    """Try again what was not delivered."""
    config = read_config(common)
    _channels(config, channel)
    count = 0
    if is_there(config.data_dir()):
        with OutboxStore(config.data_dir()) as store:
            count = store.retry(SYSTEM.wall_ms(), channel)
    text = f"{count} to be sent" if count else "nothing waits"
    return show(Result("alerts retry", {"waiting": count}, text=text), as_json=common.json)


def mute(common: Common, time: str) -> int:
    """Mute warnings and info for a while, on record in the outbox."""
    config = read_config(common)
    _channels(config, None)
    span = _mute_span(time)
    until = SYSTEM.wall_ms() + span if span else 0
    with OutboxStore(config.data_dir()) as store, store.transaction():
        store.put("muted_until", until)
    text = (
        f"warnings and info are muted until {iso(until)}; critical alerts come all the same"
        if until
        else "nothing is muted"
    )
    data = {"muted_until": iso(until) if until else None}
    return show(Result("alerts mute", data, text=text), as_json=common.json)


def _mute_span(time: str) -> int:
    """Return for how long to mute, ms; 0 ends it. UsageError for what is no time, or no end."""
    if time.strip() in ("0", "off"):
        return 0
    with suppress(OverflowError):
        span = parse_duration(time) or 0
        if span <= MOST_MUTED_MS:
            return span
    raise UsageError(
        f"{time[:20]} is too long", hint="at most 365d; [alerts.on] switches kinds off for good"
    )


def set_secret(common: Common, channel: str) -> int:
    """Ask for a channel's secret, unseen, or read it from stdin; keep it in the OS keyring."""
    config = read_config(common)
    _nameable(config, channel)
    what = WHAT.get(channel, "the service's address, as apprise writes it")
    typed = getpass.getpass(f"{what} (not shown): ") if sys.stdin.isatty() else sys.stdin.read()
    secret = checked_secret(typed, channel)
    store_secret(channel, secret)
    _take_up(config, channel)
    found = find_secret(channel)
    warnings = _unnamed(config, channel)
    if found is not None and found[0] != secret:
        warnings.append(f"{variable_of(channel)} is used instead, while it is set")
    text = (
        f"the secret of {channel} is in the OS keyring; `tradebot alerts test {channel}` tries it"
    )
    data = {"channel": channel, "stored": True}
    return show(Result("alerts set", data, warnings, text=text), as_json=common.json)


def _unnamed(config: Config, channel: str) -> list[str]:
    """Say of a further service that nobody uses it yet: its name may be a slip."""
    known = (*CHANNELS, *config.alerts.more.urls)
    if channel in known:
        return []
    return [f"[alerts.more] urls does not name {channel}; {meant(channel, known, 'add it there')}"]


def _take_up(config: Config, channel: str) -> None:
    """Have an alerter that runs take up the new secret, and a channel that was stopped try again."""
    if is_there(config.data_dir()):
        try:
            with OutboxStore(config.data_dir()) as store:
                store.retry(SYSTEM.wall_ms(), channel)
        except JournalError:
            return


def unset(common: Common, channel: str) -> int:
    """Take a channel's secret out of the OS keyring."""
    _nameable(read_config(common), channel)
    removed = remove_secret(channel)
    left = find_secret(channel)
    warnings = [] if left is None else [f"{variable_of(channel)} still gives one"]
    text = (
        f"the secret of {channel} is out of the OS keyring"
        if removed
        else f"there was no secret of {channel} in the OS keyring"
    )
    data = {"channel": channel, "removed": removed}
    return show(Result("alerts unset", data, warnings, text=text), as_json=common.json)


def _channels(config: Config, channel: str | None) -> tuple[str, ...]:
    """Return the channels that are meant; UsageError for one that is not configured."""
    known = config.alerts.all_channels
    if not known:
        raise UsageError(
            "no channel is configured", hint='[alerts] channels = ["telegram"], see README'
        )
    if channel is not None and channel not in known:
        raise UsageError(
            f"the channel {channel} is not configured",
            hint=meant(channel, known, f"configured: {', '.join(known)}"),
        )
    return known if channel is None else (channel,)


def _nameable(config: Config, channel: str) -> None:
    known = (*CHANNELS, *config.alerts.more.urls)
    if channel not in known and not is_service_name(channel):
        raise UsageError(
            f"there is no channel {channel!r}",
            hint=meant(channel, known, f"one of {', '.join(known)}"),
        )
