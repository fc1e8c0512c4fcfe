"""Ghost, from its start to its end: one run of the installed command on the embedded market, alone and beside paper.

Each part is proved in depth elsewhere: hypothetical trades in tests/core, runs in tests/test_ghost_runs.py, what people see
in tests/cli/test_ghost_commands.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.away_kit import shut_in
from kits.paper_kit import Bot, Done
from test_paper_mode import BY_TURNS

from tradebot.core.ghost.quality import wilson


@dataclass(frozen=True)
class Watched:
    """What a run left: its answer, its tables, and whom its process asked for."""

    bot: Bot
    done: Done
    tables: dict[str, list[dict[str, Any]]]
    asked: str

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = self.done.data["summary"]
        return found

    @property
    def outcomes(self) -> list[Decimal]:
        """What each signal would have been worth (USDT), of those whose end is known."""
        rows = self.tables["signals"]
        return [Decimal(row["outcome_pnl"]) for row in rows if row["outcome_pnl"] is not None]


def tables_of(bot: Bot, run: str) -> dict[str, list[dict[str, Any]]]:
    names = ("orders", "fills", "trades", "signals", "positions")
    return {name: bot.json(name, "--run", run).data[name] for name in names}


def ghost(bot: Bot, *words: object) -> Done:
    own = bot.strategy(BY_TURNS.strip())
    return bot.json("ghost", "--headless", "--speed", "max", "--for", "4h", "--strategy", own, *words)  # fmt: skip


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("ghost")
    bot = Bot(folder, folder / "data")
    noted = shut_in(bot)
    done = ghost(bot)
    bot.env.clear()
    yield Watched(bot, done, tables_of(bot, "ghost-0001"), noted.read_text())
    bot.clean_up()


# -- it trades nothing


def test_it_needs_no_network_and_no_key(watched: Watched) -> None:
    assert watched.asked == ""
    assert watched.summary["signals"] >= 10


def test_it_says_that_nothing_was_sent(watched: Watched) -> None:
    assert "SIMULATED MARKET" in watched.summary["market"]
    assert " fill " not in watched.done.err
    assert "would be " in watched.done.err
    (run,) = watched.bot.json("runs").data["runs"]
    assert (run["mode"], run["venue"]) == ("ghost", "none")
    assert "LIVE" not in watched.bot("status").out


# -- every signal counts


def test_every_signal_is_judged_and_one_that_was_refused_has_an_outcome_too(
    watched: Watched,
) -> None:
    signals = watched.tables["signals"]
    assert len(signals) == watched.summary["signals"]
    assert {"approved", "refused"} <= {row["verdict"] for row in signals}
    refused = [row for row in signals if row["verdict"] == "refused"]
    assert any(row["outcome_pnl"] is not None for row in refused)
    assert all(row["stop"] and row["target"] for row in signals)


def test_its_figures_are_those_of_its_signals(watched: Watched) -> None:
    outcomes, quality = watched.outcomes, watched.done.data["quality"]
    won = sum(value > 0 for value in outcomes)
    assert len(outcomes) == watched.summary["ghost_closed"] == quality["trades"]
    assert watched.summary["profitable"] == won
    accuracy = Decimal(watched.summary["accuracy_pct"])
    assert accuracy == pytest.approx(Decimal(100 * won) / len(outcomes))
    low, high = wilson(won, len(outcomes))
    assert low is not None
    assert high is not None
    assert low < float(accuracy) < high


def test_its_journal_verifies_and_it_plays_again_to_the_same_bytes(watched: Watched) -> None:
    assert watched.bot.json("db", "verify").document["ok"]
    assert watched.bot.json("replay", "ghost-0001").document["ok"]


# -- beside others


def test_the_same_bars_give_the_same_signals_alone_and_beside_paper(
    watched: Watched, tmp_path: Path
) -> None:
    beside = Bot(tmp_path, tmp_path / "data")
    words = ("--ghost", "--headless", "--speed", "max", "--for", "4h")
    done = beside.json("paper", *words, "--strategy", beside.strategy(BY_TURNS.strip()))
    hashes = {
        watched.done.data["hashes"]["signals"],
        done.data["hashes"]["signals"],
        done.data["ghost"]["hashes"]["signals"],
    }
    assert len(hashes) == 1
    signals = tables_of(beside, "ghost-0001")["signals"]
    assert signals == watched.tables["signals"]
    runs = {row["mode"]: row["venue"] for row in beside.json("runs").data["runs"]}
    assert runs == {"paper": "local", "ghost": "none"}


def test_a_halt_does_not_stop_it_from_judging(watched: Watched, tmp_path: Path) -> None:
    """Nothing is refused on account of it that could be worth something: what is judged goes on being counted."""
    bot = Bot(tmp_path, tmp_path / "data")
    bot("halt", "--reason", "a look at something", "--wait", "0", code=None)
    done = ghost(bot)
    assert done.data["summary"]["signals"] == watched.summary["signals"]
    verdicts = {row["verdict"] for row in bot.json("signals").data["signals"]}
    assert verdicts == {"refused"}
    assert done.data["summary"]["ghost_closed"] == watched.summary["ghost_closed"]


@pytest.mark.slow
def test_killed_it_goes_on_and_loses_no_signal(watched: Watched, tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    own = bot.strategy(BY_TURNS.strip())
    process = bot.start("ghost", "--headless", "--json", "--speed", "1200", "--strategy", own)
    try:
        bot.until(lambda: bot.log() > 1000)
        process.kill()
        process.communicate()
        done = ghost(bot)
        assert done.data["summary"]["run"] == "ghost-0001"
        assert bot.json("signals").data["signals"] == watched.tables["signals"]
        assert bot.json("db", "verify").document["ok"]
    finally:
        bot.clean_up()
