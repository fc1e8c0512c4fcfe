"""``venue``: from options to a running venue, and its lines for people or programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tradebot.app.venue import VenueSetup, run_venue
from tradebot.cli.options import VenueOptions
from tradebot.core.model.errors import UsageError
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso

INTERRUPTED = 130

SHOWN = ("started", "order", "fill", "algo", "fault")
"""Rows of the ledger that become lines."""


def venue(options: VenueOptions) -> int:
    """Run the venue; 0 after its time or TERM, 130 after ctrl-c."""
    host, port = _address(options.port)
    setup = VenueSetup(
        files=options.files,
        market=options.market,
        recording=options.recording,
        faults=options.faults,
        account=options.account,
        ledger=options.ledger,
        symbols=options.symbols,
        seed=options.seed,
        host=host,
        port=port,
        start=options.clock,
        duration_ms=options.duration_ms,
    )
    if options.market != "sim":
        raise UsageError(
            f"there is no market {options.market}", hint="use --market sim", key="--market"
        )
    ending = run_venue(setup, _tell_json if options.json else _tell)
    return INTERRUPTED if ending == "interrupted" else 0


def _address(text: str) -> tuple[str, int]:
    """Return host and port of ``N`` or ``HOST:N``."""
    host, _, number = text.rpartition(":")
    if not number.isdecimal() or int(number) > 65535:
        raise UsageError(
            f'"{text}" is no port',
            hint="write a number up to 65535, or 0 for a free one",
            key="--port",
        )
    return host or "127.0.0.1", int(number)


def _tell_json(row: Mapping[str, Any]) -> None:
    if row["kind"] in SHOWN:
        _write(json.dumps(row, default=_plain))


def _plain(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


def _tell(row: Mapping[str, Any]) -> None:
    if row["kind"] == "started":
        _write("\n".join(_opening(row)))
    elif row["kind"] in SHOWN and row.get("event") not in ("TRADE", "CALCULATED"):
        _write(f"{iso(row['at'])} {_line(row)}")


def _opening(row: Mapping[str, Any]) -> list[str]:
    return [
        "A fake Binance on this machine. Orders meet a simulated exchange: no fill model of Binance.",
        f"url     {row['url']}",
        f"key     {row['key']}",
        f"secret  {row['secret']}",
        f"market  {row['market']}: {', '.join(row['symbols'])}",
        "bot.toml:",
        *(f"  {line}" for line in row["config"]),
        "ctrl-c ends it",
    ]


def _line(row: Mapping[str, Any]) -> str:
    kind = row["kind"]
    if kind == "order":
        return (
            f"order  {row['symbol']} {row['side']} {row['type']} {_plain(row['qty'])} "
            f"{_state(row)} {row['client']}"
        )
    if kind == "fill":
        return (
            f"fill   {row['symbol']} {row['side']} {_plain(row['qty'])} at {_plain(row['price'])} "
            f"fee {_plain(row['fee'])} {row['fee_asset']} {row['client']}"
        )
    if kind == "algo":
        return (
            f"algo   {row['symbol']} {row['side']} {row['type']} at {_plain(row['trigger'])} "
            f"{row['status']} {row['client']}"
        )
    words = (f"{k}={v}" for k, v in row.items() if k not in ("at", "kind"))
    return f"{kind:6} {' '.join(words)}"


def _state(row: Mapping[str, Any]) -> str:
    event, status = row["event"], row["status"]
    return str(event if event == status else f"{event} {status}")


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
