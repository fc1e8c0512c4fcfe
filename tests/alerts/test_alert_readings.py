"""What the alerter reads of a data directory."""

from __future__ import annotations

import pytest

from tradebot.app.alert_readings import EXCHANGES


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
