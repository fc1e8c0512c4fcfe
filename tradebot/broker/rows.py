"""REST answers as core values: orders, stops, positions, trades, cash lines, settings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradebot.broker import figures
from tradebot.broker.figures import ALGO_PREFIX, ALGO_STATUSES, MALFORMED, QUOTE, STATUSES
from tradebot.broker.user_events import UNEXPLAINED
from tradebot.core.model.account import OrderRead, PositionRead, SymbolConfig
from tradebot.core.model.events import (
    CashMoved,
    Event,
    Filled,
    FundingPaid,
    OrderSeen,
    OrderUpdate,
    VenueNote,
)
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Fill

Row = Mapping[str, Any]

FUNDING = "FUNDING_FEE"
KINDS: Mapping[str, str] = {
    "COMMISSION": "commission",
    "REALIZED_PNL": "realized",
    "TRANSFER": "transfer",
    "INTERNAL_TRANSFER": "transfer",
    "STRATEGY_UMFUTURES_TRANSFER": "transfer",
    "INSURANCE_CLEAR": "insurance",
    "REFERRAL_KICKBACK": "rebate",
    "COMMISSION_REBATE": "rebate",
    "API_REBATE": "rebate",
    "CONTEST_REWARD": "rebate",
    "FEE_RETURN": "rebate",
}
"""Our word for a cash line; another type keeps the exchange's."""


def seen_order(row: Row, asked: int) -> OrderSeen:
    """Return a regular order that was looked up."""
    at = figures.whole(row["updateTime"])
    return OrderSeen(
        *(asked, figures.symbol(row["symbol"]), figures.text(row["clientOrderId"])),
        *(STATUSES[row["status"]], at, asked),
        filled=figures.number(row["executedQty"]),
        venue_id=str(figures.whole(row["orderId"])),
    )


def seen_algo(row: Row, asked: int) -> OrderSeen:
    """Return a stop or target that was looked up."""
    filled = figures.number(row.get("actualQty") or "0")
    status = figures.ended_algo(row["algoStatus"], figures.number(row["quantity"]), filled)
    return OrderSeen(
        *(asked, figures.symbol(row["symbol"]), figures.text(row["clientAlgoId"])),
        *(status, figures.whole(row["updateTime"]), asked),
        filled=filled,
        venue_id=f"{ALGO_PREFIX}{figures.whole(row['algoId'])}",
        child_id=figures.child(row.get("actualOrderId")),
    )


def told_order(row: Row, at: int) -> OrderUpdate:
    """Return the answer to a new order, or to its cancel."""
    return OrderUpdate(
        *(at, figures.symbol(row["symbol"]), figures.text(row["clientOrderId"])),
        *(STATUSES[row["status"]], figures.whole(row["updateTime"])),
        filled=figures.number(row["executedQty"]),
        venue_id=str(figures.whole(row["orderId"])),
    )


def told_algo(row: Row, at: int) -> OrderUpdate:
    """Return the answer to a new stop or target."""
    return OrderUpdate(
        *(at, figures.symbol(row["symbol"]), figures.text(row["clientAlgoId"])),
        *(ALGO_STATUSES[row["algoStatus"]], figures.whole(row["updateTime"])),
        filled=ZERO,
        venue_id=f"{ALGO_PREFIX}{figures.whole(row['algoId'])}",
    )


def read_order(row: Row) -> OrderRead:
    """Return one of the open orders."""
    return OrderRead(
        symbol=figures.symbol(row["symbol"]),
        order_id=figures.text(row["clientOrderId"]),
        venue_id=str(figures.whole(row["orderId"])),
        side=figures.side(row["side"]),
        kind=figures.text(row["type"]),
        status=STATUSES[row["status"]],
        qty=figures.number(row["origQty"]),
        filled=figures.number(row["executedQty"]),
        price=figures.price(row["price"]),
        trigger=figures.price(row.get("stopPrice") or "0"),
        reduce_only=figures.flag(row["reduceOnly"]),
    )


