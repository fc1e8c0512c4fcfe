"""The faults the venue knows: what each does, what it steps into, and the words it takes.

A fault steps into a request when it arrives (before it is read), into a *request* that was read, a *stream*
message, an *order* or a *stop* (algo order) as it is placed, or it happens at a *moment*. Times are seconds of venue time unless the name says ``_ms``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ARRIVAL, REQUEST, STREAM = "arrival", "request", "stream"
ORDER, STOP, MOMENT = "order", "stop", "moment"

REQUIRED = object()
"""Stands for the default of a word that must be given."""

_WAIT = {"ms": REQUIRED, "to_ms": None, "mean_ms": None}
"""From ``ms`` to ``to_ms``, each as likely; on top of it ``mean_ms`` on average, seldom many times that (exponential)."""

FORMS = ("empty", "cut", "html", "braces")
NONSENSE = ("text", "large", "padded", "nan", "unknown")
MEANINGS = ("unknown", "not_executed", "overload")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault. ``words`` are its parameters with their defaults, ``among`` those with few values."""

    target: str
    about: str
    words: dict[str, Any] = field(default_factory=dict)
    among: dict[str, tuple[str, ...]] = field(default_factory=dict)


KINDS: dict[str, FaultKind] = {
    "refuse": FaultKind(
        ARRIVAL,
        "end the connection, or all there are, and refuse new ones",
        {"seconds": 5.0, "all": False},
    ),
    "reset": FaultKind(ARRIVAL, "end the connection before the request is read"),
    "read_later": FaultKind(
        ARRIVAL, "read the request only later, as if it arrived then", {"seconds": REQUIRED}
    ),
    "delay": FaultKind(REQUEST, "wait before the request is carried out", _WAIT),
    "slow_answer": FaultKind(REQUEST, "carry out, answer later", _WAIT),
    "accept_then_timeout": FaultKind(REQUEST, "carry out, never answer", {"seconds": 60.0}),
    "accept_then_close": FaultKind(REQUEST, "carry out, end the connection"),
    "accept_then_garbage": FaultKind(
        REQUEST,
        "carry out, answer 200 with no body that says so",
        {"form": "empty"},
        {"form": FORMS},
    ),
    "error": FaultKind(
        REQUEST, "answer with one of Binance's codes", {"code": REQUIRED, "executed": False}
    ),
    "answer": FaultKind(
        REQUEST,
        "answer with a status and body",
        {"status": REQUIRED, "body": "", "executed": False},
    ),
    "unavailable": FaultKind(
        REQUEST, "answer 503 in one of its meanings", {"meaning": "unknown"}, {"meaning": MEANINGS}
    ),
    "rate_limited": FaultKind(REQUEST, "answer 429"),
    "ban": FaultKind(ARRIVAL, "ban the address: 418 for everything", {"seconds": 120.0}),
    "fields_left_out": FaultKind(REQUEST, "leave fields out of the answer", {"fields": REQUIRED}),
    "drop": FaultKind(STREAM, "withhold the message"),
    "duplicate": FaultKind(STREAM, "send the message again", {"copies": 1}),
    "late": FaultKind(STREAM, "send the message later", _WAIT),
    "reorder": FaultKind(
        STREAM, "send messages in any order within a window", {"window_ms": REQUIRED}
    ),
    "disconnect": FaultKind(
        STREAM, "end the connections of the message's category", {"code": 1006}
    ),
    "freeze": FaultKind(
        STREAM, "say nothing more on the category, connections open", {"seconds": REQUIRED}
    ),
    "garble": FaultKind(
        STREAM,
        "send what nobody understands in the message's place, or before it",
        {"form": "text", "instead": True},
        {"form": NONSENSE},
    ),
    "fill_in_parts": FaultKind(
        ORDER, "fill given parts at given times", {"parts": REQUIRED, "at_s": REQUIRED}
    ),
    "fill_nothing": FaultKind(ORDER, "take the order and fill nothing of it"),
    "late_fill": FaultKind(
        ORDER, "fill the rest after it was told to be cancelled", {"seconds": 0.5}
    ),
    "stop_rejected_later": FaultKind(
        STOP, "take it as NEW, reject it later", {"seconds": 1.5, "told": True}
    ),
    "stop_vanishes": FaultKind(STOP, "let it disappear without a word", {"seconds": REQUIRED}),
    "algo_blind": FaultKind(
        STOP, "it is there, but look-ups and lists do not show it", {"seconds": REQUIRED}
    ),
    "stop_filled_short": FaultKind(STOP, "its child fills a share only", {"share": 0.5}),
    "stop_child_expires": FaultKind(STOP, "its child expires unfilled"),
    "stop_rejected_on_trigger": FaultKind(STOP, "reject it when it triggers"),
    "stops_need_position": FaultKind(
        MOMENT, "refuse reduce-only stops without a position", {"on": True}
    ),
    "algo_take_blocks": FaultKind(MOMENT, "untriggered takes count for -4118", {"on": True}),
    "fills_worse": FaultKind(
        MOMENT, "fill worse than the book shows, by basis points of it", {"bps": REQUIRED}
    ),
    "skew": FaultKind(MOMENT, "set the venue's clock wrong by so much", {"ms": REQUIRED}),
    "disconnect_all": FaultKind(
        MOMENT, "end connections of a category (all without one)", {"category": "", "code": 1006}
    ),
    "listen_key_dies": FaultKind(
        MOMENT, "end the listenKey, with or without its event", {"told": True}
    ),
    "act": FaultKind(MOMENT, "let something happen to the account (see acts)", {"act": REQUIRED}),
}
"""All faults by name."""
