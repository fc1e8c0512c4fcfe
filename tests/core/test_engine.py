"""The engine's own part: start, prices, strategies that misbehave, news, and state."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from kits import engine_kit
from kits.engine_kit import (
    ADA,
    DAY,
    HOUR,
    NOON,
    OUT,
    PAPER,
    XRP,
    Bare,
    Played,
    a_config,
    long,
    short,
)

from tradebot.core.model.effects import (
    CommandDone,
    EquityPoint,
    FundingBooked,
    Halted,
    Reconcile,
    SignalJudged,
    StopRun,
    TradeClosed,
    TradeReopened,
)
from tradebot.core.model.events import (
    AccountSnapshot,
    FeedStatus,
    Filled,
    FundingPaid,
    FundingRate,
    PriceSeen,
    RunStarted,
    WakeUp,
)
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS, Bar, OrderStatus, Purpose, Quote
from tradebot.core.state.portfolio import WINDOW
from tradebot.core.strategy.protocol import Signal
from tradebot.core.trading.shared import Execution
from tradebot.core.trading.snapshot import run_warnings
from tradebot.core.trading.wish import hear

D = Decimal


# -- prices and bars -----------------------------------------------------------------------------


def test_bars_that_lack_parts_are_told_of() -> None:
    story = Played(a_config(timeframe=3 * MINUTE_MS))
    for minute in (0, 1, 2, 3, 5, 6, 7, 8):
        story.time = NOON + minute * MINUTE_MS
        story.bar()
    assert run_warnings(story.engine) == [
        "XRP/USDT: 1 bar(s) of 3m left out: parts of them are missing"
    ]


def test_before_the_run_starts_bars_are_for_the_strategies_only() -> None:
    story = Played(a_config())
    story.engine.started = False
    story.say(long())
    story.bar()
    assert story.found(SignalJudged) == []


def test_the_clock_never_goes_back_and_a_refused_event_changes_nothing() -> None:
    story = Bare(a_config())
    story.bar()
    before = story.engine.export_state()
    with pytest.raises(ValueError, match="the clock went back"):
        story.tell(WakeUp(NOON - 1, "ttl:x"))
    assert story.engine.export_state() == before


def test_prices_of_symbols_it_does_not_trade_are_not_its_business() -> None:
    story = Bare(a_config())
    story.say(long(), symbol=ADA)
    assert story.bar(symbol=ADA) == []
    quote = Quote(ADA, NOON, story.now, ("1", "1", "1", "1", "1"), 1.0)
    assert story.tell(quote) == []
    with exact():
        story.engine.warm(story.a_bar(symbol=ADA))
        story.engine.warm(story.a_bar())
    assert len(story.engine.books[XRP].strategy.seen) == 1  # type: ignore[attr-defined]


def test_a_longer_timeframe_is_combined_from_the_bars_and_warmed_the_same_way() -> None:
    story = Bare(a_config(timeframe=5 * MINUTE_MS))
    first = story.a_bar("2 2.1 1.9 2.05")
    with exact():
        story.engine.warm(first)
    story.time += MINUTE_MS
    for _ in range(4):
        story.bar()
    (bar,) = story.engine.books[XRP].strategy.seen  # type: ignore[attr-defined]
    assert (bar.interval, bar.text[:4]) == (5 * MINUTE_MS, ("2", "2.1", "1.9", "2.05"))


def test_a_signal_before_any_price_is_refused() -> None:
    story = Played(a_config(quotes=True))
    story.say(long())
    story.closed()
    assert "no price has been seen yet" in story.refusals()


@pytest.mark.parametrize("row", ["nan nan nan nan", "2 inf 2 2", "0 0 0 0", "2 1.9 2.1 2"])
def test_a_bar_that_is_no_price_reaches_no_strategy_and_cancels_entries(row: str) -> None:
    story = Bare(a_config(execution=Execution("limit", D(20), 600)))
    story.say(long(), long())
    story.bar()
    story.bar(row)
    story.bar(row)
    assert story.cancelled() == ["nonsense price"]
    assert story.told().count("no price to trust") == 1
    assert len(story.engine.books[XRP].strategy.seen) == 1  # type: ignore[attr-defined]


def test_after_a_nonsense_price_entries_wait_for_a_good_one() -> None:
    story = Played(a_config(quotes=True))
    story.quote("1.9999", "2.0001", "2")
    story.quote("0", "2.0001", "2")
    story.say(long(), long())
    story.closed()
    assert "its last price makes no sense" in story.refusals()
    story.quote("1.9999", "2.0001", "2")
    story.closed()
    assert story.verdicts() == ["refused", "approved"]


def test_the_mark_of_a_quote_without_a_touch_still_protects() -> None:
    story = Played(a_config(quotes=True))
    story.quote("1.9999", "2.0001", "2")
    story.say(long(stop=1.85))
    story.closed()
    story.quote("1.9999", "2.0001", "2")
    assert story.held
    story.engine.books[XRP].ladder.cap = D(1)  # type: ignore[union-attr]
    story.engine.books[XRP].ladder.reset(D(0))  # type: ignore[union-attr]
    with exact():
        story.engine.process(Quote(XRP, story.time, story.time, ("0", "0", "1", "1", "1.86"), 1.86))
        out = story.engine.process(
            Quote(XRP, story.time, story.time, ("1", "1", "1", "1", "nan"), float("nan"))
        )
    assert story.engine.books[XRP].closing == "trade_loss"
    assert out == ()  # and the exit did not need a price


# -- strategies ------------------------------------------------------------------------------------


class Trap(Signal):
    """A signal with a property that raises."""

    @property
    def stop(self) -> float:
        raise RuntimeError("boo")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (RuntimeError("bug"), "RuntimeError: bug (XRP/USDT, bar of 2025-06-02T12:02:00Z)"),
        (SystemExit(3), "SystemExit: 3 (XRP/USDT"),
        (GeneratorExit("out"), "GeneratorExit: out (XRP/USDT"),
        ("buy!", "returned 'buy!', which is no Signal"),
        (Signal("up", 1.0), "which is no Signal"),  # type: ignore[arg-type]
        (Signal("long", None), "returned a signal with"),  # type: ignore[arg-type]
        (Signal("long", 1.0, "low"), "returned a signal with"),  # type: ignore[arg-type]
        (Signal("long", 1.0, indicators=None), "returned a signal with"),  # type: ignore[arg-type]
        (object.__new__(Trap), "returned a signal with"),
    ],
)
def test_a_strategy_that_cannot_be_trusted_ends_the_run_with_its_stops_in_place(
    said: Any, words: str
) -> None:
    story = Played(a_config())
    story.say(long(), None)
    story.bars(2)
    if isinstance(said, Trap):
        object.__setattr__(said, "side", "long")
    story.say(said)
    story.bar()
    (stop,) = story.found(StopRun)
    assert stop.failed
    assert words in stop.reason
    if isinstance(said, BaseException):
        assert stop.file == engine_kit.__file__
        assert f"engine_kit.py:{stop.line}: {words}" in story.found(Halted)[0].detail
    assert story.halted() == ["strategy"]
    assert story.session.stopped is stop
    assert story.resting() == ["s"]  # the stop stays where it is
    story.command("resume")
    assert not story.engine.halts.reasons


def test_a_real_interrupt_passes_through() -> None:
    story = Bare(a_config())
    story.say(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        story.bar()
    with pytest.raises(KeyboardInterrupt):
        hear(1, object.__new__(Pressed), story.a_bar())


class Pressed(Signal):
    """A signal during whose reading somebody presses ctrl-c."""

    @property
    def side(self) -> str:  # type: ignore[override]
        raise KeyboardInterrupt


def test_a_signal_before_the_warm_up_is_over_is_not_judged() -> None:
    story = Bare(a_config())
    book = story.engine.books[XRP]
    book.cold = book.strategy.warmup = 3
    with exact():
        story.engine.warm(story.a_bar())  # the past counts
    story.say(long(), long(), long())
    story.bar()
    story.bar()
    assert story.verdicts() == []
    words = "XRP/USDT: a signal before the strategy's warm-up of 3 bars is not judged"
    assert story.told() == words  # once
    few = "XRP/USDT: the data has 2 bars, the strategy needs 3 before its first signal"
    assert run_warnings(story.engine) == [words]
    book.cold = 1
    assert run_warnings(story.engine) == [few, words]
    book.cold = 0
    story.bar()
    assert story.verdicts() == ["approved"]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("signal", "rule"),
    [
        (Signal("long", 1.0, NAN), "not_finite"),
        (Signal("long", 1.0, 1.9, -INF), "not_finite"),
        (Signal("long", NAN, 1.9), "confidence"),
        (Signal("long", 1e9, 1.9), "confidence"),
        (Signal("long", -0.1, 1.9), "confidence"),
        (Signal("long", 1.0, 0.0), "no_price"),
        (Signal("long", 1.0, -2.0), "no_price"),
        (Signal("short", 1.0, 1e300), "no_price"),
        (Signal("long", 1.0, 1.9, 2e12), "no_price"),
        (Signal("exit", 1.0, 1e300), "no_price"),
        (Signal("long", 1.0, 5e-324), "stop_side"),
        (Signal("long", 1.0, 2.5), "stop_side"),
        (Signal("short", 1.0, 1.9), "stop_side"),
        (Signal("long", 1.0), "no_stop"),
    ],
)
def test_nonsense_in_a_signal_is_refused_and_nothing_leaves(signal: Signal, rule: str) -> None:
    story = Played(a_config())
    story.say(signal)
    story.bar()
    assert story.verdicts() == ["refused"]
    assert rule in story.engine.entries.refused or rule == "stop_side"
    assert story.placed() == []
    assert story.halted() == []


def test_indicators_that_are_no_numbers_are_left_out() -> None:
    story = Played(a_config())
    story.say(Signal("long", 1.0, 1.9, None, "x", {"good": 1.5, "bad": NAN}))
    story.bar()
    assert story.found(SignalJudged)[0].indicators == {"good": 1.5}


# -- fills, funding, account -------------------------------------------------------------------------


def test_a_fill_on_a_symbol_it_does_not_trade_halts() -> None:
    story = Bare(a_config())
    story.tell(Filled(story.now, story.lost(ADA)))
    assert story.halted() == ["foreign"]


def test_what_a_close_all_closes_of_others_halts_nothing() -> None:
    """It was asked for, here or in another process; what is the exchange's own doing is still told."""
    story = Bare(a_config())
    story.tell(Filled(story.now, replace(story.lost(ADA), order_id="closeall-0a1b2c3d-1")))
    assert story.halted() == []
    story.tell(Filled(story.now, replace(story.lost(ADA), order_id="adl_autoclose")))
    assert story.halted() == ["foreign"]


