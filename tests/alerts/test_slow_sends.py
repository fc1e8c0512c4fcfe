"""A send that takes long: what is critical goes out beside it within seconds, once, and what is not waits in its order."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from kits.outbox_kit import Hands, ScriptedWay, WrittenReadings
from kits.phone_kit import TOKEN, USER, FakeTelegram
from kits.webhook_kit import SECRET, WebhookReceiver

from tradebot.alerts.alerter import Alerter
from tradebot.alerts.channels import (
    CHAT_RATE,
    SEND_S,
    Answered,
    ChannelSettings,
    Delivered,
    Message,
    NotDelivered,
    Outway,
)
from tradebot.alerts.model import Wishes
from tradebot.alerts.services import THREADS, Service
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.stored import Outgoing
from tradebot.alerts.under_way import MOST, PATIENCE_S, UnderWay
from tradebot.alerts.webhook import Webhook
from tradebot.core.model.errors import JournalError

SOON_S = 3.0


class Real(Hands):
    """The machine's clock."""

    def __init__(self) -> None:
        pass

    @property
    def now(self) -> int:  # type: ignore[override]
        return int(time.time() * 1000)

    def monotonic(self) -> float:
        return time.monotonic()


class SlowWay(ScriptedWay):
    """A channel on which ``slow`` of the next messages are held up until ``let_go`` is set."""

    slow = 0
    let_go: asyncio.Event

    async def send(self, message: Message) -> Answered:
        held, self.slow = self.slow > 0, max(0, self.slow - 1)
        answer = await super().send(message)
        if held:
            await self.let_go.wait()
        return answer


@dataclass
class Working:
    """An alerter that runs, with one slow channel."""

    readings: WrittenReadings
    store: OutboxStore
    way: SlowWay
    alerter: Alerter
    begun: list[float] = field(default_factory=list)

    def tried(self, seq: int) -> int:
        return sum(a.seq == seq for _, one, _ in self.way.tries for a in one.alerts)

    async def until(self, what: Callable[[], object], within: float = 20.0) -> float:
        """Wait until something is so; return for how many seconds that was."""
        begun = time.monotonic()
        while not what():
            assert time.monotonic() - begun < within
            await asyncio.sleep(0.02)
        return time.monotonic() - begun

    def states(self) -> dict[int | None, str]:
        return {row.seq: row.state for row in self.store.listed()}


@pytest.fixture(params=[True, False], ids=["joins", "one by one"])
async def working(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Working]:
    async with at_work(tmp_path, joins=request.param) as found:
        yield found


@asynccontextmanager
async def at_work(
    folder: Path, *, joins: bool, anew: Callable[[str], Outway] | None = None
) -> AsyncIterator[Working]:
    clock = Real()
    way = SlowWay("telegram", clock, CHAT_RATE, joins=joins)
    way.let_go = asyncio.Event()
    readings = WrittenReadings(clock)
    with OutboxStore(folder) as store:
        store.resettle("telegram", "settings")
        alerter = Alerter(
            *(readings, store, [way], Wishes(("telegram",))),
            jitter=lambda: 0.0,
            clock=clock,
            anew=anew,
        )
        task = asyncio.create_task(alerter.run())
        yield Working(readings, store, way, alerter)
        alerter.stop()
        await task


async def test_critical_goes_out_beside_a_slow_send(working: Working) -> None:
    working.way.slow = 1
    news = working.readings.notify("warning", "news")
    await working.until(lambda: working.tried(news))
    alarm = working.readings.notify("critical", "alarm")
    assert await working.until(lambda: working.tried(alarm)) < SOON_S
    await working.until(lambda: working.states()[alarm] == "sent")
    assert working.states()[news] == "waiting"
    working.way.let_go.set()
    await working.until(lambda: working.states()[news] == "sent")
    assert working.way.seqs() == [news, alarm]


async def test_critical_goes_out_beside_critical_and_nothing_else_does(working: Working) -> None:
    working.way.slow = 2
    first, second, third, news = 1, 2, 3, 4
    for seq in (first, second, third):
        assert working.readings.notify("critical", f"alarm {seq}") == seq
        assert await working.until(partial(working.tried, seq)) < SOON_S
    working.readings.notify("warning", "news")
    await working.until(lambda: working.states().get(news) == "waiting")
    await asyncio.sleep(7.0)  # each would be tried again by now, had nobody known that it is away
    assert working.way.seqs() == [first, second, third]
    working.way.let_go.set()
    await working.until(lambda: set(working.states().values()) == {"sent"})
    assert working.way.seqs() == [first, second, third, news]


