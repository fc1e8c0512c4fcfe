"""Nothing happens in silence: a run that came to nothing says why, and what its data did not have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tradebot.__main__ import main
from tradebot.cli import run_commands

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


def test_a_backtest_points_at_what_has_all_its_trades(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    often = """if self.seen % 9 == 2:
            return Signal("long", 1.0, stop=bar.close * 0.99)
        if self.seen % 9 == 5:
            return Signal("exit", 1.0)"""
    file = bars(tmp_path / "BTCUSDT-1m-a.csv", list(range(500)))
    (tmp_path / "often.py").write_text(AT[: AT.index("if self.seen ==")] + often)
    words = ["backtest", str(file), "--strategy", f"{tmp_path}/often.py:At"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "; --json or --html FILE has all)" in text
    assert "tradebot trades" not in text
    hashes = [line.split() for line in text.splitlines()[-3:]]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"]["hashes"] == dict(hashes)
    assert [name for name, _ in hashes] == ["signals", "orders", "fills"]


def test_files_at_a_pace_say_how_long_they_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEBOT_DATA_DIR", str(tmp_path / "data"))
    file = bars(tmp_path / "BTCUSDT-1m-a.csv", list(range(500)))
    words = ["paper", str(file), "--headless", "--for", "2m", "--set"]
    assert main([*words, "market.speed=100000"]) == 0
    assert "--speed max" not in capsys.readouterr().err
    monkeypatch.setattr(run_commands, "LONG_MS", 1)
    assert main([*words, "market.speed=1000"]) == 0
    assert (
        "2 min of data take 1 min at 1000 market minutes a minute; "
        "--speed max plays them as fast as they can be read"
    ) in capsys.readouterr().err


def test_what_a_closed_position_made_needless_keeps_its_quantity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEBOT_DATA_DIR", str(tmp_path / "data"))
    both = AT.replace("stop=bar.close", "target=bar.close * 1.00002, stop=bar.close")
    (tmp_path / "both.py").write_text(both)
    file = bars(tmp_path / "BTCUSDT-1m-a.csv", list(range(60)))
    strategy = f"{tmp_path}/both.py:At"
    assert main(["paper", str(file), "--headless", "--speed", "max", "--strategy", strategy]) == 0
    capsys.readouterr()
    assert main(["orders", "--json"]) == 0
    orders = json.loads(capsys.readouterr().out)["data"]["orders"]
    (stop,) = [row for row in orders if row["purpose"] == "s"]
    assert (stop["status"], stop["reason"]) == ("cancelled", "position closed")
    assert float(stop["qty"]) > 0
    for columns, shown in (("120", "cancelled (position closed)"), ("80", "cancelled (position")):
        monkeypatch.setenv("COLUMNS", columns)
        assert main(["orders"]) == 0
        text = capsys.readouterr().out
        assert shown in text
        assert stop["qty"] in text


def test_runs_over_different_markets_are_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEBOT_DATA_DIR", str(tmp_path / "data"))
    for name in ("a", "b"):
        file = bars(tmp_path / f"BTCUSDT-1m-{name}.csv", list(range(9)))
        assert main(["paper", str(file), "--headless", "--speed", "max"]) == 0
    capsys.readouterr()
    assert main(["compare", "paper-0001", "paper-0002"]) == 2
    assert "different markets" in capsys.readouterr().err.splitlines()[0]


def test_a_password_in_an_address_is_never_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    for url in ("http://me:hunter2@127.0.0.1:1", "http://me:hunter2@example.com", "hunter2@x\x1b"):
        assert main(["config", "show", "--set", f"exchange.url={url}"]) == 2
        said = capsys.readouterr()
        assert "hunter2" not in said.out + said.err


THIN = AT.replace('reason="in")', 'target=bar.close * 1.0005, reason="in")')


@pytest.mark.parametrize("mode", ["paper", "ghost"])
def test_a_journalled_run_without_a_fill_says_why_too(
    mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEBOT_DATA_DIR", str(tmp_path / "data"))
    file = bars(tmp_path / "BTCUSDT-1m-a.csv", list(range(3)))
    (tmp_path / "at.py").write_text(AT)
    words = [mode, str(file), "--strategy", f"{tmp_path}/at.py:At", "--speed", "max", "--headless"]
    assert main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["warnings"]
    why = "1 signal(s) approved and nothing filled: 1 x still waiting when the run ended"
    assert said[-1] == why
    bars(file, list(range(9)))
    assert main([*words, "--json"]) == 0
    assert why not in json.loads(capsys.readouterr().out)["warnings"]


@pytest.mark.parametrize("mode", ["backtest", "paper", "ghost"])
def test_a_target_that_cannot_pay_and_a_rejection_are_told_in_every_mode(
    mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEBOT_DATA_DIR", str(tmp_path / "data"))
    file = bars(tmp_path / "BTCUSDT-1m-a.csv", list(range(9)))
    (tmp_path / "at.py").write_text(THIN)
    words = [mode, str(file), "--strategy", f"{tmp_path}/at.py:At", "--json"]
    words += [] if mode == "backtest" else ["--speed", "max", "--headless"]
    assert main(words) == 0
    said = json.loads(capsys.readouterr().out)["warnings"]
    assert len([text for text in said if "it cannot pay (said once a run)" in text]) == 1

    assert main([*words, "--profile", "bench", "--set", "sim.start_equity=900"]) == 0
    said = json.loads(capsys.readouterr().out)["warnings"]
    assert len([text for text in said if "the exchange rejected 1 order(s) (-2019)" in text]) == 1
