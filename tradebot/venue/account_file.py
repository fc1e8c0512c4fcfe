"""The account file (TOML): what the venue's account holds at the start, and what it can be asked for.

::

    key = "..."                        # 64 letters and digits; made per start unless given
    secret = "..."
    wallet = "1000"                    # USDT
    leverage = 20                      # every symbol's; [leverages] for one
    margin_type = "isolated"           # or "cross"; [margin_types] for one
    hedge = false
    [assets]
    BNB = "1.5"
    [[positions]]                      # on the account without any order; can only be closed
    symbol = "BTCUSDT"
    side = "LONG"                      # LONG, SHORT (hedge mode) or BOTH
    qty = "0.01"                       # negative for a short
    entry = "60000"
    [[orders]]                         # somebody else's resting limit orders
    symbol = "ETHUSDT"
    side = "BUY"
    qty = "0.1"
    price = "1500"
    [[symbols]]                        # made up, or a listed one changed
    symbol = "TINY/USDT"
    tick = "0.0000001"
    step = "1"
    min_notional = "500"
    status = "TRADING_HALT"
    [permissions]                      # rows of apiRestrictions
    enableWithdrawals = true
    [options]                          # how the venue behaves (see ``Settings``)
    old_fields = true                  # avgPrice and cumQuote in order answers, as before 2026-07
    child_own_id = true                # a triggered stop's child has a client id of its own
    stop_needs_position = true         # a reduce-only stop without a position is refused
    retry_after = true                 # that header with 429 and 418
    income_delay_ms = 2000
    algo_forward_ms = 11               # from TRIGGERING to TRIGGERED
    patience = 10                      # requests over the weight limit before a ban
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tradebot.core.model.errors import ConfigError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.spelling import meant
from tradebot.core.model.values import Instrument
from tradebot.venue.listings import Listing, list_symbol
from tradebot.venue.settings import (
    COUNTS,
    FLAGS,
    PERMISSIONS,
    AccountScript,
    ForeignOrder,
    ScriptedPosition,
)

_TOP = (
    "key",
    "secret",
    "wallet",
    "leverage",
    "leverages",
    "margin_type",
    "margin_types",
    "hedge",
    "multi_assets",
    "fee_burn",
    "assets",
    "positions",
    "orders",
    "symbols",
    "permissions",
    "options",
)
_POSITION = ("symbol", "side", "qty", "entry", "margin_type", "leverage")
_ORDER = ("symbol", "side", "qty", "price", "client_id", "position_side", "reduce_only")
_SYMBOL = ("symbol", "tick", "step", "min_qty", "max_qty", "min_notional", "status")
_PAIR = re.compile(r"[A-Z0-9]{1,15}/[A-Z]{2,5}")
_SECRET = re.compile(r"[A-Za-z0-9]{64}")
_TYPES = ("isolated", "cross")
_STATUSES = ("TRADING", "TRADING_HALT", "PENDING_TRADING", "SETTLING", "CLOSE", "BREAK")
_TEMPLATE = INSTRUMENTS["ADA/USDT"]


def load_account(path: Path) -> AccountScript:
    """Read an account file. ConfigError with file and key and the way out."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is no TOML: {error}", file=str(path)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from None
    return _Reader(str(path)).account(table)


