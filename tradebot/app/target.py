"""What a command is aimed at, and the latch that comes before everything else. Light: a kill must be quick.

A close-all goes by its target: runs on the simulated exchange, whose journal is all there is to them, or an
account at an exchange, of which a journal proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from tradebot.clock import SYSTEM
from tradebot.core.model.errors import UsageError
from tradebot.guard.account_lock import account_dir
from tradebot.guard.latch import write_halt
from tradebot.guard.lock import Traded, is_held, lock_holder, lock_owner

KEYS: Mapping[str, tuple[str, str]] = {
    "demo": ("TRADEBOT_BINANCE_DEMO_KEY", "TRADEBOT_BINANCE_DEMO_KEY_FILE"),
    "live": ("TRADEBOT_BINANCE_KEY", "TRADEBOT_BINANCE_KEY_FILE"),
}
"""Variables that hold an account's key: without one no account can be meant by the configuration alone."""

ACCOUNTS = ("demo", "live")
"""Where orders can go outside this process: of what is held there a journal proves nothing."""


PROBE = "probe"
"""What stands in a rehearsed stop's id where others have the nonce of their start."""


@dataclass(frozen=True, slots=True)
class SimulatedRuns:
    """Runs on the simulated exchange; ``run`` None: what the engine hosts, or else what stands interrupted.

    ``strictly`` says that no account is to be touched; else a run that trades one means that account.
    """

    run: str | None = None
    strictly: bool = False

    def __str__(self) -> str:
        """Return it in words."""
        return f"the simulated run {self.run}" if self.run else "paper"


@dataclass(frozen=True, slots=True)
class ExchangeAccount:
    """The account at an exchange, demo or live: what it holds only the exchange can tell.

    ``url`` is where it is instead of at Binance: a venue on this machine. ``demo`` are Demo Trading's hosts, for
    requests and for streams, where they are not the usual ones. ``fingerprint`` is that of the key which opens it, where
    it is known whose account is meant; ``named`` says that a person named it.
    """

    environment: str
    url: str = ""
    demo: tuple[str, str] = ("", "")
    fingerprint: str = ""
    named: bool = False

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
    account: str | None,
    run: str | None,
    paper: bool,
    environment: str,
    env: Mapping[str, str],
    url: str = "",
    demo: tuple[str, str] = ("", ""),
) -> Target:
    """Return what was asked for, else the configured account if there is a key to it, else paper.

    ``environment``, ``url`` and ``demo`` are what is configured. Raises UsageError for an unknown account, and for an account and a run at once.
    """
    if account is not None and account not in ACCOUNTS:
        raise UsageError(f'there is no account "{account}"', hint=f"one of {', '.join(ACCOUNTS)}")
    if account is not None and (run is not None or paper):
        raise UsageError(
            "an account and simulated runs cannot be closed by one command",
            hint="either --account, or --run or --paper",
        )
    if account is not None:
        return ExchangeAccount(account, url, demo, named=True)
    if run is None and not paper and _is_configured(environment, env):
        return ExchangeAccount(environment, url, demo)
    return SimulatedRuns(run, strictly=paper)


def _is_configured(environment: str, env: Mapping[str, str]) -> bool:
    return environment in ACCOUNTS and any(map(env.get, KEYS[environment]))


def aimed(request: Request, data_dir: Path) -> Request:
    """Return the request aimed at the account that the directory's living engine trades, unless another was named."""
    owner = lock_owner(data_dir)
    if owner is None or owner.traded is None or request.name != "close-all":
        return request
    target, traded = request.target, owner.traded
    if isinstance(target, ExchangeAccount):
        if target.named and target.environment != traded.environment:
            return request
    elif target.strictly or target.run is not None:
        return request
    return replace(request, target=account_of_note(traded))


def account_of_note(traded: Traded) -> ExchangeAccount:
    """Return the account that the note of an engine names."""
    hosts = (traded.demo_rest, traded.demo_stream)
    return ExchangeAccount(traded.environment, traded.url, hosts, traded.fingerprint)


def latch(data_dir: Path, request: Request) -> None:
    """Set the latch for a halt or a close-all: no entry leaves after this returns.

    Raises JournalError when not even the directory's file can be made.
    """
    _write(data_dir, request)


def latch_account(fingerprint: str, request: Request) -> None:
    """Set an account's own latch, whichever directory's engine trades it; JournalError when it cannot be made."""
    _write(account_dir(fingerprint), request)


def _write(where: Path, request: Request) -> None:
    reason = request.reason or "no reason given"
    if request.name == "close-all":
        account = (
            request.target.environment if isinstance(request.target, ExchangeAccount) else None
        )
        write_halt(where, reason, request.who, "close-all", request.run, account)
    else:
        write_halt(where, reason, request.who)


def may_run(data_dir: Path) -> bool:
    """Whether an engine runs on the directory, or somebody who cannot be told from one."""
    if lock_owner(data_dir) is not None:
        return True
    return lock_holder(data_dir) is None and is_held(data_dir)
