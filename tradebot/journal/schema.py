"""The journal's tables, in numbered migrations, and the check that a file is ours.

Money and quantities are TEXT and never summed by SQL. ``ts`` is market time, ``wall`` the real clock,
both UTC milliseconds. ``audit`` is the truth; the tables of ``PROJECTIONS`` follow from it alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import JournalError, SchemaError

APPLICATION_ID = 0x74726462
"""``trdb``: in the header of every journal, so that nobody else's database is touched."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema; its statements and its record are one transaction."""

    version: int
    name: str
    statements: tuple[str, ...]


_FIRST = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, wall INTEGER NOT NULL)",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY, run TEXT NOT NULL, ts INTEGER NOT NULL, wall INTEGER NOT NULL,
        kind TEXT NOT NULL, body TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL)""",
    "CREATE INDEX audit_by_run ON audit (run, kind)",
    """CREATE TABLE heads (
        seq INTEGER NOT NULL, hash TEXT NOT NULL, why TEXT NOT NULL, wall INTEGER NOT NULL,
        mac TEXT NOT NULL)""",
    """CREATE TABLE runs (
        num INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, mode TEXT NOT NULL, venue TEXT NOT NULL,
        market TEXT NOT NULL, seed TEXT, config TEXT NOT NULL, config_hash TEXT NOT NULL,
        strategy TEXT NOT NULL, strategy_hash TEXT NOT NULL, instance TEXT NOT NULL,
        version TEXT NOT NULL, state TEXT NOT NULL, error TEXT, summary TEXT,
        started INTEGER NOT NULL, resumed INTEGER, ended INTEGER)""",
    "CREATE TABLE nonces (nonce TEXT PRIMARY KEY, run TEXT NOT NULL, wall INTEGER NOT NULL)",
    # Hot: an append-only run of rows, so no index besides the key it is clustered on.
    """CREATE TABLE log (
        run INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
        exchange_time INTEGER NOT NULL, wall INTEGER NOT NULL, kind TEXT NOT NULL,
        payload TEXT NOT NULL, PRIMARY KEY (run, seq)) WITHOUT ROWID""",
    """CREATE TABLE blocks (
        run INTEGER NOT NULL, bars INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        last_at INTEGER NOT NULL, wall INTEGER NOT NULL, rows INTEGER NOT NULL, data BLOB NOT NULL,
        mac TEXT NOT NULL, PRIMARY KEY (run, bars, first))""",
    """CREATE TABLE signals (
        run TEXT NOT NULL, id INTEGER NOT NULL, time INTEGER NOT NULL, wall INTEGER NOT NULL,
        symbol TEXT NOT NULL, side TEXT NOT NULL, confidence REAL, price TEXT NOT NULL,
        stop TEXT, target TEXT, reason TEXT NOT NULL, verdict TEXT NOT NULL,
        refusals TEXT NOT NULL, indicators TEXT NOT NULL, outcome_pnl TEXT, PRIMARY KEY (run, id))""",
    # What only Place knows is NULL for an order we learned of from an OrderChanged alone.
    """CREATE TABLE orders (
        run TEXT NOT NULL, id TEXT NOT NULL, signal INTEGER, symbol TEXT NOT NULL, side TEXT,
        type TEXT, purpose TEXT, qty TEXT NOT NULL, price TEXT, trigger_price TEXT, tif TEXT,
        reduce_only INTEGER, epoch INTEGER, status TEXT NOT NULL, filled TEXT NOT NULL,
        average TEXT, reason TEXT NOT NULL, ts INTEGER NOT NULL, updated INTEGER NOT NULL,
        wall INTEGER NOT NULL, PRIMARY KEY (run, id))""",
    """CREATE TABLE fills (
        run TEXT NOT NULL, symbol TEXT NOT NULL, trade_id INTEGER NOT NULL, order_id TEXT NOT NULL,
        side TEXT NOT NULL, qty TEXT NOT NULL, price TEXT NOT NULL, fee TEXT NOT NULL,
        maker INTEGER NOT NULL, liquidation INTEGER NOT NULL, time INTEGER NOT NULL,
        position TEXT NOT NULL, entry TEXT NOT NULL, realised TEXT NOT NULL, ts INTEGER NOT NULL,
        wall INTEGER NOT NULL, PRIMARY KEY (run, symbol, trade_id))""",
    """CREATE TABLE trades (
        run TEXT NOT NULL, id INTEGER NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL,
        qty TEXT NOT NULL, entry_time INTEGER NOT NULL, entry_price TEXT NOT NULL,
        exit_time INTEGER NOT NULL, exit_price TEXT NOT NULL, fees TEXT NOT NULL,
        funding TEXT NOT NULL, pnl TEXT NOT NULL, pnl_pct TEXT, duration_s INTEGER NOT NULL,
        exit_reason TEXT NOT NULL, signal INTEGER NOT NULL, ts INTEGER NOT NULL,
        wall INTEGER NOT NULL, PRIMARY KEY (run, id))""",
    """CREATE TABLE equity (
        seq INTEGER PRIMARY KEY, run TEXT NOT NULL, ts INTEGER NOT NULL, wall INTEGER NOT NULL,
        equity TEXT NOT NULL, cash TEXT NOT NULL, drawdown TEXT NOT NULL, why TEXT NOT NULL)""",
    "CREATE INDEX equity_by_run ON equity (run)",
    """CREATE TABLE halts (
        seq INTEGER PRIMARY KEY, run TEXT NOT NULL, ts INTEGER NOT NULL, wall INTEGER NOT NULL,
        event TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, who TEXT,
        epoch INTEGER NOT NULL)""",
    """CREATE TABLE funding (
        seq INTEGER PRIMARY KEY, run TEXT NOT NULL, ts INTEGER NOT NULL, wall INTEGER NOT NULL,
        symbol TEXT NOT NULL, amount TEXT NOT NULL, rate TEXT NOT NULL, mark TEXT NOT NULL,
        qty TEXT NOT NULL)""",
    """CREATE TABLE state (
        run TEXT PRIMARY KEY, log_seq INTEGER NOT NULL, audit_seq INTEGER NOT NULL,
        wall INTEGER NOT NULL, body TEXT NOT NULL, mac TEXT NOT NULL)""",
    "CREATE TABLE snapshot (run TEXT PRIMARY KEY, wall INTEGER NOT NULL, body TEXT NOT NULL)",
    """CREATE TABLE commands (
        id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT, name TEXT NOT NULL, who TEXT NOT NULL,
        reason TEXT NOT NULL, wall INTEGER NOT NULL, review TEXT NOT NULL DEFAULT '')""",
    # The answers are apart from the wishes: others write those, and these follow from the audit.
    """CREATE TABLE acks (
        command INTEGER NOT NULL, run TEXT NOT NULL, ts INTEGER NOT NULL, wall INTEGER NOT NULL,
        ok INTEGER NOT NULL, result TEXT NOT NULL, PRIMARY KEY (command, run))""",
)

# A hypothetical trade from its signal to flat: state is open, closed or unfilled. ``closed`` is the
# audit row that ended it, so that a reader can ask for what has ended since it last looked.
_GHOSTS = (
    """CREATE TABLE ghosts (
        run TEXT NOT NULL, signal INTEGER NOT NULL, symbol TEXT NOT NULL, side TEXT NOT NULL,
        notional TEXT NOT NULL, qty TEXT NOT NULL, state TEXT NOT NULL, time INTEGER NOT NULL,
        entry_time INTEGER, entry_price TEXT, exit_time INTEGER, exit_price TEXT, fees TEXT,
        funding TEXT, pnl TEXT, mfe TEXT, mae TEXT, duration_s INTEGER, exit_reason TEXT,
        closed INTEGER, ts INTEGER NOT NULL, wall INTEGER NOT NULL, PRIMARY KEY (run, signal))""",
    "CREATE INDEX ghosts_by_closing ON ghosts (run, closed)",
)

# What an exchange outside tells besides fills: its own order numbers, cash lines, the account as it was read.
_OUTSIDE = (
    "ALTER TABLE orders ADD COLUMN venue_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE fills ADD COLUMN venue_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE funding ADD COLUMN id TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE cash (
        run TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, symbol TEXT NOT NULL,
        amount TEXT NOT NULL, time INTEGER NOT NULL, ts INTEGER NOT NULL, wall INTEGER NOT NULL,
        PRIMARY KEY (run, id))""",
    """CREATE TABLE comparisons (
        seq INTEGER PRIMARY KEY, run TEXT NOT NULL, ts INTEGER NOT NULL, wall INTEGER NOT NULL,
        symbol TEXT NOT NULL, wallet TEXT, ledger TEXT, differences TEXT NOT NULL)""",
    "CREATE INDEX comparisons_by_run ON comparisons (run)",
)

