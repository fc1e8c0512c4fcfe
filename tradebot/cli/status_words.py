"""What ``status`` says to people: a run in lines, and how it stands with real money."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.app.incidents import incidents_now
from tradebot.cli.labels import labelled
from tradebot.core.model.errors import JournalError
from tradebot.journal.reader import Reader
from tradebot.journal.snapshots import Snapshot
from tradebot.reports.readiness.gates import SIGNERS
from tradebot.reports.readiness.on_record import OnRecord, on_record

Row = dict[str, Any]


def standing_of(reader: Reader, shown: Snapshot | None, now: int, data_dir: Path) -> Row:
    """Return a run's stage, and what its journal has of sign-offs and open incidents (JSON values); ``now`` in UTC ms.

    The stage is None where none binds. An incident that only a file tells of yet is one all the same.
    """
    found = _with_traces(on_record(reader, now), data_dir)
    signoff = {"signers": list(found.signers), "needed": SIGNERS, "days_left": found.days_left}
    stage = None if shown is None or not shown.stage else shown.stage
    return {"stage": stage, "signoff": signoff, "incidents": list(found.incidents)}


def _with_traces(found: OnRecord, data_dir: Path) -> OnRecord:
    """Add the incidents that the next engine will put on record: every sign-off lapses with them."""
    try:
        opened = tuple(one.words for one in incidents_now(data_dir) if one.is_open)
    except JournalError:  # a row of it was damaged: `db verify` says so
        return found
    if set(opened) <= set(found.incidents):
        return found
    return OnRecord(incidents=opened)


def _standing_lines(data: Row) -> Iterator[tuple[str, str]]:
    if data["stage"] is not None:
        yield "stage", str(data["stage"])
    signoff = data["signoff"]
    if signoff["signers"]:
        left = signoff["days_left"]
        stands = f"{left} days left" if left is not None else f"{SIGNERS} have to sign"
        yield "sign-off", f"{', '.join(signoff['signers'])}: {stands}"
    for text in data["incidents"]:
        yield "INCIDENT", text


def status_text(data: Row) -> str:
    """Return what ``status`` says of a run, a line each."""
    from rich.table import Table
    from rich.text import Text

    from tradebot.cli import tables

    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _status_lines(data):
        grave = name == "INCIDENT" or (name == "alerts" and value.startswith("ALERTS"))
        table.add_row(name, Text(value, style="bold red" if grave else ""))
    return tables.rendered(table)


def _status_lines(data: Row) -> Iterator[tuple[str, str]]:
    from tradebot.cli.tables import figure, moment, percent, signed, usd
    from tradebot.core.model.spoken import duration

    beat = data["heartbeat_age_s"]
    yield "run", f"{labelled(data['run'])} ({data['mode']}), {data['state']}"
    yield "market", data["market"]
    yield "strategy", data["strategy"]
    if data["dead"]:
        ways = f"`tradebot {data['mode']}` starts one, `tradebot close-all` closes"
        yield "engine", f"{data['dead']}: {ways}"
        yield "prices", f"as they were {duration(int(data['prices_age_s'] or 0))} ago"
    else:
        said = "" if beat is None else f", last heard of {beat:.1f}s ago"
        yield "engine", data["engine"] + said
    yield "market time", moment(data["time"])
    brought = data["brought"] or "0"
    came = f" and {signed(brought)} brought in (no result)" if Decimal(brought) else ""
    yield "equity", f"{usd(data['equity'])} of {usd(data['start_equity'])} at the start{came}"
    yield (
        "PnL",
        f"{signed(data['pnl'])} ({percent(data['pnl_pct'])}), today {signed(data['day_pnl'])}",
    )
    yield "drawdown", usd(data["drawdown"])
    trades, rate = data["completed_trades"], figure(data["win_rate_pct"], "%")
    yield "trades", "-" if trades is None else f"{trades} completed, {rate} of them won"
    yield "open", f"{data['open_positions']} position(s)"
    halts = "; ".join(f"{row['reason']} ({row['detail']})" for row in data["halts"])
    yield "trading", f"HALTED: {halts}" if data["halted"] else "armed"
    yield from _standing_lines(data)
    if data["barred"]:
        yield "entries", f"BARRED: {'; '.join(data['barred'])}"
    if data["income"]:
        yield "income", data["income"]
    if (closed := data["close_all"]) is not None:
        yield (
            "close-all",
            f"{closed['account']}, {moment(closed['begun'])} by {closed['who']}: {closed['state']}",
        )
    named = (("alerts", "alarm"), ("trouble", "trouble"), ("error", "error"))
    yield from ((name, data[part]) for name, part in named if data[part])
