"""What a close-all would close, of all runs of the data directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradebot.app.standing import DATABASE
from tradebot.core.model.errors import TradebotError
from tradebot.journal.reader import Reader
from tradebot.tui.figures import gain, price
from tradebot.tui.painted import Line

Row = dict[str, Any]

MOST = 8
"""Lines of a list in the dialog; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Open positions and working orders; ``problem`` says why they cannot be told."""

    rows: tuple[Row, ...]
    problem: str = ""

    def lines(self, data_dir: Path) -> list[Line]:
        """Return what the dialog says."""
        lines: list[Line] = [(("target  ", "dim"), (f"paper, {data_dir}", ""))]
        if self.problem:
            lines.append(((f"What is open cannot be told: {self.problem}", "warn"),))
        elif not self.rows:
            lines.append((("Nothing is open. It halts trading all the same.", ""),))
        lines += [((_said(row), "word" if "pnl" in row else ""),) for row in self.rows[:MOST]]
        if len(self.rows) > MOST:
            lines.append(((f"and {len(self.rows) - MOST} more", "dim"),))
        lines.append(())
        lines.append((("Halts, cancels every order, closes every position at market.", ""),))
        lines.append((("F9 once more confirms; esc cancels.", "dim"),))
        return lines


def read_holdings(data_dir: Path) -> Holdings:
    """Return what is open in every run that is not over."""
    if not (data_dir / DATABASE).exists():
        return Holdings(())
    rows: list[Row] = []
    try:
        with Reader(data_dir / DATABASE) as reader, reader.moment():
            for run in reader.runs():
                if run.state != "ended":
                    rows += [{"run": run.id, **row} for row in reader.positions(run.id)]
                    rows += reader.orders(run.id, open_only=True)
    except TradebotError as error:
        return Holdings((), error.message)
    return Holdings(tuple(rows))


def _said(row: Row) -> str:
    if "pnl" in row:
        return (
            f"{row['run']}  {row['symbol']} {row['side']} {row['qty']} @ {price(row['price'])}"
            f"  {gain(row['pnl'])}"
        )
    return f"{row['run']}  {row['symbol']} order {row['side']} {row['qty']} ({row['type']})"
