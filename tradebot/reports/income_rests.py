"""What an exchange's income says beyond a run's ledger, in words and by closed trade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from tradebot.core.model.money import ZERO, plain
from tradebot.journal.snapshots import Snapshot
from tradebot.journal.view import FillRow, TradeRow

CENT = Decimal("0.01")


def rests_of_trades(
    trades: Sequence[TradeRow], fills: Sequence[FillRow], rests: Mapping[str, Decimal]
) -> dict[int, Decimal]:
    """Return by a trade's id what the income for its fills says beyond its result (USDT); only from a cent on.

    ``rests`` is by fill, ``SYMBOL:trade id``. A fill that closes one trade and opens the next counts for the first.
    """
    times = {f"{fill.symbol}:{fill.trade_id}": fill.time for fill in fills}
    found: dict[int, Decimal] = {}
    for key, rest in rests.items():
        symbol, time = key.rpartition(":")[0], times.get(key)
        held = (t for t in trades if t.symbol == symbol and time is not None)
        trade = next((t for t in held if t.entry_time <= (time or 0) <= t.exit_time), None)
        if trade is not None:
            found[trade.id] = found.get(trade.id, ZERO) + rest
    return {number: rest for number, rest in found.items() if abs(rest) >= CENT}


def rest_words(shown: Snapshot | None, trades: Mapping[int, Decimal]) -> Iterator[str]:
    """Say on which days, and for which trades, the exchange's income is not what the ledger adds up to."""
    for day, rest in ({} if shown is None else shown.income_rests).items():
        yield f"{day}: the exchange's income for the trades is {_more(rest)} than the ledger's"
    for number, rest in trades.items():
        yield f"trade {number}: the exchange's income is {_more(rest)} than its PnL"


def _more(rest: Decimal) -> str:
    return f"{plain(abs(rest))} USDT {'more' if rest > 0 else 'less'}"
