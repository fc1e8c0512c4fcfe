"""Signing where the gates' verdicts are given: what they ask for is proved elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kits.evidence_kit import configure, play
from tradebot.app.readiness import Readiness
from tradebot.app.recording import put_on_record
from tradebot.app.signing import Signer, check_signer, questions, signed_row
from tradebot.app.stating import PersonsWord, changed, state
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.values import HOUR_MS
from tradebot.journal.facts import SignedOff
from tradebot.journal.rows import Head
from tradebot.plugins.strategies import StrategySpec, load_strategy

SHORT_END = time.time_ns() // 1_000_000 - HOUR_MS
"""When the journal of ``short_journal`` ends (UTC ms)."""


def short_journal(folder: Path) -> Config:
    """Return the configuration of a directory with a journal of a few minutes; the audit key must be in the environment."""
    asyncio.run(play(folder, SHORT_END, 0.05, modes=("paper",)))
    return configure(folder)


def spec_of(config: Config) -> StrategySpec:
    return load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)


def let_through(found: Readiness, *but: str) -> Readiness:
    """Return what the gates say, every one but some let through: a sign-off has to be reached first."""
    verdicts = tuple(
        one if one.gate in but else replace(one, ok=True, reasons=()) for one in found.verdicts
    )
    return replace(found, verdicts=verdicts)


def answers(config: Config) -> dict[str, str]:
    """Return the right answer to every question of a sign-off."""
    return {one.key: one.right[0] for one in questions(config)}


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


__all__ = [
    "SHORT_END",
    "answers",
    "let_through",
    "revoke",
    "short_journal",
    "sign",
    "spec_of",
]
