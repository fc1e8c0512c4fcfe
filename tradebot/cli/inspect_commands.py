"""``status``, ``positions``, ``orders``, ``trades``, ``signals`` and ``runs``: readers of the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.app.alerts_state import alerts_state, state_document
from tradebot.app.database import database
from tradebot.app.status import close_all_of, close_dirs, engine_of, latched_halt, trouble_of
from tradebot.app.target import ACCOUNTS
from tradebot.cli.labels import label_of, labelled
from tradebot.cli.options import InspectOptions
from tradebot.cli.output import ListShape, Result, show
from tradebot.cli.settings import read_config
from tradebot.cli.status_words import standing_of, status_text
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import UsageError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import exact, plain, quotient_at_8
from tradebot.core.model.times import iso
from tradebot.guard.closing import last_close
from tradebot.guard.lock import lock_owner
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow
from tradebot.journal.snapshots import LimitRow, RiskView, Snapshot
from tradebot.journal.status import (
    day_pnl,
    dead_words,
    engine_word,
    halts_in_force,
    midnight,
    run_state,
)
from tradebot.journal.view import OrderRow, as_json
from tradebot.reports.income_rests import rest_words, rests_of_trades

Row = dict[str, Any]

EMPTY = {
    "positions": "No open positions.",
    "orders": "No such orders.",
    "trades": "No completed trades.",
    "signals": "No signals.",
    "fills": "No fills.",
    "equity": "No curve.",
    "funding": "No funding.",
    "runs": "No runs yet: start one with `tradebot paper`.",
}

FIGURES = (
    *("start_equity", "equity", "pnl", "pnl_pct", "day_pnl", "drawdown", "completed_trades"),
    *("win_rate_pct", "open_positions", "brought"),
)
"""What ``status`` says of the account, in this order."""

VERDICTS = ("approved", "refused", "exit", "held", "ignored")


def inspect(options: InspectOptions) -> int:
    """Answer an inspection command; returns the exit code."""
    if options.verdict not in (None, *VERDICTS):
        raise UsageError(
            f"there is no verdict {options.verdict!r}", hint=f"one of {', '.join(VERDICTS)}"
        )
    config = read_config(options.common)
    with Reader(database(config)) as reader, exact():
        answer = ANSWERS[options.view] if options.csv is None else _csv
        result = answer(reader, options, config)
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
        filtered = f" ({labelled(run)})" if run else ""
        return f"{EMPTY[view]}{filtered}"
    columns = getattr(tables, view.upper())
    count = f"{len(rows)} {view if len(rows) > 1 else view.removesuffix('s')}"
    title = f"{labelled(run)} · {count}" if run else ""
    return tables.rendered(tables.listing(title, columns, rows, tables.console_of().width))


def _runs(reader: Reader, options: InspectOptions, config: Config) -> Result:
    owner = lock_owner(config.data_dir())
    runs = reader.runs(shown=True)[: options.limit]
    rows = [_run_row(run, owner is not None) for run in runs]
    people = [
        {**row, **_result(reader, run), "state": _state_word(run, owner is not None)}
        for run, row in zip(runs, rows, strict=True)
    ]
    return _rows("runs", rows, options, people=people)


def _result(reader: Reader, run: RunRow) -> Row:
    """Return a run's trades and PnL: its summary's, or how it stands where it is not over."""
    shown = None
    if run.state == "running" or run.summary is None:
        shown = reader.snapshot(run.id)
    if shown is None:
        return {"trades": run.trades, "pnl": None if run.pnl is None else plain(run.pnl)}
    return {"trades": shown.completed_trades, "pnl": plain(shown.pnl)}


def _state_word(run: RunRow, held: bool) -> str:
    return "DEAD" if run.state == "running" and not held else run.state


def _run_row(run: RunRow, engine: bool) -> Row:
    return {
        "id": run.id,
        "mode": run.mode,
        "venue": run.venue,
        "market": run.market,
        "seed": run.seed,
        "strategy": run.strategy,
        "strategy_hash": run.strategy_hash,
        "state": run_state(run, engine),
        "error": run.error,
        "started": iso(run.started),
        "resumed": None if run.resumed is None else iso(run.resumed),
        "ended": None if run.ended is None else iso(run.ended),
        "summary": run.summary,
    }


def _positions(reader: Reader, options: InspectOptions, config: Config) -> Result:
    run = reader.resolve_run(options.run)
    held = [row for row in reader.positions(run.id) if _symbol(options) in (None, row.symbol)]
    found = _rows("positions", [as_json(row) for row in held], options, run.id)
    return replace(found, warnings=_overtaken(reader, run, config.data_dir()) if held else [])


def _overtaken(reader: Reader, run: RunRow, data_dir: Path) -> list[str]:
    """Say that a close-all came after what the journal knows of a run that trades an account."""
    shown, closed = reader.snapshot(run.id), last_close(close_dirs(data_dir))
    if shown is None or closed is None or not closed.key or shown.wall >= closed.begun:
        return []
    from tradebot.app.standing import account_of_run

    if run.venue not in ACCOUNTS or account_of_run(reader, run).fingerprint != closed.key:
        return []
    text = (
        f"a close-all of {closed.account} came after this, at {iso(closed.begun)}: {closed.state}"
    )
    return [f"{text}; the next start takes that into the journal"]


def _orders(reader: Reader, options: InspectOptions, _: Config) -> Result:
    run = reader.resolve_run(options.run).id
    rows = reader.orders(run, options.open_only)
    rows = [row for row in rows if _symbol(options) in (None, row.symbol)]
    rows = [row for row in rows if row.ts >= (options.since_ms or 0) and _in_month(options, row.ts)]
    rows = rows[-options.limit :] if options.limit else rows
    shown = [{**as_json(row, "ts"), "time": iso(row.ts)} for row in rows]
    people = [{**told, **_order(row)} for told, row in zip(shown, rows, strict=True)]
    return _rows("orders", shown, options, run, people)


def _order(row: OrderRow) -> Row:
    """Return what people read: a short id, what the order is for, its one price."""
    return {
        "short_id": row.number,
        "at": row.at,
        "for": row.goal,
        "type": row.kind,
        "status": row.standing,
    }


def _trades(reader: Reader, options: InspectOptions, _: Config) -> Result:
    run = reader.resolve_run(options.run).id
    rows = reader.trades(run, _symbol(options), options.since_ms)
    rows = [row for row in rows if _in_month(options, row.exit_time)]
    rows = rows[-options.limit :] if options.limit else rows
    shown = reader.snapshot(run)
    odd = {} if shown is None else shown.fill_rests
    rests = rests_of_trades(rows, reader.fills(run) if odd else [], odd)
    told = [
        {
            **as_json(row, "ts"),
            "signal_id": row.signal or None,
            "income_rest": rests.get(row.id),
        }
        for row in rows
    ]
    found = _rows("trades", told, options, run)
    return replace(found, warnings=[*found.warnings, *rest_words(shown, rests)])


def _other(reader: Reader, options: InspectOptions, _: Config) -> Result:
    """Show fills, equity or funding as the archive has them."""
    from tradebot.cli.archive_rows import archived

    run = reader.resolve_run(options.run).id
    return _rows(options.view, list(archived(reader, run, options, _symbol(options))), options, run)


def _in_month(options: InspectOptions, time: int) -> bool:
    if options.month is None:
        return True
    from tradebot.reports.monthly.period import month_named

    return month_named(options.month).holds(time)


def _csv(reader: Reader, options: InspectOptions, _: Config) -> Result:
    """Write a table to a file; the answer says how many rows it has."""
    from tradebot.cli.archive_rows import archived
    from tradebot.reports.archive import TABLES, write_csv

    assert options.csv is not None
    if options.common.json and str(options.csv) == "-":
        raise UsageError("--csv - and --json both want stdout", hint="name a file for the CSV")
    run, view = reader.resolve_run(options.run).id, options.view
    rows = archived(reader, run, options, _symbol(options))
    count = write_csv(TABLES[view].columns, rows, options.csv)
    text = "" if str(options.csv) == "-" else f"{count} {view} of {run} written to {options.csv}"
    return Result(view, {"run": run, "csv": str(options.csv), "count": count}, text=text)


def _signals(reader: Reader, options: InspectOptions, _: Config) -> Result:
    run = reader.resolve_run(options.run).id
    rows = reader.signals(run, options.since_ms, _symbol(options), options.verdict)
    rows = [row for row in rows if _in_month(options, row.time)]
    rows = rows[-options.limit :] if options.limit else rows
    shown = [as_json(row) for row in rows]
    people = [{**told, "why": row.why} for told, row in zip(shown, rows, strict=True)]
    return _rows("signals", shown, options, run, people)


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


def _status(reader: Reader, options: InspectOptions, config: Config) -> Result:
    run = reader.resolve_run(options.run)
    shown = reader.snapshot(run.id)
    wall = SYSTEM.wall_ms()
    held = engine_of(config.data_dir(), run) is not None
    halts = halts_in_force(shown, (), latched_halt(config.data_dir()))
    age = None if shown is None or not held else max(0.0, (wall - shown.wall) / 1000)
    data = {
        "run": run.id,
        "mode": run.mode,
        "market": run.market,
        "strategy": run.strategy,
        "state": run_state(run, held),
        "engine": engine_word(run.state, shown, wall, held=held),
        "heartbeat_age_s": None if age is None else round(age, 1),
        "prices_age_s": None if shown is None else round(max(0, wall - shown.wall) / 1000, 1),
        "time": None if shown is None else iso(shown.at),
        **_figures(reader, shown),
        "halted": bool(halts),
        "halts": [{"reason": halt.reason, "detail": halt.detail} for halt in halts],
        **standing_of(reader, shown, wall, config.data_dir()),
        "barred": [] if shown is None or shown.risk is None else list(shown.risk.barred),
        "trouble": trouble_of(config.data_dir()),
        "alerts": state_document(alerts := alerts_state(config.data_dir(), wall)),
        "close_all": close_all_of(config.data_dir()),
        "error": run.error,
        "income_rests": {}
        if shown is None
        else {d: plain(r) for d, r in shown.income_rests.items()},
    }
    if options.common.json:
        return Result("status", data)
    dead = dead_words(shown, wall) if data["engine"] == "dead" else ""
    words = "; ".join(rest_words(shown, {}))
    told = {**data, "dead": dead, "income": words, "alarm": alerts.words}
    return Result("status", data, text=status_text(told))


def _figures(reader: Reader, shown: Snapshot | None) -> Row:
    """Return the account's figures as JSON has them, None where nothing is known yet."""
    if shown is None:
        return {**dict.fromkeys(FIGURES), "open_positions": 0}
    points = reader.equity(shown.run, since=midnight(shown))
    pct = quotient_at_8(shown.pnl * 100, shown.start_equity, "ROUND_HALF_EVEN")
    figures = {
        "start_equity": shown.start_equity,
        "equity": shown.equity,
        "pnl": shown.pnl,
        "pnl_pct": pct,
        "day_pnl": day_pnl(shown, points),
        "drawdown": shown.drawdown,
        "brought": shown.brought,
    }
    return {
        **{name: plain(value) for name, value in figures.items()},
        "completed_trades": shown.completed_trades,
        "win_rate_pct": None if shown.win_rate_pct is None else plain(shown.win_rate_pct),
        "open_positions": len(shown.positions),
    }