class _Reader:
    """Turns tables into values, and says where one is wrong."""

    def __init__(self, file: str) -> None:
        self._file = file

    def account(self, table: dict[str, Any]) -> AccountScript:
        self._known(table, _TOP, "")
        default = AccountScript()
        hedge = self._flag(table, "hedge")
        return AccountScript(
            key=self._secret(table, "key"),
            secret=self._secret(table, "secret"),
            wallet=self._money(table, "wallet", default.wallet),
            assets=self._assets(table),
            leverage=self._whole(table.get("leverage", 20), "leverage"),
            leverages={
                k: self._whole(v, f"leverages.{k}") for k, v in self._table(table, "leverages")
            },
            margin_type=self._word(table.get("margin_type", "isolated"), _TYPES, "margin_type"),
            margin_types={
                k: self._word(v, _TYPES, f"margin_types.{k}")
                for k, v in self._table(table, "margin_types")
            },
            hedge=hedge,
            multi_assets=self._flag(table, "multi_assets"),
            fee_burn=self._flag(table, "fee_burn"),
            positions=tuple(self._position(*row, hedge) for row in self._rows(table, "positions")),
            orders=tuple(self._order(*row) for row in self._rows(table, "orders")),
            made_up=tuple(self._symbol(*row) for row in self._rows(table, "symbols")),
            permissions=self._permissions(table),
            options=self._options(table),
        )

    def _options(self, table: dict[str, Any]) -> dict[str, Any]:
        rows = dict(self._table(table, "options"))
        self._known(rows, (*FLAGS, *COUNTS), "options")
        flags = {n: self._flag(rows, n, f"options.{n}") for n in rows if n in FLAGS}
        counts = {n: self._count(rows[n], f"options.{n}") for n in rows if n in COUNTS}
        return {**flags, **counts}

    def _assets(self, table: dict[str, Any]) -> dict[str, Decimal]:
        assets = {k: self._amount(v, f"assets.{k}") for k, v in self._table(table, "assets")}
        if "USDT" in assets:
            raise self._bad("USDT has a key of its own", "assets.USDT", 'write wallet = "1000"')
        return assets

    def _permissions(self, table: dict[str, Any]) -> dict[str, bool]:
        rows = dict(self._table(table, "permissions"))
        for name in rows:
            if name not in PERMISSIONS:
                raise self._bad(
                    "there is no such permission", f"permissions.{name}", meant(name, PERMISSIONS)
                )
        return {name: self._flag(rows, name, f"permissions.{name}") for name in rows}

    def _position(self, row: dict[str, Any], key: str, hedge: bool) -> ScriptedPosition:
        self._known(row, _POSITION, key)
        side = self._word(row.get("side", "BOTH"), ("BOTH", "LONG", "SHORT"), f"{key}.side")
        if hedge != (side != "BOTH"):
            hint = "sides are LONG and SHORT in hedge mode, BOTH without it"
            wrong = f"{side} does not go with hedge = {str(hedge).lower()}"
            raise self._bad(wrong, f"{key}.side", hint)
        kind = self._word(row.get("margin_type", "cross"), _TYPES, f"{key}.margin_type")
        return ScriptedPosition(
            name=self._name(row, key),
            position_side=side,
            qty=self._signed(row.get("qty"), side, f"{key}.qty"),
            entry=self._above_zero(row.get("entry"), f"{key}.entry"),
            margin_type=kind,
            leverage=self._whole(row.get("leverage", 20), f"{key}.leverage"),
        )

    def _order(self, row: dict[str, Any], key: str) -> ForeignOrder:
        self._known(row, _ORDER, key)
        return ForeignOrder(
            name=self._name(row, key),
            side=self._word(row.get("side"), ("BUY", "SELL"), f"{key}.side"),
            qty=self._amount(row.get("qty"), f"{key}.qty"),
            price=self._amount(row.get("price"), f"{key}.price"),
            client_id=str(row.get("client_id", "web_foreign")),
            position_side=self._word(
                row.get("position_side", "BOTH"), ("BOTH", "LONG", "SHORT"), f"{key}.position_side"
            ),
            reduce_only=self._flag(row, "reduce_only"),
        )

    def _symbol(self, row: dict[str, Any], key: str) -> Listing:
        self._known(row, _SYMBOL, key)
        symbol = str(row.get("symbol", ""))
        if not _PAIR.fullmatch(symbol):
            raise self._bad(f"{symbol!r} is no symbol", f"{key}.symbol", "write it as ABC/USDT")
        status = self._word(row.get("status", "TRADING"), _STATUSES, f"{key}.status")
        return list_symbol(self._instrument(symbol, row, key), status=status)

    def _instrument(self, symbol: str, row: dict[str, Any], key: str) -> Instrument:
        base = INSTRUMENTS.get(symbol)
        given: dict[str, Any] = {
            name: self._above_zero(row[name], f"{key}.{name}")
            for name in ("tick", "step", "min_qty", "max_qty", "min_notional")
            if name in row
        }
        if base is not None:
            return replace(base, **given)
        made = replace(_TEMPLATE, symbol=symbol, **given)
        step, tick = made.step, made.tick
        return replace(made, min_qty=given.get("min_qty", step), min_price=tick)

    def _name(self, row: dict[str, Any], key: str) -> str:
        name = str(row.get("symbol", "")).replace("/", "")
        if not name:
            raise self._bad("a symbol is missing", f"{key}.symbol", "write it as BTCUSDT")
        return name

    def _secret(self, table: dict[str, Any], name: str) -> str:
        value = table.get(name, "")
        if not isinstance(value, str) or (value and not _SECRET.fullmatch(value)):
            raise self._bad("is no key of Binance's form", name, "write 64 letters and digits")
        return value

    def _known(self, table: Mapping[str, Any], names: tuple[str, ...], key: str) -> None:
        for name in table:
            if name not in names:
                where = f"{key}.{name}" if key else name
                raise self._bad("there is no such key", where, meant(name, names))

    def _rows(self, table: dict[str, Any], name: str) -> list[tuple[dict[str, Any], str]]:
        rows = table.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._bad("is no list of tables", name, f"write [[{name}]]")
        return [(row, f"{name}[{number}]") for number, row in enumerate(rows)]

    def _table(self, table: dict[str, Any], name: str) -> list[tuple[str, Any]]:
        inner = table.get(name, {})
        if not isinstance(inner, dict):
            raise self._bad("is no table", name, f"write [{name}]")
        return list(inner.items())

    def _money(self, table: dict[str, Any], name: str, default: Decimal) -> Decimal:
        return self._amount(table[name], name) if name in table else default

    def _number(self, value: Any, key: str) -> Decimal:
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise self._bad(f"{value!r} is no number", key, 'write it as "0.01"') from None
        if isinstance(value, bool) or not number.is_finite():
            raise self._bad(f"{value!r} is no number", key, 'write it as "0.01"')
        return number

    def _amount(self, value: Any, key: str) -> Decimal:
        number = self._number(value, key)
        if number < 0:
            raise self._bad(
                f"{number} is negative", key, "an account cannot begin with less than 0"
            )
        return number

    def _above_zero(self, value: Any, key: str) -> Decimal:
        number = self._number(value, key)
        if number <= 0:
            raise self._bad(f"{number} is not above 0", key, 'write it as "0.01"')
        return number

    def _signed(self, value: Any, side: str, key: str) -> Decimal:
        number = self._number(value, key)
        if not number or (side == "LONG" and number < 0) or (side == "SHORT" and number > 0):
            hint = "a long is above 0, a short below"
            raise self._bad(f"{number} is no position {side}", key, hint)
        return number

    def _whole(self, value: Any, key: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self._bad(f"{value!r} is no whole number above 0", key, "write it as 20")
        return value

    def _count(self, value: Any, key: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**9:
            raise self._bad(f"{value!r} is no whole number from 0 on", key, "write it as 2000")
        return value

    def _flag(self, table: dict[str, Any], name: str, key: str = "") -> bool:
        value = table.get(name, False)
        if not isinstance(value, bool):
            raise self._bad(
                f"{value!r} is neither true nor false", key or name, "write true or false"
            )
        return value

    def _word(self, value: Any, among: tuple[str, ...], key: str) -> str:
        if value not in among:
            raise self._bad(f"{value!r} is not known", key, f"known: {', '.join(among)}")
        return str(value)

    def _bad(self, what: str, key: str, hint: str) -> ConfigError:
        return ConfigError(what, file=self._file, key=key, hint=hint)
