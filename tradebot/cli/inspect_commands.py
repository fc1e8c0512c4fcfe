"""``status``, ``positions``, ``orders``, ``trades``, ``signals`` and ``runs``: readers of the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from tradebot.app.standing import database, journal_row
from tradebot.cli.options import InspectOptions
from tradebot.cli.output import Result, View, show
from tradebot.cli.settings import read_config
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import UsageError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import exact, plain, quotient_at_8
from tradebot.core.model.times import iso
from tradebot.core.model.values import DAY_MS
from tradebot.guard.latch import halt_present, read_halts
from tradebot.guard.lock import lock_owner
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow

HEARTBEAT_S = 10
"""An engine that has written nothing for longer than this is taken to hang."""

Row = dict[str, Any]

EMPTY = {
    "positions": "No open positions.",
    "orders": "No such orders.",
    "trades": "No completed trades.",
    "signals": "No signals.",
    "runs": "No runs yet: start one with `tradebot paper`.",
}

FOR = {"e": "entry", "s": "stop", "t": "target", "x": "exit"}

VERDICTS = ("approved", "refused", "exit", "held", "ignored")


def inspect(options: InspectOptions) -> int:
    """Answer an inspection command; returns the exit code."""
    config = read_config(options.common)
    with Reader(database(config)) as reader, exact():
        result = ANSWERS[options.view](reader, options, config)
    return show(result, as_json=options.common.json)


def _rows(
    view: str,
    rows: list[Row],
    options: InspectOptions,
    run: str = "",
    people: list[Row] | None = None,
) -> Result:
    """Return rows as a result; ``people`` are the same rows with what only people are shown."""
    if options.common.json:
        return Result(view, {view: rows})
    return Result(view, {view: rows}, text=_listed(view, rows if people is None else people, run))


def _listed(view: str, rows: list[Row], run: str) -> str:
    from tradebot.cli import tables

    if not rows:
        filtered = f" ({run})" if run else ""
        return f"{EMPTY[view]}{filtered}"
    columns = getattr(tables, view.upper())
    title = (
        f"{run} · {len(rows)} {view if len(rows) > 1 else view.removesuffix('s')}" if run else ""
    )
    return tables.rendered(tables.listing(title, columns, rows, tables.console_of().width))


def _runs(reader: Reader, options: InspectOptions, config: Config) -> Result:
    owner = lock_owner(config.data_dir())
    runs = reader.runs()[: options.limit]
    rows = [_run_row(run, owner is not None) for run in runs]
    people = [{**row, **_result(row["summary"])} for row in rows]
    return _rows("runs", rows, options, people=people)


def _result(summary: Row | None) -> Row:
    if summary is None:
        return {"trades": None, "pnl": None}
    return {"trades": summary["completed_trades"], "pnl": summary["pnl"]}


def _run_row(run: RunRow, engine: bool) -> Row:
    state = run.state
    if state == "running" and not engine:  # killed: the next start will write it down
        state = "interrupted"
    return {
        "id": run.id,
        "mode": run.mode,
        "venue": run.venue,
        "market": run.market,
        "seed": run.seed,
        "strategy": run.strategy,
        "strategy_hash": run.strategy_hash,
        "state": state,
        "error": run.error,
        "started": iso(run.started),
        "resumed": None if run.resumed is None else iso(run.resumed),
        "ended": None if run.ended is None else iso(run.ended),
        "summary": run.summary,
    }


def _positions(reader: Reader, options: InspectOptions, _: Config) -> Result:
    run = reader.resolve_run(options.run).id
    rows = [{"run": run, **row} for row in reader.positions(run)]
    rows = [row for row in rows if _symbol(options) in (None, row["symbol"])]
    return _rows("positions", rows, options, run)


def _orders(reader: Reader, options: InspectOptions, _: Config) -> Result:
    run = reader.resolve_run(options.run).id
    rows = reader.orders(run, options.open_only)
    rows = [row for row in rows if _symbol(options) in (None, row["symbol"])]
    rows = [row for row in rows if row["ts"] >= (options.since_ms or 0)]
    rows = rows[-options.limit :] if options.limit else rows
    shown = [{**_without(journal_row(row), "ts"), "time": iso(row["ts"])} for row in rows]
    return _rows("orders", shown, options, run, [_order(row) for row in shown])


def _order(row: Row) -> Row:
    """Add what people read: a short id, what the order is for, its one price."""
    at = row["price"] if row["price"] is not None else row["trigger_price"]
    short = row["id"].rpartition("-")[2]
    kind = (row["type"] or "-").replace("_market", "").replace("_", " ")
    what = FOR.get(row["purpose"], row["purpose"])
    return {**row, "short_id": short, "at": at, "for": what, "type": kind}


def _trades(reader: Reader, options: InspectOptions, _: Config) -> Result:
    run = reader.resolve_run(options.run).id
    rows = reader.trades(run, _symbol(options), options.since_ms, options.limit)
    return _rows("trades", [_without(journal_row(row), "ts") for row in rows], options, run)


def _signals(reader: Reader, options: InspectOptions, _: Config) -> Result:
    if options.verdict not in (None, *VERDICTS):
        raise UsageError(
            f"there is no verdict {options.verdict!r}", hint=f"one of {', '.join(VERDICTS)}"
        )
    run = reader.resolve_run(options.run).id
    if options.csv is not None:
        return _signals_csv(reader, options, run)
    rows = reader.signals(run, options.since_ms, _symbol(options), options.verdict, options.limit)
    shown = [journal_row(row) for row in rows]
    people = [{**row, "why": "; ".join(row["refusals"]) or row["reason"]} for row in shown]
    return _rows("signals", shown, options, run, people)


def _signals_csv(reader: Reader, options: InspectOptions, run: str) -> Result:
    """Write the signals with their hypothetical trades to a file; the answer says how many."""
    from tradebot.cli.quality_commands import write_csv
    from tradebot.reports.signal_quality import SIGNAL_COLUMNS, signal_rows

    assert options.csv is not None
    if options.common.json and str(options.csv) == "-":
        raise UsageError("--csv - and --json both want stdout", hint="name a file for the CSV")
    wanted = (options.since_ms, _symbol(options), options.verdict, options.limit)
    count = write_csv(SIGNAL_COLUMNS, signal_rows(reader, run, *wanted), options.csv)
    text = "" if str(options.csv) == "-" else f"{count} signals of {run} written to {options.csv}"
    return Result("signals", {"run": run, "csv": str(options.csv), "count": count}, text=text)


def _symbol(options: InspectOptions) -> str | None:
    """Return the symbol asked for as the journal writes it; UsageError for one it cannot know."""
    if options.symbol is None:
        return None
    wanted = options.symbol.strip().upper()
    if wanted in INSTRUMENTS:
        return wanted
    same = [s for s in INSTRUMENTS if s.replace("/", "") == wanted or s.split("/")[0] == wanted]
    if not same:
        raise UsageError(
            f"there is no symbol {options.symbol!r}",
            hint=f"one of {', '.join(sorted(INSTRUMENTS))}",
        )
    return same[0]


def _without(row: Row, name: str) -> Row:
    row.pop(name, None)
    return row


def _status(reader: Reader, options: InspectOptions, config: Config) -> Result:
    run = reader.resolve_run(options.run)
    found = reader.snapshot(run.id)
    body = {} if found is None else found.body
    age = None if found is None else max(0.0, (SYSTEM.wall_ms() - found.wall) / 1000)
    newest = reader.newest_run()
    is_newest = newest is not None and newest.id == run.id
    owner = lock_owner(config.data_dir()) if is_newest else None
    data = {
        "run": run.id,
        "mode": run.mode,
        "market": run.market,
        "strategy": run.strategy,
        "state": _run_row(run, owner is not None)["state"],
        "engine": _engine(owner is not None, age),
        "heartbeat_age_s": None if age is None or owner is None else round(age, 1),
        "time": None if found is None else iso(body["at"]),
        "start_equity": body.get("start_equity"),
        "equity": body.get("equity"),
        **_pnl(reader, run.id, body),
        "drawdown": body.get("drawdown"),
        "completed_trades": body.get("completed_trades"),
        "win_rate_pct": body.get("win_rate_pct"),
        "open_positions": len(body.get("positions", [])),
        "halted": bool(body.get("halts")) or halt_present(config.data_dir()),
        "halts": _halts(body, config),
        "error": run.error,
    }
    return Result("status", data, text=None if options.common.json else _status_text(data))


def _status_text(data: Row) -> str:
    from rich.table import Table
    from rich.text import Text

    from tradebot.cli import tables

    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _status_lines(data):
        table.add_row(name, Text(value))
    return tables.rendered(table)


def _status_lines(data: Row) -> Iterator[tuple[str, str]]:
    from tradebot.cli.tables import figure, moment, percent, signed, usd

    beat = data["heartbeat_age_s"]
    yield "run", f"{data['run']} ({data['mode']}), {data['state']}"
    yield "market", data["market"]
    yield "strategy", data["strategy"]
    yield "engine", data["engine"] + ("" if beat is None else f", last heard of {beat:.1f}s ago")
    yield "market time", moment(data["time"])
    yield "equity", f"{usd(data['equity'])} of {usd(data['start_equity'])} at the start"
    yield (
        "PnL",
        f"{signed(data['pnl'])} ({percent(data['pnl_pct'])}), today {signed(data['day_pnl'])}",
    )
    yield "drawdown", usd(data["drawdown"])
    trades, rate = data["completed_trades"], figure(data["win_rate_pct"], "%")
    yield "trades", "-" if trades is None else f"{trades} completed, {rate} of them won"
    yield "open", f"{data['open_positions']} position(s)"
    halts = "; ".join(f"{row['reason']} ({row['detail']})" for row in data["halts"])
    yield "trading", f"HALTED: {halts or 'the HALT file is there'}" if data["halted"] else "armed"
    if data["error"]:
        yield "error", data["error"]


def _engine(held: bool, age: float | None) -> str:
    if not held:
        return "stopped"
    return "running" if age is None or age <= HEARTBEAT_S else "hung"


def _pnl(reader: Reader, run: str, body: Row) -> Row:
    """Return PnL since the start and since 00:00 UTC of the market's day, None where unknown."""
    if not body:
        return {"pnl": None, "pnl_pct": None, "day_pnl": None}
    equity, start = Decimal(body["equity"]), Decimal(body["start_equity"])
    midnight = body["at"] - body["at"] % DAY_MS
    points = [row for row in reader.equity(run, since=midnight, limit=None) if row["why"] == "day"]
    opened = Decimal(points[0]["equity"]) if points else start
    pct = quotient_at_8((equity - start) * 100, start, "ROUND_HALF_EVEN")
    return {"pnl": plain(equity - start), "pnl_pct": plain(pct), "day_pnl": plain(equity - opened)}


