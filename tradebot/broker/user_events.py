"""Messages of the private stream as core events. Pure; what is not understood is said, nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tradebot.broker import figures
from tradebot.broker.figures import ALGO_PREFIX, ALGO_STATUSES, MALFORMED, QUOTE, STATUSES
from tradebot.broker.parameters import is_algo
from tradebot.core.model.events import CashAnnounced, Event, Filled, OrderUpdate, VenueNote
from tradebot.core.model.values import Fill

Body = Mapping[str, Any]


UNEXPLAINED = "unexplained"
"""The halt of what nobody here understands."""


class Follow(StrEnum):
    """What has to be read after a message, because it only says that something has changed."""

    INCOME = "income"
    SETTINGS = "settings"
    ACCOUNT = "account"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message says, and what is to be read because of it."""

    events: tuple[Event, ...] = ()
    follow: tuple[Follow, ...] = ()


_ORDER_FIELDS = frozenset(
    [
        "s",
        "c",
        "S",
        "o",
        "f",
        "q",
        "p",
        "ap",
        "sp",
        "x",
        "X",
        "i",
        "l",
        "z",
        "L",
        "n",
        "N",
        "T",
        "t",
        "b",
        "a",
        "m",
        "R",
        "wt",
        "ot",
        "ps",
        "cp",
        "AP",
        "cr",
        "rp",
        "pP",
        "si",
        "ss",
        "V",
        "pm",
        "gtd",
        "er",
        "st",
        "ia",
        "W",
    ]
)
_ALGO_FIELDS = frozenset(
    [
        "caid",
        "aid",
        "at",
        "o",
        "s",
        "S",
        "ps",
        "f",
        "q",
        "X",
        "ai",
        "ap",
        "aq",
        "act",
        "tp",
        "p",
        "V",
        "wt",
        "pm",
        "cp",
        "pP",
        "R",
        "tt",
        "gtd",
        "rm",
        "ia",
        "cr",
        "AP",
        "st",
    ]
)
_KNOWN: Mapping[str, frozenset[str]] = {
    "ORDER_TRADE_UPDATE": frozenset({"e", "E", "T", "o", "fs"}),
    "ALGO_UPDATE": frozenset({"e", "E", "T", "o", "fs"}),
    "ACCOUNT_UPDATE": frozenset({"e", "E", "T", "a", "fs"}),
    "ACCOUNT_CONFIG_UPDATE": frozenset({"e", "E", "T", "ac", "ai", "fs"}),
    "MARGIN_CALL": frozenset({"e", "E", "cw", "p", "fs"}),
    "TRADE_LITE": frozenset(
        {"e", "E", "T", "s", "q", "p", "m", "c", "S", "L", "l", "t", "i", "fs"}
    ),
    "listenKeyExpired": frozenset({"e", "E", "listenKey", "fs"}),
}
_EXECUTIONS = frozenset(
    {"NEW", "TRADE", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH", "CALCULATED"}
    | {"AMENDMENT"}
)


class UserEvents:
    """Reads messages; a field that is new is told once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def read(self, message: Any, now: int) -> Heard:
        """Return what a message says; ``now`` is the exchange's time (UTC ms)."""
        if isinstance(message, dict) and isinstance(message.get("data"), dict):
            message = message["data"]  # wrapped, as combined streams are
        name = message.get("e") if isinstance(message, dict) else None
        handler = _HANDLERS.get(name) if isinstance(name, str) else None
        if handler is None:
            return Heard((_grave(now, "event", f"{name!r}: {_short(message)}"),))
        try:
            heard = handler(message, now)
        except MALFORMED as error:
            grave = _grave(now, f"{name}", f"{error}: {_short(message)}")
            return Heard((grave,), (Follow.ACCOUNT,))  # what it may have said is read
        return Heard((*self._new_fields(message, now), *heard.events), heard.follow)

    def _new_fields(self, message: Body, now: int) -> Iterable[Event]:
        name = message["e"]
        found = [(name, message.keys() - _KNOWN[name])]
        if name == "ORDER_TRADE_UPDATE":
            found.append((f"{name}.o", message["o"].keys() - _ORDER_FIELDS))
        elif name == "ALGO_UPDATE":
            found.append((f"{name}.o", message["o"].keys() - _ALGO_FIELDS))
        for where, fields in found:
            for field in sorted(fields):
                if (key := f"{where}.{field}") not in self._told:
                    self._told.add(key)
                    yield VenueNote(now, "field", f"{key} is new")


def _order_update(message: Body, now: int) -> Heard:
    order = message["o"]
    what, said, client = order["x"], order["X"], figures.text(order["c"])
    name, number = figures.symbol(order["s"]), str(figures.whole(order["i"]))
    events: list[Event] = []
    if what not in _EXECUTIONS:
        events.append(_grave(now, "execution type", f"{what} of {client}"))
    if figures.number(order["l"]) > 0:
        events += _fill(order, now)
    status = STATUSES.get(said)
    if status is None:
        events.append(_grave(now, "order status", f"{said} of {client}"))
        return Heard(tuple(events))
    done = figures.number(order["z"])
    left = figures.number(order["q"]) - done if what == "AMENDMENT" else None
    stop = is_algo(client) and client.startswith(
        "tb"
    )  # the order a stop has become has the stop's id
    update = OrderUpdate(
        *(now, name, client, status, figures.whole(order["T"])),
        reason=figures.text(order.get("er", "")) if status.terminal else "",
        qty=left,
        filled=done,
        venue_id="" if stop else number,
        child_id=number if stop else "",
    )
    return Heard((*events, update))


def _fill(order: Body, now: int) -> list[Event]:
    paid, strange = figures.fee(order.get("n"), order.get("N"))
    fill = Fill(
        symbol=figures.symbol(order["s"]),
        trade_id=figures.whole(order["t"]),
        order_id=figures.text(order["c"]),
        side=figures.side(order["S"]),
        qty=figures.number(order["l"]),
        price=figures.number(order["L"]),
        fee=paid,
        maker=figures.flag(order["m"]),
        time=figures.whole(order["T"]),
        liquidation=order["x"] == "CALCULATED",
        venue_id=str(figures.whole(order["i"])),
    )
    return [*([_grave(now, "asset", strange)] if strange else ()), Filled(now, fill)]


def _algo_update(message: Body, now: int) -> Heard:
    order = message["o"]
    client, said = figures.text(order["caid"]), order["X"]
    if order["at"] != "CONDITIONAL" or said not in ALGO_STATUSES:
        return Heard((_grave(now, "algo status", f"{order['at']} {said} of {client}"),))
    became = figures.child(order.get("ai"))
    done = figures.number(order.get("aq") or "0")
    update = OrderUpdate(
        *(now, figures.symbol(order["s"]), client),
        figures.ended_algo(said, figures.number(order["q"]), done),
        figures.whole(message["T"]),
        reason=figures.text(order.get("rm", "")),
        filled=done,
        venue_id=f"{ALGO_PREFIX}{figures.whole(order['aid'])}",
        child_id=became,
    )
    return Heard((update,))


def _account_update(message: Body, now: int) -> Heard:
    account = message["a"]
    reason = figures.text(account["m"])
    events: list[Event] = [
        _grave(now, "asset", f"{row['a']} in the wallet ({reason})")
        for row in account["B"]
        if figures.text(row["a"]) != QUOTE and figures.number(row["wb"])
    ]
    for row in account["P"]:
        figures.symbol(row["s"])
        figures.number(row["pa"])
    if reason == "ORDER":
        return Heard(tuple(events))
    if not any(word in reason for word in _NO_RESULT):
        events += _announced(account, reason, figures.whole(message["T"]), now)
    return Heard(tuple(events), (Follow.INCOME,))


_NO_RESULT = ("TRANSFER", "DEPOSIT", "WITHDRAW", "MARGIN_TYPE")
"""Reasons with one of these in them move money and lose none."""


def _announced(account: Body, reason: str, time: int, now: int) -> Iterable[Event]:
    """Yield what a balance changed by; positions say of which symbol, where the message itself does not."""
    names = [*filter(None, [account.get("S")]), *(row["s"] for row in account["P"])]
    symbol = figures.symbol(names[0]) if names else ""
    for row in account["B"]:
        change = figures.number(row["bc"])
        if figures.text(row["a"]) == QUOTE and change:
            yield CashAnnounced(now, reason, change, time, symbol)


def _config_update(message: Body, now: int) -> Heard:
    del now
    if "ac" not in message and "ai" not in message:
        raise KeyError("ac")
    return Heard((), (Follow.SETTINGS,))


def _margin_call(message: Body, now: int) -> Heard:
    names = ", ".join(figures.symbol(row["s"]) for row in message["p"])
    return Heard((VenueNote(now, "margin call", names),), (Follow.ACCOUNT,))


def _hint(message: Body, now: int) -> Heard:
    """TRADE_LITE comes before the message that tells the same whole: nothing is done on it."""
    del message, now
    return Heard()


def _key_expired(message: Body, now: int) -> Heard:
    del message, now
    return Heard((), (Follow.KEY,))


_HANDLERS: Mapping[str, Callable[[Body, int], Heard]] = {
    "ORDER_TRADE_UPDATE": _order_update,
    "ALGO_UPDATE": _algo_update,
    "ACCOUNT_UPDATE": _account_update,
    "ACCOUNT_CONFIG_UPDATE": _config_update,
    "MARGIN_CALL": _margin_call,
    "TRADE_LITE": _hint,
    "listenKeyExpired": _key_expired,
}


def _grave(now: int, what: str, detail: str) -> VenueNote:
    return VenueNote(now, what, detail, UNEXPLAINED)


def _short(message: Any) -> str:
    text = " ".join(str(message).split())
    return text if len(text) <= 300 else text[:299] + "…"
