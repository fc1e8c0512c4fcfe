"""What a close-all is going to close, by the journal: accounts that runs trade, simulated runs, and what it leaves alone.

It only reads: the closing itself looks anew.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tradebot.app.database import journal_of
from tradebot.app.standing import account_of_run, left_open, standing_accounts
from tradebot.app.target import ACCOUNTS, ExchangeAccount, Request
from tradebot.core.model.errors import JournalError, TradebotError
from tradebot.guard.lock import lock_owner
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader


def accounts_meant(data_dir: Path, request: Request) -> list[ExchangeAccount]:
    """Return the accounts that a close-all closes: the one it is aimed at, else those of the runs that are meant.

    None where the journal cannot tell.
    """
    target = request.target
    if isinstance(target, ExchangeAccount):
        return [target]
    if target.strictly or not journal_path(data_dir).exists():
        return []
    with suppress(TradebotError):
        return standing_accounts(data_dir, target.run)
    return []


def simulated_meant(data_dir: Path, request: Request) -> list[str]:
    """Return the simulated runs that a close-all closes; a ghost's shadow account only where it is all there is.

    JournalError where that cannot be read, UsageError for a run that is not there.
    """
    target, owner = request.target, lock_owner(data_dir)
    hosted = owner is not None and owner.traded is not None  # its engine closes what it hosts
    if isinstance(target, ExchangeAccount) and (target.named or hosted):
        return []
    if not journal_path(data_dir).exists() or barred_by_paper(data_dir, request):
        return []
    with Reader(journal_of(data_dir)) as reader:
        runs = [reader.run(request.run)] if request.run is not None else reader.runs()
        standing = [run for run in runs if run.venue not in ACCOUNTS and run.state != "ended"]
        orders = [run.id for run in standing if run.mode != "ghost"]
        alone = [] if isinstance(target, ExchangeAccount) else [run.id for run in standing]
        return orders or alone


def barred_by_paper(data_dir: Path, request: Request) -> str:
    """Say what ``--paper`` leaves alone though it would have to be ended; "" where there is nothing such."""
    target, owner = request.target, lock_owner(data_dir)
    if isinstance(target, ExchangeAccount) or not target.strictly:
        return ""
    alone = "which --paper leaves alone"
    if owner is not None and owner.traded is not None:
        return f"the engine trades the {owner.traded.environment} account, {alone}"
    if target.run is None or not journal_path(data_dir).exists():
        return ""
    with suppress(JournalError), Reader(journal_path(data_dir)) as reader:  # whoever closes tells
        run = reader.run(target.run)
        if run.venue in ACCOUNTS:
            return f"{run.id} trades the {run.venue} account, {alone}"
    return ""


def left_elsewhere(data_dir: Path, environment: str, fingerprint: str) -> list[str]:
    """Say of which other accounts the journal knows something open: a proof for one account is none for another.

    ``environment`` and ``fingerprint`` (of the key, "" where it is not known) are those of the account that was closed.
    """
    said: list[str] = []
    with suppress(TradebotError), Reader(journal_path(data_dir)) as reader:
        for run in reader.runs():
            if run.venue not in ACCOUNTS or not (names := left_open(reader, run.id)):
                continue
            held = ", ".join(names)
            try:
                account = account_of_run(reader, run)
            except JournalError as error:
                said.append(f"{error.message}; it held {held}")
                continue
            other = fingerprint and account.fingerprint not in ("", fingerprint)
            if account.environment != environment:
                way = f"tradebot close-all --account {account.environment} closes it"
            elif other:
                way = f"its key had the fingerprint {account.fingerprint}: close-all with that key closes it"
            else:
                continue
            said.append(
                f"{run.id} traded another account, which was not touched; it held {held}: {way}"
            )
    return said
