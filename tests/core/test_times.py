"""Times at the edge, errors that say where."""

from __future__ import annotations

import pytest

from tradebot.core.model.errors import (
    AlreadyRunningError,
    ConfigError,
    DataError,
    ExchangeError,
    LeftoverError,
    RefusedError,
    SchemaError,
    StrategyError,
    TradebotError,
)
from tradebot.core.model.times import iso, of_iso
from tradebot.core.model.values import Side


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_748_865_600_000, "2025-06-02T12:00:00Z"),
        (1_748_865_600_007, "2025-06-02T12:00:00.007Z"),
    ],
)
def test_iso_there_and_back(ms: int, text: str) -> None:
    assert iso(ms) == text
    assert of_iso(text) == ms


def test_a_date_is_its_midnight_and_offsets_count() -> None:
    assert of_iso("2025-06-02") == of_iso("2025-06-02T02:00+02:00") == 1_748_822_400_000
    with pytest.raises(ValueError, match="Invalid isoformat"):
        of_iso("soon")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TradebotError("x"), 1),
        (ConfigError("x"), 2),
        (DataError("x"), 1),
        (StrategyError("x"), 1),
        (SchemaError("x"), 1),
        (ExchangeError("x"), 3),
        (RefusedError("x"), 4),
        (AlreadyRunningError("x"), 5),
        (LeftoverError("x"), 6),
    ],
)
def test_exit_codes(error: TradebotError, code: int) -> None:
    assert error.exit_code == code


def test_an_error_says_where_as_far_as_it_knows() -> None:
    assert str(ConfigError("too big", file="bot.toml", line=3, key="risk.x")) == (
        "bot.toml:3: risk.x: too big"
    )
    assert str(DataError("empty", file="x.csv")) == "x.csv: empty"
    assert str(TradebotError("no", key="a")) == "a: no"


def test_every_side_has_another() -> None:
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)
