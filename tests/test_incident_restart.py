"""Incidents over a restart, with the real engine: the time in which nobody looked counts too."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from kits.engine_kit import XRP, Bare, a_config, long

from tradebot.app.incident_watch import IncidentWatch, Seen
from tradebot.core.model.account import PositionRead
from tradebot.core.model.events import AccountRead, Event
from tradebot.core.model.money import exact
from tradebot.core.model.values import Order, OrderStatus, Purpose

DOWN_MS = 600_000


class Watched(Bare):
    """An engine with a watch, which ends and goes on with it."""

    seen: list[Seen]

    def tell(self, event: Event) -> list:  # type: ignore[type-arg]
        effects = super().tell(event)
        if hasattr(self, "watch"):
            self.seen += self.watch.take(event, effects)
        return effects

    def look_at(self) -> None:
        self.seen, self.watch = [], IncidentWatch(self.engine)

    def go_on(self) -> None:
        """Ten minutes later the process is back: only what is journalled is left."""
        text = json.dumps(self.engine.export_state())
        self.engine = self._new()
        with exact():
            self.engine.restore(json.loads(text))
        self.look_at()
        self.watch.begin()
        self.time = self.engine.now + DOWN_MS
        self.start()

    def whole(self) -> None:
        """Read the whole account: what is held, and no order of which nothing was said."""
        held = (PositionRead(XRP, self.held, Decimal(2)),)
        self.tell(AccountRead(self.now, "", self.now, self.now, held))

    def entered(self) -> Order:
        """Enter, and end before anybody knows what became of the stop; return that."""
        self.say(long())
        self.bar()
        entry = self.placed(Purpose.ENTRY)[-1]
        self.works(entry)
        self.fill(entry)
        return self.placed(Purpose.STOP)[-1]


@pytest.mark.parametrize("stood", [True, False])
def test_a_position_that_nobody_protected_while_the_engine_was_down(stood: bool) -> None:
    """What the exchange shows to have stood has stood all the time; else the minutes without it are an incident."""
    it = Watched(a_config())
    it.look_at()
    stop = it.entered()
    it.go_on()
    it.found_out(stop, OrderStatus.WORKING if stood else None)
    it.whole()
    it.later(1_500)
    if not stood:
        it.found_out(stop, None)
        it.whole()
        again = it.placed(Purpose.STOP)[-1]
        assert again.id != stop.id
        it.works(again)
    it.later(10_000)
    assert not it.engine.books[XRP].bare_since
    assert [one.what for one in it.seen] == ([] if stood else ["unprotected"])
    if not stood:
        assert float(it.seen[0].text.split()[-2]) >= DOWN_MS / 1000
