"""What a close-all would close, of the run on the screen, or of all where none is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tradebot.core.model.errors import TradebotError
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.snapshots import PositionRow
from tradebot.journal.view import OrderRow
from tradebot.tui.figures import gain, price, quantity
from tradebot.tui.painted import Line

MOST = 8
"""Lines of a list in the dialog; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Open positions and working orders; ``problem`` says why they cannot be told."""

    rows: tuple[PositionRow | OrderRow, ...]
    problem: str = ""

    def lines(self, data_dir: Path, place: str = "paper") -> list[Line]:
        """Return what the dialog says; ``place`` is where the orders are."""
        lines: list[Line] = [(("target  ", "dim"), (f"{place}, {data_dir}", ""))]
        if self.problem:
            lines.append(((f"What is open cannot be told: {self.problem}", "warn"),))
        elif not self.rows:
            lines.append((("Nothing is open. It halts trading all the same.", ""),))
        lines += [
            ((_said(row), "word" if isinstance(row, PositionRow) else ""),)
            for row in self.rows[:MOST]
        ]
        if len(self.rows) > MOST:
            lines.append(((f"and {len(self.rows) - MOST} more", "dim"),))
        lines.append(())
        lines.append((("Halts, cancels every order, closes every position at market.", ""),))
        lines.append((("F9 once more confirms; esc cancels.", "dim"),))
        return lines


def read_holdings(data_dir: Path, wanted: str | None = None) -> Holdings:
    """Return what is open in a run; with None in every run that is not over."""
    if not journal_path(data_dir).exists():
        return Holdings(())
    rows: list[PositionRow | OrderRow] = []
    try:
        with Reader(journal_path(data_dir)) as reader, reader.moment():
            for run in reader.runs():
                if run.state != "ended" and wanted in (None, run.id):
                    rows += reader.positions(run.id)
                    rows += reader.orders(run.id, open_only=True)
    except TradebotError as error:
        return Holdings((), error.message)
    return Holdings(tuple(rows))


def _said(row: PositionRow | OrderRow) -> str:
    if isinstance(row, PositionRow):
        return (
            f"{row.run}  {row.symbol} {row.side} {quantity(row.qty)} @ {price(row.price, row.symbol)}"
            f"  {gain(row.pnl)}"
        )
    return f"{row.run}  {row.symbol} order {row.side} {quantity(row.qty)} ({row.type})"
