"""Playing again with changed signals: what is kept, what is moved, and that nothing changed changes nothing."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.paper_kit import Bot

from tradebot.app.adjusted import AdjustedStrategy, Adjustment
from tradebot.app.rates import BookedFunding, steps_of
from tradebot.core.model.errors import UsageError
from tradebot.core.model.events import FundingRate
from tradebot.core.model.money import ZERO, exact
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.core.strategy.protocol import Signal
from tradebot.journal.reader import Reader

MONDAY = 1_736_121_600_000  # 2025-01-06 00:00 UTC


def a_bar(hour: int, close: float = 100.0) -> Bar:
    text = [f"{close}"] * 4 + ["1"]
    opened = MONDAY + hour * 60 * MINUTE_MS - MINUTE_MS  # it closes at the full hour
    return Bar("BTC/USDT", opened, MINUTE_MS, text, close, close, close, close, 1.0)


class Scripted:
    """Says what it was given."""

    warmup = 3

    def __init__(self, *signals: Signal | None) -> None:
        self.signals = list(signals)

    def on_bar(self, bar: Bar) -> Signal | None:
        del bar
        return self.signals.pop(0)


def heard(change: str, *said: tuple[int, Signal | None]) -> list[Signal | None]:
    inner = Scripted(*(signal for _, signal in said))
    strategy = AdjustedStrategy(inner, "BTC/USDT", Adjustment.parse(change))
    assert strategy.warmup == 3
    return [strategy.on_bar(a_bar(hour)) for hour, _ in said]


LONG = Signal("long", 0.8, stop=98.0, target=103.0)
SHORT = Signal("short", 0.6, stop=102.0, target=97.0)
OUT = Signal("exit", 1.0)


def test_entries_are_left_out_by_hour_day_side_symbol_and_confidence() -> None:
    assert heard("skip_hours=3+4", (2, LONG), (3, LONG), (4, LONG), (5, LONG)) == [
        *(LONG, None, None, LONG)
    ]
    assert heard("skip_days=mon", (23, LONG), (24, LONG)) == [None, LONG]
    assert heard("skip_sides=short", (1, SHORT), (2, LONG)) == [None, LONG]
    assert heard("skip_symbols=btc/usdt", (1, LONG)) == [None]
    assert heard("min_confidence=0.75", (1, SHORT), (2, LONG)) == [None, LONG]


def test_exits_always_pass_and_a_reversal_left_out_still_ends_the_position() -> None:
    first, second, third = heard("skip_sides=short", (1, LONG), (2, SHORT), (3, SHORT))
    assert first == LONG
    assert second is not None
    assert second.side == "exit"
    assert third is None  # nothing is held any more
    assert heard("skip_hours=1", (1, OUT)) == [OUT]


def test_stops_and_targets_are_moved_seen_from_the_close() -> None:
    (found,) = heard("stop_x=1.5,target_x=0.5", (1, LONG))
    assert found is not None
    assert (found.stop, found.target) == (97.0, 101.5)
    (bare,) = heard("stop_x=2", (1, Signal("long", 1.0)))
    assert bare is not None
    assert bare.stop is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("", "changes nothing"),
        ("skiphours=3", 'does not know "skiphours"'),
        ("skip_hours=24", '"24" is no hour'),
        ("skip_hours=3+", "something empty"),
        ("skip_hours=٣", "is no hour"),
        ("skip_hours", "names nothing"),
        ("stop_x=0", "not above 0"),
        ("stop_x=nan", "no finite number"),
        ("target_x=x", "is no number"),
        ("min_confidence=2", "between 0 and 1"),
        ("skip_sides=up", "none of long, short"),
        ("stop_x=1,stop_x=2", "has stop_x twice"),
    ],
)
def test_a_change_that_is_none(change: str, words: str) -> None:
    with pytest.raises(UsageError) as told:
        Adjustment.parse(change)
    assert words in told.value.message


@given(st.text(alphabet="skiphours_xtargen=+,0123456789.-nab ", max_size=40))
def test_any_text_is_a_change_or_told(text: str) -> None:
    with suppress(UsageError):
        Adjustment.parse(text)


# -- the command ------------------------------------------------------------------------------------


def klines(path: Path) -> Path:
    """Two days of minutes that swing."""
    lines, price = [], 98_000.0
    for i in range(2_880):
        close = price * (1 + (0.0011 if (i // 25) % 2 else -0.0011))
        high, low = max(price, close) * 1.0003, min(price, close) * 0.9997
        at = MONDAY + i * MINUTE_MS
        lines.append(f"{at},{price:.2f},{high:.2f},{low:.2f},{close:.2f},500")
        price = close
    path.write_text("\n".join(lines) + "\n")
    return path


FAST = ("--param", "fast=3", "--param", "slow=9")


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    folder = tmp_path_factory.mktemp("whatif")
    klines(folder / "BTCUSDT-1m.csv")
    bot = Bot(folder, folder / "data")
    bot.paper("BTCUSDT-1m.csv", *FAST)
    return bot


RATES = "BTCUSDT-fundingRate-2025-01.csv"
LONGER = (*FAST, "--param", "target_atr=0")


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    """A run whose positions are held over full hours, at which funding is due."""
    folder = tmp_path_factory.mktemp("holder")
    klines(folder / "BTCUSDT-1m.csv")
    hours = "".join(f"{MONDAY + i * 60 * MINUTE_MS},1,0.000{i % 7}1\n" for i in range(49))
    (folder / RATES).write_text(f"calc_time,funding_interval_hours,last_funding_rate\n{hours}")
    bot = Bot(folder, folder / "data")
    bot.paper("BTCUSDT-1m.csv", RATES, *LONGER)
    return bot


def test_what_changes_nothing_is_the_backtest(bot: Bot) -> None:
    tested = bot.json("backtest", "BTCUSDT-1m.csv", *FAST).data
    found = bot.json("whatif", "BTCUSDT-1m.csv", *FAST, "--set-signal", "stop_x=1").data
    assert found["as_it_is"]["hashes"] == found["changed"]["hashes"] == tested["hashes"]
    assert found["difference"] == found["difference_last_third"] == "0"
    assert found["as_it_is"]["whole"]["trades"] == tested["summary"]["completed_trades"] > 20


def test_a_run_is_played_again_from_its_journal(bot: Bot) -> None:
    trades = bot.json("trades").data["trades"]
    told = bot.json("whatif", "--set-signal", "skip_hours=9+10+11")
    found = told.data
    assert found["as_it_is"]["whole"]["trades"] == len(trades)
    assert found["changed"]["whole"]["trades"] < len(trades)
    hours = [row["entry_time"][11:13] for row in trades]
    assert {"09", "10", "11"} & set(hours)
    parts = found["changed"]
    assert parts["last_third"]["trades"] <= parts["whole"]["trades"]
    assert "funding is played at the " in json.dumps(told.document["warnings"])


def test_a_run_s_funding_is_played_again_to_the_last_digit(holder: Bot) -> None:
    trades = holder.json("trades").data["trades"]
    paid = sum(Decimal(row["funding"]) for row in trades)
    assert paid < 0
    found = holder.json("whatif", "--set-signal", "stop_x=1").data
    for part in ("as_it_is", "changed"):
        whole = found[part]["whole"]
        assert Decimal(whole["funding"]) == paid
        assert Decimal(whole["pnl"]) == sum(Decimal(row["pnl"]) for row in trades)
    shown = holder("whatif", "--set-signal", "stop_x=1").out
    assert "funding" in shown
    assert f"{paid:,.2f}" in shown
    fewer = holder.json("whatif", "--set-signal", "skip_hours=9+10+11").data
    files = holder.json(
        "whatif", "BTCUSDT-1m.csv", RATES, *LONGER, "--set-signal", "skip_hours=9+10+11"
    )
    assert fewer["changed"]["whole"] == files.data["changed"]["whole"]
    assert not files.document["warnings"]


def test_the_rate_of_an_exchange_s_booking_is_that_of_what_was_held(holder: Bot) -> None:
    """An exchange says the amount alone: with the position and the newest close that is the rate again."""
    with Reader(holder.data_dir / "tradebot.db") as reader, exact():
        booked, fills = reader.funding("paper-0001"), reader.fills("paper-0001")
        bars = list(reader.stream_bars("paper-0001"))
        told = [replace(row, rate=ZERO, mark=ZERO, qty=ZERO) for row in booked]
        found = [
            event
            for step in steps_of(bars, BookedFunding(told, fills))
            for event in step
            if isinstance(event, FundingRate)
        ]
    assert len(found) == len(booked) > 10
    for rate, row in zip(found, booked, strict=True):
        assert (rate.at, rate.symbol, rate.mark) == (row.ts, row.symbol, row.mark)
        assert float(rate.rate) == pytest.approx(float(row.rate), abs=2e-12)
    assert not BookedFunding(told, []).before(booked[-1].ts + 1)  # nothing held, nothing known


def test_what_cannot_be_played_is_told(bot: Bot) -> None:
    for words, said in (
        (("BTCUSDT-1m.csv", "--run", "paper-0001"), "name files or --run"),
        (("--run", "paper-0009"), "paper-0009"),
        (("BTCUSDT-1m.csv", "--set", "market.seed=1"), ""),
    ):
        told = bot("whatif", *words, "--set-signal", "skip_symbols=ADA/USDT", code=2)
        assert said in told.err
        assert "Traceback" not in told.err
