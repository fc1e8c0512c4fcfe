"""Live runs as a user has them: the installed command with everything that real money needs, on a venue of this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kits.demo_kit import DemoVenue, demo_venue
from kits.paper_kit import Bot, Done
from kits.strategy_kit import LONG

MORNING = "2026-11-26T09:30:40Z"
"""Twenty seconds before a bar closes, hours away from the blackout and from funding."""

EARLY = "2026-11-26T09:30:30Z"
"""Thirty seconds before a bar closes: time for a checklist on a slow machine."""


def live_bot(folder: Path, venue: DemoVenue, name: str = "data", **env: str) -> Bot:
    """Return the command configured for live on the venue, with the key and a state directory of its own."""
    return Bot(
        folder,
        folder / name,
        env={
            "TRADEBOT_BINANCE_KEY": venue.key,
            "TRADEBOT_BINANCE_SECRET": venue.secret,
            "TRADEBOT_EXCHANGE__ENVIRONMENT": "live",
            "TRADEBOT_EXCHANGE__URL": venue.url,
            "TRADEBOT_LIVE__ENABLED": "true",
            "TRADEBOT_RISK__PROFILE": "live",
            "TRADEBOT_MARKET__SYMBOLS": "ETH/USDT",
            "XDG_STATE_HOME": str(folder / "state"),
            **env,
        },
    )


def check(bot: Bot, *words: str, code: int | None = 0, **env: str) -> Done:
    """Go through the checklist."""
    return bot.json("live", "--check", *words, code=code, **env)


def rows_of(done: Done) -> dict[str, list[dict[str, Any]]]:
    """The checklist's lines by name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in done.data["checks"]:
        found.setdefault(row["check"], []).append(row)
    return found


def failed(done: Done) -> set[str]:
    """The names of the lines that forbid a start."""
    return {row["check"] for row in done.data["checks"] if row["status"] == "fail"}


def start_live(bot: Bot, strategy: str, *words: object) -> subprocess.Popen[str]:
    """Check, and start a live run with the check's token; both with the same strategy and words."""
    more = ("--strategy", strategy, *words)
    token = check(bot, *map(str, more)).data["token"]
    return bot.start("live", *more, "--headless", "--json", "--confirm-live", token)


@dataclass
class Held:
    """A bot whose live run was killed with a position open; ``words`` start it again."""

    bot: Bot
    venue: DemoVenue
    words: tuple[str, ...]


@contextmanager
def held_run(folder: Path) -> Iterator[Held]:
    """Have a live run open a position, and kill it."""
    with demo_venue(folder, EARLY) as venue:
        bot = live_bot(folder, venue)
        own = bot.strategy(LONG)
        process = start_live(bot, own)
        bot.until(lambda: venue.held() and venue.stops())
        process.kill()
        process.communicate()
        yield Held(bot, venue, ("live", "--strategy", own, "--headless", "--json"))
        bot.clean_up()
