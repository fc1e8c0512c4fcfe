"""A live run on Demo Trading that shows all that the gate *testnet* asks for: the real writer, engine and client, on the venue.

Time is the virtual loop's, so that an hour takes seconds. Only here can a broker claim a host that it is not connected to.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from kits import binance_scene as scene
from kits import live_kit
from kits.evidence_kit import SYMBOL, bar_of, configure
from tradebot.app.closings import Sealer
from tradebot.app.host import opened
from tradebot.app.runner import Pace
from tradebot.app.setup import Setup
from tradebot.app.target import ExchangeAccount
from tradebot.broker.binance import BinanceBroker
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS
from tradebot.guard.diary import COMMAND, Diary
from tradebot.plugins.strategies import load_strategy
from tradebot.venue.core import Venue
from tradebot.venue.server import Server
from tradebot.venue.settings import AccountScript, Settings
from tradebot.wire.api_key import ApiKey
from tradebot.wire.client import Wire
from tradebot.wire.hosts import find_hosts

DEMO = (("demo-fapi.binance.com", "52.84.1.1"),)
LIVE = (("fapi.binance.com", "52.84.1.1"),)
MORNING_MS = 9 * HOUR_MS
"""Behind the blackout, and hours away from the next funding."""


class ClaimingBroker(BinanceBroker):
    """It trades on a venue of this machine and says that it is connected to ``claims``."""

    claims: tuple[tuple[str, str], ...] = DEMO

    def peers(self, kind: str) -> tuple[tuple[str, str], ...]:
        return self.claims


class ClaimingFeed(live_kit.LateFeed):
    """Prices that come when they come, and say whose they are."""

    environment = "demo"
    claims: tuple[tuple[str, str], ...] = DEMO

    def peers(self, kind: str) -> tuple[tuple[str, str], ...]:
        return self.claims


def morning_before(now: int) -> int:
    """Return nine in the morning (UTC ms) of the day before a time."""
    return now // DAY_MS * DAY_MS - DAY_MS + MORNING_MS


def play_demo(
    folder: Path,
    start: int,
    *,
    minutes: int = 66,
    claims: tuple[tuple[str, str], ...] = DEMO,
    code: int | None = 0,
    faults: Sequence[dict[str, Any]] = (),
    flags: dict[str, Any] | None = None,
    environment: Literal["demo", "live"] = "demo",
) -> None:
    """Write a live run into a directory; the audit key must be in the environment.

    ``code`` is what a close-all of its account ended with meanwhile, None for none. One of the ``environment`` live claims to
    be with real money, in stage 1, with a person before it.
    """
    live_kit.play(
        lambda loop: _play(
            loop, folder, start, minutes, claims, code, faults, flags or {}, environment
        )
    )


def play_live(folder: Path, start: int, *, minutes: int) -> None:
    """Write a live run that claims to be with real money."""
    play_demo(folder, start, minutes=minutes, claims=LIVE, code=None, environment="live")


async def _play(
    loop: live_kit.VirtualLoop,
    folder: Path,
    start: int,
    minutes: int,
    claims: tuple[tuple[str, str], ...],
    code: int | None,
    faults: Sequence[dict[str, Any]],
    flags: dict[str, Any],
    environment: Literal["demo", "live"],
) -> None:
    clock = live_kit.VirtualClock(loop, start)
    account = AccountScript(wallet=scene.WALLET, margin_type="isolated", leverage=1)
    venue = Venue(
        scene.GivenFeed([SYMBOL]),
        scene.LoopVenueClock(loop, start),
        Settings(account=account, seed=1),
        keep=True,
    )
    server = Server(venue)
    await server.start()
    venue.start()
    venue.faults.set(list(faults))
    config = configure(folder, **flags)
    spec = load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)
    bars = [[bar_of(start + number * MINUTE_MS)] for number in range(minutes)]
    try:
        key = ApiKey(venue.credentials.key, venue.credentials.secret)
        async with Wire(find_hosts(environment, server.url), clock=clock, api_key=key) as wire:
            broker = ClaimingBroker(wire, [SYMBOL])
            broker.claims = claims
            feed: Any = ClaimingFeed(clock, scene.Street(venue), [SYMBOL], bars, 1, 15)
            if environment == "live":
                feed.environment, feed.claims = environment, claims
            setup = Setup(
                *(config, feed, spec, Pace(1.0, None)),
                modes=("live",),
                broker=broker,
                venue=environment,
                terminal=environment == "live",
                clock=clock,
                new=True,
            )
            loop.busy += 1  # opening a journal takes real time only
            async with opened(setup) as (runner, cursor):
                loop.busy -= 1
                (run,) = runner.runs
                run.account = environment
                if code is not None:
                    _diary_of(folder, code, Standing(start + (minutes - 1) * MINUTE_MS))
                ending = await runner.main(cursor)
        assert (ending.state, ending.error) == ("ended", None)
    finally:
        await server.stop()
        venue.stop()


class Standing:
    """A clock that stands."""

    def __init__(self, at: int) -> None:
        self._at = at

    def wall_ms(self) -> int:
        return self._at

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None: ...


def _diary_of(folder: Path, code: int, clock: Standing) -> None:
    """Write what the command ``close-all`` writes of itself."""
    diary = Diary([folder / "data"], COMMAND, clock)
    diary.put("begin", who="somebody", reason="it is over", account="the demo account")
    ended = clock.wall_ms()
    seal = Sealer(folder / "data").seal(ExchangeAccount("demo"), code, [], ended)
    diary.put("result", code=code, left=[], unfenced=[], reads=[], ended=ended, seal=seal)


__all__ = ["DEMO", "morning_before", "play_demo", "play_live"]