# What a trade went through and what it cost; what closed before has none of it, but a strategy it did have.
_COURSES = (
    *(
        f"ALTER TABLE trades ADD COLUMN {name} TEXT"
        for name in ("mae", "mfe", "decision_price", "slippage", "stop", "target", "risk")
    ),
    "ALTER TABLE trades ADD COLUMN strategy_hash TEXT",
    """UPDATE trades SET strategy_hash =
        (SELECT strategy_hash FROM runs WHERE runs.id = trades.run)""",
)

MIGRATIONS = (
    Migration(1, "first", _FIRST),
    Migration(2, "ghosts", _GHOSTS),
    Migration(3, "outside", _OUTSIDE),
    Migration(4, "sealed", ()),  # from here on one signature covers which rows there are
    Migration(5, "courses", _COURSES),
)

SEALED = 4
"""From this schema on the journal has a signature over which rows there are."""

PROJECTIONS = {
    "runs": "num",
    "nonces": "nonce",
    "signals": "run, id",
    "orders": "run, id",
    "fills": "run, symbol, trade_id",
    "trades": "run, id",
    "equity": "seq",
    "halts": "seq",
    "funding": "seq",
    "cash": "run, id",
    "comparisons": "seq",
    "acks": "command, run",
    "ghosts": "run, signal",
}
"""The tables that follow from ``audit``, each with its key."""


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Run the block in one write transaction: kept whole, or nothing of it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk makes SQLite roll back by itself
            db.execute("ROLLBACK")
        raise


