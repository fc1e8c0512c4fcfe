"""Gates over journals of the real writer and engine: what a day of production prices shows, what is left out, what is forged."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kits.evidence_kit import PERIOD, PRODUCTION, SECRET, configure, entries_until, play
from kits.paper_kit import Bot

from tradebot.app.readiness import Readiness, judge
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.values import DAY_MS, HOUR_MS, MINUTE_MS
from tradebot.journal.audit import AuditKey
from tradebot.journal.testimony import read_testimony
from tradebot.plugins.strategies import load_strategy

NOW = time.time_ns() // 1_000_000
"""The installed command judges by the real clock: what is to count must have ended a short while ago."""


@pytest.fixture(scope="module", autouse=True)
def _key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TRADEBOT_AUDIT_KEY", SECRET)
        yield


@pytest.fixture(autouse=True)
def _key_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)


def judged(folder: Path, **flags: Any) -> Readiness:
    config = configure(folder, **flags)
    spec = load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)
    return judge(config, spec)


# -- what counts ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose journal holds a day of paper and ghost that counts."""
    folder = tmp_path_factory.mktemp("day")
    flat = (
        (NOW - HOUR_MS) // (PERIOD * MINUTE_MS) * PERIOD * MINUTE_MS
    )  # what a signal began is over
    ending = asyncio.run(play(folder, flat, 24.1))
    assert (ending.state, ending.error) == ("ended", None)
    return folder


def test_a_day_of_production_prices_opens_the_gates_that_rest_on_it(day: Path) -> None:
    found = {one.gate: one for one in judged(day).verdicts}
    for gate, run in (("paper", "paper-0001"), ("ghost", "ghost-0001")):
        assert found[gate].ok, found[gate]
        assert found[gate].runs == (run,)
        assert found[gate].left_out == ()
    assert found["stability"].ok, found["stability"]
    assert found["stability"].runs == ("ghost-0001", "paper-0001")
    assert found["walls"].ok
    assert found["parity"].ok, found["parity"]
    assert found["parity"].runs == ("paper-0001", "ghost-0001")
    for gate in ("backtest", "testnet", "drill", "keys", "account", "reviewers"):
        assert not found[gate].ok


def test_the_gates_figures_are_those_of_the_tables(day: Path) -> None:
    bot = Bot(day, day / "data", env={"TRADEBOT_AUDIT_KEY": SECRET})
    found = {one.gate: one for one in judged(day).verdicts}
    rows = [
        row.split(",")
        for row in bot("signals", "--run", "ghost-0001", "--csv", "-").out.splitlines()
    ]
    column = rows[0].index("outcome_pnl")
    results = [Decimal(row[column]) for row in rows[1:] if row[column]]
    wins, losses = [r for r in results if r > 0], [-r for r in results if r < 0]
    average = [f"{sum(some) / len(some):.2f}" for some in (wins, losses)]
    trades = bot.json("trades", "--run", "paper-0001").data["trades"]
    pnl = [Decimal(trade["pnl"]) for trade in trades]

    ghost = f"{len(results)} outcomes, accuracy {100 * len(wins) / len(results):.1f} %"
    assert ghost in found["ghost"].have
    assert found["ghost"].have.endswith(f"average win {average[0]}, average loss {average[1]} USDT")
    paper = f"{sum(value > 0 for value in pnl)} of {len(pnl)} trades profitable, PnL {plain(sum(pnl, ZERO))} USDT"
    assert paper in found["paper"].have


# -- what does not --------------------------------------------------------------------------------------

