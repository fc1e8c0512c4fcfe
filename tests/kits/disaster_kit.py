"""Disasters as a user meets them: the installed command against the venue, whose own record is the oracle."""

from __future__ import annotations

import hmac
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from kits.demo_kit import DemoVenue, demo_bot, demo_venue, demo_words
from kits.paper_kit import Bot
from kits.strategy_kit import LONG
from tradebot.guard.diary import Step, read_diary
from tradebot.wire.api_key import ApiKey

MORNING = "2026-11-26T09:30:40Z"
"""Twenty seconds before a bar closes, hours away from the blackout and from funding."""

WRITES = ("POST", "DELETE", "PUT")
QUIET = "return None"
"""A strategy that never signals."""

POSITION = '[[positions]]\nsymbol = "{symbol}"\nside = "{side}"\nqty = "{qty}"\nentry = "{entry}"\n'
XRP = POSITION.format(symbol="XRPUSDT", side="BOTH", qty="-40", entry="2.2")
ETH = POSITION.format(symbol="ETHUSDT", side="BOTH", qty="0.02", entry="2500")

SILENT: list[dict[str, Any]] = [
    {"do": "unavailable", "meaning": "unknown", "method": "GET", "path": f"/fapi/{path}"}
    for path in ("v1/order", "v1/openOrders", "v1/userTrades", "v3/positionRisk")
]
DEAF = {"do": "drop", "stream": "private", "event": "*"}
"""With both nobody says what has become of an order: no message and no look-up."""


@dataclass
class Scene:
    """A venue with an account, and a bot that has its key."""

    venue: DemoVenue
    bot: Bot
    folder: Path

    @property
    def account_dir(self) -> Path:
        """Where the account's own HALT file lies."""
        key = ApiKey(self.venue.key, self.venue.secret)
        return self.folder / "state" / "tradebot" / "accounts" / key.fingerprint

    def engine(self, body: str = LONG, *more: str) -> subprocess.Popen[str]:
        """Start an engine on the account and wait until it has read it and tells of itself."""
        process = self.bot.start(*demo_words(self.venue, self.bot.strategy(body), *more))
        self.bot.until(lambda: self._serves(process))
        return process

    def _serves(self, process: subprocess.Popen[str]) -> bool:
        assert process.poll() is None, process.communicate()
        return bool(self.venue.asked("POST", "/fapi/v1/listenKey")) and self.bot._beats()

    def close_all(self, *words: object, code: int = 0, **env: str) -> dict[str, Any]:
        """Close the demo account from another terminal; return the document."""
        at = {"TRADEBOT_EXCHANGE__ENVIRONMENT": "demo", "TRADEBOT_EXCHANGE__URL": self.venue.url}
        done = self.bot("close-all", *words, "--json", code=code, **{**at, **env})
        return done.document

    def closing(self, *words: object) -> subprocess.Popen[str]:
        """Start a close-all and leave it running."""
        self.bot.env |= self.exchange
        return self.bot.start("close-all", *words, "--json")

    @property
    def exchange(self) -> dict[str, str]:
        """The variables that name the account."""
        return {
            "TRADEBOT_EXCHANGE__ENVIRONMENT": "demo",
            "TRADEBOT_EXCHANGE__URL": self.venue.url,
        }

    def flat(self) -> bool:
        """Whether the venue knows of nothing open."""
        found = self.venue.state()
        return not (found["positions"] or found["orders"] or found["algo_orders"])

    def requests(self) -> list[dict[str, Any]]:
        """Every request that reached the venue."""
        return self.venue.rows("request")

    def changes(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests that could change the account, from the n-th request on."""
        rows = self.requests()[since:]
        return [r for r in rows if r["method"] in WRITES and "listenKey" not in r["path"]]

    def faults(self, *rules: dict[str, Any]) -> None:
        """Replace what the venue does wrong."""
        self._own("faults", {"fault": list(rules)})

    def act(self, name: str, **words: Any) -> None:
        """Have something happen to the account."""
        self._own("act", {"act": name, **words})

    def signed(self, method: str, path: str, **params: str) -> Any:
        """Ask as another program with the same key does; return the answer's JSON."""
        stamp = self.venue.state()["time"]
        text = urlencode({"timestamp": stamp, "recvWindow": "5000", **params})
        sign = hmac.new(self.venue.secret.encode(), text.encode(), sha256).hexdigest()
        query = f"{text}&signature={sign}"
        form = method in ("POST", "PUT")
        url = f"{self.venue.url}{path}" + ("" if form else f"?{query}")
        asked = Request(url, query.encode() if form else None, method=method)
        asked.add_header("X-MBX-APIKEY", self.venue.key)
        with urlopen(asked, timeout=60) as answer:
            return json.load(answer)

    def protect(self, symbol: str, side: str, qty: str, stop: str, target: str) -> None:
        """Put a stop and a target behind a position."""
        for kind, trigger in (("STOP_MARKET", stop), ("TAKE_PROFIT_MARKET", target)):
            self.signed(
                *("POST", "/fapi/v1/algoOrder"),
                algoType="CONDITIONAL",
                symbol=symbol,
                side=side,
                type=kind,
                quantity=qty,
                triggerPrice=trigger,
                workingType="MARK_PRICE",
                reduceOnly="true",
                clientAlgoId=f"own-{kind[:4].lower()}-{symbol}",
            )

    def steps(self) -> list[Step]:
        """The diary of the close-alls so far."""
        return read_diary([self.bot.data_dir, self.account_dir])

    def _own(self, path: str, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        asked = Request(
            f"{self.venue.url}/_venue/{path}", data, {"Content-Type": "application/json"}
        )
        with urlopen(asked, timeout=60) as answer:
            answer.read()


@contextmanager
def scene(
    folder: Path, *positions: str, clock: str = MORNING, account: str = ""
) -> Iterator[Scene]:
    """Open a venue whose account holds ``positions``; ``account`` is more of its file, before them."""
    with demo_venue(folder, clock, account=account + "".join(positions)) as venue:
        bot = demo_bot(folder, venue)
        try:
            yield Scene(venue, bot, folder)
        finally:
            for process in bot.started:
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)
            bot.clean_up()


def killed_while_sending(
    folder: Path, look: Callable[[Scene], None], *, silent: bool = False
) -> None:
    """Kill an engine whose entry has arrived and was not answered, start it again, and look.

    ``silent``: nobody says meanwhile what became of the entry.
    """
    lost = {"do": "accept_then_timeout", "seconds": 15, "method": "POST", "path": "/fapi/v1/order"}
    with scene(folder) as found:
        venue, bot = found.venue, found.bot
        found.faults(lost, *([DEAF] if silent else []))
        first = found.engine()
        bot.until(lambda: any(row["do"] == lost["do"] for row in venue.rows("fault")))
        first.kill()
        first.communicate()
        found.faults(*([DEAF, *SILENT] if silent else []))
        again = found.engine()
        bot.until(lambda: venue.asked("POST", "/fapi/v1/order"))
        look(found)
        assert again.poll() is None
        assert bot.end(again).code == 0


def stop(process: subprocess.Popen[str]) -> None:
    """Let a process hang: it neither ends nor answers."""
    os.kill(process.pid, signal.SIGSTOP)


__all__ = [
    "ETH",
    "MORNING",
    "POSITION",
    "QUIET",
    "XRP",
    "Scene",
    "killed_while_sending",
    "scene",
    "stop",
]
