"""What lets a live run begin: a person's word, a token of a check that went well, or a crash less than an hour ago.

A token is printed once and kept as its hash; it holds for ten minutes, for one start, and for the configuration, the strategy,
the account and the stage that were checked.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from tradebot.app.ours import Ours
from tradebot.clock import SYSTEM, Clock
from tradebot.config import Config
from tradebot.core.model.errors import RefusedError
from tradebot.core.model.values import HOUR_MS, MINUTE_MS
from tradebot.disk import private_directory, replace_durably
from tradebot.journal.rows import EXIT_CODE, RunRow

TOKEN_FILE = "live.token"
TOKEN_MS = 10 * MINUTE_MS
RESTART_MS = HOUR_MS
"""A run that ended out of order may go on by itself so long after its last sign of life."""

WORD = "LIVE"

PENDING = "its checklist has not been gone through yet"
"""Why a start that found something open makes no entry at first, where the run before it was allowed to."""
WORDLESS = f"{PENDING}, and it has no word so far"
"""The same where nothing that was allowed goes on."""

AGAIN = "`tradebot live --check` prints a token: it holds 10 minutes, for one start with the same configuration"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person agrees to: this configuration and strategy, on the account of this key, at this stage (0: none binds)."""

    config: str
    strategy: str
    account: str
    stage: int = 0

    @classmethod
    def of(cls, config: Config, strategy_hash: str, fingerprint: str) -> Terms:
        """Return the terms of a start."""
        return cls(config.digest(), strategy_hash, fingerprint, config.stage)

    def __str__(self) -> str:
        return f"{self.config}:{self.strategy}:{self.account}:{self.stage}"


def issue_token(data_dir: Path, terms: Terms, clock: Clock = SYSTEM) -> str:
    """Return a new token; the one before it holds no longer. JournalError where it cannot be kept."""
    token = secrets.token_hex(6)
    private_directory(data_dir)
    kept = {"hash": _hash(token), "terms": _hash(str(terms)), "until": clock.wall_ms() + TOKEN_MS}
    replace_durably(data_dir / TOKEN_FILE, json.dumps(kept))
    return token


def redeem_token(data_dir: Path, token: str, terms: Terms, clock: Clock = SYSTEM) -> None:
    """Use a token up; RefusedError where it is none, is too old, or was given for something else."""
    path = data_dir / TOKEN_FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        known, bound, until = str(kept["hash"]), str(kept["terms"]), int(kept["until"])
    except (OSError, ValueError, KeyError, TypeError):
        raise RefusedError(
            "no token waits to be used here", hint=AGAIN, key="--confirm-live"
        ) from None
    if not hmac.compare_digest(known, _hash(token.strip())):
        raise RefusedError(
            "that is not the token of the newest check here", hint=AGAIN, key="--confirm-live"
        )
    try:
        path.unlink()
    except OSError:  # or another start has just used it
        raise RefusedError(
            "the token cannot be used up", hint="see why it cannot be removed", file=str(path)
        ) from None
    now = clock.wall_ms()
    if not until - TOKEN_MS <= now < until:
        raise RefusedError("the token has expired", hint=AGAIN, key="--confirm-live")
    if bound != _hash(str(terms)):
        what = "configuration, strategy or account are not those that were checked"
        raise RefusedError(
            f"the token is for another start: {what}", hint=AGAIN, key="--confirm-live"
        )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def may_go_on(ours: Ours, terms: Terms, clock: Clock = SYSTEM) -> bool:
    """Whether the newest live run broke off less than an hour ago and would go on as it was: then nobody is asked.

    One that only protected when it broke off would begin to trade, and one in another stage trade otherwise: no word covers that.
    """
    run = ours.run
    if run is None or not broke_off(run) or ours.seen is None:
        return False
    recent = 0 <= clock.wall_ms() - ours.seen < RESTART_MS
    was = (run.config_hash, run.strategy_hash, ours.stage)
    return (
        recent and ours.only in ("", PENDING) and was == (terms.config, terms.strategy, terms.stage)
    )


def broke_off(run: RunRow) -> bool:
    """Whether a run did not end in order: it was killed, or ended with an error that was no refusal of its own."""
    if run.state == "running":
        return True
    exit_code = (run.summary or {}).get(EXIT_CODE)
    return run.error is not None and exit_code not in (0, 2, 4)