def test_a_fill_counts_once() -> None:
    story = Bare(a_config())
    entry = story.opened()
    held, equity = story.held, story.engine.equity()
    assert story.fill(entry, trade=1) == []
    assert (story.held, story.engine.equity()) == (held, equity)


def test_a_late_fill_changes_a_trade_under_its_number_or_voids_it() -> None:
    story = Bare(a_config(limits=PAPER))
    story.bar()
    story.tell(Filled(story.now, replace(story.lost(), trade_id=1)))
    story.fill(story.placed(Purpose.STOP)[0], trade=3)
    (first,) = story.found(TradeClosed)
    late = replace(story.lost(), trade_id=2, price=D("2.1"))
    story.tell(Filled(story.now, late))  # five more were bought before the exit sold five
    assert [x.id for x in story.found(TradeReopened)] == [first.id]
    assert story.held == 5
    story.fill(story.placed(Purpose.STOP)[-1], trade=4)
    again = story.found(TradeClosed)[-1]
    assert again.id == first.id
    assert again.qty == 10
    assert story.engine.tally.trades == 1
    story.engine.restore(story.engine.export_state())
    assert story.engine.tally.trades == 1


def test_only_trades_that_can_still_change_are_remembered() -> None:
    story = Bare(a_config(limits=PAPER))
    for n in range(WINDOW + 6):
        story.bar()
        story.tell(Filled(story.now, replace(story.lost(), trade_id=2 * n + 1)))
        story.fill(story.placed(Purpose.STOP)[-1], trade=2 * n + 2)
    assert story.engine.tally.trades == WINDOW + 6
    assert len(story.engine.export_state()["numbers"]) == WINDOW


