"""Telegram, e-mail and further services, through apprise: 48 MB and two seconds of import, so only the alerter does it.

apprise answers with true or false; why it failed is in its log lines alone, and at DEBUG those, and urllib3's, hold
tokens. So both loggers are cut off from every handler; one of ours, for the thread that sends, reads a status and how
long to wait out of them, and forgets the rest.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tradebot.alerts.channels import (
    CHAT_RATE,
    SEND_S,
    Answered,
    Broken,
    ChannelSettings,
    Delivered,
    Message,
    NotDelivered,
    scrubbed,
)
from tradebot.alerts.connections import Connections
from tradebot.alerts.sessions import spare
from tradebot.alerts.threads import NoThreadError, in_own_thread

LOGGERS = ("apprise", "urllib3", "requests")

_STATUS = re.compile(r"error=(\d{3})\b")
_RETRY = re.compile(r"retry after (\d+)", re.IGNORECASE)
_SMTP = re.compile(r"Socket Exception: \((\d{3}),")
_SAID = re.compile(r"Failed to send Telegram notification to \S+: (?P<said>.*), error=\d{3}\.$")
_HEALS = (408, 425, 429)
SUBJECT = 120
UNATTACHED = "(the file was not taken: it lies on the bot's machine)"
MISUNDERSTOOD: Mapping[str, str] = {
    "telegram": "that is no bot's token (123456789:AA...): give it again, tradebot alerts set telegram",
    "email": "host, from or to in [alerts.email] cannot be understood",
}
"""What is said of settings that make no address."""

LONG_S = 60.0
"""Seconds to wait after a 429 that does not say for how long."""


_LOGGERS = threading.Lock()
"""Several threads send at once: none takes another's handler away."""


THREADS = 60
"""So many sends of a service may be held up at once, those included that nobody waits for any more."""


class ServiceLog(logging.Handler):
    """What apprise says while one thread sends; nothing of it leaves but a status and a waiting time."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._thread = threading.get_ident()
        self.status: int | None = None
        self.retry_after: float | None = None
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Read a line of the thread that sends."""
        if record.thread != self._thread:
            return
        text = record.getMessage()
        for pattern in (_STATUS, _SMTP):
            if found := pattern.search(text):
                self.status = int(found[1])
        if found := _RETRY.search(text):
            self.retry_after = float(found[1])
        if found := _SAID.search(text):
            self.said = found["said"]


def silence() -> None:
    """Cut the loggers that would write tokens off from every handler but ours."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers = [
            handler for handler in logger.handlers if isinstance(handler, ServiceLog)
        ] or [logging.NullHandler()]
    for name in LOGGERS[1:]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        for child in list(logging.root.manager.loggerDict):
            if child.startswith(f"{name}."):
                logging.getLogger(child).setLevel(logging.CRITICAL + 1)


class Service:
    """One apprise service, at its address; ``smtp`` tells that answers are a mail server's."""

    rate = CHAT_RATE
    joins = True

    def __init__(self, settings: ChannelSettings) -> None:
        self.name = settings.name
        self._settings = settings
        self._free = threading.Semaphore(THREADS)
        self._secrets = tuple(part for part in _secrets(settings) if part)
        spare(str(settings.settings.get("api") or ""))  # the token is in its address

    async def send(self, message: Message) -> Answered:
        """Hand a message over, in a thread; without its file where that is refused: it is no reason to tell nothing more."""
        answer = await self._in_thread(message)
        if isinstance(answer, Broken) and message.file:
            plain = Message(
                f"{message.text}\n{UNATTACHED}", message.alerts, message.silent, bare=True
            )
            return await self._in_thread(plain)
        return answer

    async def _in_thread(self, message: Message) -> Answered:
        """Send in a thread, for ``SEND_S`` at most; when nobody waits any more its connections end, and with them the thread."""
        connections = Connections()

        def send() -> Answered:
            with connections.of_this_thread():
                return self._send(message)

        try:
            return await asyncio.wait_for(in_own_thread(send, self._free), SEND_S)
        except NoThreadError:
            return NotDelivered("no answer to all that was sent")
        except TimeoutError:
            return NotDelivered("no answer")
        finally:
            connections.end()

    async def close(self) -> None:
        """Nothing is kept open."""

    def _send(self, message: Message) -> Answered:
        heard = ServiceLog()
        logger = logging.getLogger("apprise")
        with _LOGGERS:
            silence()
            logger.setLevel(logging.DEBUG)
            logger.addHandler(heard)
        try:
            taken = _notify(self._settings, message)
        except (
            Exception
        ) as error:  # a service raises what it likes, and what it says may hold the address
            return NotDelivered(f"failed ({type(error).__name__})")
        finally:
            with _LOGGERS:
                logger.removeHandler(heard)
        if taken is None:
            return Broken(
                MISUNDERSTOOD.get(self.name, "its address cannot be understood: give it again")
            )
        return Delivered() if taken else self._judged(heard)

    def _judged(self, heard: ServiceLog) -> Answered:
        status, said = heard.status, scrubbed(heard.said, self._secrets)
        words = f": {said}" if said else ""
        if status is None:
            return NotDelivered("no answer")
        if status >= 500 and self.name == "email":
            return Broken(f"the mail server refused it ({status})")
        if 400 <= status < 500 and status not in _HEALS and self.name != "email":
            return Broken(f"answered {status}{words}")
        wait = heard.retry_after or (LONG_S if status == 429 else None)
        return NotDelivered(f"answered {status}{words}", wait)


