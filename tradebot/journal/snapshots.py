"""The newest snapshot of a run as a value: prices, open positions and limits as the engine last told them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradebot.core.model.text import cleaned
from tradebot.core.model.times import of_iso
from tradebot.journal.view import row_of


@dataclass(frozen=True, slots=True)
class PositionRow:
    """An open position; ``price`` is the current one, ``pnl`` (USDT) is unrealised, ``pnl_pct`` in percent.

    ``stop_seen`` is when the venue last said that it has the stop (market time), None before it did.
    """

    run: str
    symbol: str
    side: str
    qty: Decimal
    entry_time: int
    entry_price: Decimal
    price: Decimal
    pnl: Decimal
    pnl_pct: Decimal | None
    stop: Decimal | None
    target: Decimal | None
    stop_seen: int | None = None


@dataclass(frozen=True, slots=True)
class OpenGhost:
    """An open hypothetical trade: what it stands at (``pnl`` in USDT), None while it is not filled."""

    signal: int
    symbol: str
    side: str
    qty: Decimal
    entry_time: int | None
    entry_price: Decimal | None
    pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A limit with its use, both in ``unit``; ``pct`` of it is used. ``cap`` is None for one that is off.

    ``word`` is ok, alert, warning, reached or off; ``symbol`` is set where the rule holds per symbol.
    """

    rule: str
    symbol: str | None
    used: Decimal
    cap: Decimal | None
    unit: str
    pct: Decimal | None
    word: str


@dataclass(frozen=True, slots=True)
class LiquidationRow:
    """A position's way to liquidation (100 % is there); no price where it cannot be liquidated."""

    symbol: str
    qty: Decimal
    entry_price: Decimal
    price: Decimal
    liquidation_risk_pct: Decimal
    liquidation_price: Decimal | None


@dataclass(frozen=True, slots=True)
class RiskHalt:
    """A halt in force, ``since`` a market time."""

    reason: str
    detail: str
    since: int


@dataclass(frozen=True, slots=True)
class RiskView:
    """Limits, liquidation and refusals (rule to count), why symbols are ``paused``, when entries may be.

    ``barred`` says why somebody outside the engine wants no entry at all.
    """

    limits: tuple[LimitRow, ...] = ()
    positions: tuple[LiquidationRow, ...] = ()
    halts: tuple[RiskHalt, ...] = ()
    refusals: Mapping[str, int] = field(default_factory=dict)
    paused: Mapping[str, str] = field(default_factory=dict)
    next_entry: int | None = None
    barred: tuple[str, ...] = ()

    def limit(self, rule: str, symbol: str | None = None) -> LimitRow | None:
        """Return a limit with its use; None if there is none of the name."""
        same = (row for row in self.limits if (row.rule, row.symbol) == (rule, symbol))
        return next(same, None)


@dataclass(frozen=True, slots=True)
class HeldThere:
    """A position as the exchange has it: ``qty`` signed base units, ``hedge`` its leg in hedge mode.

    ``margin`` (isolated, USDT) and ``liquidation_price`` are the exchange's own, None where it says none.
    """

    symbol: str
    qty: Decimal
    hedge: str = ""
    entry_price: Decimal | None = None
    margin: Decimal | None = None
    liquidation_price: Decimal | None = None

    @property
    def name(self) -> str:
        """The symbol, with the leg's name in hedge mode."""
        return f"{self.symbol} {self.hedge}".strip()

    @property
    def side(self) -> str:
        """Its side: long or short."""
        return self.hedge or ("long" if self.qty > 0 else "short")


@dataclass(frozen=True, slots=True)
class RestingThere:
    """An order as the exchange has it, by the name it was sent with; ``trigger`` only of a stop or target."""

    symbol: str
    id: str
    side: str
    qty: Decimal
    trigger: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """An account as it was last read whole, at ``wall`` (real clock, UTC ms).

    ``balances`` by asset; ``resting`` are the first of its ``orders`` and ``algo_orders``, which are counted.
    """

    wall: int
    balances: Mapping[str, Decimal]
    positions: tuple[HeldThere, ...]
    orders: int
    algo_orders: int
    resting: tuple[RestingThere, ...] = ()


