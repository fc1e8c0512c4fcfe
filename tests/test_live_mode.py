"""Live, from its word to its end: one run of the installed command on a venue, and what has to be so at each step of it.

Each part is proved in depth elsewhere: the start in tests/live/test_live_check.py, test_live_start.py and test_protect_only.py,
the end in test_live_stop.py, what goes wrong in tests/disasters.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kits.demo_kit import DemoVenue, demo_venue
from kits.live_run_kit import check, failed, live_bot, start_live
from kits.paper_kit import Bot, Done
from kits.strategy_kit import LONG

pytestmark = [pytest.mark.slow, pytest.mark.full]

EARLY = "2026-11-26T09:30:30Z"
STOP_MS = 5_000
WRITES = ("POST", "DELETE", "PUT")


@dataclass
class Lived:
    """What a run left: answers of commands while it traded, its own, and the venue's record at each step."""

    bot: Bot
    venue: DemoVenue
    refused: Done
    before: list[dict[str, Any]]
    tables: dict[str, str]
    runs: list[dict[str, Any]]
    ended: Done
    state: dict[str, Any]
    requests: list[dict[str, Any]] = field(default_factory=list)

    def sent(self) -> list[str]:
        return [
            f"{row['method']} {row['path'].rpartition('/')[2]}"
            for row in self.requests
            if row["method"] in WRITES and not row["path"].endswith("listenKey")
        ]

    def asked(self, path: str) -> list[dict[str, Any]]:
        return [r for r in self.requests if r["method"] == "POST" and r["path"].endswith(path)]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    folder: Path = tmp_path_factory.mktemp("live")
    with demo_venue(folder, EARLY) as venue:
        bot = live_bot(folder, venue)
        try:
            bot.until(
                lambda: not failed(check(bot, code=None))
            )  # a busy disk may be too slow at first
            refused = bot.json("live", "--headless", code=4)
            before = venue.rows("request")
            run = start_live(bot, bot.strategy(LONG))
            bot.until(lambda: venue.held() and venue.stops())
            bot.until(lambda: bot.status().get("open_positions") == 1)
            tables = {name: bot(name).out for name in ("status", "positions", "signals", "risk")}
            runs = bot.json("runs").data["runs"]
            ended = bot.end(run, signal.SIGTERM)
            state = venue.state()
            yield Lived(
                *(bot, venue, refused, before, tables, runs, ended, state, venue.rows("request"))
            )
        finally:
            bot.clean_up()


# -- the start


def test_without_a_word_nothing_is_sent(lived: Lived) -> None:
    assert "real money needs a word" in lived.refused.error["message"]
    assert {row["method"] for row in lived.before} == {"GET"}


def test_leverage_and_the_way_of_a_stop_come_before_the_first_entry(lived: Lived) -> None:
    assert lived.sent()[:4] == ["POST leverage", "POST algoOrder", "DELETE algoOrder", "POST order"]
    assert lived.asked("leverage")[0]["params"]["leverage"] == "1"
    assert lived.asked("algoOrder")[0]["params"]["reduceOnly"] == "true"


# -- trading


def test_an_entry_is_an_ioc_limit_within_the_cap(lived: Lived) -> None:
    (entry,) = lived.asked("/order")
    words = entry["params"]
    assert (words["type"], words["timeInForce"]) == ("LIMIT", "IOC")
    assert float(words["price"]) * float(words["quantity"]) <= 50


def test_its_stop_is_at_the_exchange_within_five_seconds(lived: Lived) -> None:
    (entry,) = lived.asked("/order")
    stop = lived.asked("algoOrder")[1]
    assert stop["at"] - entry["at"] <= STOP_MS
    words = stop["params"]
    assert (words["type"], words["workingType"]) == ("STOP_MARKET", "MARK_PRICE")
    assert words["reduceOnly"] == "true"
    assert words["quantity"] == entry["params"]["quantity"]


def test_every_table_says_live_and_a_ghost_runs_beside(lived: Lived) -> None:
    for name, text in lived.tables.items():
        assert ("LIVE Limits" if name == "risk" else "LIVE live-0001") in text, name
    assert [run["mode"] for run in lived.runs] == ["live", "ghost"]


# -- the end


def test_stopped_in_order_it_keeps_the_position_with_its_stop_and_lists_both(lived: Lived) -> None:
    assert lived.ended.code == 0
    (row,) = lived.ended.data["positions"]
    assert (row["symbol"], row["side"]) == ("ETH/USDT", "long")
    assert [row["symbol"] for row in lived.state["positions"]] == ["ETHUSDT"]
    assert len(lived.state["algo_orders"]) == 1
    assert f"its stop at {row['stop']} stays" in str(lived.ended.document["warnings"])


def test_stopped_in_order_it_wants_a_word_again(lived: Lived) -> None:
    """What is open is protected meanwhile; the check has no fault to find, but the start would have."""
    bot = lived.bot
    assert "reconcile" not in failed(check(bot, "--strategy", bot.strategy(LONG)))
    process = bot.start("live", "--strategy", bot.strategy(LONG), "--headless", "--json")
    bot.until(lambda: "word: real money needs a word" in str(bot.status().get("halts")))
    assert bot.end(process).code == 0
    assert lived.venue.held() == ["ETHUSDT"]


def test_no_secret_is_in_anything_that_was_said(lived: Lived) -> None:
    said = [lived.refused.out, lived.refused.err, lived.ended.out, lived.ended.err]
    files = [p for p in lived.bot.data_dir.iterdir() if p.is_file()]
    for text in (*said, *lived.tables.values(), *(p.read_text(errors="replace") for p in files)):
        assert lived.venue.secret not in text
        assert lived.venue.key not in text
