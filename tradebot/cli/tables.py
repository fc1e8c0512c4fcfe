"""Lists for people: tables that fit the terminal, with times, prices and amounts as people read them.

Too wide for the terminal, a table first shortens its times, then drops the columns that matter least; what
is left of the line goes to its last column of words. JSON stays exact: this is for eyes.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tradebot.core.model.spoken import duration, price
from tradebot.core.model.text import escaped

Row = Mapping[str, Any]

PIPE_WIDTH = 110
"""Columns where there is no terminal and COLUMNS says nothing."""

GAP = 2
LEAST_WORDS = 18
"""Columns that a list's words need at least, before other columns are dropped for them."""

YEAR = 5
"""Characters of ``2025-`` that a narrow table leaves out of its times."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its key in the row, and how a value is shown.

    ``rank`` 0 always stays; of the others the highest is dropped first. ``words`` may fold.
    """

    name: str
    key: str
    show: Callable[[Any], str] = str
    right: bool = False
    rank: int = 0
    words: bool = False
    tinted: bool = False

    def text(self, row: Row) -> str:
        """Return the cell's text, ``-`` for what is unknown."""
        value = row.get(self.key)
        if value is None:
            return "-"
        shown = price(value, row.get("symbol")) if self.show is price else self.show(value)
        return escaped(shown)


def rendered(*parts: RenderableType) -> str:
    """Return tables and texts as they are printed: no trailing blanks, colour on a terminal only."""
    console = console_of()
    for part in parts:
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def console_of() -> Console:
    """Return a console that writes to memory, as wide as the terminal (or COLUMNS, or the default)."""
    terminal = sys.stdout.isatty()
    console = Console(file=io.StringIO(), force_terminal=terminal, highlight=False)
    if not terminal and "COLUMNS" not in console._environ:
        console = Console(file=io.StringIO(), width=PIPE_WIDTH, highlight=False)
    return console


def listing(title: str, columns: Sequence[Column], rows: Sequence[Row], width: int) -> Table:
    """Return a table of the rows that fits into ``width`` if it can."""
    chosen, short = _fit(columns, rows, width)
    if short and title:
        title += _years(chosen, rows)
    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        collapse_padding=True,
    )
    for column in chosen:
        table.add_column(
            column.name,
            justify="right" if column.right else "left",
            no_wrap=not column.words,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(_cell(column, row, short) for column in chosen))
    return table


