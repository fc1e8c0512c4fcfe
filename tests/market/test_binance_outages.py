"""Nobody listened for a while, or a stream is silent: what was missed is played, and what is silent is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from kits.binance_kit import Scene, running, scene
from kits.strategy_kit import LONG, write_strategy

from tradebot.app.venue import file_feed, simulated_feed
from tradebot.core.model.effects import FillBooked
from tradebot.core.model.events import ClockChecked, FeedStatus, FundingPaid
from tradebot.core.model.values import MINUTE_MS, Bar, MarkBar, Quote
from tradebot.market.binance import backoff, streams
from tradebot.venue.prices import PriceFeed
from tradebot.venue.rules import make_rule
from tradebot.wire import client

BTC, ETH = "BTC/USDT", "ETH/USDT"
START = 1_789_487_820_000  # 2026-09-15T15:57Z
FUNDING = START + 3 * MINUTE_MS
CRASH = START + 5 * MINUTE_MS


def crashing(folder: Path) -> Callable[[int], PriceFeed]:
    """Five hours of 95,000; at 16:02 one minute goes to 90,000 and back; a funding at 16:00."""
    rows = []
    for n in range(-300, 60):
        at = START + n * MINUTE_MS
        low = "90000.0" if at == CRASH else "94990.0"
        rows.append(f"{at},95000.0,95010.0,{low},95000.0,50.000")
    klines = folder / "BTCUSDT-1m-2026-09.csv"
    klines.write_text("\n".join(rows) + "\n")
    funding = folder / "BTCUSDT-fundingRate-2026-09.csv"
    funding.write_text(
        "calc_time,funding_interval_hours,last_funding_rate\n"
        f"{FUNDING - 8 * 60 * MINUTE_MS},8,0.0001\n{FUNDING},8,0.0005\n"
    )
    return lambda now: file_feed([klines, funding], None, now, aligned=True)


async def test_nobody_dials_while_the_address_is_banned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LOOK_S", 0.01)
    monkeypatch.setattr(backoff, "LEAST_S", 0.01)
    async with scene(lambda now: simulated_feed((BTC,), 1, now), START, (BTC,)) as made:
        await made.listen()
        wire = made.source._wire
        wire.budget.banned_until = made.clock.now() + 5_000
        made.venue.streams.close("", 1006)
        await made.until(lambda: made.venue.streams.count == 0)
        await asyncio.sleep(0.3)  # thirty times as long as a try would take
        assert made.venue.streams.count == 0
        assert wire.banned_s == 5
        made.clock.advance(5_001)
        await made.until(lambda: made.venue.streams.count == 3)


async def test_a_run_that_was_killed_plays_what_it_missed(tmp_path: Path) -> None:
    strategy = write_strategy(tmp_path, f"if self.seen == 302: {LONG}")
    async with scene(crashing(tmp_path), START, (BTC,)) as made:
        async with running(made, tmp_path / "data", strategy, {}) as run:
            await run.play(2)
            await run.until(lambda: run.engine.holds(BTC), pace=50)
            await run.until(lambda: run.effects(FillBooked), pace=50)
            await run.kill()
        (entry,) = run.effects(FillBooked)
        made.clock.move_to(CRASH + 2 * MINUTE_MS + 5_000)  # nobody listens
        async with running(made, tmp_path / "data", strategy, {}) as run:
            assert any("goes on" in line for line in run.said)
            await run.until(lambda: not run.engine.holds(BTC))
            await run.until(lambda: len(run.effects(FillBooked)) > 1)
            await run.play(1)
            fills, paid = run.effects(FillBooked), run.events(FundingPaid)
            bars = run.events(Bar)
        stop = fills[1].fill
        assert CRASH <= stop.time < CRASH + MINUTE_MS  # when the bar met it, not when we heard
        assert stop.order_id.endswith("s")
        assert stop.price < entry.fill.price
        assert [(line.qty, line.exchange_time) for line in paid] == [(entry.fill.qty, FUNDING)]
        times = [bar.open_time for bar in bars]
        assert times == list(range(times[0], times[-1] + 1, MINUTE_MS))


def quiet(symbols: tuple[str, ...] = (BTC, ETH)) -> Callable[[int], PriceFeed]:
    return lambda now: simulated_feed(symbols, 3, now)


async def freeze(made: Scene, event: str, seconds: float) -> None:
    row = {"do": "freeze", "event": event, "seconds": seconds, "times": 1}
    made.venue.faults.add(make_rule(row, made.venue.reach))


def statuses(made: Scene) -> list[tuple[str, bool]]:
    return [(word.symbol, word.live) for word in made.ear.words if isinstance(word, FeedStatus)]


async def test_a_silent_stream_is_told_and_asked_for_by_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene(quiet(), START, (BTC, ETH)) as made:
        made.ear.held = {BTC}
        await made.listen()
        await made.until(lambda: len(made.ear.quotes) > 10, pace=50)
        made.venue.faults.set([{"do": "drop", "event": "markPriceUpdate"}])
        await made.until(lambda: statuses(made), pace=50)
        assert statuses(made) == [("", False)]
        said = [word.detail for word in made.ear.words if isinstance(word, FeedStatus)]
        assert said == ["no markPrice for 5 s; prices by REST meanwhile"]
        before = made.clock.now()
        await made.until(lambda: made.clock.now() > before + 20_000, pace=20)
        asked = {s: rest_prices(made, s, before) for s in (BTC, ETH)}
        assert asked[BTC] > asked[ETH] >= 3  # once a second where a position is, every 5 s else
        made.venue.faults.set([])
        await made.until(lambda: len(statuses(made)) == 3, pace=50)
        assert set(statuses(made)[1:]) == {(BTC, True), (ETH, True)}


def rest_prices(made: Scene, symbol: str, since: int) -> int:
    """How many marks came since a time while no stream told any."""
    quotes = [q for q in made.ear.quotes if q.symbol == symbol and q.exchange_time > since]
    return len({quote.text[4] for quote in quotes})


async def test_a_connection_is_replaced_before_it_is_a_day_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "LIFE_S", 0.6)
    async with scene(quiet((BTC,)), START, (BTC,)) as made:
        await made.listen()
        opened = made.venue.streams._opened
        await made.until(lambda: made.venue.streams._opened >= opened + 6, pace=20)
        await made.until(lambda: made.venue.streams.count <= 4, pace=20)
        assert not made.ear.said  # nobody had to notice
        ats = [quote.exchange_time for quote in made.ear.quotes]
        assert ats == sorted(ats)


@pytest.mark.parametrize("nonsense", ["<html>no stream</html>", "x" * 1_000_000], ids=len)
async def test_what_a_stream_says_that_is_none_is_said_and_survived(nonsense: str) -> None:
    async with scene(quiet((BTC,)), START, (BTC,)) as made:
        await made.listen()
        await made.until(lambda: made.ear.quotes, pace=50)
        for connection in list(made.venue.streams._connections.values()):
            connection.put(nonsense)
        said = f"is no JSON: {nonsense[:3]}"
        await made.until(lambda: any(said in line for line in made.ear.said), pace=50)
        assert not any("stream ended" in line for line in made.ear.said)
        assert all(len(line) < 400 for line in made.ear.said)
        count = len(made.ear.quotes)
        await made.until(lambda: len(made.ear.quotes) > count + 5, pace=50)


async def test_the_clock_is_compared_and_its_loss_is_said() -> None:
    async with scene(quiet((BTC,)), START, (BTC,)) as made:
        await made.listen()
        await made.until(lambda: made.ear.quotes, pace=50)
        made.venue.faults.set(
            [{"do": "answer", "path": "/fapi/v1/time", "status": 502, "body": "<html>"}]
        )
        await made.until(lambda: any("compared" in line for line in made.ear.said), pace=3000)
        word = [word for word in made.ear.words if isinstance(word, ClockChecked)][-1]
        assert word.error_ms >= 60_000
        made.venue.faults.set([])
        await made.until(
            lambda: (
                [w for w in made.ear.words if isinstance(w, ClockChecked)][-1].error_ms < 60_000
            ),
            pace=50,
        )


async def test_missed_bars_go_on_with_their_mark_bars_to_a_simulated_account_only() -> None:
    for plays in (True, False):
        async with scene(quiet((BTC,)), START, (BTC,), plays=plays) as made:
            heard = START - 5 * MINUTE_MS
            cursor = {"heard": {BTC: heard}, "bars": {BTC: heard - MINUTE_MS}, "funded": {}}
            await made.listen(cursor, heard - MINUTE_MS)
            await made.until(lambda: len(made.ear.bars) >= 5, pace=20)
            assert len(made.ear.of(MarkBar)) == (5 if plays else 0)
            if plays:  # and the first price comes behind them
                kinds = [type(event) for step in made.ear.steps[:6] for event in step]
                assert kinds[:10] == [MarkBar, Bar] * 5
                await made.until(lambda: made.ear.of(Quote), pace=50)
