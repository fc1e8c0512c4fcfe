"""``gates`` from the installed command: what a fresh directory is told, and why a run on practice prices does not count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import Bot

from tradebot.app.checklist import Checklist
from tradebot.app.finding import Row
from tradebot.app.ours import Ours
from tradebot.app.recording import put_on_record
from tradebot.cli.live_command import _unearned
from tradebot.cli.readiness_commands import verdict_lines
from tradebot.core.model.errors import AlreadyRunningError
from tradebot.guard.lock import InstanceLock
from tradebot.journal.facts import SignoffRevoked
from tradebot.reports.readiness.verdict import GateVerdict, LeftOut

GATES = [
    "backtest", "paper", "testnet", "stability", "ghost", "parity", "drill", "keys", "account",
    "walls", "reviewers",
]  # fmt: skip
KEY = {"TRADEBOT_AUDIT_KEY": "a key that does not lie beside the journal"}


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    one = Bot(tmp_path, tmp_path / "data", env=dict(KEY))
    yield one
    one.clean_up()


def gates(bot: Bot, *words: str) -> dict[str, dict[str, Any]]:
    data = bot.json("gates", *words, code=4).data
    assert [one["gate"] for one in data["gates"]] == GATES
    return {one["gate"]: one for one in data["gates"]}


def test_a_fresh_directory_has_shown_nothing(bot: Bot) -> None:
    found = gates(bot)
    assert [name for name, one in found.items() if one["ok"]] == ["walls"]
    for name, one in found.items():
        assert one["needed"]
        assert one["have"]
        assert bool(one["reasons"]) is (name != "walls")
        assert bool(one["next"]) is (name != "walls")
        assert one["wait_s"] >= 0
    assert found["ghost"]["wait_s"] == 24 * 3600
    assert not (bot.data_dir / "tradebot.db").exists()  # it looks, and makes nothing
    done = bot("gates", code=4)
    assert "1 of 11 gates pass" in done.out
    assert "gates that do not pass: backtest, paper" in done.err


def test_practice_counts_for_nothing_and_each_run_says_why(bot: Bot) -> None:
    bot("paper", "--headless", "--speed", "max", "--for", "10m", "--ghost")
    bot("paper", bot.klines(10), "--headless", "--speed", "max", "--profile", "live", "--new")
    bot("paper", "--headless", "--speed", "7200", "--for", "2m", "--profile", "live", "--new")
    bot("halt", "--reason", "a look at something", "--wait", "0", code=None)
    found = gates(bot, "--set", "risk.profile=live")
    embedded, files, fast = (one["reasons"] for one in found["paper"]["left_out"])
    assert any("embedded market" in reason for reason in embedded)
    assert any('profile was "paper"' in reason for reason in embedded)
    assert any("speed max" in reason for reason in embedded)
    assert any("came from files" in reason for reason in files)
    assert not any("profile" in reason or "journal" in reason for reason in files)
    assert "its market ran at speed 7200, not at 1" in fast
    assert [one["run"] for one in found["ghost"]["left_out"]] == ["ghost-0001"]
    assert {one["run"] for one in found["stability"]["left_out"]} == {
        *("paper-0001", "paper-0002", "paper-0003", "ghost-0001")
    }
    assert found["walls"]["ok"] is False
    assert "a look at something" in found["walls"]["reasons"][0]


def test_reasons_are_said_once_and_the_key_comes_first(bot: Bot) -> None:
    assert gates_key(bot) == ""
    bot.env.pop("TRADEBOT_AUDIT_KEY")
    bot.env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    assert gates_key(bot).startswith("no key of the journal's chain is there yet")
    bot("paper", "--headless", "--speed", "max", "--for", "10m", "--ghost")
    assert gates_key(bot).startswith("the key of the journal's chain lies beside it")
    text = bot("gates", code=4).out
    assert text.splitlines()[1].startswith("first  the key of the journal's chain lies beside it")
    assert text.count("left out  paper-0001: ") == text.count("left out  ghost-0001: ") == 1
    assert "left out  for the same reasons as above: ghost-0001, paper-0001" in text
    assert text.splitlines()[0].endswith(", stage 1 would bind")
    told = gates(bot)
    for name, runs in (("paper", ["paper-0001"]), ("parity", ["ghost-0001", "paper-0001"])):
        assert [one["run"] for one in told[name]["left_out"]] == runs


def gates_key(bot: Bot) -> str:
    return str(bot.json("gates", code=4).data["key"])


def test_a_gate_fits_a_narrow_terminal() -> None:
    left = tuple(
        LeftOut(f"paper-{number:04d}", ("x " * 30, f"reason {number}")) for number in range(9)
    )
    runs = tuple(LeftOut(f"ghost-{number:04d}", ("why",)) for number in range(9))
    one = GateVerdict(
        "ghost", False, "what is wanted " * 9, "what is there " * 9, ("a reason " * 9,), ("ghost-0001",), (*runs, *left),
        "what to do " * 9, 90_000, ("live-0003's ghost", "live-0003 itself " * 9),
    )  # fmt: skip
    lines = list(verdict_lines(one, {run.run: run.reasons for run in runs}, 80))
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "left out paper-0008: " in text
    assert "paper-0005: " not in text
    assert "and 6 more (--json has all)" in text
    assert "as above: ghost-0003, ghost-0004" in text
    assert "ghost-0008, and others" in text
    assert "renewed by live-0003's ghost and live-0003 itself" in text


def test_real_money_is_refused_with_every_failing_gate_at_once(bot: Bot) -> None:
    done = bot.json("live", "--set", "exchange.environment=live", code=4)
    lines = {row["check"]: row for row in done.data["checks"] if row["place"] == "gates"}
    failing = [name for name, row in lines.items() if row["status"] == "fail"]
    gates = [name for name in GATES if name not in ("keys", "account", "walls")]
    assert failing == [*gates, "supervision"]  # it was started without a terminal
    assert lines["stage"]["detail"].startswith("stage 1: $50 a symbol, 1 position; stage 2 needs 3")
    assert all(name in done.error["message"] for name in (*failing, "keys", "account"))
    assert lines["walls"]["status"] == "ok"


@pytest.mark.parametrize("is_open", [(), ("XRP/USDT 20 (account: opened by tb-1e)",)])
def test_what_is_open_on_the_account_alone_is_protected_whatever_a_gate_says(
    is_open: tuple[str, ...],
) -> None:
    """Nothing is known of it here, so that no journal could have said it before the account was asked."""
    rows = (Row("drill", "fail", "none is on record"), Row("key rights", "fail", "it can withdraw"))
    found = Checklist(rows, Ours(), is_open)
    refused = _unearned(found)
    if is_open:
        assert refused is None
        return
    assert refused is not None
    assert refused.message == "gates that do not pass: drill, keys, account"
    assert (
        _unearned(Checklist(rows[1:], Ours())) is None
    )  # the checklist says what is wrong with it


def test_on_this_machine_the_gates_are_told_and_bind_where_they_are_to(bot: Bot) -> None:
    place = ("--set", "exchange.environment=live", "--set", "exchange.url=http://127.0.0.1:9")
    told = bot.json("live", "--check", *place, code=4).data["checks"]
    (row,) = (row for row in told if row["place"] == "gates")
    assert (row["check"], row["status"]) == ("gates", "warn")
    assert row["detail"].startswith("LOOPBACK: with real money they would refuse: backtest, paper")
    bound = bot.json("live", "--check", "--enforce-gates", *place, code=4).data["checks"]
    lines = {row["check"]: row["status"] for row in bound if row["place"] == "gates"}
    assert sorted(name for name, status in lines.items() if status == "ok") == ["stage", "walls"]
    assert lines["supervision"] == "warn"
    assert lines["paper"] == lines["reviewers"] == "fail"


def test_a_backtest_on_record_is_judged_by_its_days_and_its_check(bot: Bot) -> None:
    data = bot.klines(1440)
    record = bot.json("backtest", data, "--record", "--symbols", "BTC/USDT").data["record"]
    assert record["days"] == {"BTC/USDT": "1"}
    assert record["lookahead"] == []
    assert len(record["files"][data.name]) == 64
    backtest = gates(bot)["backtest"]
    assert backtest["have"] == "1 on record, 0 with this evidence hash"  # it was for one symbol
    backtest = gates(bot, "--symbols", "BTC/USDT")["backtest"]
    assert backtest["reasons"] == ["BTC/USDT: 1 days"]
    bot("db", "verify", "--head", record["head"])


def test_what_was_not_played_is_no_day_of_it(bot: Bot) -> None:
    words = ("--record", "--symbols", "BTC/USDT", "--for", "6h")
    assert bot.json("backtest", bot.klines(1440), *words).data["record"]["days"] == {"BTC/USDT": "0.25"}  # fmt: skip


REWRITES = """
from pathlib import Path
from pydantic import BaseModel


class Own:
    class Params(BaseModel):
        pass

    warmup = 0

    def __init__(self, params, symbol):
        pass

    def on_bar(self, bar):
        Path(__file__).write_text(Path(__file__).read_text() + " ")
"""


def test_a_strategy_whose_file_is_another_one_by_then_is_not_put_on_record(
    bot: Bot, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(REWRITES, encoding="utf-8")
    named = (bot.klines(10), "--record", "--symbols", "BTC/USDT", "--strategy", "own.py:Own")
    assert "the strategy's files have changed while it ran" in bot("backtest", *named, code=4).err
    assert not (bot.data_dir / "tradebot.db").exists()


def test_nothing_is_put_on_record_while_an_engine_works(tmp_path: Path) -> None:
    row = SignoffRevoked("Ada", "for a test")
    with InstanceLock(tmp_path, "an engine"), pytest.raises(AlreadyRunningError):
        put_on_record(tmp_path, lambda _: [row], "a test")
    assert not (tmp_path / "tradebot.db").exists()
    head = put_on_record(tmp_path, lambda _: [row], "a test")
    assert put_on_record(tmp_path, lambda before: [row] * (before == head), "a test").seq == 2