def _halts(body: Row, config: Config) -> list[Row]:
    rows = [{"reason": k, "detail": v} for k, v in body.get("halts", {}).items()]
    if halt_present(config.data_dir()) and not body.get("halts", {}).get("user"):
        said = read_halts(config.data_dir())
        why = f"{said[-1].who}: {said[-1].reason}" if said else "the HALT file is there"
        rows.append({"reason": "user", "detail": why})
    return rows


def _risk(reader: Reader, options: InspectOptions, config: Config) -> Result:
    """Show the limits as the engine last wrote them down; a stopped engine's are its last."""
    run = reader.resolve_run(options.run)
    found = reader.snapshot(run.id)
    view = {} if found is None else found.body.get("risk", {})
    data = {
        "run": run.id,
        "time": None if found is None else iso(found.body["at"]),
        "halted": bool(view.get("halts")) or halt_present(config.data_dir()),
        "next_entry": view.get("next_entry"),
        **_losses(view),
        "limits": view.get("limits", []),
        "positions": view.get("positions", []),
        "halts": view.get("halts", []),
        "refusals": [{"rule": k, "count": v} for k, v in view.get("refusals", {}).items()],
    }
    if not options.common.json:
        data["limits"] = [_limit_row(row) for row in data["limits"]]
    views = {
        "limits": View(("rule", "used", "limit", "bar", "state"), "Limits", "No limits yet."),
        "positions": View(
            ("symbol", "qty", "entry_price", "price", "liquidation_risk_pct", "liquidation_price"),
            "Liquidation",
            "No open positions.",
        ),
        "halts": View(("reason", "since", "detail"), "Halts", "Not halted."),
        "refusals": View(("rule", "count"), "Refusals by rule", "No refusals."),
    }
    return Result("risk", data, views=views)