def _risk(reader: Reader, options: InspectOptions, config: Config) -> Result:
    """Show the limits as the engine last wrote them down; a stopped engine's are its last."""
    run = reader.resolve_run(options.run)
    shown = reader.snapshot(run.id)
    risk = RiskView() if shown is None or shown.risk is None else shown.risk
    limits = as_json if options.common.json else _limit_row
    halts = _halts(risk, config)
    used = _used if options.common.json else _used_words
    data = {
        "run": run.id,
        "time": None if shown is None else iso(shown.at),
        "halted": bool(halts),
        "next_entry": None if risk.next_entry is None else iso(risk.next_entry),
        "loss_today": used(risk, "day_loss"),
        "loss_this_week": used(risk, "week_loss"),
        "limits": [limits(row) for row in risk.limits],
        "positions": [as_json(row) for row in risk.positions],
        "halts": halts,
        "refusals": [{"rule": k, "count": v} for k, v in risk.refusals.items()],
    }
    label = label_of(run.id)
    views = {
        "limits": ListShape(
            ("rule", "used", "limit", "bar", "state"), f"{label}Limits", "No limits yet."
        ),
        "positions": ListShape(
            ("symbol", "qty", "entry_price", "price", "liquidation_risk_pct", "liquidation_price"),
            f"{label}Liquidation",
            "No open positions.",
        ),
        "halts": ListShape(("reason", "since", "detail"), f"{label}Halts", "Not halted."),
        "refusals": ListShape(("rule", "count"), f"{label}Refusals by rule", "No refusals."),
    }
    return Result("risk", data, views=views)