async def test_critical_goes_out_beside_however_many_sends_that_hang(tmp_path: Path) -> None:
    """Each for itself: not even the ninth waits for one of those before it."""
    async with at_work(tmp_path, joins=False) as working:
        working.way.slow = 8
        for seq in range(1, 10):
            working.readings.notify("critical", f"alarm {seq}")
            assert await working.until(partial(working.tried, seq)) < SOON_S
        await working.until(lambda: working.states()[9] == "sent")
        assert [working.states()[seq] for seq in range(1, 9)] == ["waiting"] * 8
        working.way.let_go.set()
        await working.until(lambda: set(working.states().values()) == {"sent"})
        assert working.way.seqs() == list(range(1, 10))


def test_a_rate_holds_a_chat_up_before_the_bound_does_and_the_bound_leaves_threads() -> None:
    """In 90 s, for which a send is waited for, at most two minutes' messages begin."""
    clock = Hands()
    under_way = UnderWay(clock)
    with ExitStack() as sends:
        for number in range(MOST):
            assert under_way.is_slow("telegram") == (number > 0)
            sends.enter_context(under_way.sending("telegram", [number]))
            clock.sleep(PATIENCE_S)
        assert not under_way.is_slow("telegram")
        assert not under_way.is_slow("webhook")
    assert math.ceil(SEND_S / 60) * CHAT_RATE.minute <= MOST < THREADS


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what apprise imports
async def test_a_channel_that_hangs_holds_back_neither_its_own_critical_nor_another_s(
    tmp_path: Path,
) -> None:
    """Six servers' answers never come; the next message is taken all the same, and the other channel has each at once."""
    clock = Real()
    readings = WrittenReadings(clock)
    with (
        FakeTelegram() as phone,
        WebhookReceiver() as hook,
        OutboxStore(tmp_path) as store,
    ):
        phone.then("ok", *["hang"] * 6)
        chat = {"chat_id": str(USER), "api": phone.url}
        ways: list[Outway] = [
            Service(ChannelSettings("telegram", chat, TOKEN)),
            Webhook(ChannelSettings("webhook", {"url": hook.target}, SECRET)),
        ]
        for way in ways:
            store.resettle(way.name, "settings")
        wishes = Wishes(("telegram", "webhook"))
        alerter = Alerter(readings, store, ways, wishes, jitter=lambda: 0.0, clock=clock)
        task = asyncio.create_task(alerter.run())
        try:
            readings.notify("critical", "the first of all, which imports apprise")
            await soon(lambda: len(phone.texts()) + len(hook.taken) == 2, 20)
            for seq in range(2, 8):
                readings.notify("critical", f"alarm {seq}")
                await soon(lambda seq=seq: len(phone.asked) == seq)  # type: ignore[misc]
                await soon(lambda seq=seq: len(hook.taken) == seq)  # type: ignore[misc]
            readings.notify("critical", "alarm 8")
            await soon(lambda: any("alarm 8" in text for text in phone.texts()))
            await soon(lambda: len(hook.taken) == 8)
        finally:
            alerter.stop()
            await task
        assert len(phone.texts()) == 2


async def soon(what: Callable[[], object], within: float = SOON_S) -> None:
    """Wait until something is so, which has to be soon."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < within
        await asyncio.sleep(0.02)


async def test_from_memory_too_and_not_once_more_when_there_is_a_file_again(
    working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise JournalError("the disk is full")

    working.way.slow = 2
    news = working.readings.notify("warning", "news")
    await working.until(lambda: working.tried(news))
    with monkeypatch.context() as patch:
        patch.setattr(working.store, "decide", full)
        alarm = working.readings.notify("critical", "alarm")
        assert await working.until(lambda: working.tried(alarm)) < SOON_S
    await working.until(lambda: working.states().get(alarm) == "waiting")
    await asyncio.sleep(3.0)
    assert working.tried(alarm) == 1
    working.way.let_go.set()
    await working.until(lambda: set(working.states().values()) == {"sent"})
    assert working.way.seqs() == [news, alarm]


@pytest.mark.parametrize("fate", ["429", "broken"])
async def test_what_one_send_has_learned_stands_when_a_slow_one_before_it_is_taken(
    working: Working, fate: str
) -> None:
    """The server's wish to wait is kept, and a channel that is stopped stays one that the others are told of."""
    working.way.slow = 1
    working.way.fates.extend(["ok", fate])
    first = working.readings.notify("critical", "alarm")
    await working.until(lambda: working.tried(first))
    second = working.readings.notify("critical", "alarm 2")
    await working.until(lambda: working.store.channels()[0].failures)
    working.way.let_go.set()
    await working.until(lambda: working.states()[first] == "sent")
    (row,), past = working.store.channels(), working.store.past("telegram", working.way.clock.now)
    if fate == "broken":
        assert row.stopped
        assert row.error
        assert row.failing_since is not None
    else:
        assert past.not_before > working.way.clock.now + 3_000
    await asyncio.sleep(1.5)
    assert working.tried(second) == 1


