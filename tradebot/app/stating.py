"""What people state of live: that they sign, move it up a stage, have looked through its week, or take a sign-off back.

Everything is checked where it is put on record: by the engine that holds the journal, in a process of its own, else here
under the lock. What was judged must still be so when the row is written.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias

from tradebot.app.approved_anew import approved_now, note_after, note_before, worth_here
from tradebot.app.database import journal_of
from tradebot.app.readiness import (
    NO_KEY,
    Readiness,
    ground_now,
    journal_place,
    judge,
    limits_text,
    testimony_of,
)
from tradebot.app.recording import put_on_record
from tradebot.app.sealed import KEY_HINT, STATEMENT
from tradebot.app.signing import (
    LEAST_WORDS,
    MOST_WORDS,
    Signer,
    check_signer,
    refuse_unready,
    signed_row,
)
from tradebot.app.target import Request, may_run
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.errors import RefusedError, TradebotError, UsageError
from tradebot.core.model.money import plain
from tradebot.core.risk.ceilings import POSITION_VALUE_STAGE_TWO, STAGES
from tradebot.journal.audit import GENESIS, AuditKey
from tradebot.journal.commands import STATE, post_command, wait_command
from tradebot.journal.facts import Reviewed, SignoffRevoked, StageRaised, Told
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.rows import Head
from tradebot.plugins.strategies import StrategySpec, load_strategy
from tradebot.reports.readiness.signoffs import approval_after
from tradebot.reports.readiness.spelled import folded, seen
from tradebot.reports.readiness.stages import UNATTENDED, stage_of

Kind: TypeAlias = Literal["sign", "raise", "review", "revoke"]

LEAST_REVIEW = 100
"""Characters of a week's review."""
MOST_REVIEW = 20_000
ANSWER_S = 600.0
"""Seconds for which an engine's answer is waited for: what counts is played again before it signs."""
CHILD_S = 540.0
ENGINE_HINT = "so says the engine; tradebot gates and tradebot live --check tell what is needed"
LOOK_S = 0.2
"""Seconds between two looks at whether anybody still waits for the child."""
NICENESS = 19
COMMAND = (
    sys.executable,
    "-P",
    "-c",
    "from tradebot.app.stating import main; raise SystemExit(main())",
)


@dataclass(frozen=True, slots=True)
class PersonsWord:
    """What a person states. ``answers`` are a signer's by question; ``cap`` (USDT) is what stage 3 is held to, "" for $50.

    ``evidence`` and ``limits`` (JSON text) are what they were shown: an engine with others signs nothing.
    """

    kind: Kind
    name: str
    role: str = ""
    words: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    stage: int = 0
    cap: str = ""
    evidence: str = ""
    limits: str = ""

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def read(cls, text: str) -> PersonsWord:
        """Return one of its JSON; RefusedError for what is none."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            raise RefusedError("nobody can tell what was stated") from None


@dataclass(frozen=True, slots=True)
class Sworn:
    """A statement that holds: its row, the head it was judged at, and what is to be said of it.

    ``completes`` says of a signature that it is the second of a new sign-off.
    """

    row: Told
    head: Head
    text: str
    completes: bool = False


# -- the judgement ------------------------------------------------------------------------------------


def judge_statement(
    config: Config,
    spec: StrategySpec | None,
    stated: PersonsWord,
    worth: str = "",
    approved: str = "",
    clock: Clock = SYSTEM,
) -> Sworn:
    """Return the row of a statement; TradebotError for one that cannot be made now.

    ``spec`` is the strategy, which nobody needs who takes a sign-off back; ``worth`` is what the approved loss would count
    from (USDT, decimal text), "" without a live run, and ``approved`` the sign-off that it counts from now.
    """
    _check_name(stated)
    if stated.kind == "revoke" or spec is None:
        row = SignoffRevoked(stated.name.strip(), stated.words.strip())
        return Sworn(row, Head(0, GENESIS), "every sign-off is revoked")
    if stated.kind == "review":
        return _reviewed(config, spec, stated, clock)
    raising = stated.stage if stated.kind == "raise" and stated.stage in STAGES else 0
    found = judge(config, spec, clock, raising=raising, signing=stated.kind == "sign")
    if (stated.evidence or found.evidence, stated.limits or limits_text(config)) != (
        *(found.evidence, limits_text(config)),
    ):
        raise RefusedError(
            "the engine runs with another strategy, version or limits than those that were shown",
            hint="state it with the engine's own configuration, or stop it first",
        )
    head, name = found.testimony.head, stated.name.strip()
    if stated.kind == "sign":
        signer = Signer(stated.name, stated.role, stated.words, stated.answers)
        check_signer(config, found, signer)
        signed = signed_row(config, found, signer, head, worth)
        standing = [one.fact for one in found.signed if not one.lapsed]
        completes = approval_after([*standing, signed], approved) is signed
        return Sworn(signed, head, f"signed by {name} ({signed.role})", completes)
    _check_raise(found, stated)
    text = f"{name} has moved live up to stage {stated.stage}, from its next start on"
    return Sworn(_raised(config, found, stated), head, text)


def _reviewed(config: Config, spec: StrategySpec, stated: PersonsWord, clock: Clock) -> Sworn:
    """Return the row of a week's review; it rests on the stage alone."""
    _check_length("the review", stated.words, LEAST_REVIEW, MOST_REVIEW)
    told = testimony_of(config.data_dir())
    ground = ground_now(config, spec, told, clock)
    if told.weak or ground.broken:
        raise RefusedError(
            f"nothing that the journal says is believed: {ground.broken or 'its key lies beside it'}",
            hint="tradebot db verify",
        )
    stage = stage_of(told.rows, ground, config.risk.live.trade_loss).stage
    if stage != UNATTENDED:
        raise RefusedError(
            f"only stage {UNATTENDED} is reviewed: live is in stage {stage}",
            hint="tradebot live --check says what the next stage needs",
        )
    name, place = stated.name.strip(), journal_place(config)
    row = Reviewed(name, stated.words.strip(), ground.evidence, stated.role.strip(), place)
    return Sworn(row, told.head, f"the week is reviewed, by {name}")


