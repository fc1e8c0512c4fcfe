"""Cells of the archive, and the words a refusal's rule is known by."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradebot.reports.archive import cell
from tradebot.reports.monthly.usage import rule_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.50"), "-0.5"),
        ("-1.5", "-1.5"),
        ("+3", "+3"),
        ("=1+1", "'=1+1"),
        ("-cmd", "'-cmd"),
        ("@sum", "'@sum"),
        ("+x", "'+x"),
        ("\tx", "'\tx"),
        ("stop", "stop"),
        (True, "yes"),
        (["a", "b"], "a; b"),
        (["=a"], "'=a"),
        (7, "7"),
    ],
)
def test_no_cell_is_a_formula(value: object, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("no entries in the hour 22:00 UTC (blackout)", "blackout"),
        ("last entry was 3 s ago; entries are at least 60 s apart", "entry interval"),
        ("trading is halted: day_loss", "halted"),
        ("BTC/USDT: an entry needs a stop", "stop"),
        ("2 positions or entries are open; the limit is 2", "positions"),
        ("something else", "other"),
    ],
)
def test_a_refusal_is_known_by_its_words(text: str, rule: str) -> None:
    assert rule_of(text) == rule
