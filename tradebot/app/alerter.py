"""``tradebot alerts run``: what the alerts room needs, put together. apprise is imported by it alone."""

from __future__ import annotations

import asyncio
import hashlib
import random
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import cast

from tradebot.alerts.alerter import Alerter
from tradebot.alerts.bot_api import BotApi
from tradebot.alerts.channels import (
    CHAT_RATE,
    Answered,
    Broken,
    ChannelSettings,
    Message,
    Outway,
)
from tradebot.alerts.model import Condition, Sound, Wishes
from tradebot.alerts.opening import DAMAGED, open_or_stand_in
from tradebot.alerts.services import Service
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.stored import PHONE
from tradebot.alerts.telegram import Phone, kept_as
from tradebot.alerts.updates import AllowedUser
from tradebot.alerts.webhook import Webhook
from tradebot.app.alert_readings import JournalReadings
from tradebot.app.control import last_seen, tell_halt, tell_halt_without_latch
from tradebot.app.phone import JournalAnswers
from tradebot.app.target import Request, latch, latch_account, may_run
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.config.values import is_loopback_host, minutes_of
from tradebot.core.model.errors import ConfigError, JournalError, TradebotError, UsageError
from tradebot.guard.alerts_lock import AlertsLock
from tradebot.guard.lock import lock_owner
from tradebot.guard.secrets import find_secret, variable_of
from tradebot.journal.commands import post_command
from tradebot.journal.paths import journal_path

SILENT = ("telegram",)
"""Channels that can tell something without a sound."""

BEATS = 10
"""Of so many looks at its place one is a sign of life."""

LAST_S = 120.0
"""For so long it goes on in a directory that was removed."""

ASK_S = 5.0
"""Seconds for an engine to acknowledge a halt from a phone; the HALT file holds it in any case."""


def wishes_of(config: Config) -> Wishes:
    """Return what the user wants told."""
    alerts = config.alerts
    begin, _, end = alerts.quiet.partition("-")
    quiet = (minutes_of(begin) or 0, minutes_of(end) or 0) if alerts.quiet else None
    return Wishes(
        channels=alerts.all_channels,
        on=cast(Mapping[str, Sound], alerts.on.sounds()),
        simulated=alerts.simulated,
        amounts=alerts.amounts,
        quiet=quiet,
        zone=alerts.zone,
        summary_at=minutes_of(alerts.summary_at) or 0,
        silent_channels=tuple(name for name in SILENT if name in alerts.all_channels),
    )


def settings_of(config: Config, channel: str) -> ChannelSettings:
    """Return what a channel is set up with; ConfigError where its secret is missing."""
    alerts = config.alerts
    given: dict[str, object] = {}
    if channel == "telegram":
        given = {"chat_id": alerts.telegram.chat_id, "api": alerts.telegram.api}
    elif channel == "email":
        given = alerts.email.model_dump(by_alias=True)
        given["loopback"] = is_loopback_host(alerts.email.host)
    elif channel == "webhook":
        given = {"url": alerts.webhook.url}
    found = find_secret(channel)
    if found is None and not (channel == "email" and not alerts.email.user):
        raise ConfigError(
            f"the channel {channel} has no secret",
            hint=f"tradebot alerts set {channel}, or set {variable_of(channel)}",
            key=f"alerts.{channel}",
        )
    return ChannelSettings(channel, given, "" if found is None else found[0])


def outway_of(settings: ChannelSettings) -> Outway:
    """Return the channel that is set up so."""
    return Webhook(settings) if settings.name == "webhook" else Service(settings)


def fingerprint_of(settings: ChannelSettings) -> str:
    """Return what changes when a channel is set up otherwise, and tells nothing of its secret."""
    text = repr(sorted(settings.settings.items())) + settings.secret
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class NoWay:
    """A channel that cannot be used as it is set up: it says why, for the others to tell."""

    rate = CHAT_RATE
    joins = True

    def __init__(self, settings: ChannelSettings) -> None:
        self.name = settings.name
        self._why = str(settings.settings[UNUSABLE])

    async def send(self, _: Message) -> Answered:
        """Return why nothing is sent."""
        return Broken(self._why)

    async def close(self) -> None:
        """Nothing is open."""


UNUSABLE = "unusable"


def _usable(config: Config) -> list[ChannelSettings]:
    """Return what each channel is set up with; one without a secret keeps the others from nothing.

    TradebotError where none can be used.
    """
    found: list[ChannelSettings] = []
    failed: list[TradebotError] = []
    for name in config.alerts.all_channels:
        try:
            found.append(settings_of(config, name))
        except TradebotError as error:
            failed.append(error)
            hint = f"; {error.hint}" if error.hint else ""
            found.append(ChannelSettings(name, {UNUSABLE: f"{error}{hint}"}))
    if len(failed) == len(found):
        raise failed[0]
    return found


def _way(settings: ChannelSettings) -> Outway:
    return NoWay(settings) if UNUSABLE in settings.settings else outway_of(settings)


