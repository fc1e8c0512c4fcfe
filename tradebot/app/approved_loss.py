"""From where the approved loss counts: the equity at the account's first live start, until a sign-off sets another.

A run that goes on has it in its state. One that begins takes it over from the run before it on the same account, moved by the
money that came in or went out meanwhile and is no result.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tradebot.app.account import TradedAccount
from tradebot.app.standing import ACCOUNT_STATE
from tradebot.core.model.errors import JournalError
from tradebot.core.risk.monitor import approved_base
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader


async def first_equity(data_dir: Path, account: TradedAccount, equity: Decimal) -> Decimal:
    """Return what the loss since the sign-off is counted from (USDT), for a run that begins with ``equity``.

    Raises ExchangeError where it cannot be told what came in meanwhile.
    """
    try:
        before = _newest(data_dir, account.access.environment, account.access.fingerprint)
    except (JournalError, ValueError, KeyError, TypeError, ArithmeticError):
        return equity  # such a journal lets no run begin that could enter anything
    if before is None:
        return equity
    base, until = before
    return base + await account.read_moved(until)


def _newest(data_dir: Path, environment: str, fingerprint: str) -> tuple[Decimal, int] | None:
    """Return the base of the newest live run on an account, and until when (UTC ms) it has moved with its money."""
    with Reader(journal_path(data_dir)) as reader:
        for run in reader.runs():
            state = reader.state(run.id) if (run.mode, run.venue) == ("live", environment) else None
            if state is not None and state.body["session"].get(ACCOUNT_STATE) == fingerprint:
                engine = state.body["session"]["engine"]
                return approved_base(engine["watch"]), int(engine["now"])
    return None