def _raised(config: Config, found: Readiness, stated: PersonsWord) -> StageRaised:
    return StageRaised(
        stage=stated.stage,
        name=stated.name.strip(),
        words=stated.words.strip(),
        evidence=found.evidence,
        role=stated.role.strip(),
        cap=stated.cap,
        head=str(found.testimony.head),
        place=journal_place(config),
    )


def check_stage(stage: int) -> None:
    """Raise UsageError for a stage that nobody can move up to."""
    if stage not in STAGES[1:]:
        raise UsageError(
            f"there is no stage {stage} to move up to",
            key="--stage",
            hint=f"--stage {STAGES[1]} or {STAGES[2]}; down it goes by itself",
        )


def _check_raise(found: Readiness, stated: PersonsWord) -> None:
    standing, stage = found.standing, stated.stage
    check_stage(stage)
    _check_length("the sentence", stated.words, LEAST_WORDS, MOST_WORDS)
    _check_cap(stated)
    if stage != standing.stage + 1:
        raise RefusedError(
            f"live is in stage {standing.stage}: stage {stage} does not follow it",
            hint="one stage at a time; tradebot live --check says what the next one needs",
        )
    refuse_unready(found, stage)
    if not next(one.ok for one in found.verdicts if one.gate == "reviewers"):
        raise RefusedError(
            "no stage is moved up without a sign-off that stands", hint="tradebot signoff"
        )
    if not standing.ready:
        raise RefusedError(
            f"stage {stage} needs {standing.needed}: {standing.have}",
            hint="tradebot live --check says how far it is",
        )


def _check_cap(stated: PersonsWord) -> None:
    if not stated.cap:
        return
    try:
        cap = Decimal(stated.cap)
        good = cap.is_finite() and 0 < cap <= POSITION_VALUE_STAGE_TWO
    except InvalidOperation:
        good = False
    if stated.stage != UNATTENDED or not good:
        most = plain(POSITION_VALUE_STAGE_TWO)
        raise UsageError(
            f'"{stated.cap}" is no cap: one is written down for stage {UNATTENDED} only, above 0 and at most {most} USDT',
            key="--cap",
            hint="leave it away for the plan's $50",
        )


def _check_name(stated: PersonsWord) -> None:
    if not folded(stated.name):
        raise UsageError("name is empty", key="--name", hint="give the one you go by")


def _check_length(what: str, words: str, least: int, most: int) -> None:
    length = len(seen(words))
    if not least <= length <= most:
        raise UsageError(
            f"{what} has {length} characters: {least} to {most} are needed",
            key="--text-file",
            hint="say in words of your own what you have seen",
        )


# -- putting it on record --------------------------------------------------------------------------------


def state(
    config: Config, spec: StrategySpec | None, stated: PersonsWord, clock: Clock = SYSTEM
) -> tuple[str, Head | None]:
    """Put a statement on record; return what is said of it and the chain's head, to be kept elsewhere.

    TradebotError as ``judge_statement`` has it; RefusedError where an engine holds the journal and does not answer.
    """
    if spec is None or stated.kind != "sign":
        return _put_on_record(config, spec, stated, clock)
    before = approved_now(config, spec, clock)
    told = _put_on_record(config, spec, stated, clock)
    note_after(config, spec, before, clock)
    return told


