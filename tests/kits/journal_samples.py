"""Runs, events and effects for the journal's tests."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tradebot.core.model.approved import SEAL, Approved
from tradebot.core.model.effects import (
    AccountCompared,
    Cancel,
    CashBooked,
    CommandDone,
    Countdown,
    Effect,
    EquityPoint,
    FillBooked,
    FundingBooked,
    GhostClosed,
    GhostOpened,
    Halted,
    LookUp,
    Notify,
    OrderChanged,
    Place,
    ReadBack,
    Reconcile,
    Resumed,
    SignalJudged,
    StopRun,
    TradeClosed,
    TradeReopened,
    WakeAt,
)
from tradebot.core.model.values import (
    Bar,
    Fill,
    Order,
    OrderStatus,
    OrderType,
    Purpose,
    Quote,
    Side,
    TimeInForce,
)
from tradebot.journal.audit import AuditKey
from tradebot.journal.rows import NewRun

KEY = AuditKey(b"k" * 32, "file")
OTHER_KEY = AuditKey(b"o" * 32, "file")
T0 = 1_700_006_400_000  # 2023-11-15 00:00 UTC
WALL = 1_760_000_000_000
BTC, ETH = "BTC/USDT", "ETH/USDT"


def d(text: str) -> Decimal:
    return Decimal(text)


def snapshot_body(at: int) -> dict[str, Any]:
    """A snapshot as an engine writes it, with one open position."""
    return {
        "at": at,
        "market": "SIMULATED MARKET",
        "speed": "max",
        "start_equity": "10000",
        "equity": "10006.1",
        "cash": "10000",
        "fees": "0.1",
        "funding": "0",
        "drawdown": "0",
        "completed_trades": 0,
        "win_rate_pct": None,
        "halts": {},
        "prices": {BTC: "61000.1"},
        "positions": [
            {
                "symbol": BTC,
                "side": "long",
                "qty": "0.002",
                "entry_time": "2023-11-15T00:00:00Z",
                "entry_price": "61000",
                "price": "61000.1",
                "pnl": "0.0002",
                "pnl_pct": "0.0001",
                "stop": None,
                "target": None,
            }
        ],
    }


def new_run(nonce: str = "n1", mode: str = "paper", **changes: Any) -> NewRun:
    values: dict[str, Any] = {
        "mode": mode,
        "venue": "local",
        "market": "SIMULATED MARKET",
        "seed": 7,
        "config": '{"a":1}',
        "config_hash": "c0",
        "strategy": "ema_cross",
        "strategy_hash": "5a",
        "nonce": nonce,
        "instance": "abc123",
        "wall": WALL,
        "version": "1.0",
    }
    return NewRun(**(values | changes))


def quote(at: int, symbol: str = BTC, bid: str = "61000.1") -> Quote:
    return Quote(symbol, at - 40, at, (bid, "61000.2", "1.5", "2", "61000.15"), 61000.15)


def bar(open_time: int, symbol: str = BTC) -> Bar:
    return Bar.of(symbol, open_time, 60_000, ("1", "2", "0.5", "1.5", "10"))


def place(order_id: str = "o1", signal: int = 1, **changes: Any) -> Place:
    values: dict[str, Any] = {"type": OrderType.LIMIT, "qty": d("0.010"), "price": d("61000.10")}
    order = Order(order_id, BTC, Side.BUY, **(values | changes))
    return Place(Approved(order, 3, SEAL), signal)


def signal(number: int = 1, at: int = T0, **changes: Any) -> SignalJudged:
    values: dict[str, Any] = {
        "side": "long",
        "confidence": 0.8,
        "price": d("61000.1"),
        "stop": d("60000"),
        "target": None,
        "reason": "crossed",
        "verdict": "approved",
        "indicators": {"ema": 1.5},
    }
    return SignalJudged(number, at, BTC, **(values | changes))


def changed(order_id: str = "o1", status: OrderStatus = OrderStatus.FILLED) -> OrderChanged:
    return OrderChanged(T0 + 1, BTC, order_id, status, d("0.010"), d("61000.1"), d("0.010"), "why")


def booked(trade_id: int = 1, order_id: str = "o1") -> FillBooked:
    fill = Fill(
        BTC, trade_id, order_id, Side.BUY, d("0.010"), d("61000.1"), d("0.305"), False, T0 + 1
    )
    return FillBooked(T0 + 1, fill, d("0.010"), d("61000.1"), d("0"))


def closed(number: int = 1, pnl: str = "6.10", signal_id: int = 1) -> TradeClosed:
    return TradeClosed(
        *(number, T0 + 61_500, BTC, "long", d("0.010"), T0, d("61000"), T0 + 61_500, d("61610")),
        *(d("0.60"), d("-0.10"), d(pnl), "target", signal_id),
    )


def haunted(signal_id: int = 3, at: int = T0) -> GhostOpened:
    return GhostOpened(signal_id, at, BTC, "long", d("1000"), d("0.016"))


def laid(signal_id: int = 3, pnl: str = "240.50") -> GhostClosed:
    return GhostClosed(
        *(signal_id, T0 + 90_500, BTC, "target", d("0.016"), T0, d("61000"), T0 + 90_500),
        *(d("76031.25"), d("1.10"), d("0"), d(pnl), d("250"), d("-3.5")),
    )


def story(at: int = T0) -> list[tuple[int, Effect]]:
    """Return one of each effect, as a small trade would give them."""
    effects: list[Effect] = [
        signal(1),
        signal(2, verdict="refused", refusals=("cooldown: 60 s", "day loss")),
        place("o1"),
        place(
            "o2", 0, type=OrderType.STOP_MARKET, price=None, trigger=d("60000"), reduce_only=True
        ),
        changed("o1"),
        changed("foreign", OrderStatus.WORKING),
        booked(1),
        FundingBooked(at, BTC, d("-0.10"), d("0.0001"), d("61000"), d("0.01")),
        CashBooked(at, "tran-1", "transfer", "", d("25"), at - 5),
        AccountCompared(at, "", d("10025"), d("10024"), ("the wallet differs by 1",)),
        AccountCompared(at, BTC, None, None),
        LookUp(BTC, "o2"),
        ReadBack(BTC, "refused"),
        Reconcile("30 s"),
        Countdown(BTC, 30_000),
        Cancel(BTC, "o2", "position closed"),
        booked(2, "liquidation"),
        closed(),
        closed(2, "-3", 2),
        TradeReopened(2, at, BTC),
        haunted(3, at),
        laid(3),
        haunted(4, at),
        GhostClosed(4, at, BTC, "unfilled: too small"),
        EquityPoint(at, d("10006.10"), d("10006.1"), d("0"), "trade"),
        Halted(at, "day", "lost 25", 4),
        Resumed(at, "day", "policy", "new day", 5),
        CommandDone(at, 1, True, "halted"),
        WakeAt("day", at + 5),
        Notify(at, "warning", "day loss"),
        StopRun(at, "end"),
    ]
    return [(at, effect) for effect in effects]


def alter(path: Path, sql: str, *values: object) -> None:
    """Change the file behind the journal's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        cursor = db.execute(sql, values)
        assert cursor.rowcount != 0, "the tampering touched nothing"


