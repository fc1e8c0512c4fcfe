"""What a stream's message says: a candle, a mark price or a touch; anything else is strange, and said so.

Numbers stay the text they arrived as. A price must be finite and above zero, a size finite and not below it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from tradebot.core.model.errors import ExchangeError
from tradebot.core.model.values import Bar
from tradebot.wire.reply import NOT_ITS_OWN

LONGEST = 200
"""Characters of a strange message that are shown."""


@dataclass(frozen=True, slots=True)
class Kline:
    """A kline as it stands. ``closed`` says that it will not change any more: the exchange's own word."""

    bar: Bar
    closed: bool

    @property
    def symbol(self) -> str:
        """The bar's symbol."""
        return self.bar.symbol


@dataclass(frozen=True, slots=True)
class MarkPrice:
    """A mark price (USDT) at ``time``; ``due`` is the next funding's time. Times in UTC milliseconds."""

    symbol: str
    time: int
    price: str
    due: int


@dataclass(frozen=True, slots=True)
class Touch:
    """Best bid and ask with their sizes. ``order`` grows with every change: an update's number, or a time."""

    symbol: str
    time: int
    order: int
    prices: tuple[str, str, str, str]


Message = Kline | MarkPrice | Touch


class StrangeError(ExchangeError):
    """What arrived is not what Binance is known to send: which ``kind`` of nonsense it is, and this one of it."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind + detail, hint=NOT_ITS_OWN)
        self.kind = kind


def read_message(text: str | bytes, symbols: Mapping[str, str], interval: int) -> Message | None:
    """Return what a raw message says, None for one that says nothing of prices (the answer to SUBSCRIBE).

    ``symbols`` are ours by Binance's name. Raises StrangeError for what is no JSON, has another shape, tells of
    another symbol or of a number that is none.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise StrangeError("a stream's message is no JSON", f": {_shown(text)}") from None
    if isinstance(body, dict) and isinstance(body.get("data"), dict):
        body = body["data"]
    if isinstance(body, dict) and "id" in body and "e" not in body:
        _check_answer(body)
        return None
    read = _READERS.get(str(body.get("e"))) if isinstance(body, dict) else None
    if read is None:
        raise StrangeError("a stream's message is none that was asked for", f": {_shown(text)}")
    try:
        symbol = symbols[body["s"]]
        return read(symbol, body, interval)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StrangeError(
            "a stream's message makes no sense", f" ({_why(error)}): {_shown(text)}"
        ) from None


_TOUCH = '{"e":"bookTicker","u":'
_SYMBOL = ',"s":"'
_SHORT = 400


def touched(text: str) -> tuple[str, int] | None:
    """Return symbol (Binance's name) and order of what begins as a touch does, None for anything else; nothing is checked.

    A book's touch changes hundreds of times a second, and reading all of it costs more than deciding anything.
    """
    if not text.startswith(_TOUCH) or len(text) > _SHORT:
        return None
    order, _, rest = text[len(_TOUCH) :].partition(_SYMBOL)
    return (rest[: rest.find('"')], int(order)) if order.isdecimal() else None


def _check_answer(body: dict[str, Any]) -> None:
    if body.get("error") or body.get("code"):
        raise StrangeError("the subscription was refused", f": {_shown(json.dumps(body))}")


def _candle(symbol: str, body: dict[str, Any], interval: int) -> Kline:
    k = body["k"]
    opened, closes = whole(k["t"]), whole(k["T"])
    if closes != opened + interval - 1 or opened % interval:
        raise ValueError(f"a candle from {opened} to {closes} is none of {interval} ms")
    texts = (k["o"], k["h"], k["l"], k["c"], k["v"])
    if type(k["x"]) is not bool:
        raise ValueError("x is neither true nor false")
    return Kline(read_bar(symbol, opened, interval, texts), k["x"])


def _mark(symbol: str, body: dict[str, Any], interval: int) -> MarkPrice:
    del interval
    return MarkPrice(symbol, whole(body["E"]), price(body["p"]), whole(body["T"]))


def _touch(symbol: str, body: dict[str, Any], interval: int) -> Touch:
    del interval
    prices = read_touch(body["b"], body["a"], body["B"], body["A"])
    return Touch(symbol, whole(body["E"]), whole(body["u"]), prices)


_READERS: Final[dict[str, Callable[[str, dict[str, Any], int], Message]]] = {
    "kline": _candle,
    "markPriceUpdate": _mark,
    "bookTicker": _touch,
}


def read_bar(symbol: str, opened: int, interval: int, texts: tuple[Any, ...]) -> Bar:
    """Return a bar of its five numbers (open, high, low, close, volume); ValueError where one is none."""
    *prices, volume = texts
    numbers = (*(price(text) for text in prices), size(volume))
    bar = Bar.of(symbol, opened, interval, numbers)
    if not bar.low <= min(bar.open, bar.close) or not max(bar.open, bar.close) <= bar.high:
        raise ValueError(f"open and close lie outside {numbers[2]} to {numbers[1]}")
    return bar


def read_touch(bid: Any, ask: Any, bid_qty: Any, ask_qty: Any) -> tuple[str, str, str, str]:
    """Return a touch's four numbers; ValueError where one is none, or the bid is above the ask."""
    prices = price(bid), price(ask), size(bid_qty), size(ask_qty)
    if float(prices[0]) > float(prices[1]):
        raise ValueError(f"the bid {prices[0]} is above the ask {prices[1]}")
    return prices


def price(text: Any) -> str:
    """Return a price's text; ValueError unless it is finite and above zero."""
    if not isinstance(text, str) or not 0.0 < float(text) < inf:
        raise ValueError(f"{_shown(repr(text))} is no price")
    return text


def size(text: Any) -> str:
    """Return a quantity's text; ValueError unless it is finite and not below zero."""
    if not isinstance(text, str) or not 0.0 <= float(text) < inf:
        raise ValueError(f"{_shown(repr(text))} is no quantity")
    return text


def whole(number: Any) -> int:
    """Return a whole number, a time or a count; ValueError for anything else."""
    if type(number) is not int or not 0 <= number < 1 << 62:
        raise ValueError(f"{_shown(repr(number))} is no time")
    return number


def _why(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _shown(text: str | bytes) -> str:
    """Return the beginning of what arrived, fit for one line."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    short = words[:LONGEST] + ("..." if len(words) > LONGEST else "")
    return "".join(letter if letter.isprintable() else " " for letter in short)
