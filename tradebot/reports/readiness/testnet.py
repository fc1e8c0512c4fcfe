"""The gate *testnet*: what one live run on Binance's Demo Trading has shown of orders, stops and closing everything.

Times are those of the run's own clock, which goes by the exchange's. An order is acknowledged, and a stop seen, when the exchange's
word for it has come by any way: an answer, the account's stream, or a look-up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tradebot.core.model.effects import (
    AccountCompared,
    FillBooked,
    OrderChanged,
    Place,
    TradeClosed,
)
from tradebot.core.model.money import plain
from tradebot.core.model.values import HOUR_MS, OrderStatus, Purpose
from tradebot.journal.facts import ClosedAll
from tradebot.journal.testimony import Said
from tradebot.reports.readiness.stretches import Demand, Stretch, left_out_of_demo
from tradebot.reports.readiness.verdict import GateVerdict, LeftOut

DEMO = "demo"
TESTNET_MS = HOUR_MS
TRADES = 3
SEEN_MS = 5000
"""Within this the exchange must have said that it has a position's stop."""
ACKNOWLEDGED_MS = 1000
CENT = Decimal("0.01")
AFTER_MS = HOUR_MS
"""A close-all may end so long after the run's last row: it may have ended the run."""

_UNANSWERED = (OrderStatus.PENDING, OrderStatus.UNKNOWN)
_STANDS = (OrderStatus.WORKING, OrderStatus.PARTIAL, OrderStatus.FILLED)
_REFUSED = (OrderStatus.REJECTED,)


@dataclass(slots=True)
class DemoRun:
    """One start of a live run as its rows tell it. ``acknowledged`` has times from decision to the exchange's word (ms) by order.

    ``stops`` has by symbol when the exchange had a stop (the run's clock, ms), ``opened`` when positions began.
    ``compared`` is the newest comparison of the whole account, ``closings`` are close-alls of the account.
    """

    stretch: Stretch
    decided: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    stop_ids: set[str] = field(default_factory=set)
    stops: dict[str, list[int]] = field(default_factory=dict)
    opened: dict[str, list[int]] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=dict)
    trades: dict[int, TradeClosed] = field(default_factory=dict)
    compared: AccountCompared | None = None
    closings: list[ClosedAll] = field(default_factory=list)

    def take(self, said: Said) -> None:
        """Take one row of the run."""
        match said.fact:
            case Place(approved=approved):
                self.decided.setdefault(approved.order.id, said.at)
                if approved.order.purpose is Purpose.STOP:
                    self.stop_ids.add(approved.order.id)
            case OrderChanged():
                self._change(said.fact)
            case FillBooked():
                self._book(said.fact)
            case TradeClosed():
                self.trades[said.fact.id] = said.fact
            case AccountCompared(symbol=""):
                self.compared = said.fact
            case _:
                pass

    def _change(self, fact: OrderChanged) -> None:
        if fact.status in _UNANSWERED:
            return
        decided = self.decided.get(fact.order_id)
        if decided is not None:
            self.acknowledged.setdefault(fact.order_id, fact.at - decided)
        if fact.order_id in self.stop_ids and fact.status in _STANDS:
            self.stops.setdefault(fact.symbol, []).append(fact.at)

    def _book(self, fact: FillBooked) -> None:
        symbol = fact.fill.symbol
        if fact.position and not self.held.get(symbol):
            self.opened.setdefault(symbol, []).append(fact.at)
        self.held[symbol] = fact.position

    def unseen(self) -> list[int]:
        """Return for each closed trade how long (ms) it took until its stop was seen; -1 where none ever was."""
        return [self._wait_of(trade) for trade in self.trades.values()]

    def _wait_of(self, trade: TradeClosed) -> int:
        begun = max(
            (at for at in self.opened.get(trade.symbol, ()) if at <= trade.at), default=None
        )
        if begun is None:
            return -1
        seen = [at for at in self.stops.get(trade.symbol, ()) if begun <= at <= trade.at]
        return min(seen) - begun if seen else -1


def demo_runs(
    rows: Sequence[Said], stretches: Sequence[Stretch], weak_until: int = 0
) -> list[DemoRun]:
    """Return the starts of live runs on a demo account as the chain's rows tell them, oldest first.

    What a close-all did counts from rows behind ``weak_until`` only: before that the key lay beside the journal.
    """
    found = {one.nonce: DemoRun(one) for one in stretches if _is_demo(one)}
    current: dict[str, DemoRun | None] = {}
    runs = {one.stretch.run for one in found.values()}
    closings: list[ClosedAll] = []
    for said in rows:
        if isinstance(said.fact, ClosedAll):
            closings += [said.fact] if said.seq > weak_until else []
        elif said.run in runs:
            nonce = getattr(said.fact, "nonce", None)
            if nonce is not None:
                current[said.run] = found.get(str(nonce))
            one = current.get(said.run)
            if one is not None:
                one.take(said)
    for one in found.values():
        begun, until = one.stretch.begun, one.stretch.ended + AFTER_MS
        one.closings += [c for c in closings if c.environment == DEMO and begun <= c.at <= until]
    return list(found.values())


