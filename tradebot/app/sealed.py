"""A person's word on its way to the engine that holds the journal: sealed with the key of the chain, and of this moment.

Anybody who can write the file can post a command; only who has the key can seal one, as only they can sign a row.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass

from tradebot.core.model.errors import RefusedError
from tradebot.core.model.values import MINUTE_MS
from tradebot.journal.audit import AuditKey

FRESH_MS = 10 * MINUTE_MS
"""A statement is taken so long after it was made at most: an old one that somebody posts again is none."""
AHEAD_MS = 2000
"""The clocks of two processes of a machine differ by no more."""
KEY_HINT = "state it where the audit key is: TRADEBOT_AUDIT_KEY, its file or the keyring"
PURPOSE = "a statement to be put on record"


@dataclass(frozen=True, slots=True)
class Sealed:
    """The text of a statement, when it was made (UTC ms, real clock), and its seal."""

    body: str
    at: int
    seal: str

    def text(self) -> str:
        """Return it as the text of a command."""
        return json.dumps({"body": self.body, "at": self.at, "seal": self.seal})

    @classmethod
    def read(cls, text: str) -> Sealed:
        """Return one of its text; RefusedError for what is none."""
        try:
            found = json.loads(text)
            return cls(str(found["body"]), int(found["at"]), str(found["seal"]))
        except (ValueError, TypeError, KeyError):
            raise RefusedError("nobody can tell what was stated") from None

    def refuse_forged(self, key: AuditKey, now: int) -> None:
        """Raise RefusedError where it was not sealed with this journal's key, or not just now (UTC ms)."""
        if not hmac.compare_digest(self.seal.encode(), _seal(self.body, key, self.at).encode()):
            raise RefusedError(
                "the statement is not sealed with this journal's key",
                hint=KEY_HINT,
            )
        if not now - FRESH_MS <= self.at <= now + AHEAD_MS:
            raise RefusedError("the statement was not made just now", hint="state it once more")


def seal(body: str, key: AuditKey | None, at: int) -> Sealed:
    """Return a statement's text sealed at a time (UTC ms, real clock); without a key its seal is empty."""
    return Sealed(body, at, "" if key is None else _seal(body, key, at))


def _seal(body: str, key: AuditKey, at: int) -> str:
    return key.sign(PURPOSE, at, body)


__all__ = ["KEY_HINT", "Sealed", "seal"]
