"""What must hold at every event of the venue's own record, whatever befell the bot.

Nothing here comes from the bot but when it was halted (its journal), so that an entry can be told from one that was
forbidden: positions are the venue's fills, stops are the venue's, times are the venue's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tradebot.core.model.times import iso
from tradebot.core.risk import ceilings

D = Decimal
NOTHING = D(0)
OURS = "tb"
"""How the bot's order ids begin; their last letter is what they are for."""
WAY_S = 1.0
"""What the request that closes a naked position takes, on a busy machine."""
GAP_MS = 100
"""A request that was stamped so shortly after a halt was on its way to the socket when it came."""
DAY_MS = 86_400_000
STANDING = ("NEW", "TRIGGERING", "TRIGGERED")

Span = tuple[int, int | None]
"""From and to (venue ms); None where it goes on."""


@dataclass
class Rules:
    """What a scene allows. Money in USDT.

    ``naked_s`` is how long a position may be without a stop while the bot runs: 5 s unless the scene hides from the bot
    that its stop is gone. ``blocked`` are spans in which no entry may leave, ``absent`` those in which no process of ours ran.
    ``day_loss`` is the realised loss of a UTC day after which nothing is entered.
    """

    cap: Decimal = ceilings.POSITION_VALUE
    naked_s: float = 5.0
    day_loss: Decimal = ceilings.DAY_LOSS
    interval_s: int = ceilings.ENTRY_INTERVAL_S
    blackout: Sequence[int] = ceilings.BLACKOUT_HOURS
    blocked: Sequence[tuple[int, int | None, str]] = ()
    absent: Sequence[Span] = ()


@dataclass
class _Symbol:
    """One symbol at the venue: what is held, at what cost, what works, and since when the position is naked."""

    qty: Decimal = NOTHING
    cost: Decimal = NOTHING
    working: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    stops: dict[int, tuple[str, Decimal]] = field(default_factory=dict)
    grown: list[tuple[int, Decimal]] = field(default_factory=list)
    naked: int | None = None
    told: set[int] = field(default_factory=set)

    @property
    def stopped(self) -> Decimal:
        """What the largest stop of the right side would close."""
        side = "SELL" if self.qty > 0 else "BUY"
        return max((qty for way, qty in self.stops.values() if way == side), default=NOTHING)

    def moves(self, at: int, after: Decimal) -> None:
        """Keep when the position grew to what it is: what is closed is what came last."""
        size = abs(after)
        if abs(self.qty) < size and self.qty * after >= 0:
            self.grown.append((at, size))
        else:
            cut = next((when for when, held in self.grown if held >= size), at)
            self.grown = [row for row in self.grown if row[1] < size]
            self.grown += [(cut, size)] if size else []
        self.qty = after

    def look(self, at: int) -> None:
        """Note since when the part is bare that has waited longest for a stop; a larger stop leaves what came later."""
        if not self.qty or self.stopped >= abs(self.qty):
            self.naked = None
            return
        since = at if self.naked is None else self.naked
        later = next((when for when, held in self.grown if held > self.stopped), since)
        self.naked = max(since, later)


