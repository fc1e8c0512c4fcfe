"""What became of one request, as it was seen on the wire: the only ground for saying what the exchange did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tradebot.core.model.errors import ExchangeError


@dataclass(frozen=True, slots=True)
class Reply:
    """``left`` says that at least the first byte of the request may have gone out.

    ``status`` is the answer's, None where none came whole; ``text`` its body. ``withheld`` says why we did not
    send it ourselves; ``error`` what else went wrong, in words without secrets. ``sent_at`` is the exchange's
    time when it went out (UTC ms), 0 if it did not.
    """

    left: bool
    status: int | None = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    withheld: str = ""
    error: str = ""
    sent_at: int = 0

    @property
    def body(self) -> Any:
        """The body as JSON values; None where it is no JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def code(self) -> int:
        """Binance's number of an error, negative; 0 where the body has none."""
        code = _field(self.body, "code")
        try:
            return int(code)
        except (TypeError, ValueError, OverflowError):
            return 0

    @property
    def message(self) -> str:
        """What went wrong, in the exchange's words or ours; at most one short line."""
        said = _field(self.body, "msg")
        text = said if isinstance(said, str) and said else self.withheld or self.error
        if not text and self.status is not None:
            text = f"HTTP {self.status}"
        line = " ".join(text.split())
        return line if len(line) <= 200 else line[:199] + "…"

    @property
    def ok(self) -> bool:
        """Whether it was answered with 200 and JSON that is no error."""
        return self.status == 200 and self.code >= 0 and self.body is not None


def _field(body: Any, name: str) -> Any:
    return body.get(name) if isinstance(body, dict) else None


def failure(reply: Reply, host: str, path: str) -> ExchangeError:
    """Say in one line what went wrong with a request."""
    if reply.withheld:
        return ExchangeError(f"{path} was not asked for: {reply.withheld}")
    if reply.status is None:
        text = f"cannot reach {host}: {reply.error or 'no answer'}"
        return ExchangeError(text, hint="see whether the network and the address are right")
    if reply.code < 0:
        return ExchangeError(f"{host} refused {path}: {reply.message} ({reply.code})")
    if reply.status != 200:
        return ExchangeError(f"{host} refused {path}: HTTP {reply.status}")
    return ExchangeError(f"{host} answered {path} with something that is not its own")
