"""The venue's own requests, no part of Binance's protocol: ``/_venue/faults``, ``/_venue/act``, ``/_venue/state``.

``POST /_venue/faults`` takes ``{"fault": [rule, ...]}`` (as the TOML has them) in place of all rules, ``POST
/_venue/act`` takes ``{"act": name, ...}``, ``GET /_venue/state`` tells what the venue knows, and the ledger's file has
all of it then. JSON in and out; nonsense gets 400 with ``error``, ``key`` and ``hint``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.core.model.money import plain
from tradebot.venue.payloads import algo_row, order_row, position_risk

if TYPE_CHECKING:
    from tradebot.venue.core import Venue

OWN = "/_venue/"


async def answer_own(venue: Venue, request: web.Request) -> web.Response:
    """Answer one of the venue's own requests."""
    try:
        body = _carry_out(venue, request.method, request.path, await request.read())
    except TradebotError as error:
        told = {"error": error.message, "key": error.key, "hint": error.hint}
        return web.json_response(told, status=400)
    return web.json_response(body)


def _carry_out(venue: Venue, method: str, path: str, data: bytes) -> dict[str, Any]:
    match method, path.removeprefix(OWN):
        case "GET", "state":
            venue.ledger.flush()
            return state(venue)
        case "POST", "faults":
            rows = _table(data).get("fault", [])
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise UsageError(
                    "is no list of rules", key="fault", hint='{"fault": [{"do": ...}]}'
                )
            venue.faults.set(rows)
            return {"faults": len(rows)}
        case "POST", "act":
            words = _table(data)
            if not isinstance(words.get("act"), str):
                raise UsageError(
                    "is missing", key="act", hint=f"known: {', '.join(venue.acts.names())}"
                )
            venue.acts.do(words.pop("act"), **words)
            return {"done": True}
    raise UsageError(f"there is no {method} {path}", hint="POST faults, POST act, GET state")


def _table(data: bytes) -> dict[str, Any]:
    try:
        table = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise UsageError(
            "the body is no JSON object", hint='write {"act": "transfer", "amount": "5"}'
        )
    return table


def state(venue: Venue) -> dict[str, Any]:
    """Return what the venue knows: the truth, whatever the faults let others see."""
    venue.desk.refresh()
    held = [*venue.account.holdings(), *(leg.holding for leg in venue.desk.legs.values())]
    return {
        "time": venue.clock.now(),
        "wallets": {asset: plain(amount) for asset, amount in venue.account.wallets.items()},
        "positions": [position_risk(row) for row in held if row.qty],
        "orders": [order_row(order) for order in venue.desk.records.open()],
        "algo_orders": [algo_row(algo) for algo in venue.algos.records.open()],
        "banned_until": venue.limits.banned_until,
        "faults": [
            {"do": rule.do, "met": rule.met, "applied": rule.applied} for rule in venue.faults.rules
        ],
    }
