"""What the screens say of a run that trades an account: where it is, its streams, a ban, what the exchange has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from kits.tui_kit import NOW, loaded, make_app, screen_text, trade_live

from tradebot.journal.snapshots import AccountSeen, HeldThere, Links
from tradebot.tui.account import balance_lines
from tradebot.tui.bot import engine_lines
from tradebot.tui.feed import Feed, View
from tradebot.tui.painted import Line
from tradebot.tui.status import status_line

PLACE = "DEMO LOOPBACK 127.0.0.1:40929 (BTC/USDT, ETH/USDT)"
SEEN = AccountSeen(
    NOW - 4_000, {"USDT": Decimal("9998.5")}, (HeldThere("XRP/USDT", Decimal(-30), "short"),), 1, 2
)


@pytest.fixture
def view(live_dir: Path) -> View:
    feed = Feed(live_dir, lambda: NOW)
    try:
        found = feed.read()
    finally:
        feed.close()
    assert found.run is not None
    return replace(found, run=replace(found.run, venue="demo", market=PLACE))


def linked(view: View, links: Links | None) -> View:
    assert view.snapshot is not None
    return replace(view, snapshot=replace(view.snapshot, links=links))


def text(lines: Sequence[Line]) -> str:
    return "\n".join("".join(part for part, _ in line) for line in lines)


@pytest.mark.parametrize("width", [78, 118])
def test_the_first_row_says_where_orders_go(view: View, width: int) -> None:
    row = text([status_line(view, NOW, width)])
    assert len(row) <= width
    assert "DEMO LOOPBACK" in row
    assert "…" not in row
    assert "127.0.0.1:40929" in text(engine_lines(view, width))


def test_a_ban_counts_down_in_the_first_row(view: View) -> None:
    banned = linked(view, Links({"account": 300}, NOW + 45_000))
    assert "BANNED 45s" in text([status_line(banned, NOW, 78)])
    assert "BANNED 40s" in text([status_line(banned, NOW + 5_000, 78)])
    assert "BANNED" not in text([status_line(banned, NOW + 45_000, 78)])
    assert "BANNED for 45s more" in text(engine_lines(banned, 78))


def test_the_bot_view_has_the_age_of_each_stream(view: View) -> None:
    said = text(engine_lines(linked(view, Links({"account": None, "kline": 2_100})), 78))
    assert "account AWAY, kline 2s" in said
    assert "streams" not in text(engine_lines(linked(view, None), 78))


def test_the_account_view_has_what_the_exchange_said(view: View) -> None:
    said = text(balance_lines(linked(view, Links({}, None, SEEN))))
    assert "9,998.50 USDT  read 4s ago" in said
    assert "XRP/USDT short -30; 1 orders, 2 stops and targets" in said
    assert "it was not read yet" in text(balance_lines(linked(view, Links({}))))
    assert view.run is not None
    local = replace(view, run=replace(view.run, venue="local"))
    assert "exchange" not in text(balance_lines(linked(local, Links({}, None, SEEN))))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_all_that_the_exchange_said_is_on_the_screen(
    data_dir: Path, size: tuple[int, int]
) -> None:
    """Nothing of it waits below the edge: what others hold there is what one comes to see."""
    trade_live(data_dir)
    app = make_app(data_dir)
    async with app.run_test(size=size) as pilot:
        await loaded(pilot)
        await pilot.press("5")
        await pilot.pause(0.5)
        shown = screen_text(app)
        assert "held there" in shown
        assert "targets" in shown