def _notify(settings: ChannelSettings, message: Message) -> bool | None:
    """Send by apprise; None where it makes nothing of the address."""
    from apprise import Apprise, AppriseAsset, AppriseAttachment, NotifyFormat, PersistentStoreMode

    with _LOGGERS:
        silence()  # importing it has made loggers
    asset = AppriseAsset(
        storage_mode=PersistentStoreMode.MEMORY, http_redirects=False, async_mode=False
    )
    service: Any = Apprise.instantiate(_address(settings, message.silent), asset=asset)
    if service is None or type(service).__module__.partition(".")[0] != "apprise":
        return None
    service.request_rate_per_sec = 0  # the outbox keeps the rate
    attach = AppriseAttachment(message.file) if _is_file(message.file) else None
    if settings.name == "telegram" and settings.settings.get("api"):
        service.notify_url = f"{str(settings.settings['api']).rstrip('/')}/bot"
    title = message.text.partition("\n")[0][:SUBJECT] if settings.name != "telegram" else ""
    body, form = message.text, NotifyFormat.TEXT
    if "tgram" in (service.protocol, service.secure_protocol) and _is_html(service):
        # what looks like a tag in plain text apprise would take for one, or leave out
        body, title, form = escape(body, quote=False), escape(title, quote=False), NotifyFormat.HTML
    return bool(service.notify(body=body, title=title, body_format=form, attach=attach))


def _is_html(service: Any) -> bool:
    """Whether a service's texts go out as HTML, as Telegram's do unless its address says ``format=markdown``."""
    from apprise import NotifyFormat

    return bool(service.resolve_format(NotifyFormat.HTML) == NotifyFormat.HTML)


def _is_file(name: str) -> bool:
    return bool(name) and Path(name).is_file()


def _address(settings: ChannelSettings, silent: bool) -> str:
    """Return a channel's address as apprise writes it."""
    given = settings.settings
    if settings.name == "telegram":
        more = urlencode({"silent": "yes" if silent else "no", "detect": "no", "rto": 10})
        return f"tgram://{settings.secret}/{given['chat_id']}/?{more}"
    if settings.name == "email":
        return _mail_address(given, settings.secret)
    return settings.secret


_SECURE: Mapping[str, tuple[str, str]] = {
    "starttls": ("mailtos", "starttls"),
    "tls": ("mailtos", "ssl"),
    "none": ("mailto", "insecure"),
}


def _mail_address(given: Mapping[str, object], password: str) -> str:
    schema, mode = _SECURE[str(given["security"])]
    user = quote(str(given.get("user") or given["from"]), safe="")
    login = f"{user}:{quote(password, safe='')}@" if password else ""
    recipients = given["to"]
    assert isinstance(recipients, Sequence)
    host = str(given["host"])
    place = f"[{host}]" if ":" in host else host
    more = urlencode(
        {
            "from": given["from"],
            "to": ",".join(map(str, recipients)),
            "smtp": host,
            "mode": mode,
            "format": "text",
            "verify": "no" if given.get("loopback") else "yes",
        }
    )
    return f"{schema}://{login}{place}:{given['port']}/?{more}"


def _secrets(settings: ChannelSettings) -> tuple[str, ...]:
    """Return the secret and what it is made of, so that no part of an address is repeated."""
    parts = re.split(r"[/:@?&=]+", settings.secret)
    return (settings.secret, *(part for part in parts if len(part) > 5))


__all__ = ["Service", "silence"]