@dataclass(frozen=True, slots=True)
class RemoteCommander:
    """What may be asked for from outside: a halt, and closing everything. There is nothing else."""

    config: Config

    def halt(self, reason: str, who: str) -> str:
        """Latch the HALT files, then post the command; return how it went and what is open, in words."""
        data_dir = self.config.data_dir()
        request = Request("halt", who, reason)
        owner = lock_owner(data_dir)
        if owner is not None and owner.traded is not None:
            with suppress(JournalError):  # the directory's own latch says it as well
                latch_account(owner.traded.fingerprint, request)
        try:
            latch(data_dir, request)
        except JournalError as error:  # a full disk: then the engine's own word counts
            said = tell_halt_without_latch(data_dir, request, ASK_S, error)
        else:
            said = tell_halt(data_dir, request, ASK_S)
        self._put_on_record(request)
        return "\n".join(line for line in (said, last_seen(data_dir, request)) if line)

    def close_all(self, who: str) -> tuple[str, ...]:
        """Return the words of the command that closes everything, to be run in a process of its own."""
        self._put_on_record(Request("close-all", who, f"asked for by {who}"))
        return (*self.words, "--who", who, "--reason", f"asked for by {who}")

    @property
    def words(self) -> tuple[str, ...]:
        """The command that closes everything, without who asks for it and why."""
        words = (sys.executable, "-P", "-m", "tradebot", "close-all", "--yes", "--json")
        file = () if self.config.file is None else ("--config", str(self.config.file.absolute()))
        data = ("--data-dir", str(self.config.data_dir().absolute()))
        return (*words, *data, *file)

    def _put_on_record(self, request: Request) -> None:
        """Post the command where no engine runs that it was posted for already: every act is on record."""
        path = journal_path(self.config.data_dir())
        if may_run(self.config.data_dir()) or not path.exists():
            return
        with suppress(TradebotError):
            post_command(path, request.name, request.who, request.reason)


async def listen(
    config: Config, store: OutboxStore, tell: Callable[[Condition], None], pause_s: float = 1.0
) -> None:
    """Listen to the phone; where that has ended, begin again when somebody asks for it: the token may be another one."""
    while True:
        again = _again(store, 0)
        phone = phone_of(config, store, tell)
        if phone is not None:
            await phone.run()
        ended = SYSTEM.wall_ms()
        while again == _again(store, again):
            await asyncio.sleep(pause_s)
        passed = {"seconds": (SYSTEM.wall_ms() - ended) // 1000}
        tell(Condition("commands", ended, over=True, data=passed))


def _again(store: OutboxStore, known: int) -> int:
    with suppress(JournalError):
        return store.again
    return known


def phone_of(config: Config, store: OutboxStore, tell: Callable[[Condition], None]) -> Phone | None:
    """Return the phone that may send commands; None where there is no token."""
    chosen = config.alerts.telegram
    try:
        token = settings_of(config, "telegram").secret
    except TradebotError:  # the channel says why
        return None
    allowed = AllowedUser(int(chosen.chat_id), int(chosen.user_id))
    commander, data_dir = RemoteCommander(config), config.data_dir()
    readings, wishes = JournalReadings(data_dir), wishes_of(config)
    answers = JournalAnswers(data_dir, readings, wishes, commander.words)
    api, name = BotApi(token, chosen.api), kept_as(token)
    amounts = wishes.amounts
    return Phone(api, allowed, store, commander, answers, tell, name=name, amounts=amounts)


def run_alerter(config: Config) -> int | None:
    """Tell until an hour after the last engine all is delivered, or until a signal; return its number, None for none.

    UsageError where no channel is configured, ConfigError where none has its secret, AlreadyRunningError for a second one.
    """
    if not config.alerts.all_channels:
        raise UsageError(
            "no channel is configured",
            hint='[alerts] channels = ["telegram"]; README shows how to set one up',
        )
    data_dir = config.data_dir()
    with AlertsLock(data_dir) as lock:
        settings = _usable(config)

        def opened(anew: bool) -> None:
            for one in settings:
                store.resettle(one.name, fingerprint_of(one))
            with suppress(JournalError):  # a full disk
                if store.get(PHONE, {}):  # whoever listens now says what it hears
                    store.put(PHONE, {})
            alerter.take_up()
            if anew:
                why = (
                    f"what was to be told is begun anew: alerts.db was damaged, it is {DAMAGED} now"
                )
                alerter.tell(Condition("notice", SYSTEM.wall_ms(), data={"why": why}))

        store, anew = open_or_stand_in(data_dir, opened)
        with store:
            alerter = Alerter(
                JournalReadings(data_dir),
                store,
                [_way(one) for one in settings],
                wishes_of(config),
                jitter=random.random,
                anew=lambda name: outway_of(settings_of(config, name)),
            )
            if anew is not None:
                store.first = partial(opened, anew)
                with suppress(
                    JournalError
                ):  # a full disk: it tells from memory until there is room
                    store.ready()
            if config.alerts.telegram.commands and "telegram" in config.alerts.channels:
                alerter.listen(lambda: listen(config, store, alerter.tell))
            alerter.listen(lambda: end_with(lock, alerter.stop))
            return asyncio.run(_until_stopped(alerter))


async def end_with(
    lock: AlertsLock, stop: Callable[[], None], last_s: float = LAST_S, pause_s: float = 1.0
) -> None:
    """Stop when the directory is another's, or ``last_s`` after it was removed: what that means is told first.

    Until then it gives a sign of life now and then, for those who find none in a file that takes nothing.
    """
    gone_since: float | None = None
    count, over = 0, False
    while not over:
        if count % BEATS == 0:
            lock.beat()
        count += 1
        place, now = lock.place(), SYSTEM.monotonic()
        gone_since = (now if gone_since is None else gone_since) if place == "gone" else None
        over = place == "another's" or (gone_since is not None and now - gone_since >= last_s)
        if not over:
            await asyncio.sleep(pause_s)
    stop()


async def _until_stopped(alerter: Alerter) -> int | None:
    """Run it; return the first signal that ended it."""
    caught: list[int] = []

    def take(number: int) -> None:
        caught.append(number)
        alerter.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, take, number)
    await alerter.run()
    return caught[0] if caught else None


__all__ = [
    "RemoteCommander",
    "fingerprint_of",
    "listen",
    "outway_of",
    "run_alerter",
    "settings_of",
    "wishes_of",
]
