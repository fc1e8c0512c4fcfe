"""The alerter's loops: what is new is decided on, what waits is delivered (``delivering``), and a file that fails stops neither.

One loop reads rows behind the cursor and looks around; one loop a channel asks ``choose`` what goes out. While
``alerts.db`` cannot be written, critical alerts go out from memory, marked ``#unrecorded``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from tradebot.alerts.channels import Outway
from tradebot.alerts.delivering import Delivery
from tradebot.alerts.failing import failing_channels
from tradebot.alerts.judging import Decided, Judge
from tradebot.alerts.loose import Loose
from tradebot.alerts.model import Alert, AuditRow, Condition, Memory, Readings, Sighting, Wishes
from tradebot.alerts.outbox import MINUTE, SECOND
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.trail import BATCH, Trail
from tradebot.alerts.watch import opens, taken_up, watched
from tradebot.clock import SYSTEM, Clock
from tradebot.core.model.errors import JournalError, TradebotError

POLL_S = 0.5
HURRY_S = 0.25
PULSE_MS = 5 * SECOND
LINGER_MS = 60 * MINUTE
"""How long after the last engine it stays."""
FORGET_MS = 60 * MINUTE
HEARD = 100
"""So much of what other loops have seen is kept while the file takes none of it."""


class Alerter:
    """Reads, decides and delivers until there is nothing left to wait for.

    ``jitter`` gives a number from 0 to 1; ``anew`` sets a channel
    up once more, by its name, when somebody asks to try again: its secret may be another one.
    """

    def __init__(
        self,
        readings: Readings,
        store: OutboxStore,
        outways: Sequence[Outway],
        wishes: Wishes,
        *,
        jitter: Callable[[], float],
        clock: Clock = SYSTEM,
        anew: Callable[[str], Outway] | None = None,
    ) -> None:
        self._readings = readings
        self._store = store
        self._outways = {outway.name: outway for outway in outways}
        self._replaced: list[Outway] = []
        self._wishes = wishes
        self._clock = clock
        self._trail = Trail(readings, clock)
        self._judge = Judge(readings, wishes, self._outways, clock, self._muted_until)
        self._beside: list[Callable[[], Awaitable[None]]] = []
        self._anew = anew
        self._again: dict[str, int] = {}
        self._loose: Loose | None = None
        self._late: dict[tuple[str, str], int] = {}
        self._heard: list[Alert] = []
        self._delivery = Delivery(store, wishes, clock, jitter)
        self._wake = {outway.name: asyncio.Event() for outway in outways}
        self._over = asyncio.Event()
        now = clock.wall_ms()
        self._engine_seen = now
        self._pulsed = self._forgot = 0
        self._told: Memory = {}
        self._watch: Memory = {}
        self._kept: Memory = {}
        self.take_up()
        self._looked = int(self._store.get("pulse", {}).get("wall", 0))

    def take_up(self) -> None:
        """Go on from what the file remembers; what was seen before it could be read stands beside that."""
        self._kept = self._store.get("memory", {})
        self._told = self._kept.get("told", {})
        self._watch = taken_up(self._watch, self._kept.get("watch", {}))
        known = self._store.cursor
        if known is not None:
            self._trail.go_on((known, str(self._store.get("mark", ""))))

    # -- running -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until an hour after the last engine everything is delivered, or until ``stop``."""
        loops = [
            asyncio.ensure_future(work)
            for work in (
                self._read(),
                *(self._deliver(name) for name in self._outways),
                *(self._hurry(name) for name in self._outways),
                *(self._stand_by(beside) for beside in self._beside),
            )
        ]
        over = asyncio.ensure_future(self._over.wait())
        try:
            done, _ = await asyncio.wait([over, *loops], return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            for one in (over, *loops):
                one.cancel()
            await asyncio.gather(over, *loops, return_exceptions=True)
            for outway in (*self._outways.values(), *self._replaced):
                await outway.close()

    def listen(self, beside: Callable[[], Awaitable[None]]) -> None:
        """Run another loop too, which ends with this one at the latest."""
        self._beside.append(beside)

    async def _stand_by(self, beside: Callable[[], Awaitable[None]]) -> None:
        """Run a loop; telling goes on when it ends."""
        await beside()
        await self._over.wait()

    def tell(self, condition: Condition) -> None:
        """Take what another loop has seen into the outbox, as soon as that takes it."""
        self._heard.append(self._judge.told_of(condition, None))
        del self._heard[:-HEARD]
        with suppress(JournalError):
            self._enter_heard()

    def _enter_heard(self) -> None:
        if self._heard:
            decided = [self._judge.judged(alert) for alert in self._heard]
            self._keep(decided, None, self._told, self._watch, {})
            self._heard.clear()

    def stop(self) -> None:
        """End in order: what waits is there at the next start."""
        self._over.set()

    async def _read(self) -> None:
        while not self._over.is_set():
            pause = 0.0 if self.look() else POLL_S
            await asyncio.sleep(pause)  # between two batches what was decided goes out

    # -- deciding ----------------------------------------------------------------------------------

    def look(self) -> bool:
        """Take the next batch of what is new into the outbox; return whether there is more."""
        now, more = self._clock.wall_ms(), False
        try:
            self._store.ready()
            if self._loose is not None:
                self._enter_loose(self._loose)
            more = self._take_rows()
            if not more:
                self._loose = None
                self._enter_heard()
                self._take_sight(now)
                self._tidy(now)
        except JournalError:
            self._take_loose(now)
        for event in self._wake.values():
            event.set()
        return more

    def _take_rows(self) -> bool:
        """Decide on the next rows; return whether there may be more."""
        begins = self._trail.cursor is None
        rows = self._trail.rows()
        if not rows:
            if begins and self._trail.cursor is not None:  # from now on nothing is passed over
                self._keep([], None, self._told, self._watch, {})
            return False
        decided, memory = self._judge.of_rows(rows, self._told)
        delivered = {} if self._loose is None else self._loose.delivered
        self._keep(decided, rows[-1], memory, self._watch, delivered)
        return len(rows) == BATCH

    def _muted_until(self) -> int:
        return int(self._store.get("muted_until", 0)) if self._loose is None else 0

    def _take_sight(self, now: int) -> None:
        """Decide on what is to be seen beside the audit trail."""
        decided, watch, told = self._seen(now, self._watch, self._told)
        channels, watch = self._failing_channels(now, watch)
        state = {"told": told, "watch": watch}
        if decided or channels or state != self._kept:
            self._keep([*decided, *channels], None, told, watch, {})

    def _seen(self, now: int, watch: Memory, told: Memory) -> tuple[Decided, Memory, Memory]:
        seen = self._sight(now)
        if seen.owner is not None:
            self._engine_seen = now
        found, watch = watched(seen, watch, now, self._looked)
        self._looked = now
        alerts = [self._judge.told_of(condition, scene) for condition, scene in found]
        more, told = self._judge.of_moment(now, seen.scenes, told)
        return [self._judge.judged(alert) for alert in (*alerts, *more)], watch, told

    def _sight(self, now: int) -> Sighting:
        seen = self._readings.look()
        if opens(seen, self._watch, now, self._looked):
            self._trail.excuse()
        worked = seen.owner is not None or self._watch.get("owner") is not None
        if self._trail.is_unreadable(now) and worked and not seen.trouble:
            return replace(seen, trouble="the journal cannot be read")
        return seen

    def _failing_channels(self, now: int, watch: Memory) -> tuple[Decided, Memory]:
        """Tell the other channels of one that is stopped, or has failed for long; and when it is well again."""
        before = watch.get("channels", {})
        told, failing = failing_channels(self._store.channels(), self._outways, before, now)
        decided = [self._judge.of_channel(name, condition) for name, condition in told]
        return decided, {**watch, "channels": failing}

    def _keep(
        self,
        decided: Decided,
        last: AuditRow | None,
        told: Memory,
        watch: Memory,
        delivered: Mapping[tuple[str, str], int],
    ) -> None:
        """Keep what was decided, up to the ``last`` row, with what has to be remembered."""
        state = {"told": told, "watch": watch}
        place = self._trail.place if last is None else (last.seq, last.mark)
        self._store.decide(decided, place, state, self._clock.wall_ms(), delivered)
        self._kept, self._told, self._watch = state, told, watch
        if place is not None:
            self._trail.go_on(place)

    def _tidy(self, now: int) -> None:
        """Give a sign of life, forget what is old, and end where there is nothing to wait for."""
        if abs(now - self._pulsed) >= PULSE_MS:  # the clock may be set back
            self._store.put("pulse", {"wall": now})
            self._pulsed = now
        if now - self._forgot >= FORGET_MS:
            self._store.forget_old(now)
            self._forgot = now
        if now - self._engine_seen > LINGER_MS and not self._store.backlog(self._wake):
            self.stop()

    # -- while the file fails ----------------------------------------------------------------------

    def _take_loose(self, now: int) -> None:
        """Look at what is new without writing: critical alerts go out from memory."""
        if self._loose is None:
            self._loose = Loose(self._trail.cursor, self._told, delivered=dict(self._late))
        loose = self._loose
        while rows := self._trail.rows(loose):
            decided, loose.told = self._judge.of_rows(rows, loose.told)
            loose.add(alert for alert, _ in decided)
            loose.cursor = rows[-1].seq
        decided, self._watch, _ = self._seen(now, self._watch, loose.told)
        loose.add(alert for alert, _ in decided)

    def _enter_loose(self, loose: Loose) -> None:
        """Enter what was seen without a file, now that there is one again; the rows are read once more."""
        loose.enter_tries(self._store)
        decided = [self._judge.judged(alert) for alert in loose.alerts]
        self._keep(decided, None, self._told, self._watch, loose.delivered)

    # -- delivering --------------------------------------------------------------------------------

    async def _deliver(self, name: str) -> None:
        while not self._over.is_set():
            await self._heed_asking(name)
            pause = await self.deliver_once(self._outways[name])
            if pause > 0:
                event = self._wake[name]
                event.clear()
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(event.wait(), min(pause, 1.0))

    async def _hurry(self, name: str) -> None:
        """Have what is critical go out beside sends of its channel that take long, each in a task of its own."""
        sends: list[asyncio.Task[float]] = []
        try:
            while not self._over.is_set():
                await asyncio.sleep(HURRY_S)
                for one in [one for one in sends if one.done()]:
                    sends.remove(one)
                    one.result()
                if self._delivery.under_way.is_slow(name):
                    await self._heed_asking(name)
                    work = self.deliver_once(self._outways[name], hurry=True)
                    sends.append(asyncio.create_task(work))
        finally:
            for one in sends:
                one.cancel()
            await asyncio.gather(*sends, return_exceptions=True)

    async def _heed_asking(self, name: str) -> None:
        """Set a channel up once more where somebody has asked to try again."""
        with suppress(JournalError):
            again = self._store.again
            before, self._again[name] = self._again.get(name, again), again
            if again != before:
                await self._renew(name)

    async def _renew(self, name: str) -> None:
        """Set a channel up once more; one that cannot be stays as it was, and says so when it is used."""
        if self._anew is None:
            return
        with suppress(TradebotError):
            fresh = self._anew(name)
            old, self._outways[name] = self._outways[name], fresh
            if self._delivery.under_way.is_idle(name):
                await old.close()
            else:
                self._replaced.append(old)

    async def deliver_once(self, outway: Outway, *, hurry: bool = False) -> float:
        """Do the next thing for a channel; return for how many seconds there is nothing more to do.

        ``hurry``: only what is critical, while another send is under way.
        """
        if self._loose is not None:
            return await self._deliver_loose(self._loose, outway)
        try:
            self._note_late()
        except JournalError:
            return 1.0
        return await self._delivery.next(outway, hurry=hurry)

    async def _deliver_loose(self, loose: Loose, outway: Outway) -> float:
        """Send a channel what is critical from memory; where there is a file again when it was taken, note that."""
        name, under_way = outway.name, self._delivery.under_way
        taken = [*self._delivery.unnoted(name), *under_way.ids(name)]
        with suppress(JournalError):
            loose.take_waiting(self._store, name, taken, last=under_way.is_idle(name))
        pause = await loose.deliver(outway, self._store, self._clock, under_way)
        if self._loose is not loose:
            self._late.update(loose.delivered)
            if self._loose is not None:
                self._loose.delivered.update(loose.delivered)
            with suppress(JournalError):
                self._note_late()
        return pause

    def _note_late(self) -> None:
        """Note what was taken from memory when there was a file again: else it would go out once more."""
        if self._late:
            self._keep([], None, self._told, self._watch, self._late)
            self._late.clear()


__all__ = ["Alerter"]
