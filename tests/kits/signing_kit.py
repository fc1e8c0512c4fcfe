"""Signing where the gates' verdicts are given: what they ask for is proved elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from tradebot.app.readiness import Readiness
from tradebot.app.recording import put_on_record
from tradebot.app.signing import Signer, check_signer, signed_row
from tradebot.app.stating import PersonsWord, changed, state
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.journal.facts import SignedOff
from tradebot.journal.rows import Head


def sign(
    config: Config,
    found: Readiness,
    signer: Signer,
    clock: Clock = SYSTEM,
    worth: str = "",
) -> tuple[SignedOff, Head]:
    """Put a person's word on record; return the row and the chain's head."""
    check_signer(config, found, signer)
    made: list[SignedOff] = []

    def make(head: Head) -> Sequence[SignedOff]:
        if head != found.testimony.head:
            raise changed()
        made.append(signed_row(config, found, signer, head, worth))
        return made

    head = put_on_record(config.data_dir(), make, "signoff", clock)
    return made[0], head


def revoke(config: Config, name: str, words: str, clock: Clock = SYSTEM) -> None:
    """Take every standing sign-off back, as the command does."""
    state(config, None, PersonsWord("revoke", name, words=words), clock)


__all__ = ["revoke", "sign"]
