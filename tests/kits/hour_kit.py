"""The hour: paper, ghost and a demo run at once on one venue in real time, under faults; then the books are compared.

The venue's clock begins at 07:30 so that a funding falls into the hour. Requests fail (2 %), streams end every 3 minutes,
and there are one ban, one listenKey's death and one freeze. At the end the journal of the demo run is held against the
venue's ledger and its income: quantities and prices to the last digit, money within 0.00000001 a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from kits.demo_kit import DemoVenue, demo_venue
from kits.strategy_kit import write_strategy
from tradebot.core.model.effects import CashBooked, FillBooked, FundingBooked
from tradebot.core.model.errors import TradebotError
from tradebot.journal.reader import Reader

D = Decimal
LINE = D("0.00000001")
TEND_S = 10.0
"""Seconds between two looks at whether a run is halted."""
CLOCK = "2026-11-26T07:30:00Z"
TRADEBOT = Path(sys.executable).with_name("tradebot")

EVERY = 6
BODY = f"""
minute = bar.open_time // 60_000
if minute % 60 >= 55 or minute % 60 == 0:  # funding falls due at full hours
    return Signal("long", 0.6, stop=bar.close * 0.98, reason="over the hour")
step = (minute + sum(map(ord, self.symbol))) % {EVERY}
if step == 0:
    return Signal("long", 0.6, stop=bar.close * 0.99, target=bar.close * 1.01, reason="up")
