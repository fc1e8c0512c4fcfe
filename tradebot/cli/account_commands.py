"""``account``: what an account at the exchange holds and how it is set, as it is now. It changes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradebot.cli.options import Common
from tradebot.cli.output import Result, cell, show
from tradebot.cli.settings import read_config
from tradebot.core.model.errors import UsageError
from tradebot.core.model.money import plain

if TYPE_CHECKING:
    from tradebot.broker.account_view import AccountPicture
    from tradebot.cli.tables import Column
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
    text = "" if common.json else _page(data)
    return show(Result("account", data, _warnings(picture), text=text), as_json=common.json)


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


def _page(data: Mapping[str, Any]) -> str:
    """Return all of it for people: single values first, then a table each of what there are many of."""
    from rich.text import Text

    from tradebot.cli import tables

    single = {name: value for name, value in data.items() if name not in _TABLES}
    parts: list[Any] = [
        Text.assemble((f"{name.replace('_', ' '):<15}", "dim"), cell(value))
        for name, value in single.items()
    ]
    for name, (title, empty, columns) in _tables().items():
        rows = data[name]
        width = tables.console_of().width
        parts += [Text(), tables.listing(title, columns, rows, width) if rows else Text(empty)]
    return tables.rendered(*parts)


_TABLES = ("balances", "positions", "orders", "algo_orders", "symbols")


def _tables() -> Mapping[str, tuple[str, str, Sequence[Column]]]:
    """Return title, what is said of none, and columns of each table."""
    from tradebot.cli.tables import Column

    def figure(name: str, key: str, rank: int = 0) -> Column:
        return Column(name, key, cell, right=True, rank=rank)

    symbol, side = Column("symbol", "symbol"), Column("side", "side")
    orders = (
        *(symbol, Column("id", "id", words=True), side, Column("type", "type")),
        *(figure("qty", "qty"), figure("filled", "filled", 2), figure("price", "price")),
        *(figure("trigger", "trigger"), Column("reduce only", "reduce_only", cell, rank=1)),
    )
    shown = (
        ("Balances", "No balances.", (
            Column("asset", "asset"), figure("wallet", "wallet"),
            figure("unrealised", "unrealised"), figure("available", "available"),
        )),
        ("Positions", "No positions.", (
            symbol, side, figure("qty", "qty"), figure("entry price", "entry_price"),
            figure("mark price", "mark_price"), figure("margin", "isolated_margin", 2),
            figure("liquidation", "liquidation_price", 1),
        )),
        ("Orders", "No orders.", orders),
        ("Stops and targets", "No stops or targets.", orders),
        ("Symbols", "No symbols.", (
            symbol, figure("leverage", "leverage"), Column("margin", "margin"),
            Column("auto margin", "auto_margin", cell, rank=2), figure("maker fee", "maker_fee", 1),
            figure("taker fee", "taker_fee"),
        )),
    )  # fmt: skip
    return dict(zip(_TABLES, shown, strict=True))
