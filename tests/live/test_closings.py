"""How a close-all ended comes into the chain of a run of the same account: from its diary, at the run's end or the next start."""

from __future__ import annotations

import hashlib
from decimal import Decimal as D
from pathlib import Path

import pytest
from kits.disaster_kit import QUIET, scene

from tradebot.app.closings import Sealer, closings_of
from tradebot.app.target import ExchangeAccount
from tradebot.guard.diary import COMMAND, ENGINE, Diary, Step, read_diary
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import ClosedAll
from tradebot.journal.testimony import read_testimony

SECRET = "a key that does not lie beside the journal"
KEY = AuditKey(hashlib.sha256(SECRET.encode()).digest(), "environment")
DEMO = ExchangeAccount("demo")


def step(name: str, pid: int, wall: int, role: str = COMMAND, **more: object) -> Step:
    return Step(name, wall, pid, role, 1, more)


def test_only_what_a_command_was_asked_of_this_account_counts() -> None:
    demo, live = "the demo account", "the live account"
    steps = [
        step("begin", 1, 10, account=demo),
        step("begin", 2, 11, account=live),
        step("begin", 3, 12, ENGINE, account="demo"),
        step("result", 3, 13, ENGINE, code=0, left=[]),
        step("result", 2, 14, code=0, left=[]),
        step("result", 1, 15, code=6, left=[{"symbol": "ETH/USDT", "qty": "1"}]),
        step("result", 4, 16, code=0, left=[]),
        step("begin", 1, 20, account=demo),
        step("result", 1, 21, code=0, left=[]),
        step("begin", 5, 22, account=demo),
        step("result", 5, 23, why="cannot be told"),
    ]
    assert closings_of(steps, "demo", KEY) == [
        ClosedAll("demo", 6, ("ETH/USDT",), 15),
        ClosedAll("demo", 0, (), 21),
        ClosedAll("demo", 1, (), 23),
    ]


def test_an_end_is_believed_with_the_chains_seal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write into the diary cannot say that everything was closed."""
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    left: list[object] = [{"symbol": "ETH/USDT", "qty": D(1)}]
    whole = {"code": 0, "left": [], "ended": 19}
    good = Sealer(tmp_path).seal(DEMO, 0, [], 19)
    bad = Sealer(tmp_path).seal(DEMO, 6, left, 19)
    ends: dict[str, tuple[dict[str, object], bool]] = {
        "sealed": ({**whole, "seal": good}, True),
        "of something left": ({"code": 6, "left": left, "ended": 19, "seal": bad}, True),
        "by hand": (whole, False),
        "another code": ({"code": 0, "left": left, "ended": 19, "seal": bad}, False),
        "another time": ({**whole, "ended": 20, "seal": good}, False),
        "of the live account": (
            {**whole, "seal": Sealer(tmp_path).seal(ExchangeAccount("live"), 0, [], 19)},
            False,
        ),
        "no seal at all": ({**whole, "seal": None}, False),
        "letters of no key": ({**whole, "seal": "\u00e4"}, False),
    }
    for name, (more, believed) in ends.items():
        Diary([tmp_path / name]).put("begin", account=str(DEMO))
        Diary([tmp_path / name]).put("result", **more)
        (found,) = closings_of(read_diary([tmp_path / name]), "demo", KEY)
        assert found.sealed is believed, name
        assert (found.at == 19) is believed, name
    other = AuditKey(b"another key of thirty-two bytes", "environment")
    (found,) = closings_of(read_diary([tmp_path / "sealed"]), "demo", other)
    assert not found.sealed


def closings(data_dir: Path) -> list[tuple[str, ClosedAll]]:
    """Return the rows of a journal, each with its run."""
    key = AuditKey.find(data_dir, {"TRADEBOT_AUDIT_KEY": SECRET})
    assert key is not None
    rows = read_testimony(data_dir / "tradebot.db", key).rows
    return [(one.run, one.fact) for one in rows if isinstance(one.fact, ClosedAll)]


@pytest.mark.full
def test_it_is_on_record_at_the_runs_end_and_at_the_next_start(tmp_path: Path) -> None:
    with scene(tmp_path) as it:
        it.bot.env["TRADEBOT_AUDIT_KEY"] = SECRET
        engine = it.engine(QUIET)
        it.close_all()
        assert it.bot.end(engine).code == 0
        ((run, first),) = closings(it.bot.data_dir)
        assert (run, first.environment, first.code, first.left) == ("paper-0001", "demo", 0, ())
        it.bot("resume", "--reason", "again", code=None)
        it.close_all()  # nothing of ours runs: the next start takes it over
        it.bot("resume", "--reason", "again", code=None)
        engine = it.engine(QUIET, "--new")
        it.bot.until(lambda: len(closings(it.bot.data_dir)) > 1)
        assert it.bot.end(engine).code == 0
        found = [one for _, one in closings(it.bot.data_dir)]
        assert {(one.code, one.sealed) for one in found} == {(0, True)}
        assert len({one.at for one in found}) == 2
