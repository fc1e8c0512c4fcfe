"""Benchmarks from files: what is read, what is refused and where, and how two calendars are laid side by side."""

from __future__ import annotations

import gzip
import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from kits.report_kit import JUNE, MAY, D, a_history, a_trade

from tradebot.core.model.errors import TradebotError
from tradebot.core.model.times import of_iso
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.reports.monthly.benchmark_file import parse, read_benchmark
from tradebot.reports.monthly.comparison import Benchmark, Fixing, Growth, compare
from tradebot.reports.monthly.made import report_of
from tradebot.reports.monthly.period import Period, month_of
from tradebot.reports.monthly.sections import sheets

SP500 = Path(__file__).parents[3] / "shared" / "data" / "macro" / "SP500-1d-2017-2026.csv.gz"
PLAIN = "date,close\n2025-05-01,100\n2025-05-02,101.5\n"


def named(folder: Path, text: str | bytes, name: str = "b.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume
2025-05-01,1,2,1,99,100,5
2025-05-02,null,null,null,null,null,null
2025-05-05,1,2,1,99,101.5,5
"""


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        (PLAIN, [100, 101.5], "without dividends"),
        (
            "Date,Open,High,Low,Close,Volume\n2025-05-01,1,2,1,100,5\n2025-05-02,1,2,1,101.5,5\n",
            [100, 101.5],
            "without dividends",
        ),
        (
            "observation_date,SP500\n2025-05-01,100\n2025-05-02,.\n2025-05-05,\n2025-05-06,101.5\n",
            [100, 101.5],
            "SP500 of FRED",
        ),
        ("DATE,VALUE\n2025-05-01,100\n2025-05-02,101.5\n", [100, 101.5], "VALUE of FRED"),
        (
            YAHOO,
            [100, 101.5],
            "Adj Close: with dividends",
        ),
    ],
    ids=["plain", "stooq", "FRED", "FRED's older", "Yahoo"],
)
def test_every_source_s_format(tmp_path: Path, text: str, values: list[float], said: str) -> None:
    told = f"{named(tmp_path, text)}:Mine"
    benchmark = read_benchmark(told)
    assert benchmark.name == "Mine"
    assert [s.value for s in benchmark.sessions] == values
    assert said in benchmark.notes[0]
    packed = named(tmp_path, gzip.compress(b"\xef\xbb\xbf" + text.encode()), "b.csv.gz")
    assert read_benchmark(str(packed)).sessions == benchmark.sessions
    assert read_benchmark(str(packed)).name == "b"


def test_sessions_end_at_four_in_new_york_in_summer_and_winter(tmp_path: Path) -> None:
    text = "date,close\n2025-01-06,1\n2025-03-07,1\n2025-03-10,1\n2025-11-03,1\n"
    ends = [s.at for s in read_benchmark(str(named(tmp_path, text))).sessions]
    assert ends == [
        of_iso("2025-01-06T21:00"),
        of_iso("2025-03-07T21:00"),
        of_iso("2025-03-10T20:00"),
        of_iso("2025-11-03T21:00"),
    ]
    weekend = "date,close\n2025-05-02,1\n2025-05-03,1\n"  # a Saturday: a market that never closes
    daily = read_benchmark(str(named(tmp_path, weekend)))
    assert [s.at for s in daily.sessions] == [of_iso("2025-05-03"), of_iso("2025-05-04")]


BAD = {
    "date,close\n01/05/2025,1\n02/05/2025,2\n": (2, "may be day-first or month-first"),
    "date,close\n1.5.2025,1\n": (2, "may be day-first"),
    "date,close\n2025-05-01,1\n2025-05-02,x\n": (3, '"x" is no value above 0'),
    "date,close\n2025-05-01,1\n2025-05-02,-3\n": (3, "no value above 0"),
    "date,close\n2025-05-01,1\n2025-05-02,nan\n": (3, "no value above 0"),
    "date,close\n2025-05-01,1\n2025-05-02,1e999\n": (3, "no value above 0"),
    "date,close\n2025-05-01,1\n2025-05-02\n": (3, "has 1 cells"),
    "date,close\n2025-05-01,1\n2025-05-01,2\n": (3, "comes twice"),
    "date,close\n2025-05-02,1\n2025-05-01,2\n": (3, "comes after"),
    "date,close\n2025-02-30,1\n": (2, "is no date"),
    "date,close\n2025-05-01,.\n": (2, "no value above 0"),
    "close,date\n1,2025-05-01\n": (1, "no known heading"),
    "": (None, "is empty"),
    "date,close\n": (None, "fewer than two values"),
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, text: str) -> None:
    line, said = BAD[text]
    path = named(tmp_path, text)
    with pytest.raises(TradebotError, match=said) as caught:
        read_benchmark(str(path))
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert caught.value.hint


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for told, said in (
        (tmp_path / "none.csv", "does not exist"),
        (tmp_path, "is a directory"),
        (tmp_path / "pipe", "is a pipe"),
        (f"{tmp_path}/none.csv:S&P", "does not exist"),
        ("a\0b", "cannot be read"),
    ):
        with pytest.raises(TradebotError, match=said):
            read_benchmark(str(told))


def test_two_hundred_broken_files_give_a_clear_line_each(tmp_path: Path) -> None:
    good = "".join(f"{date(2024, 1, 1) + timedelta(days=i)},{100 + i}\n" for i in range(40))
    whole = f"date,close\n{good}".encode()
    draw = random.Random(7)
    refused: list[tuple[str | None, int]] = []
    for i in range(200):
        raw = bytearray(gzip.compress(whole) if i % 4 == 0 else whole)
        for _ in range(draw.randrange(1, 6)):
            place = draw.randrange(len(raw))
            if draw.random() < 0.5:
                raw[place] = draw.randrange(256)
            else:
                del raw[place : place + draw.randrange(1, 30)]
        path = named(tmp_path, bytes(raw))
        try:
            read_benchmark(str(path))
        except TradebotError as error:
            refused.append((error.file, str(error).count("\n")))
    assert len(refused) > 100
    assert set(refused) == {(str(tmp_path / "b.csv"), 0)}
    assert [p.name for p in tmp_path.iterdir()] == ["b.csv"]


# -- side by side -------------------------------------------------------------------------------------------


def grown(points: list[tuple[int, float]]) -> Growth:
    return Growth([at for at, _ in points], [value for _, value in points])


def test_a_weekend_is_one_interval_for_both() -> None:
    days = [
        of_iso(f"2025-05-{d:02d}T20:00") for d in (1, 2, 5, 6)
    ]  # Thursday, Friday, Monday, Tuesday
    benchmark = Benchmark("S", [Fixing(at, 100.0 * 1.01**i) for i, at in enumerate(days)])
    curve = [(MAY + i * 3_600_000, 1.0 + 0.001 * i) for i in range(24 * 10)]
    found = compare(benchmark, grown(curve), MAY + 10 * DAY_MS)
    assert found.n == 3
    assert found.return_pct == pytest.approx(100 * (1.01**3 - 1))
    hours = (days[-1] - days[0]) // 3_600_000
    start = 1.0 + 0.001 * 20
    assert found.own_return_pct == pytest.approx(100 * ((start + 0.001 * hours) / start - 1))
    assert (found.beta, found.alpha_pct) == (None, None)  # three intervals say nothing
    assert not any("it ends before" in note for note in found.notes)


def test_a_benchmark_that_ends_early_cuts_and_says_so() -> None:
    benchmark = Benchmark("S", [Fixing(MAY + i * DAY_MS, 1.0 + i) for i in range(5)])
    curve = [(MAY + i * DAY_MS, 1.0) for i in range(31)]
    found = compare(benchmark, grown(curve), JUNE)
    assert found.last == MAY + 4 * DAY_MS
    assert any("it ends before the report" in note for note in found.notes)
    none = compare(Benchmark("old", [Fixing(5, 1.0), Fixing(6, 2.0)]), grown(curve), JUNE)
    assert (none.n, none.first, none.return_pct, none.correlation) == (0, None, None, None)
    assert none.notes == ("it has nothing in this time",)
    assert compare(benchmark, grown([]), JUNE).n == 0
    late = Benchmark("S", [Fixing(MAY + i * DAY_MS, 1.0 + i) for i in range(9, 31)])
    assert compare(late, grown(curve), JUNE).notes == (
        "it begins after the report: compared from its start on",
    )
    assert compare(late, grown(curve), JUNE).first == MAY + 9 * DAY_MS


def test_a_session_after_the_report_s_end_is_none_of_it() -> None:
    """April's report must not have what the index did on 1 May, nor that of a run that ended at noon its close at 16:00."""
    closes = [MAY + i * DAY_MS + 20 * HOUR_MS for i in range(31)]
    benchmark = Benchmark("S", [Fixing(at, 1.0 + at / JUNE) for at in closes])
    curve = [(MAY + i * HOUR_MS, 1.0) for i in range(10 * 24 + 1)]
    whole = compare(benchmark, grown(curve), MAY + 10 * DAY_MS)
    assert (whole.n, whole.last) == (9, closes[9])
    stopped = compare(benchmark, grown(curve[: 9 * 24 + 13]), JUNE)
    assert stopped.last == closes[8]
    late = compare(benchmark, grown(curve[: 9 * 24 + 20]), JUNE)  # its last hour is 19:00
    assert late.last == closes[9]


def test_beta_and_alpha_from_sixty_common_intervals_on() -> None:
    draw = random.Random(3)
    moves = [draw.gauss(0, 0.01) for _ in range(70)]
    theirs, ours = [100.0], [1.0]
    for move in moves:
        theirs.append(theirs[-1] * (1 + move))
        ours.append(ours[-1] * (1 + 0.0005 + 0.5 * move))
    curve = [(MAY + i * DAY_MS, value) for i, value in enumerate(ours)]
    sessions = [Fixing(MAY + i * DAY_MS, value) for i, value in enumerate(theirs)]
    found = compare(Benchmark("S", sessions), grown(curve), MAY + 71 * DAY_MS)
    assert found.n == 70
    assert found.beta == pytest.approx(0.5)
    assert found.alpha_pct == pytest.approx(0.05)
    assert found.up_capture_pct is not None
    few = compare(Benchmark("S", sessions[:60]), grown(curve), MAY + 71 * DAY_MS)
    assert (few.n, few.beta) == (59, None)


def test_estimates_are_shown_with_their_standard_errors() -> None:
    days = range(1, 90)
    rows = [a_trade(i, MAY + i * DAY_MS, str(i % 5 - 2)) for i in days]
    history = a_history(rows, last=MAY + 90 * DAY_MS)
    closes = [Fixing(MAY + i * DAY_MS, 100.0 + i % 7) for i in range(91)]
    span = Period(MAY, MAY + 90 * DAY_MS)
    report = report_of([history], span, [Benchmark("S", closes)])
    found = report.benchmarks[-1]
    assert found.beta is not None
    assert found.beta_error is not None
    assert found.alpha_error_pct is not None
    (sheet,) = (sheet for sheet in sheets(report) if sheet.title == "Beta and alpha")
    shown = [cell.text for cell in sheet.rows[-1]]
    assert shown[2:4] == [f"{found.beta:.3f}", f"{found.beta_error:.3f}"]
    assert shown[5:7] == [f"{found.alpha_pct:.4f}", f"{found.alpha_error_pct:.4f}"]
    few = report_of([history], month_of(MAY), [Benchmark("S", closes)])
    (sheet,) = (sheet for sheet in sheets(few) if sheet.title == "Beta and alpha")
    assert {cell.text for cell in sheet.rows[-1][2:]} == {"-"}


def test_what_was_traded_is_held_beside_it_net_of_a_fee() -> None:
    rows = [
        a_trade(i, MAY + i * DAY_MS, entry_price=D(100 * i), symbol=symbol)
        for i, symbol in enumerate(("BTC/USDT", "ETH/USDT") * 5, 1)
    ]
    prices = {
        "BTC/USDT": [(MAY, 100.0), (JUNE - DAY_MS, 150.0)],
        "ETH/USDT": [(MAY, 10.0), (JUNE - DAY_MS, 5.0)],
    }
    history = a_history(rows, prices=prices, rates={"BTC/USDT": [(MAY + 8 * 3_600_000, 0.001)]})
    found = {c.name: c for c in report_of([history], month_of(MAY)).benchmarks}
    assert list(found) == ["BTC/USDT held", "ETH/USDT held", "equal mix held", "cash at 0 %"]
    assert found["BTC/USDT held"].return_pct == pytest.approx(50 - 0.05 - 0.1)
    assert found["ETH/USDT held"].return_pct == pytest.approx(-50 - 0.05)
    assert found["equal mix held"].return_pct == pytest.approx((49.85 - 50.05) / 2)
    assert found["cash at 0 %"].return_pct == 0.0
    assert found["cash at 0 %"].beta is None
    empty = replace(history, trades=[], prices={})
    assert [c.name for c in report_of([empty], month_of(MAY)).benchmarks] == ["cash at 0 %"]


@pytest.mark.skipif(not SP500.exists(), reason="the shared data is not here")
def test_the_recorded_index() -> None:
    benchmark = read_benchmark(f"{SP500}:S&P 500")
    assert benchmark.name == "S&P 500"
    assert len(benchmark.sessions) > 2000
    may = [s for s in benchmark.sessions if Period(MAY, JUNE).holds(s.at)]
    assert len(may) == 21  # Memorial Day was the 26th
    assert datetime.fromtimestamp(may[0].at / 1000, UTC).hour == 20


def test_ten_years_are_quick_to_read() -> None:
    """Not by a clock: nothing in it grows faster than the rows."""
    day, rows = date(2015, 1, 5), ["date,close"]
    for i in range(2600):
        rows.append(f"{day + timedelta(days=i // 5 * 7 + i % 5)},{1000 + i}")
    sessions, _ = parse("\n".join(rows), Path("ten.csv"))
    assert len(sessions) == 2600
