"""The venue of one scenario: a process of its own on 127.0.0.1, scripted and read from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from tradebot.app.drill.machine import LONGEST, Machine, MissedError
from tradebot.core.model.times import iso

Row = dict[str, Any]
ANSWER_S = 30.0
WRITES = ("POST", "DELETE", "PUT")
_OPEN = build_opener(ProxyHandler({})).open
"""Opens addresses of this machine whatever proxies are set."""


class LocalVenue:
    """A venue with an account (``account`` is its file's text) whose clock begins at ``start`` (UTC ms)."""

    def __init__(
        self, machine: Machine, start: int, symbols: tuple[str, ...], account: str
    ) -> None:
        folder = machine.folder
        self._ledger = folder / "ledger.jsonl"
        script = folder / "account.toml"
        script.write_text(account, encoding="utf-8")
        words = ("--clock", iso(start), "--account", str(script), "--ledger", str(self._ledger))
        more = ("--symbols", ",".join(symbols), "--for", LONGEST, "--json")
        process = machine.start("venue", "venue", *words, *more)
        machine.until(lambda: process.first_line() or process.code is not None, "the venue's start")
        said = json.loads(process.first_line() or "{}")
        if "url" not in said:
            raise MissedError(f"the venue did not start: {process.answer().said.strip()}")
        self.url, self.key, self.secret = str(said["url"]), str(said["key"]), str(said["secret"])

    # -- what it knows ---------------------------------------------------------------------------

    def state(self) -> Row:
        """Return what the venue knows, whatever faults let others see."""
        found: Row = self._asked("/_venue/state")
        return found

    def now(self) -> int:
        """Return the venue's time (UTC ms)."""
        return int(self.state()["time"])

    def price(self, symbol: str) -> float:
        """Return the mark price of a symbol (USDT), by Binance's name."""
        return float(self._asked(f"/fapi/v1/premiumIndex?symbol={symbol}")["markPrice"])

    def touch(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Return the best bid and ask of a symbol (USDT), by Binance's name."""
        found = self._asked(f"/fapi/v1/ticker/bookTicker?symbol={symbol}")
        return Decimal(found["bidPrice"]), Decimal(found["askPrice"])

    def position(self, symbol: str) -> Row:
        """Return the row of a position, empty without one."""
        rows = self.state()["positions"]
        return next((row for row in rows if row["symbol"] == symbol), {})

    def stops(self, symbol: str = "") -> list[Row]:
        """Return the open stops and targets, of one symbol or all."""
        rows: list[Row] = self.state()["algo_orders"]
        return [row for row in rows if symbol in ("", row["symbol"])]

    def is_flat(self) -> bool:
        """Whether nothing is open: no position, no order, no stop."""
        found = self.state()
        return not (found["positions"] or found["orders"] or found["algo_orders"])

    def rows(self, kind: str = "") -> list[Row]:
        """Return the venue's record so far, of one kind or whole."""
        found = []
        with suppress(OSError):
            self.state()  # its file is whole once it has told its state
        with suppress(OSError), self._ledger.open(encoding="utf-8") as lines:
            for line in lines:
                with suppress(ValueError):  # half a line: it is being written
                    row = json.loads(line)
                    if kind in ("", row["kind"]):
                        found.append(row)
        return found

    def asked(self, method: str, path: str) -> list[Row]:
        """Return the requests of a kind that reached it."""
        return [
            row for row in self.rows("request") if (row["method"], row["path"]) == (method, path)
        ]

    def changes(self, since: int = 0) -> list[Row]:
        """Return the requests that could change the account, from the n-th request on."""
        rows = self.rows("request")[since:]
        return [row for row in rows if row["method"] in WRITES and "listenKey" not in row["path"]]

    # -- what is done to it ----------------------------------------------------------------------

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Replace what the venue does wrong."""
        self._asked("/_venue/faults", {"fault": list(rules)})

    def act(self, name: str, **words: Any) -> None:
        """Have something happen to the account or its prices."""
        self._asked("/_venue/act", {"act": name, **words})

    def _asked(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", data, {"Content-Type": "application/json"})
        with _OPEN(request, timeout=ANSWER_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None


__all__ = ["LocalVenue", "Row"]
