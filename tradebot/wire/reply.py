"""What became of one request, as it was seen on the wire: the only ground for saying what the exchange did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

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


UNASKED = "was not asked for"
"""What is said where our own budget of requests held one back: another minute, and it can be asked."""


def failure(reply: Reply, host: str, path: str) -> ExchangeError:
    """Say in one line what went wrong with a request, and the way out."""
    if reply.withheld:
        return ExchangeError(f"{path} {UNASKED}: {reply.withheld}", hint=_way_out(reply, host))
    if reply.status is None:
        text = f"cannot reach {host}: {reply.error or 'no answer'}"
        return ExchangeError(text, hint="see whether the network and the address are right")
    if reply.code < 0:
        text = f"{host} refused {path}: {reply.message} ({reply.code})"
        code = reply.status if reply.status == BANNED else reply.code
        return ExchangeError(text, hint=WAYS_OUT.get(code, LATER))
    if reply.status != 200:
        text = f"{host} refused {path}: HTTP {reply.status}"
        return ExchangeError(text, hint=WAYS_OUT.get(reply.status, NOT_ITS_OWN))
    text = f"{host} answered {path} with something that is not its own"
    return ExchangeError(text, hint=NOT_ITS_OWN)


def _way_out(reply: Reply, host: str) -> str | None:
    """Say what to do where we held a request back ourselves: about a ban, or a minute that is used up."""
    if "banned this address" in reply.withheld:
        return way_out_of_ban(host)
    sparing = (" used", "asked for fewer requests")
    return ANOTHER_MINUTE if reply.withheld.endswith(sparing) else None


def way_out_of_ban(host: str) -> str:
    """Say what to do about a ban that is known of: it is of the address, and that may be another by now."""
    name = quote(host, safe="")
    return (
        f"wait; where this machine's network address has changed since, remove bans/{name}.json in tradebot's"
        " state directory (~/.local/state/tradebot)"
    )


BANNED = 418
"""The status of a ban; the code beside it is that of too many requests."""
ANOTHER_MINUTE = (
    "try again in a minute: the rest of this one is kept for stops and closes, and other programs of this address"
    " count too"
)
LATER = "try again later; a number that stays is explained in Binance's list of error codes"
NOT_ITS_OWN = (
    "see what answers at that address: a proxy, a login page of the network; or try again later"
)
WAYS_OUT: Mapping[int, str] = {
    -1021: "set the clock and keep it with NTP",
    -1022: "the secret does not belong to the key: give both anew, with tradebot keys set",
    -1121: "see how Binance writes it, and whether it is among its USD-M futures",
    -1003: "wait some minutes: too much was asked from this address, by others too",
    -2014: "copy the key once more, whole, with tradebot keys set",
    -2015: "see on the page of your keys: is it one of this environment (those of Demo Trading and of the exchange"
    " itself are not interchangeable), may it trade futures, is this address on its list",
    403: "a firewall of the exchange's refused it: wait some minutes",
    418: "this address is banned for a time: wait, and ask for less",
    429: "wait some minutes: too much was asked from this address, by others too",
    451: "the exchange does not serve the place you are at",
}
"""What to do about an error, by Binance's code or by HTTP status."""
