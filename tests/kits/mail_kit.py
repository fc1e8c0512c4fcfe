"""A mail server on 127.0.0.1, with and without TLS: it keeps what it takes and refuses what a script says."""

from __future__ import annotations

import asyncio
import datetime
import email
import email.policy
import ipaddress
import ssl
import threading
import time
import warnings
from collections import deque
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Security = Literal["none", "starttls", "tls"]

PATIENCE_S = 90.0

REFUSALS = {
    "450": "450 4.2.1 mailbox busy, try again later",
    "550": "550 5.1.1 no such user",
    "552": "552 5.2.2 mailbox full",
    "554": "554 5.7.1 refused as spam",
}


@dataclass(frozen=True)
class Mail:
    """A message that was taken; ``encrypted`` says whether it came over TLS."""

    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    encrypted: bool
    at: float
    attachments: tuple[str, ...] = ()


class FakeMailServer:
    """``then`` says what becomes of the next messages: ``ok``, a code such as ``550``, ``closed`` or ``lost``.

    ``user`` and ``password`` are asked for where given. ``ca_file`` is what a client has to trust (``SSL_CERT_FILE``).
    """

    def __init__(
        self, folder: Path, security: Security = "none", user: str = "", password: str = ""
    ) -> None:
        self.security = security
        self.user, self.password = user, password
        self.taken: list[Mail] = []
        self.fates: deque[str] = deque()
        self.logins: list[bool] = []
        self.ca_file = folder / "mail-ca.pem"
        self._lock = threading.Lock()
        context = None if security == "none" else _context(folder, self.ca_file)
        self._controller = _LoopbackController(self, context)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        """Where it listens."""
        server = self._controller.server
        assert isinstance(server, asyncio.base_events.Server)
        return int(server.sockets[0].getsockname()[1])

    def then(self, *fates: str | int) -> None:
        """What becomes of the next messages, one each; afterwards all are taken."""
        with self._lock:
            self.fates.extend(str(fate) for fate in fates)

    def texts(self) -> list[str]:
        """What was taken, in order."""
        with self._lock:
            return [mail.text for mail in self.taken]

    # -- what aiosmtpd asks ------------------------------------------------------------------------

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        with self._lock:
            fate = self.fates.popleft() if self.fates else "ok"
        if fate == "closed":
            return _hang_up(server)
        if fate not in ("ok", "lost"):
            return REFUSALS.get(fate, f"{fate} refused")
        with self._lock:
            self.taken.append(_mail(session, envelope, self.security == "tls"))
        return _hang_up(server) if fate == "lost" else "250 OK"

    def log_in(
        self, server: SMTP, session: Session, envelope: Envelope, how: str, data: Any
    ) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (
            self.user.encode(),
            self.password.encode(),
        )
        with self._lock:
            self.logins.append(good)
        return AuthResult(success=good, handled=good)


class _LoopbackController(Controller):
    def __init__(self, owner: FakeMailServer, context: ssl.SSLContext | None) -> None:
        whole = context if owner.security == "tls" else None
        self._more: dict[str, Any] = {}
        if owner.security == "starttls":
            self._more |= {"tls_context": context, "require_starttls": True}
        if owner.user:
            self._more |= {"authenticator": owner.log_in, "auth_required": True}
            # over a connection that is TLS from its first byte aiosmtpd sees none
            self._more["auth_require_tls"] = owner.security == "starttls"
        super().__init__(owner, hostname="127.0.0.1", port=0, ssl_context=whole)

    def factory(self) -> SMTP:
        with (
            warnings.catch_warnings()
        ):  # a password in the clear, and no certificate asked of clients
            warnings.simplefilter("ignore")
            return self._server()

    def _server(self) -> SMTP:
        return SMTP(self.handler, hostname="localhost", enable_SMTPUTF8=True, **self._more)

    def stop(self, no_assert: bool = False) -> None:
        """Close what is open first: the real one ends its loop before connections, above all those with TLS, are gone."""
        asyncio.run_coroutine_threadsafe(self._cut_all(), self.loop).result(PATIENCE_S)
        super().stop(no_assert)

    async def _cut_all(self) -> None:
        assert isinstance(self.server, asyncio.base_events.Server)
        for listening in self.server.sockets:
            self.loop.remove_reader(listening.fileno())
        await asyncio.sleep(0.01)  # what was accepted gets its transport
        # the ones below TLS, which no protocol of ours is told of before the handshake is over
        for transport in list(self.loop._transports.values()):  # type: ignore[attr-defined]
            transport.abort()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0.01)

    def _trigger_server(self) -> None:
        """Ask the port that the system chose; the real one does not know it."""
        import socket

        assert isinstance(self.server, asyncio.base_events.Server)
        port = self.server.sockets[0].getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), 30) as stream:
            if self.ssl_context is None:
                stream.recv(64)


def _hang_up(server: SMTP) -> str:
    if server.transport is not None:
        server.transport.close()
    return "421 bye"


def _mail(session: Session, envelope: Envelope, whole: bool) -> Mail:
    raw = envelope.content
    message = email.message_from_bytes(
        raw if isinstance(raw, bytes) else str(raw).encode(), policy=email.policy.default
    )
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain", "html"))
    names = tuple(part.get_filename() or "" for part in message.iter_attachments())
    return Mail(
        envelope.mail_from or "",
        tuple(envelope.rcpt_tos),
        str(message["Subject"]),
        body.get_content() if body is not None else "",
        whole or session.ssl is not None,
        time.monotonic(),
        names,
    )


def _context(folder: Path, ca_file: Path) -> ssl.SSLContext:
    """Make a certificate for 127.0.0.1 and localhost that nobody but its own file vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=365 * 5))
        .not_valid_after(now + datetime.timedelta(days=365 * 20))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = folder / "mail-key.pem"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, secret)
    return context
