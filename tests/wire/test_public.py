"""Market data by REST from the venue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.venue_kit import START
from kits.wire_kit import connected

from tradebot.core.model.errors import ExchangeError
from tradebot.venue.call import Answer, Call
from tradebot.venue.faults import Faults
from tradebot.wire.endpoints import KLINES, PREMIUM_INDEX
from tradebot.wire.public import PublicData

BTC = "BTC/USDT"


async def test_everything_there_is() -> None:
    async with connected(keys=False) as line:
        data = PublicData(line.wire)
        symbols = {row["symbol"] for row in (await data.exchange_info())["symbols"]}
        assert {"BTCUSDT", "ETHUSDT"} <= symbols
        line.venue_clock.advance(120_000)
        rows = await data.klines(BTC, "1m", START - 60_000, limit=5)
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        assert all(len(row) == 12 for row in rows)
        assert (await data.klines(BTC, "1m", limit=2, price="mark"))[0][4]
        assert (await data.premium_index(BTC))["markPrice"]
        assert (await data.book_ticker(BTC))["bidPrice"] == "76914.90"
        assert isinstance(await data.funding_rates(BTC), list)
        assert not any("signature" in row["params"] for row in line.venue.ledger.of("request"))


class Wrong(Faults):
    """Answers every call with one body."""

    body = b"[]"

    async def after_handling(self, call: Call, answer: Answer) -> Answer:
        return Answer(200, raw=self.body, content_type="application/json")


async def test_an_answer_of_another_shape_is_one_line() -> None:
    async with connected(keys=False) as line:
        line.venue.faults = wrong = Wrong(line.venue)
        with pytest.raises(ExchangeError, match="premiumIndex with something that is not its own"):
            await PublicData(line.wire).premium_index(BTC)
        wrong.body = b'{"a": 1}'
        with pytest.raises(ExchangeError, match="klines with something that is not its own") as no:
            await PublicData(line.wire).klines(BTC, "1m")
        assert "login page" in str(no.value.hint)


@given(st.integers(1, 1500))
def test_what_klines_cost(limit: int) -> None:
    cost = KLINES.cost({"symbol": "BTCUSDT", "limit": limit})
    wanted = 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
    assert cost == wanted


def test_all_symbols_cost_more() -> None:
    assert (PREMIUM_INDEX.cost({"symbol": "BTCUSDT"}), PREMIUM_INDEX.cost({})) == (1, 10)
