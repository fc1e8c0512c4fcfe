"""Trades of which it is known what can be found in them: nothing, or one planted effect.

Each trade is a fair walk between its stop and its target, a day's trades share its drift, results have fat tails; hour, side, symbol and
confidence are drawn and mean nothing unless an effect is planted. What limits refused, what fills cost beyond the model and what a wider
stop would have made of stopped trades is drawn as well, and comes to nothing on average: every rule has something to look at. So whatever
is recommended of the rest is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Literal

from tradebot.app.adjusted import Adjustment
from tradebot.app.advising import AdviceCase, PlayedAgain
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.core.strategy.protocol import Signal
from tradebot.journal.view import TradeRow
from tradebot.reports.advice.advise import Advice, advise
from tradebot.reports.advice.outcomes import Evidence, HeldOn, PastTrade, RefusedEntry

DAYS, PER_DAY = 60, 8
SYMBOLS = ("ADA/USDT", "BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
BEGIN = 20_209  # a day of 2025, counted from 1970
RISK = 20.0
COSTS = 0.05
"""In planned losses: what every trade pays."""

LOSS = 2_000.0
"""USDT that may be lost in a week."""

STEP, STOP, TARGET = 0.1, -10, 15
"""A step of the walk in planned losses; stop and target in steps."""


@dataclass(frozen=True, slots=True)
class Planted:
    """An effect that is there: trades of which ``where`` is true end by half a planned loss worse."""

    rule: str
    where: Callable[[PastTrade], bool]


PLANTED = (
    Planted("symbol", lambda trade: trade.symbol == "SOL/USDT"),
    Planted("side", lambda trade: trade.side == "short"),
    Planted("tier", lambda trade: trade.tier == "low"),
)


def walk(draw: Random) -> tuple[int, int, int]:
    """Return where a trade's walk ends, its lowest and its highest point, in steps."""
    at = low = high = 0
    while STOP < at < TARGET:
        at += 1 if draw.getrandbits(1) else -1
        low, high = min(low, at), max(high, at)
    return at, low, high


def a_trade(
    number: int, day: int, shock: float, draw: Random, planted: Planted | None
) -> PastTrade:
    """One trade: its course, what its day did to all, and a tail that has nothing to do with either."""
    time = day * 86_400_000 + draw.randrange(86_400_000)
    trade = PastTrade(
        id=number,
        time=time,
        exit=time + 600_000,
        symbol=draw.choice(SYMBOLS),
        side=draw.choice(("long", "short")),
        reason="",
        pnl=0.0,
        gross=0.0,
        costs=COSTS * RISK,
        turnover=2_000.0,
        confidence=draw.choice((0.3, 0.6, 0.9)),
        risk=RISK,
        stop_loss=RISK,
        reward=TARGET * STEP * RISK,
    )
    end, low, high = walk(draw)
    if planted is not None and planted.where(trade) and draw.random() < LOST:
        while end != STOP:
            end, low, high = walk(draw)
    tail = 0.15 * draw.gauss(0, 1) / (sum(draw.gauss(0, 1) ** 2 for _ in range(3)) / 3) ** 0.5
    net = (end * STEP + shock + tail) * RISK
    return replace(
        trade,
        reason="target" if end == TARGET else "stop",
        pnl=net,
        gross=net + COSTS * RISK,
        mae=-low * STEP * RISK,
        mfe=high * STEP * RISK,
    )


LOST = 0.5
"""Of the planted part's targets (2 of 5 walks) so many become stops: 0.4 x 0.5 x 2.5 planned losses, half a one on average."""


@lru_cache(50)
def data_set(seed: int, planted: Planted | None = None, days: int = DAYS) -> Evidence:
    """Return days of eight trades."""
    draw = Random(seed)
    trades: list[PastTrade] = []
    for day in range(BEGIN, BEGIN + days):
        shock = draw.gauss(0, 0.2)
        trades += [a_trade(len(trades) + i, day, shock, draw, planted) for i in range(PER_DAY)]
    beside = Random(f"{seed}/beside")
    slipped = [replace(t, slippage=-SLIPPED * (1 + 0.3 * beside.gauss(0, 1))) for t in trades]
    return Evidence(
        slipped,
        refused_in(beside, days),
        {t.id: held(beside) for t in trades if t.reason == "stop"},
        dict.fromkeys(range(len(trades)), SLIPPED),
        LOSS,
    )


