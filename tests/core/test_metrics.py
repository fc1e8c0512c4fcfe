"""Drawdown and the sums of closed trades."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tradebot.core.model.money import exact
from tradebot.core.state.metrics import Drawdown, Tally
from tradebot.core.state.portfolio import Trip

D = Decimal


def a_trip(pnl: int) -> Trip:
    return Trip(1, "X", "long", D(1), 0, D(1), 1, D(1), D(0), D(0), D(pnl), "signal", 1)


@given(st.lists(st.integers(1, 2000), max_size=40))
def test_drawdown_is_the_deepest_fall_from_any_earlier_peak(values: list[int]) -> None:
    drawdown = Drawdown(D(1000))
    with exact():
        for value in values:
            drawdown.see(D(value))
    seen = [1000, *values]
    falls = [(max(seen[: i + 1]) - v, max(seen[: i + 1])) for i, v in enumerate(seen)]
    assert drawdown.peak == max(seen)
    assert drawdown.now == falls[-1][0]
    assert drawdown.deepest == max(fall for fall, _ in falls)
    worst = max(fall * 100 / peak for fall, peak in falls)
    assert abs(float(drawdown.deepest_pct) - worst) < 1e-7
    other = Drawdown(D(0))
    other.restore(drawdown.export_state())
    assert other.export_state() == drawdown.export_state()


def test_an_account_without_money_has_no_percentage() -> None:
    drawdown = Drawdown(D(0))
    with exact():
        drawdown.see(D(-5))
    assert drawdown.deepest == 5
    assert drawdown.deepest_pct == 0


@given(st.lists(st.integers(-50, 50), max_size=20), st.data())
def test_the_tally_is_the_sum_of_the_trades_that_count(
    pnls: list[int], data: st.DataObject
) -> None:
    tally = Tally()
    for pnl in pnls:
        tally.add(a_trip(pnl))
    kept = list(pnls)
    for pnl in data.draw(st.lists(st.sampled_from(pnls), max_size=3)) if pnls else []:
        if pnl in kept:
            kept.remove(pnl)
            tally.drop(a_trip(pnl))
    wins, losses = [p for p in kept if p > 0], [p for p in kept if p < 0]
    assert (tally.trades, tally.wins, tally.losses) == (len(kept), len(wins), len(losses))
    assert same(tally.win_rate_pct(), len(wins) * 100, len(kept))
    assert same(tally.average_win(), sum(wins), len(wins))
    assert same(tally.average_loss(), sum(losses), len(losses))
    assert same(tally.profit_factor(), sum(wins), -sum(losses))
    assert same(tally.expectancy(), sum(kept), len(kept))
    other = Tally()
    other.restore(tally.export_state())
    assert other.export_state() == tally.export_state()


def same(found: Decimal | None, above: int, below: int) -> bool:
    """Whether a quotient is right, or absent because there is nothing to divide by."""
    if not below:
        return found is None
    return found is not None and abs(float(found) - above / below) < 1e-9