def test_funding_is_booked_and_watched_in_the_same_call() -> None:
    story = Bare(a_config())
    story.opened()
    effects = story.tell(
        FundingPaid(story.now, XRP, D("-4.96"), D("0.1"), D(2), story.held, story.now)
    )
    assert isinstance(effects[0], FundingBooked)
    assert [o.purpose for o in story.placed()][-1] is Purpose.EXIT
    assert story.engine.books[XRP].closing == "trade_loss"
    flat = Bare(a_config())
    flat.tell(FundingPaid(flat.now, XRP, D(1), D("0.1"), D(2), D(0), flat.now))
    flat.tell(FundingPaid(flat.now, ADA, D(1), D("0.1"), D(2), D(0), flat.now))
    assert flat.engine.equity() == 10_002


def test_an_account_that_disagrees_with_the_ledger_halts() -> None:
    story = Bare(a_config())
    story.opened()
    with exact():
        wallet = story.engine.portfolio.cash + story.held * 2
    story.later(1000)
    assert story.tell(AccountSnapshot(story.now, wallet, wallet)) == []
    story.tell(AccountSnapshot(story.now, wallet - D("0.01"), wallet))
    assert story.halted() == []  # it is looked up first
    assert story.found(Reconcile)[-1].why.startswith("the venue's wallet is")
    for _ in range(2):
        story.later(1000)
        story.tell(AccountSnapshot(story.now, wallet - D("0.01"), wallet))
        assert story.halted() == []
    story.later(2000)
    story.tell(AccountSnapshot(story.now, wallet - D("0.01"), wallet))
    assert story.halted() == ["account"]  # it was there in three rounds, two seconds apart
    assert story.engine.holds(XRP)


