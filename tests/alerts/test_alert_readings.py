"""What the alerter reads of a data directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.paper_kit import Bot

from tradebot.alerts.model import Wishes
from tradebot.app.alert_readings import EXCHANGES, JournalReadings, _body
from tradebot.app.phone import JournalAnswers
from tradebot.journal.paths import journal_path


@pytest.mark.parametrize(
    ("label", "simulated"),
    [
        ("BINANCE USD-M (BTC/USDT, ETH/USDT)", False),
        ("BINANCE DEMO (BTC/USDT)", False),
        ("LOOPBACK 127.0.0.1:40929 (BTC/USDT)", False),
        ("DEMO LOOPBACK 127.0.0.1:40929 (BTC/USDT)", False),
        ("SIMULATED MARKET (seed 42; BTC/USDT)", True),
        ("BTCUSDT-1m-2025-05.csv.gz and 2 more (BTC/USDT)", True),
        ("BINANCE USD-M.csv (BTC/USDT)", True),
        ("BINANCE klines.csv (BTC/USDT)", True),
    ],
)
def test_a_file_is_no_exchange_whatever_it_is_called(label: str, simulated: bool) -> None:
    assert (EXCHANGES.match(label) is None) is simulated


@pytest.mark.parametrize("text", ["", "{", "[1", "1", "null", "[]", "{}"])
def test_a_row_that_makes_no_sense_is_a_row_all_the_same(text: str) -> None:
    assert isinstance(_body(text), dict)


@pytest.mark.parametrize("there", [True, False])
def test_a_journal_that_cannot_be_read_says_nothing_of_its_runs(
    tmp_path: Path, there: bool
) -> None:
    if there:
        journal_path(tmp_path).write_bytes(b"no journal")
    seen = JournalReadings(tmp_path).look()
    assert not seen.readable
    assert seen.scenes == ()


def test_what_a_phone_is_answered_of_a_simulated_run_says_so(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    bot.paper("--for", "1h", "--symbols", "BTC/USDT")
    readings, wishes = JournalReadings(bot.data_dir), Wishes(("telegram",))
    answers = JournalAnswers(bot.data_dir, readings, wishes, ())
    for name in ("status", "positions", "trades", "risk", "report"):
        assert answers.answer(name).startswith("SIMULATED "), name
    assert "SIMULATED engine STOPPED" in answers.answer("status")