def _put_on_record(
    config: Config, spec: StrategySpec | None, stated: PersonsWord, clock: Clock
) -> tuple[str, Head | None]:
    if may_run(config.data_dir()):
        return _by_engine(config, stated, clock)
    if stated.kind == "revoke":
        journal_of(
            config.data_dir()
        )  # where there is none nothing can be taken back, and none is made
    worth, approved = worth_here(config) if stated.kind == "sign" else ("", "")
    done = judge_statement(config, spec, stated, worth, approved, clock)
    note_before(config, worth)

    def make(head: Head) -> Sequence[Told]:
        if stated.kind != "revoke" and head != done.head:
            raise changed()
        return [done.row]

    return done.text, put_on_record(config.data_dir(), make, f"signoff {stated.kind}", clock)


def changed() -> RefusedError:
    """Return the error for a journal that went on while its gates were judged."""
    return RefusedError(
        "the journal has changed since the gates were judged", hint="state it once more"
    )


def _by_engine(config: Config, stated: PersonsWord, clock: Clock) -> tuple[str, Head | None]:
    path = journal_path(config.data_dir())
    key = AuditKey.find(config.data_dir())
    if key is None and stated.kind != "revoke":
        raise RefusedError(NO_KEY, hint=KEY_HINT)
    said = STATEMENT.seal(stated.text(), key, clock.wall_ms())
    request = Request(STATE, stated.name.strip() or "nobody", stated.kind, review=said.text())
    number = post_command(path, STATE, request.who, request.reason, review=request.review)
    row = wait_command(path, number, ANSWER_S)
    if row is None or row.ok is None:
        raise RefusedError(
            "the engine has not answered: nothing is signed yet",
            hint="`tradebot status` shows its heartbeat; try again once it works",
        )
    if not row.ok:
        raise RefusedError(row.result or "refused", hint=ENGINE_HINT)
    with Reader(path) as reader:
        return row.result or "done", reader.head()


# -- in a process of its own -----------------------------------------------------------------------------


def ask_child(
    config: Config,
    stated: PersonsWord,
    worth: str,
    approved: str,
    command: Sequence[str] = COMMAND,
    over: Callable[[], bool] = lambda: False,
) -> Sworn:
    """Return what a process of its own makes of a statement; TradebotError where that is nothing, or it is ``over`` before."""
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise RefusedError(f"it cannot be judged: {type(error).__name__}") from None
    try:
        out, err = _heard(child, pickle.dumps((config, stated, worth, approved)), over)
    finally:
        child.kill()
        child.communicate()
    if child.returncode:
        last = err.decode(errors="replace").strip().rpartition("\n")[2]
        raise RefusedError(f"it cannot be judged: {last[:200]}")
    found = pickle.loads(out)
    if isinstance(found, TradebotError):
        raise found
    assert isinstance(found, Sworn)
    return found


def _heard(
    child: subprocess.Popen[bytes], given: bytes, over: Callable[[], bool]
) -> tuple[bytes, bytes]:
    """Return what a child has said in the end; RefusedError where it takes too long, or nobody waits any more."""
    told: bytes | None = given
    until = SYSTEM.monotonic() + CHILD_S
    while SYSTEM.monotonic() < until:
        try:
            return child.communicate(told, timeout=LOOK_S)
        except subprocess.TimeoutExpired:
            told = None
        if over():
            raise RefusedError("its engine ended before it could answer")
    raise RefusedError(f"it cannot be judged: no answer within {CHILD_S:.0f} s")


def main() -> int:
    """Read configuration, statement and worth from stdin (pickled); write what becomes of it, or the error."""
    os.nice(NICENESS)
    answer, sys.stdout = sys.stdout.buffer, sys.stderr
    config, stated, worth, approved = pickle.load(sys.stdin.buffer)
    found: Sworn | TradebotError
    try:
        chosen, spec = config.strategy, None
        if stated.kind != "revoke":
            spec = load_strategy(chosen.name, config.strategy_dir(), chosen.params)
        found = judge_statement(config, spec, stated, worth, approved)
    except TradebotError as error:
        found = RefusedError(error.message, hint=error.hint)
    answer.write(pickle.dumps(found))
    answer.flush()
    return 0


__all__ = [
    "LEAST_REVIEW",
    "PersonsWord",
    "Sworn",
    "ask_child",
    "changed",
    "check_stage",
    "judge_statement",
    "state",
]
