"""The read side: a read-only connection for other processes and threads.

Tables come as lists of the rows of ``view``. No call holds up the writer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tradebot.core.model.effects import NOT_HALTED
from tradebot.core.model.errors import JournalError, OlderJournalError, UsageError
from tradebot.core.model.spelling import meant
from tradebot.core.model.text import cleaned, escaped
from tradebot.core.model.values import Bar, OrderStatus
from tradebot.journal import schema
from tradebot.journal.faults import faults, missing
from tradebot.journal.logged import damaged, read_log
from tradebot.journal.noted import LOST_LOG, has_log, lost, was_written
from tradebot.journal.pack import BAR
from tradebot.journal.projection import read_fact
from tradebot.journal.rows import (
    COMMAND_NONCE,
    CommandRow,
    Head,
    LoggedEffect,
    LoggedEvent,
    OutcomeRow,
    RunRow,
    StateRow,
)
from tradebot.journal.seal import LIFE
from tradebot.journal.snapshots import PositionRow, Snapshot, snapshot_of
from tradebot.journal.view import (
    EquityRow,
    FillRow,
    FundingRow,
    GhostCounts,
    GhostRow,
    HaltEvent,
    NoticeRow,
    OrderRow,
    SignalRow,
    TradeRow,
    row_of,
)

_R = TypeVar("_R")

_RUNS = "SELECT * FROM runs ORDER BY coalesce(resumed, started) DESC, num DESC"
_SHOWN = f"""SELECT * FROM runs ORDER BY coalesce((SELECT max(n.wall) FROM nonces n, nonces x WHERE n.run = id AND x.run = id
    AND n.nonce NOT GLOB '{COMMAND_NONCE}*' AND x.nonce GLOB '{COMMAND_NONCE}*' AND x.wall = resumed), resumed, started) DESC, num DESC"""
_LIVE = ", ".join(f"'{status.value}'" for status in OrderStatus if not status.terminal)
_NOTICES = (
    "SELECT ts, wall, body FROM audit WHERE run = ? AND kind = 'Notify' ORDER BY seq DESC LIMIT ?"
)
_BUSY_S = 5.0
_UNFIT = (KeyError, TypeError, ValueError, ArithmeticError)
"""What a row that is not what it should be raises."""

_GHOSTS = """SELECT g.*, s.confidence, s.price, s.stop, s.target, s.reason, s.verdict, s.refusals
    FROM ghosts g JOIN signals s ON s.run = g.run AND s.id = g.signal WHERE g.run = ?"""
_OUTCOMES = """SELECT g.closed, g.signal, g.symbol, g.side, g.time, g.exit_time, g.pnl, g.mfe,
    g.mae, g.duration_s, s.confidence, s.verdict
    FROM ghosts g JOIN signals s ON s.run = g.run AND s.id = g.signal
    WHERE g.run = ? AND g.closed > ? AND g.state = 'closed' ORDER BY g.closed"""


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open a journal for reading only; JournalError when there is none, SchemaError when not ours."""
    with faults(path):
        if not path.is_file():
            raise _nothing(path, "the journal is gone")
        logged = has_log(path)
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_S,
            check_same_thread=False,
        )
        try:
            _check_version(db, path, logged)
        except BaseException:
            db.close()
            raise
    db.row_factory = sqlite3.Row
    return db


