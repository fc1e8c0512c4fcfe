"""An account that answers in another shape: one line in words, whatever it is, and never an empty account."""

from __future__ import annotations

import pytest
from kits.wire_kit import connected

from tradebot.broker.account_view import read_balances, read_holdings
from tradebot.core.model.errors import ExchangeError
from tradebot.venue.call import Answer, Call
from tradebot.venue.faults import Faults


class Wrong(Faults):
    """Answers every call with one body."""

    body = ""

    async def after_handling(self, call: Call, answer: Answer) -> Answer:
        return Answer(200, raw=self.body.encode(), content_type="application/json")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{}", "it lacks assets"),
        ('{"assets": []}', "it lacks USDT"),
        ('{"assets": 1}', "it has another shape"),
        ('{"assets": [{"asset": "USDT", "walletBalance": "x"}]}', "a number in it is none"),
        ('{"assets": [{"asset": "USDT", "walletBalance": 0.5}]}', "0.5 is no number"),
    ],
)
async def test_an_account_of_another_shape_is_one_line_in_words(body: str, says: str) -> None:
    async with connected() as line:
        line.venue.faults = wrong = Wrong(line.venue)
        wrong.body = body
        with pytest.raises(ExchangeError) as no:
            await read_balances(line.wire)
    assert no.value.message.endswith(f" answered account with what cannot be read ({says})")
    assert "login page" in str(no.value.hint)


async def test_a_list_that_is_none_is_no_empty_account() -> None:
    async with connected() as line:
        line.venue.faults = wrong = Wrong(line.venue)
        wrong.body = "{}"
        with pytest.raises(ExchangeError, match=r"openAlgoOrders .* \(it is no list\)"):
            await read_holdings(line.wire)
        wrong.body = f'[{{"algoId": "{"x" * 1_000_000}"}}]'
        with pytest.raises(ExchangeError) as no:
            await read_holdings(line.wire)
        assert len(no.value.message) < 300
