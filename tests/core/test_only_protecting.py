"""A start that may only protect: no entry, no way to clear that, flat only when the account says so; the next start may trade."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kits.engine_kit import ADA, XRP, Bare, a_config, long

from tradebot.core.model.account import PositionRead
from tradebot.core.model.effects import CommandDone, Resumed
from tradebot.core.model.events import AccountRead, Command, RunStarted
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Purpose

D = Decimal
WHY = "equity: 90 USDT"


class Restarted(Bare):
    """A bare engine whose starts may only protect, for ``why``."""

    why = WHY

    def start(self) -> Any:
        self.starts += 1
        at, name = max(self.time, self.engine.now), f"n{self.starts}"
        resumed = self.starts > 1
        return self.tell(RunStarted(at, "run", "abcdef", name, "hash", resumed, protect=self.why))


def checked(story: Bare, name: str, why: str = "", number: int = 0) -> list[Any]:
    return story.tell(Command(story.now, number, name, "tradebot", why))


def read(story: Bare, *positions: PositionRead) -> None:
    now = story.now
    wallet = story.engine.accounts.ledger_wallet()
    story.tell(AccountRead(now, "", now, now, positions, wallet=wallet))


def test_nobody_clears_it_but_a_start_that_may_trade() -> None:
    story = Restarted(a_config((XRP,)))
    story.later(100)
    assert story.halted() == ["checklist"]
    story.say(long())
    story.bar()
    assert story.placed() == []
    story.tell(Command(story.now, 1, "resume", "me", "why not"))
    assert list(story.engine.halts.reasons) == ["checklist"]
    story.start()
    assert list(story.engine.halts.reasons) == ["checklist"]

    story.why = ""
    told = story.start()
    assert [effect.reason for effect in told if isinstance(effect, Resumed)] == ["checklist"]
    assert story.engine.halts.reasons == {}
    assert not [effect for effect in story.start() if isinstance(effect, Resumed)]


def test_the_account_says_when_it_is_flat() -> None:
    story = Restarted(a_config((XRP,)))
    story.later(100)
    assert not story.engine.is_flat()
    read(story, PositionRead(XRP, ZERO + 5, ZERO + 2))
    assert not story.engine.is_flat()
    read(story)
    assert story.engine.is_flat()
    story.start()
    assert not story.engine.is_flat()


def test_a_checklist_that_is_gone_through_beside_it() -> None:
    """What it may do is told later on, by the start alone; the reason in force is the newest."""
    story = Restarted(a_config((XRP,)))
    story.later(100)
    checked(story, "protect", "fee burn: paid in BNB")
    assert story.engine.halts.reasons["checklist"].detail == "fee burn: paid in BNB"
    (answer,) = [e for e in checked(story, "allow", number=7) if isinstance(e, CommandDone)]
    assert (answer.ok, answer.result) == (False, "unknown command 'allow'")
    assert list(story.engine.halts.reasons) == ["checklist"]
    checked(story, "allow")
    assert story.engine.halts.reasons == {}
    checked(story, "allow")
    story.say(long())
    story.bar()
    assert len(story.placed()) == 1


def test_entries_are_the_smallest_until_a_stop_is_seen_to_stand() -> None:
    story = Bare(a_config((XRP, ADA), unproved=True))
    story.later(100)
    story.say(long())
    story.bar()
    (entry,) = story.placed()
    story.fill(entry)
    (stop,) = story.placed(Purpose.STOP)
    assert story.engine.shared.unproved
    assert entry.qty * 2 < 6
    story.works(stop)
    assert not story.engine.shared.unproved
    story.later(61_000)
    story.say(long(stop=0.65), symbol=ADA)
    story.bar(symbol=ADA)
    second = story.placed(Purpose.ENTRY)[-1]
    assert second.symbol == ADA
    assert second.qty * D("0.7") > 40


def test_a_run_that_stops_makes_no_entry_any_more() -> None:
    story = Bare(a_config((XRP,)))
    story.later(100)
    story.tell(Command(story.now, 0, "stop", "me", "enough"))
    story.say(long())
    story.bar()
    assert story.placed() == []
    story.restart()
    story.say(long())
    story.bar()
    assert len(story.placed()) == 1