async def test_what_waits_in_a_file_that_fails_goes_out_beside_a_slow_send(
    working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise JournalError("the disk is full")

    working.way.slow = 1
    news = working.readings.notify("warning", "news")
    await working.until(lambda: working.tried(news))
    alarm = working.readings.notify("critical", "alarm")
    await working.until(lambda: working.states().get(alarm) == "waiting")
    assert not working.tried(alarm)
    with monkeypatch.context() as patch:
        patch.setattr(working.store, "ready", full)
        patch.setattr(working.store, "note_try", full)
        assert await working.until(lambda: working.tried(alarm)) < SOON_S
    working.way.let_go.set()
    await working.until(lambda: set(working.states().values()) == {"sent"})
    assert working.way.seqs() == [news, alarm]


@pytest.mark.parametrize("held", ["ok", "broken"])
async def test_a_new_secret_is_used_beside_a_slow_send_and_the_old_one_s_answer_stops_nothing(
    tmp_path: Path, held: str
) -> None:
    def anew(name: str) -> ScriptedWay:
        fresh.append(ScriptedWay(name, Real(), CHAT_RATE))
        return fresh[-1]

    fresh: list[ScriptedWay] = []
    async with at_work(tmp_path, joins=True, anew=anew) as working:
        working.way.slow, working.way.always = 1, "broken"
        working.way.fates.append(held)
        news = working.readings.notify("warning", "news")
        await working.until(lambda: working.tried(news))
        working.store.retry(working.way.clock.now)  # as `alerts set` does with a new secret
        alarm = working.readings.notify("critical", "alarm")
        await working.until(lambda: working.states().get(alarm) == "sent", within=SOON_S)
        assert [way.seqs() for way in fresh] == [[alarm]]
        working.way.let_go.set()
        await working.until(lambda: not working.alerter._delivery.under_way.ids("telegram"))
        assert not working.store.channels()[0].stopped


async def test_what_was_taken_from_memory_is_known_when_the_file_fails_once_more(
    working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise JournalError("the disk is full")

    working.way.slow = 1
    with monkeypatch.context() as patch:
        patch.setattr(working.store, "decide", full)
        alarm = working.readings.notify("critical", "alarm")
        await working.until(lambda: working.tried(alarm))
    await working.until(lambda: working.states().get(alarm) == "waiting")
    with monkeypatch.context() as patch:
        for name in ("ready", "decide", "note_try"):
            patch.setattr(working.store, name, full)
        await working.until(lambda: working.alerter._loose is not None)
        working.way.let_go.set()
        await asyncio.sleep(2.5)
    await working.until(lambda: set(working.states().values()) == {"sent"})
    assert working.way.seqs() == [alarm]


async def test_servers_that_hang_hold_up_no_other_thread() -> None:
    """A halt from the phone is done in a thread: it finds one, however many sends hang."""
    with FakeTelegram() as phone:
        phone.always = "hang"
        settings = {"chat_id": str(USER), "api": phone.url}
        service = Service(ChannelSettings("telegram", settings, TOKEN))
        alert = Outgoing(1, "17", 17, "halt", "critical", "text", 0, {}, "r", "live", "m", "")
        sends = [asyncio.create_task(service.send(Message("text", [alert]))) for _ in range(40)]
        await asyncio.sleep(0.5)
        begun = time.monotonic()
        await asyncio.to_thread(lambda: None)
        assert time.monotonic() - begun < 1.0
        for one in sends:
            one.cancel()
        await asyncio.gather(*sends, return_exceptions=True)


async def test_a_server_that_lets_go_of_nothing_is_not_given_threads_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_go = threading.Event()

    def held(*_: object) -> Answered:
        let_go.wait(30)
        return Delivered()

    monkeypatch.setattr(Service, "_send", held)
    service = Service(ChannelSettings("telegram", {"chat_id": "1"}, TOKEN))
    before = threading.active_count()
    sends = [asyncio.create_task(service.send(Message("text", []))) for _ in range(THREADS)]
    await asyncio.sleep(0.2)
    for one in sends:  # nobody waits for them any more
        one.cancel()
    assert isinstance(await service.send(Message("text", [])), NotDelivered)
    assert threading.active_count() - before == THREADS
    let_go.set()
    while threading.active_count() > before:
        await asyncio.sleep(0.02)
    assert isinstance(await service.send(Message("text", [])), Delivered)
