"""What the approved loss of a live account counts from: its first live start, whatever runs and transfers came since."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kits.broker_kit import serving
from kits.demo_kit import demo_venue
from kits.disaster_kit import QUIET
from kits.disaster_kit import Scene as Desk
from kits.live_run_kit import MORNING, live_bot, start_live
from kits.paper_kit import LONG, Bot

from tradebot.app import approved_loss
from tradebot.app.approved_loss import first_equity
from tradebot.broker import baseline_reader
from tradebot.broker.baseline_reader import read_moved
from tradebot.core.model.errors import JournalError
from tradebot.core.risk.limits import Limits
from tradebot.core.risk.monitor import Monitor

D = Decimal


class Account:
    """An account into which 40 USDT came since the time it is asked about."""

    access = SimpleNamespace(environment="live", fingerprint="abc")

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def read_moved(self, since: int) -> Decimal:
        self.asked.append(since)
        return D(40)


class Shelf:
    """A journal of runs; the newest comes first."""

    def __init__(self, *runs: tuple[str, str, str, str, int]) -> None:
        self.rows = [SimpleNamespace(id=str(n), mode=r[0], venue=r[1]) for n, r in enumerate(runs)]
        self.states = {str(n): r[2:] for n, r in enumerate(runs)}

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def runs(self) -> list[Any]:
        return self.rows

    def state(self, run: str) -> Any:
        fingerprint, base, now = self.states[run]
        if not fingerprint:
            return None
        watch = Monitor(Limits.live(), D("0.0005"), 1, D(7), D(7)).export_state()
        watch["ladders"][2][0] = base
        engine = {"watch": watch, "now": now}
        return SimpleNamespace(body={"session": {"account": fingerprint, "engine": engine}})


@pytest.mark.parametrize(
    ("runs", "base", "asked"),
    [
        ([], "900", []),
        ([("live", "live", "", "1", 1), ("paper", "demo", "abc", "7", 1)], "900", []),
        ([("live", "live", "other", "7", 1)], "900", []),
        ([("live", "demo", "abc", "7", 1)], "900", []),
        ([("live", "live", "abc", "nonsense", 1)], "900", []),
        ([("live", "live", "abc", "960.5", 77), ("live", "live", "abc", "1", 5)], "1000.5", [77]),
    ],
)
async def test_the_newest_live_run_on_the_account_hands_it_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runs: list[Any], base: str, asked: list[int]
) -> None:
    monkeypatch.setattr(approved_loss, "Reader", lambda _: Shelf(*runs))
    account: Any = Account()
    assert await first_equity(tmp_path, account, D(900)) == D(base)
    assert account.asked == asked


async def test_where_no_journal_is_it_begins(tmp_path: Path) -> None:
    account: Any = Account()
    assert await first_equity(tmp_path, account, D(900)) == 900
    with pytest.raises(JournalError):
        approved_loss._newest(tmp_path, "live", "abc")


async def test_only_what_is_no_result_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline_reader, "AGREE_S", 0.01)
    async with serving() as counter:
        line = counter.line
        begun = line.venue_clock.now()
        assert await read_moved(line.wire, begun) == 0
        line.venue_clock.advance(1000)
        line.venue.acts.transfer("-300")
        line.venue_clock.advance(5000)
        assert await read_moved(line.wire, begun) == -300
        assert await read_moved(line.wire, line.venue_clock.now()) == 0


def signoff(bot: Bot, run: str) -> dict[str, Any]:
    rules: list[dict[str, Any]] = bot.json("risk", "--run", run).data["limits"]
    (row,) = [row for row in rules if row["rule"] == "signoff_loss"]
    return row


@pytest.mark.full
@pytest.mark.slow
def test_a_second_run_goes_on_counting_and_a_transfer_between_them_is_no_loss(
    tmp_path: Path,
) -> None:
    with demo_venue(tmp_path, MORNING) as venue:
        bot = live_bot(tmp_path, venue)
        desk = Desk(venue, bot, tmp_path)
        try:
            run = start_live(bot, bot.strategy(LONG))
            bot.until(lambda: venue.held() and venue.stops())
            desk.close_all("--account", "live", TRADEBOT_EXCHANGE__ENVIRONMENT="live")
            bot.end(run)
            bot("resume", "--reason", "a test")
            lost = Decimal(signoff(bot, "live-0001")["used"])
            assert lost > 0
            desk.act("transfer", amount="-2000")
            other = start_live(bot, bot.strategy(QUIET, "other.py"))
            bot.until(lambda: other.poll() is not None or bot.status().get("run") == "live-0002")
            assert other.poll() is None, other.communicate()
            assert Decimal(signoff(bot, "live-0002")["used"]) == lost
            bot.end(other)
        finally:
            bot.clean_up()