LOOPBACK = {"rest": (("", "127.0.0.1"),), "stream": (("", "127.0.0.1"),)}
NAMED = {"rest": (("fapi.binance.com", "127.0.0.1"),), "stream": PRODUCTION["stream"]}
DEMO = {"rest": (("demo-fapi.binance.com", "52.84.1.1"),), "stream": PRODUCTION["stream"]}
SPAN = 100 / 60
"""Hours of a hundred minutes."""

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "loopback": ({"claims": LOOPBACK}, "its prices came from this machine (127.0.0.1)"),
    "the real name": ({"claims": NAMED}, "its prices came from this machine (127.0.0.1)"),
    "demo": ({"claims": DEMO}, "its prices came from Binance's demo (demo-fapi.binance.com)"),
    "profile": ({"flags": {"risk.profile": "paper"}}, 'its profile was "paper", not "live"'),
    "hash": ({"flags": {"strategy.params.every": 6}}, "its evidence hash is another one ("),
    "gap": (
        {"silent": lambda minute: 40 <= minute < 51, "hours": SPAN},
        "its feed was silent for 11.",
    ),
    "fees": (
        {"flags": {"sim.taker_fee": "0.0004", "sim.latency_ms": 0}},
        "its simulated orders cost less than they would: sim.taker_fee 0.0004, not 0.0005, sim.latency_ms 0, not 250",
    ),
    "depth": ({"flags": {"sim.volume_share": "0.2"}}, "its simulated orders cost less than"),
    "age": ({"end": NOW - 31 * DAY_MS}, "it ended 31.0 days ago (at most 30)"),
}


