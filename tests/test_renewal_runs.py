"""Renewal over journals of the real writer and engine: what live and the ghost beside it show under a sign-off, and what they do not."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from kits.binance_kit import VenueClockAsOurs
from kits.evidence_kit import PRODUCTION, SECRET, configure, entries_until, play
from kits.paper_kit import Bot
from kits.signing_kit import answers, let_through, revoke, sign

from tradebot.app import build
from tradebot.app.readiness import (
    Readiness,
    execution_text,
    journal_place,
    judge,
    limits_text,
)
from tradebot.app.recording import put_on_record
from tradebot.app.signing import Signer
from tradebot.broker.simulated import SimulatedBroker
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.values import DAY_MS, HOUR_MS
from tradebot.journal.facts import BacktestRecorded, DrillPlayed, PeerRows
from tradebot.plugins.strategies import load_strategy
from tradebot.reports.readiness.verdict import GateVerdict
from tradebot.venue.clock import HandClock

NOW = time.time_ns() // 1_000_000
HOURS = 4.2
FLAT = entries_until(NOW, HOURS)
SIGNED = FLAT - 5 * HOUR_MS
WORDS = "I have read every line of its journal and accept the risk."


class ClaimedBroker(SimulatedBroker):
    """A simulated exchange that says it is the real one."""

    def peers(self, kind: str) -> PeerRows:
        return PRODUCTION[kind]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)


def at(moment: int) -> Clock:
    return VenueClockAsOurs(HandClock(moment))


def judged(folder: Path, clock: Clock = SYSTEM, **how: Any) -> Readiness:
    config = configure(folder)
    spec = load_strategy(config.strategy.name, config.strategy_dir(), config.strategy.params)
    return judge(config, spec, clock, **how)


def gates_of(found: Readiness) -> dict[str, GateVerdict]:
    return {one.gate: one for one in found.verdicts}


def signed(folder: Path, moment: int) -> None:
    """Have two people sign, every gate let through: what a sign-off asks for is proved elsewhere."""
    config = configure(folder)
    for name in ("Ada", "Bob"):
        found = let_through(judged(folder, at(moment), progress=None))
        sign(config, found, Signer(name, "owner", WORDS, answers(config)), at(moment))


async def live(folder: Path, hours: float, **feed: Any) -> None:
    ending = await play(folder, FLAT, hours, modes=("live", "ghost"), **feed)
    assert (ending.state, ending.error) == ("ended", None)


@pytest.fixture(scope="module")
def renewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose journal holds a sign-off, and four hours of live and its ghost on what claims to be production."""
    folder = tmp_path_factory.mktemp("renewed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TRADEBOT_AUDIT_KEY", SECRET)
        patched.setattr(build, "SimulatedBroker", ClaimedBroker)
        configure(folder)
        signed(folder, SIGNED)
        asyncio.run(live(folder, HOURS))
    return folder


def test_paper_is_renewed_by_lives_own_trades_and_the_command_says_so(renewed: Path) -> None:
    bot = Bot(renewed, renewed / "data", env={"TRADEBOT_AUDIT_KEY": SECRET})
    config = ("--config", renewed / "bot.toml")
    told = {one["gate"]: one for one in bot.json("gates", *config, code=4).data["gates"]}
    assert (told["paper"]["ok"], told["paper"]["runs"]) == (True, ["live-0001"])
    assert told["paper"]["renewed_by"] == ["live-0001's own closed trades"]
    assert told["paper"]["left_out"] == told["ghost"]["left_out"] == []
    assert (told["ghost"]["ok"], told["ghost"]["runs"]) == (False, ["ghost-0001"])  # 4 h are no day
    assert told["ghost"]["renewed_by"] == []
    assert told["reviewers"]["ok"]
    assert told["parity"]["ok"], told["parity"]
    assert told["parity"]["runs"] == ["live-0001", "ghost-0001"]
    text = " ".join(bot("gates", *config, code=4).out.split())
    assert "rests on live-0001 renewed by live-0001's own closed trades" in text