def read_algo(row: Row) -> OrderRead:
    """Return one of the open stops and targets."""
    return OrderRead(
        symbol=figures.symbol(row["symbol"]),
        order_id=figures.text(row["clientAlgoId"]),
        venue_id=f"{ALGO_PREFIX}{figures.whole(row['algoId'])}",
        side=figures.side(row["side"]),
        kind=figures.text(row["orderType"]),
        status=ALGO_STATUSES[row["algoStatus"]],
        qty=figures.number(row["quantity"]),
        filled=figures.number(row.get("actualQty") or "0"),
        price=figures.price(row.get("price") or "0"),
        trigger=figures.price(row["triggerPrice"]),
        reduce_only=figures.flag(row["reduceOnly"]),
    )


def read_position(row: Row) -> PositionRead:
    """Return one of the positions; ``hedge`` is long or short in hedge mode."""
    mode = figures.text(row["positionSide"])
    return PositionRead(
        symbol=figures.symbol(row["symbol"]),
        qty=figures.number(row["positionAmt"]),
        entry=figures.number(row["entryPrice"]),
        mark=figures.price(row["markPrice"]),
        margin=figures.price(row["isolatedWallet"]),
        liquidation_price=figures.price(row["liquidationPrice"]),
        hedge="" if mode == "BOTH" else mode.lower(),
    )


def read_balances(body: Row) -> dict[str, Decimal]:
    """Return the wallet of each asset that holds something (``v3/account``); USDT always."""
    wallets = {
        figures.text(row["asset"]): figures.number(row["walletBalance"]) for row in body["assets"]
    }
    return {asset: held for asset, held in wallets.items() if held or asset == QUOTE}


def filled(row: Row, order_id: str, at: int) -> list[Event]:
    """Return a row of ``userTrades``, what is strange about its fee first.

    ``order_id`` is the client's id of its order, empty if not known.
    """
    paid, strange = figures.fee(row["commission"], row["commissionAsset"])
    fill = Fill(
        symbol=figures.symbol(row["symbol"]),
        trade_id=figures.whole(row["id"]),
        order_id=order_id,
        side=figures.side(row["side"]),
        qty=figures.number(row["qty"]),
        price=figures.number(row["price"]),
        fee=paid,
        maker=figures.flag(row["maker"]),
        time=figures.whole(row["time"]),
        venue_id=str(figures.whole(row["orderId"])),
    )
    return [*([VenueNote(at, "asset", strange, UNEXPLAINED)] if strange else ()), Filled(at, fill)]


def understood(make: Callable[[Row], Iterable[Event]], row: Row, at: int) -> list[Event]:
    """Return what ``make`` makes of a row, or that the row is not understood."""
    try:
        return list(make(row))
    except MALFORMED as error:
        return [not_understood(error, at)]


def not_understood(error: Exception, at: int) -> VenueNote:
    """Return the word on a row of another shape: it halts entries."""
    return VenueNote(at, "a row", f"{type(error).__name__}: {error}", UNEXPLAINED)


def line_of(row: Row) -> str:
    """Return the name of a row of ``income``, unique for all times."""
    return f"{figures.text(row['incomeType'])}:{figures.whole(row['tranId'])}"


def cash_line(row: Row, at: int) -> FundingPaid | CashMoved:
    """Return a row of ``income``; its type and number name it. ValueError for another asset's."""
    kind = figures.text(row["incomeType"])
    if row["asset"] != QUOTE:
        raise ValueError(f"an amount of {kind} is in {row['asset']}")
    time, amount = figures.whole(row["time"]), figures.number(row["income"])
    line = line_of(row)
    name = figures.symbol(row["symbol"]) if row.get("symbol") else ""
    if kind == FUNDING:
        return FundingPaid(at, name, amount, ZERO, ZERO, ZERO, time, line)
    trade = figures.whole(row.get("tradeId") or 0)
    return CashMoved(at, line, KINDS.get(kind, kind.lower()), name, amount, time, trade)


def symbol_config(row: Row) -> SymbolConfig:
    """Return a row of ``symbolConfig``."""
    return SymbolConfig(
        figures.symbol(row["symbol"]),
        figures.whole(row["leverage"]),
        isolated=row["marginType"] == "ISOLATED",
        auto_margin=figures.flag(row.get("isAutoAddMargin", False)),
    )


def last_trade(rows: Sequence[Row], before: int) -> int:
    """Return the newest trade's number, of those that can be read."""
    return max([before, *map(_trade_number, rows)])


def _trade_number(row: Row) -> int:
    try:
        return figures.whole(row["id"])
    except MALFORMED:
        return 0