class Oracle:
    """Walks the record row by row; ``broken`` has a line for everything that must not have been.

    ``naked_ms`` is the longest time that a position was without a whole stop while a process of ours ran.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.broken: list[str] = []
        self.entries = 0
        self.naked_ms = 0
        self._symbols: dict[str, _Symbol] = {}
        self._entered: int | None = None
        self._lost: dict[int, Decimal] = {}

    @property
    def naked_s(self) -> float:
        """For how long a position was unprotected at most, in seconds."""
        return self.naked_ms / 1000

    def walk(self, rows: Iterable[dict[str, Any]], now: int) -> list[str]:
        """Look at every row, and at how it stands ``now`` (venue ms); return what is broken."""
        for row in rows:
            self._cover(row["at"])  # until now
            match row["kind"]:
                case "order":
                    self._order(row)
                case "fill":
                    self._fill(row)
                case "algo":
                    self._algo(row)
                case "income":
                    self._income(row)
                case "request":
                    self._request(row)
            self._cover(row["at"])
        self._cover(now)
        return self.broken

    def _say(self, row: dict[str, Any], what: str) -> None:
        self.broken.append(
            f"{iso(row['at'])} {row.get('symbol', '')} {row.get('client', '')}: {what}"
        )

    def _of(self, row: dict[str, Any]) -> _Symbol:
        return self._symbols.setdefault(row["symbol"], _Symbol())

    # -- entries ---------------------------------------------------------------------------------

    def _request(self, row: dict[str, Any]) -> None:
        """An entry that left: was it forbidden when it was stamped?"""
        params = row["params"]
        client = str(params.get("newClientOrderId", ""))
        if row["method"] != "POST" or not client.startswith(OURS):
            return
        told = {"at": row["at"], "symbol": params.get("symbol"), "client": client}
        if params.get("reduceOnly") != "true" and not client.endswith("e"):
            self._say(told, "it is no entry, and is not reduce-only")
        if not client.endswith("e"):
            return
        stamp = int(params["timestamp"])
        for since, until, why in self.rules.blocked:
            if since + GAP_MS < stamp and (until is None or stamp < until):
                self._say(told, f"an entry left while blocked since {iso(since)} ({why})")
        hour = stamp // 3_600_000 % 24
        if hour in self.rules.blackout:
            self._say(told, f"an entry left in the blackout hour {hour}")
        lost = self._lost.get(row["at"] // DAY_MS, NOTHING)
        if lost <= -self.rules.day_loss:
            self._say(told, f"an entry left after {lost} USDT were lost in the day")

    def _order(self, row: dict[str, Any]) -> None:
        if not row["client"].startswith(OURS) or row["algo"]:
            return
        found = self._of(row)
        if row["reduce_only"]:
            return
        key = row["client"]
        left = D(row["qty"]) - D(row["executed"])
        if row["event"] == "NEW":
            self._accepted(row, found, left)
        if row["status"] in ("NEW", "PARTIALLY_FILLED"):
            found.working[key] = (left, D(row["price"]))
        else:
            found.working.pop(key, None)

    def _accepted(self, row: dict[str, Any], found: _Symbol, left: Decimal) -> None:
        self.entries += 1
        if found.qty and (found.qty > 0) != (row["side"] == "BUY"):
            self._say(row, f"an entry against the position of {found.qty}: it would flip it")
        price = D(row["price"])
        works = sum((qty * at for qty, at in found.working.values()), NOTHING)
        value = found.cost + works + left * price
        if value > self.rules.cap:
            self._say(row, f"{value} USDT of exposure with it, the cap is {self.rules.cap}")
        before, self._entered = self._entered, row["at"]
        if before is not None and row["at"] - before < self.rules.interval_s * 1000 - 2000:
            self._say(row, f"accepted {(row['at'] - before) / 1000} s after the entry before it")

    # -- positions -------------------------------------------------------------------------------

    def _fill(self, row: dict[str, Any]) -> None:
        if row["position_side"] != "BOTH":
            return
        found, qty = self._of(row), D(row["qty"])
        signed = qty if row["side"] == "BUY" else -qty
        after = found.qty + signed
        ours = row["client"].startswith(OURS)
        if ours and found.qty * after < 0:
            self._say(row, f"our fill of {signed} flips {found.qty}")
        if ours and not row["client"].endswith("e") and abs(after) > abs(found.qty):
            self._say(row, f"our fill of {signed} enlarges {found.qty}: it was to reduce")
        if abs(after) > abs(found.qty) and found.qty * signed >= 0:
            found.cost += qty * D(row["price"])
        elif after:
            found.cost = found.cost * abs(after / found.qty)
        else:
            found.cost = NOTHING
        found.moves(row["at"], after)

    def _algo(self, row: dict[str, Any]) -> None:
        if row["type"] != "STOP_MARKET":
            return
        stops = self._of(row).stops
        left = D(row["qty"]) - D(row["filled"])
        if row["status"] in STANDING and left:
            stops[row["algo"]] = (row["side"], left)
        else:
            stops.pop(row["algo"], None)

    def _income(self, row: dict[str, Any]) -> None:
        if row["asset"] == "USDT" and row["type"] != "TRANSFER":
            day = row["at"] // DAY_MS
            self._lost[day] = self._lost.get(day, NOTHING) + D(row["amount"])

    # -- stops -----------------------------------------------------------------------------------

    def _cover(self, at: int) -> None:
        """Note since when each position is naked, and whether that is too long."""
        for name, found in self._symbols.items():
            found.look(at)
            since = found.naked
            if since is None:
                continue
            naked = self._watched_ms(since, at)
            self.naked_ms = max(self.naked_ms, naked)
            if since not in found.told and naked > (self.rules.naked_s + WAY_S) * 1000:
                found.told.add(since)
                self._say(
                    {"at": at, "symbol": name},
                    f"{found.qty} is without a whole stop since {iso(since)}; it may be for {self.rules.naked_s} s",
                )

    def _watched_ms(self, since: int, until: int) -> int:
        """For how long of a span a process of ours ran (ms); one that was away has what is left anew."""
        ran = until - since
        for begin, end in self.rules.absent:
            gone = min(until, until if end is None else end)
            if gone > since and begin < until:
                ran = min(ran, until - gone)
        return ran