def test_an_account_in_the_process_that_disagrees_halts_at_once() -> None:
    story = Played(a_config())
    story.bar()
    with exact():
        story.session.deliver(AccountSnapshot(story.engine.now, D(1), D(1)))
    assert story.halted() == ["account"]


def test_hours_and_days_are_points_of_the_equity_curve() -> None:
    story = Played(a_config(interval=HOUR, timeframe=HOUR), NOON + 9 * HOUR)
    story.bars(4)
    assert [p.why for p in story.found(EquityPoint)] == ["start", "hour", "hour", "day"]


# -- news and commands --------------------------------------------------------------------------------


def test_a_silent_feed_pauses_its_symbol_until_it_is_back_or_the_run_starts_again() -> None:
    story = Played(a_config((ADA, XRP), execution=Execution("limit", D(20), 600)))
    story.say(long())
    story.bar()
    with exact():
        story.session.deliver(FeedStatus(story.engine.now, XRP, False, "connection lost"))
    assert story.cancelled() == ["feed silent"]
    story.say(long())
    story.bar()
    assert "its feed is silent" in story.refusals()
    with exact():
        story.session.deliver(FeedStatus(story.engine.now, "", True))
    assert "XRP/USDT is silent. connection lost" in story.told()
    assert "the feed is back." in story.told()
    assert story.engine.shared.paused == {}
    with exact():
        story.session.deliver(FeedStatus(story.engine.now, "", False))
    assert set(story.engine.shared.paused) == {ADA, XRP}
    story.restart()
    assert story.engine.shared.paused == {}


def test_commands_are_answered() -> None:
    story = Played(a_config())
    for n, name in enumerate(("resume", "halt", "resume", "close-all", "dance", "stop"), 1):
        story.command(name, number=n)
    assert [(done.ok, done.result) for done in story.found(CommandDone)] == [
        (True, "was not halted"),
        (True, "halted"),
        (True, "resumed: user"),
        (True, "nothing to close"),
        (False, "unknown command 'dance'"),
        (True, "stopping"),
    ]
    assert [stop.failed for stop in story.found(StopRun)] == [False]


