"""The rows of one run's table in the archive that a command asks for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from tradebot.cli.options import InspectOptions
from tradebot.core.model.times import iso
from tradebot.journal.reader import Reader
from tradebot.reports.archive import rows_of
from tradebot.reports.monthly.period import month_named

TIMES = {"trades": "exit_time", "signals": "time", "fills": "time"}
"""The time rows are chosen by; of other tables it is ``ts``."""

OVER = ("filled", "cancelled", "expired", "rejected")


def archived(
    reader: Reader, run: str, options: InspectOptions, symbol: str | None
) -> Iterator[dict[str, Any]]:
    """Yield a table's rows in order: of the symbol, month, verdict and time asked for, the newest ``limit``."""
    view = options.view
    month = None if options.month is None else month_named(options.month)
    rows = rows_of(reader, view, [run], month)
    chosen = (dict(row) for row in rows if _wanted(row, options, symbol, TIMES.get(view, "ts")))
    return iter(deque(chosen, options.limit)) if options.limit else chosen


def _wanted(row: Any, options: InspectOptions, symbol: str | None, time: str) -> bool:
    since = None if options.since_ms is None else iso(options.since_ms)
    if symbol is not None and row.get("symbol", symbol) != symbol:
        return False
    if options.verdict is not None and row.get("verdict") != options.verdict:
        return False
    if options.open_only and row.get("status") in OVER:
        return False
    return since is None or str(row[time]) >= since


__all__ = ["archived"]
