"""``[alerts]`` and below: which channels, what is told, and when nobody is to be woken.

Tokens, passwords and addresses that hold one are no part of it: they are in the environment or the OS keyring.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from tradebot.config.section import Flag, Section, Word
from tradebot.config.values import (
    address,
    chat,
    choice,
    https_or_loopback,
    is_loopback_host,
    loopback_url,
    minute,
    quiet_hours,
    server,
    whole,
    words,
)

CHANNELS = ("telegram", "email", "webhook")

CRITICAL = (
    *("critical", "halt", "close_all", "no_stop", "liquidation_risk", "liquidated"),
    *("stop_rejected", "loss_limit", "reconcile", "foreign", "engine_dead", "engine_hung"),
    *("disk_full", "journal", "key_refused", "alarm"),
)
"""The kinds that must always reach somebody, and their level."""

SILENT = ("telegram",)
"""Channels that can deliver without a sound: one that cannot always sounds."""

SoundChoice: TypeAlias = Annotated[
    Literal["", "on", "silent", "off"], BeforeValidator(choice("", "on", "silent", "off"))
]
"""Empty: as its level has it, and a level as it is by default."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")


def _channels(value: object) -> tuple[str, ...]:
    found: tuple[str, ...] = words(value)
    return tuple(dict.fromkeys(choice(*CHANNELS)(name) for name in found))


def _services(value: object) -> tuple[str, ...]:
    found: tuple[str, ...] = words(value)
    for name in found:
        if "://" in name:  # never repeated: there may be a token in it
            raise ValueError(
                "holds an address: give the service a name here, and its address with"
                " `tradebot alerts set NAME`"
            )
        if not is_service_name(name):
            raise ValueError(
                f"must be names of your own in small letters, not {', '.join(CHANNELS)}; got"
                f" {name!r}"
            )
    return tuple(dict.fromkeys(found))


def is_service_name(name: str) -> bool:
    """Whether a further service can be called so."""
    return bool(_NAME.fullmatch(name)) and name not in CHANNELS


def _zone(value: object) -> str:
    if value == "UTC":  # needs no list of zones, which a small machine may not have
        return "UTC"
    try:
        return ZoneInfo(str(value)).key
    except (OSError, ValueError, KeyError):
        raise ValueError(
            f"must be a time zone like Europe/Berlin, got {str(value)[:40]!r}"
        ) from None


class TelegramChoice(Section):
    """``[alerts.telegram]``: to whom; ``api`` another server than Telegram's, on this machine only."""

    chat_id: Annotated[str, BeforeValidator(chat)] = ""
    user_id: Annotated[str, BeforeValidator(chat)] = ""
    commands: Flag = False
    api: Annotated[str, BeforeValidator(loopback_url)] = ""

    @model_validator(mode="after")
    def _known_user(self) -> Self:
        if self.commands and not self.user_id:
            raise ValueError("commands need user_id: your own number, which @userinfobot tells you")
        if self.commands and self.user_id.startswith("-"):
            raise ValueError(
                "commands need your own number as user_id: that of a group is negative"
            )
        if self.commands and self.chat_id != self.user_id:
            raise ValueError(
                "commands are taken from your own chat with the bot alone: there chat_id is the same"
                " number as user_id"
            )
        return self


class EmailChoice(Section):
    """``[alerts.email]``: the server, and who writes to whom."""

    host: Annotated[str, BeforeValidator(server)] = ""
    port: Annotated[int, BeforeValidator(whole(1, 65_535))] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"], BeforeValidator(choice("starttls", "tls", "none"))
    ] = "starttls"
    user: Word = ""
    sender: Annotated[str, BeforeValidator(address)] = Field("", alias="from")
    to: Annotated[tuple[str, ...], BeforeValidator(lambda v: tuple(map(address, words(v))))] = ()

    @model_validator(mode="after")
    def _shut(self) -> Self:
        if self.security == "none" and self.host and not is_loopback_host(self.host):
            raise ValueError(
                f'security = "none" would send the password in clear to {self.host}: it is for this'
                ' machine only; "starttls" or "tls"'
            )
        return self


class WebhookChoice(Section):
    """``[alerts.webhook]``: where to; https, or this machine."""

    url: Annotated[str, BeforeValidator(https_or_loopback)] = ""


