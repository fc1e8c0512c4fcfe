"""A quote told later is the same quote: only the engine's clock differs."""

from __future__ import annotations

from tradebot.core.model.values import Quote


def test_a_quote_told_later() -> None:
    text = ("99.9", "100.1", "5", "5", "100")
    late = Quote("BTC/USDT", 1_000, 1_000, text, 100.0).stamped(4_000)
    assert (late.at, late.exchange_time, late.text, late.mark) == (4_000, 1_000, text, 100.0)
