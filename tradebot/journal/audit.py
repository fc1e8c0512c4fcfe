"""The keyed hash chain over the audit rows, and where its key lives.

Each row's hash is HMAC-SHA256 over the row and the hash before it, so without the key no row can be
changed, inserted or removed from the middle unseen. A cut at the tail shows against a head published
before it (``heads`` rows, or one noted elsewhere).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tradebot.core.model.codec import canonical
from tradebot.core.model.errors import JournalError
from tradebot.disk import create_durably, private_directory
from tradebot.journal.faults import faults
from tradebot.journal.key_file import read_private
from tradebot.journal.paths import journal_path

GENESIS = "0" * 64
"""The ``prev`` of the first row."""

ENVIRONMENT = "TRADEBOT_AUDIT_KEY"
FILE_ENVIRONMENT = f"{ENVIRONMENT}_FILE"
KEY_FILE = "audit.key"
_SERVICE, _USER = "tradebot", "audit-key"
_SHORTEST = 16

_STRENGTH = {
    "environment": "strong: the key came from the environment and is not stored with the journal",
    "key file": "strong against anyone who cannot read the file that holds the key",
    "keyring": "strong against anyone who cannot unlock your keyring",
    "file": "weak: the key lies next to the journal, so whoever can edit one can read the other",
}


@dataclass(frozen=True, slots=True)
class AuditKey:
    """The secret of the chain (32 bytes) and its source: environment, key file (named there), file (beside the journal) or keyring."""

    secret: bytes = field(repr=False)
    source: str

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the key without giving it away."""
        return hmac.digest(self.secret, b"tradebot audit key", "sha256").hex()[:16]

    @property
    def is_weak(self) -> bool:
        """Whether it lies beside the journal: whoever can change that can sign it anew."""
        return self.source == "file"

    @property
    def strength(self) -> str:
        """How much a passing ``db verify`` proves with a key from this source, in words."""
        return _STRENGTH[self.source]

    def sign(self, *parts: str | int | None) -> str:
        """Return the HMAC-SHA256 of the parts, in hex; no two lists of parts collide."""
        return hmac.digest(self.secret, canonical(parts).encode(), "sha256").hex()

    @classmethod
    def find(cls, data_dir: Path, env: Mapping[str, str] | None = None) -> AuditKey | None:
        """Return the key from the environment, a file that it names, the key file or the keyring; None if there is none."""
        env = os.environ if env is None else env
        given, file = env.get(ENVIRONMENT), env.get(FILE_ENVIRONMENT)
        if given is not None and file is not None:
            raise JournalError(
                "the audit key is given twice",
                hint=f"unset {ENVIRONMENT}, or {FILE_ENVIRONMENT}",
                key=f"{ENVIRONMENT}, {FILE_ENVIRONMENT}",
            )
        if given is not None:
            return cls(_from_text(given), "environment")
        if file is not None:
            return cls.of_file(Path(file), data_dir, env)
        path = data_dir / KEY_FILE
        with faults(path):
            if path.exists():
                return cls(_from_file(path), "file")
        stored = _read_keyring()
        return cls(_from_hex(stored, "the OS keyring"), "keyring") if stored else None

    @classmethod
    def of_file(
        cls, path: Path, data_dir: Path, env: Mapping[str, str], name: str = FILE_ENVIRONMENT
    ) -> AuditKey:
        """Return the key that a file holds, as a text; weak where it lies beside the journal.

        JournalError for a file that cannot be read, that others may read, or whose text is too short.
        """
        text = read_private(path, name, env)
        beside = path.resolve().is_relative_to(data_dir.resolve())
        return cls(_from_text(text, name), "file" if beside else "key file")

    @classmethod
    def load(cls, data_dir: Path, env: Mapping[str, str] | None = None) -> AuditKey:
        """Return the key, made if there is none: in the OS keyring if one works, else in a file.

        Raises JournalError for a key that is too short, unreadable, or missing beside a journal that
        was written with one, and for a directory that cannot be written.
        """
        found = cls.find(data_dir, env)
        if found is not None:
            return found
        if journal_path(data_dir).exists():  # a fresh key could not open it
            raise JournalError(
                "there is a journal, but not the audit key it was written with",
                hint=f"set {ENVIRONMENT}, unlock the keyring, or restore {KEY_FILE}",
                file=str(journal_path(data_dir)),
            )
        secret = secrets.token_bytes(32)
        if _write_keyring(secret.hex()):
            return cls(secret, "keyring")
        path = data_dir / KEY_FILE
        with faults(path):
            private_directory(data_dir)
            # A second process may have made it in between: then its key is the key.
            with contextlib.suppress(FileExistsError):
                create_durably(path, secret.hex() + "\n")
            return cls(_from_file(path), "file")


def chain(key: AuditKey, row: tuple[int, str, int, int, str, str], prev: str) -> str:
    """Return the hash of an audit row (seq, run, ts, wall, kind, body) that follows ``prev``."""
    return key.sign(*row, prev)


def _from_text(text: str, name: str = ENVIRONMENT) -> bytes:
    if len(text) < _SHORTEST:
        raise JournalError(
            f"the audit key has {len(text)} characters, fewer than {_SHORTEST}",
            hint="python -c 'import secrets; print(secrets.token_hex(32))' prints a good one",
            key=name,
        )
    return hashlib.sha256(text.encode()).digest()


def _from_file(path: Path) -> bytes:
    return _from_hex(path.read_text(encoding="utf-8", errors="replace").strip(), str(path))


def _from_hex(text: str, where: str) -> bytes:
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != 32:
        raise JournalError(
            "the audit key stored here is damaged", hint="restore it from a backup", file=where
        )
    return secret


def _read_keyring() -> str | None:
    """Return the stored key; None when there is no usable keyring.

    Backends raise what they like (D-Bus, Keychain, Windows errors), hence the broad except: a keyring
    that cannot answer is a keyring that is not there.
    """
    import keyring  # slow to import, and seldom needed

    try:
        return keyring.get_password(_SERVICE, _USER)
    except Exception:
        return None


def _write_keyring(text: str) -> bool:
    """Store the key and read it back; False unless that worked (see ``_read_keyring``)."""
    import keyring

    try:
        keyring.set_password(_SERVICE, _USER, text)
    except Exception:
        return False
    return _read_keyring() == text
