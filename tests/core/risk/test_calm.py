"""The calm band: it may only ever hide what would have changed nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.wandering import START, bars, quotes

import tradebot.core.trading.reactions as reactions_module
from tradebot.app.build import make_session
from tradebot.config import load_config
from tradebot.core.model.effects import Effect
from tradebot.core.model.events import Command, Event, RunStarted
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import ZERO, exact
from tradebot.core.model.values import MINUTE_MS, Bar
from tradebot.core.risk.calm import NEVER, calm_bands
from tradebot.core.risk.limits import Limits
from tradebot.core.risk.monitor import Monitor
from tradebot.core.state.instrument import InstrumentState
from tradebot.core.state.loss_limit import LossLimit
from tradebot.core.state.metrics import Drawdown
from tradebot.core.state.portfolio import Holding
from tradebot.core.strategy.ema_cross import EmaCross
from tradebot.core.strategy.protocol import Signal
from tradebot.core.trading.session import Session

CASH = Decimal(10_000)


class Silent:
    warmup = 0

    def on_bar(self, bar: Bar) -> Signal | None:
        return None


def held(qty: str, entry: str = "100", symbol: str = "BTC/USDT") -> InstrumentState:
    quantity, price = Decimal(qty), Decimal(entry)
    holding = Holding(qty=quantity, entry=price, trip_cash=-quantity * price)
    return InstrumentState(symbol, INSTRUMENTS[symbol], Silent(), None, holding)


def fallen(equity: str, deepest: str) -> Drawdown:
    drawdown = Drawdown(CASH)
    drawdown.see(CASH - Decimal(deepest))
    drawdown.see(Decimal(equity))
    return drawdown


def watching(signoff: Decimal | None = None) -> Monitor:
    limits = load_config(None, {}, ["risk.profile=live"]).limits(["BTC/USDT"])
    assert isinstance(limits, Limits)
    return Monitor(limits, Decimal("0.0005"), 1, CASH, signoff)


def band_of(book: InstrumentState, drawdown: Drawdown, watch: Monitor) -> tuple[float, float]:
    with exact():
        cash = CASH - book.holding.qty * book.holding.entry
        return calm_bands([book, held("0")], cash, drawdown, watch)[book.symbol]


def test_no_position_and_one_being_closed_are_never_calm() -> None:
    drawdown, watch = fallen("9999", "10"), watching()
    closing = held("1")
    closing.closing = "signal"
    for books in ([held("0")], [closing], [held("1", symbol="ETH/USDT"), closing]):
        assert calm_bands(books, CASH, drawdown, watch) == NEVER


def test_several_positions_share_what_the_equity_may_move_by() -> None:
    drawdown, watch = fallen("9999", "11"), watching()
    books = [held("1"), held("-2", symbol="ETH/USDT")]
    for book in books:
        book.see_inside(Decimal(100))
    with exact():
        # 10 to fall and 1 to rise from here, half of it each
        bands = calm_bands(books, Decimal(9999 + 100), drawdown, watch)
    assert bands["BTC/USDT"] == pytest.approx((95, 100.5), abs=1e-3)
    assert bands["ETH/USDT"] == pytest.approx((99.75, 102.5), abs=1e-3)


@pytest.mark.parametrize("qty", ["1", "-1"])
def test_the_band_ends_at_the_peak_and_at_the_deepest_fall(qty: str) -> None:
    low, high = band_of(held(qty), fallen("9999", "10"), watching())
    assert (low, high) == pytest.approx((90, 100) if qty == "1" else (100, 110), abs=1e-3)
    assert (low > 90 and high < 100) or (low > 100 and high < 110)  # on the safe side of both


@pytest.mark.parametrize("qty", ["1", "-1"])
def test_the_band_ends_before_the_next_step_of_the_trade_s_loss(qty: str) -> None:
    book, watch = held(qty), watching()
    book.ladder = LossLimit("trade_loss", Decimal(5), ZERO)  # first step at a loss of 3
    low, high = band_of(book, fallen("9999", "50"), watch)
    edge = low if qty == "1" else high
    assert edge == pytest.approx(97.05 if qty == "1" else 102.95, abs=0.01)
    book.see_inside(Decimal(repr(round(edge, 6))))
    with exact():
        assert watch.net(book) > Decimal(-3)


@pytest.mark.parametrize(("qty", "bound"), [("1", "98"), ("-1", "102")])
def test_the_band_ends_before_the_liquidation_bound(qty: str, bound: str) -> None:
    book = held(qty)
    book.watch = Decimal(bound)
    low, high = band_of(book, fallen("9999", "50"), watching())
    assert (low if qty == "1" else high) == pytest.approx(float(bound), abs=1e-3)


def test_the_band_ends_before_the_account_s_next_limit() -> None:
    watch = watching(signoff=CASH)
    assert watch.floor == Decimal("9985")  # 60 % of the day's 25
    low, _ = band_of(held("1"), fallen("9990", "200"), watch)
    assert low == pytest.approx(85, abs=1e-3)


def test_an_account_without_limits_still_has_its_peak_and_its_fall() -> None:
    limits = load_config(None, {}, ["risk.profile=bench"]).limits(["BTC/USDT"])
    watch = Monitor(limits, Decimal("0.0005"), 1, CASH, None)
    watch.floor = None
    low, high = band_of(held("1"), fallen("9999", "10"), watch)
    assert (low, high) == pytest.approx((90, 100), abs=1e-3)


# -- the whole engine, with and without -----------------------------------------------------------


def lived(seed: int, symbols: list[str], *, short: bool, quoted: bool, profile: str) -> object:
    """Return everything a run said and was in the end."""
    config = load_config(None, {}, [f"risk.profile={profile}"])
    params = EmaCross.Params(fast=5, slow=15, short=short)
    told: list[tuple[Event, list[Effect]]] = []
    points: list[object] = []
    session: Session = make_session(
        config,
        lambda symbol: EmaCross(params, symbol),
        symbols,
        MINUTE_MS,
        quotes=quoted,
        sink=lambda event, effects: told.append((event, list(effects))) if effects else None,
    )
    with exact():
        session.deliver(RunStarted(START, "run", "abcdef", "n", "hash"))
        steps = bars(seed, symbols, 600)
        for number, step in enumerate(quotes(steps) if quoted else steps):
            session.advance(step)
            if number % 97 == 0:
                points.append((session.engine.drawdown.now, session.engine.export_state()))
            if number == 500:
                now = session.engine.now
                session.deliver(Command(now, 1, "close-all", "test", "half time"))
                session.deliver(Command(now, 2, "resume", "test", "go on"))
        return session.digest.hashes(), repr(told), points, session.export_state()


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 4),
    short=st.booleans(),
    quoted=st.booleans(),
    profile=st.sampled_from(["paper", "live", "bench"]),
)
def test_a_run_is_the_same_byte_for_byte_with_and_without_the_band(
    seed: int, count: int, short: bool, quoted: bool, profile: str
) -> None:
    symbols = ["ADA/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT"][-count:]
    if quoted and profile == "bench":
        profile = "paper"  # the bench's market is bars alone
    calm = lived(seed, symbols, short=short, quoted=quoted, profile=profile)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reactions_module, "calm_bands", lambda *_: NEVER)
        exact_ = lived(seed, symbols, short=short, quoted=quoted, profile=profile)
    assert calm == exact_
