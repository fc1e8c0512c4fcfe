"""Every bad input is a DataError that names the file, the line and the fault."""

from __future__ import annotations

import gzip
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from kits.market_rows import (
    FUNDING_HEADER,
    HEADER,
    MINUTE,
    SHORT_HEADER,
    T0,
    TRADE_HEADER,
    numbers,
    row,
    rows,
    write,
)

from tradebot.core.model.errors import DataError
from tradebot.market.files.feed import open_files

NAME = "BTCUSDT-1m-2025-05.csv"


def refusal(*paths: Path, symbols: list[str] | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        for _ in open_files(paths, symbols).steps():
            pass
    return caught.value


def changed(i: int, column: int, value: str) -> str:
    fields = row(i).split(",")
    fields[column] = value
    return ",".join(fields)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (changed(3, 1, "nan"), "open nan is not a finite"),
        (changed(3, 2, "inf"), "high inf is not a finite"),
        (changed(3, 2, "1e300"), "high 1e300 is not a finite, plausible"),
        (changed(3, 3, "-1"), "low -1 must be above 0"),
        (changed(3, 3, "0"), "low 0 must be above 0"),
        (changed(3, 4, "abc"), "close 'abc' is not a number"),
        (changed(3, 4, ""), "close '' is not a number"),
        (changed(3, 4, "5000"), "close 5000 lies outside low"),
        (changed(3, 1, "5000"), "open 5000 lies outside low"),
        (changed(3, 2, "1"), "high 1 is below low"),
        (changed(3, 5, "-1"), "volume -1 must be 0 or more"),
        (changed(3, 5, "nan"), "volume nan is not a finite"),
        (changed(3, 0, "yesterday"), "timestamp 'yesterday' is not a number of ms"),
        (changed(3, 0, f"{T0 + 3 * MINUTE}000"), "is out of range"),
        (row(3) + ",1", "13 columns, expected 12"),
        (row(3, columns=6), "6 columns, expected 12"),
        (row(2), "2025-05-01T00:02:00Z comes twice"),
        (row(1), "rows are not in order"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, bad: str, says: str) -> None:
    path = write(tmp_path / NAME, [HEADER, *rows(3), bad, *rows(3, 4)])
    error = refusal(path)
    assert (error.file, error.line) == (str(path), 5)
    assert says in error.message


def test_lines_are_counted_across_blocks(tmp_path: Path) -> None:
    lines = [HEADER, *rows(30_000)]
    lines[20_000] = changed(19_999, 1, "nan")
    assert refusal(write(tmp_path / f"{NAME}.gz", lines)).line == 20_001


def test_stray_microseconds(tmp_path: Path) -> None:
    lines = rows(5, micro=True)
    fields = lines[3].split(",")
    lines[3] = ",".join([str(int(fields[0]) + 1), *fields[1:]])
    error = refusal(write(tmp_path / NAME, lines))
    assert (error.line, "is not a number of us" in error.message) == (4, True)


def missing(folder: Path) -> Path:
    return folder / NAME


def directory(folder: Path) -> Path:
    (folder / NAME).mkdir()
    return folder / NAME


def empty(folder: Path) -> Path:
    return write(folder / NAME, [], end="")


def blank(folder: Path) -> Path:
    return write(folder / NAME, ["", "", ""])


def only_header(folder: Path) -> Path:
    return write(folder / NAME, [HEADER])


def not_text(folder: Path) -> Path:
    (folder / NAME).write_bytes(b"1746057600000,1\n\xff\xfe\x00")
    return folder / NAME


def no_kind(folder: Path) -> Path:
    return write(folder / "BTCUSDT.csv", ["1746057600000,1,2,3"])


def strange_header(folder: Path) -> Path:
    return write(folder / NAME, ["date,close,open,high,low,volume", *rows(3, columns=6)])


def seconds(folder: Path) -> Path:
    return write(folder / NAME, ["1746057600,1,1,1,1,1"])


def dates(folder: Path) -> Path:
    return write(folder / NAME, [SHORT_HEADER, "2025-05-01,1,1,1,1,1"])


def seven_columns(folder: Path) -> Path:
    return write(folder / NAME, [row(0, columns=6) + ",1"])


def odd_interval(folder: Path) -> Path:
    return write(folder / "BTCUSDT.csv", rows(4, interval=7 * MINUTE))


def other_interval(folder: Path) -> Path:
    return write(folder / NAME, rows(4, interval=5 * MINUTE))


def one_row(folder: Path) -> Path:
    return write(folder / "BTCUSDT.csv", rows(1))


def bad_symbol(folder: Path) -> Path:
    return write(folder / "bench1.csv", rows(3, columns=6))


def order_book(folder: Path) -> Path:
    return write(folder / "BTCUSDT-bookTicker-2025-05.csv", rows(1))


def wrong_name(folder: Path) -> Path:
    return write(folder / NAME, [TRADE_HEADER, f"1,1,1,1,1,{T0},true"])


def two_members(folder: Path) -> Path:
    path = folder / "BTCUSDT-1m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", row(0))
        archive.writestr("b.csv", row(1))
    return path


