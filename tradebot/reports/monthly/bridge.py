"""From gross to net, exact to the last digit.

A trade counts where it closed, whole. What is open at a moment is the equity less the start, transfers and all
that has closed: so nothing is left over, and a period's bridge is the sum of its parts' bridges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from tradebot.core.model.money import ZERO
from tradebot.journal.view import TradeRow
from tradebot.reports.monthly.curve import boundary, is_in
from tradebot.reports.monthly.period import Period
from tradebot.reports.monthly.record import Flow, Point, RunHistory


@dataclass(frozen=True, slots=True)
class Bridge:
    """USDT. ``gross + slippage - maker_fees - taker_fees + funding + other + open_change = net``.

    ``gross`` is at the prices that were decided on, where these are known: ``unpriced`` trades have none, and their
    slippage is in ``gross``. ``other`` are cash lines that are neither of a trade nor a transfer. And
    ``start_equity + net + transfers + restarts = end_equity``; ``restarts`` is by what runs began
    with other equity than the one before had ended with. ``open_change`` is of what was open at the period's ends.
    """

    gross: Decimal
    slippage: Decimal
    maker_fees: Decimal
    taker_fees: Decimal
    funding: Decimal
    other: Decimal
    open_change: Decimal
    net: Decimal
    trades_net: Decimal
    start_equity: Decimal
    end_equity: Decimal
    transfers: Decimal
    unpriced: int
    restarts: Decimal = ZERO

    @property
    def fees(self) -> Decimal:
        """All fees (USDT)."""
        return self.maker_fees + self.taker_fees

    @property
    def costs(self) -> Decimal:
        """Fees, slippage and funding paid (USDT, positive when they cost)."""
        return self.fees - self.slippage - self.funding


def bridge_of(records: Sequence[RunHistory], period: Period) -> Bridge:
    """Return the bridge of runs that follow one another."""
    parts = [_bridge(record, period) for record in records]
    first, last = parts[0], parts[-1]
    added = {
        name: sum((getattr(part, name) for part in parts), ZERO)
        for name in (
            *("gross", "slippage", "maker_fees", "taker_fees", "funding", "other", "open_change"),
            *("net", "trades_net", "transfers"),
        )
    }
    return Bridge(
        **added,
        restarts=sum((b.start_equity - a.end_equity for a, b in pairwise(parts)), ZERO),
        start_equity=first.start_equity,
        end_equity=last.end_equity,
        unpriced=sum(part.unpriced for part in parts),
    )


def closed_in(record: RunHistory, period: Period) -> list[TradeRow]:
    """Return a run's trades that closed in a period."""
    return [trade for trade in record.trades if period.holds(trade.exit_time)]


def _bridge(record: RunHistory, period: Period) -> Bridge:
    start, end = _stand(record, period.first), _stand(record, period.last)
    trades = closed_in(record, period)
    fees = [record.costs(trade) for trade in trades]
    priced = [trade.slippage for trade in trades if trade.slippage is not None]
    slippage = sum(priced, ZERO)
    net_trades = sum((trade.pnl for trade in trades), ZERO)
    funding = sum((trade.funding for trade in trades), ZERO)
    maker = sum((cost.maker for cost in fees), ZERO)
    taker = sum((cost.taker for cost in fees), ZERO)
    other = _between(record.other, start, end)
    transfers = _between(record.flows, start, end)
    net = end.equity - start.equity - transfers
    return Bridge(
        gross=net_trades + maker + taker - funding - slippage,
        slippage=slippage,
        maker_fees=maker,
        taker_fees=taker,
        funding=funding,
        other=other,
        open_change=net - net_trades - other,
        net=net,
        trades_net=net_trades,
        start_equity=start.equity,
        end_equity=end.equity,
        transfers=transfers,
        unpriced=len(trades) - len(priced),
    )


def _stand(record: RunHistory, time: int) -> Point:
    """Return a run's curve as it stood when a moment (UTC ms) began: its start before its first point."""
    return boundary(record.points, time) or Point(-1, record.start_equity, "start")


def _between(flows: Sequence[Flow], start: Point, end: Point) -> Decimal:
    """Add up the cash lines that one moment's equity has in it and an earlier one's has not."""
    moved = (
        f.amount for f in flows if is_in(f, end.at, end.why) and not is_in(f, start.at, start.why)
    )
    return sum(moved, ZERO)


__all__ = ["Bridge", "bridge_of", "closed_in"]