@pytest.fixture(scope="module")
def left_out(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return by run why ``gates`` of the installed command leaves it out; paper-0001 has nothing wrong with it."""
    folder = tmp_path_factory.mktemp("left_out")

    async def write() -> None:
        for case in ({}, *(case for case, _ in CASES.values())):
            parts = {"end": entries_until(NOW, 0.5), "hours": 0.5, "modes": ("paper",), **case}
            await play(folder, **parts)

    asyncio.run(write())
    configure(folder)
    bot = Bot(folder, folder / "data", env={"TRADEBOT_AUDIT_KEY": SECRET})
    data = bot.json("gates", "--config", folder / "bot.toml", code=4).data
    (paper,) = (one for one in data["gates"] if one["gate"] == "paper")
    assert paper["runs"] == ["paper-0001"]
    return {one["run"]: one["reasons"] for one in paper["left_out"]}


@pytest.mark.parametrize("number", range(len(CASES)), ids=list(CASES))
def test_each_run_is_left_out_for_its_one_reason(
    left_out: dict[str, list[str]], number: int
) -> None:
    _, words = list(CASES.values())[number]
    (reason,) = left_out[f"paper-{number + 2:04d}"]
    assert reason.startswith(words)


def test_a_gap_of_ten_percent_is_none_and_a_crash_and_a_late_tick_are_told(tmp_path: Path) -> None:
    async def write() -> None:
        await play(tmp_path, NOW - HOUR_MS, SPAN, silent=lambda minute: 40 <= minute < 49)
        await play(tmp_path, NOW, SPAN, late=lambda minute: minute == 50, modes=("paper",))

    asyncio.run(write())
    found = {one.gate: one for one in judged(tmp_path).verdicts}
    assert found["ghost"].left_out == found["paper"].left_out == ()
    told = judged(tmp_path).testimony
    ticks = [getattr(said.fact, "tick_ms", 0) for said in told.rows]
    assert max(ticks) == 2250
    with closing(sqlite3.connect(tmp_path / "data" / "tradebot.db")) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (3,)


# -- what is forged ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    asyncio.run(play(folder, entries_until(NOW, 0.5), 0.5))
    return folder


def forged(small: Path, place: Path, *statements: tuple[str, tuple[Any, ...]]) -> Path:
    """Return a copy of a directory whose journal was edited by somebody without the key."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(small, place)
    with closing(sqlite3.connect(place / "data" / "tradebot.db")) as db:
        for sql, values in statements:
            db.execute(sql, values)
        db.commit()
    return place


EDITS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "provenance": (
        "UPDATE audit SET body = replace(body, '52.84.1.1', '52.84.1.9') WHERE kind = 'Provenance'",
        (),
    ),
    "a result": ('UPDATE audit SET body = replace(body, \'"fee":"\', \'"fee":"1\')', ()),
    "an inserted row": (
        "INSERT INTO audit SELECT max(seq) + 1, run, ts, wall, kind, body, hash, hash FROM audit",
        (),
    ),
    "a removed row": ("DELETE FROM audit WHERE seq = 5", ()),
    "a cut": ("DELETE FROM audit WHERE seq > 5", ()),
    "another run's": ("UPDATE audit SET run = 'paper-0009' WHERE seq = 6", ()),
    "an older time": ("UPDATE audit SET wall = wall + 86400000 WHERE kind = 'Provenance'", ()),
    "another key's": ("UPDATE meta SET value = 'f00d' WHERE key = 'key_fingerprint'", ()),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_journal_that_was_edited_proves_nothing(small: Path, tmp_path: Path, edit: str) -> None:
    folder = forged(small, tmp_path / "forged", EDITS[edit])
    found = {one.gate: one for one in judged(folder).verdicts}
    assert found["paper"].runs == found["ghost"].runs == ()
    left_out = [*found["paper"].left_out, *found["ghost"].left_out]
    assert all("the journal does not verify" in one.reasons[0] for one in left_out)
    assert not found["walls"].ok


@settings(deadline=None)
@given(data=st.data())
def test_whatever_is_changed_in_the_chain_is_found(
    small: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = small / "data" / "tradebot.db"
    key = AuditKey.find(path.parent, {"TRADEBOT_AUDIT_KEY": SECRET})
    assert key is not None
    assert read_testimony(path, key).broken == ""
    with closing(sqlite3.connect(path)) as db:
        (count,) = db.execute("SELECT count(*) FROM audit").fetchone()
    seq = data.draw(st.integers(1, count))
    column = data.draw(st.sampled_from(["run", "ts", "wall", "kind", "body", "prev", "hash"]))
    value = data.draw(st.text(max_size=8) | st.integers(-5, NOW) | st.none())
    swap = data.draw(st.booleans()) and seq < count
    sql = (
        f"UPDATE audit SET {column} = (SELECT {column} FROM audit WHERE seq = {seq + 1}) WHERE seq = ?"
        if swap
        else f"UPDATE OR IGNORE audit SET {column} = coalesce(?, '') || '~' WHERE seq = ?"
    )
    values = (seq,) if swap else (value if not isinstance(value, str) else "x", seq)
    place = tmp_path_factory.mktemp("edited") / "copy"
    copy = forged(small, place, (sql, values)) / "data" / "tradebot.db"
    with closing(sqlite3.connect(copy)) as db:
        db.execute("ATTACH ? AS old", (str(path),))
        same = db.execute(
            "SELECT count(*) FROM audit a JOIN old.audit b USING (seq, run, ts, wall, kind, body, prev, hash)"
        ).fetchone()[0]
    assert bool(read_testimony(copy, key).broken) is (same < count)


def test_the_strategy_file_replaced_afterwards_counts_for_nothing(
    small: Path, tmp_path: Path
) -> None:
    folder = forged(small, tmp_path / "replaced")
    config = configure(folder)
    with (folder / "regular.py").open("a") as file:
        file.write("# only a word\n")
    spec = load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)
    found = {one.gate: one for one in judge(config, spec).verdicts}
    (reason,) = found["paper"].left_out[0].reasons
    assert reason.startswith("its evidence hash is another one")


def test_the_clock_set_back_counts_for_nothing(tmp_path: Path) -> None:
    asyncio.run(play(tmp_path, NOW + DAY_MS, 0.5, modes=("paper",)))
    found = {one.gate: one for one in judged(tmp_path).verdicts}
    doubt, future = found["paper"].left_out[0].reasons
    assert doubt.endswith(": it was set back")
    assert future == "it ends in the future"
