"""What a report is made of: the rows of runs that may be told as one story. Pure values."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, overload

from tradebot.core.model.money import ZERO
from tradebot.journal.history import CurvePoint as Point
from tradebot.journal.view import TradeRow


class PointColumns(Sequence[Point]):
    """Points in order, by columns: a month may have tens of thousands of them."""

    __slots__ = ("_equities", "_falls", "_times", "_whys")

    def __init__(self, points: Iterable[Point]) -> None:
        self._times = array("q")
        self._equities: list[Decimal] = []
        self._whys: list[str] = []
        self._falls: dict[int, Decimal] = {}
        for at, equity, why, fall in points:
            if fall:
                self._falls[len(self._times)] = fall
            self._times.append(at)
            self._equities.append(equity)
            self._whys.append(why)

    def __len__(self) -> int:
        return len(self._times)

    @overload
    def __getitem__(self, index: int) -> Point: ...

    @overload
    def __getitem__(self, index: slice) -> list[Point]: ...

    def __getitem__(self, index: int | slice) -> Point | list[Point]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        fall = self._falls.get(place, ZERO)
        return Point(self._times[place], self._equities[place], self._whys[place], fall)


class Flow(NamedTuple):
    """Money that came in (positive) or went out and is no result: when it was booked (UTC ms), USDT."""

    at: int
    amount: Decimal


class Costs(NamedTuple):
    """A trade's fees by how its fills were made (USDT)."""

    maker: Decimal
    taker: Decimal


class Judgement(NamedTuple):
    """A signal: when (UTC ms), its id, tier of confidence, verdict, why it was refused, what came of it (USDT), and when (UTC ms).

    ``closed`` is None where nothing came of it, or where no hypothetical trade told.
    """

    at: int
    id: int
    tier: str
    verdict: str
    refusals: tuple[str, ...]
    outcome: Decimal | None
    closed: int | None = None


class Stay(NamedTuple):
    """A position from its first fill until it was closed or turned (UTC ms; None: it was not); the most it was, at entry prices (USDT)."""

    symbol: str
    opened: int
    closed: int | None
    value: Decimal


class Halting(NamedTuple):
    """A halt or a resume: when (UTC ms), ``halted`` or ``resumed``, its reason."""

    at: int
    event: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunHistory:
    """A run's rows. ``points`` in order; ``maker`` is the share of maker fees by trade id (USDT), none for the rest. ``stays`` are
    its positions, as they were up to the moment up to which the rows are.

    ``other`` are cash lines that are neither trade nor transfer. ``caps`` are the limits it ran under, by rule. ``prices`` (USDT) and funding
    ``rates`` (above 0: longs paid) by symbol, each with its moment (UTC ms), in no order. ``latency_ms`` is the median from price to order, and
    the 99th percentile, once the run has ended; ``income`` what an exchange's income says beyond the ledger by day, None
    where no exchange was traded.
    """

    run: str
    mode: str
    venue: str
    market: str
    strategy: str
    strategy_hash: str
    start_equity: Decimal
    points: Sequence[Point]
    trades: Sequence[TradeRow]
    flows: Sequence[Flow] = ()
    other: Sequence[Flow] = ()
    maker: Mapping[int, Decimal] | None = None
    stays: Sequence[Stay] = ()
    signals: Sequence[Judgement] = ()
    halts: Sequence[Halting] = ()
    caps: Mapping[str, Decimal] | None = None
    prices: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    rates: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    taker_fee: Decimal = ZERO
    leverage: int = 1
    latency_ms: tuple[str | None, str | None] = (None, None)
    income: Mapping[str, Decimal] | None = None

    @property
    def first(self) -> int:
        """The run's first moment (UTC ms), 0 for one that never began."""
        return self.points[0].at if self.points else 0

    @property
    def last(self) -> int:
        """The run's last moment that is on the curve (UTC ms)."""
        return self.points[-1].at if self.points else 0

    def costs(self, trade: TradeRow) -> Costs:
        """Return a trade's fees, maker and taker; their sum is exact."""
        maker = (self.maker or {}).get(trade.id, ZERO)
        return Costs(maker, trade.fees - maker)


__all__ = ["Costs", "Flow", "Halting", "Judgement", "Point", "PointColumns", "RunHistory", "Stay"]
