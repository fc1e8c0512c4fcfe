"""Periods that other tests shorten, as a run has them."""

from __future__ import annotations

from tradebot.broker import late_lines, private_stream, rule_watch
from tradebot.market.binance import backoff, streams

HOUR_S = 3600


def test_periods_are_those_that_the_readme_names() -> None:
    assert streams.LIFE_S == private_stream.RENEW_S == 23 * HOUR_S
    assert private_stream.KEEP_S == 20 * 60
    assert private_stream.SILENT_S == HOUR_S
    assert private_stream.BACKOFF_S == (backoff.LEAST_S, backoff.MOST_S) == (0.2, 30)
    assert (rule_watch.EACH_S, rule_watch.A_DAY * rule_watch.EACH_S) == (HOUR_S, 24 * HOUR_S)
    assert late_lines.AGREE_S == 2
