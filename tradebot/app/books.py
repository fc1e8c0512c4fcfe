"""Whether a run's money follows from its audit trail: asked before a run that goes on may enter again.

The journalled state is what the run goes on from; the audit trail is what happened. Cash and positions of
the one are added up anew from the fills, funding and cash lines of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from itertools import takewhile
from typing import TypeGuard

from tradebot.core.model.effects import CashBooked, Effect, FillBooked, FundingBooked
from tradebot.core.model.errors import JournalError
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.values import Side
from tradebot.core.state.portfolio import Portfolio
from tradebot.core.trading.cash_lines import IN_FILLS, INSURANCE, TRANSFER
from tradebot.journal.reader import Reader
from tradebot.journal.rows import LoggedEffect, StateRow


def check_books(reader: Reader, run: str, state: StateRow) -> None:
    """Raise JournalError unless cash (USDT) and quantities of a state follow from the audit trail up to it."""
    portfolio = Portfolio(ZERO, ())
    portfolio.restore(state.body["session"]["engine"]["portfolio"])
    cash, held = _added_up(reader, run, portfolio.start, state.audit_seq)
    differing = _differences(portfolio, cash, held)
    if differing:
        raise JournalError(
            f"the money of {run} does not follow from its audit trail: {'; '.join(differing)}",
            hint="tradebot db verify tells more; --new starts another run",
            file=str(reader.path),
        )


def fill_in(reader: Reader, run: str, state: StateRow) -> None:
    """Work out what an older version did not keep in a state, before anybody goes on from it or writes it back."""
    count_lines(reader, run, state)
    sum_brought(reader, run, state)


def count_lines(reader: Reader, run: str, state: StateRow) -> None:
    """Fill in how many cash lines a state is the sum of, where an older version did not count them.

    A fill's result and its fee are two; the audit trail has every one of them.
    """
    told = state.body["session"]["engine"]["portfolio"]
    if "lines" in told:
        return
    booked = (row.effect for row in takewhile(_until(state.audit_seq), reader.bookings(run)))
    told["lines"] = sum(2 if isinstance(effect, FillBooked) else 1 for effect in booked)


def sum_brought(reader: Reader, run: str, state: StateRow) -> None:
    """Fill in what came in and is no result (USDT), where an older version did not add it up."""
    told = state.body["session"]["engine"]["portfolio"]
    if "brought" in told:
        return
    booked = (row.effect for row in takewhile(_until(state.audit_seq), reader.bookings(run)))
    told["brought"] = str(sum((line.amount for line in booked if _is_no_result(line)), ZERO))


def _is_no_result(effect: Effect) -> TypeGuard[CashBooked]:
    """Whether a line moved what results are measured from, as ``CashLines.move`` has it."""
    if not isinstance(effect, CashBooked):
        return False
    came = effect.amount > 0 and effect.kind not in (INSURANCE, *IN_FILLS)
    return effect.kind == TRANSFER or came


def _until(seq: int) -> Callable[[LoggedEffect], bool]:
    return lambda row: row.seq <= seq


def _added_up(
    reader: Reader, run: str, cash: Decimal, until: int
) -> tuple[Decimal, dict[str, Decimal]]:
    held: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for logged in takewhile(_until(until), reader.bookings(run)):
        match logged.effect:
            case FillBooked(fill=fill):
                signed = fill.qty if fill.side is Side.BUY else -fill.qty
                cash -= signed * fill.price + fill.fee
                held[fill.symbol] += signed
            case FundingBooked() | CashBooked() as line:
                cash += line.amount
    return cash, held


def _differences(portfolio: Portfolio, cash: Decimal, held: dict[str, Decimal]) -> list[str]:
    told = {symbol: account.holding.qty for symbol, account in portfolio.accounts.items()}
    found = [
        f"{symbol} {plain(told.get(symbol, ZERO))} instead of {plain(held.get(symbol, ZERO))}"
        for symbol in sorted({*told, *held})
        if told.get(symbol, ZERO) != held.get(symbol, ZERO)
    ]
    if portfolio.cash == cash:
        return found
    return [f"cash {plain(portfolio.cash)} instead of {plain(cash)}", *found]
