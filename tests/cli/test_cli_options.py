"""Texts of the command line as values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradebot.cli.options import (
    Common,
    RunOptions,
    parse_duration,
    parse_params,
    parse_symbols,
    parse_time,
)
from tradebot.core.model.errors import UsageError


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("30s", 30_000),
        ("90m", 5_400_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
        ("1h30m", 5_400_000),
        ("0.5h", 1_800_000),
        ("250ms", 250),
        (" 2W ", 1_209_600_000),
        (None, None),
    ],
)
def test_durations(text: str | None, ms: int | None) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "0s", "1 h", "1y", "1h-30m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-02", 86_400_000),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T01:00:01+01:00", 1000),
        (None, None),
    ],
)
def test_times(text: str | None, ms: int | None) -> None:
    assert parse_time(text) == ms


def test_what_is_no_time() -> None:
    with pytest.raises(UsageError, match="no time"):
        parse_time("yesterday")


def test_symbols() -> None:
    assert parse_symbols("BTC/USDT, ETH/USDT,") == ("BTC/USDT", "ETH/USDT")
    assert parse_symbols(None) is None


@pytest.mark.parametrize("item", ["fast", "=1", "a.b=1"])
def test_what_is_no_parameter(item: str) -> None:
    with pytest.raises(UsageError, match="name=value"):
        parse_params((item,))


def test_flags_of_a_run() -> None:
    options = RunOptions(
        Common(data_dir=Path("state")), "paper", seed=7, params=("fast=10", "word=a=b")
    )
    given = {key: value for key, value in options.flags().items() if value is not None}
    assert given == {
        "data.dir": "state",
        "market.seed": 7,
        "strategy.params.fast": "10",
        "strategy.params.word": "a=b",
    }