def cut_zip(folder: Path) -> Path:
    path = write(folder / "BTCUSDT-1m.zip", rows(3000))
    path.write_bytes(path.read_bytes()[:-100])
    return path


@pytest.mark.parametrize(
    ("make", "line", "says"),
    [
        (missing, None, "no such file"),
        (directory, None, "is a directory"),
        (empty, 1, "is empty"),
        (blank, 1, "is empty"),
        (only_header, 1, "a header and no rows"),
        (not_text, 2, "is no CSV text"),
        (no_kind, 1, "4 columns: no known kind"),
        (strange_header, 1, "unknown columns: date,close"),
        (seconds, 1, "neither milliseconds"),
        (dates, 2, "timestamp '2025-05-01' is not a number"),
        (seven_columns, 1, "7 columns, expected 6 or 12 for klines"),
        (odd_interval, 2, "rows are 420 s apart"),
        (other_interval, 2, "is named as 1m but its rows are 5m apart"),
        (one_row, None, "one row does not tell the interval"),
        (bad_symbol, None, "the name does not say the symbol"),
        (order_book, None, "bookticker files cannot be used"),
        (wrong_name, 1, "is named as klines but has the columns of aggregated trades"),
        (two_members, None, "holds 2 files"),
        (cut_zip, None, "is no complete zip file"),
    ],
)
def test_a_file_that_cannot_be_used(
    tmp_path: Path, make: Callable[[Path], Path], line: int | None, says: str
) -> None:
    path = make(tmp_path)
    error = refusal(path)
    assert (error.file, error.line) == (str(path), line)
    assert says in error.message


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, rows(2))
    path.chmod(0)
    assert "cannot be read" in refusal(path).message


def test_a_cut_gzip_file_names_the_line_it_got_to(tmp_path: Path) -> None:
    path = write(tmp_path / f"{NAME}.gz", rows(30_000))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    error = refusal(path)
    assert error.file == str(path)
    assert error.line is not None
    assert 10_000 < error.line < 20_000
    assert "cut off" in error.message
    assert error.hint is not None


