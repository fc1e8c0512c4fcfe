"""What is open of ours is protected whatever line of the checklist fails: no word, no token, and each failure is a halt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kits.disaster_kit import Scene as Desk
from kits.engine_kit import Bare, a_config, long
from kits.live_run_kit import Held, held_run
from kits.paper_kit import Bot

from tradebot.app.checklist import AWAY, CHECKS, Checklist
from tradebot.app.finding import Row
from tradebot.app.live import permit
from tradebot.app.ours import Ours
from tradebot.app.permission import Terms, issue_token
from tradebot.config import load_config
from tradebot.core.model.effects import Halted
from tradebot.core.model.errors import ExchangeError, RefusedError
from tradebot.core.model.events import Command
from tradebot.core.model.values import Purpose
from tradebot.guard.latch import read_halts

TERMS = Terms("config", "strategy", "account")
HELD = Ours(positions={"ETH/USDT": Decimal("0.01")})


def nobody() -> None:
    raise AssertionError("nobody is to be asked")


def failing(*names: str, ours: Ours = HELD) -> Checklist:
    rows = [Row(name, "fail", f"{name} is wrong", "mend it") for name in names]
    return Checklist((Row("strategy", "ok", "own.py"), *rows), ours)


# -- every line, without an exchange ------------------------------------------------------------------


@pytest.mark.parametrize("name", CHECKS)
def test_each_failing_line_is_a_reason_to_protect_only(tmp_path: Path, name: str) -> None:
    config = load_config(None, {}, (), {"data.dir": str(tmp_path)})
    token = issue_token(tmp_path, TERMS)
    allowed = permit(failing(name), config, TERMS, token, nobody)
    assert allowed.protect == f"{name}: {name} is wrong"
    story = Bare(a_config())
    story.opened(long())
    story.tell(Command(story.now, 0, "protect", "tradebot", allowed.protect))
    (halted,) = story.found(Halted)
    assert (halted.reason, halted.detail) == ("checklist", allowed.protect)
    stops = [o for o in story.engine.table.live.values() if o.order.purpose is Purpose.STOP]
    assert [stop.cancel for stop in stops] == [""]
    kind = ExchangeError if name in (AWAY, "account") else RefusedError
    with pytest.raises(kind, match=name):  # with nothing open the same line forbids the start
        permit(failing(name, ours=Ours()), config, TERMS, token, nobody)
    assert permit(failing(ours=Ours()), config, TERMS, token, nobody).protect == ""  # unused so far


def test_all_of_them_are_named(tmp_path: Path) -> None:
    config = load_config(None, {}, (), {"data.dir": str(tmp_path)})
    protect = permit(failing(*CHECKS), config, TERMS, None, nobody).protect
    assert protect == "; ".join(f"{name}: {name} is wrong" for name in CHECKS)


# -- with the installed command -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    with held_run(tmp_path_factory.mktemp("held")) as found:
        yield found


@pytest.fixture
def desk(held: Held) -> Desk:
    return Desk(held.venue, held.bot, held.bot.folder)


@dataclass(frozen=True)
class Fail:
    """What makes a line of the checklist fail: variables, faults of the exchange, an act before and one after."""

    env: dict[str, str] = field(default_factory=dict)
    faults: tuple[dict[str, Any], ...] = ()
    act: tuple[str, dict[str, Any], dict[str, Any]] | None = None


def broken(path: str) -> dict[str, Any]:
    return {"do": "error", "code": -1000, "method": "GET", "path": path}


def switched(name: str) -> Fail:
    return Fail(act=(name, {"on": True}, {"on": False}))


FAILS = {
    "enabled": Fail({"TRADEBOT_LIVE__ENABLED": "false"}),
    "profile": Fail({"TRADEBOT_RISK__PROFILE": "paper"}),
    "symbols": Fail({"TRADEBOT_RISK__LIVE__POSITION_VALUE": "5"}),
    "word": Fail({"TRADEBOT_RISK__LIVE__DAY_LOSS": "20"}),
    "feed": Fail(faults=(broken("/fapi/v1/klines"),)),
    "baselines": Fail(faults=(broken("/fapi/v1/income"),)),
    "equity": Fail(act=("transfer", {"amount": "-9850"}, {"amount": "9850"})),
    "fee burn": switched("set_fee_burn"),
    "auto margin": switched("set_auto_add_margin"),
}


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAILS))
def test_a_start_with_a_position_only_protects(held: Held, desk: Desk, name: str) -> None:
    """It stays up, says which line failed, sends no entry, and keeps the stop where it is."""
    fail, bot, venue = FAILS[name], held.bot, held.venue
    before = dict(bot.env)
    bot.env.update(fail.env)
    if fail.act is not None:
        desk.act(fail.act[0], **fail.act[1])
    desk.faults(*fail.faults)
    orders = len(venue.asked("POST", "/fapi/v1/order"))
    process = bot.start(*held.words)
    try:
        bot.until(lambda: f"{name}:" in checklist_halt(bot) or process.poll() is not None, 240)
        assert process.poll() is None, process.communicate()
        assert venue.held()
        assert venue.stops() == 1
        assert len(venue.asked("POST", "/fapi/v1/order")) == orders
    finally:
        process.kill()
        process.communicate()
        desk.faults()
        if fail.act is not None:
            desk.act(fail.act[0], **fail.act[2])
        bot.env.clear()
        bot.env.update(before)


def checklist_halt(bot: Bot) -> str:
    halts = json.loads(bot("status", "--json", code=None).out)["data"]["halts"]
    return str([halt["detail"] for halt in halts if halt["reason"] == "checklist"])


@pytest.mark.full
@pytest.mark.slow
def test_a_halt_does_not_prevent_it_and_a_close_all_holds_everything_back(
    held: Held, desk: Desk
) -> None:
    """Under a close-all row the engine stays up and asks for nothing at all until somebody resumes."""
    bot, venue = held.bot, held.venue
    bot("halt", "--reason", "a test")
    process = bot.start(*held.words)
    try:
        bot.until(lambda: "halt:" in checklist_halt(bot) or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        assert (venue.held(), venue.stops()) == (["ETHUSDT"], 1)
    finally:
        process.kill()
        process.communicate()
    latch = bot.data_dir / "HALT"
    rows = [json.loads(line) for line in latch.read_text().splitlines()]
    closing = [{**row, "kind": "close-all", "account": "live"} for row in rows]
    latch.write_text("".join(f"{json.dumps(row)}\n" for row in closing))
    assert [row.kind for row in read_halts(bot.data_dir)] == ["close-all"] * len(rows)
    process = bot.start(*held.words)
    try:
        bot.until(lambda: "a close-all stands" in bot("status").out.replace("\n", " "))
        writes = len(desk.changes())
        bot("positions")
        assert process.poll() is None
        assert len(desk.changes()) == writes
        said = bot("resume", "--reason", "seen", "--json", code=4).error["message"]
        assert said.startswith("resumed: user; checklist stays")  # a new start has to go through it
        bot.until(lambda: bot._beats() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        assert (venue.held(), venue.stops()) == (["ETHUSDT"], 1)
    finally:
        process.kill()
        process.communicate()
