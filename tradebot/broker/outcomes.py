"""The one table of what became of an order that was sent, by what happened on the wire.

Never by ccxt's exceptions: a refused connection, one that was dropped, a 502 and a 503 share a class. What the
exchange did not say for certain is unknown: it counts as exposure until it is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tradebot.core.model.events import NOT_LEFT
from tradebot.wire.reply import Reply


class Fate(StrEnum):
    """What became of a request that makes an order."""

    NOT_SENT = "not sent"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A request's fate. ``code`` as in ``OrderUpdate``; ``reason`` one line for people.

    ``body`` is the answer where it was accepted.
    """

    fate: Fate
    reason: str = ""
    code: int = 0
    body: Mapping[str, Any] | None = None


UNCERTAIN: Mapping[int, str] = {
    -1000: "an error nobody knows, whether it was carried out or not",
    -1001: "the exchange was disconnected inside",
    -1006: "an unexpected answer inside the exchange: execution unknown",
    -1007: "a timeout inside the exchange: execution unknown",
    -2011: "no answer to a new order",
    -2013: "no answer to a new order",
    -4116: "an order with this id is there",
}
"""Codes that do not say that an order was refused, whatever HTTP status comes with them."""

THROTTLED = -1008
"""The exchange protects itself and carries nothing out; it comes with HTTP 503."""

REFUSING = frozenset(
    {
        # requests: too many, malformed, unsigned, too old
        *(-1002, -1003, -1011, -1013, -1014, -1015, -1016, -1020, -1021, -1022, -1023, -1034),
        *range(-1130, -1099),
        # orders: margin, position, filters, what is not allowed
        *(
            -2010,
            -2012,
            -2014,
            -2015,
            -2016,
            -2017,
            -2018,
            -2019,
            -2020,
            -2021,
            -2022,
            -2023,
            -2024,
        ),
        *(-2025, -2026, -2027, -2028),
        # parameters and the account's state; -4116 tells of an order that is there
        *(code for code in range(-4600, -3999) if code != -4116),
        # the matching engine and the order's terms
        *(-5000, *range(-5050, -5019)),
    }
)
"""Codes with which, on a 4xx answer, the exchange says that it has not taken the order."""


def judge_order(reply: Reply, client_id: str, *, algo: bool) -> Verdict:
    """Return the fate of a request for a new order with our ``client_id``; ``algo``: on the algo service."""
    if not reply.left:
        return Verdict(Fate.NOT_SENT, reply.withheld or reply.error or "it did not leave", NOT_LEFT)
    if reply.status == 200:
        return _judge_taken(reply, client_id, algo=algo)
    return _judge_refused(reply)


def _judge_taken(reply: Reply, client_id: str, *, algo: bool) -> Verdict:
    """Accepted is an answer with the exchange's number of the order and with our own id in it."""
    body = reply.body
    number, name = ("algoId", "clientAlgoId") if algo else ("orderId", "clientOrderId")
    if isinstance(body, dict) and is_number(body.get(number)) and body.get(name) == client_id:
        return Verdict(Fate.ACCEPTED, body=body)
    return Verdict(Fate.UNKNOWN, "the answer does not say that the order was taken", reply.code)


def _judge_refused(reply: Reply) -> Verdict:
    code, status = reply.code, reply.status
    if status is None:
        return Verdict(Fate.UNKNOWN, reply.error or "no answer")
    if code == THROTTLED or (not code and _is_unexecuted(status, reply.text)):
        return Verdict(Fate.REJECTED, reply.message, code or status)
    if 400 <= status < 500 and code in REFUSING:
        return Verdict(Fate.REJECTED, reply.message, code)
    return Verdict(Fate.UNKNOWN, UNCERTAIN.get(code) or reply.message, code)


def _is_unexecuted(status: int, text: str) -> bool:
    """Whether an answer without a code says that nothing was carried out: a firewall, or a plain refusal."""
    said = text.strip().rstrip(".").lower()
    return status == 403 or (status == 503 and said == "service unavailable")


def is_number(value: Any) -> bool:
    """Whether something is an exchange's number of an order."""
    if isinstance(value, bool):
        return False
    return (isinstance(value, int) and value > 0) or (isinstance(value, str) and value.isdigit())