def _halts(risk: RiskView, config: Config) -> list[Row]:
    """Return the engine's halts, and the HALT file's where the engine does not know of it yet."""
    halts = [as_json(row) for row in risk.halts]
    latched = latched_halt(config.data_dir())
    if latched is not None and not any(row["reason"] == latched.reason for row in halts):
        since = None if latched.since is None else iso(latched.since)
        halts.append({"reason": latched.reason, "since": since, "detail": latched.detail})
    return halts


def _used_words(risk: RiskView, rule: str) -> str | None:
    used = _used(risk, rule)
    return None if used is None else f"{Decimal(used):.2f}"


def _used(risk: RiskView, rule: str) -> str | None:
    limit = risk.limit(rule)
    return None if limit is None else plain(limit.used)


ALLOWED = ("leverage", "positions")
"""Limits that may be used up to the full: reaching them is normal."""


def _limit_row(row: LimitRow) -> Row:
    """Return a limit for people: used and cap with their unit, a bar of ten, a word."""
    rule = row.rule.replace("_", " ")
    pct = row.pct or Decimal(0)
    filled = min(10, int(pct / 10 + Decimal("0.5")))
    bar = "off" if row.pct is None else f"{'█' * filled}{'·' * (10 - filled)} {pct:.0f}%"
    return {
        "rule": f"{row.symbol} {rule}" if row.symbol else rule,
        "used": _amount(row.used, row.unit),
        "limit": _amount(row.cap, row.unit),
        "bar": bar,
        "state": "normal" if row.word == "reached" and row.rule in ALLOWED else row.word,
    }


def _amount(number: Decimal | None, unit: str) -> str:
    if number is None:
        return "-"
    if unit == "USDT":
        return f"${number:,.2f}"
    return f"{number:.1f}%" if unit == "%" else f"{plain(number)}{unit}"


ANSWERS: dict[str, Callable[[Reader, InspectOptions, Config], Result]] = {
    "status": _status,
    "positions": _positions,
    "orders": _orders,
    "trades": _trades,
    "signals": _signals,
    "fills": _other,
    "equity": _other,
    "funding": _other,
    "runs": _runs,
    "risk": _risk,
}
