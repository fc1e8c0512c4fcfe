"""Presence is not coverage: what the files do not have is told, by symbol and stretch."""

from __future__ import annotations

import os
import socket
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from kits.market_rows import FUNDING_HEADER, HEADER, MINUTE, T0, TRADE_HEADER, row, rows, write

from tradebot.core.model.errors import DataError
from tradebot.core.model.times import iso
from tradebot.core.model.values import HOUR_MS, Bar
from tradebot.market.files.feed import open_files
from tradebot.market.files.findings import Hole, holes

H = HOUR_MS
DAY = 24 * 60  # rows


def hourly(path: Path, count: int, start: int = 0) -> Path:
    return write(path, [HEADER, *rows(count, start, interval=H)])


def funding(path: Path, *hours: int, every: int = 8) -> Path:
    return write(path, [FUNDING_HEADER, *(f"{T0 + h * H + 3},{every},0.0001" for h in hours)])


def told(*paths: Path, positions: Sequence[dict[str, str]] = ()) -> list[str]:
    feed = open_files(paths)
    end = -1
    for step in feed.steps():
        end = max([end, *(event.at for event in step)])
    return feed.warnings(end, positions)


def refused(path: Path, *, bounds: dict[str, tuple[float, float]] | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        list(open_files([path], bounds=bounds).steps())
    return caught.value


def at(hour: int) -> str:
    return iso(T0 + hour * H)


# -- funding -----------------------------------------------------------------------------------------


def test_whole_coverage_says_nothing(tmp_path: Path) -> None:
    prices = hourly(tmp_path / "BTCUSDT-1h-a.csv", 20)
    assert told(prices, funding(tmp_path / "BTCUSDT-fundingRate-a.csv", 0, 8, 16, 24)) == []


def test_another_months_funding_covers_nothing(tmp_path: Path) -> None:
    prices = hourly(tmp_path / "BTCUSDT-1h-a.csv", 20)
    april = funding(tmp_path / "BTCUSDT-fundingRate-a.csv", -48, -40, -32)
    assert told(prices, april) == [
        f"BTC/USDT: no funding rates for {at(0)} to {at(16)} (3 fundings): they count as 0"
    ]


def test_a_hole_in_the_funding(tmp_path: Path) -> None:
    prices = hourly(tmp_path / "BTCUSDT-1h-a.csv", 20)
    file = funding(tmp_path / "BTCUSDT-fundingRate-a.csv", 0, 16)
    assert told(prices, file) == [
        f"BTC/USDT: no funding rate for {at(8)}: it counts as 0",
    ]


def test_one_symbols_funding_is_not_anothers(tmp_path: Path) -> None:
    prices = [hourly(tmp_path / f"{base}USDT-1h-a.csv", 20) for base in ("BTC", "ETH")]
    file = funding(tmp_path / "BTCUSDT-fundingRate-a.csv", 0, 8, 16)
    assert told(*prices, file) == [
        "ETH/USDT: no funding file was given: its funding counts as 0",
    ]


def test_fundings_every_four_hours_are_no_holes() -> None:
    moments = [(hour * H, every * H) for hour, every in ((0, 8), (8, 8), (12, 4), (16, 4), (24, 8))]
    assert holes(moments, 0, 31 * H) == []
    assert holes(moments[:3] + moments[4:], 0, 31 * H) == [Hole(16 * H, 16 * H, 1)]


def test_no_funding_was_due(tmp_path: Path) -> None:
    prices = write(tmp_path / "BTCUSDT-1m-a.csv", rows(30, 5))
    assert told(prices, funding(tmp_path / "BTCUSDT-fundingRate-a.csv", -8)) == []


# -- from when to when ---------------------------------------------------------------------------------


def test_a_symbol_that_starts_late_and_one_that_ends_early(tmp_path: Path) -> None:
    hourly(tmp_path / "BTCUSDT-1h-a.csv", 30)
    hourly(tmp_path / "ETHUSDT-1h-a.csv", 20, 5)
    said = told(*sorted(tmp_path.iterdir()), positions=[{"symbol": "ETH/USDT", "price": "1812.5"}])
    assert said[:2] == [
        f"ETH/USDT: its data begins at {at(5)}, 5 h after the run's",
        (
            f"ETH/USDT: its data ends at {at(25)}, 5 h before the run's; "
            "its open position is valued at 1812.5, a price that old"
        ),
    ]


def test_a_run_that_was_stopped_says_nothing_of_what_it_did_not_read(tmp_path: Path) -> None:
    hourly(tmp_path / "BTCUSDT-1h-a.csv", 30)
    hourly(tmp_path / "ETHUSDT-1h-a.csv", 20)
    feed = open_files(sorted(tmp_path.iterdir()))
    steps = feed.steps()
    last = [next(steps) for _ in range(10)][-1][0]
    assert feed.warnings(last.at) == ["no funding file was given: funding counts as 0"]


# -- rows that are odd and real ------------------------------------------------------------------------


def test_rows_off_the_grid_are_skipped_with_a_count(tmp_path: Path) -> None:
    """The exchange's files of 2018 have a few such rows after its outages."""
    odd = row(3).split(",")
    odd[0] = str(T0 + 3 * MINUTE + 18_123)
    file = write(tmp_path / "BTCUSDT-1m-a.csv", [HEADER, *rows(3), ",".join(odd), *rows(3, 4)])
    feed = open_files([file])
    assert [step[0].open_time for step in feed.steps() if isinstance(step[0], Bar)] == [
        T0 + i * MINUTE for i in (0, 1, 2, 4, 5, 6)
    ]
    assert "BTC/USDT: 1 row(s) skipped: their time is no multiple of 1m" in feed.warnings(T0)


def test_a_file_wholly_off_the_grid_is_refused(tmp_path: Path) -> None:
    lines = [row(i).split(",") for i in range(5)]
    shifted = [",".join([str(int(fields[0]) + 30_000), *fields[1:]]) for fields in lines]
    error = refused(write(tmp_path / "BTCUSDT-1m-a.csv", shifted))
    assert "has no row whose time is a multiple of 60 s" in error.message


def test_trades_of_quantity_0_are_taken_and_counted(tmp_path: Path) -> None:
    lines = [TRADE_HEADER]
    for i, (price, qty) in enumerate([("1868.41", "0.512"), ("1868.42", "0.0"), ("1868.43", "1")]):
        lines.append(f"{i},{price},{qty},{i},{i},{T0 + i * 30},false")
    feed = open_files([write(tmp_path / "ETHUSDT-aggTrades-a.csv", lines)])
    (step,) = feed.steps()
    assert isinstance(step[0], Bar)
    assert step[0].text == ("1868.41", "1868.43", "1868.41", "1868.43", "1.512")
    assert "ETH/USDT: 1 trade(s) of quantity 0, taken as recorded" in feed.warnings(T0)


# -- files that are something else ---------------------------------------------------------------------


def test_files_without_any_volume(tmp_path: Path) -> None:
    lines = []
    for i in range(700):
        fields = row(i).split(",")
        lines.append(",".join([*fields[:5], "0", *fields[6:]]))
    path = write(tmp_path / "BTCUSDT-1m-a.csv.gz", lines)
    error = refused(path)
    assert error.message == "all 700 bars have volume 0: mark or index klines?"
    lines[699] = row(699)
    assert len(list(open_files([write(path, lines)]).steps())) == 700
    mark = write(tmp_path / "ETHUSDT-mark-1m-a.csv", lines)
    prices = write(tmp_path / "ETHUSDT-1m-a.csv", rows(700))
    assert len(list(open_files([mark, prices]).steps())) == 700


def test_prices_that_the_instrument_cannot_have(tmp_path: Path) -> None:
    good = write(tmp_path / "BTCUSDT-1m-a.csv", [HEADER, *rows(5)])
    bounds = {"BTC/USDT": (556.8, 4529764.0)}
    assert len(list(open_files([good], bounds=bounds).steps())) == 5
    line = f"{T0 + 3 * MINUTE},0.00043,0.00051,0.0004,0.00045,1,{T0},0,0,0,0,0"
    error = refused(write(tmp_path / "BTCUSDT-1m-b.csv", [HEADER, *rows(3), line]), bounds=bounds)
    assert error.message == "BTC/USDT at 0.0004: its price lies in 556.8 .. 4529764"
    assert error.line == 5
    trade = write(tmp_path / "BTCUSDT-aggTrades-b.csv", [f"1,0.0004,1,1,1,{T0},true"])
    assert "its price lies in" in refused(trade, bounds=bounds).message


def test_a_delivery_contract_is_not_the_perpetual(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT_250627-1m-2025-05.csv", rows(3))
    assert "BTCUSDT_250627 is a delivery contract" in refused(path).message
    dated = write(tmp_path / "BTCUSDT_20250627.csv", rows(3))
    assert open_files([dated]).symbols == ("BTC/USDT",)


def test_a_zip_packed_on_a_mac(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-mac.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/", "")
        archive.writestr("data/BTCUSDT-1m-mac.csv", "\n".join(rows(4)) + "\n")
        archive.writestr("__MACOSX/data/._BTCUSDT-1m-mac.csv", b"\0\5\x16\7")
        archive.writestr("data/._BTCUSDT-1m-mac.csv", b"\0\5\x16\7")
        archive.writestr("data/.DS_Store", b"\0")
    assert len(list(open_files([path]).steps())) == 4


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("BTCUSDT-1m-a.zip.CHECKSUM", f"{'ab' * 32}  BTCUSDT-1m-a.zip\n", "is a checksum"),
        ("BTCUSDT-1m-a.zip", "<!DOCTYPE html>\n<html><body>404</body></html>\n", "is a web page"),
        ("BTCUSDT-1m-a.csv", '<?xml version="1.0"?>\n<Error/>\n', "is a web page"),
        ("BTCUSDT-1m-b.csv", "\r".join(rows(4)) + "\r", "only carriage returns as line ends"),
    ],
)
def test_what_a_file_is_instead(tmp_path: Path, name: str, data: str, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data.encode())
    error = refused(path)
    assert says in error.message
    assert error.hint


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_regular_file_is_refused_by_kind(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "BTCUSDT-1m-a.csv"
    with socket.socket(socket.AF_UNIX) as sock:
        if kind == "pipe":
            os.mkfifo(path)
        else:
            here = Path.cwd()
            os.chdir(tmp_path)  # a socket's name must be short
            try:
                sock.bind(path.name)
            finally:
                os.chdir(here)
        assert f"is a {kind}, not a file" in refused(path).message


def test_a_device_is_refused_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-a.csv"
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except OSError as error:
        pytest.skip(f"no device node can be made here: {error}")
    assert "is a character device" in refused(path).message
