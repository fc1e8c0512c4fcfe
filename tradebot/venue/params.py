"""A request's parameters: the exact string that was signed, and readers that refuse as Binance does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote_plus

from tradebot.venue.errors import VenueError

_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}")
_SYMBOL_TEXT = "^[A-Z0-9-_.]{1,20}$"
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_CLIENT_ID_TEXT = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_LARGEST = 2**63 - 1


class RequestParams:
    """Parameters of one request by name. A name that was sent twice is refused (-1101) when read."""

    def __init__(self, query: str, body: str) -> None:
        self.values: dict[str, str] = {}
        self.signature: str | None = None
        self.twice: str | None = None
        signed = [self._take(query), self._take(body)]
        self.signed = "".join(signed)

    @classmethod
    def of(cls, values: dict[str, str]) -> RequestParams:
        """Return parameters given by name, as one order of a batch has them."""
        params = cls("", "")
        params.values = values
        return params

    def _take(self, text: str) -> str:
        """Read a query string or form, and return it without its signature."""
        decode = unquote_plus if "%" in text or "+" in text else str
        kept = []
        for part in text.split("&") if text else ():
            raw, _, value = part.partition("=")
            name = decode(raw)
            if name == "signature":
                self.signature = decode(value)
                continue
            kept.append(part)
            if name in self.values:
                self.twice = name
            elif name:
                self.values[name] = decode(value)
        return "&".join(kept)

    def check(self) -> None:
        """Refuse a name that was sent twice."""
        if self.twice is not None:
            raise VenueError(-1101, name=self.twice)

    def text(self, name: str) -> str | None:
        """Return a value, None when it was not sent; empty is refused."""
        value = self.values.get(name)
        if value == "":
            raise VenueError(-1105, name=name)
        return value

    def need(self, name: str) -> str:
        """Return a value that has to be there."""
        value = self.values.get(name)
        if not value:
            raise VenueError(-1102, name=name)
        return value

    def symbol(self) -> str | None:
        """Return ``symbol`` in its legal form, None when it was not sent."""
        value = self.text("symbol")
        if value is not None and not _SYMBOL.fullmatch(value):
            raise VenueError(-1100, name="symbol", legal=_SYMBOL_TEXT)
        return value

    def client_id(self, name: str) -> str | None:
        """Return a client order id in its legal form, None when it was not sent."""
        value = self.text(name)
        if value is None:
            return None
        if len(value) > 36:
            raise VenueError(-4015)
        if not _CLIENT_ID.fullmatch(value):
            raise VenueError(-1100, name=name, legal=_CLIENT_ID_TEXT)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Return a number, None when it was not sent; exponents and words are refused."""
        value = self.text(name)
        if value is None:
            return None
        if not _NUMBER.fullmatch(value):
            raise VenueError(-1102, name=name)
        try:
            return Decimal(value)
        except InvalidOperation:
            raise VenueError(-1102, name=name) from None

    def whole(self, name: str) -> int | None:
        """Return a whole number, None when it was not sent."""
        value = self.text(name)
        if value is None:
            return None
        if not _WHOLE.fullmatch(value) or abs(int(value)) > _LARGEST:
            raise VenueError(-1102, name=name)
        return int(value)

    def between(self, name: str, least: int, most: int, default: int) -> int:
        """Return a whole number of a range, or the default when it was not sent."""
        value = self.whole(name)
        if value is None:
            return default
        if not least <= value <= most:
            raise VenueError(-1130, name=name)
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean, False when it was not sent."""
        value = self.text(name)
        if value is None:
            return False
        lowered = value.lower()
        if lowered not in ("true", "false"):
            raise VenueError(-1102, name=name)
        return lowered == "true"

    def choice(self, name: str, among: Sequence[str], code: int) -> str | None:
        """Return one of the given words, None when it was not sent; another is refused with ``code``."""
        value = self.text(name)
        if value is not None and value not in among:
            raise VenueError(code, name=name)
        return value


NO_PARAMS = RequestParams("", "")
"""What a request has before it was read."""
