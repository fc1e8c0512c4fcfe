"""Entries that rest in a drill: the price comes to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tradebot.app.drill.local import LocalVenue
from tradebot.app.drill.machine import Machine
from tradebot.app.drill.resting import met
from tradebot.core.model.times import of_iso

NOON = of_iso("2026-01-05T12:00:00Z")
NAME, SYMBOL = "XRPUSDT", "XRP/USDT"


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[LocalVenue]:
    machine = Machine(tmp_path, Event())
    try:
        yield LocalVenue(machine, NOON, (SYMBOL,), 'wallet = "10000"\nmargin_type = "isolated"\n')
    finally:
        machine.end_all()


def rest(venue: LocalVenue, side: str, client: str) -> float:
    """Have an order rest ten ticks away from the touch; return its price."""
    bid, ask = venue.touch(NAME)
    price = float(bid) - 0.001 if side == "BUY" else float(ask) + 0.001
    words = {"qty": "20.8", "price": f"{price:.4f}", "client_id": client}
    venue.act("foreign_order", symbol=NAME, side=side, **words)
    return round(price, 4)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_the_price_comes_to_an_entry_that_rests_and_no_farther(
    venue: LocalVenue, side: str
) -> None:
    before = venue.price(NAME)
    assert not met(venue, SYMBOL)  # none is there yet
    price = rest(venue, side, "tbours-1e")
    for _ in range(100):
        if met(venue, SYMBOL):
            break
    rows = venue.rows("fill")
    assert {row["client"] for row in rows} == {"tbours-1e"}
    assert {float(row["price"]) for row in rows} == {price}
    assert venue.state()["orders"] == []
    assert venue.price(NAME) == pytest.approx(before, rel=0.002)


@pytest.mark.slow
def test_no_price_comes_to_an_order_of_somebody_else(venue: LocalVenue) -> None:
    rest(venue, "BUY", "web_theirs")
    assert not any(met(venue, SYMBOL) for _ in range(5))
    assert venue.rows("act")[1:] == []  # their order is the only one: nothing was moved
    assert len(venue.state()["orders"]) == 1
