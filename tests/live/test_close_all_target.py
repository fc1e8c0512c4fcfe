"""Which account a close-all means, whatever it was called by: named first, planned whole, latched in both places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kits.demo_kit import demo_venue
from kits.disaster_kit import ETH, MORNING, QUIET, XRP, Scene, scene
from kits.strategy_kit import LONG
from kits.terminal_kit import Terminal

from tradebot.guard.latch import halt_present

pytestmark = pytest.mark.slow

NO_KEY: dict[str, Any] = {"TRADEBOT_BINANCE_DEMO_KEY": "", "TRADEBOT_BINANCE_DEMO_SECRET": ""}


def planned(it: Scene, *words: str) -> tuple[str, list[tuple[str, str, str]], list[str]]:
    """Ask for the plan with nothing configured; return what was said, the rows and the warnings."""
    done = it.bot.json("close-all", "--dry-run", *words)
    rows = [(row["symbol"], row["what"], row["where"]) for row in done.data["plan"]]
    return done.err, rows, done.document["warnings"]


def test_a_run_of_an_account_is_the_account_and_paper_leaves_it_alone(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        engine = it.engine(QUIET)
        run = it.bot.status()["run"]
        for alive in (True, False):
            if not alive:
                engine.kill()
                engine.wait()
            said, rows, _ = planned(it, "--run", run)
            assert (
                f"target: the demo account at 127.0.0.1:{it.venue.url.rpartition(':')[2]}" in said
            )
            assert f"...{it.venue.key[-4:]}" in said
            assert rows == [("XRP/USDT", "position", "demo")]  # what somebody else opened too
            _, rows, warnings = planned(it, "--paper", "--run", run)
            assert rows == []
            (warning,) = warnings
            assert "which --paper leaves alone" in warning
        sent = it.changes()
        error = it.bot.json("close-all", "--paper", "--run", run, code=6).error
        assert f"{run} trades the demo account, which --paper leaves alone" in error["message"]
        done = it.bot.json("close-all", "--run", run, "--wait", "20")
        assert "target: the demo account" in done.err
        assert done.data["proof"]["reads"]
        assert it.flat()
        assert len(it.changes()) > len(sent)


def test_the_plan_has_the_paper_beside_an_account_and_what_is_wrong_with_the_file(
    tmp_path: Path,
) -> None:
    with scene(tmp_path, XRP) as it:
        it.bot.engine("--strategy", it.bot.strategy(LONG), speed=300)
        it.bot.until(lambda: it.bot.status()["open_positions"])
        run = it.bot.status()["run"]
        rows = it.close_all("--dry-run")["data"]["plan"]
        assert ("XRP/USDT", "demo") in {(row["symbol"], row["where"]) for row in rows}
        assert run in {row["where"] for row in rows}
        assert {
            row["where"] for row in it.close_all("--dry-run", "--account", "demo")["data"]["plan"]
        } == {"demo"}
        _, rows_of_paper, warnings = planned(it, "--config", "nowhere.toml")
        assert {where for _, _, where in rows_of_paper} == {run}
        assert any("would not be touched" in warning for warning in warnings)
        assert any("nowhere.toml" in warning for warning in warnings)


def test_a_halt_without_the_key_lies_beside_the_keys_lock_too(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        it.engine(QUIET)
        it.bot("halt", "--reason", "no key here", **NO_KEY)
        assert halt_present(it.bot.data_dir)
        assert halt_present(it.account_dir)
        it.bot("resume", "--reason", "seen", **NO_KEY)
        assert not halt_present(it.bot.data_dir)
        assert not halt_present(it.account_dir)


def test_a_latch_that_cannot_be_set_beside_the_key_is_said(tmp_path: Path) -> None:
    with scene(tmp_path) as it:
        it.account_dir.parent.mkdir(parents=True)
        it.account_dir.write_text("no directory")
        document = it.close_all()
        assert document["data"]["closed"] is True
        assert any(str(it.account_dir) in warning for warning in document["warnings"])


def test_a_proof_for_one_account_is_none_for_the_account_of_another_key(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with scene(tmp_path) as it, demo_venue(other, MORNING) as venue:
        engine = it.engine(LONG)
        it.bot.until(lambda: it.venue.held() == ["ETHUSDT"])
        it.bot.until(lambda: it.bot.status()["open_positions"])
        engine.kill()
        engine.wait()
        theirs: dict[str, Any] = {**venue.env, "TRADEBOT_EXCHANGE__URL": venue.url}
        document = it.close_all(**theirs)
        assert document["data"]["closed"] is True
        (warning,) = document["warnings"]
        assert "which was not touched; it held ETH/USDT" in warning
        assert it.venue.held() == ["ETHUSDT"]
        assert it.bot.json("positions").document["warnings"] == []
        own = it.close_all()
        assert own["warnings"] == []
        shown = it.bot.json("positions").document
        assert [row["symbol"] for row in shown["data"]["positions"]] == ["ETH/USDT"]
        (warning,) = shown["warnings"]
        assert "came after this" in warning
        assert "nothing is left: proved by two reads" in warning
        assert it.flat()


def test_ctrl_c_at_the_question_says_that_trading_stays_halted(tmp_path: Path) -> None:
    with scene(tmp_path, ETH) as it:
        env = {**it.bot.env, **it.exchange}
        screen = Terminal(tmp_path, "close-all", "--data-dir", str(it.bot.data_dir), env=env)
        try:
            screen.until(b"[y/N]")
            screen.press(b"\x03")
            assert screen.code() == 130
            assert b"nothing was closed; trading stays halted until" in screen.out
        finally:
            screen.close()
        assert halt_present(it.account_dir)
        assert it.changes() == []