def ask(path: Path, sql: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql, values).fetchall()


_money = st.decimals(-(10**9), 10**9, places=8, allow_nan=False, allow_infinity=False)
_positive = st.decimals(0, 10**9, places=8, allow_nan=False, allow_infinity=False)
_text = st.text(max_size=12)
_id = st.integers(1, 4)
_at = st.integers(0, 2**42)
_symbol = st.sampled_from([BTC, ETH])
_order_id = st.sampled_from(["o1", "o2", "o3"])
_order = st.builds(
    Order,
    id=_order_id,
    symbol=_symbol,
    side=st.sampled_from(Side),
    type=st.sampled_from(OrderType),
    qty=_positive,
    price=st.none() | _positive,
    trigger=st.none() | _positive,
    tif=st.sampled_from(TimeInForce),
    reduce_only=st.booleans(),
    purpose=st.sampled_from(Purpose),
)
_fill = st.builds(
    Fill,
    symbol=_symbol,
    trade_id=_id,
    order_id=_order_id,
    side=st.sampled_from(Side),
    qty=_positive,
    price=_positive,
    fee=_money,
    maker=st.booleans(),
    time=_at,
    liquidation=st.booleans(),
    venue_id=_text,
)
_status = st.sampled_from(OrderStatus)
_refusals = st.lists(_text, max_size=2).map(tuple)
_floats = st.dictionaries(_text, st.floats(), max_size=2)
_odd = st.text(alphabet=st.characters(codec=None), max_size=5)
effects = st.one_of(
    st.builds(Place, st.builds(Approved, _order, st.integers(0, 99), st.just(SEAL)), _id),
    st.builds(Cancel, _symbol, _order_id, _text),
    st.builds(WakeAt, _text, _at),
    st.builds(Notify, _at, _text, _text),
    st.builds(StopRun, _at, _text, st.booleans()),
    st.builds(
        SignalJudged,
        *(_id, _at, _symbol, st.sampled_from(["long", "short", "exit"]), st.floats(0, 1)),
        *(_positive, st.none() | _positive, st.none() | _positive, _odd, _text),
        *(_refusals, _floats),
    ),
    st.builds(
        OrderChanged,
        *(
            _at,
            _symbol,
            _order_id,
            _status,
            _positive,
            st.none() | _positive,
            _positive,
            _odd,
            _odd,
        ),
    ),
    st.builds(FillBooked, _at, _fill, _money, _positive, _money),
    st.builds(FundingBooked, _at, _symbol, _money, _money, _positive, _money, _odd),
    st.builds(
        TradeClosed,
        *(_id, _at, _symbol, _text, _positive, _at, _positive, _at, _positive, _money, _money),
        *(_money, _text, st.integers(0, 4)),
    ),
    st.builds(TradeReopened, _id, _at, _symbol),
    st.builds(EquityPoint, _at, _money, _money, _positive, _text),
    st.builds(GhostOpened, _id, _at, _symbol, _text, _positive, _positive),
    st.builds(GhostClosed, _id, _at, _symbol, _odd),
    st.builds(
        GhostClosed,
        *(_id, _at, _symbol, _odd, _positive, _at, _positive, _at, _positive, _money, _money),
        *(_money, _positive, _money),
    ),
    st.builds(CashBooked, _at, _text, _text, _symbol, _money, _at),
    st.builds(AccountCompared, _at, _symbol, st.none() | _money, st.none() | _money, _refusals),
    st.builds(Halted, _at, _text, _text, st.integers(0, 99)),
    st.builds(Resumed, _at, _text, _text, _text, st.integers(0, 99)),
    st.builds(CommandDone, _at, _id, st.booleans(), _text),
)
