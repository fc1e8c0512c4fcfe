"""The table: columns that fit, order, filter, a cursor that stays on its row; and figures as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from tradebot.tui import figures
from tradebot.tui.grid import Grid, GridColumn
from tradebot.tui.lines import wrap
from tradebot.tui.painted import Line


class Thing(NamedTuple):
    id: int
    name: str
    value: Decimal | None


ROWS: list[Thing] = [
    Thing(1, "one", Decimal(10)),
    Thing(2, "two", Decimal(9)),
    Thing(3, "three", None),
]


def columns() -> list[GridColumn[Thing]]:
    return [
        GridColumn("name", 6, lambda row: (row.name, "")),
        GridColumn(
            "value", 6, lambda row: (str(row.value or "-"), ""), lambda row: row.value, right=True
        ),
        GridColumn("least", 6, lambda row: ("x", ""), rank=2),
        GridColumn("less", 6, lambda row: ("y", ""), rank=1),
        GridColumn("words", 4, lambda row: ("some words that are long", ""), words=True),
    ]


class Bench(App[None]):
    CSS = "Grid { padding: 0; border: none; }"

    def compose(self) -> ComposeResult:
        yield Grid("Things", columns(), lambda row: row.id, empty="Nothing: press b.")


async def headings(width: int) -> str:
    app = Bench()
    async with app.run_test(size=(width, 6)):
        grid = app.query_one(Grid)
        grid.show(ROWS)
        return "".join(text for text, _ in grid._line(0))


async def test_columns_leave_by_rank_and_words_take_the_rest() -> None:
    assert (await headings(60)).split() == ["name", "value", "least", "less", "words"]
    assert (await headings(26)).split() == ["name", "value", "less", "words"]
    assert (await headings(20)).split() == ["name", "value", "words"]
    assert len(await headings(60)) == 60


async def test_numbers_sort_as_numbers_and_the_unknown_comes_first() -> None:
    app = Bench()
    async with app.run_test(size=(60, 6)) as pilot:
        grid = app.query_one(Grid)
        grid.show(ROWS)
        grid.focus()
        await pilot.press("s", "s")
        assert [row.id for row in grid.rows] == [3, 2, 1]
        assert "value↑" in "".join(text for text, _ in grid._line(0))
        await pilot.press("S")
        assert [row.id for row in grid.rows] == [1, 2, 3]


async def test_the_cursor_stays_on_its_row_when_others_come_and_go() -> None:
    app = Bench()
    async with app.run_test(size=(60, 6)) as pilot:
        grid = app.query_one(Grid)
        grid.show(ROWS)
        grid.focus()
        await pilot.press("down")
        assert grid.chosen is not None
        assert grid.chosen.id == 2
        grid.show([Thing(0, "zero", Decimal(1)), *ROWS])
        assert grid.chosen.id == 2
        grid.show([row for row in ROWS if row.id != 2])
        assert grid.chosen.id == 1
        grid.show([])
        assert grid.chosen is None
        assert "press b" in "".join(text for text, _ in grid._line(1))


async def test_what_is_scrolled_to_is_drawn() -> None:
    many = [Thing(n, f"n{n}", Decimal(n)) for n in range(100)]
    app = Bench()
    async with app.run_test(size=(60, 6)) as pilot:
        grid = app.query_one(Grid)
        grid.show(many)
        grid.focus()
        await pilot.pause()
        await pilot.press("end")
        await pilot.pause()
        assert grid.chosen == many[-1]
        shown = "".join(text for y in range(6) for text, _ in grid._line(y))
        assert "n99" in shown
        assert "name" in shown


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (figures.usd, None, "-"),
        (figures.usd, "10003.216", "$10,003.22"),
        (figures.gain, "1.2", "+1.20 ▲"),
        (figures.gain, "-0.004", "-0.00 ▼"),
        (figures.gain, "0", "+0.00 ="),
        (figures.gain, None, "-"),
        (figures.brief_gain, "-12345.6", "-12,346 ▼"),
        (figures.quantity, "1E+2", "100"),
        (figures.duration, 59, "59s"),
        (figures.duration, 187, "3m07s"),
        (figures.duration, 7_500, "2h05m"),
        (figures.duration, 273_600, "3d04h"),
        (figures.clock, 1_736_145_802_000, "01-06 06:43:22"),
        (figures.clock, None, "-"),
    ],
)
def test_figures(show: Any, value: Any, text: str) -> None:
    assert show(value) == text


@pytest.mark.parametrize(
    ("value", "symbol", "text"),
    [
        ("98759.512345", "BTC/USDT", "98,759.5"),
        ("101413", "BTC/USDT", "101,413.0"),
        ("0.742112", "ADA/USDT", "0.7421"),
        ("2.5", "XRP/USDT", "2.5000"),
        ("3600", "ETH/USDT", "3,600.00"),
        ("1.5", "UNKNOWN", "1.50000000"),
        (None, "BTC/USDT", "-"),
    ],
)
def test_prices_have_the_decimals_of_their_tick(value: Any, symbol: str, text: str) -> None:
    assert figures.price(value, symbol) == text


@pytest.mark.parametrize("width", [5, 9, 20, 33])
def test_lines_are_broken_between_words_and_keep_their_paint(width: int) -> None:
    line: Line = (
        ("a long line of text ", "dim"),
        ("and-a-word-that-never-ends", "warn"),
        (" x", ""),
    )
    rows = wrap([line, ()], width)
    assert rows[-1] == ()
    assert all(cell_len("".join(text for text, _ in row).rstrip()) <= width for row in rows)
    shown = "".join("".join(text for text, _ in row) for row in rows)
    assert shown.replace(" ", "") == "".join(text for text, _ in line).replace(" ", "")
    painted = {text.strip(): paint for row in rows for text, paint in row}
    assert painted.get("long", "dim") == "dim"


@pytest.mark.parametrize(("share", "text"), [("0", "····"), ("0.001", "█···"), ("9", "████")])
def test_a_little_is_not_nothing(share: str, text: str) -> None:
    assert figures.bar(Decimal(share), 4) == text