if step == {EVERY // 2}:
    return Signal("short", 0.6, stop=bar.close * 1.01, target=bar.close * 0.99, reason="down")
if step == {EVERY - 1}:
    return Signal("exit", 0.9, reason="out")
return None
"""
"""Long, out of it by a short, a rest: so that each symbol trades every few minutes, and holds at full hours."""
"""Python of a strategy that trades often."""


def faults(minutes: float) -> list[dict[str, Any]]:
    """Return what goes wrong in so many minutes; what happens once happens at its share of them."""
    whole = minutes * 60
    rows: list[dict[str, Any]] = []
    kinds: list[dict[str, Any]] = [
        {"do": "reset"},
        {"do": "accept_then_close"},
        {"do": "accept_then_garbage", "form": "html"},
        {"do": "error", "code": -1007},
        {"do": "unavailable", "meaning": "not_executed"},
        {"do": "delay", "ms": 200, "to_ms": 2500},
    ]
    for kind in kinds:  # 2 % in all
        rows.append({**kind, "path": "/fapi/*", "probability": 0.02 / len(kinds)})
    rows.append({"do": "disconnect_all", "at_s": min(180.0, whole * 0.3), "every_s": 180.0})
    rows.append({"do": "listen_key_dies", "at_s": whole * 0.35})
    rows.append(
        {"do": "ban", "seconds": min(60.0, whole * 0.05), "from_s": whole * 0.55, "times": 1}
    )
    frozen = {"from_s": whole * 0.75, "times": 1, "seconds": min(45.0, whole * 0.1)}
    rows.append({"do": "freeze", "stream": "market", "event": "*", **frozen})
    return rows


def as_toml(rows: Sequence[dict[str, Any]]) -> str:
    tables = [
        "\n".join(f"{key} = {json.dumps(value)}" for key, value in row.items()) for row in rows
    ]
    return "".join(f"[[fault]]\n{table}\n" for table in tables)


@dataclass
class Party:
    """One of the runs: its directory, its process and what it left; ``verified`` is what ``db verify`` answers."""

    name: str
    data_dir: Path
    process: subprocess.Popen[str]
    code: int | None = None
    verified: int | None = None
    document: dict[str, Any] = field(default_factory=dict)
    halts: list[list[str]] = field(default_factory=list)

    @property
    def summary(self) -> dict[str, Any]:
        data = self.document.get("data") or {}
        found: dict[str, Any] = data.get("summary") or {}
        return found


def begin(folder: Path, venue: DemoVenue, name: str, words: Sequence[str]) -> Party:
    data_dir = folder / name
    strategy = write_strategy(folder, BODY, "busy.py")
    command = [
        *(str(TRADEBOT), *words, "--headless", "--json", "--data-dir", str(data_dir)),
        *("--set", f"exchange.url={venue.url}", "--strategy", strategy),
    ]
    env = {**os.environ, **venue.env, "XDG_STATE_HOME": str(folder / "state")}
    with (folder / f"{name}.out").open("w") as out, (folder / f"{name}.err").open("w") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, text=True, env=env, cwd=folder)
    return Party(name, data_dir, process)


RUNS: dict[str, tuple[str, ...]] = {
    "demo": ("paper", "--venue", "demo", "--symbols", "ETH/USDT,XRP/USDT"),
    "paper": ("paper", "--market", "binance", "--symbols", "ETH/USDT,XRP/USDT"),
    "ghost": ("ghost", "--market", "binance", "--symbols", "ETH/USDT,XRP/USDT"),
}


def tend(party: Party, folder: Path) -> None:
    """Do what a person would: have a run go on whose halt is over, such as that of a ban."""
    with suppress(TradebotError), Reader(party.data_dir / "tradebot.db") as reader:
        run = reader.resolve_run(None)
        told = reader.snapshot(run.id)
        if told is None or run.state != "running" or not told.halts:
            return
        party.halts.append([f"{name}: {why}" for name, why in told.halts.items()])
        words = ["resume", "--reason", "the hour goes on", "--data-dir", str(party.data_dir)]
        env = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        subprocess.run([str(TRADEBOT), *words], capture_output=True, check=False, env=env)


def play(
    folder: Path, minutes: float, seed: int = 1, clock: str = CLOCK
) -> tuple[list[Party], DemoVenue]:
    """Run all three at once for so long; return them, ended, with the venue as it was at the end."""
    rules = folder / "faults.toml"
    rules.write_text(as_toml(faults(minutes)))
    with demo_venue(folder, clock, "--faults", str(rules), "--seed", str(seed)) as venue:
        parties = [
            begin(folder, venue, name, (*words, "--for", f"{round(minutes * 60)}s"))
            for name, words in RUNS.items()
        ]
        try:
            until = time.monotonic() + minutes * 60 + 300
            while any(party.process.poll() is None for party in parties):
                for party in parties:
                    tend(party, folder)
                assert time.monotonic() < until, "a run does not end"
                time.sleep(TEND_S)
            for party in parties:
                party.code = party.process.wait()
        finally:
            for party in parties:
                party.process.kill()
                party.process.wait()
        time.sleep(3)  # income is shown late
        venue.state()  # what is in memory goes into the ledger's file
        for party in parties:
            out = (folder / f"{party.name}.out").read_text()
            party.document = json.loads(out) if out.strip() else {}
            verify = [str(TRADEBOT), "db", "verify", "--data-dir", str(party.data_dir)]
            party.verified = subprocess.run(verify, capture_output=True, check=False).returncode
        return parties, venue


# -- the comparison ------------------------------------------------------------------------------


def fills_of_venue(
    venue: DemoVenue,
) -> dict[tuple[str, int], tuple[str, Decimal, Decimal, Decimal]]:
    """Return side, quantity, price and fee by symbol and trade."""
    return {
        (row["symbol"], int(row["trade"])): (
            row["side"].lower(),
            D(row["qty"]),
            D(row["price"]),
            D(row["fee"]),
        )
        for row in venue.rows("fill")
    }


def booked(party: Party) -> tuple[dict[Any, Any], list[FundingBooked], list[CashBooked], list[Any]]:
    """Return a run's fills as the venue's are, its fundings, other lines, and realised results by trade."""
    fills, funding, cash, realised = {}, [], [], []
    with Reader(party.data_dir / "tradebot.db") as reader:
        run = reader.newest_run("live") or reader.resolve_run(
            None
        )  # a live run has a ghost beside it
        for logged in reader.bookings(run.id):
            match logged.effect:
                case FillBooked(fill=fill) as one:
                    key = (fill.symbol.replace("/", ""), fill.trade_id)
                    fills[key] = (fill.side.value, fill.qty, fill.price, fill.fee)
                    realised.append((key, one.realised))
                case FundingBooked() as line:
                    funding.append(line)
                case CashBooked() as line:
                    cash.append(line)
    return fills, funding, cash, realised


def compare(party: Party, venue: DemoVenue) -> list[str]:
    """Return every difference between a demo run's journal, the venue's ledger and its income."""
    fills, funding, cash, realised = booked(party)
    theirs = fills_of_venue(venue)
    said = [
        f"fill {key}: venue {theirs[key]}, journal {fills.get(key)}"
        for key in theirs
        if fills.get(key) != theirs[key]
    ]
    said += [f"fill {key} is not the venue's: {fills[key]}" for key in fills if key not in theirs]
    income = venue.rows("income")
    for row in income:
        if row["type"] == "INSURANCE_CLEAR" and row["trade"]:
            row["type"] = "COMMISSION"  # what a liquidation costs
    said += list(
        _compare_lines("COMMISSION", income, {key: -fill[3] for key, fill in fills.items()})
    )
    gained = {key: amount for key, amount in realised if amount}
    said += list(_compare_lines("REALIZED_PNL", income, gained))
    paid = sorted(
        (row["symbol"], D(row["amount"])) for row in income if row["type"] == "FUNDING_FEE"
    )
    got = sorted((line.symbol.replace("/", ""), line.amount) for line in funding)
    if paid != got:
        said.append(f"funding: venue {paid}, journal {got}")
    rest = [
        row for row in income if row["type"] not in ("COMMISSION", "REALIZED_PNL", "FUNDING_FEE")
    ]
    if len(rest) != len(cash):
        said.append(f"other lines: venue {rest}, journal {cash}")
    return said


def _compare_lines(
    kind: str, income: list[dict[str, Any]], ours: dict[Any, Decimal]
) -> Iterator[str]:
    theirs: dict[Any, Decimal] = {}
    for row in income:
        if row["type"] == kind:
            key = (row["symbol"], int(row["trade"]))
            theirs[key] = theirs.get(key, D(0)) + D(row["amount"])
    for key in sorted({*theirs, *ours}):
        one, other = theirs.get(key, D(0)), ours.get(key, D(0))
        if abs(one - other) > LINE:
            yield f"{kind} of {key}: venue {one}, journal {other}"


def report(
    parties: Sequence[Party], venue: DemoVenue, differences: Sequence[str]
) -> dict[str, Any]:
    """Return what is worth knowing of the hour, as JSON values."""
    done: dict[str, int] = {}
    for row in venue.rows("fault"):
        done[row["do"]] = done.get(row["do"], 0) + 1
    return {
        "runs": {
            party.name: {
                "code": party.code,
                "verified": party.verified,
                "resumed": party.halts,
                "state": (party.document.get("data") or {}).get("state"),
                **{
                    name: party.summary.get(name)
                    for name in ("completed_trades", "equity", "fees", "funding", "halts")
                },
            }
            for party in parties
        },
        "requests": len(venue.rows("request")),
        "fills": len(venue.rows("fill")),
        "income": len(venue.rows("income")),
        "faults": done,
        "differences": list(differences),
    }
