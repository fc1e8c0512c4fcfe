"""``tradebot download``: files of the archive's layout that a backtest reads, written once and whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.binance_kit import VenueClockAsOurs, scene

from tradebot.app import download as app
from tradebot.app.download import Wanted
from tradebot.app.venue import file_feed
from tradebot.core.model.errors import DataError, UsageError
from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import DAY_MS, MINUTE_MS, Bar
from tradebot.market.binance import archive
from tradebot.market.files.feed import open_files

BTC = "BTC/USDT"
DAY = date(2026, 3, 30)
START = 1_774_828_800_000  # of that day


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


@given(st.dates(date(2020, 1, 1), date(2026, 1, 1)), st.integers(1, 400))
def test_files_cover_each_day_once_and_months_whole(first: date, count: int) -> None:
    last = first + timedelta(days=count - 1)
    files = list(archive.files_of(BTC, "klines", "1m", first, last))
    covered = [day for file in files for day in days(file.first, (file.end - file.first).days)]
    assert covered == days(first, count)
    for file in files:
        assert (file.first.day == 1 and file.end.day == 1) or not file.monthly
    assert len({file.path for file in files}) == len(files)
    singles = [file for file in files if not file.monthly]
    assert len(singles) <= 60


def test_names_are_those_of_the_archive() -> None:
    (file,) = archive.files_of(BTC, "mark", "1h", date(2025, 5, 1), date(2025, 5, 31))
    assert str(file.path) == (
        "futures/um/monthly/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2025-05.zip"
    )
    (file,) = archive.files_of(BTC, "funding", "1m", DAY, DAY)
    assert str(file.path) == (
        "futures/um/daily/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-03-30.zip"
    )
    assert (file.start_ms, file.end_ms) == (START, START + DAY_MS)


def test_what_is_written_is_read_back_and_known_again(tmp_path: Path) -> None:
    path = tmp_path / "a" / "BTCUSDT-1m-2026-03-30.zip"
    assert not archive.is_whole(path)
    archive.store(path, b"open_time\n1\n2\n")
    assert archive.is_whole(path)
    assert archive.count_rows(path) == 2
    told = path.with_name(path.name + ".CHECKSUM").read_text().split()
    assert told == [hashlib.sha256(path.read_bytes()).hexdigest(), path.name]
    again = tmp_path / "b" / path.name
    archive.store(again, b"open_time\n1\n2\n")
    assert again.read_bytes() == path.read_bytes()
    path.write_bytes(path.read_bytes()[:-3])
    assert not archive.is_whole(path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be made"):
        archive.store(tmp_path / "file" / "x.zip", b"x\n")


def test_the_interval_of_fundings_is_the_time_between_them() -> None:
    rows = [
        {"fundingTime": START + hours * 3_600_000 + 5, "fundingRate": "0.0001"}
        for hours in (0, 8, 12)
    ]
    lines = archive.funding_csv(rows).decode().splitlines()
    assert lines[0] == "calc_time,funding_interval_hours,last_funding_rate"
    assert [line.split(",")[1] for line in lines[1:]] == ["8", "8", "4"]
    assert archive.funding_csv(rows[:1]).decode().splitlines()[1].split(",")[1] == "8"
    assert archive.funding_csv([]).decode().splitlines() == lines[:1]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two days of minutes, and a funding file beside them."""
    path = tmp_path / "BTCUSDT-1m-2026-03.csv"
    rows = [
        f"{START - DAY_MS + n * MINUTE_MS},95000.0,95010.0,94990.0,9500{n % 10}.0,{n % 7}.000"
        for n in range(2900)
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


async def test_a_day_from_the_venue_is_the_day_of_the_file(tmp_path: Path, recorded: Path) -> None:
    now = START + DAY_MS + 600_000
    async with scene(lambda at: file_feed([recorded], None, at, aligned=True), now, (BTC,)) as made:
        told: list[tuple[float, str]] = []
        wanted = Wanted((BTC,), "klines", "1m", DAY, DAY, tmp_path / "got")

        async def bring() -> list[app.Downloaded]:
            clock = VenueClockAsOurs(made.clock)
            return await app._download(wanted, made.hosts, lambda *word: told.append(word), clock)

        (found,) = await bring()
        assert found.state == "new"
        (kept,) = await bring()
        assert (kept.state, kept.rows) == ("kept", found.rows)
        assert told[0] == (0.0, "BTCUSDT-1m-2026-03-30")
        want = {bar.open_time: list(map(float, bar.text)) for bar in bars([recorded])}
        got = {bar.open_time: list(map(float, bar.text)) for bar in bars([found.file])}
        assert len(got) == found.rows >= 290  # what the venue knows of its past
        assert got == {at: want[at] for at in got}
        found.file.write_bytes(b"no zip")
        (mended,) = await bring()
        assert (mended.state, mended.rows) == ("new", found.rows)
        with pytest.raises(UsageError, match="is not over on the exchange"):
            await app._download(
                Wanted((BTC,), "klines", "1m", DAY, DAY + timedelta(days=1), tmp_path),
                made.hosts, lambda *_: None, VenueClockAsOurs(made.clock),
            )  # fmt: skip


def bars(paths: list[Path]) -> Iterator[Bar]:
    for step in open_files(paths).steps():
        yield from (event for event in step if isinstance(event, Bar))


def test_a_funding_file_is_one_that_backtests_read(tmp_path: Path) -> None:
    rows = [
        {"fundingTime": START + n * 8 * 3_600_000 + n, "fundingRate": f"0.000{n}"} for n in (1, 2)
    ]
    (file,) = archive.files_of(BTC, "funding", "1m", DAY, DAY)
    archive.store(tmp_path / file.path, archive.funding_csv(rows))
    klines = [[START + n * MINUTE_MS, "9.0", "9.0", "9.0", "9.0", "1", START + n * MINUTE_MS + 59_999, "0", 0, "0", "0", "0"] for n in range(1440)]  # fmt: skip
    (bars_file,) = archive.files_of(BTC, "klines", "1m", DAY, DAY)
    archive.store(tmp_path / bars_file.path, archive.kline_csv(klines))
    feed = open_files([tmp_path / bars_file.path, tmp_path / file.path])
    rates = [e for step in feed.steps() for e in step if isinstance(e, FundingRate)]
    assert [str(rate.rate) for rate in rates] == ["0.0001", "0.0002"]


def test_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    from tradebot.__main__ import main

    def said(*words: str) -> str:
        assert main(["download", *words, "--json"]) == 2
        error = json.loads(capsys.readouterr().out)["error"]
        return f"{error['key']}: {error['message']}"

    day = ("--from", "2025-05-01", "--to", "2025-05-02")
    assert said("x", *day) == 'SYMBOL: "x" is no symbol'
    assert said("BTCUSDT", *day, "--kind", "trades") == '--kind: there is no kind "trades"'
    assert "unknown timeframe" in said("BTCUSDT", *day, "--timeframe", "7m")
    assert said("BTCUSDT", "--from", "May", "--to", "June") == '--from: "May" is no day'