class MoreChoice(Section):
    """``[alerts.more]``: further services of apprise, by names of one's own; their addresses are secrets."""

    urls: Annotated[tuple[str, ...], BeforeValidator(_services)] = ()


class AlertsOn(Section):
    """``[alerts.on]``: on, silent or off for each level and each kind; a kind goes before its level."""

    critical: SoundChoice = ""
    warning: SoundChoice = ""
    info: SoundChoice = ""
    extra: SoundChoice = ""
    halt: SoundChoice = ""
    close_all: SoundChoice = ""
    no_stop: SoundChoice = ""
    liquidation_risk: SoundChoice = ""
    liquidated: SoundChoice = ""
    stop_rejected: SoundChoice = ""
    loss_limit: SoundChoice = ""
    reconcile: SoundChoice = ""
    foreign: SoundChoice = ""
    engine_dead: SoundChoice = ""
    engine_hung: SoundChoice = ""
    disk_full: SoundChoice = ""
    journal: SoundChoice = ""
    key_refused: SoundChoice = ""
    alarm: SoundChoice = ""
    loss_near: SoundChoice = ""
    feed: SoundChoice = ""
    clock: SoundChoice = ""
    banned: SoundChoice = ""
    order_unknown: SoundChoice = ""
    drift: SoundChoice = ""
    demoted: SoundChoice = ""
    incident: SoundChoice = ""
    channel: SoundChoice = ""
    resume: SoundChoice = ""
    changed: SoundChoice = ""
    commands: SoundChoice = ""
    notice: SoundChoice = ""
    started: SoundChoice = ""
    ended: SoundChoice = ""
    entry: SoundChoice = ""
    exit: SoundChoice = ""
    day: SoundChoice = ""
    month: SoundChoice = ""
    recovered: SoundChoice = ""
    note: SoundChoice = ""
    signal: SoundChoice = ""
    refusal: SoundChoice = ""
    ghost: SoundChoice = ""

    def sounds(self) -> Mapping[str, str]:
        """Return what was chosen, by level or kind."""
        return {name: value for name, value in self.model_dump().items() if value}


class Alerts(Section):
    """``[alerts]``: which channels; ``quiet`` and ``summary_at`` are in ``zone`` and UTC."""

    channels: Annotated[tuple[str, ...], BeforeValidator(_channels)] = ()
    simulated: Flag = False
    amounts: Flag = True
    quiet: Annotated[str, BeforeValidator(quiet_hours)] = ""
    zone: Annotated[str, BeforeValidator(_zone)] = "UTC"
    summary_at: Annotated[str, BeforeValidator(minute)] = "00:05"
    telegram: TelegramChoice = TelegramChoice()
    email: EmailChoice = EmailChoice()
    webhook: WebhookChoice = WebhookChoice()
    more: MoreChoice = MoreChoice()
    on: AlertsOn = AlertsOn()

    @property
    def all_channels(self) -> tuple[str, ...]:
        """Every channel that is to be used: the named ones, then the further services."""
        return (*self.channels, *self.more.urls)

    @model_validator(mode="after")
    def _heard(self) -> Self:
        """Critical alerts are never off, and silent only where another channel makes a sound."""
        loud = any(channel not in SILENT for channel in self.all_channels)
        for kind, sound in self.on.sounds().items():
            if kind not in CRITICAL:
                continue
            if sound == "off":
                raise ValueError(
                    f'[alerts.on] {kind} = "off": critical alerts cannot be switched off; "silent"'
                    " where another channel makes a sound"
                )
            if sound == "silent" and not loud:
                raise ValueError(
                    f'[alerts.on] {kind} = "silent": nothing would make a sound; add a channel'
                    f" other than {', '.join(SILENT)}"
                )
        return self

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed: Mapping[str, Mapping[str, Any]] = {
            "telegram": {"chat_id": self.telegram.chat_id},
            "email": {
                "host": self.email.host,
                "from": self.email.sender,
                "to": self.email.to,
            },
            "webhook": {"url": self.webhook.url},
        }
        if self.telegram.commands and self.all_channels and "telegram" not in self.channels:
            raise ValueError('[alerts.telegram] commands needs "telegram" in channels')
        for channel in self.channels:
            for name, value in needed[channel].items():
                if not value:
                    raise ValueError(f'the channel "{channel}" needs [alerts.{channel}] {name}')
        return self
