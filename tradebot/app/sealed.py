"""What is sealed with the chain's key on its way into the chain: a person's word, a drill, a backtest, how a close-all ended.

Anybody who can write the file can post a command or a line of a diary; only who has the key can seal one, as only they
can sign a row. A seal is for one purpose, and what comes as a command is taken for a while only.
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
DRILL_FRESH_MS = 15 * MINUTE_MS
"""A drill is put on record so long after its end at most."""
MOST = 2_000_000
"""Characters of a sealed text at most: an engine reads it in its loop (some 20 ms), where a second would delay a stop."""
AHEAD_MS = 2000
"""The clocks of two processes of a machine differ by no more."""
KEY_HINT = "state it where the audit key is: TRADEBOT_AUDIT_KEY, its file or the keyring"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A text, the time that it is of (UTC ms, real clock), and its seal."""

    body: str
    at: int
    seal: str

    def text(self) -> str:
        """Return it as the text of a command."""
        return json.dumps({"body": self.body, "at": self.at, "seal": self.seal})

    @classmethod
    def read(cls, text: str) -> Sealed:
        """Return one of its text; RefusedError for what is none, or too long."""
        if len(text) > MOST:
            raise RefusedError(f"it has {len(text)} characters, more than {MOST}")
        try:
            found = json.loads(text)
            return cls(str(found["body"]), int(found["at"]), str(found["seal"]))
        except (ValueError, TypeError, KeyError, ArithmeticError):
            raise RefusedError("nobody can tell what was stated") from None


@dataclass(frozen=True, slots=True)
class SealKind:
    """What a seal is for, so that one for something else is none. ``text`` is signed with what is sealed.

    ``noun`` is what a refusal calls it, ``late`` and ``again`` say that its time is past and what helps; ``fresh_ms`` is
    for how long it is taken.
    """

    text: str
    noun: str = ""
    late: str = ""
    again: str = ""
    fresh_ms: int = 0

    def sign(self, key: AuditKey | None, *parts: str | int) -> str:
        """Return the seal of parts, "" without a key."""
        return "" if key is None else key.sign(self.text, *parts)

    def holds(self, seal: object, key: AuditKey, *parts: str | int) -> bool:
        """Whether a seal is that of parts, by this key."""
        told = str(seal).encode(
            errors="surrogatepass"
        )  # half a character, of whoever wrote it, is no seal
        return hmac.compare_digest(told, self.sign(key, *parts).encode())

    def seal(self, body: str, key: AuditKey | None, at: int) -> Sealed:
        """Return a text sealed for a time (UTC ms, real clock); without a key its seal is empty."""
        return Sealed(body, at, self.sign(key, at, body))

    def refuse_forged(self, said: Sealed, key: AuditKey, now: int) -> None:
        """Raise RefusedError where something was not sealed for this with this key, or is not of just now (UTC ms)."""
        if not self.holds(said.seal, key, said.at, said.body):
            raise RefusedError(
                f"{self.noun} is not sealed with this journal's key",
                hint=KEY_HINT,
            )
        if not now - self.fresh_ms <= said.at <= now + AHEAD_MS:
            raise RefusedError(f"{self.noun} {self.late}", hint=self.again)


STATEMENT = SealKind(
    *("a statement to be put on record", "the statement", "was not made just now"),
    *("state it once more", FRESH_MS),
)
DRILL = SealKind(
    *("a drill to be put on record", "the drill", "did not end just now"),
    *("drill it again", DRILL_FRESH_MS),
)
BACKTEST = SealKind(
    *("a backtest to be put on record", "the backtest", "did not end just now"),
    *("run it again", FRESH_MS),
)
CLOSING = SealKind("how a close-all ended")
"""The end of a close-all, in its diary: read at any later time, by whoever goes on with the account."""

__all__ = [
    "BACKTEST",
    "CLOSING",
    "DRILL",
    "DRILL_FRESH_MS",
    "FRESH_MS",
    "KEY_HINT",
    "STATEMENT",
    "Sealed",
]
