from __future__ import annotations

import tempfile
import tracemalloc
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.market_rows import (
    FUNDING_HEADER,
    HEADER,
    MINUTE,
    SHORT_HEADER,
    T0,
    TRADE_HEADER,
    all_shown,
    numbers,
    row,
    rows,
    write,
)

from tradebot.core.model.events import FundingRate
from tradebot.core.model.values import HOUR_MS, Bar, MarkBar
from tradebot.market.files.feed import FileFeed, open_files
from tradebot.market.files.findings import Gap

SUFFIXES = ["csv", "csv.gz", "zip"]


def bars(feed: FileFeed) -> list[Bar]:
    return [event for step in feed.steps() for event in step if isinstance(event, Bar)]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("columns", [6, 12])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("micro", [True, False])
def test_klines_of_every_form_give_the_same_bars(
    tmp_path: Path, suffix: str, columns: int, header: bool, micro: bool
) -> None:
    lines = rows(50, columns=columns, micro=micro)
    if header:
        lines.insert(0, SHORT_HEADER if columns == 6 else HEADER)
    feed = open_files([write(tmp_path / f"BTCUSDT-1m-2025-05.{suffix}", lines)])
    assert feed.symbols == ("BTC/USDT",)
    assert feed.interval == MINUTE
    assert feed.first_time == T0
    assert not feed.has_funding
    expected = [[("bar", "BTC/USDT", T0 + i * MINUTE, MINUTE, *numbers(i))] for i in range(50)]
    assert all_shown(feed.steps()) == expected


def test_a_bar_carries_floats_its_exact_text_and_its_time(tmp_path: Path) -> None:
    feed = open_files([write(tmp_path / "ETHUSDT-1m-2025-05.csv", rows(2))])
    bar = bars(feed)[1]
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == tuple(map(float, numbers(1)))
    assert bar.exact_close == Decimal(numbers(1)[3])
    assert bar.at == T0 + 2 * MINUTE - 1


@pytest.mark.parametrize("end", ["\n", "", "\n\n", "\r\n"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    lines = rows(5)
    if end == "\r\n":
        lines = [f"{line}\r" for line in lines[:-1]] + lines[-1:]
    feed = open_files([write(tmp_path / "BTCUSDT-1m.csv", lines, end=end)])
    assert [bar.text[4] for bar in bars(feed)] == [numbers(i)[4] for i in range(5)]


def test_a_byte_order_mark_and_blank_lines_are_no_data(tmp_path: Path) -> None:
    lines = ["\ufeff" + HEADER, "", *rows(2), "", row(2)]
    assert len(bars(open_files([write(tmp_path / "BTCUSDT-1m.csv", lines)]))) == 3


def test_a_file_without_symbol_in_its_name_takes_the_given_one(tmp_path: Path) -> None:
    path = write(tmp_path / "bench1.csv", [SHORT_HEADER, *rows(5, columns=6)])
    feed = open_files([path], ["BTC/USDT"])
    assert (feed.symbols, feed.interval, len(bars(feed))) == (("BTC/USDT",), MINUTE, 5)
    assert feed.label == "bench1.csv"


def test_symbols_go_to_nameless_files_in_order(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", rows(2, columns=6))
    two = write(tmp_path / "two.csv", rows(3, columns=6))
    named = write(tmp_path / "SOLUSDT-1m.csv", rows(4))
    feed = open_files([two, named, one], ["XRP/USDT", "SOL/USDT", "ada/usdt"])
    counts = dict.fromkeys(feed.symbols, 0)
    for bar in bars(feed):
        counts[bar.symbol] += 1
    assert counts == {"ADA/USDT": 2, "SOL/USDT": 4, "XRP/USDT": 3}


def test_symbols_pick_among_named_files(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "BTCUSDT-1m.csv", rows(2)),
        write(tmp_path / "ETHUSDT-1m.csv", rows(2)),
        write(tmp_path / "ETHUSDT-fundingRate-2025-05.csv", [f"{T0},8,0.0001"]),
    ]
    assert open_files(paths).symbols == ("BTC/USDT", "ETH/USDT")
    only = open_files(paths, ["BTC/USDT"])
    assert only.symbols == ("BTC/USDT",)
    assert not only.has_funding


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT-1m-2025-05.csv", "BTC/USDT"),
        ("BTC_USDT-1m.csv", "BTC/USDT"),
        ("btc-usdt-1m.csv", "BTC/USDT"),
        ("1000SHIBUSDT-1m-2025-05-01.csv", "1000SHIB/USDT"),
        ("SOLUSDT.csv", "SOL/USDT"),
    ],
)
def test_symbols_in_names(tmp_path: Path, name: str, symbol: str) -> None:
    assert open_files([write(tmp_path / name, rows(3))]).symbols == (symbol,)


