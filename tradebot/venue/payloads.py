"""Bodies in Binance's form: the same names, JSON types and decimals as the recordings have."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from tradebot.core.model.money import ZERO, exact, plain, ratio
from tradebot.venue.algo import AlgoOrder
from tradebot.venue.bus import Trade
from tradebot.venue.candles import Candle, close_of
from tradebot.venue.holdings import VenueHolding
from tradebot.venue.income import Income
from tradebot.venue.listings import Listing, max_notional
from tradebot.venue.orders import VenueOrder, VenueTrade
from tradebot.venue.prices import Board

Body = dict[str, Any]


def money(value: Decimal) -> str:
    """Return an amount with 8 decimals."""
    return f"{value:.8f}"


def average(listing: Listing, value: Decimal) -> str:
    """Return an average price: five decimals, or the symbol's if it has more."""
    return f"{value:.{max(5, listing.price_precision)}f}"


def exact_price(listing: Listing, value: Decimal) -> str:
    """Return a fill's price: a liquidation's has more decimals than the symbol, and keeps them."""
    text, whole = listing.price(value), plain(value)
    return text if Decimal(text) == value else whole


def exact_value(listing: Listing, value: Decimal) -> str:
    """Return price x quantity, with more decimals where a liquidation's price has them."""
    text, whole = listing.value(value), plain(value)
    return text if Decimal(text) == value else whole


# Market


def kline(candle: Candle, interval: str, listing: Listing) -> list[Any]:
    """Return a row of ``klines``."""
    return [
        candle.opened,
        listing.price(candle.open),
        listing.price(candle.high),
        listing.price(candle.low),
        listing.price(candle.close),
        listing.qty(candle.volume),
        close_of(interval, candle.opened),
        listing.value(candle.quote),
        candle.count,
        listing.qty(candle.taker_volume),
        listing.value(candle.taker_quote),
        "0",
    ]


def mark_kline(candle: Candle, interval: str) -> list[Any]:
    """Return a row of ``markPriceKlines``: prices with 8 decimals, no volume."""
    prices = [money(p) for p in (candle.open, candle.high, candle.low, candle.close)]
    closed = close_of(interval, candle.opened)
    return [candle.opened, *prices, "0", closed, "0", candle.count, "0", "0", "0"]


def book_ticker(board: Board) -> Body:
    """Return the touch of a symbol."""
    quote = board.quote
    if quote is None:
        return {}
    listing = board.listing
    return {
        "symbol": listing.name,
        "bidPrice": listing.price(quote.exact_bid),
        "bidQty": listing.qty(quote.exact_bid_qty),
        "askPrice": listing.price(quote.exact_ask),
        "askQty": listing.qty(quote.exact_ask_qty),
        "time": quote.at,
        "lastUpdateId": board.update,
    }


def premium_index(board: Board, next_funding: int, now: int) -> Body:
    """Return mark, index and funding of a symbol; the index is the mid."""
    quote = board.quote
    mid = board.mark if quote is None else (quote.exact_bid + quote.exact_ask) / 2
    return {
        "symbol": board.listing.name,
        "markPrice": money(board.mark),
        "indexPrice": money(mid),
        "estimatedSettlePrice": money(mid),
        "lastFundingRate": money(board.rate),
        "interestRate": "0.00010000",
        "nextFundingTime": next_funding,
        "time": now - now % 1000,
    }


def agg_trade(trade: Trade, listing: Listing) -> Body:
    """Return a row of ``aggTrades``; each trade is an aggregate of its own."""
    return {
        "a": trade.id - 4_629_332_000,
        "p": listing.price(Decimal(trade.price)),
        "q": listing.qty(Decimal(trade.qty)),
        "nq": listing.qty(Decimal(trade.qty)),
        "f": trade.id,
        "l": trade.id,
        "T": trade.at,
        "m": trade.maker_buys,
    }


def day_ticker(board: Board, candles: Iterable[Candle], now: int) -> Body:
    """Return the statistics of the last 24 hours from their minutes."""
    listing = board.listing
    minutes = list(candles)
    if not minutes or board.last is None:
        return {}
    first, last = minutes[0], board.last
    volume = sum((c.volume for c in minutes), ZERO)
    value = sum((c.quote for c in minutes), ZERO)
    price = Decimal(last.price)
    change = price - first.open
    percent = ratio(change * 100, first.open) if first.open else ZERO
    return {
        "symbol": listing.name,
        "priceChange": listing.price(change),
        "priceChangePercent": f"{percent:.3f}",
        "weightedAvgPrice": listing.price(ratio(value, volume) if volume else price),
        "lastPrice": listing.price(price),
        "lastQty": listing.qty(Decimal(last.qty)),
        "openPrice": listing.price(first.open),
        "highPrice": listing.price(max(c.high for c in minutes)),
        "lowPrice": listing.price(min(c.low for c in minutes)),
        "volume": listing.qty(volume),
        "quoteVolume": f"{value:.2f}",
        "openTime": first.opened,
        "closeTime": now,
        "firstId": first.first,
        "lastId": last.id,
        "count": sum(c.count for c in minutes),
    }