class Reader:
    """Questions to a journal. Use from one thread at a time; close it, or use it in a ``with``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_readonly(path)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Let all questions in the block see the journal of one moment. Keep it short."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def runs(self, *, shown: bool = False) -> list[RunRow]:
        """Return all runs, the one started, resumed or acted on last first; ``shown``: without what a command did."""
        return [_run(row) for row in self._rows(_SHOWN if shown else _RUNS)]

    def run(self, run: str) -> RunRow:
        """Return a run by id; UsageError naming the nearest one if there is none."""
        if rows := self._rows("SELECT * FROM runs WHERE id = ?", escaped(run)):
            return _run(rows[0])
        raise self._unknown(run)

    def newest_run(self, mode: str | None = None) -> RunRow | None:
        """Return the run started last (of a mode), anew or again; None if there is none."""
        return next((run for run in self.runs(shown=True) if mode in (None, run.mode)), None)

    def resumable_run(
        self, mode: str, market: str, strategy_hash: str, venue: str
    ) -> RunRow | None:
        """Return the newest interrupted run of the same mode, market label, strategy hash and venue."""
        wanted = ("interrupted", mode, market, strategy_hash, venue)
        told = ((r, (r.state, r.mode, r.market, r.strategy_hash, r.venue)) for r in self.runs())
        return next((run for run, said in told if said == wanted), None)

    def resolve_run(self, run: str | None) -> RunRow:
        """Return the named run, or the newest; UsageError, or JournalError when there is none yet."""
        if run is not None:
            return self.run(run)
        newest = self.newest_run()
        if newest is None:
            raise JournalError(
                "there is no run yet", hint="run tradebot paper first", file=str(self.path)
            )
        return newest

    def signals(
        self,
        run: str,
        since: int | None = None,
        symbol: str | None = None,
        verdict: str | None = None,
        limit: int | None = None,
    ) -> list[SignalRow]:
        """Return signals by id; ``since`` in market time (ms), ``limit`` keeps the newest."""
        where = {"time >= ?": since, "symbol = ?": symbol, "verdict = ?": verdict}
        return self._table(SignalRow, "signals", run, "id", where, limit)

    def orders(self, run: str, open_only: bool = False, limit: int | None = None) -> list[OrderRow]:
        """Return orders in the order they were sent; ``open_only`` leaves out what is over."""
        extra = f" AND status IN ({_LIVE})" if open_only else ""
        return self._table(OrderRow, "orders", run, "ts, rowid", {}, limit, extra)

    def fills(self, run: str, symbol: str | None = None, limit: int | None = None) -> list[FillRow]:
        """Return fills in the order of their exchange times."""
        where = {"symbol = ?": symbol}
        return self._table(FillRow, "fills", run, "time, symbol, trade_id", where, limit)

    def trades(
        self,
        run: str,
        symbol: str | None = None,
        since: int | None = None,
        limit: int | None = None,
    ) -> list[TradeRow]:
        """Return closed trades by id; ``since`` is the earliest exit time (ms)."""
        where = {"symbol = ?": symbol, "exit_time >= ?": since}
        return self._table(TradeRow, "trades", run, "id", where, limit)

    def equity(
        self, run: str, since: int | None = None, limit: int | None = None
    ) -> list[EquityRow]:
        """Return equity points in order."""
        return self._table(EquityRow, "equity", run, "seq", {"ts >= ?": since}, limit)

    def halts(self, run: str, limit: int | None = None) -> list[HaltEvent]:
        """Return halts and resumes in order."""
        return self._table(HaltEvent, "halts", run, "seq", {}, limit)

    def funding(self, run: str, limit: int | None = None) -> list[FundingRow]:
        """Return funding bookings in order."""
        return self._table(FundingRow, "funding", run, "seq", {}, limit)

    def ghosts(
        self,
        run: str,
        since: int | None = None,
        symbol: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> list[GhostRow]:
        """Return hypothetical trades by signal, with what the signal said; ``state`` is open, closed or
        unfilled, ``since`` the earliest signal (market time, ms), ``limit`` keeps the newest.
        """
        where = {"g.time >= ?": since, "g.symbol = ?": symbol, "g.state = ?": state}
        given = {text: value for text, value in where.items() if value is not None}
        clause = "".join(f" AND {text}" for text in given)
        most = -1 if limit is None else limit
        sql = f"{_GHOSTS}{clause} ORDER BY g.signal DESC LIMIT ?"
        return self._typed(GhostRow, self._rows(sql, run, *given.values(), most)[::-1])

    def outcomes(self, run: str, after: int = 0) -> Iterator[OutcomeRow]:
        """Yield the hypothetical trades that were closed by audit rows above ``after``, in that order.

        ``closed`` of the last one is ``after`` of the next call.
        """
        with faults(self.path):
            cursor = self._db.cursor()
            cursor.row_factory = None
            yield from map(OutcomeRow._make, cursor.execute(_OUTCOMES, (run, after)))

    def ghost_counts(self, run: str) -> GhostCounts:
        """Return how many hypothetical trades are open, closed and unfilled, and ``signals``: all."""
        sql = "SELECT state, count(*) AS n FROM ghosts WHERE run = ? GROUP BY state"
        counts = {row["state"]: int(row["n"]) for row in self._rows(sql, run)}
        waiting, closed, never = (counts.get(s, 0) for s in ("open", "closed", "unfilled"))
        signals = waiting + closed + never
        return {"signals": signals, "open": waiting, "closed": closed, "unfilled": never}

    def notices(self, run: str, limit: int | None = None) -> list[NoticeRow]:
        """Return what the user was told, in order."""
        rows = self._rows(_NOTICES, run, -1 if limit is None else limit)[::-1]
        bodies = [(row, json.loads(row["body"])) for row in rows]
        return [
            NoticeRow(r["ts"], r["wall"], body["level"], escaped(body["text"]))
            for r, body in bodies
        ]

    def snapshot(self, run: str) -> Snapshot | None:
        """Return the newest snapshot, or None."""
        rows = self._rows("SELECT body, wall FROM snapshot WHERE run = ?", run)
        if not rows:
            return None
        try:
            return snapshot_of(run, rows[0]["wall"], json.loads(rows[0]["body"]))
        except _UNFIT as error:
            raise damaged(f"the snapshot of {run}", error) from error

    def positions(self, run: str) -> list[PositionRow]:
        """Return the snapshot's open positions, none without a snapshot."""
        newest = self.snapshot(run)
        return [] if newest is None else list(newest.positions)

    def state(self, run: str) -> StateRow | None:
        """Return the journalled state a restart goes on from, or None."""
        rows = self._rows("SELECT body, log_seq, audit_seq, wall FROM state WHERE run = ?", run)
        if not rows:
            return None
        row = rows[0]
        return StateRow(json.loads(row["body"]), row["log_seq"], row["audit_seq"], row["wall"])

    def bars(self, run: str, symbol: str | None = None) -> list[Bar]:
        """Return the closed bars a run has seen, in order, for feeding strategies again."""
        bars = (logged.event for logged in self._log(run, 0, only_bars=True))
        return [bar for bar in bars if symbol in (None, bar.symbol)]

    def last_bar_time(self, run: str) -> int | None:
        """Return the open time (UTC ms) of the newest bar a run has seen; None before the first."""
        num = "(SELECT num FROM runs WHERE id = ?)"
        found = self._rows(
            f"SELECT payload FROM log WHERE run = {num} AND kind = '{BAR}' ORDER BY seq DESC LIMIT 1",
            run,
        )
        if found:
            return int(found[0]["payload"].split(",")[1])
        packed = self._rows(
            f"SELECT max(first) - 1 AS after FROM blocks WHERE run = {num} AND bars = 1", run
        )
        if packed[0]["after"] is None:
            return None
        *_, last = self._log(run, packed[0]["after"], only_bars=True)
        return int(last.event.open_time)

    def stream_bars(self, run: str) -> Iterator[Bar]:
        """Yield the closed bars a run has seen, in order, an hour of them in memory at a time."""
        for logged in self._log(run, 0, only_bars=True):
            yield logged.event

    def newest_bars(self, run: str, after: int | None, events: int) -> tuple[int, list[Bar]]:
        """Return the bars logged after event ``after`` and the number of the last event, for the next call.

        It looks at no more than the newest ``events`` events: a plot needs no more, and a long run has many.
        """
        num = "(SELECT num FROM runs WHERE id = ?)"
        raw = self._rows(f"SELECT max(seq) AS last FROM log WHERE run = {num}", run)
        packed = self._rows(f"SELECT max(last) AS last FROM blocks WHERE run = {num}", run)
        last = max(raw[0]["last"] or 0, packed[0]["last"] or 0)
        start = max(after or 0, last - events)
        if last <= start:
            return last, []
        bars = [logged.event for logged in self._log(run, start, only_bars=True)]
        return last, bars

    def events(self, run: str, after: int = 0) -> Iterator[LoggedEvent]:
        """Yield the event log in order, packed hours too, from event ``after`` + 1 on.

        It reads the journal of the moment it starts, on a connection of its own, and holds about an
        hour in memory. Exhaust or close it: until then the write-ahead log cannot shrink.
        """
        return self._log(run, after, only_bars=False)

    def effects(self, run: str, after: int = 0) -> Iterator[LoggedEffect]:
        """Yield every effect of a run behind audit row ``after``, in order.

        Rows about runs and commands are left out.
        """
        others = ", ".join(f"'{kind}'" for kind in (*LIFE, "Command"))
        return self._effects(run, f"AND seq > {after:d} AND kind NOT IN ({others})")

    def _effects(self, run: str, which: str) -> Iterator[LoggedEffect]:
        cursor = self._db.execute(
            f"SELECT seq, ts, wall, kind, body FROM audit WHERE run = ? {which} ORDER BY seq",
            (run,),
        )
        for row in cursor:
            try:
                effect: Any = read_fact(row["kind"], row["body"])
            except ValueError as error:
                raise damaged(f"audit row {row['seq']}", error) from error
            yield LoggedEffect(row["seq"], row["ts"], row["wall"], effect)

    def bookings(self, run: str) -> Iterator[LoggedEffect]:
        """Yield what moved a run's money and positions, in order, as the audit trail has it."""
        return self._effects(run, "AND kind IN ('FillBooked', 'FundingBooked', 'CashBooked')")

    def nonces(self, limit: int) -> tuple[str, ...]:
        """Return the nonces of the journal's newest starts, of all runs, the newest first."""
        sql = "SELECT nonce FROM nonces ORDER BY wall DESC, rowid DESC LIMIT ?"
        return tuple(row["nonce"] for row in self._rows(sql, limit))

    def starts(self, run: str, since: int) -> int:
        """Return how often a run was started after a moment (real clock, UTC ms); commands without an engine are no starts."""
        sql = "SELECT count(*) AS n FROM nonces WHERE run = ? AND wall > ? AND nonce NOT GLOB ?"
        return int(self._rows(sql, run, since, f"{COMMAND_NONCE}*")[0]["n"])

    def command(self, command: int) -> CommandRow | None:
        """Return a posted command with the answer of all runs it asked; None if there is no such command."""
        rows = self._rows(
            "SELECT c.id, c.run, c.name, c.who, c.reason, c.wall, c.review, a.ok, a.result, a.wall AS done"
            " FROM commands c LEFT JOIN acks a ON a.command = c.id WHERE c.id = ?"
            " ORDER BY a.wall, a.run",
            command,
        )
        if not rows:
            return None
        answers = [cleaned(row) for row in rows]
        refused = [row for row in answers if row["ok"] == 0]
        said = list(dict.fromkeys(row["result"] for row in refused or answers))
        if len(said) > 1:
            said = [text for text in said if text != NOT_HALTED]
        first = (refused or answers)[0]
        ok = None if first["ok"] is None else bool(first["ok"])
        result = None if ok is None else "; ".join(said)
        return CommandRow(**{**first, "ok": ok, "result": result})

    def head(self) -> Head | None:
        """Return the end of the audit chain; None when it is empty."""
        rows = self._rows("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        return Head(**rows[0]) if rows else None

    def _table(
        self,
        cls: type[_R],
        table: str,
        run: str,
        order: str,
        where: dict[str, Any],
        limit: int | None,
        extra: str = "",
    ) -> list[_R]:
        """Return a run's rows in order, with the conditions whose value is given."""
        given = {text: value for text, value in where.items() if value is not None}
        clause = "".join(f" AND {text}" for text in given) + extra
        backwards = ", ".join(f"{column} DESC" for column in order.split(", "))
        rows = self._rows(
            f"SELECT * FROM {table} WHERE run = ?{clause} ORDER BY {backwards} LIMIT ?",
            *(run, *given.values(), -1 if limit is None else limit),
        )
        return self._typed(cls, rows[::-1])

    def _typed(self, cls: type[_R], rows: list[dict[str, Any]]) -> list[_R]:
        try:
            return [row_of(cls, row) for row in rows]
        except _UNFIT as error:
            raise damaged(f"a row ({cls.__name__})", error) from error

    def select(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a question of this package's own, as they are stored."""
        with faults(self.path):
            cursor = self._db.cursor()
            cursor.row_factory = None
            yield from cursor.execute(sql, values)

    def _rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        with faults(self.path):
            return [dict(row) for row in self._db.execute(sql, values)]

    def _log(self, run: str, after: int, *, only_bars: bool) -> Iterator[LoggedEvent]:
        num = self._rows("SELECT num FROM runs WHERE id = ?", run)
        if not num:
            raise self._unknown(run)
        return read_log(open_readonly, self.path, num[0]["num"], after, only_bars)

    def _unknown(self, run: str) -> UsageError:
        known = [row.id for row in self.runs()]
        hint = meant(run, known, "run tradebot paper first", like=0)
        return UsageError(f"there is no run {run}", hint=hint)


def _nothing(path: Path, words: str) -> JournalError:
    return lost(path, words) if was_written(path) else missing(path)


def _check_version(db: sqlite3.Connection, path: Path, logged: bool) -> None:
    version = schema.schema_version(db, path)
    if version == 0 and logged:  # made this moment, and its engine has not got further yet
        raise missing(path)
    if version == 0:
        raise _nothing(path, LOST_LOG)
    if version < schema.MIGRATIONS[-1].version:
        raise OlderJournalError(
            f"the journal has the older schema {version}",
            hint="start the engine once: it brings the journal up to date",
            file=str(path),
        )


def _run(row: dict[str, Any]) -> RunRow:
    try:
        return RunRow.of(row)
    except _UNFIT as error:
        raise damaged(f"the row of {row.get('id')}", error) from error
