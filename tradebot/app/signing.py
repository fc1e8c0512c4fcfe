"""Signing off: what a person has to say, one by one, before a strategy may trade their money, and putting it on record.

It can be signed only while every gate passes that can be judged before a start; two different people have to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tradebot
from tradebot.app.readiness import Readiness, journal_place, limits_text
from tradebot.config import Config
from tradebot.core.model.errors import ConfigError, RefusedError, UsageError
from tradebot.core.model.money import plain
from tradebot.core.risk.ceilings import SINCE_SIGNOFF_LOSS
from tradebot.journal.facts import SignedOff
from tradebot.journal.rows import Head
from tradebot.reports.readiness.gates import STRICTER, UNATTENDED
from tradebot.reports.readiness.spelled import folded, seen
from tradebot.reports.readiness.verdict import GateVerdict

LEAST_WORDS = 20
"""Characters of the sentence that a signer writes."""
MOST_WORDS = 2000

READ_LATER = ("reviewers", "keys", "account")
"""Gates that a sign-off does not wait for: it opens the first itself, the others are read when live starts."""

RISK_SOURCES = ("core/risk", "core/trading", "app/sender.py", "app/flatten.py")
"""What a reviewer of the risk code has looked at, below the installed package."""

SHOWN = 12
"""Digits of a sha256 that suffice where one has to be typed."""

RISKS = (
    "a stop bounds what is planned, not what a gap takes: a price that jumps over it costs more",
    "between a fill and its stop a process that dies leaves a position naked until it is started again",
    "an exchange can fail, halt, liquidate or freeze an account, and nothing here undoes that",
    "what a strategy has shown is its past; most strategies lose money",
)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One thing that a signer confirms: what is asked, and the answers that do, folded; never shown to them."""

    key: str
    ask: str
    right: tuple[str, ...]

    def takes(self, answer: str) -> bool:
        """Whether an answer will do; case and space do not matter."""
        return _plain_words(answer) in self.right


def questions(config: Config) -> tuple[Confirmation, ...]:
    """Return what each signer has to confirm, in order."""
    limits = config.risk.live.limits()
    lost = plain(SINCE_SIGNOFF_LOSS)
    day = plain(limits.day_loss) if limits.day_loss is not None else ""
    sources = risk_sources()
    return (
        Confirmation("risks", 'type "I understand the risks"', ("i understand the risks",)),
        Confirmation("loss", f'type "{lost} USDT may be lost"', (f"{lost} usdt may be lost",)),
        Confirmation("kill", "which key stops new entries at once?", ("f8",)),
        Confirmation(
            "close",
            "which key or command closes everything?",
            ("f9", "close-all", "tradebot close-all"),
        ),
        Confirmation("day", "how many USDT may be lost in a day?", (day, f"{day} usdt", f"${day}")),
        Confirmation(
            "sources",
            f"the sha256 of the risk code that you have looked at (its first {SHOWN} digits do; `tradebot signoff` shows it)",
            (sources, sources[:SHOWN]),
        ),
    )