# Orders


def order_answer(order: VenueOrder, *, old_fields: bool) -> Body:
    """Return the answer to POST, PUT and DELETE order: no avgPrice and cumQuote since 2026-07."""
    body = _order(order)
    listing = order.listing
    if old_fields:
        body["avgPrice"] = average(listing, order.average)
        body["cumQuote"] = listing.value(order.cost)
    body["cumQty"] = listing.qty(order.executed)
    return body


def order_ack(order: VenueOrder) -> Body:
    """Return the answer to a POST that asked for no result: the order as it was taken."""
    taken = order.snapshot()
    taken.status, taken.executed, taken.cost, taken.updated = "NEW", ZERO, ZERO, order.time
    return order_answer(taken, old_fields=False)


def order_row(order: VenueOrder) -> Body:
    """Return an order as a look-up or a list shows it."""
    body = _order(order)
    body["avgPrice"] = average(order.listing, order.average)
    body["cumQuote"] = order.listing.value(order.cost)
    body["time"] = order.time
    return body


def _order(order: VenueOrder) -> Body:
    listing = order.listing
    return {
        "orderId": order.id,
        "symbol": listing.name,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": listing.price(order.price),
        "origQty": listing.qty(order.qty),
        "executedQty": listing.qty(order.executed),
        "timeInForce": order.tif,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": listing.price(order.stop_price),
        "workingType": order.working_type,
        "priceProtect": order.price_protect,
        "origType": order.orig_type or order.type,
        "priceMatch": order.price_match,
        "selfTradePreventionMode": order.stp,
        "goodTillDate": order.good_till,
        "updateTime": order.updated,
    }