def test_close_all_says_how_many_positions_it_closes() -> None:
    story = Played(a_config())
    story.say(long())
    story.bars(2)
    story.command("close-all", number=1)
    assert story.found(CommandDone)[0].result == "closing 1 position(s)"
    story.bar()
    assert story.held == 0
    assert story.resting() == []


def test_a_timer_nobody_here_knows_is_not_ours() -> None:
    story = Bare(a_config())
    assert story.wake("reconcile:all", story.now) == []


# -- state ----------------------------------------------------------------------------------------------


def test_an_engine_restored_in_the_middle_of_everything_goes_on_the_same() -> None:
    def lived(*, broken: bool) -> list[object]:
        story = Played(a_config((ADA, XRP), limits=PAPER, leverage=3, signoff_equity=D(10_000)))
        story.say(long(1.9, 2.3), None, long(1.95), short(2.2), None, OUT)
        story.say(None, short(0.8), symbol=ADA)
        rows = ["2 2 2 2", "2 2.05 2 2.04", "2.04 2.1 2 2.1", "2.1 2.1 2.1 2.1", "2.1 2.2 2 2.15"]
        for row in (*rows, *rows):
            if broken:
                story.restart()
            story.bar(row, ada="0.7 0.71 0.69 0.7")
        with exact():
            story.session.advance([FundingRate(story.time, ADA, D("0.001"))])
        digest = story.session.digest.hashes()
        return [digest["signals"], digest["fills"], story.engine.equity(), story.verdicts()]

    assert lived(broken=True) == lived(broken=False)


def test_a_price_inside_the_bar_is_the_newest_until_the_bar_has_closed() -> None:
    story = Bare(a_config())
    story.opened()
    story.tell(PriceSeen(story.now, XRP, D("1.95")))
    text = story.engine.export_state()
    again = Bare(a_config())
    again.engine.restore(text)
    with exact():
        assert again.engine.equity() == story.engine.equity()
    assert again.engine.books[XRP].exit_price() == D("1.95")


def test_flat_prices_inside_a_bar_touch_nothing() -> None:
    story = Bare(a_config())
    story.bar()
    assert story.tell(PriceSeen(story.now, XRP, D("1.5"))) == []


def test_quotes_are_the_price_where_there_are_quotes() -> None:
    story = Played(a_config(quotes=True))
    story.quote("1.9998", "2.0001", "2.0003")
    book = story.engine.books[XRP]
    assert book.exit_price() == D("2.0003")
    assert book.touch() == (D("2.0003"), D("1.9998"), D("2.0001"))
    story.say(long())
    story.closed()
    story.quote("1.9998", "2.0001", "2.0003")
    assert book.exit_price() == D("1.9998")
    story.restart()
    assert story.engine.books[XRP].exit_price() == D("1.9998")
    assert isinstance(story.engine.books[XRP].last, Quote)


def test_a_day_without_any_event_still_begins_at_its_midnight() -> None:
    story = Bare(a_config())
    story.opened()
    story.bar("1.95 1.95 1.95 1.95")
    base = story.engine.equity()
    story.time += 3 * DAY
    story.bar("1.96 1.96 1.96 1.96")
    assert story.engine.watch.day.base == base


def test_an_order_update_for_a_symbol_it_does_not_trade_is_not_ours() -> None:
    story = Bare(a_config())
    entry = story.opened()
    assert story.update(replace(entry, symbol=ADA), OrderStatus.CANCELLED) == []


def test_a_run_started_twice_keeps_its_baselines() -> None:
    story = Bare(a_config())
    story.opened()
    story.bar("1.95 1.95 1.95 1.95")
    story.tell(RunStarted(story.now, "run", "abcdef", "n2", "hash", True))
    assert story.engine.watch.day.base == 10_000


def test_bars_only_count_as_bars() -> None:
    assert Bar.of(XRP, 0, MINUTE_MS, ("1", "1", "1", "1", "0")).at == MINUTE_MS - 1
