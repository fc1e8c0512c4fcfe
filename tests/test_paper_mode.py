"""Paper, from its start to its end: one run of the installed command on the embedded market, and what has to be so of it.

Each part is proved in depth elsewhere: the run in tests/test_paper.py and tests/cli/test_run_commands.py, fills in
tests/core, a crash in tests/test_crash.py and tests/guarantees.
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
from kits.strategy_kit import LONG

BY_TURNS = """
        if self.seen % 20 == 1:
            side, sign = ("long", 1) if self.seen % 40 == 1 else ("short", -1)
            stop, target = bar.close * (1 - sign * 0.004), bar.close * (1 + sign * 0.006)
            return Signal(side, 0.9, stop=stop, target=target, reason="by turns")
        return None
"""
"""A signal of each symbol every twenty minutes, long and short by turns."""
PAPER_CAP = Decimal(1000)
"""USDT a position: the live ceiling times twenty."""
START_EQUITY = Decimal(10_000)


@dataclass(frozen=True)
class Played:
    """What a run left: its answer, its tables, the text of those that people read, and whom its process asked for."""

    bot: Bot
    done: Done
    tables: dict[str, list[dict[str, Any]]]
    texts: dict[str, str]
    asked: str

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = self.done.data["summary"]
        return found

    def orders(self, purpose: str) -> list[dict[str, Any]]:
        return [row for row in self.tables["orders"] if row["purpose"] == purpose]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("paper")
    bot = Bot(folder, folder / "data")
    noted = shut_in(bot)
    done = bot.paper("--for", "4h", "--strategy", bot.strategy(BY_TURNS.strip()))
    bot.env.clear()
    names = ("orders", "fills", "trades", "signals", "positions")
    tables = {name: bot.json(name).data[name] for name in names}
    texts = {name: bot(name).out for name in ("status", "positions", "signals", "trades", "risk")}
    yield Played(bot, done, tables, texts, noted.read_text())
    bot.clean_up()


def money(row: dict[str, Any], name: str) -> Decimal:
    return Decimal(row[name])


# -- what it needs, and what it says it is


def test_it_needs_no_network_and_no_key(played: Played) -> None:
    assert played.asked == ""
    assert played.summary["completed_trades"] >= 3


def test_no_screen_and_no_table_can_be_taken_for_real_money(played: Played) -> None:
    assert "SIMULATED MARKET" in played.summary["market"]
    for name, text in played.texts.items():
        assert "LIVE" not in text, name
    assert "SIMULATED MARKET" in played.texts["status"]


# -- trading


def test_every_signal_has_a_verdict_and_every_refusal_its_reasons(played: Played) -> None:
    signals = played.tables["signals"]
    assert {"approved", "refused"} <= {row["verdict"] for row in signals}
    assert all(bool(row["refusals"]) is (row["verdict"] == "refused") for row in signals)
    approved = [row["id"] for row in signals if row["verdict"] == "approved"]
    assert {row["signal"] for row in played.orders("e")} == set(approved)


def test_an_entry_is_a_limit_at_a_protected_price_within_the_cap(played: Played) -> None:
    for order in played.orders("e"):
        assert (order["type"], order["tif"], order["reduce_only"]) == ("limit", "ioc", False)
        assert money(order, "qty") * money(order, "price") <= PAPER_CAP


def test_every_position_has_a_stop_of_its_whole_size_in_the_moment_it_begins(
    played: Played,
) -> None:
    stops = played.orders("s")
    opened = [row for row in played.tables["fills"] if Decimal(row["realised"]) == 0]
    entries = {row["id"] for row in played.orders("e")}
    assert entries >= {row["order_id"] for row in opened}
    for fill in opened:
        mine = [s for s in stops if s["symbol"] == fill["symbol"] and s["time"] == fill["time"]]
        assert [(s["qty"], s["reduce_only"], s["type"]) for s in mine] == [
            (fill["qty"], True, "stop_market")
        ]


def test_a_fill_is_never_better_than_its_order_allows_and_pays_the_takers_fee(
    played: Played,
) -> None:
    orders = {row["id"]: row for row in played.tables["orders"]}
    for fill in played.tables["fills"]:
        order, price = orders[fill["order_id"]], money(fill, "price")
        if order["price"] is not None:
            bound = Decimal(order["price"])
            assert price <= bound if fill["side"] == "buy" else price >= bound
        elif order["type"] == "stop_market":  # it slips, against us
            trigger = Decimal(order["trigger_price"])
            assert price >= trigger if fill["side"] == "buy" else price <= trigger
        assert money(fill, "fee") == price * money(fill, "qty") * Decimal("0.0005")


# -- what it amounts to


def test_the_figures_add_up_to_the_last_digit(played: Played) -> None:
    summary, trades = played.summary, played.tables["trades"]
    assert summary["completed_trades"] == len(trades)
    assert money(summary, "equity") == START_EQUITY + money(summary, "pnl")
    net = money(summary, "gross") - money(summary, "fees") + money(summary, "funding")
    assert net == money(summary, "net") == money(summary, "pnl")
    assert sum(money(row, "fee") for row in played.tables["fills"]) == money(summary, "fees")
    realised = sum((money(row, "pnl") for row in trades), Decimal(0))
    open_pnl = sum((money(row, "pnl") for row in played.tables["positions"]), Decimal(0))
    if not played.tables["positions"]:
        assert realised + open_pnl == money(summary, "pnl")
    wins = [row for row in trades if money(row, "pnl") > 0]
    assert money(summary, "win_rate_pct") == pytest.approx(Decimal(100 * len(wins)) / len(trades))


def test_its_journal_verifies_and_it_plays_again_to_the_same_bytes(played: Played) -> None:
    assert played.bot.json("db", "verify").document["ok"]
    assert played.bot.json("replay", "paper-0001").document["ok"]


# -- stopping it


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Bot]:
    """A run with a position open."""
    bot = Bot(tmp_path, tmp_path / "data")
    words = ("--strategy", bot.strategy(LONG), "--headless", "--json", "--speed", "600")
    bot.start("paper", *words)
    bot.until(lambda: bot.status().get("open_positions"))
    yield bot
    bot.clean_up()


@pytest.mark.slow
def test_a_halt_ends_entries_and_close_all_ends_positions(running: Bot) -> None:
    running("halt", "--reason", "enough for now")
    running.until(lambda: running.status()["halts"])
    assert running.status()["open_positions"]
    assert running.json("close-all", "--paper", "--yes").data["closed"] is True
    assert running.status()["open_positions"] == 0
    entries = [row for row in running.json("orders").data["orders"] if row["purpose"] == "e"]
    (process,) = running.started
    assert running.end(process).code == 0
    orders = running.json("orders").data["orders"]
    assert [row for row in orders if row["purpose"] == "e"] == entries


@pytest.mark.slow
def test_killed_it_goes_on_with_its_position_and_its_stop(running: Bot) -> None:
    (process,) = running.started
    process.kill()
    process.communicate()
    before = running.json("positions").data["positions"]
    assert before
    done = running.json("paper", "--strategy", "own.py:Own", "--headless", "--speed", "max", "--for", "4h")  # fmt: skip
    assert "paper-0001 was interrupted and goes on" in done.err
    assert done.data["summary"]["run"] == "paper-0001"
    fills = running.json("fills").data["fills"]
    ids = [(row["symbol"], row["trade_id"]) for row in fills]
    assert len(ids) == len(set(ids))
    assert running.json("db", "verify").document["ok"]