def trade_row(trade: VenueTrade) -> Body:
    """Return a row of ``userTrades``."""
    listing = trade.listing
    return {
        "symbol": listing.name,
        "id": trade.id,
        "orderId": trade.order_id,
        "side": trade.side,
        "price": exact_price(listing, trade.price),
        "qty": listing.qty(trade.qty),
        "realizedPnl": money(trade.realised) if trade.realised else "0",
        "marginAsset": listing.quote,
        "quoteQty": exact_value(listing, trade.qty * trade.price),
        "commission": money(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.time,
        "positionSide": trade.position_side,
        "buyer": trade.side == "BUY",
        "maker": trade.maker,
    }


def income_row(row: Income) -> Body:
    """Return a row of ``income``."""
    return {
        "symbol": row.symbol,
        "incomeType": row.type,
        "income": money(row.amount),
        "asset": row.asset,
        "info": row.info,
        "time": row.time,
        "tranId": row.transaction,
        "tradeId": row.trade_id,
    }


# Algo orders


def algo_answer(algo: AlgoOrder) -> Body:
    """Return the answer to POST algoOrder."""
    listing = algo.listing
    return {
        "algoId": algo.id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "symbol": listing.name,
        "side": algo.side,
        "positionSide": algo.position_side,
        "timeInForce": algo.tif,
        "quantity": listing.qty(algo.qty),
        "algoStatus": algo.status,
        "triggerPrice": listing.price(algo.trigger),
        "price": listing.price(algo.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": algo.stp,
        "workingType": algo.working_type,
        "priceMatch": algo.price_match,
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        **_trailing(algo),
        "createTime": algo.created,
        "updateTime": algo.updated,
        "triggerTime": algo.triggered_at,
        "goodTillDate": algo.good_till,
    }


def _trailing(algo: AlgoOrder) -> Body:
    if algo.type != "TRAILING_STOP_MARKET":
        return {}
    listing = algo.listing
    return {"activatePrice": listing.price(algo.activate), "callbackRate": plain(algo.callback)}


def algo_row(algo: AlgoOrder) -> Body:
    """Return an algo order as a look-up or a list shows it; ``actualOrderId`` is "" before the trigger."""
    listing = algo.listing
    return {
        **algo_answer(algo),
        "actualOrderId": str(algo.child_id) if algo.child_id else "",
        "actualPrice": average(listing, algo.average),
        "actualQty": listing.qty(algo.filled),
        "actualType": algo.child_type,
        "tpTriggerPrice": listing.price(ZERO),
        "tpPrice": listing.price(ZERO),
        "slTriggerPrice": listing.price(ZERO),
        "slPrice": listing.price(ZERO),
        "tpOrderType": "",
    }


# Positions and balances


def position_risk(row: VenueHolding) -> Body:
    """Return a row of ``v3/positionRisk``."""
    listing = row.listing
    margin, locked = row.margin, row.order_margin
    isolated = row.margin_type == "isolated"
    with exact():
        unrealised = row.unrealised
        total = row.wallet + unrealised if isolated and row.qty else ZERO
    return {
        "symbol": listing.name,
        "positionSide": row.position_side,
        "positionAmt": listing.qty(row.qty),
        "entryPrice": _price(row.entry),
        "breakEvenPrice": _price(row.break_even),
        "markPrice": money(row.mark),
        "unRealizedProfit": money(unrealised),
        "liquidationPrice": _price(row.liquidation),
        "isolatedMargin": money(total) if total else "0",
        "notional": money(row.notional) if row.qty else "0",
        "marginAsset": listing.quote,
        "isolatedWallet": money(row.wallet) if row.wallet else "0",
        "initialMargin": money(margin + locked),
        "maintMargin": money(row.maintenance),
        "positionInitialMargin": money(margin),
        "openOrderInitialMargin": _bare(locked),
        "adl": 2 if row.qty else 0,
        "bidNotional": _bare(row.bids),
        "askNotional": _bare(row.asks),
        "updateTime": row.updated,
    }


def position_risk_v2(row: VenueHolding) -> Body:
    """Return a row of ``v2/positionRisk``, which every symbol has."""
    listing = row.listing
    now = position_risk(row)
    return {
        "symbol": listing.name,
        "positionAmt": now["positionAmt"],
        "entryPrice": _tenth(row.entry),
        "breakEvenPrice": _tenth(row.break_even),
        "markPrice": now["markPrice"],
        "unRealizedProfit": now["unRealizedProfit"],
        "liquidationPrice": now["liquidationPrice"],
        "leverage": str(row.leverage),
        "maxNotionalValue": plain(max_notional(listing, row.leverage)),
        "marginType": row.margin_type,
        "isolatedMargin": now["isolatedMargin"] if row.wallet else "0.00000000",
        "isAutoAddMargin": "false",
        "positionSide": row.position_side,
        "notional": now["notional"],
        "isolatedWallet": now["isolatedWallet"],
        "updateTime": row.updated,
        "isolated": row.margin_type == "isolated",
        "adlQuantile": now["adl"],
    }


def account_position(row: VenueHolding) -> Body:
    """Return a position as ``v3/account`` lists it."""
    now = position_risk(row)
    return {
        "symbol": row.listing.name,
        "positionSide": row.position_side,
        "positionAmt": now["positionAmt"],
        "unrealizedProfit": now["unRealizedProfit"],
        "isolatedMargin": now["isolatedMargin"],
        "notional": now["notional"],
        "isolatedWallet": now["isolatedWallet"],
        "initialMargin": now["initialMargin"],
        "maintMargin": now["maintMargin"],
        "updateTime": row.updated,
    }


def account_position_v2(row: VenueHolding) -> Body:
    """Return a position as ``v2/account`` lists it, which every symbol has."""
    now = position_risk(row)
    return {
        "symbol": row.listing.name,
        "initialMargin": _bare(row.margin + row.order_margin),
        "maintMargin": now["maintMargin"] if row.qty else "0",
        "unrealizedProfit": now["unRealizedProfit"],
        "positionInitialMargin": now["positionInitialMargin"] if row.qty else "0",
        "openOrderInitialMargin": now["openOrderInitialMargin"],
        "leverage": str(row.leverage),
        "isolated": row.margin_type == "isolated",
        "entryPrice": _price(row.entry),
        "breakEvenPrice": _price(row.break_even),
        "maxNotional": plain(max_notional(row.listing, row.leverage)),
        "bidNotional": now["bidNotional"],
        "askNotional": now["askNotional"],
        "positionSide": row.position_side,
        "positionAmt": now["positionAmt"],
        "notional": now["notional"],
        "isolatedWallet": now["isolatedWallet"],
        "updateTime": row.updated,
    }


def _bare(value: Decimal) -> str:
    return money(value) if value else "0"


def _price(value: Decimal) -> str:
    """Return an entry, break-even or liquidation price: without trailing zeros, one decimal at least."""
    return plain(value) if value else "0"


def _tenth(value: Decimal) -> str:
    text = plain(value)
    return text if "." in text else text + ".0"
