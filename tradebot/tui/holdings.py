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
    """Open positions and working orders; ``problem`` says why they cannot be told.

    ``others`` is what an account held besides when it was last read: it is closed too.
    """

    rows: tuple[PositionRow | OrderRow, ...]
    problem: str = ""
    others: tuple[str, ...] = ()

    def lines(self, data_dir: Path, place: str = "paper") -> list[Line]:
        """Return what the dialog says; ``place`` is where the orders are."""
        lines: list[Line] = [(("target  ", "dim"), (f"{place}, {data_dir}", ""))]
        if self.problem:
            lines.append(((f"What is open cannot be told: {self.problem}", "warn"),))
        elif not self.rows and not self.others:
            lines.append((("Nothing is open. It halts trading all the same.", ""),))
        lines += [
            ((_said(row), "word" if isinstance(row, PositionRow) else ""),)
            for row in self.rows[:MOST]
        ]
        if len(self.rows) > MOST:
            lines.append(((f"and {len(self.rows) - MOST} more", "dim"),))
        lines += [((f"not this run's: {text}", "warn"),) for text in self.others[:MOST]]
        if len(self.others) > MOST:
            lines.append(((f"and {len(self.others) - MOST} more that are not this run's", "warn"),))
        lines.append(())
        lines.append((("Halts, cancels every order, closes every position at market.", ""),))
        lines.append((("F9 once more confirms; esc cancels.", "dim"),))
        return lines


def read_holdings(data_dir: Path, wanted: str | None = None) -> Holdings:
    """Return what is open in a run; with None in every run that is not over."""
    if not journal_path(data_dir).exists():
        return Holdings(())
    rows: list[PositionRow | OrderRow] = []
    others: list[str] = []
    try:
        with Reader(journal_path(data_dir)) as reader, reader.moment():
            for run in reader.runs():
                if run.state != "ended" and wanted in (None, run.id):
                    rows += reader.positions(run.id)
                    rows += reader.orders(run.id, open_only=True)
                    others += _others(reader, run.id)
    except TradebotError as error:
        return Holdings((), error.message)
    return Holdings(tuple(rows), others=tuple(others))


def _others(reader: Reader, run: str) -> list[str]:
    """Return what the run's account held that is none of the run's, as it was last read: positions, then orders."""
    shown = reader.snapshot(run)
    seen = None if shown is None or shown.links is None else shown.links.account
    if seen is None:
        return []
    own = {row.symbol for row in reader.positions(run)}
    known = {row.id for row in reader.orders(run)}
    found = [
        f"{one.symbol} {one.side} {quantity(abs(one.qty))}"
        for one in seen.positions
        if one.symbol not in own or one.hedge
    ]
    found += [
        f"{one.symbol} {'order' if one.trigger is None else 'stop'} {one.side} {quantity(one.qty)}"
        for one in seen.resting
        if one.id not in known
    ]
    more = seen.orders + seen.algo_orders - len(seen.resting)
    return [*found, *([f"{more} orders more"] if more else [])]


def _said(row: PositionRow | OrderRow) -> str:
    if isinstance(row, PositionRow):
        return (
            f"{row.run}  {row.symbol} {row.side} {quantity(row.qty)} @ {price(row.price, row.symbol)}"
            f"  {gain(row.pnl)}"
        )
    return f"{row.run}  {row.symbol} order {row.side} {quantity(row.qty)} ({row.type})"
