"""How much of each limit is used: what ``tradebot risk`` and the screens show."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import ZERO, ratio
from tradebot.core.model.values import HOUR_MS
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.loss_limit import HUNDRED
from tradebot.core.state.margin import liquidation_price
from tradebot.core.trading.engine import Engine

ALERT = Decimal(60)
WARNING = Decimal(80)


@frozen
class Use:
    """One limit: ``used`` of ``cap`` in ``unit`` (USDT, %, x, "" for counts); ``pct`` of it is used.

    ``word`` is ok, alert (from 60 %), warning (80 %), reached, or off. ``cap`` and ``pct`` are None for a
    rule that is off. ``symbol`` is set where the rule holds per symbol.
    """

    rule: str
    used: Decimal
    cap: Decimal | None
    unit: str
    pct: Decimal | None
    word: str
    symbol: str = ""


@frozen
class PositionDanger:
    """A position's way to liquidation: risk in percent (100 is liquidation), price in USDT or None."""

    symbol: str
    qty: Decimal
    entry: Decimal
    price: Decimal
    risk_pct: Decimal
    liquidation_price: Decimal | None


def uses(engine: Engine) -> Iterator[Use]:
    """Yield every limit with what is used of it now."""
    limits, exposure, watch = engine.shared.limits, engine.shared.exposure, engine.watch
    equity = engine.equity()
    for book in engine.books.values():
        qty = abs(book.holding.qty)
        value = qty * (book.price() or ZERO)
        yield _use("position_value", value, limits.position_value, "USDT", book.symbol)
        loss = max(ZERO, -watch.net(book)) if qty else ZERO
        yield _use("trade_loss", loss, limits.trade_loss, "USDT", book.symbol)
    for ladder in watch.ladders:
        if ladder.cap is not None:
            loss = max(ZERO, ladder.loss(equity))
            yield _use(ladder.reason, loss, ladder.cap, "USDT")
    margin = ratio(exposure.margin() * HUNDRED, equity) if equity > 0 else HUNDRED
    yield _use("margin_utilisation", margin, limits.margin_utilisation_pct, "%")
    risk = max((x.risk_pct for x in exposures(engine)), default=ZERO)
    yield _use("liquidation_risk", risk, limits.liquidation_close_pct, "%")
    held = sum(1 for book in engine.books.values() if book.holding.qty or exposure.entries_of(book))
    cap = None if limits.max_positions is None else Decimal(limits.max_positions)
    yield _use("positions", Decimal(held), cap, "")
    leverage = None if limits.leverage is None else Decimal(limits.leverage)
    yield _use("leverage", Decimal(watch.leverage if held else 0), leverage, "x")


def exposures(engine: Engine) -> Iterator[PositionDanger]:
    """Yield each open position's liquidation risk and price."""
    for book in engine.books.values():
        holding = book.holding
        if not holding.qty:
            continue
        yield PositionDanger(
            symbol=book.symbol,
            qty=holding.qty,
            entry=holding.entry,
            price=book.price() or holding.entry,
            risk_pct=engine.watch.risk(book),
            liquidation_price=_liquidated_at(book, engine.watch.leverage),
        )


def _liquidated_at(book: InstrumentState, leverage: int) -> Decimal | None:
    """Return the mark price of liquidation: the exchange's own, where it was told since the position moved."""
    if book.isolated is not None:
        return book.isolated.liquidation
    return liquidation_price(book.instrument, book.holding.qty, book.holding.entry, leverage)


def next_entry(engine: Engine) -> int:
    """Return the earliest engine time (ms) at which interval and blackout let an entry through."""
    limits = engine.config.limits
    at = engine.now
    if engine.entries.last_entry is not None:
        at = max(at, engine.entries.last_entry + (limits.entry_interval_s or 0) * 1000)
    while at // HOUR_MS % 24 in limits.blackout_hours:
        at = (at // HOUR_MS + 1) * HOUR_MS
    return at


def _use(rule: str, used: Decimal, cap: Decimal | None, unit: str, symbol: str = "") -> Use:
    if cap is None:
        return Use(rule, used, None, unit, None, "off", symbol)
    pct = ratio(used * HUNDRED, cap)
    word = "ok"
    if pct >= HUNDRED:
        word = "reached"
    elif pct >= WARNING:
        word = "warning"
    elif pct >= ALERT:
        word = "alert"
    return Use(rule, used, cap, unit, pct, word, symbol)
