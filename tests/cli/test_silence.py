"""Nothing happens in silence: a run that came to nothing says why, and what its data did not have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tradebot.__main__ import main

T0 = 1_746_518_400_000  # 2025-05-06T08:00Z
MINUTE = 60_000
AT = """
from pydantic import BaseModel

from tradebot.core.strategy.protocol import Signal


class At:
    class Params(BaseModel):
        enter: int = 2
        warmup: int = 0

    def __init__(self, params, symbol):
        self.params, self.warmup, self.seen = params, params.warmup, -1

    def on_bar(self, bar):
        self.seen += 1
        if self.seen == self.params.enter:
            return Signal("long", 1.0, stop=bar.close * 0.99, reason="in")
"""


def bars(path: Path, minutes: list[int], volume: str = "100") -> Path:
    lines = []
    for i in minutes:
        price = 100_000 + i % 7
        lines.append(
            f"{T0 + i * MINUTE},{price},{price + 10},{price - 10},{price},{volume},0,0,0,0,0,0"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


def backtest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, *words: str
) -> tuple[int, dict[str, object], list[str]]:
    (tmp_path / "at.py").write_text(AT)
    code = main(["backtest", *words, "--strategy", f"{tmp_path}/at.py:At", "--json"])
    document = json.loads(capsys.readouterr().out)
    return code, document, document["warnings"]


def test_an_approved_signal_without_a_fill_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "BTCUSDT-1m-a.csv"
    bars(file, list(range(3)))
    code, _document, said = backtest(capsys, tmp_path, str(file))
    assert code == 0
    assert said[-1] == (
        "1 signal(s) approved and nothing filled: 1 x still waiting when the run ended"
    )
    quiet = file.read_text() + "".join(
        line.replace(",100,", ",0,") for line in bars(file, [3, 4, 5]).read_text().splitlines(True)
    )
    file.write_text(quiet)
    _, _, said = backtest(capsys, tmp_path, str(file))
    assert "1 signal(s) approved and nothing filled: 1 x expired (" in said[-1]


def test_a_warm_up_longer_than_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = bars(tmp_path / "BTCUSDT-1m-a.csv", list(range(40)))
    _, document, said = backtest(capsys, tmp_path, str(file), "--param", "warmup=20000")
    assert said[-2:] == [
        "BTC/USDT: the data has 40 bars, the strategy needs 20000 before its first signal",
        "BTC/USDT: a signal before the strategy's warm-up of 20000 bars is not judged",
    ]
    assert document["data"]["positions"] == []  # type: ignore[index]


def test_partial_bars_of_a_larger_timeframe_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes = [*range(37, 140), *range(230, 300)]  # hours of 23, 60, 20, 10 and 60 minutes
    file = bars(tmp_path / "BTCUSDT-1m-a.csv", minutes)
    _, _, said = backtest(capsys, tmp_path, str(file), "--timeframe", "1h", "--param", "warmup=1")
    assert "BTC/USDT: 3 bar(s) of 1h left out: parts of them are missing" in said


def test_funding_that_covers_the_stretch_is_paid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = bars(tmp_path / "BTCUSDT-1m-a.csv", list(range(500)))
    rates = tmp_path / "BTCUSDT-fundingRate-a.csv"
    header = "calc_time,funding_interval_hours,last_funding_rate\n"
    rates.write_text(f"{header}{T0},8,0.0001\n{T0 + 8 * 60 * MINUTE},8,0.0001\n")
    _, document, said = backtest(capsys, tmp_path, str(file), str(rates))
    assert said == []
    assert document["data"]["summary"]["funding"].startswith("-0.09")  # type: ignore[index]
    rates.write_text(f"{header}{T0},8,0.0001\n")
    _, document, said = backtest(capsys, tmp_path, str(file), str(rates))
    assert said == ["BTC/USDT: no funding rate for 2025-05-06T16:00:00Z: it counts as 0"]
    assert document["data"]["summary"]["funding"] == "0"  # type: ignore[index]


def test_a_fee_in_percent_is_asked_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = bars(tmp_path / "BTCUSDT-1m-a.csv", list(range(9)))
    assert main(["backtest", str(file), "--set", "sim.taker_fee=0.05"]) == 2
    assert "0.05 is 5 %, and no fee is above 1 %; 0.05 % is written 0.0005" in (
        capsys.readouterr().err
    )
