"""What a command is aimed at, and the latch that comes before everything else. Light: a kill must be quick.

A close-all goes by its target: runs on the simulated exchange, whose journal is all there is to them, or an
account at an exchange, of which a journal proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tradebot.clock import SYSTEM
from tradebot.core.model.errors import UsageError
from tradebot.guard.latch import write_halt
from tradebot.guard.lock import is_held, lock_holder, lock_owner

KEYS = ("TRADEBOT_BINANCE_KEY", "TRADEBOT_BINANCE_KEY_FILE")
"""Variables that hold an account's key: without one no account can be meant by the configuration alone."""

ACCOUNTS = ("demo", "live")


@dataclass(frozen=True, slots=True)
class SimulatedRuns:
    """Runs on the simulated exchange; ``run`` None: what the engine hosts, or else what stands interrupted."""

    run: str | None = None

    def __str__(self) -> str:
        """Return it in words."""
        return f"the simulated run {self.run}" if self.run else "paper"


@dataclass(frozen=True, slots=True)
class ExchangeAccount:
    """The account at an exchange, demo or live: what it holds only the exchange can tell."""

    environment: str

    def __str__(self) -> str:
        """Return it in words."""
        return f"the {self.environment} account"


Target: TypeAlias = SimulatedRuns | ExchangeAccount


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for. ``posted`` is when (real clock, UTC milliseconds)."""

    name: str
    who: str
    reason: str
    target: Target = SimulatedRuns()
    review: str = ""
    posted: int = field(default_factory=SYSTEM.wall_ms)

    @property
    def run(self) -> str | None:
        """The one run that is meant; None for all."""
        return self.target.run if isinstance(self.target, SimulatedRuns) else None


def choose_target(
    account: str | None, run: str | None, paper: bool, environment: str, env: Mapping[str, str]
) -> Target:
    """Return what was asked for, else the configured account if there is a key to it, else paper.

    Raises UsageError for an unknown account, and for an account and a run at once.
    """
    if account is not None and account not in ACCOUNTS:
        raise UsageError(f'there is no account "{account}"', hint=f"one of {', '.join(ACCOUNTS)}")
    if account is not None and (run is not None or paper):
        raise UsageError(
            "an account and simulated runs cannot be closed by one command",
            hint="either --account, or --run or --paper",
        )
    if account is not None:
        return ExchangeAccount(account)
    if run is None and not paper and environment in ACCOUNTS and any(map(env.get, KEYS)):
        return ExchangeAccount(environment)
    return SimulatedRuns(run)


def latch(data_dir: Path, request: Request) -> None:
    """Set the latch for a halt or a close-all: no entry leaves after this returns.

    Raises JournalError when not even the file can be made.
    """
    reason = request.reason or "no reason given"
    if request.name == "close-all":
        account = (
            request.target.environment if isinstance(request.target, ExchangeAccount) else None
        )
        write_halt(data_dir, reason, request.who, "close-all", request.run, account)
    else:
        write_halt(data_dir, reason, request.who)


def may_run(data_dir: Path) -> bool:
    """Whether an engine runs on the directory, or somebody who cannot be told from one."""
    if lock_owner(data_dir) is not None:
        return True
    return lock_holder(data_dir) is None and is_held(data_dir)
