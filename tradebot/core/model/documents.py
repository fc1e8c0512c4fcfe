"""The documents a run writes for others to read: their keys as CONTRACT names them.

Everything in them is a JSON value: money (USDT), prices and quantities are decimal text without exponent,
``*_pct`` is decimal text in percent, times are ISO-8601 in UTC. What cannot be said is None.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class RejectionDocument(TypedDict):
    """How often the exchange rejected an order with a code of its own, and what it said first."""

    code: int
    count: int
    reason: str


class GhostFigures(TypedDict, total=False):
    """What a ghost's summary adds: entry signals, and what came of their hypothetical trades.

    ``ghost_pnl`` is the sum of results of trades of ``ghost_notional`` each.
    """

    signals: int
    profitable: int
    accuracy_pct: str | None
    ghost_closed: int
    ghost_unfilled: int
    ghost_notional: str
    ghost_pnl: str


_Span = TypedDict("_Span", {"from": str | None, "to": str | None})


class SummaryDocument(_Span, GhostFigures):
    """What a run amounts to; a ghost's has its figures too, a journalled one the fingerprints (``hashes``)."""

    run: str | None
    mode: str
    market: str
    strategy: str
    start_equity: str
    equity: str
    pnl: str
    pnl_pct: str
    completed_trades: int
    win_rate_pct: str | None
    average_win: str | None
    average_loss: str | None
    profit_factor: str | None
    expectancy: str | None
    gross: str
    fees: str
    funding: str
    net: str
    max_drawdown: str
    max_drawdown_pct: str
    order_latency_p50_ms: str | None
    order_latency_p99_ms: str | None
    halts: int
    refusals: int
    rejections: int
    rejected: list[RejectionDocument]
    hashes: NotRequired[dict[str, str]]


class TradeDocument(TypedDict):
    """A closed trade; ``duration_s`` in seconds, ``run`` None where nothing is journalled."""

    id: int
    run: str | None
    symbol: str
    side: str
    qty: str
    entry_time: str
    entry_price: str
    exit_time: str
    exit_price: str
    fees: str
    funding: str
    pnl: str
    pnl_pct: str
    duration_s: int
    exit_reason: str
    signal_id: NotRequired[int]
    mae: NotRequired[str | None]
    mfe: NotRequired[str | None]
    decision_price: NotRequired[str | None]
    slippage: NotRequired[str | None]
    stop: NotRequired[str | None]
    target: NotRequired[str | None]
    risk: NotRequired[str | None]


class PositionDocument(TypedDict):
    """An open position: ``pnl`` is unrealised, stop and target are None where none works.

    ``stop_seen`` is when the venue last said that it has the stop, None before it did (engine time).
    """

    run: NotRequired[str]
    symbol: str
    side: str
    qty: str
    entry_time: str
    entry_price: str
    price: str
    pnl: str
    pnl_pct: str | None
    stop: str | None
    target: str | None
    stop_seen: str | None


class LimitDocument(TypedDict):
    """A limit with its use, both in ``unit``; ``cap`` is None for one that is off."""

    rule: str
    symbol: str | None
    used: str | None
    cap: str | None
    unit: str
    pct: str | None
    word: str


class LiquidationDocument(TypedDict):
    """A position's way to liquidation: 100 % is there; no price where it cannot be liquidated."""

    symbol: str
    qty: str
    entry_price: str
    price: str
    liquidation_risk_pct: str | None
    liquidation_price: str | None


class HaltDocument(TypedDict):
    """A halt in force."""

    reason: str
    detail: str
    since: str


class RiskDocument(TypedDict):
    """Limits with their use, liquidation per position, halts, refusals by rule, why symbols are paused.

    ``barred`` says why somebody outside the engine wants no entry at all; missing where nobody minds.
    """

    limits: list[LimitDocument]
    positions: list[LiquidationDocument]
    halts: list[HaltDocument]
    refusals: dict[str, int]
    paused: dict[str, str]
    next_entry: str
    barred: NotRequired[list[str]]


class OpenGhostDocument(TypedDict):
    """An open hypothetical trade and what it stands at; None while it is not filled."""

    signal: int
    symbol: str
    side: str
    qty: str
    entry_time: int | None
    entry_price: str | None
    pnl: str | None


class HeldThereDocument(TypedDict):
    """A position as the exchange has it: ``qty`` signed, ``hedge`` its leg's name, ``margin`` in USDT."""

    symbol: str
    qty: str
    hedge: str
    entry_price: str
    margin: str | None
    liquidation_price: str | None


class RestingThereDocument(TypedDict):
    """An order as the exchange has it, by the name it was sent with; ``trigger`` only of a stop or target."""

    symbol: str
    id: str
    side: str
    qty: str
    trigger: str | None


class AccountSeenDocument(TypedDict):
    """An account as it was last read whole; ``wall`` is when (real clock, UTC ms).

    ``resting`` are the first of its ``orders`` and ``algo_orders``, which are counted.
    """

    wall: int
    balances: dict[str, str]
    positions: list[HeldThereDocument]
    orders: int
    algo_orders: int
    resting: list[RestingThereDocument]


class LinksDocument(TypedDict):
    """How connections stood: ``ages`` of streams (ms; None: away), ``banned_until`` (real clock, UTC ms).

    ``weight`` is what is used of the address's request weight of this minute, and how much there is.
    """

    ages: dict[str, int | None]
    banned_until: NotRequired[int | None]
    weight: NotRequired[list[int]]
    account: NotRequired[AccountSeenDocument | None]


class SnapshotDocument(TypedDict):
    """What readers see of a running engine; ``at`` is market time (UTC ms), ``speed`` a number or "max".

    ``brought`` is what came in and is no result, less what went out (transfers, rebates), ``day_base`` the equity at 00:00
    UTC, or at a later start, moved with that. ``stage`` is live's, missing where none binds. ``income_rests`` is by day what the exchange's income says beyond the ledger, where that is a cent or more, ``fill_rests`` by
    fill (``SYMBOL:trade id``), where it is more than rounding.
    """

    at: int
    market: str
    speed: float | str
    start_equity: str
    equity: str
    brought: NotRequired[str]
    day_base: NotRequired[str]
    cash: str
    fees: str
    funding: str
    drawdown: str
    completed_trades: int
    win_rate_pct: str | None
    halts: dict[str, str]
    risk: RiskDocument
    prices: dict[str, str]
    positions: list[PositionDocument]
    ghosts: NotRequired[list[OpenGhostDocument]]
    links: NotRequired[LinksDocument]
    stage: NotRequired[int]
    income_rests: NotRequired[dict[str, str]]
    fill_rests: NotRequired[dict[str, str]]