def risk_sources() -> str:
    """Return one sha256 (hex) over the installed files of the risk code."""
    root = Path(tradebot.__file__).parent
    digest = hashlib.sha256()
    for place in RISK_SOURCES:
        there = root / place
        for file in [there] if there.is_file() else sorted(there.rglob("*.py")):
            for part in (file.relative_to(root).as_posix().encode(), file.read_bytes()):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: name, role, a sentence of their own, and their answers by question."""

    name: str
    role: str
    words: str
    answers: Mapping[str, str]


def read_signer(name: str, role: str, text: str) -> Signer:
    """Return a signer of the text of a file: lines ``question: answer``, and the rest is their sentence."""
    keys = {"risks", "loss", "kill", "close", "day", "sources"}
    answers: dict[str, str] = {}
    words: list[str] = []
    for line in text.splitlines():
        key, colon, answer = line.partition(":")
        if colon and key.strip().lower() in keys:
            answers[key.strip().lower()] = answer.strip()
        else:
            words.append(line.strip())
    return Signer(name, role, " ".join(filter(None, words)), answers)


def refuse_unready(found: Readiness, raising: int = 0) -> None:
    """Raise RefusedError where nobody can sign: the key is weak, the chain broken, or a gate does not pass.

    ``raising`` is the stage that somebody wants to move up to, 0 for none: its gates may ask for more than `gates` shows.
    """
    told = found.testimony
    if told.weak:
        raise RefusedError(
            "the key of the journal's chain lies beside it: whoever can change one can sign the other",
            hint="give it as TRADEBOT_AUDIT_KEY before the first run, or let a keyring keep it",
        )
    if told.broken:
        raise RefusedError(f"the journal does not verify: {told.broken}", hint="tradebot db verify")
    failing = [one for one in found.failing if one.gate not in READ_LATER]
    if failing and raising:
        raise RefusedError(
            f"stage {raising} is not moved up to while gates do not pass: {', '.join(_named(failing, raising))}",
            hint=f"tradebot gates says what to do next, by what stage {found.standing.stage} needs",
        )
    if failing:
        raise RefusedError(
            f"nothing can be signed while gates do not pass: {', '.join(one.gate for one in failing)}",
            hint="tradebot gates says what each needs and what to do next",
        )


def _named(failing: Sequence[GateVerdict], raising: int) -> Iterator[str]:
    """Yield gates by name, with figures those that ask for more in a stage than in the one before."""
    for one in failing:
        more = raising == UNATTENDED and one.gate in STRICTER
        yield f"{one.gate} ({'; '.join(one.reasons)}; needed: {one.needed})" if more else one.gate


def check_signer(config: Config, found: Readiness, signer: Signer) -> None:
    """Raise UsageError for words that will not do, RefusedError where nobody can sign or that person has signed already."""
    refuse_unready(found)
    _refuse_words(config, signer)
    standing = {folded(one.fact.name): one.fact.name for one in found.signed if not one.lapsed}
    if folded(signer.name) in standing:
        raise RefusedError(
            f"{standing[folded(signer.name)]} has signed already: another person has to",
            hint="case and space make no other person",
        )


def signed_row(
    config: Config, found: Readiness, signer: Signer, head: Head, worth: str = ""
) -> SignedOff:
    """Return the row of a sign-off; ``worth`` is what the approved loss counts from with it (USDT, decimal text)."""
    return SignedOff(
        name=signer.name.strip(),
        role=signer.role.strip(),
        words=signer.words.strip(),
        confirmed=tuple((one.key, signer.answers[one.key]) for one in questions(config)),
        evidence=found.evidence,
        config_hash=config.digest(),
        limits=limits_text(config),
        loss=plain(SINCE_SIGNOFF_LOSS),
        stage=found.stage,
        head=str(head),
        risk_sources=risk_sources(),
        key=found.testimony.fingerprint,
        place=journal_place(config),
        worth=worth,
    )


def _refuse_words(config: Config, signer: Signer) -> None:
    for key, value in (("--name", signer.name), ("--role", signer.role)):
        if not folded(value):
            raise UsageError(f"{key[2:]} is empty", key=key, hint="give the one you go by")
    length = len(seen(signer.words))
    if not LEAST_WORDS <= length <= MOST_WORDS:
        raise UsageError(
            f"the sentence has {length} characters: {LEAST_WORDS} to {MOST_WORDS} are needed",
            hint="say in words of your own why this strategy may trade this money",
        )
    for one in questions(config):
        answer = signer.answers.get(one.key, "")
        if not answer:
            raise UsageError(f"not confirmed: {one.key}", key=one.key, hint=one.ask)
        if not one.takes(answer):
            raise UsageError(
                f'"{answer}" is not the answer to {one.key}', key=one.key, hint=one.ask
            )


def read_text(file: Path) -> str:
    """Return the text of a file; ConfigError where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8"
        raise ConfigError(f"the text cannot be read: {why}", file=str(file)) from None


def _plain_words(text: str) -> str:
    return " ".join(text.split()).strip(" .\"'").casefold()