def test_a_damaged_gzip_file(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.gz"
    data = bytearray(gzip.compress("\n".join(rows(3000)).encode()))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert refusal(path).file == str(path)


def test_a_damaged_zip_file(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT-1m.zip", rows(3000))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert refusal(path).file == str(path)


@pytest.mark.parametrize("columns", [6, 12])
def test_a_plain_file_cut_in_its_last_line(tmp_path: Path, columns: int) -> None:
    """Every place to cut in the last line is found, but for a cut right at its end."""
    lines = rows(60, columns=columns)
    last = lines.pop()
    for keep in range(1, len(last)):
        path = write(tmp_path / NAME, [*lines, last[:keep]], end="")
        error = refusal(path)
        assert (error.file, error.line) == (str(path), 60), last[:keep]
        assert "ends in the middle of this line" in error.message


def test_overlapping_files_are_refused_before_anything_is_streamed(tmp_path: Path) -> None:
    one = write(tmp_path / "BTCUSDT-1m-a.csv.gz", rows(10))
    two = write(tmp_path / "BTCUSDT-1m-b.csv", rows(10, 9))
    with pytest.raises(DataError, match=r"overlaps BTCUSDT-1m-a\.csv\.gz") as caught:
        open_files([two, one])
    assert caught.value.file == str(two)
    with pytest.raises(DataError, match="overlaps"):
        open_files([one, one])


def test_overlap_behind_an_unsorted_end_is_found_on_the_way(tmp_path: Path) -> None:
    one = write(tmp_path / "BTCUSDT-1m-a.csv", [*rows(10), ""])
    two = write(tmp_path / "BTCUSDT-1m-b.csv", rows(3, 10))
    three = write(tmp_path / "BTCUSDT-1m-c.csv", [*rows(3, 13), row(10)])
    assert refusal(one, two, three).line == 4


def test_trades_that_overlap(tmp_path: Path) -> None:
    lines = [f"{i},1,1,1,1,{T0 + i},true" for i in range(1, 9)]
    one = write(tmp_path / "BTCUSDT-aggTrades-a.csv", lines[:5])
    two = write(tmp_path / "BTCUSDT-aggTrades-b.csv", lines[3:])
    assert "overlaps" in refusal(one, two).message


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (f"5,1,1,1,{T0 + 9},true", "6 columns, expected 7"),
        (f"x,1,1,1,1,{T0 + 9},true", "trade id 'x'"),
        ("5,1,1,1,1,then,true", "time 'then' is not a number"),
        (f"5,one,1,1,1,{T0 + 9},true", "price 'one' is not a number"),
        (f"5,nan,1,1,1,{T0 + 9},true", "price nan must be finite"),
        (f"5,0,1,1,1,{T0 + 9},true", "price 0 must be finite, plausible and above 0"),
        (f"5,1,-1,1,1,{T0 + 9},true", "quantity -1 must be finite, plausible and not below 0"),
        (f"3,1,1,1,1,{T0 + 9},true", "trade 3 comes twice"),
        (f"2,1,1,1,1,{T0 + 9},true", "rows are not in order"),
        (f"5,1,1,1,1,{T0 - 9},true", "rows are not in order"),
        (f"5,1,1,1,1,{T0}000,true", "is out of range"),
    ],
)
def test_a_bad_trade_is_named_by_its_line(tmp_path: Path, bad: str, says: str) -> None:
    good = [f"{i},1,1,1,1,{T0 + i},true" for i in (1, 3)]
    path = write(tmp_path / "BTCUSDT-aggTrades-2025-05-01.csv", [TRADE_HEADER, *good, bad])
    error = refusal(path)
    assert (error.file, error.line) == (str(path), 4)
    assert says in error.message


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (f"{T0 + MINUTE},8", "2 columns, expected 3"),
        ("soon,8,0.0001", "time 'soon' is not a number"),
        (f"{T0 + MINUTE},8,much", "rate 'much' is not a number"),
        (f"{T0 + MINUTE},8,nan", "rate nan is not a finite number"),
        (f"{T0 + MINUTE},8,1.5", "1.5 is not plausible"),
        (f"{T0 + 5},8,0.1", "comes twice"),
        (f"{T0 - MINUTE},8,0.1", "comes after"),
    ],
)
def test_a_bad_funding_row_is_named_by_its_line(tmp_path: Path, bad: str, says: str) -> None:
    klines = write(tmp_path / NAME, rows(3))
    lines = [FUNDING_HEADER, f"{T0},8,0.0001", bad]
    path = write(tmp_path / "BTCUSDT-fundingRate-2025-05.csv", lines)
    error = refusal(klines, path)
    assert (error.file, error.line) == (str(path), 3)
    assert says in error.message


def test_intervals_must_agree(tmp_path: Path) -> None:
    one = write(tmp_path / "BTCUSDT-1m-x.csv", rows(3))
    two = write(tmp_path / "ETHUSDT-5m-x.csv", rows(3, interval=5 * MINUTE))
    error = refusal(one, two)
    assert error.file == str(two)
    assert "has bars of 5m, BTCUSDT-1m-x.csv has bars of 1m" in error.message


def test_files_without_prices(tmp_path: Path) -> None:
    klines = write(tmp_path / NAME, rows(3))
    funding = write(tmp_path / "ETHUSDT-fundingRate-x.csv", [f"{T0},8,0.0001"])
    error = refusal(klines, funding)
    assert (error.file, "no file has its prices" in error.message) == (str(funding), True)
    assert "no price files" in refusal(funding).message
    with pytest.raises(DataError, match="no market data files"):
        open_files([])


def test_klines_and_trades_of_one_symbol(tmp_path: Path) -> None:
    klines = write(tmp_path / NAME, rows(3))
    trades = write(tmp_path / "BTCUSDT-aggTrades-x.csv", [f"1,1,1,1,1,{T0},true"])
    assert "which has klines too" in refusal(klines, trades).message


@pytest.mark.parametrize(
    ("symbols", "says"),
    [
        (["ETH/USDT"], "no file holds ETH/USDT"),
        (["BTCUSDT"], "'BTCUSDT' is no symbol"),
    ],
)
def test_symbols_that_do_not_fit(tmp_path: Path, symbols: list[str], says: str) -> None:
    assert says in refusal(write(tmp_path / NAME, rows(3)), symbols=symbols).message


def test_one_symbol_covers_one_file(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", rows(3, columns=6))
    two = write(tmp_path / "two.csv", rows(3, 3, columns=6))
    error = refusal(one, two, symbols=["BTC/USDT"])
    assert "2 file(s) without a symbol in the name, 1 symbol(s)" in error.message
    both = open_files([one, two], ["BTC/USDT", "BTC/USDT"])
    assert sum(len(step) for step in both.steps()) == 6


def test_the_row_used_here_is_good() -> None:
    opened, high, low, close, volume = map(float, numbers(3))
    assert 0 < low <= opened <= high
    assert low <= close <= high
    assert volume >= 0