def _years(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """Return the year, or the years, that the short times leave out."""
    keys = [column.key for column in columns if column.show is moment]
    years = sorted({row[key][:4] for row in rows for key in keys if row.get(key)})
    if not years:
        return ""
    return f" · {years[0]}" + (f" to {years[-1]}" if len(years) > 1 else "")


def _cell(column: Column, row: Row, short: bool) -> Text:
    text = column.text(row)
    if short and column.show is moment and text != "-":
        text = text[YEAR:]
    return Text(text, tint(row.get(column.key)) if column.tinted else "")


def _fit(
    columns: Sequence[Column], rows: Sequence[Row], width: int
) -> tuple[Sequence[Column], bool]:
    """Return the columns that fit and whether their times must be short."""
    chosen, short = list(columns), False
    needs = {column.name: _need(column, rows) for column in columns}
    while True:
        cut = YEAR if short else 0
        total = sum(needs[c.name] - (cut if c.show is moment else 0) for c in chosen)
        if total + GAP * (len(chosen) - 1) <= width:
            return chosen, short
        if not short:
            short = True
            continue
        worst = max(chosen, key=lambda column: column.rank)
        if not worst.rank:
            return chosen, short
        chosen.remove(worst)


def _need(column: Column, rows: Sequence[Row]) -> int:
    longest = max((cell_len(column.text(row)) for row in rows), default=0)
    if column.words:
        longest = min(longest, LEAST_WORDS)
    return max(longest, len(column.name))


def moment(text: str | None) -> str:
    """Return an ISO time to the minute, ``2025-05-31 20:31`` (UTC)."""
    return "-" if text is None else text[:16].replace("T", " ")


def usd(value: str | None) -> str:
    """Return an amount of USDT with two decimals, ``-`` for unknown."""
    return "-" if value is None else f"${Decimal(value):,.2f}"


def signed(value: str | None, unit: str = "") -> str:
    """Return a figure with its sign and two decimals; ``-`` for unknown."""
    if value is None:
        return "-"
    return f"{Decimal(value):+,.2f}{unit}"


def percent(value: str | None) -> str:
    """Return a signed percentage with two decimals."""
    return signed(value, "%")


def figure(value: str | None, unit: str = "") -> str:
    """Return an unsigned figure with two decimals; ``-`` for unknown."""
    return "-" if value is None else f"{Decimal(value):,.2f}{unit}"


def share(value: float | None) -> str:
    """Return a confidence with two decimals."""
    return "-" if value is None else f"{value:.2f}"


def tint(value: Any) -> str:
    """Return the colour of a gain or a loss; the sign says the same without it."""
    amount = Decimal(value or 0)
    return "green" if amount > 0 else "red" if amount < 0 else ""


POSITIONS = (
    Column("symbol", "symbol"),
    Column("side", "side"),
    Column("qty", "qty", right=True),
    Column("entry", "entry_price", price, right=True),
    Column("current", "price", price, right=True),
    Column("PnL", "pnl", signed, right=True, tinted=True),
    Column("PnL %", "pnl_pct", percent, right=True, rank=1),
    Column("stop", "stop", price, right=True, rank=2),
    Column("target", "target", price, right=True, rank=3),
    Column("since", "entry_time", moment, rank=4),
)


def fine(value: str | None) -> str:
    """Return a small figure with four decimals; ``-`` for unknown."""
    return "-" if value is None else f"{Decimal(value):,.4f}"


CLOSED = (
    Column("symbol", "symbol"),
    Column("side", "side"),
    Column("qty", "qty", right=True),
    Column("entry", "entry_price", price, right=True, rank=2),
    Column("close", "close_price", price, right=True),
    Column("PnL", "pnl", signed, right=True, tinted=True),
    Column("fees", "fees", fine, right=True, rank=1),
    Column("mark", "mark", price, right=True, rank=4),
    Column("slippage", "slippage", fine, right=True),
    Column("slippage %", "slippage_pct", fine, right=True, rank=3),
)

TRADES = (
    Column("id", "id", right=True, rank=3),
    Column("closed", "exit_time", moment),
    Column("symbol", "symbol"),
    Column("side", "side"),
    Column("qty", "qty", right=True),
    Column("entry", "entry_price", price, right=True),
    Column("exit", "exit_price", price, right=True),
    Column("held", "duration_s", duration, right=True),
    Column("PnL", "pnl", signed, right=True, tinted=True),
    Column("PnL %", "pnl_pct", percent, right=True, rank=2),
    Column("why", "exit_reason", rank=1),
)

SIGNALS = (
    Column("id", "id", right=True, rank=3),
    Column("time", "time", moment),
    Column("symbol", "symbol"),
    Column("side", "side"),
    Column("conf", "confidence", share, right=True, rank=2),
    Column("price", "price", price, right=True),
    Column("stop", "stop", price, right=True, rank=4),
    Column("verdict", "verdict"),
    Column("outcome", "outcome_pnl", signed, right=True, rank=1, tinted=True),
    Column("why", "why", words=True),
)

ORDERS = (
    Column("#", "short_id"),
    Column("time", "time", moment),
    Column("symbol", "symbol"),
    Column("side", "side"),
    Column("for", "for"),
    Column("type", "type", rank=3),
    Column("qty", "qty", right=True),
    Column("at", "at", price, right=True),
    Column("status", "status", words=True),
    Column("filled", "filled", right=True, rank=2),
    Column("average", "average", price, right=True, rank=1),
    Column("reason", "reason", words=True, rank=4),
)

FILLS = (
    Column("time", "time", moment),
    Column("symbol", "symbol"),
    Column("side", "side"),
    Column("qty", "qty", right=True),
    Column("price", "price", price, right=True),
    Column("fee", "fee", figure, right=True),
    Column("position", "position", right=True, rank=1),
    Column("realised", "realised", signed, right=True, tinted=True),
    Column("order", "order_id", rank=2),
)

EQUITY = (
    Column("time", "ts", moment),
    Column("equity", "equity", usd, right=True),
    Column("cash", "cash", usd, right=True),
    Column("drawdown", "drawdown", usd, right=True),
    Column("why", "why"),
)

FUNDING = (
    Column("time", "ts", moment),
    Column("symbol", "symbol"),
    Column("amount", "amount", signed, right=True, tinted=True),
    Column("rate", "rate", right=True),
    Column("mark", "mark", price, right=True),
    Column("qty", "qty", right=True),
)

RUNS = (
    Column("run", "id"),
    Column("state", "state"),
    Column("started", "started", moment),
    Column("strategy", "strategy"),
    Column("trades", "trades", right=True, rank=2),
    Column("PnL", "pnl", signed, right=True, rank=1, tinted=True),
    Column("market", "market", words=True),
    Column("error", "error", words=True, rank=3),
)