@dataclass(frozen=True, slots=True)
class Links:
    """How a run's connections stood: ``ages`` (ms) by stream since it was heard, None for one that is away.

    ``banned_until`` is the end of a ban (real clock, UTC ms), None without one; ``account`` None where none is
    traded, or it was not read yet; ``weight`` is what is used of the minute's request weight, and how much there is.
    """

    ages: Mapping[str, int | None]
    banned_until: int | None = None
    account: AccountSeen | None = None
    weight: tuple[int, int] | None = None

    def are_silent(self, longest_ms: int) -> bool:
        """Whether no stream of prices has said anything for so long; one that is away says nothing."""
        prices = [age for name, age in self.ages.items() if name != "account"]
        return bool(prices) and all(age is None or age > longest_ms for age in prices)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a run's engine last told, at market time ``at``, written at ``wall`` (real clock).

    Money in USDT. ``speed`` is market minutes a minute, None as fast as it goes; ``halts`` has reasons with
    their details, ``income_rests`` by day what the exchange's income says beyond the ledger, from a cent on, ``fill_rests`` by
    fill (``SYMBOL:trade id``).
    """

    run: str
    wall: int
    at: int
    market: str
    speed: float | None
    start_equity: Decimal
    equity: Decimal
    cash: Decimal
    fees: Decimal
    funding: Decimal
    drawdown: Decimal
    completed_trades: int
    win_rate_pct: Decimal | None
    halts: Mapping[str, str]
    prices: Mapping[str, Decimal]
    positions: tuple[PositionRow, ...]
    risk: RiskView | None
    ghosts: tuple[OpenGhost, ...] = ()
    links: Links | None = None
    income_rests: Mapping[str, Decimal] = field(default_factory=dict)
    fill_rests: Mapping[str, Decimal] = field(default_factory=dict)
    brought: Decimal = Decimal(0)
    stage: int = 0
    day_base: Decimal | None = None

    @property
    def pnl(self) -> Decimal:
        """The change of equity since the start; a transfer is none."""
        return self.equity - self.start_equity - self.brought


def snapshot_of(run: str, wall: int, body: Mapping[str, Any]) -> Snapshot:
    """Return a snapshot's JSON as a value.

    Raises KeyError, TypeError, ValueError or ArithmeticError for one that does not fit.
    """
    body = cleaned(body)
    parts: dict[str, Any] = {
        **{name: body[name] for name in _FIGURES},
        "run": run,
        "wall": wall,
        "speed": None if body["speed"] == "max" else float(body["speed"]),
        "halts": body.get("halts", {}),
        "prices": {symbol: Decimal(price) for symbol, price in body.get("prices", {}).items()},
        "positions": tuple(
            row_of(PositionRow, {"run": run, "stop_seen": None, **row})
            for row in body.get("positions", ())
        ),
        "risk": _risk(body["risk"]) if "risk" in body else None,
        "ghosts": tuple(row_of(OpenGhost, row) for row in body.get("ghosts", ())),
        "links": _links(body["links"]) if "links" in body else None,
        "stage": body.get("stage", 0),
        "brought": body.get("brought", "0"),  # older snapshots have neither
        "day_base": body.get("day_base"),
        **{
            name: {key: Decimal(rest) for key, rest in body.get(name, {}).items()}
            for name in ("income_rests", "fill_rests")
        },
    }
    return row_of(Snapshot, parts)


_FIGURES = (
    *("at", "market", "start_equity", "equity", "cash", "fees", "funding", "drawdown"),
    *("completed_trades", "win_rate_pct"),
)


def _risk(body: Mapping[str, Any]) -> RiskView:
    following = body.get("next_entry")
    return RiskView(
        limits=tuple(row_of(LimitRow, row) for row in body.get("limits", ())),
        positions=tuple(row_of(LiquidationRow, row) for row in body.get("positions", ())),
        halts=tuple(row_of(RiskHalt, row) for row in body.get("halts", ())),
        refusals=dict(body.get("refusals", {})),
        paused=dict(body.get("paused", {})),
        next_entry=None if following is None else of_iso(following),
        barred=tuple(str(reason) for reason in body.get("barred", ())),
    )


def _links(body: Mapping[str, Any]) -> Links:
    ages = {str(name): None if age is None else int(age) for name, age in body["ages"].items()}
    until, seen, weight = (body.get(name) for name in ("banned_until", "account", "weight"))
    return Links(
        ages,
        None if until is None else int(until),
        None if seen is None else _seen(seen),
        None if weight is None else (int(weight[0]), int(weight[1])),
    )


def _seen(body: Mapping[str, Any]) -> AccountSeen:
    blank = dict.fromkeys(("entry_price", "margin", "liquidation_price"))
    return AccountSeen(
        wall=int(body["wall"]),
        balances={str(asset): Decimal(held) for asset, held in body["balances"].items()},
        positions=tuple(row_of(HeldThere, {**blank, **row}) for row in body["positions"]),
        orders=int(body["orders"]),
        algo_orders=int(body["algo_orders"]),
        resting=tuple(row_of(RestingThere, row) for row in body.get("resting", ())),
    )
