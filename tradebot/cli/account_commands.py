"""``account``: what an account at the exchange holds and how it is set, as it is now. It changes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tradebot.cli.options import Common
from tradebot.cli.output import ListShape, Result, show
from tradebot.cli.settings import read_config
from tradebot.core.model.errors import UsageError
from tradebot.core.model.money import plain

if TYPE_CHECKING:
    from tradebot.broker.account_view import AccountPicture
    from tradebot.config import Config
    from tradebot.core.model.account import OrderRead, PositionRead

ACCOUNTS = ("demo", "live")
WEIGHT = 2400


def account(common: Common, name: str | None) -> int:
    """Read an account and show it: the one named, else the configured one."""
    config = read_config(common, hint=False)
    from tradebot.app.account import find_access, look_at
    from tradebot.market.binance.source import place_of

    access = find_access(_chosen(name, config), config.exchange.url, config.exchange.demo)
    picture = look_at(access, config.market.symbols)
    data = {
        "account": access.environment,
        "place": place_of(access.hosts),
        "key": f"...{access.api_key.last}",
        **picture_rows(picture),
    }
    return show(Result("account", data, _warnings(picture), views=VIEWS), as_json=common.json)


def _chosen(name: str | None, config: Config) -> str:
    chosen = name or config.exchange.environment
    if chosen in ACCOUNTS:
        return chosen
    if name is not None:
        raise UsageError(
            f'there is no account "{name}"', hint=f"one of {', '.join(ACCOUNTS)}", key="--account"
        )
    env = {"demo": "TRADEBOT_BINANCE_DEMO_KEY", "live": "TRADEBOT_BINANCE_KEY"}
    given = [one for one in ACCOUNTS if env[one] in os.environ or f"{env[one]}_FILE" in os.environ]
    if len(given) == 1:
        return given[0]
    raise UsageError(
        "which account is meant is not configured",
        hint='--account demo or live, or [exchange] environment = "demo"',
        key="exchange.environment",
    )


def picture_rows(picture: AccountPicture) -> dict[str, Any]:
    """Return an account as JSON values: money as decimal strings."""
    holdings = picture.holdings
    return {
        "position_mode": "hedge" if picture.hedged else "one-way",
        "assets_mode": "multi-assets" if picture.multi_assets else "single-asset",
        "fee_burn": picture.fee_burn,
        "weight_used": picture.weight,
        "weight_limit": WEIGHT,
        "balances": [
            {
                "asset": one.asset,
                "wallet": plain(one.wallet),
                "unrealised": plain(one.unrealised),
                "available": plain(one.available),
            }
            for one in picture.balances
        ],
        "positions": [_position(one) for one in holdings.positions],
        "orders": [_order(one) for one in holdings.orders],
        "algo_orders": [_order(one) for one in holdings.algos],
        "symbols": _symbols(picture),
    }


def _position(one: PositionRead) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "side": one.hedge or ("long" if one.qty > 0 else "short"),
        "qty": plain(abs(one.qty)),
        "entry_price": plain(one.entry),
        "mark_price": None if one.mark is None else plain(one.mark),
        "isolated_margin": None if one.margin is None else plain(one.margin),
        "liquidation_price": (
            None if one.liquidation_price is None else plain(one.liquidation_price)
        ),
    }


def _order(one: OrderRead) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "id": one.order_id,
        "side": one.side.value,
        "type": one.kind,
        "qty": plain(one.qty),
        "filled": plain(one.filled),
        "price": None if one.price is None else plain(one.price),
        "trigger": None if one.trigger is None else plain(one.trigger),
        "reduce_only": one.reduce_only,
    }


def _symbols(picture: AccountPicture) -> list[dict[str, Any]]:
    fees = {one.symbol: one for one in picture.fees}
    return [
        {
            "symbol": one.symbol,
            "leverage": one.leverage,
            "margin": "isolated" if one.isolated else "cross",
            "auto_margin": one.auto_margin,
            "maker_fee": plain(fees[one.symbol].maker) if one.symbol in fees else None,
            "taker_fee": plain(fees[one.symbol].taker) if one.symbol in fees else None,
        }
        for one in picture.settings
    ]


def _warnings(picture: AccountPicture) -> Sequence[str]:
    said = []
    if picture.hedged:
        said.append("hedge mode: a run needs one-way mode (it is shared with COIN-M)")
    if picture.multi_assets:
        said.append("multi-assets mode: a run needs single-asset mode")
    if picture.fee_burn is None:
        said.append("fees in BNB: not known, this exchange does not say; a run counts them as off")
    elif picture.fee_burn:
        said.append("fees are paid in BNB: a run counts fees in USDT")
    return said


VIEWS = {
    "balances": ListShape(title="Balances", empty="No balances."),
    "positions": ListShape(title="Positions", empty="No positions."),
    "orders": ListShape(title="Orders", empty="No orders."),
    "algo_orders": ListShape(title="Stops and targets", empty="No stops or targets."),
    "symbols": ListShape(title="Symbols", empty="No symbols."),
}
