"""How one value is read: a parser per kind, each saying in words what is wrong.

A parser takes what TOML gave, or ``Text`` from the environment and the command line, and returns
the value or raises ``ValueError``. Only ``Text`` may be a number or a list in disguise; in a
file, types are meant.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tradebot.core.model.money import plain
from tradebot.core.model.spelling import nearest, question
from tradebot.core.model.text import escaped
from tradebot.core.risk.ceilings import SYMBOLS
from tradebot.wire.hosts import is_demo

Parser = Callable[[object], Any]

DECIMALS = 12
"""Decimals a configured number may have: keeps products of them exact in the core."""

DEAREST_FEE = Decimal("0.01")
"""A larger fraction is taken for percent by mistake."""

SECRET = re.compile(r"secret|token|password|passphrase|api_?key|private", re.IGNORECASE)
"""What is in a name of something that must not stand in a configuration."""

_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


class Text(str):
    """A value that arrived as text: environment, ``--set`` or a flag."""

    __slots__ = ()


def of_text(text: str) -> Any:
    """Return what TOML makes of the text, or the text itself where it is no TOML value."""
    if not text.isprintable():  # a line break could smuggle in a second statement
        return str(text)
    try:
        return tomllib.loads(f"value = {text}", parse_float=Decimal)["value"]
    except (ValueError, ArithmeticError, RecursionError):  # no TOML, or no number Python can hold
        return str(text)


def shown(value: object) -> str:
    """Return a value for a message, cut to a readable length."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value) if isinstance(value, int | Decimal | float) else repr(value)
    text = escaped(f'"{value}"' if isinstance(value, str) else text)
    return text if len(text) <= 60 else text[:57] + "..."


def number(low: int, high: int | str = 10**12, *, above: bool = False) -> Parser:
    """Parse a finite Decimal from ``low`` (excluded if ``above``) to ``high``."""
    least, most = Decimal(low), Decimal(high)

    def parse(value: object) -> Decimal:
        result = _decimal(value)
        if result < least or (above and result == least):
            edge = "above" if above else "at least"
            raise ValueError(f"must be {edge} {plain(least)}, got {shown(value)}")
        if result > most:
            raise ValueError(f"must be at most {plain(most)}, got {shown(value)}")
        if result and int(result.as_tuple().exponent) < -DECIMALS:
            raise ValueError(f"has more than {DECIMALS} decimals: {shown(value)}")
        return result if result else Decimal(0)

    return parse


def fee(value: object) -> Decimal:
    """Parse a fee as a fraction of the notional; one above 1 % is a percentage in disguise."""
    result: Decimal = number(0)(value)
    if result > DEAREST_FEE:
        percent = plain(result * 100)
        raise ValueError(
            f"{plain(result)} is {percent} %, and no fee is above 1 %; 0.05 % is written 0.0005"
        )
    return result


def _decimal(value: object) -> Decimal:
    wrong = ValueError(f"must be a number, got {shown(value)}")
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise wrong
    try:
        result = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise wrong from None
    if not result.is_finite():
        raise ValueError(f"must be a finite number, got {shown(value)}")
    return result


def whole(low: int, high: int) -> Parser:
    """Parse an int from ``low`` to ``high``."""

    def parse(value: object) -> int:
        result = of_text(value) if isinstance(value, Text) else value
        if isinstance(result, bool) or not isinstance(result, int):
            raise ValueError(f"must be a whole number, got {shown(value)}")
        if not low <= result <= high:
            raise ValueError(f"must be from {low} to {high}, got {shown(value)}")
        return result

    return parse


def flag(value: object) -> bool:
    """Parse true or false."""
    if isinstance(value, Text) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {shown(value)}")
    return value


def word(value: object) -> str:
    """Parse a text of one line."""
    if not isinstance(value, str):
        raise ValueError(
            f'must be text in quotes, got {shown(value)} (write "{escaped(str(value))}")'
        )
    if not value.isprintable():
        raise ValueError(f"must be printable text, got {shown(value)}")
    return str(value)


def choice(*known: str) -> Parser:
    """Parse one of the known words."""

    def parse(value: object) -> str:
        if isinstance(value, str) and value in known:
            return str(value)
        close = nearest(value, known) if isinstance(value, str) else None
        asked = f"; {question(close)}" if close else ""
        names = ", ".join(name for name in known if name)
        raise ValueError(f"must be one of {names}; got {shown(value)}{asked}")

    return parse


def or_word(special: str, meaning: Any, parse: Parser) -> Parser:
    """Let ``special`` stand for ``meaning`` and anything else go through ``parse``."""

    def parse_or(value: object) -> Any:
        if value == special or (meaning is None and value is None):
            return meaning
        try:
            return parse(value)
        except ValueError as error:
            raise ValueError(f'{error} (or "{special}")') from None

    return parse_or


def _items(value: object) -> list[Any]:
    """Return the items of a list; text may be a TOML list or comma separated."""
    if isinstance(value, Text):
        inner = of_text(value) if value.lstrip().startswith("[") else None
        parts = inner if isinstance(inner, list) else [p.strip() for p in value.split(",")]
        return [Text(p) if isinstance(p, str) else p for p in parts if p != ""]
    if isinstance(value, list | tuple):
        return list(value)
    raise ValueError(f"must be a list, got {shown(value)}")


def symbols(value: object) -> tuple[str, ...]:
    """Parse a list of symbols (``BTC/USDT``, ``BTCUSDT``, ``BTC/USDT:USDT``); sorted, each once."""
    names = tuple(sorted({symbol(item) for item in _items(value)}))
    if not names:
        raise ValueError(f"must name at least one of {', '.join(SYMBOLS)}")
    return names