@contextmanager
def on_disk(db: sqlite3.Connection, wanted: bool = True) -> Iterator[None]:
    """Let the transactions of the block wait for the disk itself."""
    if wanted:
        db.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        if wanted:
            db.execute("PRAGMA synchronous = NORMAL")


def schema_version(db: sqlite3.Connection, path: Path) -> int:
    """Return the file's schema version, 0 when it is empty.

    Raises SchemaError for somebody else's database or one of a newer tradebot.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise SchemaError(
                "this database belongs to another program",
                hint="choose another --data-dir, or move the file away",
                file=str(path),
            )
        return 0
    version = int(db.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchone()[0])
    if version > MIGRATIONS[-1].version:
        raise SchemaError(
            f"the journal has schema {version}; this tradebot knows up to {MIGRATIONS[-1].version}",
            hint="upgrade tradebot",
            file=str(path),
        )
    return version


def migrate(
    db: sqlite3.Connection,
    path: Path,
    migrations: Sequence[Migration] = MIGRATIONS,
    clock: Clock = SYSTEM,
    within: Callable[[int], None] = lambda _: None,
) -> None:
    """Bring the schema up to the newest version, one transaction per step; ``within`` is part of each."""
    version = schema_version(db, path)
    for step in migrations:
        if step.version > version:
            with transaction(db):
                _apply(db, step, clock.wall_ms())
                within(step.version)


def build(db: sqlite3.Connection) -> None:
    """Create the newest schema in an empty database, without records (for ``db verify``)."""
    for step in MIGRATIONS:
        for statement in step.statements:
            db.execute(statement)


def check_structure(db: sqlite3.Connection, path: Path) -> None:
    """Raise JournalError if the file's pages contradict each other (``PRAGMA quick_check``)."""
    (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise JournalError(
            f"the database is corrupt ({answer})",
            hint="restore it from a backup (tradebot db backup makes them), or move it away",
            file=str(path),
        )


def _apply(db: sqlite3.Connection, step: Migration, wall: int) -> None:
    for statement in step.statements:
        db.execute(statement)
    db.execute("INSERT INTO migrations VALUES (?, ?, ?)", (step.version, step.name, wall))