SLIPPED = 0.02 * RISK
REFUSING = ("positions", "blackout", "entry interval")


def refused_in(draw: Random, days: int) -> list[RefusedEntry]:
    """Return four refused entries a day, whose walks were as fair."""
    return [
        RefusedEntry(
            day * 86_400_000 + draw.randrange(86_400_000),
            draw.choice(REFUSING),
            (walk(draw)[0] * STEP + shock) * RISK,
        )
        for day in range(BEGIN, BEGIN + days)
        for shock in [draw.gauss(0, 0.2)]
        for _ in range(PER_DAY // 2)
    ]


def held(draw: Random) -> HeldOn:
    """Return what became of a stopped trade behind its stop: from -10 steps to a stop at -15, or the target at 15."""
    met = draw.random() < 1 / 6
    return HeldOn((25 if met else -5) * STEP * RISK, met)


def examined(seed: int, planted: Planted | None = None) -> Advice:
    """Return what is said of a data set."""
    return advise(data_set(seed, planted), f"study {seed}")


# -- the split around it ------------------------------------------------------------------------------

PRICE = Decimal(1_000)


def bars_behind(trades: Sequence[PastTrade], seed: int) -> Iterator[Bar]:
    """Yield a minute behind each stopped trade: a stop half as far again is met in it, or the target, so that neither is better.

    The way back to the target is 49 USDT from where trades were stopped on average, to the farther stop 11.
    """
    draw = Random(f"{seed}/bars")
    for trade in sorted(trades, key=lambda trade: trade.exit):
        if trade.reason == "stop":
            near, far = (-25, 31) if draw.random() < 11 / 60 else (-31, -20)
            ends = (near, far) if trade.side == "long" else (-near, -far)
            low, high = (str(PRICE + end) for end in sorted(ends))
            text = [low, high, low, high, "1"]
            yield Bar.of(trade.symbol, trade.exit, MINUTE_MS, text)


def as_rows(trades: Sequence[PastTrade]) -> list[TradeRow]:
    """Return trades as the journal would have them."""
    return [_row(trade) for trade in trades]


def _row(trade: PastTrade) -> TradeRow:
    price, sign = PRICE, 1 if trade.side == "long" else -1
    return TradeRow(
        run="null",
        id=trade.id,
        symbol=trade.symbol,
        side=trade.side,
        qty=Decimal(1),
        entry_time=trade.time,
        entry_price=price,
        exit_time=trade.exit,
        exit_price=price + sign * _money(trade.gross),
        fees=_money(trade.costs),
        funding=Decimal(0),
        pnl=_money(trade.pnl),
        pnl_pct=None,
        duration_s=(trade.exit - trade.time) // 1000,
        exit_reason=trade.reason,
        signal=trade.id,
        ts=trade.exit,
        wall=0,
        mae=-_money(trade.mae),
        mfe=_money(trade.mfe),
        stop=price - sign * _money(trade.stop_loss),
        target=price + sign * _money(trade.reward),
        risk=_money(trade.risk),
    )


def _money(value: float | None) -> Decimal:
    return Decimal(repr(value or 0.0))


def split_case(trades: Sequence[PastTrade], seed: int, days: int = DAYS) -> AdviceCase:
    """Return what a report would be advised on: its last third is kept back, and played again by leaving trades out."""
    rows = as_rows(trades)
    third = (BEGIN + days * 2 // 3) * 86_400_000
    late = [trade for trade in trades if trade.time >= third]
    early = [trade for trade in trades if trade.exit + MINUTE_MS <= third]

    def play(change: Adjustment) -> PlayedAgain:
        kept = [trade for trade in late if _takes(change, trade)]
        return PlayedAgain(_sum(late), _sum(kept), len(kept))

    return AdviceCase(
        rows,
        third,
        {("null", trade.id): trade.confidence for trade in trades},
        [one for one in refused_in(Random(f"{seed}/beside"), days) if one.time < third],
        bars_behind(early, seed),
        f"study {seed}",
        play,
        LOSS,
    )


def _takes(change: Adjustment, trade: PastTrade) -> bool:
    side: Literal["long", "short"] = "long" if trade.side == "long" else "short"
    return change.takes(Signal(side, trade.confidence or 0.0), trade.symbol, trade.time)


def _sum(trades: Sequence[PastTrade]) -> Decimal:
    return sum((_money(trade.pnl) for trade in trades), Decimal(0))
