"""What a fault rule can meet, so that one nothing ever fits is refused: requests, events, orders, symbols."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tradebot.core.model.spelling import meant
from tradebot.venue.algo import CONDITIONAL_TYPES
from tradebot.venue.filters import SIDES, TYPES
from tradebot.venue.kinds import ARRIVAL, REQUEST, STOP, STREAM
from tradebot.venue.words import CATEGORIES, bad

METHODS = ("GET", "POST", "PUT", "DELETE")
_ALGO = ("NEW", "TRIGGERING", "TRIGGERED", "FINISHED", "CANCELED", "REJECTED", "EXPIRED")
_ORDER = ("NEW", "TRADE", "CANCELED", "EXPIRED", "CALCULATED", "AMENDMENT")
_ACCOUNT = ("ORDER", "FUNDING_FEE", "DEPOSIT", "WITHDRAW", "ADJUSTMENT", "MARGIN_TRANSFER")
_NOTHING = ("",)
EVENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ORDER_TRADE_UPDATE": ("private", _ORDER),
    "TRADE_LITE": ("private", ("TRADE",)),
    "ACCOUNT_UPDATE": ("private", _ACCOUNT),
    "ALGO_UPDATE": ("private", _ALGO),
    "MARGIN_CALL": ("private", _NOTHING),
    "ACCOUNT_CONFIG_UPDATE": ("private", _NOTHING),
    "listenKeyExpired": ("private", _NOTHING),
    "kline": ("market", _NOTHING),
    "markPriceUpdate": ("market", _NOTHING),
    "aggTrade": ("market", _NOTHING),
    "24hrMiniTicker": ("market", _NOTHING),
    "forceOrder": ("market", _NOTHING),
    "bookTicker": ("public", _NOTHING),
    "trade": ("public", _NOTHING),
    "depthUpdate": ("public", _NOTHING),
}
"""Every event's category, and what may stand behind its ``/``."""
_CLIENT_PATTERN = re.compile(r"[.A-Z:/a-z0-9_*?\[\]!-]+")


@dataclass(frozen=True, slots=True)
class Reach:
    """What there is in one venue: requests (method and path) and symbols (``BTCUSDT``)."""

    requests: frozenset[tuple[str, str]]
    symbols: frozenset[str]


def check_where(where: dict[str, str], target: str, reach: Reach) -> None:
    """Refuse patterns that nothing can ever fit; an event without ``/`` gets ``/*``."""
    if target in (ARRIVAL, REQUEST):
        _check_request(where, reach.requests)
    elif target == STREAM:
        _check_event(where)
    else:
        _check_among(where, "side", SIDES)
        _check_among(where, "type", CONDITIONAL_TYPES if target == STOP else TYPES)
    _check_among(where, "symbol", sorted(reach.symbols))
    pattern = where.get("client_id")
    if pattern is not None and not _CLIENT_PATTERN.fullmatch(pattern):
        raise bad(f"no client id fits {pattern!r}", "client_id", "letters, digits and .:/_- only")


def _check_request(where: Mapping[str, str], requests: Collection[tuple[str, str]]) -> None:
    _check_among(where, "method", METHODS)
    pattern, method = where.get("path"), where.get("method", "*")
    if pattern is None:
        return
    found = {verb for verb, path in requests if fnmatchcase(path, pattern)}
    if not found:
        paths = sorted({path for _, path in requests})
        raise bad(f"no request has the path {pattern}", "path", meant(pattern, paths))
    if not any(fnmatchcase(verb, method) for verb in found):
        hint = f"{pattern} takes {', '.join(sorted(found))}"
        raise bad(f"there is no {method} {pattern}", "method", hint)


def _check_event(where: dict[str, str]) -> None:
    _check_among(where, "stream", CATEGORIES)
    event, stream = where.get("event"), where.get("stream", "*")
    if event is None:
        return
    name, slash, what = event.partition("/")
    fitting = [rest for known, rest in EVENTS.items() if fnmatchcase(known, name)]
    if not fitting:
        raise bad(f"there is no event {event}", "event", meant(name, EVENTS))
    if not any(fnmatchcase(category, stream) for category, _ in fitting):
        homes = ", ".join(sorted({category for category, _ in fitting}))
        raise bad(f"{stream} has no {event}", "stream", f"it is of {homes}")
    if not slash:
        where["event"] = f"{event}/*"
    elif not any(fnmatchcase(one, what) for _, whats in fitting for one in whats):
        known = sorted({one for _, whats in fitting for one in whats if one})
        raise bad(f"there is no event {event}", "event", meant(what, known))


def _check_among(where: Mapping[str, str], name: str, among: Collection[str]) -> None:
    pattern = where.get(name)
    if pattern is not None and not any(fnmatchcase(one, pattern) for one in among):
        raise bad(f"there is no {name} {pattern}", name, meant(pattern, among))