def test_a_sign_off_that_was_taken_back_renews_nothing(renewed: Path, tmp_path: Path) -> None:
    kept = Path(shutil.copytree(renewed, tmp_path / "copy"))
    for one in gates_of(judged(kept, progress=None)).values():  # signed elsewhere: this is a copy
        assert one.renewed == ()
    before = renewed / "data", tmp_path / "before"
    shutil.copytree(*before)
    try:
        revoke(configure(renewed), "Ada", "I have changed my mind")
        found = gates_of(judged(renewed, progress=None))
        assert not found["paper"].ok
        for gate, run in (("paper", "live-0001"), ("ghost", "ghost-0001")):
            (left,) = found[gate].left_out
            assert left.run == run
            assert left.reasons == ("no sign-off stands: what live shows counts only under one",)
    finally:
        shutil.rmtree(before[0])
        shutil.move(before[1], before[0])


def test_a_host_whose_orders_go_elsewhere_renews_nothing(tmp_path: Path) -> None:
    configure(tmp_path)
    signed(tmp_path, SIGNED)
    asyncio.run(live(tmp_path, 0.2))
    found = gates_of(judged(tmp_path, progress=None))
    why = "orders did not go to Binance's production, by the connections themselves"
    (paper,), (ghost,) = found["paper"].left_out, found["ghost"].left_out
    assert paper.reasons == (f"its {why}",)
    assert ghost.reasons == (f"it ran beside live-0001, whose {why}",)


# -- backtest and drill ---------------------------------------------------------------------------------


def recorded(folder: Path, backtest_at: int, drill_at: int) -> None:
    """Put a backtest and a whole drill on record, each at its time; the older one first."""
    from tradebot import __version__
    from tradebot.app.drill.table import NAMES

    config, evidence = configure(folder), judged(folder, at(drill_at), progress=None).evidence
    spans = tuple((symbol, "31") for symbol in config.market.symbols)
    test = BacktestRecorded(evidence, "own", (), spans, (), 5, "{}", __version__)
    rest = tuple((name, "ok") for name in NAMES)
    drill = DrillPlayed(
        *(evidence, "own", __version__, "c", limits_text(config), rest, (), drill_at, drill_at),
        *("[]", False, execution_text(config), journal_place(config)),
    )
    for moment, row in ((backtest_at, test), (drill_at, drill)):
        put_on_record(config.data_dir(), lambda _, one=row: [one], "a test", at(moment))  # type: ignore[misc]


def asked(folder: Path, moment: int, **how: Any) -> tuple[bool, bool]:
    found = gates_of(judged(folder, at(moment), progress=None, **how))
    return found["backtest"].ok, found["drill"].ok


def test_backtest_and_drill_are_asked_for_a_word_and_not_at_a_start(tmp_path: Path) -> None:
    day = NOW - 60 * DAY_MS
    recorded(tmp_path, day, day + 20 * DAY_MS)
    assert asked(tmp_path, day + 27 * DAY_MS) == (True, True)
    assert asked(tmp_path, day + 27 * DAY_MS + 1) == (True, False)
    assert asked(tmp_path, day + 30 * DAY_MS + 1) == (False, False)
    signed(tmp_path, day + 27 * DAY_MS)
    for later in (1, 5 * DAY_MS, 30 * DAY_MS - 1):
        moment = day + 27 * DAY_MS + later
        assert asked(tmp_path, moment) == (True, True)
        old = (later < 4 * DAY_MS, False)
        assert asked(tmp_path, moment, signing=True) == old
        assert asked(tmp_path, moment, raising=2) == old
    found = gates_of(judged(tmp_path, at(moment), progress=None))
    assert "; asked on 20" in found["drill"].have
    assert asked(tmp_path, day + 57 * DAY_MS) == (False, False)  # the sign-off has lapsed
    revoke(configure(tmp_path), "Ada", "no", at(day + 40 * DAY_MS))
    assert asked(tmp_path, day + 41 * DAY_MS) == (False, False)


def test_what_was_too_old_when_it_was_signed_helps_no_start(tmp_path: Path) -> None:
    day = NOW - 60 * DAY_MS
    recorded(tmp_path, day, day)
    signed(tmp_path, day + 30 * DAY_MS + 1)
    assert asked(tmp_path, day + 31 * DAY_MS) == (False, False)
