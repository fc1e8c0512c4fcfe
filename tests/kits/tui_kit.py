"""What the tests of the screens share: a run made by the real engine, an app with a clock that stands."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tradebot.alerts.store import OutboxStore
from tradebot.app.alerts_state import note_wanted
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


PLACE = "LOOPBACK 127.0.0.1:40929 (BTC/USDT, ETH/USDT)"
"""What a run on the loopback venue calls its market."""

STRANGER = {"symbol": "XRP/USDT", "qty": "-40", "hedge": "", "entry_price": "2.2"}
"""Somebody else's position on the account."""


def trade_live(data_dir: Path, **links: Any) -> None:
    """Make the only run one that trades the live account in stage 1: it holds what the run holds, and a stranger's position.

    ``links`` are changes of how its connections stand.
    """
    with closing(sqlite3.connect(data_dir / "tradebot.db")) as db, db:
        db.create_function("live", 1, lambda text: text.replace("paper-", "live-"))
        for (table,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            if "run" in columns and table not in ("log", "blocks"):
                db.execute(f"UPDATE {table} SET run = live(run) WHERE run IS NOT NULL")
        db.execute(
            "UPDATE runs SET id = live(id), mode = 'live', venue = 'live', market = ?", (PLACE,)
        )
        ((wall, text),) = db.execute("SELECT wall, body FROM snapshot").fetchall()
        body = json.loads(text)
        body |= {"market": PLACE, "stage": 1, "links": {**_links(body, wall), **links}}
        for row in body["positions"]:
            row["stop_seen"] = body["at"] - 4_000
        db.execute("UPDATE snapshot SET body = ?", (json.dumps(body),))


def _liquidation(row: dict[str, Any]) -> str:
    """Return about where a position at 1x is liquidated: a long near nothing, a short near twice its entry."""
    return f"{float(row['entry_price']) * (0.02 if row['side'] == 'long' else 1.98):.2f}"


def _links(body: dict[str, Any], wall: int) -> dict[str, Any]:
    """Return connections that stand, and an account that holds what the snapshot holds, at 1x."""
    held = [
        {
            "symbol": row["symbol"],
            "qty": row["qty"] if row["side"] == "long" else f"-{row['qty']}",
            "hedge": "",
            "entry_price": row["entry_price"],
            "margin": f"{float(row['qty']) * float(row['entry_price']):.4f}",
            "liquidation_price": _liquidation(row),
        }
        for row in body["positions"]
    ]
    return {
        "ages": {"account": 2_100, "bookTicker": 300, "kline": 900, "markPrice": 300},
        "weight": [251, 2400],
        "banned_until": None,
        "account": {
            "wall": wall - 11_000,
            "balances": {"USDT": body["cash"]},
            "positions": [*held, STRANGER],
            "orders": 0,
            "algo_orders": 0,
            "resting": [],
        },
    }


FAILING = """
UPDATE channels SET delivered = {now} - 42000;
UPDATE channels SET stopped = 'answered 401: Unauthorized', failures = 1, failing_since = {now} - 600000
    WHERE channel = 'telegram';
UPDATE channels SET error = 'answered 450: mailbox busy, try again later', failures = 3,
    failing_since = {now} - 120000 WHERE channel = 'email';
INSERT INTO outbox (channel, source, kind, level, key, text, data, run, mode, market, file, created, due, silent, state)
    VALUES ('telegram', 'a', 'entry', 'info', '', '', '{{}}', '', '', '', '', {now}, {now}, 0, 'waiting'),
    ('telegram', 'b', 'feed', 'warning', '', '', '{{}}', '', '', '', '', {now}, {now}, 0, 'held'),
    ('telegram', 'c', 'halt', 'critical', '', '', '{{}}', '', '', '', '', {now}, {now}, 0, 'expired');
"""
"""One channel is stopped, one fails, and a critical alert was taken by nobody."""


def tell_badly(data_dir: Path) -> None:
    """Make an outbox whose channels do badly, as of ``NOW``."""
    names = ("telegram", "email", "webhook")
    note_wanted(data_dir, names, NOW - 3_000_000)
    with OutboxStore(data_dir) as store:
        for name in names:
            store.resettle(name, "settings")
        store.put("pulse", {"wall": NOW})
        store.db.executescript(FAILING.format(now=NOW))