def test_the_interval_comes_from_the_data_when_the_name_has_none(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT.csv", rows(3, interval=HOUR_MS))
    assert open_files([path]).interval == HOUR_MS


@pytest.mark.parametrize("name", ["BTCUSDT-1m-mark-2025.csv.gz", "BTCUSDT-markPriceKlines-1m.csv"])
def test_mark_bars_travel_before_their_bars(tmp_path: Path, name: str) -> None:
    klines = write(tmp_path / "BTCUSDT-1m-2025.csv", [*rows(2), *rows(2, 3)])
    other = write(tmp_path / "ADAUSDT-1m-2025.csv", rows(5))
    marks = write(tmp_path / name, rows(5, -1))
    steps = list(open_files([klines, marks, other]).steps())
    kinds = [[(type(e).__name__, getattr(e, "symbol", "")) for e in step] for step in steps]
    whole = [("MarkBar", "BTC/USDT"), ("Bar", "ADA/USDT"), ("Bar", "BTC/USDT")]
    # minute 2 has no bar, minute 4 no mark; the mark of minute -1 lies outside
    assert kinds == [whole, whole, [whole[1]], whole, whole[1:]]


def test_mark_klines_are_known_by_their_folder_too(tmp_path: Path) -> None:
    klines = write(tmp_path / "klines" / "BTCUSDT-1m-2025-05.zip", rows(2))
    marks = write(tmp_path / "markPriceKlines" / "BTCUSDT-1m-2025-05.zip", rows(2))
    feed = open_files([klines, marks])
    assert feed.mark_symbols == ("BTC/USDT",)
    assert all(isinstance(step[0], MarkBar) and len(step) == 2 for step in feed.steps())


def test_funding_has_steps_of_its_own_between_the_bars(tmp_path: Path) -> None:
    hours = [3, 11, 19, 27, 35]
    lines = [f"{T0 + h * HOUR_MS + 4},8,0.000{h}" for h in hours]
    paths = [
        write(tmp_path / "BTCUSDT-1h-x.csv", rows(24, 4, interval=HOUR_MS)),
        write(tmp_path / "ADAUSDT-1h-x.csv", rows(24, 4, interval=HOUR_MS)),
        write(tmp_path / "BTCUSDT-fundingRate-x.csv", [FUNDING_HEADER, *lines]),
        write(tmp_path / "ADAUSDT-fundingRate-x.csv.gz", lines),
    ]
    feed = open_files(paths)
    assert feed.funding_symbols == ("ADA/USDT", "BTC/USDT")
    steps = list(feed.steps())
    found = [(i, step) for i, step in enumerate(steps) if isinstance(step[0], FundingRate)]
    assert [step for _, step in found] == [
        [FundingRate(T0 + h * HOUR_MS, s, Decimal(f"0.000{h}")) for s in feed.symbols]
        for h in (11, 19, 27)
    ]
    for i, step in found:
        after, before = steps[i + 1][0], steps[i - 1][0]
        assert isinstance(after, Bar)
        assert isinstance(before, Bar)
        assert after.open_time == step[0].at == before.open_time + HOUR_MS


def test_funding_inside_the_last_bar_still_comes(tmp_path: Path) -> None:
    day = 24 * HOUR_MS
    lines = [f"{T0 + h * HOUR_MS},8,0.0001" for h in (0, 8, 16, 24, 32, 40, 48)]
    paths = [
        write(tmp_path / "BTCUSDT-1d-x.csv", rows(2, interval=day)),
        write(tmp_path / "BTCUSDT-fundingRate-x.csv", lines),
    ]
    kinds = ["F" if isinstance(s[0], FundingRate) else "B" for s in open_files(paths).steps()]
    assert "".join(kinds) == "FBFFFBFF"


def test_funding_files_may_bring_the_mark_price(tmp_path: Path) -> None:
    lines = ["symbol,fundingTime,fundingRate,markPrice", f"BTCUSDT,{T0},-0.00012,94000.5"]
    paths = [
        write(tmp_path / "BTCUSDT-1m.csv", rows(2)),
        write(tmp_path / "BTCUSDT-funding.csv", lines),
    ]
    first = next(open_files(paths).steps())
    assert first == [FundingRate(T0, "BTC/USDT", Decimal("-0.00012"), Decimal("94000.5"))]


def trade(i: int, ms: int, price: str, qty: str) -> str:
    return f"{i},{price},{qty},{i},{i},{T0 + ms},true"


TRADES = [
    trade(1, 100, "100.5", "0.25"),
    trade(2, 100, "101.5", "1"),
    trade(3, 59_999, "99.50", "0.125"),
    trade(4, 60_000, "99.7", "3"),
    trade(9, 180_500, "98", "0.5"),
    trade(10, 180_501, "97.1", "0.0000001"),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("header", [True, False])
def test_aggregated_trades_become_bars_of_a_minute(
    tmp_path: Path, suffix: str, header: bool
) -> None:
    lines = [TRADE_HEADER, *TRADES] if header else TRADES
    path = write(tmp_path / f"BTCUSDT-aggTrades-2025-05-01.{suffix}", lines)
    feed = open_files([path])
    assert feed.first_time == T0
    assert all_shown(feed.steps()) == [
        [("bar", "BTC/USDT", T0, MINUTE, "100.5", "101.5", "99.50", "99.50", "1.375")],
        [("bar", "BTC/USDT", T0 + MINUTE, MINUTE, "99.7", "99.7", "99.7", "99.7", "3")],
        [("bar", "BTC/USDT", T0 + 3 * MINUTE, MINUTE, "98", "98", "97.1", "97.1", "0.5000001")],
    ]
    assert feed.findings.gaps == [Gap("BTC/USDT", T0 + 2 * MINUTE, T0 + 2 * MINUTE, 1)]


def test_spot_trades_in_microseconds(tmp_path: Path) -> None:
    lines = [f"7,100.5,2,1,1,{T0}123,True,True", f"8,100.6,2,1,1,{T0 + MINUTE}456,True,True"]
    feed = open_files([write(tmp_path / "BTCUSDT-aggTrades-2025-05-01.csv", lines)])
    assert [bar.open_time for bar in bars(feed)] == [T0, T0 + MINUTE]


@pytest.mark.parametrize("cut", range(1, len(TRADES)))
def test_trades_may_be_cut_into_files_anywhere(tmp_path: Path, cut: int) -> None:
    whole = write(tmp_path / "BTCUSDT-aggTrades-a.csv", TRADES)
    one = write(tmp_path / "BTCUSDT-aggTrades-b.csv", TRADES[:cut])
    two = write(tmp_path / "BTCUSDT-aggTrades-c.csv", TRADES[cut:])
    assert all_shown(open_files([two, one]).steps()) == all_shown(open_files([whole]).steps())


def test_gaps_are_reported_and_not_filled(tmp_path: Path) -> None:
    one = write(tmp_path / "BTCUSDT-1m-a.csv", [*rows(3), *rows(2, 5)])
    two = write(tmp_path / "BTCUSDT-1m-b.csv", rows(2, 10))
    feed = open_files([one, two])
    assert [(bar.open_time - T0) // MINUTE for bar in bars(feed)] == [0, 1, 2, 5, 6, 10, 11]
    inside = Gap("BTC/USDT", T0 + 3 * MINUTE, T0 + 4 * MINUTE, 2)
    between = Gap("BTC/USDT", T0 + 7 * MINUTE, T0 + 9 * MINUTE, 3)
    assert feed.findings.gaps == [inside, between]
    assert len(list(feed.steps(after=T0 + 5 * MINUTE))) == 3
    assert feed.findings.gaps == [between]  # the other one was told before


def test_progress_goes_from_none_to_all(tmp_path: Path) -> None:
    feed = open_files([write(tmp_path / "BTCUSDT-1m.csv", rows(20_000))])
    assert feed.progress == 0.0
    seen = [feed.progress for _ in feed.steps()]
    assert seen == sorted(seen)
    assert 0 < seen[0] < 0.5
    assert feed.progress == 1.0
    next(feed.steps())
    assert feed.progress < 0.5


def feed_of_all_kinds(folder: Path) -> FileFeed:
    return open_files(
        [
            write(folder / "BTCUSDT-1h-x.csv", [*rows(20, interval=HOUR_MS), *rows(9, 23, interval=HOUR_MS)]),
            write(folder / "ETHUSDT-1h-x.csv", rows(40, 5, interval=HOUR_MS)),
            write(folder / "ETHUSDT-1h-mark-x.csv", rows(30, 2, interval=HOUR_MS)),
            write(folder / "BTCUSDT-fundingRate-x.csv", [f"{T0 + h * HOUR_MS},8,0.0001" for h in (8, 16, 24)]),
        ]
    )  # fmt: skip


def time_of(step: Any) -> int:
    event = step[0]
    return int(event.open_time if isinstance(event, Bar) else event.at)


def test_steps_are_in_order_of_time(tmp_path: Path) -> None:
    times = [time_of(step) for step in feed_of_all_kinds(tmp_path).steps()]
    assert times == sorted(times)


@pytest.mark.parametrize("hour", [-1, 0, 7, 8, 9, 21, 44, 99])
def test_going_on_after_a_time_gives_the_tail(tmp_path: Path, hour: int) -> None:
    feed = feed_of_all_kinds(tmp_path)
    after = T0 + hour * HOUR_MS
    tail = [step for step in feed.steps() if time_of(step) > after]
    assert all_shown(feed.steps(after=after)) == all_shown(tail)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_partition_into_files_in_any_order_gives_the_same_steps(data: st.DataObject) -> None:
    names = ("BTCUSDT-1m", "ADAUSDT-1m")
    with tempfile.TemporaryDirectory() as folder:
        paths: list[Path] = []
        whole: list[Path] = []
        for name in names:
            missing = data.draw(st.sets(st.integers(0, 39), max_size=5), label="missing")
            lines = [row(i) for i in range(40) if i not in missing]
            cuts = data.draw(st.sets(st.integers(1, len(lines) - 1), max_size=6), label="cuts")
            bounds = [0, *sorted(cuts), len(lines)]
            whole.append(write(Path(folder) / f"{name}-whole.csv", lines))
            for n, (a, b) in enumerate(pairwise(bounds)):
                suffix = data.draw(st.sampled_from(SUFFIXES))
                paths.append(write(Path(folder) / f"{name}-{n}.{suffix}", lines[a:b]))
        shuffled = data.draw(st.permutations(paths))
        parts, one = open_files(shuffled), open_files(whole)
        assert all_shown(parts.steps()) == all_shown(one.steps())
        assert parts.findings.gaps == one.findings.gaps


def test_memory_stays_flat_however_long_the_file_is(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT-1m.csv.gz", rows(60_000))
    tracemalloc.start()
    try:
        count = sum(1 for _ in open_files([path]).steps())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 60_000
    assert peak < 3_000_000  # the unpacked text alone has 4.6 MB