def _is_demo(one: Stretch) -> bool:
    return one.mode == "live" and one.venue == DEMO


def judge_testnet(
    runs: Sequence[DemoRun], demand: Demand, others: Sequence[LeftOut] = ()
) -> GateVerdict:
    """Judge the demo runs: one of them must have shown everything. ``others`` are live runs that are none."""
    left = [*others]
    judged: list[tuple[list[str], DemoRun]] = []
    for one in reversed(runs):
        why = left_out_of_demo(one.stretch, demand)
        if why:
            left.append(LeftOut(one.stretch.run, tuple(why)))
        else:
            judged.append((list(_lacks(one)), one))
    reasons, best = min(
        judged, key=lambda pair: len(pair[0]), default=(["no run counts yet"], None)
    )
    return GateVerdict(
        "testnet",
        not reasons,
        f"one live run on Demo Trading with this hash: {TESTNET_MS // HOUR_MS} h, {TRADES} closed trades whose stops were each seen"
        f" within {SEEN_MS // 1000} s, decision to acknowledgement p99 < {ACKNOWLEDGED_MS} ms, a close-all that ended with 0,"
        " reconciled to the cent; at most 30 days old",
        "nothing that counts" if best is None else _words(best),
        tuple(reasons),
        () if best is None else (best.stretch.run,),
        tuple(left),
        'tradebot live with environment = "demo", and tradebot close-all at its end'
        if reasons
        else "",
        _wait(best) if reasons else 0,
    )


def _wait(best: DemoRun | None) -> int:
    done = 0 if best is None or not best.stretch.running else best.stretch.length
    return max(0, TESTNET_MS - done) // 1000


def _lacks(one: DemoRun) -> Iterator[str]:
    """Say everything that a run has not shown."""
    if one.stretch.length < TESTNET_MS:
        yield f"it lasted {one.stretch.length // 60_000} min"
    waits = one.unseen()
    if len(waits) < TRADES:
        yield f"{len(waits)} closed trades"
    if never := waits.count(-1):
        yield f"{never} trades whose stop was never seen"
    late = [wait for wait in waits if wait > SEEN_MS]
    if late:
        yield f"{len(late)} trades whose stop was seen late, the latest after {max(late) / 1000:.3f} s"
    slowest = p99(list(one.acknowledged.values()))
    if slowest is None:
        yield "no order was acknowledged"
    elif slowest >= ACKNOWLEDGED_MS:
        yield f"decision to acknowledgement p99 {slowest} ms"
    if not any(map(_proves, one.closings)):
        unsealed = any(done.code == 0 for done in one.closings)
        why = " and was sealed with the chain's key" if unsealed else ""
        yield f"no close-all that ended with 0{why}"
    yield from _of_books(one)


def _of_books(one: DemoRun) -> Iterator[str]:
    """Say what the newest comparison of the whole account leaves open."""
    last = one.compared
    if last is None or last.wallet is None or last.ledger is None:
        yield "its account was never compared with its ledger"
        return
    if abs(last.wallet - last.ledger) >= CENT:
        yield f"wallet and ledger differ by {plain(last.wallet - last.ledger)} USDT"
    if last.differences:
        yield f"its account differs: {'; '.join(last.differences)}"
    if any(trade.at > last.at for trade in one.trades.values()):
        yield "its account was not compared after its last trade"


def _words(one: DemoRun) -> str:
    waits, slowest = one.unseen(), p99(list(one.acknowledged.values()))
    longest = max(waits, default=-1)
    return (
        f"{one.stretch.length // 60_000} min, {len(waits)} closed trades, the latest stop seen after"
        f" {'-' if longest < 0 else f'{longest / 1000:.1f}'} s, p99 {'-' if slowest is None else slowest} ms,"
        f" {sum(map(_proves, one.closings))} close-alls with 0"
    )


def _proves(done: ClosedAll) -> bool:
    """Whether a close-all ended with 0, by the word of somebody who has the chain's key: the diary alone is anybody's."""
    return done.code == 0 and done.sealed


def p99(values: Sequence[int]) -> int | None:
    """Return the 99th percentile (nearest rank); None of none."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * 0.99) - 1] if ordered else None


__all__ = ["DemoRun", "demo_runs", "judge_testnet"]
