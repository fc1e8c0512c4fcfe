"""What the tests of the screens share: a run made by the real engine, an app with a clock that stands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tradebot.app.host import Setup, opened
from tradebot.app.runner import Pace, Runner
from tradebot.config import Config, load_config
from tradebot.core.ghost.ghosts import Ghosts
from tradebot.market.feed import SimulatedSource, Step
from tradebot.plugins.strategies import load_strategy
from tradebot.tui.app import FIRST, TradebotApp
from tradebot.tui.banner import Banner
from tradebot.tui.setting import Exit, Setting
from tradebot.tui.status import StatusRow

START = 1_767_600_000_000
NOW = START + 3_600_000
"""The real clock of these tests: 2026-01-05 09:00:00 UTC."""

TRADES = 4

JUDGED = 32
"""Closed hypothetical trades of the ghost run: signals of every verdict are among them."""


class Flight(SimulatedSource):
    """The embedded market until enough was traded and a position is open; then it asks for a stop."""

    runner: Runner | None = None

    def steps(self, cursor: dict[str, Any] | None = None) -> Iterator[Step]:
        """Yield steps; the stop comes before the next one, always at the same."""
        for step in super().steps(cursor):
            assert self.runner is not None
            engine = self.runner.session.engine
            held = any(book.holding.qty for book in engine.books.values())
            if held and engine.tally.trades >= TRADES:
                self.runner.request_stop("enough was traded")
            yield step


def configured(data_dir: Path) -> Config:
    """Return the default configuration with this data directory."""
    return load_config(None, {}, (), {"data.dir": str(data_dir)})


class GhostFlight(SimulatedSource):
    """The embedded market until enough was judged and a hypothetical trade is open."""

    runner: Runner | None = None

    def steps(self, cursor: dict[str, Any] | None = None) -> Iterator[Step]:
        """Yield steps; the stop comes before the next one, always at the same."""
        for step in super().steps(cursor):
            assert self.runner is not None
            ghosts = self.runner.session.ghosts
            assert isinstance(ghosts, Ghosts)
            filled = any(row["entry_time"] is not None for row in ghosts.view())
            if ghosts.closed >= JUDGED and filled:
                self.runner.request_stop("enough was judged")
            yield step


def haunt(data_dir: Path) -> None:
    """Make a seeded ghost run that is interrupted with a hypothetical trade open."""
    source = GhostFlight(("BTC/USDT", "ETH/USDT"), 42)
    spec = load_strategy("breakout", Path())
    setup = Setup(configured(data_dir), source, spec, Pace(None, None), seed=42, modes=("ghost",))

    async def run() -> None:
        async with opened(setup) as (runner, cursor):
            source.runner = runner
            ending = await runner.main(cursor)
        assert (ending.state, ending.error) == ("interrupted", None)

    asyncio.run(run())


def fly(data_dir: Path) -> None:
    """Make a seeded paper run that is interrupted with a position open."""
    source = Flight(("BTC/USDT", "ETH/USDT"), 42)
    spec = load_strategy("ema_cross", Path())
    setup = Setup(configured(data_dir), source, spec, Pace(None, None), seed=42)

    async def run() -> None:
        async with opened(setup) as (runner, cursor):
            source.runner = runner
            ending = await runner.main(cursor)
        assert ending.state == "interrupted"
        assert ending.error is None
        assert ending.positions

    asyncio.run(run())


def make_app(data_dir: Path, **setting: Any) -> TradebotApp:
    """Return the app over a data directory; the clock stands unless another is given."""
    given = {"clock": lambda: NOW, **setting}
    return TradebotApp(Setting(configured(data_dir), "ana", **given))


async def loaded(pilot: Pilot[Exit]) -> None:
    """Wait until the first look at the journal is on screen."""
    app = pilot.app
    assert isinstance(app, TradebotApp)
    await pilot.pause()
    while app.view.problem == FIRST:
        await pilot.pause(0.02)
    await pilot.pause()


def screen_text(app: TradebotApp) -> str:
    """Return what the screen shows, dialogs included, as text."""
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in lines)


def page(app: TradebotApp) -> Any:
    """Return the view on screen, beneath any dialog."""
    return next(one for one in reversed(app.screen_stack) if hasattr(one, "update_page"))


def banner(app: TradebotApp) -> str:
    """Return the banner's text, "" while there is none."""
    shown = page(app).query_one(Banner)
    return str(shown.text) if shown.display else ""


def status(app: TradebotApp) -> str:
    """Return the status row's text."""
    return str(page(app).query_one(StatusRow).text)
