"""Questions whose answers do not come: what a phone asks to be done is done all the same, at once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from kits.phone_kit import TOKEN, USER, FakeTelegram

from tradebot.alerts import telegram
from tradebot.alerts.bot_api import BotApi
from tradebot.alerts.telegram import ANSWERS, Phone
from tradebot.alerts.updates import AllowedUser
from tradebot.core.model.errors import JournalError

SOON_S = 5.0


class Forgetful:
    """Keeps nothing."""

    def get(self, key: str, default: object = None) -> object:
        return default

    def put(self, key: str, value: object) -> None:
        raise JournalError("the disk hangs")


@dataclass
class HeldUp:
    """Reads that come to no end, and acts that are done; ``asked`` counts the former."""

    let_go: threading.Event = field(default_factory=threading.Event)
    asked: int = 0
    done: list[str] = field(default_factory=list)

    def answer(self, name: str) -> str:
        self.asked += 1
        self.let_go.wait(60)
        return f"this is the {name}"

    def would_close(self) -> str:
        return self.answer("list")

    def halt(self, reason: str, who: str) -> str:
        self.done.append(f"halt {who}")
        return "halted"

    def close_all(self, who: str) -> tuple[str, ...]:
        self.done.append(f"close-all {who}")
        return ("false",)


@asynccontextmanager
async def listening(phone: FakeTelegram, held: HeldUp) -> AsyncIterator[None]:
    listener = Phone(
        *(BotApi(TOKEN, phone.url), AllowedUser(USER, USER), Forgetful(), held, held),
        *(lambda _: None,),
        draw=lambda: "123456",
    )
    task = asyncio.create_task(listener.run())
    try:
        yield
    finally:
        held.let_go.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_halt_waits_for_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telegram, "ANSWER_S", 1.0)
    held = HeldUp()
    before = threading.active_count()
    with FakeTelegram() as phone:
        async with listening(phone, held):
            for _ in range(10):
                phone.say("/report")
            said = "cannot be looked up now"
            await asyncio.to_thread(
                lambda: phone.until(lambda: sum(said in text for text in phone.texts()) == 10)
            )
            assert held.asked == ANSWERS
            assert threading.active_count() - before < ANSWERS + 10
            begun = time.monotonic()
            phone.say("/halt")
            await asyncio.to_thread(lambda: phone.hears("halted"))
            assert time.monotonic() - begun < SOON_S
    assert held.done == [f"halt telegram:{USER}"]


async def test_a_code_comes_though_nobody_knows_what_would_be_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(telegram, "ANSWER_S", 1.0)
    held = HeldUp()
    with FakeTelegram() as phone:
        async with listening(phone, held):
            phone.say("/closeall")
            asked = await asyncio.to_thread(lambda: phone.hears("send 123456"))
            assert "cannot be looked up now" in asked
            phone.say("123456")
            await asyncio.to_thread(lambda: phone.hears("closing everything"))
            await asyncio.to_thread(lambda: phone.hears("run it again"))
    assert held.done == [f"close-all telegram:{USER}"]


async def test_where_no_thread_can_be_started_an_act_is_done_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        if thread.name == "alerts-work":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    held = HeldUp()
    with FakeTelegram() as phone:
        async with listening(phone, held):
            phone.say("/report")
            await asyncio.to_thread(lambda: phone.hears("cannot be looked up now"))
            phone.say("/halt")
            await asyncio.to_thread(lambda: phone.hears("halted"))
    with FakeTelegram() as phone:
        async with listening(phone, held):
            phone.say("/closeall")
            await asyncio.to_thread(lambda: phone.hears("send 123456"))
            phone.say("123456")
            await asyncio.to_thread(lambda: phone.hears("run it again"))
    assert held.done == [f"halt telegram:{USER}", f"close-all telegram:{USER}"]
