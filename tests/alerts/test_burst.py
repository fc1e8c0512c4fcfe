"""Ten thousand things at once: the one that matters is out at once, and no channel is given more than it takes."""

from __future__ import annotations

import os
from pathlib import Path

from kits.outbox_kit import Desk, Hands, ScriptedWay

from tradebot.alerts.channels import CHAT_RATE, HOOK_RATE
from tradebot.alerts.outbox import Item

MANY = 10_000 if os.environ.get("TRADEBOT_FULL") == "1" else 1_000


def most_in(times: list[int], span: int) -> int:
    """Return how many there were in any ``span`` ms at most."""
    return max(sum(at <= other < at + span for other in times) for at in times)


def test_ten_thousand_at_once(tmp_path: Path) -> None:
    chat = ScriptedWay("telegram", Hands(), CHAT_RATE)
    hook = ScriptedWay("webhook", Hands(), HOOK_RATE, joins=False)
    desk = Desk(tmp_path / "data", None, chat, hook)
    asked: list[int] = []
    items = desk.store.items

    def counted(channel: str, *, joins: bool) -> list[Item]:
        found = items(channel, joins=joins)
        asked.append(0 if joins else len(found))
        return found

    loaded = desk.store.outgoing
    assert loaded(range(40_000)) == {}  # of no number there are too many
    desk.store.items = counted  # type: ignore[method-assign, assignment]
    for number in range(MANY):
        desk.readings.notify("warning", f"thing {number} of many")
        if number == MANY // 2:
            critical = desk.readings.notify("critical", "the one thing that matters")
    begun = desk.clock.now
    desk.run(60)
    desk.run(6 * 60, step=30)
    for way in (chat, hook):
        out = next(at for at, one, _ in way.tries if critical in [a.seq for a in one.alerts])
        assert out - begun <= 3_000
        assert way.seqs().count(critical) == 1
    times = [at for at, _, _ in chat.tries]
    assert most_in(times, 60_000) <= 20
    assert most_in(times, 1_000) <= 1
    assert len(times) <= 4
    assert sorted(chat.seqs()) == list(range(1, MANY + 2))
    times = [at for at, _, _ in hook.tries]
    assert most_in(times, 60_000) <= 600
    assert max(asked) <= 100  # so much of it is in memory, however much waits