def symbol(value: object) -> str:
    """Parse one symbol into ``BTC/USDT`` form."""
    if not isinstance(value, str):
        raise ValueError(f"must be symbols like BTC/USDT, got {shown(value)}")
    name = value.strip().upper().removesuffix(":USDT")
    if "/" not in name and name.endswith("USDT"):
        name = name.removesuffix("USDT") + "/USDT"
    if name in SYMBOLS:
        return name
    close = nearest(name, SYMBOLS)
    asked = f"{question(close)} " if close else ""
    raise ValueError(f"unknown symbol {shown(value)}; {asked}known: {', '.join(SYMBOLS)}")


def words(value: object) -> tuple[str, ...]:
    """Parse a list of texts, in its order."""
    return tuple(word(item) for item in _items(value))


def hours(value: object) -> tuple[int, ...]:
    """Parse a list of UTC hours, 0 to 23; sorted, each once."""
    parse = whole(0, 23)
    return tuple(sorted({parse(item) for item in _items(value)}))


def loopback_url(value: object) -> str:
    """Parse an http(s) or ws(s) address whose host is this machine; empty for none."""
    try:
        text = word(value).strip()
    except ValueError:
        raise ValueError("must be an address in printable text") from None
    if not text:
        return ""
    if "@" in text:  # never repeated: there may be a password in it
        raise ValueError("must be an address without a user or a password")
    if not _is_loopback(text):
        wanted = "must be a loopback address like http://127.0.0.1:8080"
        raise ValueError(f"{wanted}, got {shown(value)}")
    return text


def demo_host(scheme: str) -> Callable[[object], str]:
    """Return a parser of the address of one of Binance's demo hosts."""

    def parse(value: object) -> str:
        text = word(value).strip().rstrip("/")
        if not is_demo(text) or not text.startswith(f"{scheme}://"):
            wanted = f"must be one of Binance's demo hosts: {scheme}://demo-....binance.com"
            raise ValueError(f"{wanted}, got {shown(value)}")
        return text

    return parse


def is_loopback_host(host: str) -> bool:
    """Whether a host's name or address is this machine's."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def server(value: object) -> str:
    """Parse the name or the address of a server, without a port; empty for none."""
    text: str = word(value)
    try:
        ip_address(text)
    except ValueError:
        if text and not re.fullmatch(r"[\w.-]+", text):
            raise ValueError(
                f"must be a server's name like mail.example.org, without a port, got {shown(value)}"
            ) from None
    return text


def https_or_loopback(value: object) -> str:
    """Parse an https address, or one of this machine; empty for none. It is never repeated: it may hold a token."""
    try:
        text = word(value).strip()
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("must be an address in printable text") from None
    if not text:
        return ""
    if "@" in parts.netloc:
        raise ValueError("must be an address without a user or a password")
    names = [name for name, _ in parse_qsl(parts.query) if SECRET.search(name)]
    if names:
        raise ValueError(
            f"holds a secret ({names[0][:20]}): requests are signed without one; an address that needs it is a"
            " further service ([alerts.more]), kept with `tradebot alerts set NAME`"
        )
    plain_http = parts.scheme == "http" and is_loopback_host(host)
    if not host or not (parts.scheme == "https" or plain_http):
        raise ValueError("must begin with https:// (http:// only for this machine)")
    return text


def chat(value: object) -> str:
    """Parse a chat's or a user's number, as a number or as text; empty for none."""
    text = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"must be a number like 123456789, got {shown(value)}")
    if text and not (text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 20):
        raise ValueError(f"must be a number like 123456789, got {shown(value)}")
    return text


def address(value: object) -> str:
    """Parse an e-mail address; empty for none."""
    text = word(value).strip()
    name, at, host = text.rpartition("@")
    if text and (not at or not name or not host or " " in text or "@" in name or "," in text):
        raise ValueError(f"must be an e-mail address like me@example.org, got {shown(value)}")
    return text


def minute(value: object) -> str:
    """Parse a time of the day: ``HH:MM``."""
    text = word(value).strip()
    if minutes_of(text) is None:
        raise ValueError(f"must be a time like 00:05, got {shown(value)}")
    return text


def quiet_hours(value: object) -> str:
    """Parse two times of the day: ``23:00-07:00``; empty for none."""
    text = word(value).replace(" ", "")
    begin, dash, end = text.partition("-")
    if not text:
        return ""
    if not dash or minutes_of(begin) is None or minutes_of(end) is None or begin == end:
        raise ValueError(f"must be two times like 23:00-07:00, got {shown(value)}")
    return text


def minutes_of(text: str) -> int | None:
    """Return the minute of the day of ``HH:MM``, 0 to 1439; None for what is no such time."""
    hour, colon, rest = text.partition(":")
    if not colon or not (text.isascii() and hour.isdigit() and rest.isdigit() and len(rest) == 2):
        return None
    total = int(hour) * 60 + int(rest)
    return total if len(hour) == 2 and int(hour) < 24 and int(rest) < 60 else None


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port  # a port that is none raises
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
    return local and parts.scheme in ("http", "https", "ws", "wss") and "@" not in parts.netloc


def params(value: object) -> dict[str, Any]:
    """Parse strategy parameters: a table of plain values; the strategy itself checks them."""
    if not isinstance(value, dict):
        raise ValueError(f"must be a table of parameters, got {shown(value)}")
    return {str(name): _param(item) for name, item in value.items()}


def _param(value: object) -> Any:
    if isinstance(value, Text):
        value = of_text(value)
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, list | tuple):
        return [_param(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _param(item) for name, item in value.items()}
    if isinstance(value, bool | int | float | str):
        if isinstance(value, float) and value - value != 0.0:  # NaN and infinity
            raise ValueError(f"a parameter must be finite, got {shown(value)}")
        return value
    raise ValueError(f"a parameter is a number, text, true or false, not {shown(value)}")