def _losses(view: Row) -> Row:
    used = {row["rule"]: row["used"] for row in view.get("limits", []) if row["symbol"] is None}
    return {"loss_today": used.get("day_loss"), "loss_this_week": used.get("week_loss")}


def _limit_row(row: Row) -> Row:
    """Return a limit for people: used and cap with their unit, a bar of ten, a word."""
    rule = row["rule"].replace("_", " ")
    pct = Decimal(row["pct"] or 0)
    filled = min(10, int(pct / 10 + Decimal("0.5")))
    bar = "off" if row["pct"] is None else f"{'█' * filled}{'░' * (10 - filled)} {pct:.0f}%"
    return {
        "rule": f"{row['symbol']} {rule}" if row["symbol"] else rule,
        "used": _amount(row["used"], row["unit"]),
        "limit": _amount(row["cap"], row["unit"]),
        "bar": bar,
        "state": row["word"],
    }


def _amount(value: str | None, unit: str) -> str:
    if value is None:
        return "-"
    number = Decimal(value)
    if unit == "USDT":
        return f"${number:,.2f}"
    return f"{number:.1f}%" if unit == "%" else f"{plain(number)}{unit}"


ANSWERS: dict[str, Callable[[Reader, InspectOptions, Config], Result]] = {
    "status": _status,
    "positions": _positions,
    "orders": _orders,
    "trades": _trades,
    "signals": _signals,
    "runs": _runs,
    "risk": _risk,
}
